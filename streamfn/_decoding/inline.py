"""Inline: how the usual form of a scalar is read in one expression, with every check that its hook would make."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from streamfn._conversion.epochs import EPOCHS
from streamfn._conversion.hooks import StructureHook
from streamfn._conversion.numbers import EXACT, LONGEST
from streamfn._conversion.scalars import SCALARS_BY_TYPE, read_uuid
from streamfn._markers import EpochMilliseconds


class Named(NamedTuple):
    """An object that an expression needs, and what it means where its name does not say it."""

    thing: object
    meaning: str = ""


class Inline(NamedTuple):
    """An expression that reads what an attribute value with this tag holds, written ``{0}``, if `usual` is true.

    Where it is not, the hook is called by its `name`. `names` are what the expressions need, by what stands for
    their names there.
    """

    tag: str
    name: str
    usual: str
    expression: str
    names: Mapping[str, Named] = {}


# They let through some text that is no number, such as 1-2, and of what is no text nothing: that raises, and so is
# left to the hooks.
_WHOLE: Final = "{0}.isdecimal() and {0}.isascii()"
_WHOLE_OR_NEGATIVE: Final = '({0}.isdecimal() or {0}.lstrip("-").isdecimal()) and {0}.isascii()'
_WITHOUT_EXPONENT: Final = 'not {0}.strip("0123456789.-")'

_BY_TYPE: Final[Mapping[type, Inline]] = {
    str: Inline("S", "read_text", "type({0}) is str", "{0}"),
    bool: Inline("BOOL", "read_bool", "type({0}) is bool", "{0}"),
    int: Inline("N", "read_int", _WHOLE_OR_NEGATIVE, "int({0})"),
    float: Inline(
        "N",
        "read_float",
        f"len({{0}}) <= 300 and {_WITHOUT_EXPONENT}",  # no number so short is too large for a float
        "float({0})",
    ),
    Decimal: Inline(
        "N",
        "read_decimal",
        f"len({{0}}) <= {LONGEST} and {_WITHOUT_EXPONENT}",
        "{Decimal}({0}, {EXACT})",
        {"Decimal": Named(Decimal), "EXACT": Named(EXACT, "the context that refuses what is no number")},
    ),
    bytes: Inline(
        "B",
        "read_bytes",
        "type({0}) is str",
        "{a2b_base64}({0}, strict_mode=True)",
        {"a2b_base64": Named(a2b_base64)},
    ),
    datetime: Inline(
        "S",
        "read_datetime",
        "(moment := {fromisoformat}({0})).tzinfo is not None",
        "moment",
        {"fromisoformat": Named(datetime.fromisoformat, "that of datetime")},
    ),
    date: Inline(
        "S",
        "read_date",
        "type({0}) is str",
        "{date_from}({0})",
        {"date_from": Named(date.fromisoformat, "date.fromisoformat")},
    ),
}

_SECONDS: Final = Inline(
    "N",
    "read_epoch_seconds",
    _WHOLE,
    "{fromtimestamp}(int({0}), {UTC})",
    {"fromtimestamp": Named(datetime.fromtimestamp, "that of datetime"), "UTC": Named(UTC)},
)

_INLINE: Final[Sequence[tuple[StructureHook, Inline]]] = (
    *((SCALARS_BY_TYPE[cls].read, inline) for cls, inline in _BY_TYPE.items()),
    *((scalar.read, _SECONDS) for marker, scalar in EPOCHS if marker is not EpochMilliseconds),
)


def inline_of(hook: StructureHook) -> Inline | None:
    """Find how to do inline what a hook does; None where it is to be called, as those of the user are."""
    if hook is read_uuid:
        from uuid import UUID  # loaded by the model's module; many models have none

        return Inline("S", "read_uuid", "type({0}) is str", "{UUID}({0})", {"UUID": Named(UUID)})
    return next((inline for known, inline in _INLINE if known is hook), None)
