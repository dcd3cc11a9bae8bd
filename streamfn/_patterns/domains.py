"""Domains: what values a field of a stream record can have, and which elements of an array one of them satisfies.

The content of `N` is text, and so is that of `B`: a number or binary as a pattern wants it would equal none of them.
DynamoDB writes each number in one form, without what does not count ("Number" in "Data types" of the Amazon DynamoDB
Developer Guide): 1 and not 1.0, 150 and not 1.5E2.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from json import dumps
from typing import Final, NamedTuple

from streamfn._patterns.operators import IGNORE_CASE, wanted_by
from streamfn._patterns.plain import is_array
from streamfn._patterns.values import LARGEST, comparable
from streamfn._wire import is_map

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?([eE]-[0-9]+)?")
_NUMBERS_BEGIN: Final = re.compile(r"-?((0|[1-9][0-9]*)(\.[0-9]*)?([eE](-[0-9]*)?)?)?")
_NUMBERS_END: Final = re.compile(r"-?[0-9]*(\.[0-9]*[1-9])?([eE]-[0-9]+)?")
_MOST_DIGITS: Final = 38
"""How many digits of a number count ("Number" in the same place)."""

_IN_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_REGION: Final = re.compile(r"[a-z0-9-]+")
_EXACT: Final = Context(prec=2_000)


def _any(_: str) -> bool:
    return True


class Domain(NamedTuple):
    """What a field can hold: one of some `values`, or numbers from 0 on that are multiples of `step`, or text.

    `told` says so for people. Of text, `has` says whether it can be all of the text, `begins` and `ends` whether it can
    be the beginning or the end of it.
    """

    told: str
    values: tuple[object, ...] = ()
    step: Decimal | None = None
    has: Callable[[str], bool] = _any
    begins: Callable[[str], bool] = _any
    ends: Callable[[str], bool] = _any

    def lacks(self, element: object) -> str | None:
        """Say why no value satisfies an element of an array that is well formed; None if one does.

        An exclusion of what cannot be there says nothing, and is as little meant so.
        """
        if not is_map(element):
            return (
                None if self._equals(element) else f"nothing equals {dumps(element)}: {self._here(element)}"
            )
        ((operator, operand),) = element.items()
        if operator == "anything-but":
            for excluded in _excluded(operand):
                if self.lacks(excluded) is not None:
                    return f"excludes {dumps(excluded)}, which no value is: {self._here(excluded)}"
        if self._satisfies(operator, operand):
            return None
        if operator == "numeric" and self.step is None:
            told = f"numeric sees JSON numbers alone, and here is {self.told}"
            return f"{told}; list texts, or compare in the where= of a handler"
        return f"no value is so: here is {self.told}"

    def _equals(self, element: object) -> bool:
        if self.values:
            return any(comparable(element) == comparable(value) for value in self.values)
        if self.step is not None:
            number = comparable(element)
            whole = isinstance(number, Decimal) and (self.step != 1 or number == number.to_integral_value())
            return whole and isinstance(number, Decimal) and number >= 0
        return isinstance(element, str) and self.has(element)

    def _satisfies(self, operator: str, operand: object) -> bool:
        if self.values:
            wanted = wanted_by("$", [{operator: operand}])
            return operator == "exists" or any(wanted.holds(comparable(value)) for value in self.values)
        if operator in {"anything-but", "exists"}:
            return True
        if operator == "numeric" or self.step is not None:
            return operator == "numeric" and self.step is not None and _is_met(operand, self.step)
        ignores_case = operator == IGNORE_CASE or is_map(operand)
        text = str(next(iter(operand.values())) if is_map(operand) else operand)
        spellings = (text, text.lower(), text.upper()) if ignores_case else (text,)
        if operator == IGNORE_CASE:
            return any(map(self.has, spellings))
        # The quotes around text are seen by a beginning or an end.
        can_be = self.begins if operator == "prefix" else self.ends
        return any(can_be(spelling.replace('"', "")) for spelling in spellings)

    def _here(self, element: object) -> str:
        """Say what is there, and what to write instead where that can be told."""
        instead = self._instead(element)
        return f"here is {self.told}{instead and '; write '}{instead}"

    def _instead(self, element: object) -> str:
        told = str(element)
        if self.values:
            close = [each for each in self.values if str(each).casefold() == told.casefold()]
            told_one = self.values if len(self.values) == 1 and self.values != (None,) else ()
            return next((dumps(each) for each in [*close, *told_one]), "")
        if isinstance(element, bool) or element is None:
            return ""
        if self.step is not None:
            return told * (_NUMBER.fullmatch(told) is not None)
        short = _shortest(told)
        return next((dumps(each) for each in (told, short) if self.has(each)), "")


def _excluded(operand: object) -> list[object]:
    """List what an exclusion excludes, each as an element of an array."""
    if is_map(operand):
        ((operator, texts),) = operand.items()
        return [{operator: text} for text in (texts if is_array(texts) else [texts])]
    return operand if is_array(operand) else [operand]


def _is_met(operand: object, step: Decimal) -> bool:
    """Whether a range, which is well formed, holds a number from 0 on that is a multiple of the step."""
    least, most = Decimal(0), LARGEST / step
    bounds = operand if is_array(operand) else []
    for relation, bound in zip(bounds[::2], bounds[1::2], strict=True):
        steps = Decimal(str(bound)) / step
        below, above = steps.to_integral_value(ROUND_FLOOR), steps.to_integral_value(ROUND_CEILING)
        if relation in {">", ">=", "="}:
            least = max(least, below + 1 if relation == ">" else above)
        if relation in {"<", "<=", "="}:
            most = min(most, above - 1 if relation == "<" else below)
    return least <= most


def _shortest(number: str) -> str:
    """Write a number as DynamoDB does; text that is none stays."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        return number
    if not value.is_finite() or abs(value.adjusted()) > 130:
        return number
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in {"-0", ""} else plain


def _is_base64(text: str) -> bool:
    try:
        return b2a_base64(a2b_base64(text, strict_mode=True), newline=False).decode() == text
    except ValueError:
        return False


def _is_base64_of_some(text: str) -> bool:
    return text != "" and _is_base64(text)


def one_of(*values: object) -> Domain:
    """Make the domain of some values."""
    return Domain(" or ".join(dumps(value) for value in values), values)


def text_like(
    told: str,
    has: Callable[[str], bool],
    begins: Callable[[str], bool],
    ends: Callable[[str], bool] | None = None,
) -> Domain:
    """Make the domain of some texts. What can begin them can end them, unless `ends` says otherwise."""
    return Domain(told, has=has, begins=begins, ends=ends or begins)


def _is_number(text: str) -> bool:
    if text == "-0" or _NUMBER.fullmatch(text) is None:
        return False
    return len(Decimal(text).normalize(_EXACT).as_tuple().digits) <= _MOST_DIGITS


TEXT: Final = Domain("text")
KEY_TEXT: Final = Domain("text that is not empty", has=bool)
COUNT: Final = Domain("a whole number that is not negative", step=Decimal(1))
TIME: Final = Domain("a number of seconds since 1970", step=Decimal("0.000001"))
DIGITS: Final = text_like("a number as text", str.isdecimal, lambda part: not part or part.isdecimal())
REGION: Final = text_like(
    "the name of a region, such as eu-west-1",
    lambda text: _REGION.fullmatch(text) is not None,
    lambda part: not part or _REGION.fullmatch(part) is not None,
)
NUMBER: Final = text_like(
    'a number as text, in DynamoDB\'s own form, such as "1" and "0.5"',
    _is_number,
    lambda part: _NUMBERS_BEGIN.fullmatch(part) is not None,
    lambda part: _NUMBERS_END.fullmatch(part) is not None,
)
BINARY: Final = text_like("base64 text", _is_base64, lambda part: _IN_BASE64.fullmatch(part) is not None)
KEY_BINARY: Final = BINARY._replace(told="base64 text that is not empty", has=_is_base64_of_some)

TAGS: Final[Mapping[str, Domain]] = {
    "S": TEXT, "N": NUMBER, "B": BINARY, "BOOL": one_of(*(True, False)), "NULL": one_of(*(True,)),
    "SS": TEXT, "NS": NUMBER, "BS": BINARY,
}  # fmt: skip
"""What is at the end of a path within an image, by the type tag there; of a set, its members."""

KEY_TAGS: Final[Mapping[str, Domain]] = {"S": KEY_TEXT, "N": NUMBER, "B": KEY_BINARY}
"""What a key attribute is, which cannot be empty ("Constraints" in the same guide)."""
