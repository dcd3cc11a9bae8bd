"""Operators: what one array of a pattern asks of the value of a field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Final

from streamfn._patterns.operands import as_number, as_text, is_number, one_or_many, only_entry
from streamfn._patterns.plain import is_array, refused
from streamfn._patterns.values import Comparable, comparable, is_numeric
from streamfn._patterns.wanted import Test, Wanted, either
from streamfn._wire import is_map

IGNORE_CASE: Final = "equals-ignore-case"
_RELATIONS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "=": eq, "<": lt, "<=": le, ">": gt, ">=": ge
}  # fmt: skip
_RANGES: Final = [
    *([relation] for relation in _RELATIONS),
    *([low, top] for low in (">", ">=") for top in ("<", "<=")),
]


def wanted_by(where: str, array: list[object]) -> Wanted:
    """Read an array of a pattern, any element of which will do."""
    if not array:
        raise refused(where, 'an empty array matches nothing; list values, or write [{"exists": true}]')
    return either(_element(f"{where}[{index}]", element) for index, element in enumerate(array))


def _element(where: str, element: object) -> Wanted:
    if is_map(element):
        operator, operand = only_entry(where, element, OPERATORS)
        return OPERATORS[operator](f"{where}.{operator}", operand)
    if is_array(element):
        raise refused(where, "an array within an array; write all values in one")
    return Wanted(values=frozenset({comparable(element)}))


def _prefix(where: str, operand: object) -> Wanted:
    if is_map(operand):
        inner, text = only_entry(where, operand, (IGNORE_CASE,))
        return Wanted(tests=(_ignoring_case('"' + as_text(f"{where}.{inner}", text), rest=".*"),))
    return Wanted(starts=('"' + as_text(where, operand),))


def _suffix(where: str, operand: object) -> Wanted:
    if is_map(operand):
        inner, text = only_entry(where, operand, (IGNORE_CASE,))
        return Wanted(tests=(_ignoring_case(as_text(f"{where}.{inner}", text) + '"', lead=".*"),))
    return Wanted(ends=(as_text(where, operand) + '"',))


def _equals_ignore_case(where: str, operand: object) -> Wanted:
    return Wanted(tests=(_ignoring_case(f'"{as_text(where, operand)}"'),))


def _ignoring_case(text: str, *, lead: str = "", rest: str = "") -> Test:
    """Test whether each character is that of the text in lower or in upper case.

    So ``ß`` wants itself or ``SS``, and ``k`` does not want the sign for Kelvin, whose lower case is a ``k``. A
    character beyond U+FFFF wants two question marks: event-ruler takes text apart into Java's characters, which are
    halves of it, and writes a question mark in UTF-8 for each.
    """
    cases = (f"(?:{re.escape(each.lower())}|{re.escape(each.upper())})" for each in _in_halves(text))
    expression = re.compile("".join([lead, *cases, rest]), re.DOTALL)
    return lambda value: isinstance(value, str) and expression.fullmatch(value) is not None


def _in_halves(text: str) -> str:
    """Put a question mark for each half of a character that takes two in Java."""
    return "".join(
        "??" if each > "\uffff" else "?" if "\ud800" <= each <= "\udfff" else each for each in text
    )


def _anything_but(where: str, operand: object) -> Wanted:
    """Want a value, but none of these; a number is none of any text, and text none of any number."""
    if is_map(operand):
        operator, texts = only_entry(where, operand, ("prefix", "suffix", IGNORE_CASE))
        excluded = either(
            _excluded_text(at, operator, each) for at, each in one_or_many(f"{where}.{operator}", texts)
        )
    else:
        values = one_or_many(where, operand)
        for at, each in values:
            if each is None or isinstance(each, bool):
                told = (
                    "anything-but excludes texts or numbers; list the values that are wanted, such as [true]"
                )
                raise refused(at, told)
        take = as_number if is_number(values[0][1]) else _as_quoted
        excluded = Wanted(values=frozenset(take(at, each) for at, each in values))

    def is_none_of_them(value: Comparable) -> bool:
        return not excluded.holds(value)

    return Wanted(tests=(is_none_of_them,))


def _as_quoted(where: str, operand: object) -> str:
    return f'"{as_text(where, operand)}"'


def _excluded_text(where: str, operator: str, operand: object) -> Wanted:
    if not as_text(where, operand) and operator != IGNORE_CASE:
        raise refused(where, "all text begins and ends with none; write some text")
    return OPERATORS[operator](where, operand)


def _numeric(where: str, operand: object) -> Wanted:
    """Want a number within a range. The N of DynamoDB never is: it is text."""
    if not is_array(operand) or operand[::2] not in _RANGES or len(operand) % 2:
        raise refused(where, f'{operand!r} is no range; write one such as ["=", 1] or [">", 0, "<=", 5]')
    bounds = [
        (_RELATIONS[str(relation)], as_number(f"{where}[{at}]", bound))
        for at, relation, bound in zip((1, 3), operand[::2], operand[1::2], strict=False)
    ]
    if len(bounds) == 2 and bounds[0][1] >= bounds[1][1]:
        raise refused(
            where, f"nothing is between {bounds[0][1]} and {bounds[1][1]}; write the smaller one first"
        )

    def within(value: Comparable) -> bool:
        return (
            isinstance(value, Decimal)
            and is_numeric(value)
            and all(relation(value, bound) for relation, bound in bounds)
        )

    return Wanted(tests=(within,))


def _exists(where: str, operand: object) -> Wanted:
    """Want a value, null or any other, or want none; an object or an array is none by itself."""
    if not isinstance(operand, bool):
        raise refused(where, f"{operand!r} does not say whether it exists; write true or false")
    return Wanted(tests=(_any_value,)) if operand else Wanted(absent=True)


def _any_value(_: Comparable) -> bool:
    return True


OPERATORS: Final[Mapping[str, Callable[[str, object], Wanted]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    IGNORE_CASE: _equals_ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
}
