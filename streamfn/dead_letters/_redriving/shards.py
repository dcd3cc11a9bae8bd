"""Reading a stream again: a stretch of a shard that a document is about, and the record of a truncated letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Final, Literal, TypeAlias, cast

from typing_extensions import TypeVar

from streamfn._clients import OnFirstUse, error_code, named, turned_away
from streamfn._entries import member, record_of
from streamfn._get_records import as_lambda_sends
from streamfn._records import Record
from streamfn._time import SecondsLeft
from streamfn._wire import as_text, magnitude
from streamfn.dead_letters._clients import GetRecordsOutput, StreamsClient
from streamfn.dead_letters._redriving.documents import Document

T = TypeVar("T")

Wait: TypeAlias = Callable[[float], None]
"""Waits so many seconds: `time.sleep`, but in tests."""

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""How long to wait before each further try, in seconds, where DynamoDB turns a request away."""

IDLE: Final = 100
"""After so many answers in a row that bring nothing, the shard counts as one that cannot be read."""

IDLE_AT_ONCE: Final = 10
"""So many, where one record is looked for: a shard that has it gives it at once, or after a page that is empty."""

_GONE: Final = frozenset({"ResourceNotFoundException", "TrimmedDataAccessException"})
"""What is said of a shard, or of records in it, that the stream no longer has after 24 hours."""


_NOT_HERE: Final = _GONE | {"ValidationException"}
"""The message about a number that the shard does not have, or no longer, while another one may."""

_Kind: TypeAlias = Literal["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"]


class Forgotten(Exception):
    """Raised where the stream no longer has what is to be read; says what it answered."""


class Unreachable(Exception):
    """Raised where the stream cannot be read; says what it answered."""


@dataclass(frozen=True, slots=True)
class Shards:
    """Reads shards, and waits where it is asked to."""

    client: OnFirstUse[StreamsClient]
    seconds_left: SecondsLeft
    wait: Wait = sleep

    def read(self, document: Document) -> list[Record]:
        """Give all records of a document's range, as Lambda would send them; the batch's are among them.

        Fails with `Forgotten` and with `Unreachable`.
        """
        try:
            return self._range(document)
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the document stays)
            if error_code(error) in _GONE:
                raise Forgotten(named(error)) from None
            raise Unreachable(named(error)) from None

    def find(self, stream: str, number: str) -> Record:
        """Give the record of a sequence number, as Lambda would send it, from whichever shard has it.

        Fails with `Forgotten` and with `Unreachable`.
        """
        try:
            return self._found(stream, number)
        except (Forgotten, Unreachable):
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the letter stays)
            if error_code(error) in _GONE:
                raise Forgotten(named(error)) from None
            raise Unreachable(named(error)) from None

    def _found(self, stream: str, number: str) -> Record:
        """Look into each shard whose range holds the number: beside one another lie as many as the table has parts."""
        undecided = False
        for shard in list(self._shards_around(stream, magnitude(number))):
            try:
                record = self._at(stream, shard, number)
            except Unreachable:
                undecided = True
            except Exception as error:
                if error_code(error) not in _NOT_HERE:
                    raise
            else:
                if record is not None:
                    return record
        if undecided:
            raise Unreachable("a shard that may have the record is open, and gives nothing")
        raise Forgotten("no shard of the stream has the record")

    def _shards_around(self, stream: str, place: tuple[int, str]) -> Iterator[str]:
        """Name the shards whose range holds a number; one that is open has no end yet."""
        last: str | None = None
        while True:
            description = self._description(stream, last)
            shards = description.get("Shards")
            for shard in cast("list[object]", shards) if isinstance(shards, list) else ():
                name, numbers = as_text(member(shard, "ShardId")), member(shard, "SequenceNumberRange")
                start = as_text(member(numbers, "StartingSequenceNumber"))
                end = as_text(member(numbers, "EndingSequenceNumber"))
                begins_behind = start is not None and magnitude(start) > place
                ends_before = end is not None and magnitude(end) < place
                if name is not None and not begins_behind and not ends_before:
                    yield name
            if not (last := as_text(description.get("LastEvaluatedShardId"))):
                return

    def _description(self, stream: str, last: str | None) -> Mapping[str, object]:
        client = self.client()
        if last is None:
            answer = self._ask(lambda: client.describe_stream(StreamArn=stream))
        else:
            answer = self._ask(lambda: client.describe_stream(StreamArn=stream, ExclusiveStartShardId=last))
        return answer["StreamDescription"]

    def _at(self, stream: str, shard: str, number: str) -> Record | None:
        """Give the record of a number; None where the shard has none, so that another or the end comes first."""
        position: str | None = self._position(stream, shard, "AT_SEQUENCE_NUMBER", number)
        for _ in range(IDLE_AT_ONCE):
            if position is None:
                return None
            if (page := self._page(position)) is None:  # which takes longer than all these pages do
                break
            if page["Records"]:
                record = record_of(as_lambda_sends(page["Records"][0], stream), 0)
                return record if magnitude(record.sequence_number or "") == magnitude(number) else None
            position = page.get("NextShardIterator")
        raise Unreachable("the shard is open, and does not come to the record")

    def _range(self, document: Document) -> list[Record]:
        """Read page by page until the end of the range, or of the shard, which has no next iterator then."""
        found: list[Record] = []
        position: str | None = self._iterator(document, found)
        end, idle = magnitude(document.end), 0
        while position is not None and idle < IDLE:
            idle += 1
            if (page := self._page(position)) is None:
                position = self._iterator(document, found)
                continue
            for raw in page["Records"]:
                idle = 0
                record = record_of(as_lambda_sends(raw, document.stream), len(found))
                place = magnitude(record.sequence_number or "")
                if place <= end:
                    found.append(record)
                if place >= end:
                    return found
            position = page.get("NextShardIterator")
        if position is not None:
            raise Unreachable("the shard is open, and does not come to the end of the range")
        return found

    def _iterator(self, document: Document, found: list[Record]) -> str:
        """Begin with the range, or go on after what is found."""
        last = found[-1].sequence_number if found else None
        kind: _Kind = "AT_SEQUENCE_NUMBER" if last is None else "AFTER_SEQUENCE_NUMBER"
        return self._position(document.stream, document.shard, kind, last or document.start)

    def _position(self, stream: str, shard: str, kind: _Kind, number: str) -> str:
        answer = self._ask(
            lambda: self.client().get_shard_iterator(
                StreamArn=stream, ShardId=shard, ShardIteratorType=kind, SequenceNumber=number
            )
        )
        return answer["ShardIterator"]

    def _page(self, position: str) -> GetRecordsOutput | None:
        """Read a page; None where its iterator is too old, which it is after 15 minutes."""
        try:
            return self._ask(lambda: self.client().get_records(ShardIterator=position))
        except Exception as error:
            if error_code(error) == "ExpiredIteratorException":
                return None
            raise

    def _ask(self, request: Callable[[], T]) -> T:
        for pause in PAUSES:
            try:
                return request()
            except Exception as error:
                if turned_away(error) is None or self.seconds_left() <= pause:
                    raise
            self.wait(pause)
        return request()
