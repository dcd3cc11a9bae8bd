"""Filling: making an instance of a dataclass without calling it, which for a frozen one takes a third of all time.

What is filled is a `twin` of the class, which becomes an instance of the class itself once that is done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from types import FunctionType, MemberDescriptorType
from typing import Generic

from streamfn._conversion.types import is_dataclass


def is_fillable(cls: type) -> bool:
    """Whether calling a class does no more than to set the fields that it is given.

    That is so for a dataclass without a method of its own that takes part in it, a metaclass, or fields that it
    computes.
    """
    return (
        is_dataclass(cls)
        and {"__dataclass_params__", "__init__"} <= vars(cls).keys()
        and type(cls) is type
        and _method(cls, "__new__") is object.__new__
        and _is_generated(cls, "__init__")
        and (_method(cls, "__setattr__") is object.__setattr__ or _is_generated(cls, "__setattr__"))
        and not any(hasattr(cls, name) for name in ("__post_init__", "__del__"))
        and not any(
            "__init_subclass__" in vars(each) for each in cls.__mro__ if each not in {Generic, object}
        )
        and all(field.init and not _computes(cls, field.name) for field in dataclasses.fields(cls))
    )


def fills_all(cls: type, names: Iterable[str]) -> bool:
    """Whether these are all fields of a dataclass; one that a model leaves out gets its default by a call."""
    return {*names} >= {field.name for field in dataclasses.fields(cls)}


def default_of(cls: type, name: str) -> tuple[object, bool]:
    """Find the default of a dataclass's field, and whether it is to be called to give one."""
    (field,) = (each for each in dataclasses.fields(cls) if each.name == name)
    if field.default_factory is dataclasses.MISSING:
        return field.default, False
    return field.default_factory, True


def _method(cls: type, name: str) -> object:
    """A method of a class, which the checkers take for one that differs from object's."""
    return getattr(cls, name)


def _is_generated(cls: type, name: str) -> bool:
    """Whether `dataclass` has made a method of a class: it is compiled within a function of that purpose."""
    method = _method(cls, name)
    return (
        isinstance(method, FunctionType) and method.__code__.co_qualname == f"__create_fn__.<locals>.{name}"
    )


def _computes(cls: type, field: str) -> bool:
    """Whether setting a field calls a descriptor of the class's own."""
    found: object = next((vars(each)[field] for each in cls.__mro__ if field in vars(each)), None)
    return hasattr(type(found), "__set__") and not isinstance(found, MemberDescriptorType)
