"""One pipeline, unchanged, has equal Results for the same changes on every way on which they can come."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import boto3
import pytest
from returns.result import Failure, Result, Success

from examples.demo import ministack
from streamfn import (
    Event,
    Failed,
    Handled,
    InsertEvent,
    KeysEvent,
    ModifyEvent,
    PartitionKey,
    RemoveEvent,
    SortKey,
    StreamRecord,
    StreamViewType,
    Table,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    pipeline,
    read,
    structure,
)
from streamfn._records import is_map
from streamfn.exports import open_export, records_of
from streamfn.sources import StreamReader
from streamfn.testing import kinesis_event, pipe_event
from tests.sources.export.exports import write_export

if TYPE_CHECKING:
    from boto3 import DynamoDBClient

Raw: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Card:
    """An item of the table, with something of each kind."""

    deck: Annotated[str, PartitionKey]
    number: Annotated[int, SortKey]
    title: str
    weight: Decimal = Decimal(0)
    tags: frozenset[str] = frozenset()
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class CardKey:
    """The keys of an item."""

    deck: str
    number: int


cards: Final = Table("prod-Card", Card)


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Refuse every seventh."""
    card = event.new_image
    return Failure(card.number) if card.number % 7 == 0 else Success(f"{card.title} {card.weight}")


def retitle(event: ModifyEvent[Card]) -> Result[tuple[str, str], str]:
    """Raise for every fifth."""
    if event.new_image.number % 5 == 0:
        raise ValueError(event.event_id)
    return Success((event.old_image.title, event.new_image.title))


def back_up(event: RemoveEvent[Card]) -> Result[tuple[bytes, frozenset[str]], str]:
    """Take what is not text."""
    return Success((event.old_image.picture, event.old_image.tags))


def count(event: KeysEvent[CardKey]) -> Result[CardKey, str]:
    """Take the keys."""
    return Success(event.keys)


def look(event: Event[Card]) -> Result[str, str]:
    """Tell what happened."""
    return Success(type(event).__name__)


process: Final = pipeline(
    cards,
    on_insert(announce),
    on_modify(retitle, where=changed(lambda card: card.title)),
    on_remove(back_up),
    on_keys(CardKey, count),
    on_event(look),
)

TOLD: TypeAlias = dict[tuple[str, str], object]


def told(results: Sequence[Result[Handled[object], Failed[object]]]) -> TOLD:
    """Say of each record and handler what came of it: an item has one record here."""
    found: TOLD = {}
    for result in results:
        outcome = result.failure() if isinstance(result, Failure) else result.unwrap()
        record = outcome.record
        assert isinstance(record, StreamRecord)
        key = (json.dumps(record.keys, sort_keys=True, default=as_lambda_writes), outcome.handler or "")
        assert key not in found
        found[key] = (
            (type(outcome.reason).__name__, getattr(outcome.reason, "error", None))
            if isinstance(outcome, Failed)
            else outcome.value
        )
    return found


def card(number: int, title: str) -> Card:
    """Make a card."""
    return Card(
        f"deck-{number % 3}",
        number,
        title,
        Decimal(number) / 8,
        frozenset({title, "tag"}),
        bytes([number % 256]),
    )


@pytest.fixture(scope="module")
def dynamodb() -> Generator[DynamoDBClient]:
    """Make a client of a DynamoDB on this machine, and send whoever makes one of their own there as well."""
    with ministack.running() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        with closing(boto3.client("dynamodb", endpoint_url=url)) as client:
            yield client


@pytest.fixture(scope="module")
def live(dynamodb: DynamoDBClient) -> tuple[TOLD, Sequence[Raw]]:
    """Change a thousand items of a real table, and run the pipeline on its live stream; give its records as well."""
    definition = cards.definition().create_table
    dynamodb.create_table(
        **{name: part for name, part in definition.items() if name != "StreamSpecification"}
    )
    for number in range(400, 1_000):
        dynamodb.put_item(TableName=cards.name, Item=cards.unstructure(card(number, "before")))
    dynamodb.update_table(TableName=cards.name, StreamSpecification=definition["StreamSpecification"])
    for number in range(1_000):
        if number < 700:
            title = "before" if number % 11 == 0 and number >= 400 else "after"
            changed_card = card(number, title)
            dynamodb.put_item(
                TableName=cards.name,
                Item={**cards.unstructure(changed_card), "weight": {"N": str(number)}},
            )
        else:
            dynamodb.delete_item(TableName=cards.name, Key=cards.keys(card(number, "before")))
    results: list[Result[Handled[object], Failed[object]]] = []
    seen: list[object] = []
    reader = StreamReader(table=cards)

    def follow(payload: object, _: None) -> None:
        results.extend(process(payload))
        seen.extend(record.raw for record in read(payload))
        if len(seen) == 1_000:
            reader.stop()

    reader.run(follow, signals=False)
    return told(results), [json.loads(json.dumps(each, default=as_lambda_writes)) for each in seen]


def as_lambda_writes(value: object) -> object:
    """Write what boto3 gives as Lambda would have sent it."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    assert isinstance(value, datetime)
    return value.timestamp()


def through_lambda(records: Sequence[Raw]) -> TOLD:
    return told(process({"Records": list(records)}))


def through_kinesis(records: Sequence[Raw]) -> TOLD:
    return told(process(kinesis_event(*events(records))))


def through_a_pipe(records: Sequence[Raw]) -> TOLD:
    return told(process(pipe_event(*events(records))))


def events(records: Sequence[Raw]) -> list[Event[Card]]:
    """Take the events of records."""
    found = [record for record in read({"Records": list(records)}) if isinstance(record, StreamRecord)]
    return [structure(cards, record).unwrap() for record in found]


def through_an_export(records: Sequence[Raw], folder: Path) -> TOLD:
    """Write them as an incremental export has them, in several files and in another order."""
    changes = [record["dynamodb"] for record in reversed(records)]
    lines = [
        {
            "Metadata": {"WriteTimestampMicros": {"N": "1774379199746598"}},
            **{name: part for name, part in change.items() if name in {"Keys", "NewImage", "OldImage"}},
        }
        for change in changes
        if is_map(change)
    ]
    place = write_export(folder, [lines[:300], [], lines[300:]], view=StreamViewType.NEW_AND_OLD_IMAGES)
    return told(process({"Records": [record.raw for record in records_of(open_export(place), cards)]}))


def test_a_live_stream_brings_all_changes(live: tuple[TOLD, Sequence[Raw]]) -> None:
    """So that there is something to compare: of each handler, and of each kind of outcome."""
    results, records = live
    assert len(records) == 1_000
    assert {handler for _, handler in results} == {"announce", "retitle", "back_up", "count", "look"}
    outcomes = [each for (_, handler), each in results.items() if handler == "announce"]
    assert sum(1 for each in outcomes if isinstance(each, str)) == 342
    assert sum(1 for each in outcomes if isinstance(each, tuple) and each[0] == "Refused") == 58
    assert sum(1 for each in results.values() if isinstance(each, tuple) and each[0] == "Raised") > 20
    assert sum(1 for _, handler in results if handler == "retitle") < 300, "`where` wants some of them alone"


@pytest.mark.parametrize("way", [through_lambda, through_kinesis, through_a_pipe])
def test_a_payload_has_the_same_results(
    live: tuple[TOLD, Sequence[Raw]], way: Callable[[Sequence[Raw]], TOLD]
) -> None:
    results, records = live
    assert way(records) == results


def test_an_incremental_export_has_the_same_results(live: tuple[TOLD, Sequence[Raw]], tmp_path: Path) -> None:
    results, records = live
    assert through_an_export(records, tmp_path) == results
