"""Scalars: the attribute values that hold one thing, and the Python types for them.

Each type has a function that reads an attribute value and one that writes it. They read strictly: what is not
exactly of the type is refused, because a wrong value costs more than a failed record.
"""

from __future__ import annotations

import sys
from binascii import Error as BadBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from typing_extensions import TypeVar

from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.numbers import read_decimal, read_float, read_int, write_number
from streamfn._conversion.problems import Unfit
from streamfn._conversion.tags import content
from streamfn._wire import json_type

if TYPE_CHECKING:
    from uuid import UUID

V = TypeVar("V")

_BINARY: Final = ("boto3.dynamodb.types", "Binary")
"""The module and the name of boto3's type for binary values."""


def read_text(value: object, _: object = None) -> str:
    """Structure a `str`."""
    text = content(value, "S")
    if isinstance(text, str):
        return text
    raise Unfit(f"expected text in S, got {json_type(text)}")


def read_bool(value: object, _: object = None) -> bool:
    """Structure a `bool`."""
    truth = content(value, "BOOL")
    if type(truth) is bool:
        return truth
    raise Unfit(f"expected true or false in BOOL, got {json_type(truth)}")


def read_bytes(value: object, _: object = None) -> bytes:
    """Structure `bytes`, which are base64 text in a Lambda event and bytes in what boto3 gives."""
    held = content(value, "B")
    if isinstance(held, bytes | bytearray):
        return bytes(held)
    if isinstance(held, str):
        try:
            return a2b_base64(held, strict_mode=True)
        except (BadBase64, ValueError):  # ValueError: text beyond ASCII
            raise Unfit("expected base64 in B, got other text") from None
    raise Unfit(f"expected base64 in B, got {json_type(held)}")


def read_none(value: object, _: object = None) -> None:
    """Structure None."""
    content(value, "NULL")


class Scalar(NamedTuple):
    """How a type is read and written, and the type tag that it goes by."""

    tag: str
    read: StructureHook
    write: UnstructureHook


def read_datetime(value: object, _: object = None) -> datetime:
    """Structure a `datetime` from ISO 8601."""
    moment = _parsed(value, datetime.fromisoformat, "datetime")
    if moment.tzinfo is None:
        raise Unfit("expected a datetime with its offset from UTC in S, got one without")
    return moment


def _write_datetime(value: object) -> dict[str, object]:
    return {"S": aware(value).isoformat()}


def read_date(value: object, _: object = None) -> date:
    """Structure a `date` from ISO 8601."""
    return _parsed(value, date.fromisoformat, "date")


def read_uuid(value: object, _: object = None) -> UUID:
    """Structure a `UUID`."""
    from uuid import UUID  # loaded by whoever has a field of it

    return _parsed(value, UUID, "UUID")


def read_binary(value: object, _: object = None) -> object:
    """Structure a `Binary`, boto3's own type for binary values."""
    # Whoever has a field of it has loaded its module, which nothing here may import.
    make: Callable[[bytes], object] = vars(sys.modules[_BINARY[0]])[_BINARY[1]]
    return make(read_bytes(value))


def write_binary(value: object) -> dict[str, object]:
    """Unstructure what holds bytes, boto3's `Binary` among it. Fails with `ValueError` for anything else."""
    held: object = getattr(value, "value", None) if _name_of(type(value)) == _BINARY else value
    if isinstance(held, bytes | bytearray | memoryview):
        return {"B": bytes(cast("bytes", held))}  # whatever a memoryview is of
    raise ValueError(f"expected bytes, got {type(value).__name__}")


def is_binary(value: object) -> bool:
    """Whether a value holds bytes that can be written, without being `bytes`."""
    return isinstance(value, bytearray | memoryview) or _name_of(type(value)) == _BINARY


def _write_none(_: object) -> dict[str, object]:
    return {"NULL": True}


def _parsed(value: object, parse: Callable[[str], V], name: str) -> V:
    text = read_text(value)
    try:
        return parse(text)
    except ValueError:
        raise Unfit(f"expected the text of a {name} in S, got other text") from None


def aware(value: object) -> datetime:
    """Take a value for a datetime with its offset from UTC. Fails with `ValueError` if it is none."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise ValueError("a datetime needs its offset from UTC to be stored")


def _writer(tag: str, form: Callable[[V], object]) -> UnstructureHook:
    # cattrs calls it for the type that it is registered for.
    return lambda value: {tag: form(cast("V", value))}


SCALARS_BY_TYPE: Final[Mapping[type, Scalar]] = {
    bool: Scalar("BOOL", read_bool, _writer("BOOL", bool)),
    str: Scalar("S", read_text, _writer("S", str.__str__)),
    int: Scalar("N", read_int, write_number),
    float: Scalar("N", read_float, write_number),
    Decimal: Scalar("N", read_decimal, write_number),
    bytes: Scalar("B", read_bytes, write_binary),
    NoneType: Scalar("NULL", read_none, _write_none),
    datetime: Scalar("S", read_datetime, _write_datetime),
    date: Scalar("S", read_date, _writer("S", date.isoformat)),
}


_NAMED_SCALARS: Final[Mapping[tuple[str, str], Scalar]] = {
    ("uuid", "UUID"): Scalar("S", read_uuid, _writer("S", str)),
    _BINARY: Scalar("B", read_binary, write_binary),
}
"""Types of modules that are heavy, or not there: known by module and name, so that nothing has to load them."""

SCALARS: Final = (*SCALARS_BY_TYPE.values(), *_NAMED_SCALARS.values())
"""How types of one value each are read and written."""


def scalar_of(hint: object) -> Scalar | None:
    """Find how a type of one value is read and written; None for other types, subclasses of one among them."""
    if not isinstance(hint, type):
        return None
    return SCALARS_BY_TYPE.get(hint) or _NAMED_SCALARS.get(_name_of(hint))


def is_named_scalar(hint: object) -> bool:
    """Whether a type is of one value, and known by its name."""
    return isinstance(hint, type) and _name_of(hint) in _NAMED_SCALARS


def _name_of(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def scalar_of_value(value: object) -> Scalar | None:
    """Find how a value is written, by its class or one of its bases; None if that is no type of one value."""
    return next((each for each in map(scalar_of, type(value).__mro__) if each is not None), None)
