"""A range of a shard is read again, whatever DynamoDB Streams answers in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import pytest
from botocore.exceptions import BotoCoreError
from typing_extensions import override

from streamfn._aws import GetRecordsOutput, LazyClient
from streamfn._records import as_lambda_sends
from streamfn._time import unlimited
from streamfn.dead_letters import StreamsClient
from streamfn.redrive._documents import (
    IDLE,
    PAUSES,
    Document,
    RecordsExpired,
    Shards,
    StreamUnreachable,
    read_document,
)
from tests.dead_letters.documents import Raw, Shard, document, number_of, raws, refusal
from tests.dead_letters.redriving import STREAM
from tests.delivery.jobs import written


def never() -> StreamsClient:
    raise AssertionError("there is a client already")


def range_of(records: Sequence[Raw]) -> Document:
    read = read_document(document(records))
    assert read is not None
    return read


def read(
    shard: Shard, records: Sequence[Raw], waited: list[float] | None = None, left: float = 60.0
) -> list[str | None]:
    """Read the range of records, and give their identifiers."""
    shards = Shards(LazyClient(never, shard), lambda: left, ([] if waited is None else waited).append)
    return [record.event_id for record in shards.read(range_of(records))]


RECORDS = raws(written(*(f"{name}1" for name in "abcdefgh")))
INSIDE = RECORDS[2:6]
NAMES = ["c1", "d1", "e1", "f1"]


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("is_open", [True, False])
def test_the_range_is_read_from_its_first_record_to_its_last(page_size: int, is_open: bool) -> None:  # noqa: FBT001
    shard = Shard(RECORDS, page_size=page_size, is_open=is_open)
    assert read(shard, INSIDE) == NAMES
    assert shard.pages <= 4, "nothing is asked for that lies behind it"


def test_records_are_as_lambda_sends_them() -> None:
    (record,) = Shards(LazyClient(never, Shard(RECORDS)), unlimited).read(range_of(RECORDS[:1]))
    assert record.raw == RECORDS[0]


def test_what_json_cannot_say_is_said_as_lambda_does() -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    change = {"Keys": {"id": {"B": b"hi"}}, "ApproximateCreationDateTime": at, "SizeBytes": 3}
    sent = as_lambda_sends({"eventID": "1", "dynamodb": change}, STREAM)
    assert sent["dynamodb"] == {
        "Keys": {"id": {"B": "aGk="}},
        "ApproximateCreationDateTime": at.timestamp(),
        "SizeBytes": 3,
    }
    assert (sent["eventSource"], sent["eventSourceARN"]) == ("aws:dynamodb", STREAM)
    with pytest.raises(TypeError, match="a stream record holds no complex"):
        as_lambda_sends({"dynamodb": 1j}, STREAM)


def test_a_range_that_begins_with_shorter_numbers_is_compared_as_numbers() -> None:
    events = [{"eventID": f"r{n}", "dynamodb": {"SequenceNumber": n}} for n in ("9", "10", "100", "101")]
    assert read(Shard(events), events[:3]) == ["r9", "r10", "r100"]


def test_the_range_ends_before_the_first_record_that_lies_behind_it() -> None:
    shard = Shard([*RECORDS[:5], *RECORDS[6:]])
    assert read(shard, INSIDE) == NAMES[:3]


def test_a_shard_that_has_come_to_its_end_is_read_to_its_last_record() -> None:
    assert read(Shard(RECORDS[:5], page_size=2), INSIDE) == NAMES[:3]


def test_empty_pages_are_normal() -> None:
    empty: list[Exception | Literal["empty"]] = ["empty"] * (IDLE - 1)
    shard = Shard(RECORDS, page_size=2, is_open=True, answers=empty)
    assert read(shard, INSIDE) == NAMES


def test_empty_pages_for_ever_are_not() -> None:
    shard = Shard(RECORDS[:4], is_open=True)
    with pytest.raises(
        StreamUnreachable, match="the shard is open, and does not come to the end of the range"
    ):
        read(shard, INSIDE)
    assert shard.pages == IDLE + 1


def test_an_iterator_that_has_expired_is_replaced_at_the_same_place() -> None:
    shard = Shard(RECORDS, page_size=2, answers=[refusal("ExpiredIteratorException")])
    assert read(shard, INSIDE) == NAMES
    assert shard.seeks == [f"AT_SEQUENCE_NUMBER {number_of(INSIDE[0])}"] * 2


def test_an_iterator_that_expires_on_the_way_is_replaced_behind_what_is_read() -> None:
    class Slow(Shard):
        @override
        def get_records(self, *, ShardIterator: str) -> GetRecordsOutput:
            if self.pages == 1:
                self.answers.append(refusal("ExpiredIteratorException"))
            return super().get_records(ShardIterator=ShardIterator)

    shard = Slow(RECORDS, page_size=2)
    assert read(shard, INSIDE) == NAMES
    assert shard.seeks == [
        f"AT_SEQUENCE_NUMBER {number_of(INSIDE[0])}",
        f"AFTER_SEQUENCE_NUMBER {number_of(INSIDE[1])}",
    ]


def test_iterators_that_expire_for_ever_are_given_up() -> None:
    shard = Shard(RECORDS, answers=[refusal("ExpiredIteratorException")] * 1_000)
    with pytest.raises(StreamUnreachable):
        read(shard, INSIDE)


@pytest.mark.parametrize(
    "code", ["LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException"]
)
def test_what_is_turned_away_is_asked_again_after_ever_longer_pauses(code: str) -> None:
    waited: list[float] = []
    shard = Shard(RECORDS, page_size=3, answers=[refusal(code)] * 3)
    assert read(shard, INSIDE, waited) == NAMES
    assert waited == list(PAUSES[:3])


def test_what_is_turned_away_for_too_long_is_unreachable() -> None:
    waited: list[float] = []
    with pytest.raises(StreamUnreachable, match="LimitExceededException") as raised:
        read(Shard(RECORDS, answers=[refusal("LimitExceededException")] * 20), INSIDE, waited)
    assert waited == list(PAUSES)
    assert "secret" not in str(raised.value)


def test_nobody_waits_for_what_there_is_no_time_for() -> None:
    waited: list[float] = []
    with pytest.raises(StreamUnreachable, match="ThrottlingException"):
        read(Shard(RECORDS, answers=[refusal("ThrottlingException")] * 20), INSIDE, waited, left=0.3)
    assert waited == [0.1, 0.2]


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ResourceNotFoundException"])
def test_what_the_stream_has_forgotten_is_told_as_that(code: str) -> None:
    with pytest.raises(RecordsExpired, match=code):
        read(Shard(RECORDS, answers=[refusal(code)]), INSIDE)
    with pytest.raises(RecordsExpired, match="TrimmedDataAccessException"):
        read(Shard(RECORDS[4:]), INSIDE)


@pytest.mark.parametrize(
    ("error", "named"),
    [(refusal("AccessDeniedException"), "AccessDeniedException"), (OSError("secret"), "OSError")],
)
def test_whatever_else_is_raised_is_unreachable(error: Exception, named: str) -> None:
    with pytest.raises(StreamUnreachable, match=f"^{named}$"):
        read(Shard(RECORDS, answers=[error]), INSIDE)


def test_a_connection_that_is_lost_on_the_way_is_not_waited_for() -> None:
    """A reader goes on for days and looks for it again; a redrive is ended and begun again."""
    waited: list[float] = []
    with pytest.raises(StreamUnreachable, match=r"^BotoCoreError$"):
        read(Shard(RECORDS, answers=[BotoCoreError()]), INSIDE, waited)
    assert waited == []
