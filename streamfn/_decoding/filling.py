"""Filling: making an instance of a dataclass without calling it, which for a frozen one takes a third of all time.

A frozen class is thawed for that: a subclass, which differs only in that its fields can be set, makes an
instance, and once that is full it becomes one of the class itself. Nothing tells it from any other then.
"""

from __future__ import annotations

import dataclasses
from types import FunctionType, MemberDescriptorType
from typing import Generic

from streamfn._conversion.types import is_dataclass


def fillable(cls: type) -> type | None:
    """Give the class to make instances of, to be filled and then turned into those of `cls`, if they need turning.

    None if something besides the setting of its fields may happen when the class is called: it has a method
    of its own that takes part in that, a metaclass, or fields that it computes.
    """
    if not is_dataclass(cls) or "__dataclass_params__" not in vars(cls) or not _is_plain(cls):
        return None
    if _method(cls, "__setattr__") is object.__setattr__:
        return cls
    if not _is_generated(cls, "__setattr__"):
        return None
    writable: dict[str, object] = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(cls.__name__, (cls,), {"__slots__": (), "__module__": cls.__module__, **writable})


def default_of(cls: type, name: str) -> tuple[object, bool]:
    """Find the default of a dataclass's field, and whether it is to be called to give one."""
    (field,) = (each for each in dataclasses.fields(cls) if each.name == name)
    if field.default_factory is dataclasses.MISSING:
        return field.default, False
    return field.default_factory, True


def _is_plain(cls: type) -> bool:
    """Whether calling a dataclass does no more than to set its fields."""
    return (
        type(cls) is type
        and _method(cls, "__new__") is object.__new__
        and _is_generated(cls, "__init__")
        and not any(hasattr(cls, name) for name in ("__post_init__", "__del__"))
        and not any(
            "__init_subclass__" in vars(each) for each in cls.__mro__ if each not in {Generic, object}
        )
        and all(field.init and not _computes(cls, field.name) for field in dataclasses.fields(cls))
    )


def _method(cls: type, name: str) -> object:
    """A method of a class, which the checkers take for one that differs from object's."""
    return getattr(cls, name)


def _is_generated(cls: type, name: str) -> bool:
    """Whether `dataclass` has made a method of a class; it has no file."""
    method = _method(cls, name)
    return isinstance(method, FunctionType) and method.__code__.co_filename == "<string>"


def _computes(cls: type, field: str) -> bool:
    """Whether setting a field calls a descriptor of the class's own."""
    found: object = next((vars(each)[field] for each in cls.__mro__ if field in vars(each)), None)
    return hasattr(type(found), "__set__") and not isinstance(found, MemberDescriptorType)
