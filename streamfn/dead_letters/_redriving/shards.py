"""Reading a stretch of a shard again: what Lambda's documents are about, if they do not carry it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import Final, TypeAlias

from typing_extensions import TypeVar

from streamfn._clients import OnFirstUse, error_code, named, turned_away
from streamfn._entries import record_of
from streamfn._get_records import as_lambda_sends
from streamfn._records import Record
from streamfn._time import SecondsLeft
from streamfn._wire import magnitude
from streamfn.dead_letters._clients import GetRecordsOutput, StreamsClient
from streamfn.dead_letters._redriving.documents import Document

T = TypeVar("T")

Wait: TypeAlias = Callable[[float], None]
"""Waits so many seconds: `time.sleep`, but in tests."""

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""How long to wait before each further try, in seconds, where DynamoDB turns a request away."""

IDLE: Final = 100
"""After so many answers in a row that bring nothing, the shard counts as one that cannot be read."""

_GONE: Final = frozenset({"ResourceNotFoundException", "TrimmedDataAccessException"})
"""What is said of a shard, or of records in it, that the stream no longer has after 24 hours."""


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
        answer = self._ask(
            lambda: self.client().get_shard_iterator(
                StreamArn=document.stream,
                ShardId=document.shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER" if last is None else "AFTER_SEQUENCE_NUMBER",
                SequenceNumber=last or document.start,
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
