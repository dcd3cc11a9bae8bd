"""Samples of a table's items, from the table itself or from a file, and what the table says of its keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NotRequired, Protocol, TypedDict, cast

from typing_extensions import ReadOnly

from streamfn._conversion.containers import MOST_LEVELS
from streamfn._conversion.plain import read_plain
from streamfn._conversion.problems import Unfit
from streamfn._conversion.tags import tagged
from streamfn._misuse import Misuse
from streamfn._texts import encoding_of
from streamfn._wire import Image, is_map


class _KeyElement(TypedDict):
    AttributeName: ReadOnly[str]
    KeyType: ReadOnly[str]


class _AttributeDefinition(TypedDict):
    AttributeName: ReadOnly[str]
    AttributeType: ReadOnly[str]


class _Described(TypedDict):
    KeySchema: ReadOnly[Sequence[_KeyElement]]
    AttributeDefinitions: ReadOnly[Sequence[_AttributeDefinition]]


class DescribeTableOutput(TypedDict):
    """What DescribeTable tells, as far as it is asked here."""

    Table: ReadOnly[_Described]


class _TimeToLive(TypedDict):
    AttributeName: ReadOnly[NotRequired[str]]
    TimeToLiveStatus: ReadOnly[NotRequired[str]]


class DescribeTimeToLiveOutput(TypedDict):
    """What DescribeTimeToLive tells."""

    TimeToLiveDescription: ReadOnly[_TimeToLive]


class ScanOutput(TypedDict):
    """A page of items."""

    Items: ReadOnly[Sequence[Image]]
    LastEvaluatedKey: ReadOnly[NotRequired[Image]]


class TableClient(Protocol):
    """What is asked of boto3's client of DynamoDB."""

    def describe_table(self, *, TableName: str) -> DescribeTableOutput:  # noqa: N803 (AWS's own)
        """Describe a table."""
        ...

    def describe_time_to_live(self, *, TableName: str) -> DescribeTimeToLiveOutput:  # noqa: N803 (AWS's own)
        """Describe its time to live."""
        ...

    def scan(
        self,
        *,
        TableName: str,  # noqa: N803 (AWS's own)
        Limit: int,  # noqa: N803 (AWS's own)
        ExclusiveStartKey: Image = ...,  # noqa: N803 (AWS's own)
    ) -> ScanOutput:
        """Read a page of items."""
        ...


@dataclass(frozen=True)
class Keys:
    """The attributes that a table knows of; the type tags of its keys, where they are known."""

    partition: str | None
    sort: str | None
    time_to_live: str | None
    tags: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The key attributes."""
        return [name for name in (self.partition, self.sort) if name is not None]


def keys_of(client: TableClient, table: str) -> Keys:
    """Ask DynamoDB for a table's keys and its time to live."""
    described = client.describe_table(TableName=table)["Table"]
    by_type = {each["KeyType"]: each["AttributeName"] for each in described["KeySchema"]}
    told = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    expires = told.get("AttributeName") if told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} else None
    tags = {each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]}
    return Keys(by_type.get("HASH"), by_type.get("RANGE"), expires, tags)


def scanned(client: TableClient, table: str, limit: int) -> list[Image]:
    """Read up to so many items, of those that a scan comes to first."""
    items: list[Image] = []
    page = client.scan(TableName=table, Limit=limit)
    items.extend(page["Items"])
    while len(items) < limit and (last := page.get("LastEvaluatedKey")):
        page = client.scan(TableName=table, Limit=limit - len(items), ExclusiveStartKey=last)
        items.extend(page["Items"])
    return items


def read_items(path: Path, limit: int) -> list[Image]:
    """Read up to so many items of a file with one a line, in DynamoDB's JSON, as exports have them.

    Fails with `Misuse`, which names the line and quotes nothing of it.
    """
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.read(4))
        with path.open(encoding=encoding) as lines:
            return list(islice(_items(lines, path.name), limit))
    except OSError as error:
        raise Misuse(f"{path} could not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misuse(f"{path} is no text in UTF-8 or UTF-16") from None


def _items(lines: Iterator[str], name: str) -> Iterator[Image]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            item = _item(line)
            if item is None:
                raise Misuse(
                    f'{name}, line {number}: expected an item in DynamoDB\'s JSON, as in {{"id": {{"N": "1"}}}}'
                )
            yield item


def _item(line: str) -> Image | None:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if is_map(found) and is_map(inner := found.get("Item")) and not _is_value(inner):
        found = inner
    if not is_map(found):
        return None
    item = {name: value for name, value in found.items() if is_map(value) and _is_value(value)}
    return item if len(item) == len(found) else None


def _is_value(value: object) -> bool:
    """Whether it is an attribute value, which nests no deeper than DynamoDB stores and a module could say."""
    try:
        read_plain(value)
    except (Unfit, RecursionError):
        return False
    return _nests_at_most(MOST_LEVELS, value)


def _nests_at_most(levels: int, value: object) -> bool:
    """Whether an attribute value has so many lists and maps within one another, or fewer."""
    tag, held = tagged(value)
    if tag not in {"L", "M"}:
        return True
    # What lists and maps hold are attribute values, as `read_plain` has seen.
    within = held.values() if is_map(held) else cast("Sequence[object]", held)
    return levels > 0 and all(_nests_at_most(levels - 1, each) for each in within)
