"""A reader takes the place of Lambda's event source mapping, whatever DynamoDB Streams answers."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from threading import Thread
from types import FrameType
from typing import Literal

import boto3
import pytest
from botocore.exceptions import BotoCoreError
from typing_extensions import override

from streamfn import Table
from streamfn import _aws as backoff_module
from streamfn._aws import DescribeTableOutput, make_dynamodb
from streamfn._errors import ConfigurationError
from streamfn._records import as_lambda_sends
from streamfn.sources import (
    After,
    Drained,
    MemoryCheckpoints,
    NoStream,
    Notice,
    NotSettled,
    Position,
    RequestThrottled,
    ShardFinished,
    ShardStarted,
    Since,
    StreamReader,
    Trimmed,
)
from streamfn.sources._notices import MachineClock
from tests.cards import cards
from tests.sources.streams import ARN, START, Consumer, Raw, Stream, Told, naming, number_of, refusal


class Setting:
    """A stream, its reader, and what becomes of it."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.consumer = Consumer()
        self.told = Told()
        self.checkpoints = MemoryCheckpoints()

    def reader(
        self, *, start: Literal["trim_horizon", "latest"] = "trim_horizon", batch_size: int = 100
    ) -> StreamReader:
        """Make a reader, as a process would that begins now."""
        return StreamReader(
            ARN,
            client=self.stream,
            start=start,
            checkpoints=self.checkpoints,
            batch_size=batch_size,
            report=self.told,
            clock=self.stream.clock,
        )

    def read(
        self, *, start: Literal["trim_horizon", "latest"] = "trim_horizon", batch_size: int = 100
    ) -> list[str]:
        """Read until the stream is switched off, and give what came, which is what had not come before."""
        before = len(self.consumer.seen)
        self.reader(start=start, batch_size=batch_size).run(self.consumer, signals=False)
        return self.consumer.seen[before:]

    def read_until(
        self, last: str, *, start: Literal["trim_horizon", "latest"] = "trim_horizon"
    ) -> list[str]:
        """Read up to the batch with this record, and give what came."""
        reader, before = self.reader(start=start), len(self.consumer.seen)

        def function(payload: object, context: None) -> object:
            answer = self.consumer(payload, context)
            if last in self.consumer.seen[before:]:
                reader.stop()
            return answer

        reader.run(function, signals=False)
        return self.consumer.seen[before:]

    @property
    def saved(self) -> Mapping[str, Position]:
        """What the checkpoint says."""
        saved = self.checkpoints.load(ARN)
        assert saved is not None
        return saved


@pytest.fixture
def here() -> Setting:
    return Setting()


def test_what_the_function_gets_is_what_lambda_would_send(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    payloads: list[object] = []
    here.reader().run(lambda payload, _: payloads.append(payload), signals=False)
    (record,) = here.stream.shards["s"].records
    assert payloads == [{"Records": [as_lambda_sends(record, ARN)]}]
    assert payloads == json.loads(json.dumps(payloads))


def test_a_batch_has_up_to_so_many_records_of_one_shard(here: Setting) -> None:
    here.stream.add("s", *(f"a{number}" for number in range(7)))
    here.stream.add("t", "b0", "b1")
    here.stream.switch_off()
    here.read(batch_size=3)
    assert sorted(here.consumer.batches) == [["a0", "a1", "a2"], ["a3", "a4", "a5"], ["a6"], ["b0", "b1"]]


@pytest.mark.parametrize("shards_a_page", [1, 2, 100])
def test_children_come_after_their_parents(here: Setting, shards_a_page: int) -> None:
    here.stream.shards_a_page = shards_a_page
    here.stream.add("parent", "a1", "b1")
    here.stream.add("child-a", "a2", parent="parent")
    here.stream.add("child-b", "b2", parent="parent")
    here.stream.add("grandchild", "a3", parent="child-a")
    here.stream.switch_off()
    assert here.read() == ["a1", "b1", "a2", "b2", "a3"]
    assert [notice for notice in here.told.notices if isinstance(notice, ShardFinished | ShardStarted)] == [
        ShardStarted(ARN, "parent", "trim_horizon"),
        ShardFinished(ARN, "parent"),
        ShardStarted(ARN, "child-a", "trim_horizon"),
        ShardStarted(ARN, "child-b", "trim_horizon"),
        ShardFinished(ARN, "child-a"),
        ShardFinished(ARN, "child-b"),
        ShardStarted(ARN, "grandchild", "trim_horizon"),
        ShardFinished(ARN, "grandchild"),
    ]


def test_a_parent_that_is_no_longer_listed_holds_up_nobody(here: Setting) -> None:
    here.stream.add("child", "a1", parent="gone")
    here.stream.switch_off()
    assert here.read() == ["a1"]


def test_shards_that_come_while_it_reads_are_found(here: Setting) -> None:
    here.stream.add("s", "a1")

    def reshard() -> None:
        if len(here.stream.clock.waits) == 3:
            here.stream.close("s")
        elif len(here.stream.clock.waits) == 6:  # DynamoDB lists them a little later
            here.stream.add("t", "a2", parent="s")
        elif len(here.stream.clock.waits) == 9:
            here.stream.switch_off()

    here.stream.clock.during_wait = reshard
    assert here.read() == ["a1", "a2"]


def test_a_shard_that_nothing_points_to_is_found_within_half_a_minute(here: Setting) -> None:
    here.stream.add("s", "a1")

    def add() -> None:
        if "t" not in here.stream.shards and here.stream.clock.seconds > 100:
            here.stream.add("t", "b1")
        if here.stream.clock.seconds > 131:
            here.stream.switch_off()

    here.stream.clock.during_wait = add
    assert here.read() == ["a1", "b1"]
    descriptions = [request for request in here.stream.requests if request[0] == "describe"]
    assert len(descriptions) < 15, "and it is not asked for all the time"


def test_empty_pages_are_normal(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.empty_pages = iter([True, True, True])
    here.stream.switch_off()
    here.stream.shards["s"].is_closed = False
    here.stream.clock.during_wait = lambda: here.stream.close("s") if here.stream.clock.seconds > 5 else None
    assert here.read() == ["a1"]
    assert here.stream.clock.waits[:3] == [1.0, 1.0, 1.0]


def test_nothing_is_read_of_a_stream_that_was_empty_and_is_off(here: Setting) -> None:
    here.stream.is_off = True
    assert here.read() == []
    assert here.saved == {}


def test_what_fails_comes_again_with_all_after_it_and_other_shards_go_on(here: Setting) -> None:
    here.stream.add("s", "a1", "a2", "a3")
    here.stream.add("t", "b1")
    here.stream.switch_off()
    failures = [1, 1]

    def answer(records: list[Raw]) -> object:
        failing = [record for record in records if record["eventID"] == "a2"]
        return naming(failing[0]) if failing and failures and failures.pop() else {"batchItemFailures": []}

    here.consumer.answer = answer
    here.read()
    assert here.consumer.batches == [["a1", "a2", "a3"], ["b1"], ["a2", "a3"], ["a2", "a3"]]
    number = number_of(here.stream.shards["s"].records[1])
    assert here.told.of(NotSettled) == [NotSettled(ARN, "s", number, 2, "the answer names it")] * 2
    first, second = here.stream.clock.waits[:2]
    assert 0 < first <= 0.1
    assert 0 < second <= 0.2, (
        "it waits longer the second time, or as long: the wait is drawn from twice the span"
    )


def test_the_lowest_of_several_numbers_counts(here: Setting) -> None:
    here.stream.add("s", *(f"a{number}" for number in range(12)))  # numbers of two and of three digits
    here.stream.switch_off()

    def answer(records: list[Raw]) -> object:
        here.consumer.answer = lambda _: None
        named = [records[9], records[4]]
        return {"batchItemFailures": [{"itemIdentifier": number_of(record)} for record in named]}

    here.consumer.answer = answer
    here.read()
    assert [batch[0] for batch in here.consumer.batches] == ["a0", "a4"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            {"batchItemFailures": [{"itemIdentifier": "1"}]},
            "the answer names a record that is not in the batch",
        ),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "the answer has an entry without itemIdentifier"),
        ({"batchItemFailures": [{"wrong": "1"}]}, "the answer has an entry without itemIdentifier"),
        ({"batchItemFailures": "1"}, "batchItemFailures is no list"),
        ("secret", "the answer is no object"),
    ],
)
def test_an_answer_that_lambda_takes_for_a_failure_is_one(here: Setting, answer: object, reason: str) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    answers = [answer]
    here.consumer.answer = lambda _: answers.pop() if answers else None
    assert here.read() == ["a1", "a1"]
    (notice,) = here.told.of(NotSettled)
    assert isinstance(notice, NotSettled)
    assert notice.reason == reason


@pytest.mark.parametrize("answer", [None, [], {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_that_lambda_takes_for_a_success_is_one(here: Setting, answer: object) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    here.consumer.answer = lambda _: answer
    assert here.read() == ["a1"]


def test_a_function_that_raises_gets_the_whole_batch_again(
    here: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    here.stream.add("s", "a1", "a2")
    here.stream.switch_off()

    def fail(_: list[Raw]) -> object:
        here.consumer.answer = lambda _: None
        raise ValueError("secret")

    here.consumer.answer = fail
    reader = StreamReader(ARN, client=here.stream, clock=here.stream.clock)
    with caplog.at_level(logging.INFO, "streamfn.sources"):
        reader.run(here.consumer, signals=False)
    assert here.consumer.batches == [["a1", "a2"]] * 2
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    assert "the function raised ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_a_batch_of_which_nothing_is_said_comes_again(here: Setting) -> None:
    here.stream.add("s", "a1", "a2")
    here.stream.switch_off()
    batches = here.reader().batches()
    first, second = next(batches), next(batches)
    assert [record["eventID"] for record in second.records] == ["a1", "a2"]
    assert repr(second) == "Batch('s', 2 records from 91 on)"
    with pytest.raises(
        ConfigurationError, match="a batch is settled once, and before the next one is asked for"
    ):
        first.settle()
    assert second.settle(naming(second.records[1])) == 1
    assert here.saved == {"s": After("91")}
    with pytest.raises(ConfigurationError):
        second.reject()
    third = next(batches)
    third.reject()
    fourth = next(batches)
    assert [record["eventID"] for record in fourth.records] == ["a2"]
    assert fourth.settle() == 1
    assert here.saved == {"s": Drained()}
    assert list(batches) == []
    assert [notice.reason for notice in here.told.notices if isinstance(notice, NotSettled)] == [
        "nothing was said of it",
        "the answer names it",
        "it was refused",
    ]


def test_a_function_may_do_to_a_payload_what_it_likes(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    batches = here.reader().batches()
    batch = next(batches)
    batch.payload["Records"].clear()
    assert [record["eventID"] for record in batch.payload["Records"]] == ["a1"]
    batches.close()


def test_it_goes_on_after_what_was_settled(here: Setting) -> None:
    here.stream.add("s", "a1", "a2")
    assert here.read_until("a2") == ["a1", "a2"]
    here.stream.write("s", "a3")
    here.stream.close("s")
    here.stream.add("t", "a4", parent="s")
    here.stream.switch_off()
    assert here.read(start="latest") == ["a3", "a4"], "the start counts without a checkpoint alone"


def test_a_drained_shard_is_remembered_for_as_long_as_it_is_listed(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.close("s")
    here.stream.add("t", "a2", parent="s")
    here.read_until("a2")
    assert here.saved == {"s": Drained(), "t": After("92")}
    del here.stream.shards["s"]
    here.stream.write("t", "a3")
    assert here.read_until("a3") == ["a3"]
    assert here.saved == {"t": After("93")}


def test_from_the_end_nothing_comes_that_was_there(here: Setting) -> None:
    here.stream.add("old", "a1")
    here.stream.close("old")
    here.stream.add("s", "a2", parent="old")

    def write() -> None:
        if len(here.stream.clock.waits) == 2:
            here.stream.write("s", "a3")
            here.stream.close("s")
            here.stream.add("t", "a4", parent="s")
        elif len(here.stream.clock.waits) == 5:
            here.stream.switch_off()

    here.stream.clock.during_wait = write
    assert here.read(start="latest") == ["a3", "a4"], (
        "what is in a shard that came later is read from its beginning"
    )


def test_the_ends_of_all_shards_are_found_before_anything_is_handed_out(here: Setting) -> None:
    here.stream.add("s")
    here.stream.add("t")

    def write(name: str, shard: str) -> None:
        if (name, shard) == ("read", "s") and here.stream.shards["s"].records == []:
            here.stream.write("s", "a1")
            here.stream.write("t", "b1")
            here.stream.switch_off()

    here.stream.before = write
    assert sorted(here.read(start="latest")) == ["a1", "b1"]


def test_what_comes_between_two_processes_is_read_although_nothing_was_settled(here: Setting) -> None:
    """The end of a shard has no number that a checkpoint could name, so it tells the time."""
    here.stream.add("s", "a1")
    here.stream.clock.seconds = 3600.0
    reader = here.reader(start="latest")
    here.stream.clock.during_wait = reader.stop
    reader.run(here.consumer, signals=False)
    here.stream.clock.during_wait = lambda: None
    assert here.saved == {"s": Since(START + timedelta(minutes=55))}
    here.stream.clock.seconds += 10
    here.stream.write("s", "a2")
    here.stream.switch_off()
    assert here.read(start="latest") == ["a2"]


def test_what_comes_while_the_process_sleeps_is_read_although_its_iterator_expired(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.clock.seconds = 3600.0

    def sleep() -> None:
        if len(here.stream.clock.waits) == 2:
            here.stream.clock.seconds += 3600
            here.stream.write("s", "a2")
            here.stream.switch_off()

    here.stream.clock.during_wait = sleep
    assert here.read(start="latest") == ["a2"]


def test_an_expired_iterator_is_renewed_after_the_last_record_that_was_read(here: Setting) -> None:
    here.stream.add("s", "a1", "a2", "a3", "a4")
    here.stream.records_a_page = 2
    here.stream.switch_off()

    def wait_long(_: list[Raw]) -> object:
        here.stream.clock.seconds += 20 * 60
        return None

    here.consumer.answer = wait_long
    assert here.read(batch_size=1) == ["a1", "a2", "a3", "a4"]
    seeks = [detail for name, _, detail in here.stream.requests if name == "seek"]
    assert seeks == ["TRIM_HORIZON", "92"]


def test_trimmed_records_are_told_of(here: Setting, caplog: pytest.LogCaptureFixture) -> None:
    here.stream.add("s", "a1", "a2", "a3")
    here.consumer.answer = lambda records: naming(records[1])
    here.read_until("a1")
    here.stream.shards["s"].trimmed = 2
    here.stream.switch_off()
    here.consumer.answer = lambda _: None
    assert here.read() == ["a3"]
    assert here.told.of(Trimmed) == [Trimmed(ARN, "s", "91")]
    here.checkpoints.save(ARN, {"s": After("91")})
    with caplog.at_level(logging.ERROR, "streamfn.sources"):
        StreamReader(ARN, client=here.stream, clock=here.stream.clock, checkpoints=here.checkpoints).run(
            here.consumer, signals=False
        )
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Trimmed(" in caplog.text


def test_records_that_are_trimmed_under_its_hands_are_told_of(here: Setting) -> None:
    here.stream.add("s", "a1", "a2")
    here.stream.switch_off()

    def trim(name: str, _: str) -> None:
        if name == "read" and not here.stream.shards["s"].trimmed:
            here.stream.shards["s"].trimmed = 1

    here.stream.before = trim
    assert here.read() == ["a2"]
    assert here.told.of(Trimmed) == [Trimmed(ARN, "s", None)]


def test_a_shard_that_is_gone_is_told_of_and_its_children_are_read(here: Setting) -> None:
    here.checkpoints.save(ARN, {"s": After("5")})
    here.stream.add("t", "a1", parent="s")
    here.stream.switch_off()
    assert here.read() == ["a1"]
    assert here.told.of(Trimmed) == [Trimmed(ARN, "s", "5")]
    assert here.saved == {"t": Drained()}


def test_a_shard_that_is_listed_and_not_found_is_asked_for_again(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    answers = ["ResourceNotFoundException", "ResourceNotFoundException"]

    def forget(name: str, _: str) -> None:
        if name == "seek" and answers:
            raise refusal(answers.pop())
        if name == "describe" and len(answers) == 1:
            raise refusal("LimitExceededException")

    here.stream.before = forget
    assert here.read() == ["a1"]
    assert here.told.of(RequestThrottled) == [
        RequestThrottled(ARN, "s", "LimitExceededException"),
        RequestThrottled(ARN, "s", "ResourceNotFoundException"),
    ]
    assert here.told.of(Trimmed) == []


def test_a_stream_that_is_gone_ends_it_with_a_word(here: Setting) -> None:
    here.stream.add("s", "a1")

    def drop() -> None:
        here.stream.exists = False

    here.stream.clock.during_wait = drop
    with pytest.raises(NoStream, match=r"there is no stream arn:.*, or no longer: name the table instead"):
        here.read()
    assert here.saved == {"s": After("91")}, "and the shard does not count as read"


@pytest.mark.parametrize(
    "code", ["LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException", "503"]
)
def test_what_is_turned_away_is_asked_again_after_ever_longer_waits(
    here: Setting, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff_module, "random", lambda: 1.0)
    here.stream.add("s", "a1")
    here.stream.switch_off()
    left = {"describe": 3, "seek": 3, "read": 10}

    def refuse(name: str, _: str) -> None:
        if left[name]:
            left[name] -= 1
            raise refusal(code)

    here.stream.before = refuse
    assert here.read() == ["a1"]
    assert here.told.of(RequestThrottled) == [
        *[RequestThrottled(ARN, None, code)] * 3,
        *[RequestThrottled(ARN, "s", code)] * 13,
    ]
    reads = [0.2, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]  # never more than five a second
    moments = [seconds for _, seconds in here.stream.read_at]
    assert here.stream.clock.waits[:6] == pytest.approx([0.1, 0.2, 0.4, 0.1, 0.2, 0.4])
    assert [after - before for before, after in pairwise(moments)] == pytest.approx(reads)


def test_a_connection_that_is_lost_is_looked_for_and_one_that_never_was_is_a_mistake(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    lost = BotoCoreError()
    asked: list[str] = []

    def lose(name: str, _: str) -> None:
        asked.append(name)
        if asked.count("read") == 1:
            raise lost

    here.stream.before = lose
    assert here.read() == ["a1"]
    assert here.told.of(RequestThrottled) == [RequestThrottled(ARN, "s", "BotoCoreError")]

    def never(_name: str, _shard: str) -> None:
        raise lost

    here.stream.before = never
    with pytest.raises(BotoCoreError):
        here.read()


def test_what_no_waiting_helps_ends_it(here: Setting) -> None:
    here.stream.add("s", "a1")

    def refuse(name: str, _: str) -> None:
        if name == "read":
            raise refusal("AccessDeniedException")

    here.stream.before = refuse
    with pytest.raises(Exception, match="AccessDeniedException"):
        here.read()


def test_a_record_without_a_number_ends_it(here: Setting) -> None:
    here.stream.add("s")
    here.stream.shards["s"].records.append({"eventID": "a1", "dynamodb": {}})
    with pytest.raises(ValueError, match="a record without a sequence number"):
        here.read()


def test_a_function_that_cannot_work_ends_it(here: Setting) -> None:
    """The same batch would come again for ever."""
    here.stream.add("s", "a1")

    def misused(_: object, __: object) -> object:
        raise ConfigurationError("it cannot work")

    with pytest.raises(ConfigurationError, match="it cannot work"):
        StreamReader(ARN, client=here.stream, clock=here.stream.clock).run(misused, signals=False)


def test_a_function_that_raises_is_told_by_its_place(here: Setting) -> None:
    here.stream.add("s", "a1")
    notices: list[Notice] = []
    reader = StreamReader(ARN, client=here.stream, clock=here.stream.clock, report=notices.append)

    def broken(_: object, __: object) -> object:
        reader.stop()
        raise ValueError("secret")

    reader.run(broken, signals=False)
    line = broken.__code__.co_firstlineno + 2
    place = f"tests/sources/test_reader.py:{line} in {broken.__qualname__}"
    (reason,) = [notice.reason for notice in notices if isinstance(notice, NotSettled)]
    assert reason == f"the function raised ValueError at {place}"


def test_a_report_that_raises_changes_nothing(here: Setting, caplog: pytest.LogCaptureFixture) -> None:
    def report(_: object) -> None:
        raise ValueError("secret")

    here.stream.add("s", "a1")
    here.stream.switch_off()
    StreamReader(ARN, client=here.stream, clock=here.stream.clock, report=report).run(
        here.consumer, signals=False
    )
    assert here.consumer.seen == ["a1"]
    assert "the report raised ValueError on: Reading(" in caplog.text
    assert "secret" not in caplog.text


def test_a_reader_that_is_stopped_finishes_its_batch_and_stays_stopped(here: Setting) -> None:
    here.stream.add("s", "a1", "a2", "a3")
    reader = here.reader(batch_size=1)

    def stop(_: list[Raw]) -> object:
        reader.stop()
        return None

    here.consumer.answer = stop
    reader.run(here.consumer, signals=False)
    assert here.consumer.seen == ["a1"]
    assert here.saved == {"s": After("91")}
    reader.run(here.consumer, signals=False)
    assert here.consumer.seen == ["a1"]


def test_a_reader_that_is_stopped_begins_with_no_other_shard(here: Setting) -> None:
    here.stream.add("s", "a1")
    here.stream.add("t", "b1")
    assert here.read_until("a1") == ["a1"]
    assert here.saved == {"s": After("91")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_the_handlers_before_come_back(here: Setting, number: int) -> None:
    here.stream.add("s", "a1", "a2")
    caught: list[int] = []

    def handler(number: int, _: FrameType | None) -> None:
        caught.append(number)

    def kill(_: list[Raw]) -> object:
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        return None

    before = signal.signal(number, handler)
    try:
        here.consumer.answer = kill
        here.reader(batch_size=1).run(here.consumer)
        assert here.consumer.seen == ["a1"]
        assert here.saved == {"s": After("91")}
        assert caught == [number], "the second signal does what it did before"
        assert signal.getsignal(number) is handler
    finally:
        signal.signal(number, before)


def test_a_handler_that_python_does_not_know_is_left_alone(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    before = signal.getsignal(signal.SIGTERM)
    unknown: dict[int, None] = {}
    monkeypatch.setattr(signal, "getsignal", unknown.get)
    here.reader().run(here.consumer)
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) is before
    assert here.consumer.seen == ["a1"]


def test_another_thread_stops_a_reader_that_waits(here: Setting) -> None:
    here.stream.add("s", "a1")
    reader = StreamReader(
        ARN, client=here.stream, checkpoints=here.checkpoints, poll=timedelta(hours=1), report=here.told
    )
    thread = Thread(target=reader.run, args=[here.consumer])
    thread.start()
    while not here.consumer.seen or here.stream.requests[-1] != ("read", "s", "1"):
        MachineClock().wait(0.001)
    reader.stop()
    thread.join()
    assert here.saved == {"s": After("91")}


def test_the_machines_clock_tells_the_time() -> None:
    clock = MachineClock()
    assert clock.now.utcoffset() == timedelta()
    assert clock.monotonic() <= clock.monotonic()
    clock.wake()
    clock.wait(3600)


def test_arguments_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="name either a stream by its ARN, or a table"):
        StreamReader()
    with pytest.raises(ConfigurationError, match="name either a stream by its ARN, or a table"):
        StreamReader(ARN, table="prod-Card")
    for size in (0, 1_001):
        with pytest.raises(ConfigurationError, match=f"batch_size={size} should be from 1 to 1,000"):
            StreamReader(ARN, batch_size=size)
    with pytest.raises(ConfigurationError, match="poll=0:00:00 should be longer than that"):
        StreamReader(ARN, poll=timedelta())


class Tables:
    """A client of DynamoDB."""

    def __init__(self, *streams: str) -> None:
        self.streams = list(streams)

    def describe_table(self, *, TableName: str) -> DescribeTableOutput:
        if TableName != "prod-Card":
            raise refusal("ResourceNotFoundException")
        return {"Table": {"LatestStreamArn": self.streams.pop()}} if self.streams else {"Table": {}}


@pytest.mark.parametrize("table", ["prod-Card", cards])
def test_a_table_is_asked_for_its_newest_stream(here: Setting, table: str | Table[object]) -> None:
    here.stream.add("s", "a1")
    here.stream.switch_off()
    reader = StreamReader(table=table, tables=Tables(ARN), client=here.stream, clock=here.stream.clock)
    assert repr(reader) == "StreamReader('prod-Card')"
    reader.run(here.consumer, signals=False)
    assert here.consumer.seen == ["a1"]
    assert reader.stream_arn == ARN
    assert repr(reader) == f"StreamReader({ARN!r})"


def test_a_table_without_a_stream_is_told_by_name() -> None:
    with pytest.raises(NoStream, match="the table prod-Card has no stream: switch one on"):
        StreamReader(table="prod-Card", tables=Tables("")).run(print)
    with pytest.raises(NoStream, match="there is no table prod-Cord"):
        StreamReader(table="prod-Cord", tables=Tables(ARN)).run(print)

    class Closed(Tables):
        @override
        def describe_table(self, *, TableName: str) -> DescribeTableOutput:
            raise refusal(f"AccessDeniedException to {TableName}")

    with pytest.raises(Exception, match="AccessDeniedException"):
        StreamReader(table="prod-Card", tables=Closed()).run(print)


def test_the_clients_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def client(name: str, **_: object) -> object:
        made.append(name)
        return Tables(ARN) if name == "dynamodb" else Stream(exists=False)

    monkeypatch.setattr(boto3, "client", client)
    with pytest.raises(NoStream):
        StreamReader(table="prod-Card").run(print)
    assert made == ["dynamodb", "dynamodbstreams"]
    assert isinstance(make_dynamodb(), Tables)
