"""Domains: the values that a field can have; and shapes: the fields that a record can have."""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from json import dumps
from typing import Final, Literal, NamedTuple, TypeAlias

from streamfn._patterns.syntax import IGNORE_CASE, MAX_NUMBER, comparable, is_array, parse_conditions
from streamfn._records import EVENT_NAMES, EVENT_SOURCE, EventName, ImageName, StreamViewType, is_map

# Domains: the values that a field of a stream record can have, and the elements of an array that one of them
# satisfies.
#
# The content of `N` is text, and so is that of `B`: a number or binary in a pattern would equal none of them. DynamoDB
# writes each number in one form, without redundant digits ("Number" in "Data types" of the Amazon DynamoDB Developer
# Guide): 1 and not 1.0, 150 and not 1.5E2.

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?([eE]-[0-9]+)?")
_NUMBERS_BEGIN: Final = re.compile(r"-?((0|[1-9][0-9]*)(\.[0-9]*)?([eE](-[0-9]*)?)?)?")
_NUMBERS_END: Final = re.compile(r"-?[0-9]*(\.[0-9]*[1-9])?([eE]-[0-9]+)?")
_MOST_DIGITS: Final = 38
"""The number of significant digits ("Number" in the same place)."""

_IN_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_REGION: Final = re.compile(r"[a-z0-9-]+")
_EXACT: Final = Context(prec=2_000)


def _any(_: str) -> bool:
    return True


class Domain(NamedTuple):
    """The values of a field: one of some `values`, or numbers from 0 on that are multiples of `step`, or text.

    `told` describes them for people. For text, `has` says whether a text is possible, `begins` and `ends` whether a
    text is a possible beginning or end.
    """

    told: str
    values: tuple[object, ...] = ()
    step: Decimal | None = None
    has: Callable[[str], bool] = _any
    begins: Callable[[str], bool] = _any
    ends: Callable[[str], bool] = _any

    def lacks(self, element: object) -> str | None:
        """Return why no value satisfies a well-formed element of an array; None if one does.

        An exclusion of an impossible value has no effect, and is hardly intended.
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
            wanted = parse_conditions("$", [{operator: operand}])
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
        """Describe the possible values, and suggest an element, if there is one."""
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
    """List the values that an exclusion excludes, each as an element of an array."""
    if is_map(operand):
        ((operator, texts),) = operand.items()
        return [{operator: text} for text in (texts if is_array(texts) else [texts])]
    return operand if is_array(operand) else [operand]


def _is_met(operand: object, step: Decimal) -> bool:
    """Return whether a well-formed range contains a number from 0 on that is a multiple of the step."""
    least, most = Decimal(0), MAX_NUMBER / step
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
    """Return the domain of some texts. A possible beginning is a possible end, unless `ends` differs."""
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

TAG_DOMAINS: Final[Mapping[str, Domain]] = {
    "S": TEXT, "N": NUMBER, "B": BINARY, "BOOL": one_of(*(True, False)), "NULL": one_of(*(True,)),
    "SS": TEXT, "NS": NUMBER, "BS": BINARY,
}  # fmt: skip
"""The value at the end of a path within an image, by its type tag; for a set, its members."""

KEY_TAG_DOMAINS: Final[Mapping[str, Domain]] = {"S": KEY_TEXT, "N": NUMBER, "B": KEY_BINARY}
"""The values of a key attribute, which cannot be empty ("Constraints" in the same guide)."""


# Shapes: the fields of stream records, for each of the ways in which records arrive.
#
# A record of a DynamoDB stream is the same in Lambda's event, from GetRecords, through an EventBridge pipe and in a
# document of an OnFailure destination (`Record` and `StreamRecord` in the DynamoDB Streams API Reference, with the
# names of "Example DynamoDB Streams record event" in the AWS Lambda Developer Guide). Through Kinesis Data Streams it
# has a member `tableName` and no view type, and `kinesis` holds the fields of its entry; a record of an export has a
# `tableName` too, and neither number nor size.

Transport: TypeAlias = Literal["stream", "kinesis", "export", "data"]
"""The source of a record; `data` is a record through Kinesis as the filter of a mapping sees it, without its entry."""

TRANSPORTS: Final[tuple[Transport, ...]] = ("stream", "kinesis", "export")
"""The ways that the pattern of a table is checked for."""

DATA: Final = "data"
"""The member of a Kinesis entry that contains the record."""


_OF_ARN: Final = 5
"""The number of colons before the resource of an ARN, which may contain more."""


class Leaf(NamedTuple):
    """A field with a value: the ways in which a record may have it, and those in which it always does.

    `nothing` are the ways in which the field may be null.
    """

    domain: Domain
    ways: tuple[Transport, ...] = (*TRANSPORTS, "data")
    always: tuple[Transport, ...] = ()
    nothing: tuple[Transport, ...] = ()


class ItemAttributes(NamedTuple):
    """A field with attributes of the item."""

    part: ImageName


class Fields(NamedTuple):
    """A field with fields; `leaf` is its value if it has no fields."""

    fields: Mapping[str, Node]
    leaf: Leaf | None = None


Node: TypeAlias = Leaf | ItemAttributes | Fields


class Variant(NamedTuple):
    """A kind of record: the source, the event name, and the images."""

    way: Transport
    event_name: EventName
    view: StreamViewType | None
    parts: frozenset[ImageName]


_OF_EVENT: Final[Mapping[EventName, frozenset[ImageName]]] = {
    "INSERT": frozenset({"Keys", "NewImage"}),
    "MODIFY": frozenset({"Keys", "NewImage", "OldImage"}),
    "REMOVE": frozenset({"Keys", "OldImage"}),
}
_OF_VIEW: Final[Mapping[StreamViewType, frozenset[ImageName]]] = {
    StreamViewType.NEW_AND_OLD_IMAGES: frozenset({"Keys", "NewImage", "OldImage"}),
    StreamViewType.NEW_IMAGE: frozenset({"Keys", "NewImage"}),
    StreamViewType.OLD_IMAGE: frozenset({"Keys", "OldImage"}),
    StreamViewType.KEYS_ONLY: frozenset({"Keys"}),
}


def parts_of(event_name: EventName, view: StreamViewType) -> frozenset[ImageName]:
    """List the parts that hold attributes, in a record of a stream of a view type."""
    return _OF_EVENT[event_name] & _OF_VIEW[view]


def variants() -> Iterator[Variant]:
    """List the kinds of records that there are."""
    for event_name in EVENT_NAMES:
        for view in _OF_VIEW:
            yield Variant("stream", event_name, view, parts_of(event_name, view))
            yield Variant("export", event_name, view, parts_of(event_name, view))
        yield Variant("kinesis", event_name, None, _OF_EVENT[event_name])
        yield Variant("data", event_name, None, _OF_EVENT[event_name])
        yield Variant("export", event_name, None, _OF_EVENT[event_name])


_S: Final[tuple[Transport, ...]] = ("stream",)
_D: Final[tuple[Transport, ...]] = ("kinesis", "data")
_K: Final[tuple[Transport, ...]] = ("kinesis",)
_SK: Final[tuple[Transport, ...]] = ("stream", "kinesis")
_SD: Final[tuple[Transport, ...]] = ("stream", "kinesis", "data")
_DE: Final[tuple[Transport, ...]] = ("kinesis", "data", "export")
_ALL: Final[tuple[Transport, ...]] = (*TRANSPORTS, "data")

EVENT_NAME: Final = Leaf(one_of(*EVENT_NAMES), always=_ALL)
BY_TIME_TO_LIVE: Final = Leaf(TEXT, ("stream", "kinesis", "data"))
"""The identity of an expired item's deletion; other records have none (`Record` in the same reference)."""

VIEW_TYPE: Final = Leaf(one_of(*(view.value for view in StreamViewType)), ("stream", "export"), _S)

_KINESIS: Final[Mapping[str, Leaf]] = {
    **{
        name: Leaf(TEXT, _K)
        for name in (
            "kinesisSchemaVersion", "partitionKey", "encryptionType", "eventID", "eventName", "eventSource",
            "eventSourceARN", "eventVersion", "awsRegion", "invokeIdentityArn",
        )
    },
    "sequenceNumber": Leaf(DIGITS, _K),
    "approximateArrivalTimestamp": Leaf(TIME, _K),
}  # fmt: skip
"""The fields of an entry in Lambda's event of a Kinesis stream, or a pipe's ("Kinesis record event" in the same
guide).
"""

_ENTRY: Final[Mapping[str, Node]] = {
    name: node._replace(ways=("data",))
    for name, node in _KINESIS.items()
    if name != "eventName"  # the filter sees the event name of the change
}
"""The fields of an entry beside its data that a filter sees ("Using event filtering" with Kinesis in that guide)."""

DYNAMODB: Final[Mapping[str, Node]] = {
    "Keys": ItemAttributes("Keys"),
    "NewImage": ItemAttributes("NewImage"),
    "OldImage": ItemAttributes("OldImage"),
    "SequenceNumber": Leaf(DIGITS, _SK, _S),
    "StreamViewType": VIEW_TYPE,
    "SizeBytes": Leaf(COUNT, _SD),
    "ApproximateCreationDateTime": Leaf(TIME),
    "ApproximateCreationDateTimePrecision": Leaf(one_of("MILLISECOND", "MICROSECOND"), _D),
}


def record_fields(table_names: Sequence[str], ways: Collection[Transport]) -> Fields:
    """List the fields that a record of one of these tables has on some of these ways."""
    return _on(ways, Fields(_record_fields(table_names)))


def kinesis_entry_fields(record: Fields) -> Fields:
    """List the fields that an entry of Kinesis has, as the filter of a mapping sees it, with a record in its data."""
    return Fields({DATA: record, **_ENTRY})


def _on(ways: Collection[Transport], whole: Fields) -> Fields:
    fields: dict[str, Node] = {}
    for name, node in whole.fields.items():
        if isinstance(node, Fields):
            if (within := _on(ways, node)).fields:
                fields[name] = within
        elif isinstance(node, ItemAttributes) or any(way in ways for way in node.ways):
            fields[name] = node
    leaf = whole.leaf
    return Fields(fields, leaf if leaf is not None and any(way in ways for way in leaf.ways) else None)


def _record_fields(table_names: Sequence[str]) -> Mapping[str, Node]:
    return {
        "eventID": Leaf(TEXT, always=_ALL),
        "eventName": EVENT_NAME,
        "eventVersion": Leaf(TEXT, _S),
        "eventSource": Leaf(one_of(EVENT_SOURCE)),
        "awsRegion": Leaf(REGION, nothing=("export",)),
        "eventSourceARN": Leaf(_stream_of(table_names), _SK, _SK),
        "userIdentity": Fields(
            {"type": BY_TIME_TO_LIVE, "principalId": BY_TIME_TO_LIVE},
            Leaf(Domain("an object of type and principalId, or null through Kinesis", (None,)), _D),
        ),
        "dynamodb": Fields(DYNAMODB),
        "tableName": Leaf(one_of(*table_names) if table_names else TEXT, _DE, _DE),
        "recordFormat": Leaf(TEXT, _D),
        "kinesis": Fields(_KINESIS),
    }


def _stream_of(table_names: Sequence[str]) -> Domain:
    """Make the domain of the ARNs of the tables' streams, and of Kinesis streams.

    These are ``arn:PARTITION:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`` and
    ``arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME`` ("Actions, resources, and condition keys" of each service in
    the Service Authorization Reference).
    """
    resources = {
        "dynamodb": [f"table/{name}/stream/" for name in table_names],
        "kinesis": ["stream/"],
    }

    def has(text: str) -> bool:
        return ":kinesis:" in text or any(f":{resource}" in text for resource in resources["dynamodb"])

    def begins(text: str) -> bool:
        prefix, _, service, _, _, resource, *_ = *text.split(":", _OF_ARN), *[""] * _OF_ARN
        whole = text.count(":")
        return _leads(prefix, ["arn"], is_whole=whole > 0) and any(
            _leads(service, [name], is_whole=whole > 2)
            and any(known.startswith(resource) or resource.startswith(known) for known in known_resources)
            for name, known_resources in resources.items()
        )

    def ends(text: str) -> bool:
        start, slash, _ = text.rpartition("/")
        return not slash or any(
            known.endswith(f"{start}/") or f"{start}/".endswith(f":{known}")
            for each in resources.values()
            for known in each
        )

    return text_like(
        f"the ARN of a stream of {' or '.join(table_names)}, or of a Kinesis stream", has, begins, ends
    )


def _leads(text: str, names: Sequence[str], *, is_whole: bool) -> bool:
    """Return whether text is one of some names, or may become one."""
    return any(name == text if is_whole else name.startswith(text) for name in names)
