"""Tables that a ledger is tried on: one in memory, and one with moods. And the time that passes meanwhile."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypeAlias, TypedDict

from botocore.exceptions import ClientError

from streamfn._aws import BatchWriteItemOutput, LazyClient, QueryOutput, make_dynamodb
from streamfn.ledgers import Entry, LedgerClient, SequenceRange
from streamfn.ledgers._dynamodb import SegmentLog
from streamfn.ledgers._items import pack_entries, partition_key

NAME = "card-ledger"
NOW = 1_800_000_000
MEGABYTE = 1_048_576

Item = Mapping[str, Mapping[str, object]]
Key = tuple[str, str]
Kind: TypeAlias = Literal["reads", "writes"]


class Put(TypedDict):
    PutRequest: NotRequired[Mapping[str, Item]]
    DeleteRequest: NotRequired[Mapping[str, Item]]


COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "=": str.__eq__,
    ">": str.__gt__,
}


def text(item: Item, name: str, tag: str = "S") -> str:
    """Give an attribute that is text, or a number."""
    value = item[name][tag]
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

    A page of a query is full with `page_size` items, or with a megabyte of them. That is before the filter: after it,
    there may be none. `reads` and `writes` are the units that each partition has taken: a strongly consistent read
    takes one for 4 KB of all that was read, whatever a filter drops, and a write one for each KB of an item ("Read and
    write operations", Developer Guide).
    """

    page_size: int = 100_000
    items: dict[Key, Item] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    updates: list[Key] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter[str])
    writes: Counter[str] = field(default_factory=Counter[str])
    _sorted: dict[str, list[str]] = field(default_factory=dict)
    _sizes: dict[Key, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return len(self.pages) + len(self.batches) + len(self.updates)

    def query(
        self,
        *,
        TableName: str,
        ConsistentRead: bool,
        KeyConditionExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Item,
        FilterExpression: str | None = None,
        ExclusiveStartKey: Item | None = None,
    ) -> QueryOutput:
        assert TableName == NAME
        assert ConsistentRead, "what another invocation has just written would be missing"
        expressions = f"{KeyConditionExpression} {FilterExpression or ''}"
        assert_all_used(expressions, ExpressionAttributeNames, ExpressionAttributeValues)
        values = {name: text(ExpressionAttributeValues, name) for name in ExpressionAttributeValues}
        partition, begin, end = borders(KeyConditionExpression, ExpressionAttributeNames, values)
        self.admit(partition, "reads")
        keys = self._sorted.get(partition, [])
        start = bisect_left(keys, begin)
        if ExclusiveStartKey is not None:
            start = max(start, bisect_right(keys, text(ExclusiveStartKey, "segment")))
        page: list[Item] = []
        read = 0
        for segment in keys[start : start + self.page_size]:
            if segment > end or read > MEGABYTE:
                break
            page.append(self.items[partition, segment])
            read += self._sizes[partition, segment]
        found = page
        if FilterExpression is not None:
            comparisons = FilterExpression.split(" OR ")
            found = [
                item
                for item in page
                if any(fulfils(item, each, ExpressionAttributeNames, values) for each in comparisons)
            ]
        self.pages.append(len(found))
        self.take(partition, "reads", max(1, -(-read // 4_096)))
        is_last = start + len(page) >= len(keys) or keys[start + len(page)] > end
        if is_last and len(page) < self.page_size:
            return {"Items": found}
        return {"Items": found, "LastEvaluatedKey": {name: page[-1][name] for name in ("stream", "segment")}}

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[Put]]) -> BatchWriteItemOutput:
        assert [NAME] == list(RequestItems)
        new = {key_of(item): item for item in map(item_of, RequestItems[NAME])}
        assert 1 <= len(new) == len(RequestItems[NAME]) <= 25
        for key, item in new.items():
            if set(item) == {"stream", "segment"}:  # the key of one to delete
                continue
            assert size(item) < 400_000
            assert key not in self.items or lasting(item) == lasting(self.items[key]), "an item is lost"
        undone: list[Put] = []
        turned_away: Exception | None = None
        for put in RequestItems[NAME]:
            item = item_of(put)
            try:
                self.admit(text(item, "stream"), "writes")
            except ClientError as error:
                turned_away = error
                undone.append(put)
                continue
            if "PutRequest" in put:
                self._keep(item)
            else:
                self._remove(key_of(item))
            self.take(text(item, "stream"), "writes", -(-size(item) // 1_024))
        self.batches.append(len(new) - len(undone))
        if turned_away is not None and len(undone) == len(new):
            raise turned_away
        return {"UnprocessedItems": {NAME: undone} if undone else {}}

    def update_item(
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ConditionExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Item,
    ) -> object:
        """Do what sets attributes if one of them is not there, or is lower."""
        assert TableName == NAME
        expressions = f"{UpdateExpression} {ConditionExpression}"
        assert_all_used(expressions, ExpressionAttributeNames, ExpressionAttributeValues)
        condition = re.fullmatch(r"attribute_not_exists\((#\w+)\) OR \1 < (:\w+)", ConditionExpression)
        assert condition is not None, ConditionExpression
        before = self.items.get(key_of(Key), Key)
        name, bound = ExpressionAttributeNames[condition[1]], text(ExpressionAttributeValues, condition[2])
        self.updates.append(key_of(Key))
        self.admit(key_of(Key)[0], "writes")
        self.take(key_of(Key)[0], "writes", 1)  # also where the condition does not hold
        if name in before and text(before, name) >= bound:
            raise refusal("ConditionalCheckFailedException")
        changes = re.findall(r"(#\w+) = (:\w+)", UpdateExpression)
        assert UpdateExpression == "SET " + ", ".join(f"{each} = {value}" for each, value in changes)
        changed = {
            ExpressionAttributeNames[each]: ExpressionAttributeValues[value] for each, value in changes
        }
        self._keep({**before, **changed})
        return {}

    def expire(self, now: float) -> None:
        """Remove what has expired, as DynamoDB may do at once or days later."""
        for key in [key for key, item in self.items.items() if int(text(item, "expires_at", "N")) < now]:
            self._remove(key)

    def damage(self, **attributes: Mapping[str, object]) -> None:
        """Change attributes of every segment."""
        self.items = {
            key: {**item, **attributes} if "entries" in item else item for key, item in self.items.items()
        }

    def of_kind(self, attribute: str) -> list[Item]:
        """List the items that have an attribute."""
        return [item for item in self.items.values() if attribute in item]

    def _keep(self, item: Item) -> None:
        partition, segment = key_of(item)
        if (partition, segment) not in self.items:
            insort(self._sorted.setdefault(partition, []), segment)
        self.items[partition, segment] = item
        self._sizes[partition, segment] = size(item)

    def _remove(self, key: Key) -> None:
        """Remove an item; one that is not there is none the less gone."""
        if self.items.pop(key, None) is not None:
            self._sorted[key[0]].remove(key[1])

    def admit(self, partition: str, kind: Kind) -> None:
        """Let a request through, or turn it away; a table with limits does so where units are used up."""

    def take(self, partition: str, kind: Kind, units: int) -> None:
        """Count units."""
        counted = self.reads if kind == "reads" else self.writes
        counted[partition] += units


def item_of(request: Put) -> Item:
    """Give the item that is put, or the key of the one that is deleted."""
    if (put := request.get("PutRequest")) is not None:
        return put["Item"]
    delete = request.get("DeleteRequest")
    assert delete is not None
    return delete["Key"]


def lasting(item: Item) -> Item:
    """Leave out when an item expires."""
    return {name: value for name, value in item.items() if name != "expires_at"}


def assert_all_used(expressions: str, names: Mapping[str, str], values: Item) -> None:
    """Refuse what DynamoDB refuses: a name or value that is not used, and one that is not given."""
    assert set(re.findall(r"[#:]\w+", expressions)) == {*names, *values}


def borders(condition: str, names: Mapping[str, str], values: Mapping[str, str]) -> tuple[str, str, str]:
    """Find what a condition on keys asks for: a partition, and the first and the last sort key there."""
    found = re.fullmatch(
        r"(#\w+) = (:\w+)(?: AND (#\w+) (?:>= (:\w+)|BETWEEN (:\w+) AND (:\w+)))?", condition
    )
    assert found is not None, condition
    assert names[found[1]] == "stream"
    assert found[3] is None or names[found[3]] == "segment"
    begin, end = found[4] or found[5], found[6]
    return values[found[2]], values[begin] if begin else "", values[end] if end else "\U0010ffff"


def fulfils(item: Item, comparison: str, names: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Evaluate a comparison. With an attribute that is missing, one is false, and its NOT true."""
    name, operator, value = comparison.removeprefix("NOT ").split(" ")
    holds = names[name] in item and COMPARISONS[operator](text(item, names[name]), values[value])
    return holds != comparison.startswith("NOT ")


@dataclass
class Moody:
    """A table with a mood for each call, at first: it raises, or leaves all but so many items unwritten."""

    table: MemoryTable
    moods: list[Exception | int]

    def query(self, **request: object) -> QueryOutput:
        self._mood(0)
        query: Callable[..., QueryOutput] = self.table.query
        return query(**request)

    def batch_write_item(self, *, RequestItems: Mapping[str, Sequence[Put]]) -> BatchWriteItemOutput:
        requests = RequestItems[NAME]
        most = self._mood(len(requests))
        if requests[:most]:
            self.table.batch_write_item(RequestItems={NAME: requests[:most]})
        return {"UnprocessedItems": {NAME: requests[most:]}} if requests[most:] else {}

    def update_item(self, **request: object) -> object:
        self._mood(0)
        update: Callable[..., object] = self.table.update_item
        return update(**request)

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
    """The time that is left; it passes while somebody waits, and nobody waits for longer than there is.

    `now` is the moment, in seconds since 1970, which stands still until somebody sets it.
    """

    left: float = float("inf")
    waits: list[float] = field(default_factory=list)
    now: float = NOW

    def seconds_left(self) -> float:
        return self.left

    def wait(self, seconds: float) -> None:
        assert seconds < self.left
        self.left -= seconds
        self.waits.append(seconds)


def log_on(client: LedgerClient, time: Time) -> SegmentLog:
    """Make what a ledger is made of, with a time that does not really pass."""
    return SegmentLog(NAME, LazyClient(make_dynamodb, client), wait=time.wait, now=lambda: time.now)


def write_as_earlier(
    table: MemoryTable, sequence_range: SequenceRange, entries: Sequence[Entry], now: float = NOW
) -> None:
    """Write segments as versions did that had one partition for a scope and stream."""
    items = pack_entries(partition_key(sequence_range), sequence_range, entries, int(now) + 48 * 60 * 60)
    table.batch_write_item(RequestItems={NAME: [{"PutRequest": {"Item": item}} for item in items]})
