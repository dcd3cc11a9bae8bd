"""Maps with named fields: how a model is made of an M, and an M of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from typing_extensions import override

from streamfn._conversion.containers import entries
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.models import ModelField
from streamfn._conversion.problems import Composite, Part, Place, Unfit, unknown_attributes
from streamfn._conversion.types import Hint, is_model
from streamfn._failures import Problem
from streamfn._misuse import Misuse

_ABSENT = object()


class Unstorable(ValueError):
    """A value that DynamoDB does not store, with the field that holds it; the message says why."""


class ReadField(NamedTuple):
    """A field, what structures it, and whether it is None where its attribute is absent."""

    field: ModelField
    hook: StructureHook
    optional: bool


class ReadModel(Composite):
    """Structures an M into a model. Attributes that the model does not have are ignored, unless it `forbids` them."""

    __slots__ = ("attributes", "cls", "fields", "forbids")

    def __init__(self, cls: type, *, forbids: bool) -> None:
        self.cls = cls
        self.forbids = forbids
        self.fields: tuple[ReadField, ...] = ()
        self.attributes: frozenset[str] = frozenset()

    def resolve(self, fields: Sequence[ReadField]) -> None:
        """Take the fields, whose hooks may lead back here where a model refers to itself."""
        self.fields = tuple(fields)
        self.attributes = frozenset(each.field.attribute for each in fields)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        image = entries(value)
        if self.forbids and not self.attributes.issuperset(image):
            raise Unfit("the model does not have all of these attributes")
        values: dict[str, object] = {}
        for field, hook, optional in self.fields:
            found = image.get(field.attribute, _ABSENT)
            if found is not _ABSENT:
                values[field.parameter] = hook(found, field.hint)
            elif field.required:
                values[field.parameter] = None if optional else _missing(found)
        make: Callable[..., object] = self.cls
        return make(**values)

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part | Problem]:
        image = entries(value)
        for field, hook, optional in self.fields:
            found = image.get(field.attribute, _ABSENT)
            if found is not _ABSENT:
                yield Part(hook, field.hint, found, place.attribute(field.attribute))
            elif field.required and not optional:
                yield Part(_missing, field.hint, None, place.attribute(field.attribute))
        if self.forbids:
            unknown = {name: each for name, each in image.items() if name not in self.attributes}
            yield from unknown_attributes(unknown, place)


class ReadByCattrs:
    """Structures an M by a function that cattrs makes for a model, which takes its attributes.

    `overrides`: what that function was told of the model's fields.
    """

    __slots__ = ("_hook", "overrides")

    def __init__(self, hook: StructureHook, overrides: Mapping[str, object]) -> None:
        self._hook, self.overrides = hook, overrides

    def __call__(self, value: object, hint: object = None, /) -> object:
        """Structure the entries of an M."""
        return self._hook(entries(value), hint)


def read_by_cattrs(hint: Hint, hook: StructureHook) -> StructureHook:
    """Have a hook take an M if it is a function that cattrs has made for a model; any other stays as it is."""
    if isinstance(hook, ReadByCattrs) or not is_model(hint):
        return hook
    overrides: Mapping[str, object] | None = getattr(hook, "overrides", None)
    return hook if overrides is None else ReadByCattrs(hook, overrides)


def write_by_cattrs(hint: Hint, hook: UnstructureHook) -> UnstructureHook:
    """Have a hook give an M if it is a function that cattrs has made for a model; any other stays as it is."""
    if is_model(hint) and hasattr(hook, "overrides"):
        return lambda value: {"M": hook(value)}
    return hook


class WriteModel:
    """Unstructures an instance of a model, or a TypedDict, into an M.

    It fails with `Unstorable`, which names the field, for a value that DynamoDB does not store.
    """

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._fields: tuple[tuple[ModelField, UnstructureHook], ...] = ()

    def resolve(self, fields: Sequence[tuple[ModelField, UnstructureHook]]) -> None:
        """Take the fields, whose hooks may lead back here where a model refers to itself."""
        self._fields = tuple(fields)

    def __call__(self, value: object) -> object:
        """Give the attribute value of an instance."""
        return {"M": dict(self._attributes(value))}

    def _attributes(self, value: object) -> Iterator[tuple[str, object]]:
        for field, hook in self._fields:
            held = _get(value, field.name)
            if held is not _ABSENT and held not in field.omitted:
                try:
                    yield field.attribute, hook(held)
                except ValueError as error:
                    raise Unstorable(f"{self._name}.{field.name}: {error}") from None
                except Misuse as misuse:
                    raise Misuse(f"{self._name}.{field.name}: {misuse}") from None


def _get(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(name, _ABSENT)  # a TypedDict's keys are text
    return getattr(value, name)


def _missing(_value: object, _hint: object = None) -> object:
    raise Unfit("missing")
