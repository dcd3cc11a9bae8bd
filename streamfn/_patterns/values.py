"""Values: what stands at the end of a path, in the form in which it is compared."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from decimal import Context, Decimal
from math import isfinite
from typing import Final, TypeAlias

Comparable: TypeAlias = str | Decimal
"""A number, or what is written in JSON for anything else: text in its quotes, ``true``, ``false`` or ``null``.

The quotes keep text apart from the words, and take part in comparisons: they are the beginning and the end of text.
"""

LARGEST: Final = Decimal(5_000_000_000)
"""How far from zero numeric comparisons reach, to six decimal places ("Numeric matching" in EventBridge's guide)."""

_STEP: Final = Decimal("0.000001")
_EXACT: Final = Context(prec=40)
"""More digits than a numeric value within reach can have; the program's own context may have fewer."""


def comparable(value: object) -> Comparable:
    """Give the form in which a value is compared.

    Binaries are base64 text to Lambda; boto3 hands over bytes, and times as such.

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
    """Tell whether numeric comparisons see a value: a number that is not too large, nor of too many places."""
    return isinstance(value, Decimal) and value.copy_abs() <= LARGEST and not _EXACT.remainder(value, _STEP)
