"""Reference: a slow evaluator of patterns that is easy to see through, for the fast one to agree with.

A record becomes a list of fields: a path, a value, and for each array around the value the element that it is in. An
alternative of the pattern matches if one choice of a field, or of absence, for each of its paths is consistent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count, product
from typing import TypeAlias, cast

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Elements: TypeAlias = dict[int, int]
"""The element of each array, by the array's number."""


@dataclass(frozen=True)
class Field:
    """A value of a record."""

    path: str
    value: Json
    elements: Elements


@dataclass
class Reference:
    """Evaluates patterns; its parts can be replaced by wrong ones, to show that somebody notices."""

    arrays: Iterator[int] = field(default_factory=count)

    def matches(self, pattern: Json, record: Json) -> bool:
        """Tell whether a record matches a pattern."""
        fields = list(self.flattened(record, "", {}))
        return any(self.satisfied(each, fields, {}) for each in self.alternatives(pattern, ""))

    def flattened(self, part: Json, path: str, elements: Elements) -> Iterator[Field]:
        """Make a list of the fields of a record."""
        if isinstance(part, dict):
            for name, below in part.items():
                yield from self.flattened(below, f"{path}.{name}", elements)
        elif isinstance(part, list):
            array = next(self.arrays)
            for index, element in enumerate(part):
                within = {**elements, array: index} if isinstance(element, dict | list) else elements
                yield from self.flattened(element, path, within)
        else:
            yield Field(path, part, elements)

    def alternatives(self, pattern: Json, path: str) -> Iterator[dict[str, list[Json]]]:
        """Multiply `$or` out."""
        assert isinstance(pattern, dict)
        choices: list[list[dict[str, list[Json]]]] = []
        for name, below in pattern.items():
            if name == "$or":
                each = cast("list[Json]", below)  # a pattern that was accepted
                choices.append([one for choice in each for one in self.alternatives(choice, path)])
            elif isinstance(below, list):
                choices.append([{f"{path}.{name}": below}])
            else:
                choices.append(list(self.alternatives(below, f"{path}.{name}")))
        for chosen in product(*choices):
            yield {where: wanted for part in chosen for where, wanted in part.items()}

    def satisfied(self, wanted: Mapping[str, list[Json]], fields: list[Field], so_far: Elements) -> bool:
        """Try each choice of a field, or of absence, for the first path, and for the others after it."""
        if not wanted:
            return True
        path = min(wanted, key=lambda each: each.encode("utf-16-be"))  # as Java sorts
        others = {where: each for where, each in wanted.items() if where != path}
        possible = [each for each in fields if each.path == path and self.agree(so_far, each.elements)]
        if not possible and {"exists": False} in wanted[path]:
            return self.satisfied(others, fields, so_far)
        return any(
            any(holds(element, each.value) for element in wanted[path])
            and self.satisfied(others, fields, {**so_far, **each.elements})
            for each in possible
        )

    def agree(self, some: Elements, others: Elements) -> bool:
        """Tell whether values are in the same elements of the arrays that are around both."""
        return all(some[array] == others[array] for array in some.keys() & others.keys())


def holds(element: Json, value: Json) -> bool:
    """Tell whether a value satisfies an element of a pattern's array."""
    if not isinstance(element, dict):
        return kind(element) == kind(value) and number_or_same(element) == number_or_same(value)
    ((operator, operand),) = element.items()
    match operator:
        case "exists":
            return operand is True
        case "anything-but":
            return not any(holds(excluded, value) for excluded in excluded_by(operand))
        case "numeric":
            return kind(value) == "number" and in_range(cast("list[Json]", operand), number_or_same(value))
        case _:
            return isinstance(value, str) and text_holds(operator, operand, value)


def excluded_by(operand: Json) -> list[Json]:
    """Give the elements that an anything-but excludes."""
    if isinstance(operand, dict):
        ((operator, texts),) = operand.items()
        return [{operator: text} for text in (texts if isinstance(texts, list) else [texts])]
    return operand if isinstance(operand, list) else [operand]


def kind(value: Json) -> str:
    """Name a type of JSON."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def number_or_same(value: Json) -> object:
    """Compare numbers by what they are, whatever Python type they have."""
    return Decimal(str(value)) if kind(value) == "number" else value


def in_range(operand: list[Json], value: object) -> bool:
    """Tell whether a number is within a range, and within reach."""
    assert isinstance(value, Decimal)
    if abs(value) > 5_000_000_000 or value != round(value, 6):
        return False
    for relation, bound in zip(operand[::2], operand[1::2], strict=True):
        limit = Decimal(str(bound))
        held = {"=": value == limit, "<": value < limit, "<=": value <= limit, ">": value > limit}
        if not held.get(str(relation), value >= limit):
            return False
    return True


def text_holds(operator: str, operand: Json, value: str) -> bool:
    """Compare text, which has its quotes around it."""
    ignoring_case = operator == "equals-ignore-case"
    if isinstance(operand, dict):
        operand, ignoring_case = operand["equals-ignore-case"], True
    quoted, text = f'"{value}"', str(operand)
    before, after = ("" if operator == "suffix" else '"'), ("" if operator == "prefix" else '"')
    wanted = f"{before}{text}{after}"
    if not ignoring_case:
        return quoted.startswith(wanted) if operator == "prefix" else quoted.endswith(wanted)
    starts = range(len(quoted) + 1) if operator == "suffix" else [0]
    return any(same_letters(wanted, quoted[at:], whole=operator != "prefix") for at in starts)


def same_letters(wanted: str, text: str, *, whole: bool) -> bool:
    """Compare letter by letter; a letter is as good in lower as in upper case."""
    if not wanted:
        return not (text and whole)
    return any(
        text.startswith(letter) and same_letters(wanted[1:], text[len(letter) :], whole=whole)
        for letter in (wanted[0].lower(), wanted[0].upper())
    )
