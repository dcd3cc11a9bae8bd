"""Types with a fixed choice of values: Enum and Literal, told apart by type tag and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import cast, get_args

from streamfn._conversion.plain import read_plain, write_plain
from streamfn._conversion.problems import Unfit
from streamfn._conversion.tags import SCALAR_TAGS, tagged
from streamfn._conversion.types import Hint, is_enum
from streamfn._misuse import Misuse


class ReadChoice:
    """Structures one of a few values; ``1``, ``True`` and ``"1"`` are three of them."""

    __slots__ = ("_tags", "choices")

    def __init__(self, hint: Hint) -> None:
        """Make the table of the values of an Enum or a Literal.

        Fails with `Misuse` for a value that no attribute value of one thing can hold.
        """
        self.choices: Mapping[tuple[str, object], object] = {choice_key(each): each for each in _values(hint)}
        self._tags = frozenset(tag for tag, _ in self.choices)

    def __call__(self, value: object, _: object = None) -> object:
        """Give the value that an attribute value stands for."""
        tag, _held = tagged(value)
        if tag not in self._tags:
            raise Unfit(f"expected {' or '.join(sorted(self._tags))}, got {tag}")
        if (key := (tag, read_plain(value))) not in self.choices:
            raise Unfit(f"expected one of {len(self.choices)} values in {tag}, got another")
        return self.choices[key]

    def has(self, value: object) -> bool:
        """Whether an attribute value stands for one of the values."""
        tag, _held = tagged(value)
        return tag in self._tags and (tag, read_plain(value)) in self.choices


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
