"""Hooks of composite types: datetimes as numbers, Enums and Literals, lists, sets, maps, tuples, and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from enum import Enum, Flag
from types import NoneType
from typing import Final, NamedTuple, cast, get_args

from typing_extensions import override

from streamfn._conversion.attribute_values import (
    EPOCH_MILLISECONDS,
    EPOCH_SECONDS,
    SCALAR_TAGS,
    SET_TAGS,
    TIME_TO_LIVE,
    Scalar,
    expect_tag,
    set_value,
    split_tag,
    structure_plain,
    unstructure_plain,
)
from streamfn._conversion.hints import (
    EpochMilliseconds,
    EpochSeconds,
    Hint,
    TimeToLive,
    has_marker,
    is_enum,
    metadata_of,
    type_name,
    unwrap,
)
from streamfn._conversion.hooks import (
    Child,
    Composite,
    Path,
    StructureError,
    StructureHook,
    UnstructureHook,
    unknown_attributes,
)
from streamfn._conversion.models import ModelField, Override
from streamfn._errors import ConfigurationError
from streamfn._failures import Problem
from streamfn._records import is_map, json_type

# Datetimes that are stored as numbers.

_EPOCHS: Final = (
    (EpochMilliseconds, EPOCH_MILLISECONDS),
    (TimeToLive, TIME_TO_LIVE),  # before its base
    (EpochSeconds, EPOCH_SECONDS),
)


def epoch_scalar(hint: Hint) -> Scalar | None:
    """Return the row of a datetime that a marker stores as a number; None without a marker.

    Raises `ConfigurationError` for a marker on a type that cannot be stored so.
    """
    metadata = metadata_of(hint)
    row = next((each for each in _EPOCHS if has_marker(metadata, each[0])), None)
    if row is None:
        return None
    marker, scalar = row
    inner = unwrap(hint)
    if inner is datetime:
        return scalar
    if marker is TimeToLive or inner is NoneType:  # an int may be a time to live as it is
        return None
    raise ConfigurationError(f"{marker.__name__} is for a datetime, not for {type_name(inner)}")


# Enums and Literals, whose values differ by type tag and plain value.


class StructureChoice:
    """Structures an Enum or a Literal; ``1``, ``True`` and ``"1"`` are three values.

    `choices` holds the values by tag and plain value. An Enum is called with any other value, so that its
    ``_missing_`` decides, and a Flag combines its members.
    """

    __slots__ = ("_enum", "_flags", "_tags", "choices")

    def __init__(self, hint: Hint) -> None:
        """Raise `ConfigurationError` for a value that no scalar attribute value can hold."""
        self.choices: Mapping[tuple[str, object], object] = {choice_key(each): each for each in _values(hint)}
        self._tags = frozenset(tag for tag, _ in self.choices)
        self._enum: Callable[[object], object] | None = (
            hint if is_enum(hint) and isinstance(hint, type) else None
        )
        self._flags = _flags_of(hint)

    @property
    def is_open(self) -> bool:
        """Whether the Enum has a ``_missing_`` of its own, which may accept more values than `choices`."""
        return self._enum is not None and _missing_function(self._enum) is not _missing_function(Enum)

    def __call__(self, value: object, _: object = None) -> object:
        """Return the member, or the value of the Literal."""
        tag, _content = split_tag(value)
        if tag not in self._tags:
            raise StructureError(f"expected {' or '.join(sorted(self._tags))}, got {tag}")
        plain = structure_plain(value)
        if (key := (tag, plain)) in self.choices:
            return self.choices[key]
        if self._enum is not None:
            try:
                return self._enum(self._as_declared(tag, plain))
            except ValueError:  # which an Enum raises for a value that it has no member for
                pass
        raise StructureError(f"expected one of {len(self.choices)} values in {tag}, got another")

    def has(self, value: object) -> bool:
        """Whether an attribute value is that of a choice, or of several members of a Flag."""
        tag, _content = split_tag(value)
        if tag not in self._tags:
            return False
        if (tag, plain := structure_plain(value)) in self.choices:
            return True
        declared = self._as_declared(tag, plain)
        # An Enum may know a member by more than one value (Python 3.13).
        return declared in getattr(self._enum, "_value2member_map_", ()) or (
            self._flags is not None and isinstance(declared, int) and 0 <= declared == declared & self._flags
        )

    def may_have(self, tag: str) -> bool:
        """Whether the Enum may have a member for a value of this tag that is not in `choices`."""
        return self.is_open and tag in self._tags

    def _as_declared(self, tag: str, plain: object) -> object:
        """Return a plain number as an int or a float, where all values of the Enum are such."""
        kinds: set[type] = {
            type(cast("object", value.value))  # an Enum's value is of no type that is known
            for (each, _), value in self.choices.items()
            if each == tag and isinstance(value, Enum)
        }
        if not isinstance(plain, Decimal) or Decimal in kinds:
            return plain
        return int(plain) if plain == plain.to_integral_value() and kinds != {float} else float(plain)


def _flags_of(hint: Hint) -> int | None:
    """Return all bits that the members of a Flag have; None for any other type."""
    if not (isinstance(hint, type) and issubclass(hint, Flag)):
        return None
    bits = 0
    for member in hint.__members__.values():
        bits |= int(member.value)
    return bits


def _missing_function(enum: object) -> object:
    """Return the function behind an Enum's ``_missing_``; that of a Flag combines members."""
    return getattr(getattr(enum, "_missing_", None), "__func__", None)


def choice_key(choice: object) -> tuple[str, object]:
    """Return the type tag and the plain value of a choice. Raises `ConfigurationError` if it is stored as no scalar."""
    value: object = choice.value if isinstance(choice, Enum) else choice
    try:
        stored = unstructure_plain(value)
        tag, _ = split_tag(stored)
        if tag in SCALAR_TAGS:
            return tag, structure_plain(stored)
    except ValueError:
        pass
    raise ConfigurationError(f"{type(value).__name__} is not supported as a value of an Enum or a Literal")


def unstructure_choice(value: object) -> object:
    """Unstructure a member of an Enum, or a value of a Literal."""
    return unstructure_plain(value.value if isinstance(value, Enum) else value)


def _values(hint: Hint) -> Iterator[object]:
    if is_enum(hint) and isinstance(hint, type):
        yield from cast("type[Enum]", hint)
    else:
        yield from get_args(hint)


# Lists, sets and maps.

MAX_LEVELS: Final = 32
"""The most levels that DynamoDB stores ("Supported data types and naming rules", DynamoDB Developer Guide)."""


def levels_over(*hooks: StructureHook) -> int:
    """Return the levels of a list or map of such types.

    Raises `ConfigurationError` for more levels than DynamoDB stores.
    """
    levels = 1 + max((levels_of(hook) for hook in hooks), default=0)
    if levels > MAX_LEVELS:
        raise ConfigurationError(
            f"a type nests lists or maps in more than {MAX_LEVELS} levels, and DynamoDB stores no more: "
            "declare what lies deeper as object, or store it as text"
        )
    return levels


def levels_of(hook: StructureHook) -> int:
    """Return the levels of lists and maps that a type is known to nest; a model counts from zero."""
    return hook.levels if isinstance(hook, Composite) else 0


class StructureList(Composite):
    """Structures an L of elements of one type; `make` makes the list or tuple."""

    __slots__ = ("element", "hook", "levels", "make")

    def __init__(
        self, element: Hint, hook: StructureHook, make: Callable[[Iterable[object]], object]
    ) -> None:
        self.element, self.hook, self.make = element, hook, make
        self.levels = levels_over(hook)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.make(self.hook(each, self.element) for each in elements(value, "L"))

    @override
    def children(self, value: object, path: Path) -> Iterator[Child]:
        for index, each in enumerate(elements(value, "L")):
            yield Child(self.hook, self.element, each, path.element(index))


class StructureTuple(Composite):
    """Structures an L with a type for each element."""

    __slots__ = ("hooks", "levels")

    def __init__(self, hooks: Sequence[tuple[Hint, StructureHook]]) -> None:
        self.hooks = tuple(hooks)
        self.levels = levels_over(*(hook for _, hook in self.hooks))

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        content = self._checked(value)
        return tuple(hook(each, element) for (element, hook), each in zip(self.hooks, content, strict=True))

    @override
    def children(self, value: object, path: Path) -> Iterator[Child]:
        for index, ((element, hook), each) in enumerate(zip(self.hooks, self._checked(value), strict=True)):
            yield Child(hook, element, each, path.element(index))

    def _checked(self, value: object) -> Sequence[object]:
        content = elements(value, "L")
        if len(content) != len(self.hooks):
            raise StructureError(f"expected {len(self.hooks)} elements in L, got {len(content)}")
        return content


class StructureSet(Composite):
    """Structures an SS, NS or BS; duplicates are dropped, as a set does."""

    __slots__ = ("element", "hook", "make")

    def __init__(
        self, element: Hint, hook: StructureHook, make: Callable[[Iterable[object]], object]
    ) -> None:
        self.element, self.hook, self.make = element, hook, make

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        return self.make(self.hook(each, self.element) for each in self._elements(value))

    @override
    def children(self, value: object, path: Path) -> Iterator[Child]:
        for index, each in enumerate(self._elements(value)):
            yield Child(self.hook, self.element, each, path.element(index))

    @staticmethod
    def _elements(value: object) -> list[object]:
        """Return the attribute values of a set's elements. An empty set is stored as NULL or as an empty L."""
        tag, content = split_tag(value)
        if tag == "NULL" or (tag == "L" and content == []):
            return []
        if tag not in SET_TAGS:
            raise StructureError(f"expected SS, NS or BS, got {tag}")
        return [{SET_TAGS[tag]: each} for each in elements(value, tag)]


class StructureMap(Composite):
    """Structures an M of entries of one type; the keys are data."""

    __slots__ = ("entry", "hook", "key", "key_hook", "levels")

    def __init__(self, key: Hint, key_hook: StructureHook, entry: Hint, hook: StructureHook) -> None:
        self.key, self.key_hook, self.entry, self.hook = key, key_hook, entry, hook
        self.levels = levels_over(hook)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        content = entries(value)
        made = {
            self.key_hook({"S": key}, self.key): self.hook(each, self.entry) for key, each in content.items()
        }
        if len(made) != len(
            content
        ):  # two spellings of one UUID, say, or two texts that an Enum does not know
            raise StructureError("expected keys that differ, got several that mean the same")
        return made

    @override
    def children(self, value: object, path: Path) -> Iterator[Child]:
        for key, each in entries(value).items():
            yield Child(self.key_hook, self.key, {"S": key}, path.entry(key))
            yield Child(self.hook, self.entry, each, path.entry(key))


def elements(value: object, tag: str) -> list[object]:
    """Return the elements of an attribute value that holds a list under this tag."""
    content = expect_tag(value, tag)
    if isinstance(content, list):
        return cast("list[object]", content)  # isinstance knows the list, not its elements
    raise StructureError(f"expected a list in {tag}, got {json_type(content)}")


def entries(value: object) -> Mapping[str, object]:
    """Return the entries of an M."""
    content = expect_tag(value, "M")
    if is_map(content):
        return content
    raise StructureError(f"expected an object in M, got {json_type(content)}")


def unstructure_list(hook: UnstructureHook) -> UnstructureHook:
    """Return the hook that unstructures a list of elements of one type."""
    # The value is of its annotated type.
    return lambda value: {"L": [hook(each) for each in cast("Sequence[object]", value)]}


def unstructure_tuple(hooks: Sequence[UnstructureHook]) -> UnstructureHook:
    """Return the hook that unstructures a tuple with a type for each element."""

    def unstructure(value: object) -> object:
        parts = cast("Sequence[object]", value)  # as its annotation says
        if len(parts) != len(hooks):
            raise ValueError(f"expected {len(hooks)} elements, got {len(parts)}")
        return {"L": [hook(each) for hook, each in zip(hooks, parts, strict=True)]}

    return unstructure


def unstructure_set(hook: UnstructureHook) -> UnstructureHook:
    """Return the hook that unstructures a set; see `set_value`."""
    # The value is of its annotated type.
    return lambda value: set_value([hook(each) for each in cast("AbstractSet[object]", value)])


def unstructure_map(key_hook: UnstructureHook, hook: UnstructureHook) -> UnstructureHook:
    """Return the hook that unstructures a dict; a key is the text of its own type's S."""

    def unstructure(value: object) -> object:
        content = cast("Mapping[object, object]", value)  # as its annotation says
        return {"M": {expect_tag(key_hook(key), "S"): hook(each) for key, each in content.items()}}

    return unstructure


# Models: an M with named fields.

_ABSENT = object()


class UnstructureError(ValueError):
    """DynamoDB does not store a value. The message names the field and the reason."""


class FieldHook(NamedTuple):
    """A field and its hook; an `optional` field is None where its attribute is absent."""

    field: ModelField
    hook: StructureHook
    optional: bool


class StructureModel(Composite):
    """Structures an M into a model; `forbid_extra_keys` refuses attributes that the model does not have."""

    __slots__ = ("attributes", "cls", "fields", "forbid_extra_keys")

    def __init__(self, cls: type, *, forbid_extra_keys: bool) -> None:
        self.cls = cls
        self.forbid_extra_keys = forbid_extra_keys
        self.fields: tuple[FieldHook, ...] = ()
        self.attributes: frozenset[str] = frozenset()

    def resolve(self, fields: Sequence[FieldHook]) -> None:
        """Set the fields. Their hooks may refer to this one, where a model refers to itself."""
        self.fields = tuple(fields)
        self.attributes = frozenset(each.field.attribute for each in fields)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        image = entries(value)
        if self.forbid_extra_keys and not self.attributes.issuperset(image):
            raise StructureError("the model does not have all of these attributes")
        arguments: dict[str, object] = {}
        for field, hook, optional in self.fields:
            content = image.get(field.attribute, _ABSENT)
            if content is not _ABSENT:
                arguments[field.parameter] = hook(content, field.hint)
            elif field.required:
                arguments[field.parameter] = None if optional else _refuse_missing(content)
        make: Callable[..., object] = self.cls
        return make(**arguments)

    @override
    def children(self, value: object, path: Path) -> Iterator[Child | Problem]:
        image = entries(value)
        for field, hook, optional in self.fields:
            content = image.get(field.attribute, _ABSENT)
            if content is not _ABSENT:
                yield Child(hook, field.hint, content, path.attribute(field.attribute))
            elif field.required and not optional:
                yield Child(_refuse_missing, field.hint, None, path.attribute(field.attribute))
        if self.forbid_extra_keys:
            unknown = {name: each for name, each in image.items() if name not in self.attributes}
            yield from unknown_attributes(unknown, path)


class StructureByCattrs:
    """Structures an M by a function that cattrs generated for a model, which takes the attributes of the M.

    `overrides` are those that the function was generated with, by field.
    """

    __slots__ = ("_hook", "overrides")

    def __init__(self, hook: StructureHook, overrides: Mapping[str, Override]) -> None:
        self._hook, self.overrides = hook, overrides

    def __call__(self, value: object, hint: object = None, /) -> object:
        """Structure the entries of an M."""
        return self._hook(entries(value), hint)


class UnstructureModel:
    """Unstructures an instance of a model, or a TypedDict, into an M.

    Raises `UnstructureError`, which names the field, for a value that DynamoDB does not store.
    """

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._fields: tuple[tuple[ModelField, UnstructureHook], ...] = ()

    def resolve(self, fields: Sequence[tuple[ModelField, UnstructureHook]]) -> None:
        """Set the fields. Their hooks may refer to this one, where a model refers to itself."""
        self._fields = tuple(fields)

    def __call__(self, value: object) -> object:
        """Return the attribute value of an instance."""
        return {"M": dict(self._attributes(value))}

    def _attributes(self, value: object) -> Iterator[tuple[str, object]]:
        for field, hook in self._fields:
            content = _get(value, field.name)
            if content is not _ABSENT and content not in field.omitted:
                try:
                    yield field.attribute, hook(content)
                except ValueError as error:
                    raise UnstructureError(f"{self._name}.{field.name}: {error}") from None
                except ConfigurationError as error:
                    raise ConfigurationError(f"{self._name}.{field.name}: {error}") from None


def _get(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(name, _ABSENT)  # a TypedDict's keys are text
    return getattr(value, name)


def _refuse_missing(_value: object, _hint: object = None) -> object:
    raise StructureError("missing")
