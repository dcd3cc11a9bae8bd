"""Tables that a ledger is tried on: one in memory, and one with moods. And the time that passes meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from botocore.exceptions import ClientError

from streamfn._clients import OnFirstUse
from streamfn.ledgers import LedgerClient
from streamfn.ledgers._client import Page, Written, make_client
from streamfn.ledgers._segment_log import SegmentLog

NAME = "card-ledger"
NOW = 1_800_000_000

Item = Mapping[str, Mapping[str, object]]
Key = tuple[str, str]


class Put(TypedDict):
    PutRequest: Mapping[str, Item]


COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "=": str.__eq__,
    ">": str.__gt__,
    ">=": str.__ge__,
}


def text(item: Item, name: str) -> str:
    """Give an attribute that is text."""
    value = item[name]["S"]
    assert isinstance(value, str)
    return value


def key_of(item: Item) -> Key:
    return text(item, "stream"), text(item, "segment")


def size(item: Item) -> int:
    """Count an item's bytes as DynamoDB does, and those of a number as if it were text, which is never less."""
    contents = [content for value in item.values() for content in value.values()]
    return sum(len(name.encode()) for name in item) + sum(
        len(content if isinstance(content, bytes) else str(content).encode()) for content in contents
    )


@dataclass
class MemoryTable:
    """A table in memory, as far as a ledger knows tables; it refuses what DynamoDB would refuse, and counts.

    A page of a query is full with `page_size` items. That is before the filter: after it, there may be none.
    """

    page_size: int = 1_000
    items: dict[Key, Item] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def query(
        self,
        *,
        TableName: str,
        ConsistentRead: bool,
        KeyConditionExpression: str,
        FilterExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Item,
        ExclusiveStartKey: Item | None = None,
    ) -> Page:
        assert TableName == NAME
        assert ConsistentRead, "what another invocation has just written would be missing"

        def fulfils(item: Item, expression: str) -> bool:
            """Evaluate comparisons joined by AND. With an attribute that is missing, one is false, and its NOT true."""
            comparisons = [each.removeprefix("NOT ").split(" ") for each in expression.split(" AND ")]
            return all(
                expression.startswith("NOT ")
                != (
                    ExpressionAttributeNames[name] in item
                    and COMPARISONS[operator](
                        text(item, ExpressionAttributeNames[name]), text(ExpressionAttributeValues, value)
                    )
                )
                for name, operator, value in comparisons
            )

        after = ("", "") if ExclusiveStartKey is None else key_of(ExclusiveStartKey)
        rest = [self.items[key] for key in sorted(self.items) if key > after]
        page = [item for item in rest if fulfils(item, KeyConditionExpression)][: self.page_size]
        found = [item for item in page if fulfils(item, FilterExpression)]
        self.pages.append(len(found))
        if len(page) < self.page_size:
            return {"Items": found}
        return {"Items": found, "LastEvaluatedKey": {name: page[-1][name] for name in ("stream", "segment")}}

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[Put]]) -> Written:
        assert [NAME] == list(RequestItems)
        new = {key_of(item): item for item in (each["PutRequest"]["Item"] for each in RequestItems[NAME])}
        assert 1 <= len(new) == len(RequestItems[NAME]) <= 25
        assert not self.items.keys() & new.keys(), "an item would take the place of another"
        assert all(size(item) < 400_000 for item in new.values())
        self.items |= new
        self.batches.append(len(new))
        return {"UnprocessedItems": {}}

    def damage(self, **attributes: Mapping[str, object]) -> None:
        """Change attributes of every item."""
        self.items = {key: {**item, **attributes} for key, item in self.items.items()}


@dataclass
class Moody:
    """A table with a mood for each call, at first: it raises, or leaves all but so many items unwritten."""

    table: MemoryTable
    moods: list[Exception | int]

    def query(self, **request: object) -> Page:
        self._mood(0)
        query: Callable[..., Page] = self.table.query
        return query(**request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[Put]]) -> Written:
        requests = RequestItems[NAME]
        most = self._mood(len(requests))
        if requests[:most]:
            self.table.batch_write_item(RequestItems={NAME: requests[:most]})
        return {"UnprocessedItems": {NAME: requests[most:]}} if requests[most:] else {}

    def _mood(self, usual: int) -> int:
        mood = self.moods.pop(0) if self.moods else usual
        if isinstance(mood, Exception):
            raise mood
        return mood


def refusal(code: str) -> ClientError:
    """Make what boto3 raises for an error code."""
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "Query")


@dataclass
class Time:
    """The time that is left; it passes while somebody waits, and nobody waits for longer than there is."""

    left: float = float("inf")
    waits: list[float] = field(default_factory=list)

    def seconds_left(self) -> float:
        return self.left

    def wait(self, seconds: float) -> None:
        assert seconds < self.left
        self.left -= seconds
        self.waits.append(seconds)


def log_on(client: LedgerClient, time: Time) -> SegmentLog:
    """Make what a ledger is made of, with a time that does not really pass."""
    return SegmentLog(NAME, OnFirstUse(make_client, client), wait=time.wait, now=lambda: float(NOW))
