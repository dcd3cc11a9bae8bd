"""Generated patterns and records: of few names and few values, so that they have something to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.patterns.reference import Json

TEXTS: Final = ("", "a", "A", "ab", "aB", "ba", "ß", "ss", "\u212a", "k", '"', 'a"', '"a', "1", "null")
NUMBERS: Final = (0, 1, -1, 1.0, 1.5, 0.1, 2.0, 5_000_000_000)
BEYOND: Final = (5_000_000_001, 0.1234567, 1e300)
"""Numbers that numeric comparisons do not reach."""

RANGES: Final[Sequence[list[Json]]] = (
    ["=", 1], ["<", 1], ["<=", 1], [">", 1], [">=", 1.5],
    [">", 0, "<", 1], [">=", 0, "<", 1], [">", -1, "<=", 1], [">=", 0.1, "<=", 5e9],
)  # fmt: skip

NAMES: Final = ("a", "b", "c", "a.b", "\U0001f600", "\uffff")
"""Two of them Java sorts the other way round than Python."""

ATTRIBUTES: Final = ("k", "l", "k.M.l", "k.S")
TAGS: Final = ("S", "S", "S", "S", "N", "SS", "NULL", "BOOL", "B")

Below = Callable[[int], Json]
"""Makes what is so many levels above the end."""


class Generator:
    """Makes patterns and records by chance."""

    def __init__(self, seed: int) -> None:
        """Make the same for the same seed."""
        self.random = Random(seed)  # noqa: S311 (test data)

    def chance(self, share: float) -> bool:
        """Be lucky in a share of all cases."""
        return self.random.random() < share

    def one_of(self, choices: Sequence[Json]) -> Json:
        """Choose among things of several types."""
        return self.random.choice(choices)

    # Patterns

    def pattern(self) -> Json:
        """Make a pattern for documents."""
        return self.fields(NAMES, self.deep, 2)

    def deep(self, levels: int) -> Json:
        """Make what a pattern wants of a field of a document."""
        return self.fields(NAMES, self.deep, levels - 1) if levels and self.chance(0.5) else self.array()

    def record_pattern(self) -> Json:
        """Make a pattern for records of a stream."""
        pattern: dict[str, Json] = {"eventName": self.array()} if self.chance(0.2) else {}
        return {**pattern, "dynamodb": self.fields(("NewImage", "Keys"), self.attributes, 2)}

    def attributes(self, levels: int) -> Json:
        """Make what a pattern wants of an image or of a map."""
        return self.array() if self.chance(0.05) else self.fields(ATTRIBUTES, self.value, levels)

    def value(self, levels: int) -> Json:
        """Make what a pattern wants of an attribute value."""
        kind = self.random.randrange(5) if levels else 4
        if kind == 0:
            return {"M": self.attributes(levels - 1)}
        return (
            {"L": self.value(levels - 1)} if kind == 1 else self.fields(TAGS, lambda _: self.array(), levels)
        )

    def fields(self, names: Sequence[str], below: Below, levels: int) -> Json:
        """Make an object of fields, and of alternatives that are about other fields."""
        of_fields = self.random.sample(names, min(len(names), self.random.choice((1, 1, 1, 2))))
        others = [name for name in names if name not in of_fields] or ["other"]
        fields: dict[str, Json] = {name: below(levels) for name in of_fields}
        if not self.chance(0.15):
            return fields
        choices: list[Json] = [self.fields(others, below, levels) for _ in range(2)]
        return {**fields, "$or": choices} if self.chance(0.5) else {"$or": choices}

    def array(self) -> list[Json]:
        """Make what stands at the end of a path."""
        return [self.element() for _ in range(self.random.choice((1, 1, 2)))]

    def element(self) -> Json:
        """Make a value or an operation."""
        text: Json = self.random.choice(TEXTS)
        ignoring: Json = {"equals-ignore-case": text}
        longer: Json = [each for each in self.random.sample(TEXTS, 2) if each] or "a"
        return self.one_of(
            [
                self.scalar(),
                self.scalar(),
                {"prefix": self.one_of([text, ignoring])},
                {"suffix": self.one_of([text, ignoring])},
                ignoring,
                {"numeric": self.one_of(RANGES)},
                {"exists": self.chance(0.5)},
                {"exists": False},
                {"anything-but": self.one_of([text, [*self.random.sample(TEXTS, 2)]])},
                {"anything-but": self.one_of([*NUMBERS, [*self.random.sample(NUMBERS, 2)]])},
                {"anything-but": self.one_of([ignoring, {"prefix": longer}, {"suffix": longer}])},
            ]
        )

    def scalar(self) -> Json:
        """Make a value that is neither an object nor an array."""
        return self.random.choice([*TEXTS, *NUMBERS, *BEYOND, *(True, False, None) * 2])

    def lines_pattern(self, levels: int = 2) -> Json:
        """Make a pattern for lines, which often wants several fields of them, and none of an operation's details."""
        wanted: list[Json] = ["x", "y", {"exists": False}, {"exists": True}]
        return {
            name: self.lines_pattern(levels - 1)
            if levels and self.chance(0.4)
            else [self.random.choice(wanted)]
            for name in self.random.sample("abc", self.random.choice((1, 2, 2, 3)))
        }

    # Records

    def lines(self, levels: int = 2) -> Json:
        """Make an object of arrays whose elements are such objects."""
        return {
            name: self.array_of_lines(levels)
            for name in self.random.sample("abc", self.random.randrange(1, 4))
        }

    def array_of_lines(self, levels: int) -> Json:
        """Make text, or an array, in which arrays may be arrays' elements as well."""
        if not levels or self.chance(0.3):
            return self.random.choice(("x", "y"))
        return [
            self.lines(levels - 1) if self.chance(0.8) else self.array_of_lines(levels - 1)
            for _ in range(self.random.randrange(1, 4))
        ]

    def document(self, levels: int = 4) -> Json:
        """Make an object that is no record, where anything may be below anything."""
        return {name: self.part(levels) for name in self.random.sample(NAMES, self.random.randrange(1, 5))}

    def part(self, levels: int) -> Json:
        """Make what is within a document."""
        kind = self.random.randrange(3) if levels else 2
        if kind == 0:
            return self.document(levels - 1)
        return (
            [self.part(levels - 1) for _ in range(self.random.randrange(4))] if kind == 1 else self.scalar()
        )

    def record(self) -> Json:
        """Make a record of a stream; now and then what should be an object is none."""
        change: dict[str, Json] = {"Keys": self.image(0)}
        if self.chance(0.8):
            change["NewImage"] = self.random.choice(
                [self.image(2), self.image(2), None, [self.image(2), self.image(1)]]
            )
        return {"eventName": self.scalar(), "dynamodb": self.scalar() if self.chance(0.02) else change}

    def image(self, levels: int) -> Json:
        """Make an image or a map."""
        names = self.random.sample(ATTRIBUTES, self.random.randrange(5))
        return {name: self.attribute_value(levels) for name in names}

    def attribute_value(self, levels: int) -> Json:
        """Make an attribute value; some are none that DynamoDB would send."""
        kind = self.random.randrange(3) if levels else 2
        if kind == 0:
            return {"M": self.image(levels - 1)}
        if kind == 1:
            return {"L": [self.attribute_value(levels - 1) for _ in range(self.random.randrange(4))]}
        texts: Json = [*self.random.sample(TEXTS, self.random.randrange(3))]
        odd: Json = {self.random.choice(TAGS): self.scalar()}
        return self.one_of([{"S": self.random.choice(TEXTS)}, odd, {"SS": texts}])
