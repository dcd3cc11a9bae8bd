"""Numbers: DynamoDB writes them as text, and means them exactly.

They have up to 38 significant digits and a magnitude of up to 9.9…E+125 (DynamoDB Developer Guide, "Supported
data types and naming rules"). Reading is exact for more than that, and bounded, so that no text costs more
than its length; writing refuses what DynamoDB would.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from math import isfinite
from typing import Final

from streamfn._conversion.problems import Unfit
from streamfn._conversion.tags import content
from streamfn._wire import json_type

_CHARACTERS: Final = frozenset("0123456789+-.eE")
EXACT: Final = Context(traps=[InvalidOperation])
"""`Decimal(text, context)` takes only the traps from a context and rounds nothing."""

_WIDE: Final = Context(prec=1100, traps=[InvalidOperation])
LONGEST: Final = 1000
"""The most characters, and the largest exponent, of a number; a whole one may have as many digits as `int` takes."""

_SIGNIFICANT_DIGITS: Final = 38
_SMALLEST_EXPONENT: Final = -130
_LARGEST_EXPONENT: Final = 125


def number_text(value: object) -> str:
    """Take the text of a number out of an attribute value."""
    text = content(value, "N")
    if not isinstance(text, str):
        raise Unfit(f"expected text in N, got {json_type(text)}")
    return text


def decimal_of(text: str) -> Decimal:
    """Read a number exactly. Fails with `Unfit` if the text is none.

    >>> decimal_of("0.10000000000000000000000000000000000000000001")
    Decimal('0.10000000000000000000000000000000000000000001')
    """
    if len(text) > LONGEST:
        raise _too_long(text)
    try:
        if _CHARACTERS.issuperset(text) and abs((number := Decimal(text, EXACT)).adjusted()) <= LONGEST:
            return number
    except InvalidOperation:
        pass
    raise Unfit("expected a number in N, got other text")


def read_decimal(value: object, _: object = None) -> Decimal:
    """Structure a `Decimal`."""
    return decimal_of(number_text(value))


def read_int(value: object, _: object = None) -> int:
    """Structure an `int`; a number with a fraction is none."""
    text = number_text(value)
    digits = text.removeprefix("-")
    if digits.isdecimal() and digits.isascii():
        try:
            return int(text)
        except ValueError:
            raise _too_long(text) from None
    number = decimal_of(text)
    if number != number.to_integral_value():
        raise Unfit("expected a whole number in N, got a fraction")
    return int(number)


def read_float(value: object, _: object = None) -> float:
    """Structure a `float`: the one nearest to the number."""
    number = float(decimal_of(number_text(value)))
    if not isfinite(number):
        raise Unfit("expected a number in the range of float, got a larger one")
    return number


def write_number(value: object) -> dict[str, object]:
    """Unstructure a number, in the form that DynamoDB hands out: no exponent, no needless zero.

    Fails with `ValueError` for one that DynamoDB does not store.

    >>> write_number(Decimal("1.50")), write_number(3), write_number(1e20)
    ({'N': '1.5'}, {'N': '3'}, {'N': '100000000000000000000'})
    """
    number = value if isinstance(value, Decimal) else _decimal_from(value)
    if not number.is_finite():
        raise ValueError("DynamoDB stores finite numbers only")
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > _SIGNIFICANT_DIGITS:
        raise ValueError(f"DynamoDB stores {_SIGNIFICANT_DIGITS} significant digits, got {len(digits)}")
    if number and not _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT:
        raise ValueError("DynamoDB stores magnitudes from 1E-130 to 9.9E+125")
    return {"N": f"{_WIDE.create_decimal(number).normalize(_WIDE):f}" if number else "0"}


def multiplied(number: Decimal, factor: Decimal) -> Decimal:
    """Multiply, whatever the decimal context of the program is."""
    return _WIDE.multiply(number, factor)


def divided(number: Decimal, divisor: Decimal) -> Decimal:
    """Divide, whatever the decimal context of the program is."""
    return _WIDE.divide(number, divisor)


def _too_long(text: str) -> Unfit:
    return Unfit(f"expected a number, got {len(text)} characters")


def _decimal_from(value: object) -> Decimal:
    if isinstance(value, int):
        return Decimal(int(value))  # also of subclasses, which may print themselves otherwise
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    raise ValueError(f"expected a number, got {type(value).__name__}")
