"""Types with a fixed choice of values: Enum and Literal, told apart by type tag and value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum, Flag
from typing import cast, get_args

from streamfn._conversion.plain import read_plain, write_plain
from streamfn._conversion.problems import Unfit
from streamfn._conversion.tags import SCALAR_TAGS, tagged
from streamfn._conversion.types import Hint, is_enum
from streamfn._misuse import Misuse


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
