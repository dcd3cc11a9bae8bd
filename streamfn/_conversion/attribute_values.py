"""Attribute values: type tags, numbers, the table of scalar types, times as numbers, and plain values."""

from __future__ import annotations

import sys
from binascii import Error as BadBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from math import isfinite
from types import NoneType
from typing import Final, NamedTuple, TypeAlias, cast, get_args

from typing_extensions import TypeVar

from streamfn._conversion.hooks import StructureError, StructureHook, UnstructureHook
from streamfn._records import KeyTag, is_map, json_type

# Type tags: the key of an attribute value, which names the type of its value.

TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
"""All type tags of an attribute value (DynamoDB API Reference, `AttributeValue`)."""

SCALAR_TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL"})
"""The tags of attribute values that hold one value."""

KEY_TAGS: Final = frozenset[str](get_args(KeyTag))
"""The types of a key."""

SET_TAGS: Final = {"SS": "S", "NS": "N", "BS": "B"}
"""The tags of sets, and of their elements."""


def expect_tag(value: object, tag: str) -> object:
    """Return the value under this tag. Raises `StructureError` for an attribute value with another tag.

    >>> expect_tag({"N": "3"}, "N")
    '3'
    """
    if is_map(value) and len(value) == 1 and tag in value:
        return value[tag]
    raise StructureError(f"expected {tag}, got {describe(value)}")


def split_tag(value: object) -> tuple[str, object]:
    """Return the tag and the value of an attribute value. Raises `StructureError` for any other object.

    >>> split_tag({"N": "3"})
    ('N', '3')
    """
    if is_map(value) and len(value) == 1:
        ((tag, content),) = value.items()
        if tag in TAGS:
            return tag, content
    raise StructureError(f"expected an attribute value, got {describe(value)}")


def describe(value: object) -> str:
    """Return the words of a message for an object that is no attribute value of the expected tag."""
    if not is_map(value):
        return f"no object but {json_type(value)}"
    if len(value) != 1:
        return f"an object of {len(value)} types" if value else "an empty object"
    (tag,) = value
    return tag if tag in TAGS else "an unknown type"


# Numbers: DynamoDB writes them as text, and they are exact.
#
# They have up to 38 significant digits and a magnitude of up to 9.9…E+125 (DynamoDB Developer Guide, "Supported
# data types and naming rules"). Structuring is exact for more digits than those, and bounded, so that the cost of a
# text is bounded by its length; unstructuring refuses a number that DynamoDB would refuse.

_CHARACTERS: Final = frozenset("0123456789+-.eE")
EXACT: Final = Context(traps=[InvalidOperation])
"""`Decimal(text, context)` takes only the traps from a context and rounds nothing."""

_WIDE: Final = Context(prec=1100, traps=[InvalidOperation])
MAX_CHARACTERS: Final = 1000
"""The most characters, and the largest exponent, of a number; a whole one may have as many digits as `int` takes."""

_SIGNIFICANT_DIGITS: Final = 38
_SMALLEST_EXPONENT: Final = -130
_LARGEST_EXPONENT: Final = 125


def number_text(value: object) -> str:
    """Return the text of a number. Raises `StructureError` for an attribute value that is no N."""
    text = expect_tag(value, "N")
    if not isinstance(text, str):
        raise StructureError(f"expected text in N, got {json_type(text)}")
    return text


def parse_decimal(text: str) -> Decimal:
    """Return the exact number of a text. Raises `StructureError` for a text that is no number.

    >>> parse_decimal("0.10000000000000000000000000000000000000000001")
    Decimal('0.10000000000000000000000000000000000000000001')
    """
    if len(text) > MAX_CHARACTERS:
        raise _too_long(text)
    try:
        if (
            _CHARACTERS.issuperset(text)
            and abs((number := Decimal(text, EXACT)).adjusted()) <= MAX_CHARACTERS
        ):
            return number
    except InvalidOperation:
        pass
    raise StructureError("expected a number in N, got other text")


def structure_decimal(value: object, _: object = None) -> Decimal:
    """Structure a `Decimal`."""
    return parse_decimal(number_text(value))


def structure_int(value: object, _: object = None) -> int:
    """Structure an `int`. Raises `StructureError` for a number with a fraction."""
    text = number_text(value)
    digits = text.removeprefix("-")
    if digits.isdecimal() and digits.isascii():
        try:
            return int(text)
        except ValueError:
            raise _too_long(text) from None
    number = parse_decimal(text)
    if number != number.to_integral_value():
        raise StructureError("expected a whole number in N, got a fraction")
    return int(number)


def structure_float(value: object, _: object = None) -> float:
    """Structure a `float`: the one nearest to the number."""
    number = float(parse_decimal(number_text(value)))
    if not isfinite(number):
        raise StructureError("expected a number in the range of float, got a larger one")
    return number


def unstructure_number(value: object) -> dict[str, object]:
    """Unstructure a number, in the form that DynamoDB returns: no exponent, no needless zero.

    Raises `ValueError` for a number that DynamoDB does not store.

    >>> unstructure_number(Decimal("1.50")), unstructure_number(3), unstructure_number(1e20)
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


def _too_long(text: str) -> StructureError:
    return StructureError(f"expected a number, got {len(text)} characters")


def _decimal_from(value: object) -> Decimal:
    if isinstance(value, int):
        return Decimal(int(value))  # also of subclasses, which may print themselves otherwise
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    raise ValueError(f"expected a number, got {type(value).__name__}")


# Hooks of scalar types. They are strict: an attribute value that is not exactly of the type is refused, because a
# wrong value costs more than a failed record.

V = TypeVar("V")


def structure_str(value: object, _: object = None) -> str:
    """Structure a `str`."""
    text = expect_tag(value, "S")
    if isinstance(text, str):
        return text
    raise StructureError(f"expected text in S, got {json_type(text)}")


def structure_bool(value: object, _: object = None) -> bool:
    """Structure a `bool`."""
    truth = expect_tag(value, "BOOL")
    if type(truth) is bool:
        return truth
    raise StructureError(f"expected true or false in BOOL, got {json_type(truth)}")


def structure_bytes(value: object, _: object = None) -> bytes:
    """Structure `bytes`: base64 text in a Lambda event, bytes from boto3."""
    content = expect_tag(value, "B")
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    if isinstance(content, str):
        try:
            return a2b_base64(content, strict_mode=True)
        except (BadBase64, ValueError):  # ValueError: text beyond ASCII
            raise StructureError("expected base64 in B, got other text") from None
    raise StructureError(f"expected base64 in B, got {json_type(content)}")


def structure_none(value: object, _: object = None) -> None:
    """Structure None."""
    expect_tag(value, "NULL")


def structure_datetime(value: object, _: object = None) -> datetime:
    """Structure a `datetime` from ISO 8601. Raises `StructureError` for one without its offset from UTC."""
    moment = _parse(value, datetime.fromisoformat, "datetime")
    if moment.tzinfo is None:
        raise StructureError("expected a datetime with its offset from UTC in S, got one without")
    return moment


def structure_date(value: object, _: object = None) -> date:
    """Structure a `date` from ISO 8601."""
    return _parse(value, date.fromisoformat, "date")


def structure_binary(value: object, _: object = None) -> object:
    """Structure a `Binary`, boto3's own type for binary values."""
    make = cast("Callable[[bytes], object]", _load(_BINARY))
    return make(structure_bytes(value))


def unstructure_binary(value: object) -> dict[str, object]:
    """Unstructure bytes, boto3's `Binary` included. Raises `ValueError` for any other value."""
    content: object = getattr(value, "value", None) if _name_of(type(value)) == _BINARY else value
    if isinstance(content, bytes | bytearray | memoryview):
        return {"B": bytes(cast("bytes", content))}  # a memoryview may be of any type
    raise ValueError(f"expected bytes, got {type(value).__name__}")


def is_binary(value: object) -> bool:
    """Whether a value is binary, and no `bytes`."""
    return isinstance(value, bytearray | memoryview) or _name_of(type(value)) == _BINARY


def _unstructure_none(_: object) -> dict[str, object]:
    return {"NULL": True}


def _unstructure_datetime(value: object) -> dict[str, object]:
    return {"S": _require_offset(value).isoformat()}


def _unstructure_as(tag: str, convert: Callable[[V], object]) -> UnstructureHook:
    # cattrs calls the hook with values of the type for which the hook is registered.
    return lambda value: {tag: convert(cast("V", value))}


def _parse(value: object, parse: Callable[[str], V], name: str) -> V:
    text = structure_str(value)
    try:
        return parse(text)
    except ValueError:
        raise StructureError(f"expected the text of a {name} in S, got other text") from None


def _require_offset(value: object) -> datetime:
    """Return a datetime with its offset from UTC. Raises `ValueError` for any other value."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise ValueError("a datetime needs its offset from UTC to be stored")


# The table of scalar types. One row says all of a type: its tag and both of its hooks, and its inline form in compiled
# decoders. The strategy of `streamfn.testing.strategies` is hypothesis' own, where DynamoDB sets no limit.


class Symbol(NamedTuple):
    """An object that an expression names, returned by `load`, and a `meaning` where its name does not say enough."""

    load: Callable[[], object]
    meaning: str = ""


class InlineForm(NamedTuple):
    """An expression for the content of an attribute value, ``{0}``, which is valid where `usual` is true.

    Elsewhere a decoder calls the hook. `symbols` are the objects that both expressions name in braces.
    """

    usual: str
    expression: str
    symbols: Mapping[str, Symbol] = {}


class Scalar(NamedTuple):
    """A row of the table: a type tag, both hooks, and the inline form, without which decoders call the hook."""

    tag: str
    structure_hook: StructureHook
    unstructure_hook: UnstructureHook
    inline: InlineForm | None = None


TypeName: TypeAlias = tuple[str, str]
"""The module and the qualified name of a class that no module of this library loads."""

_BINARY: Final[TypeName] = ("boto3.dynamodb.types", "Binary")
_IS_TEXT: Final = "type({0}) is str"
# These conditions also hold for some texts that are no number, such as 1-2. They raise for an object that is no text.
# The expression raises for such a text, and each exception sends the image to the hooks.
_IS_WHOLE: Final = "{0}.isdecimal() and {0}.isascii()"
_IS_WHOLE_OR_NEGATIVE: Final = '({0}.isdecimal() or {0}.lstrip("-").isdecimal()) and {0}.isascii()'
_HAS_NO_EXPONENT: Final = 'not {0}.strip("0123456789.-")'


def text_scalar(name: TypeName) -> Scalar:
    """Return the row of a class that is called with its text, and of which `str` returns the text."""

    def structure(value: object, _: object = None) -> object:
        return _parse(value, cast("Callable[[str], object]", _load(name)), name[1])

    structure.__name__ = f"structure_{name[1].lower()}"
    symbols = {name[1]: Symbol(lambda: _load(name))}
    return Scalar(
        "S", structure, _unstructure_as("S", str), InlineForm(_IS_TEXT, f"{{{name[1]}}}({{0}})", symbols)
    )


def _load(name: TypeName) -> object:
    """Return a class by its name. A model with a field of the class has loaded its module."""
    return vars(sys.modules[name[0]])[name[1]]


SCALARS: Final[dict[type | TypeName, Scalar]] = {
    bool: Scalar(
        "BOOL", structure_bool, _unstructure_as("BOOL", bool), InlineForm("type({0}) is bool", "{0}")
    ),
    str: Scalar("S", structure_str, _unstructure_as("S", str.__str__), InlineForm(_IS_TEXT, "{0}")),
    int: Scalar("N", structure_int, unstructure_number, InlineForm(_IS_WHOLE_OR_NEGATIVE, "int({0})")),
    float: Scalar(
        "N",
        structure_float,
        unstructure_number,
        # No number so short is too large for a float.
        InlineForm(f"len({{0}}) <= 300 and {_HAS_NO_EXPONENT}", "float({0})"),
    ),
    Decimal: Scalar(
        "N",
        structure_decimal,
        unstructure_number,
        InlineForm(
            f"len({{0}}) <= {MAX_CHARACTERS} and {_HAS_NO_EXPONENT}",
            "{Decimal}({0}, {EXACT})",
            {
                "Decimal": Symbol(lambda: Decimal),
                "EXACT": Symbol(lambda: EXACT, "the context that refuses what is no number"),
            },
        ),
    ),
    bytes: Scalar(
        "B",
        structure_bytes,
        unstructure_binary,
        InlineForm(
            _IS_TEXT, "{a2b_base64}({0}, strict_mode=True)", {"a2b_base64": Symbol(lambda: a2b_base64)}
        ),
    ),
    NoneType: Scalar("NULL", structure_none, _unstructure_none),
    datetime: Scalar(
        "S",
        structure_datetime,
        _unstructure_datetime,
        InlineForm(
            "(moment := {fromisoformat}({0})).tzinfo is not None",
            "moment",
            {"fromisoformat": Symbol(lambda: datetime.fromisoformat, "that of datetime")},
        ),
    ),
    date: Scalar(
        "S",
        structure_date,
        _unstructure_as("S", date.isoformat),
        InlineForm(
            _IS_TEXT,
            "{date_from}({0})",
            {"date_from": Symbol(lambda: date.fromisoformat, "date.fromisoformat")},
        ),
    ),
    ("uuid", "UUID"): text_scalar(("uuid", "UUID")),
    _BINARY: Scalar("B", structure_binary, unstructure_binary),
}
"""The scalar types, by class, or by name where this library does not load the module of the class."""


# Times as numbers: of seconds or milliseconds since 1970. A marker in the annotation of a `datetime` chooses one of
# these rows.

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _epoch_scalar(
    unit: timedelta, name: str, inline: InlineForm | None = None, *, whole: bool = False
) -> Scalar:
    """Return the row of a `datetime` as a number of units since 1970; `whole` drops fractions when it is stored."""
    per_unit = Decimal(unit // _MICROSECOND)

    def structure(value: object, _: object = None) -> datetime:
        try:
            # The decimal context of the program may round; this one does not.
            return _EPOCH + int(_WIDE.multiply(structure_decimal(value), per_unit)) * _MICROSECOND
        except OverflowError:
            raise StructureError("expected a time between the years 1 and 9999 in N, got another") from None

    def unstructure(value: object) -> dict[str, object]:
        passed = _require_offset(value) - _EPOCH
        if whole:
            return unstructure_number(passed // unit)
        return unstructure_number(_WIDE.divide(Decimal(passed // _MICROSECOND), per_unit))

    structure.__name__ = f"structure_{name}"
    return Scalar("N", structure, unstructure, inline)


_SECONDS: Final = InlineForm(
    _IS_WHOLE,
    "{fromtimestamp}(int({0}), {UTC})",
    {"fromtimestamp": Symbol(lambda: datetime.fromtimestamp, "that of datetime"), "UTC": Symbol(lambda: UTC)},
)
EPOCH_SECONDS: Final = _epoch_scalar(timedelta(seconds=1), "epoch_seconds", _SECONDS)
EPOCH_MILLISECONDS: Final = _epoch_scalar(timedelta(milliseconds=1), "epoch_milliseconds")
TIME_TO_LIVE: Final = _epoch_scalar(timedelta(seconds=1), "epoch_seconds", _SECONDS, whole=True)


def scalar_of(hint: object) -> Scalar | None:
    """Return the row of a type; None for any other type, a subclass of one in the table included."""
    if not isinstance(hint, type):
        return None
    return SCALARS.get(hint) or SCALARS.get(_name_of(hint))


def is_named_scalar(hint: object) -> bool:
    """Whether the table holds a type by name."""
    return isinstance(hint, type) and _name_of(hint) in SCALARS


def scalar_of_hook(hook: StructureHook) -> Scalar | None:
    """Return the row of a structure hook; None for a hook that is in no row."""
    rows = (*SCALARS.values(), EPOCH_SECONDS, EPOCH_MILLISECONDS, TIME_TO_LIVE)
    return next((each for each in rows if each.structure_hook is hook), None)


def scalar_of_value(value: object) -> Scalar | None:
    """Return the row of a value's class, or of the first of its bases that has one; None if none has."""
    return next((each for each in map(scalar_of, type(value).__mro__) if each is not None), None)


def _name_of(cls: type) -> TypeName:
    return cls.__module__, cls.__qualname__


# Plain Python values, for the untyped parts of a model: its fields of type ``object``.
#
# A number becomes a `Decimal`, a set a frozenset, a binary `bytes`, a list and a map become a list and a dict.

_PLAIN_HOOKS: Final[Mapping[str, StructureHook]] = {
    "S": structure_str,
    "N": structure_decimal,
    "B": structure_bytes,
    "BOOL": structure_bool,
    "NULL": structure_none,
}


def structure_plain(value: object, _: object = None) -> object:
    """Structure any attribute value by its tag.

    >>> structure_plain({"L": [{"N": "1"}, {"SS": ["a"]}, {"M": {"key": {"NULL": True}}}]})
    [Decimal('1'), frozenset({'a'}), {'key': None}]
    """
    tag, content = split_tag(value)
    if tag in _PLAIN_HOOKS:
        return _PLAIN_HOOKS[tag](value, None)
    if tag == "M":
        if is_map(content):
            return {key: structure_plain(each) for key, each in content.items()}
        raise StructureError(f"expected an object in M, got {json_type(content)}")
    if not isinstance(content, list):
        raise StructureError(f"expected a list in {tag}, got {json_type(content)}")
    elements = cast("list[object]", content)
    if tag == "L":
        return [structure_plain(each) for each in elements]
    return frozenset(structure_plain({SET_TAGS[tag]: each}) for each in elements)


def unstructure_plain(value: object) -> dict[str, object]:
    """Unstructure a value by its own type. Raises `ValueError` for a type that DynamoDB does not have.

    >>> unstructure_plain([1, {"key": None}])
    {'L': [{'N': '1'}, {'M': {'key': {'NULL': True}}}]}
    """
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value).items()
        return {"M": {_map_key(key): unstructure_plain(each) for key, each in entries}}
    if isinstance(value, AbstractSet):
        if not value:
            raise ValueError(
                "DynamoDB stores no empty set, and nothing says here that there is one: leave it out"
            )
        return set_value([unstructure_plain(each) for each in cast("AbstractSet[object]", value)])
    if is_binary(value):
        return unstructure_binary(value)
    if (scalar := scalar_of_value(value)) is not None:
        return cast("dict[str, object]", scalar.unstructure_hook(value))  # the form of all scalars
    if isinstance(value, Sequence):
        return {"L": [unstructure_plain(each) for each in cast("Sequence[object]", value)]}
    raise ValueError(f"DynamoDB has no type for a {type(value).__name__}")


def set_value(elements: Sequence[object]) -> dict[str, object]:
    """Return the attribute value of a set, made of those of its elements: NULL for an empty set, which has no type.

    Raises `ValueError` if the elements are not all text, all numbers or all binary.
    """
    if not elements:
        return {"NULL": True}
    tags = {tag for tag, _ in map(split_tag, elements)}
    if len(tags) == 1 and (tag := tags.pop()) in SET_TAGS.values():
        return {f"{tag}S": [content for _, content in map(split_tag, elements)]}
    raise ValueError("a set holds only text, only numbers or only binary")


def _map_key(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise ValueError(f"a map's keys are text, got {type(key).__name__}")
