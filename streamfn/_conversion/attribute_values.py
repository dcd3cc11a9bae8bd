"""One attribute value and one Python value: tags, numbers, scalars, plain values."""

from __future__ import annotations

import sys
from binascii import Error as BadBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Context, Decimal, InvalidOperation
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast, get_args

from typing_extensions import TypeVar

from streamfn._conversion.hooks import StructureHook, Unfit, UnstructureHook
from streamfn._records import is_map, json_type

if TYPE_CHECKING:
    from uuid import UUID


# Type tags: how DynamoDB writes down of which type a value is.

TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
"""All type tags of an attribute value (DynamoDB API Reference, `AttributeValue`)."""

SCALAR_TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
"""The tags of attribute values that hold one thing."""

KeyTag: TypeAlias = Literal["B", "N", "S"]
"""The type of a key (DynamoDB API Reference, `AttributeDefinition`)."""

KEY_TAGS: Final = frozenset[str](get_args(KeyTag))
"""The types that a key may be of."""

SET_TAGS: Final = {"SS": "S", "NS": "N", "BS": "B"}
"""The tags of sets, and of their elements."""


def content(value: object, tag: str) -> object:
    """Take what an attribute value of this tag holds. Fails with `Unfit` if it has another tag.

    >>> content({"N": "3"}, "N")
    '3'
    """
    if is_map(value) and len(value) == 1 and tag in value:
        return value[tag]
    raise Unfit(f"expected {tag}, got {found_in(value)}")


def tagged(value: object) -> tuple[str, object]:
    """Take an attribute value of any tag apart. Fails with `Unfit` if it is no attribute value.

    >>> tagged({"N": "3"})
    ('N', '3')
    """
    if is_map(value) and len(value) == 1:
        ((tag, held),) = value.items()
        if tag in TAGS:
            return tag, held
    raise Unfit(f"expected an attribute value, got {found_in(value)}")


def found_in(value: object) -> str:
    """Say what was found instead of an attribute value of the wanted tag."""
    if not is_map(value):
        return f"no object but {json_type(value)}"
    if len(value) != 1:
        return f"an object of {len(value)} types" if value else "an empty object"
    (tag,) = value
    return tag if tag in TAGS else "an unknown type"


# Numbers: DynamoDB writes them as text, and means them exactly.
#
# They have up to 38 significant digits and a magnitude of up to 9.9…E+125 (DynamoDB Developer Guide, "Supported
# data types and naming rules"). Reading is exact for more than that, and bounded, so that no text costs more
# than its length; writing refuses what DynamoDB would.

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


# Scalars: the attribute values that hold one thing, and the Python types for them.
#
# Each type has a function that reads an attribute value and one that writes it. They read strictly: what is not
# exactly of the type is refused, because a wrong value costs more than a failed record.

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


# Plain Python values: the escape hatch for the untyped parts of a model, its fields of type ``object``.
#
# A number becomes a `Decimal`, a set a frozenset, a binary `bytes`, a list and a map become a list and a dict.

_READERS = {"S": read_text, "N": read_decimal, "B": read_bytes, "BOOL": read_bool, "NULL": read_none}


def read_plain(value: object, _: object = None) -> object:
    """Make of any attribute value what it means.

    >>> read_plain({"L": [{"N": "1"}, {"SS": ["a"]}, {"M": {"key": {"NULL": True}}}]})
    [Decimal('1'), frozenset({'a'}), {'key': None}]
    """
    tag, held = tagged(value)
    if tag in _READERS:
        return _READERS[tag](value)
    if tag == "M":
        if is_map(held):
            return {key: read_plain(each) for key, each in held.items()}
        raise Unfit(f"expected an object in M, got {json_type(held)}")
    if not isinstance(held, list):
        raise Unfit(f"expected a list in {tag}, got {json_type(held)}")
    elements = cast("list[object]", held)
    if tag == "L":
        return [read_plain(each) for each in elements]
    return frozenset(read_plain({SET_TAGS[tag]: each}) for each in elements)


def write_plain(value: object) -> dict[str, object]:
    """Make an attribute value of a plain one. Fails with `ValueError` for what DynamoDB has no type for.

    >>> write_plain([1, {"key": None}])
    {'L': [{'N': '1'}, {'M': {'key': {'NULL': True}}}]}
    """
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value).items()
        return {"M": {_map_key(key): write_plain(each) for key, each in entries}}
    if isinstance(value, AbstractSet):
        if not value:
            raise ValueError(
                "DynamoDB stores no empty set, and nothing says here that there is one: leave it out"
            )
        return write_set([write_plain(each) for each in cast("AbstractSet[object]", value)])
    if is_binary(value):
        return write_binary(value)
    if (scalar := scalar_of_value(value)) is not None:
        return cast("dict[str, object]", scalar.write(value))  # what all scalars write
    if isinstance(value, Sequence):
        return {"L": [write_plain(each) for each in cast("Sequence[object]", value)]}
    raise ValueError(f"DynamoDB has no type for a {type(value).__name__}")


def write_set(elements: Sequence[object]) -> dict[str, object]:
    """Make the attribute value of a set from those of its elements; an empty one is NULL, for want of a type.

    Fails with `ValueError` if they are not all text, all numbers or all binary.
    """
    if not elements:
        return {"NULL": True}
    tags = {tag for tag, _ in map(tagged, elements)}
    if len(tags) == 1 and (tag := tags.pop()) in SET_TAGS.values():
        return {f"{tag}S": [held for _, held in map(tagged, elements)]}
    raise ValueError("a set holds only text, only numbers or only binary")


def _map_key(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise ValueError(f"a map's keys are text, got {type(key).__name__}")
