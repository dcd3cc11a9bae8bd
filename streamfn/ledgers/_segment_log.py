"""The log of segments: what a ledger asks of its table, again where DynamoDB turns it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from streamfn._clients import OnFirstUse
from streamfn._ledger import Entry, Stretch
from streamfn._time import SecondsLeft
from streamfn._wire import Image
from streamfn.ledgers._backoff import Backoff, Wait
from streamfn.ledgers._client import LedgerClient
from streamfn.ledgers._segments import entries_of, items_of
from streamfn.ledgers._table import LIFETIME, LOWEST, SEGMENT, STREAM, partition_of, place_of

_AT_ONCE: Final = 25
"""How many items a BatchWriteItem takes; it takes 16 MB as well, and an item has less than 400 KB of them."""


class SegmentLog:
    """Adds segments to a table and finds them again, as the protocol `Ledger` asks for it."""

    def __init__(
        self, table_name: str, client: OnFirstUse[LedgerClient], *, wait: Wait, now: Callable[[], float]
    ) -> None:
        """Take the table, whoever waits, and whoever tells the seconds since 1970."""
        self._table_name = table_name
        self._client = client
        self._wait = wait
        self._now = now

    def read(self, stretch: Stretch, seconds_left: SecondsLeft, /) -> list[Entry]:
        """Give every entry of the segments that meet a stretch; see `DynamoDBLedger`."""
        backoff = Backoff(self._table_name, seconds_left, self._wait)
        return [entry for item in self._items(stretch, backoff) for entry in entries_of(item)]

    def write(self, stretch: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Add entries as new segments; see `DynamoDBLedger`."""
        backoff = Backoff(self._table_name, seconds_left, self._wait)
        items = items_of(stretch, entries, int(self._now() + LIFETIME.total_seconds()))
        for start in range(0, len(items), _AT_ONCE):
            self._add([{"PutRequest": {"Item": item}} for item in items[start : start + _AT_ONCE]], backoff)

    def _items(self, stretch: Stretch, backoff: Backoff) -> Iterator[Image]:
        """Ask for page after page: a segment meets a stretch if it ends behind its begin, and begins before its end.

        What does not begin behind its end is asked for, so that an item is not passed over for having lost
        its begin.
        """
        page = partial(
            self._client().query,
            TableName=self._table_name,
            ConsistentRead=True,
            KeyConditionExpression="#stream = :stream AND #segment >= :lowest",
            FilterExpression="NOT #lowest > :highest",
            ExpressionAttributeNames={"#stream": STREAM, "#segment": SEGMENT, "#lowest": LOWEST},
            ExpressionAttributeValues={
                ":stream": {"S": partition_of(stretch)},
                ":lowest": {"S": place_of(stretch.lowest)},
                ":highest": {"S": place_of(stretch.highest)},
            },
        )
        answer = backoff.ask(page)
        yield from answer["Items"]
        while last := answer.get("LastEvaluatedKey"):
            answer = backoff.ask(partial(page, ExclusiveStartKey=last))
            yield from answer["Items"]

    def _add(self, requests: Sequence[object], backoff: Backoff) -> None:
        """Send requests to write until none is left: DynamoDB may do some, and give back those that it has not done."""
        while requests:
            write = partial(self._client().batch_write_item, RequestItems={self._table_name: requests})
            undone = backoff.ask(write).get("UnprocessedItems", {})
            requests = [request for those in undone.values() for request in those]
            if requests:
                backoff.pause(f"{len(requests)} items were not written")
