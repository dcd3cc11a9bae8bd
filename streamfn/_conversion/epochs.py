"""Times that are written as numbers: of the seconds, or milliseconds, since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import NoneType
from typing import Final

from streamfn._conversion.numbers import divided, multiplied, read_decimal, write_number
from streamfn._conversion.problems import Unfit
from streamfn._conversion.scalars import Scalar, aware
from streamfn._conversion.types import Hint, annotations_in, bare, name_of_type, says
from streamfn._markers import EpochMilliseconds, EpochSeconds, TimeToLive
from streamfn._misuse import Misuse

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def epoch_of(hint: Hint) -> Scalar | None:
    """How a datetime is written that is marked to be a number. Fails with `Misuse` for what cannot be one."""
    marked = next((each for each in EPOCHS if says(annotations_in(hint), each[0])), None)
    if marked is None:
        return None
    marker, scalar = marked
    inner = bare(hint)
    if inner is datetime:
        return scalar
    if marker is TimeToLive or inner is NoneType:  # an int may be a time to live as it is
        return None
    raise Misuse(f"{marker.__name__} is for a datetime, not for {name_of_type(inner)}")


def _epoch(unit: timedelta, *, whole: bool = False) -> Scalar:
    """Make the reading and writing of a `datetime` as a number of units since 1970; `whole` drops fractions."""
    per_unit = Decimal(unit // _MICROSECOND)

    def read(value: object, _: object = None) -> datetime:
        try:
            return _EPOCH + int(multiplied(read_decimal(value), per_unit)) * _MICROSECOND
        except OverflowError:
            raise Unfit("expected a time between the years 1 and 9999 in N, got another") from None

    def write(value: object) -> dict[str, object]:
        passed = aware(value) - _EPOCH
        if whole:
            return write_number(passed // unit)
        return write_number(divided(Decimal(passed // _MICROSECOND), per_unit))

    return Scalar("N", read, write)


_SECOND: Final = timedelta(seconds=1)

EPOCHS: Final = (
    (EpochMilliseconds, _epoch(timedelta(milliseconds=1))),
    (TimeToLive, _epoch(_SECOND, whole=True)),
    (EpochSeconds, _epoch(_SECOND)),
)
"""Each marker, and how a datetime is read and written that bears it."""
