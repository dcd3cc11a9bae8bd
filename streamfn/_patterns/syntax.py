"""The syntax of EventBridge patterns: comparable values, JSON, conditions, operands, operators and `$or`."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import reduce
from json import dumps
from math import isfinite
from operator import eq, ge, gt, le, lt
from typing import Final, NamedTuple, TypeAlias, TypeGuard

from streamfn._errors import ConfigurationError
from streamfn._records import is_map

# Values: the content at the end of a path, in the form in which it is compared.

Comparable: TypeAlias = str | Decimal
"""A number, or the JSON text of any other value: text in its quotes, ``true``, ``false`` or ``null``.

The quotes separate text from the words, and take part in comparisons: they are the beginning and the end of text.
"""

MAX_NUMBER: Final = Decimal(5_000_000_000)
"""The greatest magnitude of numeric comparisons, to six decimal places ("Numeric matching" in EventBridge's guide)."""

_STEP: Final = Decimal("0.000001")
_EXACT: Final = Context(prec=40)
"""More digits than a numeric value within the range can have; the program's own context may have fewer."""


def comparable(value: object) -> Comparable:
    """Return the form in which a value is compared.

    Binaries are base64 text to Lambda; boto3 returns bytes, and datetimes.

    >>> comparable("1"), comparable(1), comparable(True), comparable(b"1")
    ('"1"', Decimal('1'), 'true', '"MQ=="')
    """
    if isinstance(value, str):
        return f'"{value}"'
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float) and isfinite(value):
        return Decimal(repr(value))
    if isinstance(value, bytes):
        return f'"{b64encode(value).decode()}"'
    if isinstance(value, datetime):
        return Decimal(repr((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()))
    return f"<{type(value).__name__}>"  # no JSON: it is there, and equals nothing that a pattern can say


def is_numeric(value: Comparable) -> bool:
    """Return whether numeric comparisons apply to a value: a number in range, with up to six decimal places."""
    return (
        isinstance(value, Decimal) and value.copy_abs() <= MAX_NUMBER and not _EXACT.remainder(value, _STEP)
    )


# Plain patterns: copies as JSON objects and arrays, and the error for a wrong pattern.

_DEEPEST: Final = 100
"""DynamoDB nests 32 levels, each of which takes a name and a type tag in a pattern."""


def pattern_error(where: str, what: str) -> ConfigurationError:
    """Return the error for a pattern, with the place and the reason."""
    return ConfigurationError(f"pattern, at {where}: {what}")


def is_array(part: object) -> TypeGuard[list[object]]:
    """Return whether a part of a pattern or a record is a JSON array."""
    return isinstance(part, list)


def to_json(where: str, part: object) -> object:
    """Copy a part of a pattern as dictionaries and lists; raise `ConfigurationError` for values that JSON cannot hold.

    >>> to_json("$", {"eventName": ("INSERT", "MODIFY")})
    {'eventName': ['INSERT', 'MODIFY']}
    """
    return _to_json(where, part, 0)


def _to_json(where: str, part: object, depth: int) -> object:
    if depth > _DEEPEST:
        raise pattern_error(
            where, f"nested more than {_DEEPEST} levels deep, and no item is; shorten the path"
        )
    if _is_mapping(part):
        copy: dict[str, object] = {}
        for name, entry in part.items():
            if not isinstance(name, str):
                raise pattern_error(where, f"{name!r} is no name of a field; write text")
            copy[str.__str__(name)] = _to_json(f"{where}.{name}", entry, depth + 1)
        return copy
    if _is_sequence(part):
        return [_to_json(f"{where}[{index}]", entry, depth + 1) for index, entry in enumerate(part)]
    if isinstance(part, str):
        return str.__str__(part)  # a member of an Enum of texts is its text
    if part is None or isinstance(part, int) or (isinstance(part, float) and isfinite(part)):
        return part
    raise pattern_error(where, f"JSON has no {part!r}; write text, a number, true, false or null")


def _is_mapping(part: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(part, Mapping)


def _is_sequence(part: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(part, list | tuple)


# Conditions: the values that satisfy one field of a pattern.

Predicate: TypeAlias = Callable[[Comparable], bool]


class FieldMatcher(NamedTuple):
    """One of these values, a beginning or an end of text, a value that passes a test, or the absence of any value."""

    values: frozenset[Comparable] = frozenset()
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    tests: tuple[Predicate, ...] = ()
    absent: bool = False

    def holds(self, value: Comparable) -> bool:
        """Return whether a value satisfies the field."""
        if value in self.values:
            return True
        if isinstance(value, str) and (value.startswith(self.starts) or value.endswith(self.ends)):
            return True
        for test in self.tests:  # noqa: SIM110 (a generator would take longer than the tests)
            if test(value):
                return True
        return False


def any_of(choices: Iterable[FieldMatcher]) -> FieldMatcher:
    """Return the condition that is satisfied if any of these is."""
    return reduce(_one_or_other, choices)


def _one_or_other(one: FieldMatcher, other: FieldMatcher) -> FieldMatcher:
    return FieldMatcher(
        one.values | other.values,
        one.starts + other.starts,
        one.ends + other.ends,
        one.tests + other.tests,
        one.absent or other.absent,
    )


# Operands of operators, and why an operand is refused.

UNSUPPORTED_OPERATORS: Final = ("wildcard", "cidr", "exactly")
"""Operators of EventBridge or of event-ruler that Lambda does not list."""


def only_entry(where: str, operation: Mapping[str, object], known: Collection[str]) -> tuple[str, object]:
    """Split an operation into its operator, which must be known, and its operand."""
    listed = ", ".join(known)
    if len(operation) != 1:
        raise pattern_error(
            where, f"an object of {len(operation)} entries; write an object for each operator"
        )
    ((operator, operand),) = operation.items()
    if operator in UNSUPPORTED_OPERATORS:
        raise pattern_error(
            where, f"Lambda's filters have no operator {operator!r}; write {listed}, or values"
        )
    if operator not in known:
        raise pattern_error(where, f"{operator!r} is no operator here; write {listed}, or values")
    return operator, operand


def one_or_many(where: str, operand: object) -> list[tuple[str, object]]:
    """Return the excluded values, each with its place."""
    if not is_array(operand):
        return [(where, operand)]
    if not operand:
        raise pattern_error(
            where, 'an empty array excludes nothing; list what to exclude, or write {"exists": true}'
        )
    return [(f"{where}[{index}]", each) for index, each in enumerate(operand)]


def text_operand(where: str, operand: object) -> str:
    """Return an operand that must be text."""
    if not isinstance(operand, str):
        raise pattern_error(where, f"{operand!r} is no text; write text")
    return operand


def is_number(operand: object) -> bool:
    """Return whether an operand is a number, of any size."""
    return isinstance(operand, int | float) and not isinstance(operand, bool)


def number_operand(where: str, operand: object) -> Decimal:
    """Return an operand that must be a number within the range of numeric comparisons."""
    number = comparable(operand)
    if not isinstance(number, Decimal):
        raise pattern_error(where, f"{operand!r} is no number; write a number")
    if not is_numeric(number):
        raise pattern_error(
            where, f"{operand} is beyond ±{MAX_NUMBER} or six decimal places; write a number within"
        )
    return number


# Operators: the conditions of one array of a pattern on the value of a field.

IGNORE_CASE: Final = "equals-ignore-case"
_RELATIONS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "=": eq, "<": lt, "<=": le, ">": gt, ">=": ge
}  # fmt: skip
_RANGES: Final = [
    *([relation] for relation in _RELATIONS),
    *([low, top] for low in (">", ">=") for top in ("<", "<=")),
]


def parse_conditions(where: str, array: list[object]) -> FieldMatcher:
    """Read an array of a pattern, any element of which will do."""
    if not array:
        raise pattern_error(where, 'an empty array matches nothing; list values, or write [{"exists": true}]')
    return any_of(_element(f"{where}[{index}]", element) for index, element in enumerate(array))


def _element(where: str, element: object) -> FieldMatcher:
    if is_map(element):
        operator, operand = only_entry(where, element, OPERATORS)
        return OPERATORS[operator](f"{where}.{operator}", operand)
    if is_array(element):
        raise pattern_error(where, "an array within an array; write all values in one")
    return FieldMatcher(values=frozenset({comparable(element)}))


def _prefix(where: str, operand: object) -> FieldMatcher:
    if is_map(operand):
        inner, text = only_entry(where, operand, (IGNORE_CASE,))
        return FieldMatcher(tests=(_ignoring_case('"' + text_operand(f"{where}.{inner}", text), rest=".*"),))
    return FieldMatcher(starts=('"' + text_operand(where, operand),))


def _suffix(where: str, operand: object) -> FieldMatcher:
    if is_map(operand):
        inner, text = only_entry(where, operand, (IGNORE_CASE,))
        return FieldMatcher(tests=(_ignoring_case(text_operand(f"{where}.{inner}", text) + '"', lead=".*"),))
    return FieldMatcher(ends=(text_operand(where, operand) + '"',))


def _equals_ignore_case(where: str, operand: object) -> FieldMatcher:
    return FieldMatcher(tests=(_ignoring_case(f'"{text_operand(where, operand)}"'),))


def _ignoring_case(text: str, *, lead: str = "", rest: str = "") -> Predicate:
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


def _anything_but(where: str, operand: object) -> FieldMatcher:
    """Want a value, but none of these; a number is none of any text, and text none of any number."""
    if is_map(operand):
        operator, texts = only_entry(where, operand, ("prefix", "suffix", IGNORE_CASE))
        excluded = any_of(
            _excluded_text(at, operator, each) for at, each in one_or_many(f"{where}.{operator}", texts)
        )
    else:
        values = one_or_many(where, operand)
        for at, each in values:
            if each is None or isinstance(each, bool):
                told = (
                    "anything-but excludes texts or numbers; list the values that are wanted, such as [true]"
                )
                raise pattern_error(at, told)
        take = number_operand if is_number(values[0][1]) else _as_quoted
        excluded = FieldMatcher(values=frozenset(take(at, each) for at, each in values))

    def is_none_of_them(value: Comparable) -> bool:
        return not excluded.holds(value)

    return FieldMatcher(tests=(is_none_of_them,))


def _as_quoted(where: str, operand: object) -> str:
    return f'"{text_operand(where, operand)}"'


def _excluded_text(where: str, operator: str, operand: object) -> FieldMatcher:
    if not text_operand(where, operand) and operator != IGNORE_CASE:
        raise pattern_error(where, "all text begins and ends with none; write some text")
    return OPERATORS[operator](where, operand)


def _numeric(where: str, operand: object) -> FieldMatcher:
    """Return the condition of a number within a range. The N of DynamoDB never satisfies it: N is text."""
    if not is_array(operand) or operand[::2] not in _RANGES or len(operand) % 2:
        raise pattern_error(
            where, f'{operand!r} is no range; write one such as ["=", 1] or [">", 0, "<=", 5]'
        )
    bounds = [
        (_RELATIONS[str(relation)], number_operand(f"{where}[{at}]", bound))
        for at, relation, bound in zip((1, 3), operand[::2], operand[1::2], strict=False)
    ]
    if len(bounds) == 2 and bounds[0][1] >= bounds[1][1]:
        raise pattern_error(
            where, f"nothing is between {bounds[0][1]} and {bounds[1][1]}; write the smaller one first"
        )

    def within(value: Comparable) -> bool:
        return (
            isinstance(value, Decimal)
            and is_numeric(value)
            and all(relation(value, bound) for relation, bound in bounds)
        )

    return FieldMatcher(tests=(within,))


def _exists(where: str, operand: object) -> FieldMatcher:
    """Want a value, null or any other, or want none; an object or an array is none by itself."""
    if not isinstance(operand, bool):
        raise pattern_error(where, f"{operand!r} does not say whether it exists; write true or false")
    return FieldMatcher(tests=(_any_value,)) if operand else FieldMatcher(absent=True)


def _any_value(_: Comparable) -> bool:
    return True


OPERATORS: Final[Mapping[str, Callable[[str, object], FieldMatcher]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    IGNORE_CASE: _equals_ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
}


# Alternatives: a pattern with its `$or` multiplied out, so that each alternative requires all of its fields.

Alternative: TypeAlias = Mapping[str, FieldMatcher]
"""The condition of each field, by its path: the names on the way, joined by dots."""

OR: Final = "$or"
MAX_ALTERNATIVES: Final = 1_000
"""The limit of alternatives: a record that matches none is searched once for each."""

_RESERVED: Final = {
    *OPERATORS, *UNSUPPORTED_OPERATORS, "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case",
    "date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
    "ip-address-in-range", "ip-address-not-in-range",
}  # fmt: skip
"""Names that event-ruler does not accept as fields below `$or`."""


def alternatives_of(pattern: object) -> list[Alternative]:
    """Read a pattern that is plain JSON."""
    if not is_map(pattern):
        raise pattern_error("$", f"{pattern!r} is no object; write an object of fields")
    return _within("$", pattern, "", [{}], below_or=False)


def _within(
    where: str, fields: Mapping[str, object], path: str, so_far: list[Alternative], *, below_or: bool
) -> list[Alternative]:
    """Add the fields of an object to every alternative so far."""
    if not fields:
        raise pattern_error(where, "an empty object matches nothing; name a field, or leave the object out")
    for name, content in fields.items():
        at = f"{where}.{name}"
        if name == OR:
            so_far = _multiplied(at, content, path, so_far)
        elif below_or and name in _RESERVED:
            raise pattern_error(
                at, f"no field within {OR} can have the name of an operator; write it in an array"
            )
        elif is_map(content):
            so_far = _within(at, content, f"{path}{name}.", so_far, below_or=below_or)
        elif is_array(content):
            so_far = _with_field(at, f"{path}{name}", parse_conditions(at, content), so_far)
        else:
            raise pattern_error(at, _for_an_array(name, content))
    return so_far


def _multiplied(where: str, choices: object, path: str, so_far: list[Alternative]) -> list[Alternative]:
    if not is_array(choices) or len(choices) < 2:
        raise pattern_error(
            where, "takes an array of at least two objects; write what else will do, or no $or"
        )
    multiplied: list[Alternative] = []
    for index, choice in enumerate(choices):
        at = f"{where}[{index}]"
        if not is_map(choice):
            raise pattern_error(at, f"{choice!r} is no object; write an object of fields")
        multiplied += _within(at, choice, path, so_far, below_or=True)
        if len(multiplied) > MAX_ALTERNATIVES:
            raise pattern_error(
                where, f"makes more than {MAX_ALTERNATIVES} alternatives; write fewer, or several patterns"
            )
    return multiplied


def _with_field(where: str, path: str, wanted: FieldMatcher, so_far: list[Alternative]) -> list[Alternative]:
    if any(path in alternative for alternative in so_far):
        raise pattern_error(
            where, "asks twice for one field, and only the last would count; write one array for it"
        )
    return [{**alternative, path: wanted} for alternative in so_far]


def _for_an_array(name: str, content: object) -> str:
    if name in OPERATORS:
        return (
            f"an operator stands in an object within an array; write {dumps([{name: content}])} for the field"
        )
    return f"a value stands in an array; write {dumps([content])}"
