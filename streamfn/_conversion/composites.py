"""Hooks for epochs, enums and Literals, lists, sets, maps, tuples, and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag
from types import NoneType
from typing import Final, NamedTuple, cast, get_args

from typing_extensions import override

from streamfn._conversion.attribute_values import (
    SCALAR_TAGS,
    SET_TAGS,
    Scalar,
    aware,
    content,
    divided,
    multiplied,
    read_decimal,
    read_plain,
    tagged,
    write_number,
    write_plain,
    write_set,
)
from streamfn._conversion.hints import (
    EpochMilliseconds,
    EpochSeconds,
    Hint,
    TimeToLive,
    annotations_in,
    bare,
    is_enum,
    is_model,
    name_of_type,
    says,
)
from streamfn._conversion.hooks import (
    Composite,
    Part,
    Place,
    StructureHook,
    Unfit,
    UnstructureHook,
    unknown_attributes,
)
from streamfn._conversion.models import ModelField
from streamfn._errors import Misuse
from streamfn._failures import Problem
from streamfn._records import is_map, json_type

# Times that are written as numbers: of the seconds, or milliseconds, since 1970.

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def epoch_of(hint: Hint) -> Scalar | None:
    """How a datetime is written that is marked to be a number. Fails with `Misuse` for what cannot be one."""
    marked = next((each for each in EPOCHS if says(annotations_in(hint), each[0])), None)
    if marked is None:
        return None
    marker, scalar = marked
    inner = bare(hint)
    if inner is datetime:
        return scalar
    if marker is TimeToLive or inner is NoneType:  # an int may be a time to live as it is
        return None
    raise Misuse(f"{marker.__name__} is for a datetime, not for {name_of_type(inner)}")


def _epoch(unit: timedelta, *, whole: bool = False) -> Scalar:
    """Make the reading and writing of a `datetime` as a number of units since 1970; `whole` drops fractions."""
    per_unit = Decimal(unit // _MICROSECOND)

    def read(value: object, _: object = None) -> datetime:
        try:
            return _EPOCH + int(multiplied(read_decimal(value), per_unit)) * _MICROSECOND
        except OverflowError:
            raise Unfit("expected a time between the years 1 and 9999 in N, got another") from None

    def write(value: object) -> dict[str, object]:
        passed = aware(value) - _EPOCH
        if whole:
            return write_number(passed // unit)
        return write_number(divided(Decimal(passed // _MICROSECOND), per_unit))

    return Scalar("N", read, write)


_SECOND: Final = timedelta(seconds=1)

EPOCHS: Final = (
    (EpochMilliseconds, _epoch(timedelta(milliseconds=1))),
    (TimeToLive, _epoch(_SECOND, whole=True)),
    (EpochSeconds, _epoch(_SECOND)),
)
"""Each marker, and how a datetime is read and written that bears it."""


# Types with a fixed choice of values: Enum and Literal, told apart by type tag and value.


class ReadChoice:
    """Structures one of a few values; ``1``, ``True`` and ``"1"`` are three of them.

    An Enum is called for a value of another member than those, so that its ``_missing_`` is asked, and a Flag
    combines its members.
    """

    __slots__ = ("_enum", "_flags", "_tags", "choices")

    def __init__(self, hint: Hint) -> None:
        """Make the table of the values of an Enum or a Literal.

        Fails with `Misuse` for a value that no attribute value of one thing can hold.
        """
        self.choices: Mapping[tuple[str, object], object] = {choice_key(each): each for each in _values(hint)}
        self._tags = frozenset(tag for tag, _ in self.choices)
        self._enum: Callable[[object], object] | None = (
            hint if is_enum(hint) and isinstance(hint, type) else None
        )
        self._flags = _flags_of(hint)

    @property
    def is_open(self) -> bool:
        """Whether there may be more values than those in the table, of which the Enum decides."""
        return self._enum is not None and _function(self._enum) is not _function(Enum)

    def __call__(self, value: object, _: object = None) -> object:
        """Give the value that an attribute value stands for."""
        tag, _held = tagged(value)
        if tag not in self._tags:
            raise Unfit(f"expected {' or '.join(sorted(self._tags))}, got {tag}")
        plain = read_plain(value)
        if (key := (tag, plain)) in self.choices:
            return self.choices[key]
        if self._enum is not None:
            try:
                return self._enum(self._as_declared(tag, plain))
            except ValueError:  # which an Enum raises for a value that it has no member for
                pass
        raise Unfit(f"expected one of {len(self.choices)} values in {tag}, got another")

    def has(self, value: object) -> bool:
        """Whether an attribute value stands for one of the values, or for several of a Flag."""
        tag, _held = tagged(value)
        if tag not in self._tags:
            return False
        if (tag, plain := read_plain(value)) in self.choices:
            return True
        declared = self._as_declared(tag, plain)
        # An Enum may know a member by more than one value (Python 3.13).
        return declared in getattr(self._enum, "_value2member_map_", ()) or (
            self._flags is not None and isinstance(declared, int) and 0 <= declared == declared & self._flags
        )

    def may_have(self, tag: str) -> bool:
        """Whether the Enum may have a member for a value of this tag that is not in the table."""
        return self.is_open and tag in self._tags

    def _as_declared(self, tag: str, plain: object) -> object:
        """Make of a plain number what the Enum's own are: an int or a float, where all of them are."""
        kinds: set[type] = {
            type(cast("object", value.value))  # an Enum's value is of no type that is known
            for (each, _), value in self.choices.items()
            if each == tag and isinstance(value, Enum)
        }
        if not isinstance(plain, Decimal) or Decimal in kinds:
            return plain
        return int(plain) if plain == plain.to_integral_value() and kinds != {float} else float(plain)


def _flags_of(hint: Hint) -> int | None:
    """All bits that the members of a Flag have; None for what is no Flag."""
    if not (isinstance(hint, type) and issubclass(hint, Flag)):
        return None
    bits = 0
    for member in hint.__members__.values():
        bits |= int(member.value)
    return bits


def _function(enum: object) -> object:
    """What an Enum calls for a value that it does not know; that of a Flag combines members."""
    return getattr(getattr(enum, "_missing_", None), "__func__", None)


def choice_key(choice: object) -> tuple[str, object]:
    """What tells a choice from others: its type tag, and the plain value that it is written as."""
    value: object = choice.value if isinstance(choice, Enum) else choice
    try:
        written = write_plain(value)
        tag, _ = tagged(written)
        if tag in SCALAR_TAGS:
            return tag, read_plain(written)
    except ValueError:
        pass
    raise Misuse(f"{type(value).__name__} is not supported as a value of an Enum or a Literal")


def write_choice(value: object) -> object:
    """Unstructure a member of an Enum, or a value of a Literal."""
    return write_plain(value.value if isinstance(value, Enum) else value)


def _values(hint: Hint) -> Iterator[object]:
    if is_enum(hint) and isinstance(hint, type):
        yield from cast("type[Enum]", hint)
    else:
        yield from get_args(hint)


# Lists, sets and maps: the attribute values that hold others.

MOST_LEVELS: Final = 32
"""How deep DynamoDB nests ("Supported data types and naming rules", Amazon DynamoDB Developer Guide)."""


def levels_over(*hooks: StructureHook) -> int:
    """Count the levels of a list or a map of what these hooks read. Fails with `Misuse` for more than DynamoDB has."""
    levels = 1 + max((levels_of(hook) for hook in hooks), default=0)
    if levels > MOST_LEVELS:
        raise Misuse(
            f"a type nests lists or maps in more than {MOST_LEVELS} levels, and DynamoDB stores no more: "
            "declare what lies deeper as object, or store it as text"
        )
    return levels


def levels_of(hook: StructureHook) -> int:
    """How many levels of lists and maps a hook is known to read; a model begins anew."""
    return hook.levels if isinstance(hook, Composite) else 0


class ReadList(Composite):
    """Structures an L of elements of one type."""

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
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for index, each in enumerate(elements(value, "L")):
            yield Part(self.hook, self.element, each, place.element(index))


class ReadTuple(Composite):
    """Structures an L with a type for each element."""

    __slots__ = ("hooks", "levels")

    def __init__(self, hooks: Sequence[tuple[Hint, StructureHook]]) -> None:
        self.hooks = tuple(hooks)
        self.levels = levels_over(*(hook for _, hook in self.hooks))

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        found = self._checked(value)
        return tuple(hook(each, element) for (element, hook), each in zip(self.hooks, found, strict=True))

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for index, ((element, hook), each) in enumerate(zip(self.hooks, self._checked(value), strict=True)):
            yield Part(hook, element, each, place.element(index))

    def _checked(self, value: object) -> Sequence[object]:
        found = elements(value, "L")
        if len(found) != len(self.hooks):
            raise Unfit(f"expected {len(self.hooks)} elements in L, got {len(found)}")
        return found


class ReadSet(Composite):
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
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for index, each in enumerate(self._elements(value)):
            yield Part(self.hook, self.element, each, place.element(index))

    @staticmethod
    def _elements(value: object) -> list[object]:
        """Make attribute values of a set's elements; an empty set is not stored as one, but as NULL or L."""
        tag, held = tagged(value)
        if tag == "NULL" or (tag == "L" and held == []):
            return []
        if tag not in SET_TAGS:
            raise Unfit(f"expected SS, NS or BS, got {tag}")
        return [{SET_TAGS[tag]: each} for each in elements(value, tag)]


class ReadMap(Composite):
    """Structures an M of entries of one type, under keys that are data."""

    __slots__ = ("entry", "hook", "key", "key_hook", "levels")

    def __init__(self, key: Hint, key_hook: StructureHook, entry: Hint, hook: StructureHook) -> None:
        self.key, self.key_hook, self.entry, self.hook = key, key_hook, entry, hook
        self.levels = levels_over(hook)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        found = entries(value)
        made = {
            self.key_hook({"S": key}, self.key): self.hook(each, self.entry) for key, each in found.items()
        }
        if len(made) != len(found):  # two spellings of one UUID, say, or two texts that an Enum does not know
            raise Unfit("expected keys that differ, got several that mean the same")
        return made

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        for key, each in entries(value).items():
            yield Part(self.key_hook, self.key, {"S": key}, place.entry(key))
            yield Part(self.hook, self.entry, each, place.entry(key))


def elements(value: object, tag: str) -> list[object]:
    """Take the elements out of an attribute value that holds a list."""
    held = content(value, tag)
    if isinstance(held, list):
        return cast("list[object]", held)  # isinstance knows the list, not what is in it
    raise Unfit(f"expected a list in {tag}, got {json_type(held)}")


def entries(value: object) -> Mapping[str, object]:
    """Take the entries out of an M."""
    held = content(value, "M")
    if is_map(held):
        return held
    raise Unfit(f"expected an object in M, got {json_type(held)}")


def write_list(hook: UnstructureHook) -> UnstructureHook:
    """Make the hook that unstructures a list of elements of one type."""
    # The value is what its annotation says.
    return lambda value: {"L": [hook(each) for each in cast("Sequence[object]", value)]}


def write_tuple(hooks: Sequence[UnstructureHook]) -> UnstructureHook:
    """Make the hook that unstructures a tuple with a type for each element."""

    def write(value: object) -> object:
        found = cast("Sequence[object]", value)  # as its annotation says
        if len(found) != len(hooks):
            raise ValueError(f"expected {len(hooks)} elements, got {len(found)}")
        return {"L": [hook(each) for hook, each in zip(hooks, found, strict=True)]}

    return write


def write_set_of(hook: UnstructureHook) -> UnstructureHook:
    """Make the hook that unstructures a set; see `write_set`."""
    # The value is what its annotation says.
    return lambda value: write_set([hook(each) for each in cast("AbstractSet[object]", value)])


def write_map(key_hook: UnstructureHook, hook: UnstructureHook) -> UnstructureHook:
    """Make the hook that unstructures a dict; a key is what its own type would write as an S."""

    def write(value: object) -> object:
        found = cast("Mapping[object, object]", value)  # as its annotation says
        return {"M": {content(key_hook(key), "S"): hook(each) for key, each in found.items()}}

    return write


# Maps with named fields: how a model is made of an M, and an M of a model.

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
