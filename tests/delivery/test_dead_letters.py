"""What cannot succeed is put aside, and blocks nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

import pytest
from returns.result import Result
from typing_extensions import override

from streamfn import (
    BatchResponse,
    ConfigurationError,
    Event,
    Failed,
    InsertEvent,
    LambdaFunction,
    Malformed,
    Pipeline,
    Strategy,
    StreamViewType,
    TimedOut,
    Undecodable,
    Unrouted,
    concurrent,
    lambda_handler,
    on_event,
    pipeline,
    retry,
    series,
)
from streamfn._time import SecondsLeft, unlimited
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers._protocol import Entry, Key, range_of
from streamfn.testing import insert_event, lambda_event
from tests.cards import Json, record
from tests.delivery.jobs import START, Clock, Job, Letterbox, Note, WatchedLedger, notes, quiet, written

strategies = pytest.mark.parametrize(
    "strategy", [series, concurrent(workers=3)], ids=["series", "concurrent"]
)
CLEAN: BatchResponse = {"batchItemFailures": []}


class Function:
    """A function of one job, with a ledger, a letterbox and a clock that a test can look into."""

    def __init__(
        self, tell: Job, *, max_attempts: int = 2, patience: int = 0, strategy: Strategy = series
    ) -> None:
        """Make the function."""
        self.ledger, self.box, self.clock = WatchedLedger(), Letterbox(), Clock()
        self.reported: list[Failed[object]] = []
        process: Pipeline[object, object] = pipeline(notes, on_event(tell, name="tell"), strategy=strategy)
        made = lambda_handler(
            process,
            retry(
                ledger=self.ledger,
                dead_letters=self.box,
                max_attempts=max_attempts,
                patience=timedelta(seconds=patience),
                scope="follow",
                report=self.reported.append,
            ),
        )
        self.function = LambdaFunction(made.process, made.delivery, made.margin, self.clock)

    def __call__(self, *events: InsertEvent[Note] | Json) -> list[str]:
        """Deliver a batch, and tell from which record on it comes again."""
        answer = self.function(lambda_event(*events), None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@strategies
def test_after_its_attempts_a_pair_becomes_a_letter_and_the_item_goes_on(strategy: Strategy) -> None:
    tell = Job(a1=9)
    function = Function(tell, strategy=strategy)
    events = written("a1", "a2", "b1")
    assert function(*events) == []
    assert tell.seen == ["a1", "b1", "a1", "a2"], "again once the handler has succeeded on another"
    (letter,) = function.box.letters
    assert (letter.id, letter.reason, letter.detail, letter.attempts) == (
        "follow/tell/a1",
        "Refused",
        "str",
        2,
    )
    assert (letter.since, letter.at) == (START, START)
    assert letter.stream == events[0].record.event_source_arn
    assert letter.record == events[0].record.raw
    assert function(*events) == []
    assert (len(tell.seen), len(function.box.letters)) == (4, 1), "a letter is settled"


@strategies
def test_the_letter_is_stored_before_the_next_record_of_its_item_starts(strategy: Strategy) -> None:
    stored: list[int] = []

    class Counting(Job):
        @override
        def __call__(self, event: Event[Note]) -> Result[str, str]:
            if event.event_id == "a2":
                stored.append(len(made[0].box.letters))
            return super().__call__(event)

    made = [Function(Counting(a1=9), max_attempts=1, strategy=strategy)]
    assert made[0](*written("a1", "a2")) == []
    assert stored == [1]


def test_a_letter_that_cannot_be_stored_leaves_the_failure_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tell = Job(a1=9, b1=9)
    function = Function(tell, max_attempts=1)
    events = written("a1", "b1", "a2", "b2")
    function.box.refused = {"a1"}
    assert function(*events) == [events[0].record.sequence_number]
    assert tell.again() == ["a1", "b1", "b2"]
    function.box.is_down = True
    assert function(*events) == [events[0].record.sequence_number]
    assert tell.again() == ["a1"]
    assert "dead letters could not be sent: ConnectionError" in caplog.text
    assert "secret" not in caplog.text
    function.box.is_down = False
    function.box.refused = set()
    assert function(*events) == []
    assert tell.again() == ["a1", "a2"]
    assert function.box.told() == [("tell", "b1", "Refused"), ("tell", "a1", "Refused")]


def test_patience_outlasts_fast_attempts() -> None:
    """A short outage must not use up all attempts."""
    tell = Job(a1=99)
    function = Function(tell, max_attempts=2, patience=60)
    events = written("a1")
    for _ in range(5):
        assert function(*events) == [events[0].record.sequence_number]
    function.clock.pass_by(59)
    assert function(*events) == [events[0].record.sequence_number]
    assert len(tell.again()) == 6
    function.clock.pass_by(1)
    assert function(*events) == []
    assert tell.again() == ["a1"], "once more, as the outage may be over"
    assert function.box.letters[0].attempts == 2


def test_an_outage_longer_than_patience_costs_nothing_if_it_is_over_at_the_next_try() -> None:
    tell = Job(a1=2)
    function = Function(tell, max_attempts=2, patience=60)
    events = written("a1")
    function(*events)
    function(*events)
    function.clock.pass_by(3600)
    assert function(*events) == []
    assert function.box.letters == []


def test_what_no_retry_can_help_becomes_a_letter_at_once() -> None:
    function = Function(Job())
    undecodable = insert_event(Note(1, "x"), event_id="u").record.raw
    undecodable["dynamodb"]["NewImage"] = {"id": {"S": "secret"}}
    undecodable["dynamodb"].pop("OldImage", None)
    missing = dict(insert_event(Note(2, "x"), event_id="m").record.raw)
    missing["dynamodb"] = {**insert_event(Note(2, "x")).record.raw["dynamodb"], "NewImage": None}
    stray = {**insert_event(Note(3, "x"), event_id="s").record.raw, "eventSourceARN": "arn:of-nobody"}
    assert function({**undecodable}, missing, stray, {"eventID": "b"}) == []
    assert sorted(function.box.told()) == [
        ("", "b", "Malformed"),
        ("", "s", "Unrouted"),
        ("tell", "m", "MissingImage"),
        ("tell", "u", "Undecodable"),
    ]
    details = {letter.pair.record: letter.detail for letter in function.box.letters}
    assert details["u"] == "$.id: expected N, got S; $.text: missing"
    assert {type(failed.reason) for failed in function.reported} >= {Undecodable, Malformed, Unrouted}
    assert function({**undecodable}, missing, stray, {"eventID": "b"}) == []
    assert len(function.box.letters) == 4, "what is dead is not looked at again"


def test_what_has_no_identifier_is_known_by_what_it_is() -> None:
    function = Function(Job())
    nameless: list[Json] = [{"some": "thing"}, {"dynamodb": {"SequenceNumber": "7"}}]
    assert function(*nameless) == []
    assert function(*nameless) == []
    number, digest = sorted(letter.pair.record for letter in function.box.letters)
    assert (number, digest[:7], len(digest)) == ("sequence-number-7", "sha256-", 7 + 64)


def test_letters_are_sent_ten_at_a_time() -> None:
    function = Function(Job())
    assert function(*(record(number, without="Keys") for number in range(25))) == []
    assert function.box.sendings == [10, 10, 5]


def test_held_back_records_use_no_attempt_up() -> None:
    tell = Job(a1=1, a2=1)
    function = Function(tell, max_attempts=2)
    events = written("a1", "a2")
    assert function(*events) == [events[0].record.sequence_number]
    assert function(*events) == [events[1].record.sequence_number]
    assert function(*events[1:]) == []
    assert function.box.letters == []


def test_what_hung_too_often_is_not_started() -> None:
    """It would only hang once more."""
    tell = Job()
    function = Function(tell, max_attempts=3)
    (event,) = written("a1")
    sequence_range = range_of("follow", [event.record])
    function.ledger.write(sequence_range, [Entry(Key("tell", "a1"), "open", 3, START, "TimedOut")], unlimited)
    assert function(event) == []
    assert tell.seen == []
    assert function.box.told() == [("tell", "a1", "TimedOut")]
    assert function.reported[-1].reason == TimedOut(3)


def test_each_letter_is_logged_by_its_identifiers(caplog: pytest.LogCaptureFixture) -> None:
    function = Function(Job(a1=1), max_attempts=1)
    with caplog.at_level(logging.WARNING):
        function(*written("a1"))
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert json.loads(line) == {
        "deadLetter": "follow/tell/a1",
        "reason": "Refused",
        "detail": "str",
        "attempts": 1,
        "location": f"tests/delivery/jobs.py:{Job.__call__.__code__.co_firstlineno} in Job.__call__",
    }


def test_dead_letters_need_a_ledger() -> None:
    with pytest.raises(
        ConfigurationError, match="dead letters need a ledger, which counts the attempts: pass ledger="
    ):
        retry(dead_letters=Letterbox())


def test_a_stream_without_images_can_have_letters_too() -> None:
    process = pipeline(notes, on_event(Job(), name="tell"))
    box = Letterbox()
    handler = lambda_handler(process, retry(ledger=WatchedLedger(), dead_letters=box, report=quiet))
    batch = lambda_event(*written("a1"), view_type=StreamViewType.KEYS_ONLY)
    assert handler(batch, None) == CLEAN
    assert [letter.detail for letter in box.letters] == ["NewImage"]


def test_success_is_no_letter() -> None:
    function = Function(Job())
    assert function(*written("a1", "b1")) == []
    assert (function.box.sendings, function.ledger.writes) == ([], [])


def test_what_is_no_record_is_known_by_its_stream_too() -> None:
    """In a batch of its own as well as among records."""
    function = Function(Job())
    broken = record(1, without="Keys")
    assert function(broken, *written("a1")) == []
    assert function(broken) == []
    (letter,) = function.box.letters
    assert letter.stream == broken["eventSourceARN"]


def test_a_place_for_letters_that_answers_nothing_has_stored_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Silent(Letterbox):
        @override
        def send(self, letters: Sequence[DeadLetter], _: SecondsLeft, /) -> Collection[str]:
            # As a place of somebody who has no type checker.
            return None  # type: ignore[return-value] # pyright: ignore[reportReturnType]

    process = pipeline(notes, on_event(Job(a1=1), name="tell"))
    delivery = retry(
        ledger=WatchedLedger(), dead_letters=Silent(), max_attempts=1, patience=timedelta(), report=quiet
    )
    (event,) = written("a1")
    assert lambda_handler(process, delivery)(lambda_event(event), None) == {
        "batchItemFailures": [{"itemIdentifier": event.record.sequence_number}]
    }
    told = "send() of Silent returned None, expected the ids of what is stored"
    assert f"dead letters could not be sent: {told}" in caplog.text
