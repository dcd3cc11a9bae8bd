"""Operands: what operators are applied to, or why they cannot be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

from streamfn._patterns.plain import is_array, refused
from streamfn._patterns.values import LARGEST, comparable, is_numeric

ELSEWHERE: Final = ("wildcard", "cidr", "exactly")
"""Operators of EventBridge or of event-ruler that Lambda does not list."""


def only_entry(where: str, operation: Mapping[str, object], known: Collection[str]) -> tuple[str, object]:
    """Take an operation apart into its operator, which has to be known, and its operand."""
    listed = ", ".join(known)
    if len(operation) != 1:
        raise refused(where, f"an object of {len(operation)} entries; write an object for each operator")
    ((operator, operand),) = operation.items()
    if operator in ELSEWHERE:
        raise refused(where, f"Lambda's filters have no operator {operator!r}; write {listed}, or values")
    if operator not in known:
        raise refused(where, f"{operator!r} is no operator here; write {listed}, or values")
    return operator, operand


def one_or_many(where: str, operand: object) -> list[tuple[str, object]]:
    """Give what is excluded, each with where it stands."""
    if not is_array(operand):
        return [(where, operand)]
    if not operand:
        raise refused(
            where, 'an empty array excludes nothing; list what to exclude, or write {"exists": true}'
        )
    return [(f"{where}[{index}]", each) for index, each in enumerate(operand)]


def as_text(where: str, operand: object) -> str:
    """Take an operand for text."""
    if not isinstance(operand, str):
        raise refused(where, f"{operand!r} is no text; write text")
    return operand


def is_number(operand: object) -> bool:
    """Tell whether an operand is a number, within reach or not."""
    return isinstance(operand, int | float) and not isinstance(operand, bool)


def as_number(where: str, operand: object) -> Decimal:
    """Take an operand for a number that numeric comparisons reach."""
    number = comparable(operand)
    if not isinstance(number, Decimal):
        raise refused(where, f"{operand!r} is no number; write a number")
    if not is_numeric(number):
        raise refused(where, f"{operand} is beyond ±{LARGEST} or six decimal places; write a number within")
    return number
