"""Loads: batches of records for every library to read, each made from a seed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final

from streamfn import StreamViewType
from tests.benchmarks.images import KEYS, MAKERS, Shape
from tests.benchmarks.wire import Change, EventName, Image, Payload, Record, count_attributes

CHUNK: Final = 50
"""So many records are measured at a time."""

TABLE: Final = "prod-Card"

_STREAM: Final = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{TABLE}/stream/2026-01-02T00:00:00.000"

_EVENT_NAMES: Final[tuple[EventName, ...]] = ("INSERT", "MODIFY", "REMOVE")


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some records, in each of the forms that a library may take them in."""

    records: Sequence[Record]
    images: Sequence[Image]

    @cached_property
    def payload(self) -> Payload:
        """What Lambda would hand to a function."""
        return {"Records": list(self.records)}

    @cached_property
    def text(self) -> str:
        """The same as JSON."""
        return json.dumps(self.payload)


@dataclass(frozen=True, eq=False)
class Load:
    """A batch of records of one shape."""

    name: str
    title: str
    shape: Shape
    records: Sequence[Record]

    @cached_property
    def whole(self) -> Chunk:
        """All records in one chunk."""
        return Chunk(self.records, [image for record in self.records for image in images_of(record)])

    def chunks(self, size: int = CHUNK) -> Iterator[Chunk]:
        """Cut the batch into pieces."""
        for start in range(0, len(self.records), size):
            records = self.records[start : start + size]
            yield Chunk(records, [image for record in records for image in images_of(record)])

    @property
    def attributes(self) -> float:
        """The attributes of an image on average, those within others included."""
        images = self.whole.images
        return sum(map(count_attributes, images)) / len(images)


def images_of(record: Record) -> list[Image]:
    """Take from a record what is to be decoded: its images, or its keys where the stream carries no more."""
    change = record["dynamodb"]
    if change["StreamViewType"] == StreamViewType.KEYS_ONLY:
        return [change["Keys"]]
    return [image for image in (change.get("OldImage"), change.get("NewImage")) if image is not None]


def make_load(
    name: str,
    title: str,
    shape: Shape,
    count: int = 1000,
    *,
    seed: int = 1,
    event_names: Sequence[EventName] = _EVENT_NAMES,
    view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES,
) -> Load:
    """Make a load of `count` records, whose kinds take turns."""
    random = Random(f"{name} {seed}")  # noqa: S311 (no secret)
    made = (
        _record(random, shape, position, event_names[position % len(event_names)], view_type)
        for position in range(count)
    )
    return Load(name, title, shape, list(made))


def _record(
    random: Random, shape: Shape, position: int, event_name: EventName, view_type: StreamViewType
) -> Record:
    make = MAKERS[shape]
    old, new = make(random, position), make(random, position)
    keys = {name: old[name] for name in KEYS[shape]}
    new |= keys  # what a change leaves alone
    change: Change = {
        "ApproximateCreationDateTime": 1_767_312_000.0 + position,
        "Keys": keys,
        "SequenceNumber": f"{111_000_000_000_000_000_000 + position}",
        "SizeBytes": 256,
        "StreamViewType": view_type.value,
    }
    if view_type is not StreamViewType.KEYS_ONLY:
        if event_name != "INSERT":
            change["OldImage"] = old
        if event_name != "REMOVE":
            change["NewImage"] = new
    return {
        "eventID": f"{random.getrandbits(128):032x}",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "eventSourceARN": _STREAM,
        "dynamodb": change,
    }


def make_loads(*, divisor: int = 1) -> Mapping[str, Load]:
    """Make all loads, by name; a `divisor` makes them smaller, for a quick look."""
    made = (
        make_load("cards", "Cards of 11 attributes", "card", 1000 // divisor),
        make_load("flat", "Flat and small items", "note", 1000 // divisor),
        make_load("nested", "Large nested items", "order", 200 // divisor),
        make_load("negative", "Negative numbers", "reading", 1000 // divisor),
        make_load("entities", "Three entities in one table", "entity", 1000 // divisor),
        make_load("batch", "A full batch of 6 MB", "note", 10_000 // divisor, event_names=["INSERT"]),
        make_load("keys", "KEYS_ONLY", "key", 1000 // divisor, view_type=StreamViewType.KEYS_ONLY),
    )
    return {load.name: load for load in made}
