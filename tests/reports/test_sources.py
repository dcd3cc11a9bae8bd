"""What users met where records come from, one test for each: streams that are read directly, letters, and payloads."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    NotAStreamEvent,
    PartitionKey,
    RemoveEvent,
    StreamRecord,
    Table,
    on_remove,
    pipeline,
)
from streamfn._errors import read_json
from streamfn._pipeline import Pipeline
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import redrive
from streamfn.sources import Drained, FileCheckpoints, StreamReader
from streamfn.testing import kinesis_event, lambda_event, pipe_event, remove_event, values
from streamfn.windows import Window, window_handler
from tests.dead_letters.documents import Shard as LetterShard
from tests.dead_letters.documents import document
from tests.dead_letters.redriving import STREAM, Texts
from tests.sources.streams import ARN, Clock, Stream


@dataclass(frozen=True, slots=True)
class Session:
    id: Annotated[str, PartitionKey]


sessions = Table("prod-Session", Session)

TTL: Final = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
"""The identity of a deletion by time to live, as botocore names its parts."""

MOMENT: Final = datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


def log_out(event: RemoveEvent[Session]) -> Result[str, str]:
    return Success(f"{event.old_image.id} expired")


def expirations(table: str) -> Table[Session]:
    """Make the table, with a pattern that asks for the identity by the names that Lambda sends."""
    wanted = {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}}
    return Table(table, Session, pattern=wanted)


def removal(number: str, identity: Mapping[str, object]) -> dict[str, object]:
    """Make a record as boto3's get_records gives it."""
    return {
        "eventID": f"id-{number}",
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "userIdentity": identity,
        "dynamodb": {
            "ApproximateCreationDateTime": MOMENT,
            "Keys": {"id": {"S": f"s{number}"}},
            "OldImage": {"id": {"S": f"s{number}"}},
            "SequenceNumber": number,
            "SizeBytes": 4,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def test_a_deletion_by_time_to_live_is_one_on_every_way_from_get_records() -> None:
    """A reader, a document that is redriven and the bare answer took `PrincipalId` for no identity at all.

    So `where=lambda event: event.expired` never ran, nor did a pattern on the identity. Now all of them have the names
    that Lambda sends, whichever GetRecords gave.
    """
    raw = removal("7", TTL)
    stream = Stream()
    stream.add("shard")
    stream.shards["shard"].records.append(raw)
    stream.switch_off()
    by_where = pipeline(
        Table("prod-Card", Session), on_remove(log_out, where=lambda event: event.record.expired)
    )
    by_pattern = pipeline(expirations("prod-Card"), on_remove(log_out))
    for process in (by_where, by_pattern):
        read: list[object] = []
        reader = StreamReader(ARN, client=stream, clock=Clock())
        for batch in reader.batches():
            read += values(process(batch.payload))
            batch.settle()
        assert ["s7 expired"] == read
        answered = {**raw, "tableName": "prod-Card"}  # without an ARN, the record has to say its table
        assert ["s7 expired"] == values(process({"Records": [answered]}))
        with_arn = {**raw, "eventSourceARN": ARN}
        assert ["s7 expired"] == values(process({"Records": [with_arn]}))
    table = STREAM.split("/")[1]
    again = pipeline(expirations(table), on_remove(log_out))
    source = Texts({"one": document([raw])})
    redriven = redrive(again, source, ledger=MemoryLedger(), streams=LetterShard([raw]))
    assert ["handled"] == [each.outcome for each in redriven]


@pytest.mark.parametrize(
    "identity",
    [
        {"principalId": TTL["PrincipalId"], "Type": "Service"},
        {"PrincipalId": TTL["PrincipalId"], "type": "Service"},
        {**TTL, "principalId": None, "type": None},
        {"principalId": None, "type": None, **TTL},
    ],
    ids=str,
)
def test_an_identity_may_mix_both_kinds_of_names(identity: Mapping[str, object]) -> None:
    """A tool that turns names into Lambda's may leave one as it is, or leave those empty that it does not fill."""
    process = pipeline(expirations("prod-Card"), on_remove(log_out))
    assert ["s7 expired"] == values(process({"Records": [{**removal("7", identity), "eventSourceARN": ARN}]}))


def test_a_user_who_deletes_is_not_the_time_to_live() -> None:
    """The names alone are put right: another principal, or another type, stays what it is."""
    others: list[dict[str, object]] = [
        {**TTL, "PrincipalId": "AIDA"},
        {**TTL, "Type": "User"},
        {"Type": "Service"},
    ]
    for identity in others:
        process = pipeline(expirations("prod-Card"), on_remove(log_out))
        assert [] == process({"Records": [{**removal("7", identity), "eventSourceARN": ARN}]})


def test_a_reader_hands_over_what_lambda_sends() -> None:
    """A batch held bytes, datetimes and other names than Lambda's, so a function that ran there was not tested here.

    Now it is JSON, and the same record.
    """
    raw = removal("7", TTL)
    dynamodb = dict(lambda_event(remove_event(Session("a"), table=sessions))["Records"][0]["dynamodb"])
    raw["dynamodb"] = {**dynamodb, "ApproximateCreationDateTime": MOMENT, "OldImage": {"b": {"BS": [b"hi"]}}}
    stream = Stream()
    stream.add("shard")
    stream.shards["shard"].records.append(raw)
    stream.switch_off()
    batch = next(StreamReader(ARN, client=stream, clock=Clock()).batches())
    (record,) = batch.payload["Records"]
    assert {"principalId": "dynamodb.amazonaws.com", "type": "Service"} == record["userIdentity"]
    told = record["dynamodb"]
    assert {
        **dynamodb,
        "ApproximateCreationDateTime": MOMENT.timestamp(),
        "OldImage": {"b": {"BS": ["aGk="]}},
    } == told
    assert ARN == record["eventSourceARN"]
    assert record == json.loads(json.dumps(record))


SECONDS: Final = 1_700_000_000.5


@pytest.mark.parametrize(
    "written",
    [
        SECONDS,
        SECONDS * 1_000,
        1_700_000_000_500,
        1_700_000_000_500_000,
        1_700_000_000_500_000_000,
        "1700000000.5",
        "1.7000000005E9",
        "1700000000500",
        "2023-11-14T22:13:20.500Z",
        "2023-11-14T23:13:20.5+01:00",
        MOMENT,
    ],
    ids=repr,
)
def test_a_time_is_read_by_its_size_and_as_text(written: object) -> None:
    """Times in milliseconds, microseconds, nanoseconds or text, as local servers write them, condemned their records.

    Now they are that time.
    """
    for record in ways_in(written):
        assert MOMENT == record.approximate_creation


@pytest.mark.parametrize(
    "written",
    ["now", "", "1e999", "²", True, [], {}, 10**400, 1e300, float("nan"), float("-inf"), None],
    ids=lambda each: repr(each)[:20],
)
def test_a_time_that_nobody_can_read_is_none(written: object) -> None:
    """A record whose time could not be read counted as malformed, and its handlers never ran. Now the time is None."""
    for record in ways_in(written):
        assert record.approximate_creation is None


def ways_in(written: object) -> list[StreamRecord]:
    """Have a record with a time come in on each way there is, to a handler of it."""
    found: list[StreamRecord] = []

    def take(event: RemoveEvent[Session]) -> Result[None, str]:
        found.append(event.record)
        return Success(None)

    process = pipeline(sessions, on_remove(take))
    event = remove_event(Session("a"), table=sessions)
    (record,) = lambda_event(event)["Records"]
    change = {**record["dynamodb"], "ApproximateCreationDateTime": written}
    (entry,) = kinesis_event(event)["Records"]
    payloads: list[object] = [
        {"Records": [{**record, "dynamodb": change}]},
        [{**record, "dynamodb": change} for record in pipe_event(event)],
    ]
    if not isinstance(written, datetime):  # which Kinesis, whose records are JSON, does not carry
        payloads.append({"Records": [with_time(entry, written)]})
    for payload in payloads:
        process(payload)
    assert len(payloads) == len(found)
    return found


def with_time(entry: Mapping[str, object], written: object) -> object:
    """Write another time into what an entry of Kinesis carries."""
    copied = json.loads(json.dumps(entry))
    inner = json.loads(b64decode(copied["kinesis"]["data"]))
    inner["dynamodb"].pop("ApproximateCreationDateTimePrecision")
    inner["dynamodb"]["ApproximateCreationDateTime"] = written
    copied["kinesis"]["data"] = b64encode(json.dumps(inner).encode()).decode()
    return copied


def pipe_letter(raw: Mapping[str, object], **context: object) -> str:
    """Write what a pipe sends to its dead-letter queue of a batch of one record."""
    told = json.loads(document([raw]))
    del told["requestContext"]
    arn = "arn:aws:pipes:eu-west-1:123456789012:pipe/sessions"
    return json.dumps({**told, "context": {"partnerResourceArn": arn, **context}})


def sessions_of(table: str) -> Pipeline[str, str]:
    return pipeline(Table(table, Session), on_remove(log_out))


def test_the_dead_letter_of_a_pipe_is_redriven() -> None:
    """A pipe names itself and no function, and its dead letter was unreadable without a word of what it was.

    With the scope of the function it runs; without, it stays, and is told what to say.
    """
    raw = removal("7", TTL)
    process = sessions_of(STREAM.split("/")[1])
    source = Texts({"one": pipe_letter(raw, condition="RetryAttemptsExhausted")})
    (stays,) = redrive(process, source, ledger=MemoryLedger(), streams=LetterShard([raw]))
    assert ("unreadable", False) == (stays.outcome, stays.removed)
    assert "the pipe sessions does not name its function: say whose ledger, with scope=" == stays.detail
    (other,) = redrive(process, source, ledger=MemoryLedger(), scope="follow", function="another")
    assert ("another function", "the pipe sessions") == (other.outcome, other.detail)
    (done,) = redrive(process, source, ledger=MemoryLedger(), scope="follow", streams=LetterShard([raw]))
    assert ("handled", True, {}) == (done.outcome, done.removed, source.texts)
    with pytest.raises(NotAStreamEvent, match="got the dead letter of a pipe without its records: redrive"):
        process(json.loads(pipe_letter(raw)))


@dataclass(frozen=True, slots=True)
class Sum:
    count: int = 0


def add(state: Sum, _: Event[Session]) -> Result[Sum, str]:
    return Success(state)


def emit(_: Window, state: Sum) -> Result[int, str]:
    return Success(state.count)


def test_a_document_of_a_window_is_told_what_it_is() -> None:
    """A document of a tumbling window, given to the function that failed on it, said to set TumblingWindowInSeconds.

    That was set. Now both the function and a redrive say what it is.
    """
    empty: dict[str, object] = {}
    change: dict[str, object] = {"SequenceNumber": "7", "Keys": empty}
    raw: dict[str, object] = {**removal("7", TTL), "dynamodb": change}
    bare: dict[str, object] = {**json.loads(document([raw])), "timeWindowInfo": {"window": empty}}
    payload: dict[str, object] = {"Records": [raw], "window": empty, "state": empty}
    whole: dict[str, object] = {**bare, "payload": payload}
    function = window_handler(Table("prod-Card", Session), add, Sum(), emit)
    with pytest.raises(
        NotAStreamEvent, match="got an OnFailure document: the event that failed is its payload"
    ):
        function(whole, None)
    with pytest.raises(
        NotAStreamEvent, match="of a tumbling window without its records: they have to be read"
    ):
        function(bare, None)
    for each in (whole, bare):
        (told,) = redrive(sessions_of("sessions"), Texts({"one": json.dumps(each)}), ledger=MemoryLedger())
        assert "unreadable" == told.outcome
        assert told.detail.startswith("the document is about a batch of a tumbling window")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_letters_documents_and_checkpoints_that_a_tool_saved_anew_are_read(
    tmp_path: Path, encoding: str
) -> None:
    """Windows' tools save with a byte order mark, or in UTF-16, and what they saved was no JSON any more."""
    assert json.loads(document([removal("7", TTL)])) == read_json(
        document([removal("7", TTL)]).encode(encoding)
    )
    mark = "\ufeff"
    raw = removal("7", TTL)
    process = sessions_of(STREAM.split("/")[1])
    source = Texts({"one": mark + document([raw])})
    (done,) = redrive(process, source, ledger=MemoryLedger(), streams=LetterShard([raw]))
    assert "handled" == done.outcome
    checkpoints = FileCheckpoints(tmp_path / "at.json")
    checkpoints.save(ARN, {"shard": Drained()})
    text = (tmp_path / "at.json").read_text()
    (tmp_path / "at.json").write_bytes(text.encode(encoding))
    assert {"shard": Drained()} == checkpoints.load(ARN)
    checkpoints.release(ARN)
