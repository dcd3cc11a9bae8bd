"""Records that are a little, or much, other than AWS would send them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Final, TypeAlias, cast

from tests.fuzz.models import sound_records

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | bytes | datetime | None"
"""JSON, and what boto3 makes of it."""

BATCH: Final = 50


def batches(records: int, seed: int) -> Iterator[list[Json]]:
    """Make this many mutated records, a batch at a time; of the same seed, the same."""
    mutator = Mutator(seed)
    while records > 0:
        yield [mutator.record() for _ in range(min(BATCH, records))]
        records -= BATCH


class Mutator:
    """Changes sound records at random."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 (no secret)
        self._sound = sound_records()

    def record(self) -> Json:
        """Mutate a sound record in up to four places."""
        record = self._another()
        for _ in range(self._random.randint(1, 4)):
            record = self.mutate(record)
        return record

    def _another(self) -> Json:
        return cast("Json", json.loads(self._random.choice(self._sound)))

    def mutate(self, value: Json) -> Json:
        """Go down a random path and change what stands there."""
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            name = self._random.choice(list(value))
            match self._random.random():
                case chance if chance < 0.04:
                    del value[name]
                case chance if chance < 0.08:
                    value[self._text(name)] = value.pop(name)
                case _:
                    value[name] = self.mutate(value[name])
            return value
        if isinstance(value, list) and value and self._random.random() < 0.7:
            position = self._random.randrange(len(value))
            match self._random.random():
                case chance if chance < 0.1:
                    del value[position]
                case chance if chance < 0.2:
                    value.append(value[position])
                case _:
                    value[position] = self.mutate(value[position])
            return value
        return self._replaced(value)

    def _replaced(self, value: Json) -> Json:
        match self._random.randrange(6):
            case 0:
                return self._part_of(self._another())
            case 1:
                return [value]
            case 2:
                return {self._random.choice(_TAGS): value}
            case 3 if isinstance(value, str):
                return self._text(value)
            case 4:
                return self._nested(value, self._random.choice((3, 32, 33, 600)))
            case _:
                return self._random.choice(_JUNK)()

    def _part_of(self, value: Json) -> Json:
        while isinstance(value, dict | list) and value and self._random.random() < 0.8:
            value = self._random.choice(list(value.values()) if isinstance(value, dict) else value)
        return value

    def _text(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        return text[:at] + self._random.choice(_PIECES) + text[at + self._random.randrange(2) :]

    def _nested(self, value: Json, depth: int) -> Json:
        for _ in range(depth):
            value = {"L": [value]} if self._random.random() < 0.5 else {"M": {"branches": value}}
        return value


_TAGS: Final = ("S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL", "X", "")
_PIECES: Final = (
    "",
    "0",
    "9" * 400,
    "-",
    "+",
    ".",
    "e",
    "E9999999999",
    "=",
    " ",
    "\x00",
    "\ud800",
    "é",
    "٣",
    "∞",
)
_JUNK: Final[Sequence[Callable[[], Json]]] = (
    lambda: None,
    lambda: True,
    lambda: 0,
    lambda: -1,
    lambda: 1.5,
    lambda: 1e308,
    lambda: float("nan"),
    lambda: float("-inf"),
    lambda: 10**400,
    lambda: "",
    lambda: "NaN",
    lambda: "1E+999999999",
    lambda: "\ud800",
    lambda: b"\xff",
    lambda: datetime(1, 1, 1),  # noqa: DTZ001 (what is wrong with it is the point)
    list,
    dict,
    lambda: {"S": None},
    lambda: {"S": 1},
    lambda: {"N": "abc"},
    lambda: {"N": 1.5},
    lambda: {"N": "1", "S": "x"},
    lambda: {"X": "1"},
    lambda: {"B": "no base64!"},
    lambda: {"NULL": False},
    lambda: {"BOOL": "true"},
    lambda: {"SS": ["a", "a"]},
    lambda: {"NS": ["1", "1.0"]},
    lambda: {"BS": ["//8=", b"\xff"]},
    lambda: {"L": [{}]},
    lambda: {"M": {"": {"M": {}}}},
)
