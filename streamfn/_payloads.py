"""The first stage: from the payload that a function receives to its stream records.

`read` checks each record once. An entry that does not pass stays in the list as a `MalformedRecord`: it has a
place in the batch, and losing sight of it would lose it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, Self, TypeAlias, cast

from typing_extensions import TypeVar

from streamfn._entries import member, record_of
from streamfn._envelopes import Envelope, opened
from streamfn._records import MalformedRecord, Record, StreamRecord, table_of
from streamfn._wire import EVENT_NAMES, EventName, RawRecord, as_text, is_map

W = TypeVar("W", bound="Way")


class Way(Protocol):
    """Where a record goes: to a fork if there is one, where `choose` gives the way from there."""

    @property
    def choose(self) -> Callable[[RawRecord], Self | None] | None:
        """Find the way that a record goes, which is None if nobody wants it."""
        ...


Ways: TypeAlias = Callable[[str | None], Mapping[EventName, W | None]]
"""Where records go, by the name of their table (None where there is none) and by what happened to the item."""

Take: TypeAlias = Callable[[int, Record, W | None], object]
"""Takes a record: its index in the batch, itself, and the way that it goes, which is None for a malformed one."""


class _Anywhere:
    """The way of records that are not to go anywhere in particular."""

    choose: None = None


_ANYWHERE: Final = dict.fromkeys(EVENT_NAMES, _Anywhere())


def _anywhere(_: str | None) -> Mapping[EventName, _Anywhere]:
    return _ANYWHERE


def read(payload: object) -> list[Record]:
    """Take the records out of a Lambda event, in the order of the batch, one element for each entry.

    `payload` is what Lambda hands to a function that is fed by a DynamoDB stream: ``{"Records": [record, …]}``; what
    GetRecords answers has that shape too. It may as well be the event of a Kinesis stream that carries the changes of
    tables, of which a record that comes twice is taken once; the list that a pipe of EventBridge sends; or a document
    with its records, as an OnFailure destination in S3 keeps it. A batch in which no entry comes from DynamoDB is not
    one of ours; a single stranger is a `MalformedRecord`.

    Fails with `NotAStreamEvent` if the payload is of another shape or of another service.

    >>> read({"Records": []})
    []
    >>> read({"Records": [{"eventSource": "aws:sqs", "body": "…"}]})
    Traceback (most recent call last):
    ...
    streamfn._envelopes.NotAStreamEvent: expected the event of a DynamoDB stream, ..., got records of aws:sqs
    """
    return records_in(opened(payload))


def records_in(envelope: Envelope) -> list[Record]:
    """Take the records out of an opened payload; see `read`."""
    records: list[Record] = []
    _read(_anywhere, envelope, lambda _, record, __: records.append(record))
    return records


def read_for(ways: Ways[W], payload: object, take: Take[W]) -> None:
    """Do what `read` does, and have the records taken, but for those whose way is None.

    What nobody wants is left out before it is checked. Fails with `NotAStreamEvent` as `read` does.
    """
    _read(ways, opened(payload), take)


def _read(ways: Ways[W], envelope: Envelope, take: Take[W]) -> None:
    if envelope.through_kinesis:
        from streamfn._kinesis import records_of  # few functions need it

        take_for(ways, records_of(envelope.entries), take)
        return
    arn: object = object()  # that of the record before, whose ways are known
    ways_of_arn: Mapping[EventName, W | None] = {}
    type_of, json_object, text = _names()
    # Entries are taken for JSON objects until something shows that one is none.
    for position, entry in enumerate(cast("list[Any]", envelope.entries)):
        is_sound = False
        try:
            if entry["eventSourceARN"] != arn:
                arn = entry["eventSourceARN"]
                table = table_of(as_text(arn))
                ways_of_arn = (
                    {} if table is None else ways(table)
                )  # without one, the record says which table it is of
            way = ways_of_arn[entry["eventName"]]
            if way is None:
                continue
            if way.choose is not None and (way := way.choose(entry)) is None:
                identity = entry.get("userIdentity")
                if identity is None or not ("PrincipalId" in identity or "Type" in identity):
                    continue  # and a record of GetRecords is chosen by the names that Lambda sends
            # What `_problem` asks, of a record as Lambda writes it, in the fewest steps; any other it judges itself.
            change = entry["dynamodb"]
            event_id = entry["eventID"]
            identity = entry.get("userIdentity", entry)
            is_sound = (
                type_of(entry) is json_object
                and type_of(change) is json_object
                and type_of(event_id) is text
                and event_id
                and entry["eventSource"] == "aws:dynamodb"
                and type_of(change["Keys"]) is json_object
                and type_of(change.get("NewImage", change)) is json_object
                and type_of(change.get("OldImage", change)) is json_object
                and (identity is entry or not ("PrincipalId" in identity or "Type" in identity))
            )
        except (KeyError, TypeError):
            way = None
        if way is not None and is_sound:
            record = StreamRecord()
            record._raw = entry  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (what `stream_record` does)
            take(position, record, way)
        else:
            take_for(ways, [record_of(entry, position)], take, position)


def _names() -> tuple[Callable[[object], object], object, object]:
    """Give what is looked at for each record, for names that are local, which are found faster."""
    return type, dict, str


def take_for(ways: Ways[W], records: Iterable[Record], take: Take[W], start: int = 0) -> None:
    """Have records taken that have been read, but for those whose way is None; the first has the index `start`."""
    arn: object = object()
    ways_of_arn: Mapping[EventName, W | None] | None = None
    for position, record in enumerate(records, start):
        if isinstance(record, MalformedRecord):
            if not _is_unwanted(record, ways):
                take(position, record, None)
            continue
        if (named := record.event_source_arn) != arn:
            arn, table = named, table_of(named)
            ways_of_arn = None if table is None else ways(table)
        way = (ways(record.table_name) if ways_of_arn is None else ways_of_arn)[record.event_name]
        if way is not None and way.choose is not None:
            way = way.choose(record._raw)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
        if way is not None:
            take(position, record, way)


def _is_unwanted(record: MalformedRecord, ways: Ways[Way]) -> bool:
    """Whether nobody would want an entry, were it a record: so much it says of its table and kind."""
    name = member(record.raw, "eventName")
    if not isinstance(name, str) or not is_map(record.raw) or name not in EVENT_NAMES:
        return False
    way = ways(record.table_name)[name]
    if way is not None and way.choose is not None:
        way = way.choose(cast("RawRecord", record.raw))  # patterns take whatever they are given
    return way is None
