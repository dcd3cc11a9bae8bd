"""The function that Lambda calls, and the time that it has."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from typing import cast

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    BatchFailed,
    ConfigurationError,
    Delivery,
    Failed,
    Handled,
    InsertEvent,
    NotAStreamEvent,
    OutOfTime,
    RemoveEvent,
    Strategy,
    acknowledge,
    batched,
    concurrent,
    lambda_handler,
    on_insert,
    on_remove,
    pipeline,
    retry,
    router,
    series,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import FixedTime, insert_event, lambda_context, lambda_event, remove_event
from tests.cards import Card, cards

A, B, C = (insert_event(Card(number, title)) for number, title in enumerate("abc"))
SECOND = timedelta(seconds=1)


class Clock:
    """A handler that takes its time, as its context sees it."""

    def __init__(self, left: timedelta, each: timedelta) -> None:
        """Begin with this much time left, of which each call takes a part."""
        self.context: FixedTime = lambda_context(left)
        self.each = each
        self.seen: list[str] = []

    def take(self, event: InsertEvent[Card]) -> Result[str, str]:
        """Take time, and succeed."""
        self.context.remaining -= self.each
        self.seen.append(event.new_image.title)
        return Success(event.new_image.title)

    def take_many(self, events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        """Take time, and succeed."""
        for event in events:
            self.take(event)
        return Success("many")


def test_the_function_answers_lambda() -> None:
    clock = Clock(60 * SECOND, SECOND)
    handler = lambda_handler(pipeline(cards, on_insert(clock.take)))
    assert handler(lambda_event(A, B, C), clock.context) == {"batchItemFailures": []}
    assert clock.seen == ["a", "b", "c"]


def test_it_needs_no_context_in_a_test() -> None:
    clock = Clock(SECOND, SECOND)
    handler = lambda_handler(pipeline(cards, on_insert(clock.take)))
    assert handler(lambda_event(A, B), None) == {"batchItemFailures": []}


@pytest.mark.parametrize("strategy", [series, concurrent(workers=1)], ids=["series", "concurrent"])
@pytest.mark.parametrize("delivery", [retry(), acknowledge()], ids=["retry", "acknowledge"])
def test_nothing_starts_with_less_than_the_margin_left_and_comes_again(
    delivery: Delivery[str], strategy: Strategy
) -> None:
    """Also under acknowledge, which drops what failed: this has not failed, it was not tried."""
    clock = Clock(6 * SECOND, 2 * SECOND)
    process = pipeline(cards, on_insert(clock.take), strategy=strategy)
    handler = lambda_handler(process, delivery, margin=SECOND)
    assert handler(lambda_event(A, B, C), clock.context) == {
        "batchItemFailures": [{"itemIdentifier": str(C.record.sequence_number)}]
    }
    assert clock.seen == ["a", "b"]


def test_nothing_starts_that_would_take_longer_than_what_is_left() -> None:
    """A call is expected to take as long as the longest one so far."""
    clock = Clock(6 * SECOND, 3 * SECOND)
    handler = lambda_handler(pipeline(cards, on_insert(clock.take)), margin=SECOND)
    assert handler(lambda_event(A, B, C), clock.context) == {
        "batchItemFailures": [{"itemIdentifier": str(B.record.sequence_number)}]
    }
    assert clock.seen == ["a"]


def test_a_chunk_is_closed_early_when_time_runs_short() -> None:
    """Were it to wait for the end of the batch, the time would be gone, and gone again in the next invocation."""
    clock = Clock(6 * SECOND, 2 * SECOND)
    process = pipeline(cards, on_insert(clock.take), on_insert(batched(clock.take_many)))
    handler = lambda_handler(process, retry(), margin=SECOND)
    assert handler(lambda_event(A, B, C), clock.context) == {
        "batchItemFailures": [{"itemIdentifier": str(B.record.sequence_number)}]
    }
    assert clock.seen == ["a", "a"]


def test_a_chunk_is_closed_when_half_of_the_time_is_gone() -> None:
    """What many short calls take adds up."""
    clock = Clock(8 * SECOND, SECOND)
    sizes: list[int] = []

    def take_many(events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        sizes.append(len(events))
        return Success("many")

    process = pipeline(cards, on_insert(clock.take), on_insert(batched(take_many)))
    events = [insert_event(Card(number, "x")) for number in range(6)]
    lambda_handler(process, acknowledge(lambda _: None), margin=SECOND)(lambda_event(*events), clock.context)
    assert sizes == [3, 1, 1]


def test_a_chunk_that_time_ran_out_for_is_not_started() -> None:
    clock = Clock(6 * SECOND, 5 * SECOND)
    reported: list[Failed[str]] = []
    process = pipeline(cards, on_insert(clock.take), on_insert(batched(clock.take_many)))
    handler = lambda_handler(process, acknowledge(reported.append), margin=SECOND)
    handler(lambda_event(A, B), clock.context)
    assert clock.seen == ["a"]
    assert [(each.handler, each.reason) for each in reported] == [
        ("take_many", OutOfTime()),
    ], "that time ran out is told once"


def test_a_call_with_less_than_the_margin_left_raises_rather_than_loops() -> None:
    """Answered with nothing done, the batch would come again and again."""
    clock = Clock(SECOND, SECOND)
    handler = lambda_handler(pipeline(cards, on_insert(clock.take)), margin=2 * SECOND)
    with pytest.raises(BatchFailed, match="called with less than the margin of 0:00:02 left"):
        handler(lambda_event(A), clock.context)
    assert handler({"Records": []}, clock.context) == {"batchItemFailures": []}


def test_what_is_no_stream_event_fails_the_invocation() -> None:
    handler = lambda_handler(pipeline(cards, on_insert(Clock(SECOND, SECOND).take)))
    with pytest.raises(NotAStreamEvent):
        handler({"Records": "none"}, lambda_context())


def test_a_margin_is_not_negative() -> None:
    with pytest.raises(ConfigurationError, match="margin=-1 day, 23:59:59 should not be negative"):
        lambda_handler(pipeline(cards, on_insert(Clock(SECOND, SECOND).take)), margin=-SECOND)


def test_chunks_are_called_in_the_order_of_their_records() -> None:
    """Or, where time runs out between them, a record's last chunk would be late each time."""
    clock = Clock(8 * SECOND, SECOND)
    called: list[tuple[str, str]] = []

    def one(events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        clock.context.remaining -= SECOND
        called.append(("one", "".join(event.new_image.title for event in events)))
        return Success("done")

    def two(events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        clock.context.remaining -= 4 * SECOND
        called.append(("two", "".join(event.new_image.title for event in events)))
        return Success("done")

    process = pipeline(cards, on_insert(batched(one, size=2)), on_insert(batched(two)))
    handler = lambda_handler(process, retry(report=lambda _: None), margin=SECOND)
    assert handler(lambda_event(A, B, C), clock.context) == {
        "batchItemFailures": [{"itemIdentifier": str(C.record.sequence_number)}]
    }
    assert called == [("one", "ab"), ("two", "abc")]


def test_strategies_that_differ_share_the_time() -> None:
    """Or the first of them would take it all, and the batch would begin anew for ever."""
    clock = Clock(30 * SECOND, 4 * SECOND)
    other = pipeline(cards, on_insert(clock.take, name="later"), strategy=concurrent(workers=1))
    process = router(pipeline(cards, on_insert(clock.take)), other)
    events = [insert_event(Card(number, str(number))) for number in range(10)]
    answer = lambda_handler(process, retry(report=lambda _: None), margin=SECOND)(
        lambda_event(*events), clock.context
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(events[3].record.sequence_number)}]}
    assert clock.seen == ["0", "1", "2", "0", "1", "2", "3"]


def test_reports_leave_time_for_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(10 * SECOND, timedelta())
    told: list[str | None] = []

    def report(failed: Failed[str]) -> None:
        clock.context.remaining -= 4 * SECOND
        told.append(failed.record.event_id)

    def refuse(_: InsertEvent[Card]) -> Result[None, str]:
        return Failure("no")

    handler = lambda_handler(pipeline(cards, on_insert(refuse)), acknowledge(report), margin=4 * SECOND)
    events = [insert_event(Card(number, "x"), event_id=f"id-{number}") for number in range(5)]
    assert handler(lambda_event(*events), clock.context) == {"batchItemFailures": []}
    assert len(told) == 3
    untold = "refuse on id-3 (Refused), refuse on id-4 (Refused)"
    assert f"time ran out for reports, 2 of 5 failures are not reported: {untold}" in caplog.text


def test_what_there_is_no_time_to_report_is_named_in_the_log_whatever_it_lacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = lambda_context(timedelta(seconds=3))

    def hear_nobody(_: Failed[object]) -> None:
        raise AssertionError

    def late(_: InsertEvent[Card]) -> Result[None, str]:
        context.remaining = timedelta()
        return Failure("no")

    late_one = lambda_handler(pipeline(cards, on_insert(late)), acknowledge(hear_nobody), margin=timedelta())
    batch = {
        "Records": [insert_event(Card(1, "x"), event_id="id-1").record.raw, {"eventID": 7}, {"eventID": "b"}]
    }
    late_one(batch, context)
    assert "late on id-1 (Refused)" in caplog.text
    assert "no handler on b (Malformed)" in caplog.text
    assert "no handler on a record without identifiers (Malformed)" in caplog.text


def test_a_chunk_waits_no_longer_for_records_of_another_kind_when_half_of_the_time_has_gone() -> None:
    clock = Clock(60 * SECOND, 10 * SECOND)

    def remove(event: RemoveEvent[Card]) -> Result[str, str]:
        clock.context.remaining -= clock.each
        clock.seen.append(event.old_image.title)
        return Success("removed")

    def insert(events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
        clock.seen.extend(event.new_image.title for event in events)
        return Success("inserted")

    process = pipeline(cards, on_insert(batched(insert)), on_remove(remove))
    removed = [remove_event(Card(number, str(number))) for number in range(1, 5)]
    lambda_handler(process)(lambda_event(A, *removed), clock.context)
    assert clock.seen == ["1", "2", "3", "a", "4"]


@pytest.mark.parametrize("delivery", [retry(), acknowledge()], ids=["retry", "acknowledge"])
def test_a_handler_that_changes_the_list_of_the_payload_hides_no_record(delivery: Delivery[str]) -> None:
    payload, seen = lambda_event(A, B, C), list[str]()

    def take(event: InsertEvent[Card]) -> Result[str, str]:
        payload["Records"].clear()
        seen.append(event.new_image.title)
        return Success("taken")

    handler = lambda_handler(pipeline(cards, on_insert(take)), delivery)
    assert handler(payload, None) == {"batchItemFailures": []}
    assert seen == ["a", "b", "c"]


def test_each_result_is_told_in_order_before_failures_are_reported() -> None:
    told: list[str] = []

    def refuse_b(event: InsertEvent[Card]) -> Result[str, str]:
        title = event.new_image.title
        return Failure(title) if title == "b" else Success(title)

    def listen(result: Result[Handled[str], Failed[str]]) -> None:
        told.append(result.unwrap().value if isinstance(result, Success) else repr(result.failure().reason))

    def report(failed: Failed[str]) -> None:
        told.append(f"reported {failed.reason!r}")

    handler = lambda_handler(pipeline(cards, on_insert(refuse_b)), retry(report=report), on_result=listen)
    handler(lambda_event(A, B, C), None)
    assert told == ["a", "Refused(str)", "Stopped()", "reported Refused(str)"]


def test_a_coroutine_function_is_told_of_results_too() -> None:
    told: list[object] = []

    async def listen(result: Result[Handled[str], Failed[str]]) -> None:
        told.append(result.unwrap().value)

    clock = Clock(60 * SECOND, SECOND)
    lambda_handler(pipeline(cards, on_insert(clock.take)), on_result=listen)(
        lambda_event(A, B), clock.context
    )
    assert told == ["a", "b"]


def test_whoever_is_told_of_results_changes_nothing_by_raising(caplog: pytest.LogCaptureFixture) -> None:
    def listen(_: Result[Handled[str], Failed[str]]) -> None:
        raise LookupError("data")

    clock = Clock(60 * SECOND, SECOND)
    handler = lambda_handler(pipeline(cards, on_insert(clock.take)), on_result=listen)
    assert handler(lambda_event(A, B), clock.context) == {"batchItemFailures": []}
    assert clock.seen == ["a", "b"]
    assert [
        record.message.startswith("on_result raised LookupError on: <Success: Handled('take'")
        for record in caplog.records
    ] == [True, True]
    assert "data" not in caplog.text


@pytest.mark.parametrize("puts_aside", [False, True], ids=["retry", "with dead letters"])
def test_a_slow_on_result_leaves_the_margin_to_the_stores_and_the_answer(
    caplog: pytest.LogCaptureFixture, *, puts_aside: bool
) -> None:
    context, told = lambda_context(10 * SECOND), list[object]()

    def count(result: Result[Handled[str], Failed[str]]) -> None:
        context.remaining -= 4 * SECOND
        told.append(result)

    def refuse_c(event: InsertEvent[Card]) -> Result[str, str]:
        title = event.new_image.title
        return Failure(title) if title == "c" else Success(title)

    letters = MemoryDeadLetters()
    delivery: Delivery[str] = (
        retry(ledger=MemoryLedger(), dead_letters=letters, max_attempts=1, patience=timedelta())
        if puts_aside
        else retry()
    )
    handler = lambda_handler(
        pipeline(cards, on_insert(refuse_c)), delivery, margin=6 * SECOND, on_result=count
    )
    answer = handler(lambda_event(A, B, C), context)
    assert (len(told), context.remaining) == (1, 6 * SECOND)
    assert "time ran out for on_result, which is not called with 2 of 3 Results" in caplog.text
    assert len(letters.letters) == puts_aside
    assert len(answer["batchItemFailures"]) == (not puts_aside)


def test_what_cannot_be_told_of_results_is_refused() -> None:
    clock = Clock(SECOND, SECOND)
    process = pipeline(cards, on_insert(clock.take))
    with pytest.raises(ConfigurationError, match="on_result=count"):
        lambda_handler(process, on_result=cast("Callable[[object], None]", "count"))

    def generator(_: object) -> Generator[None]:
        yield

    with pytest.raises(ConfigurationError, match="the on_result is a generator function"):
        lambda_handler(process, on_result=cast("Callable[[object], None]", generator))


@pytest.mark.parametrize("ledger", [None, MemoryLedger()], ids=["without a ledger", "with one"])
def test_the_clock_is_read_once_for_each_call_of_a_handler(ledger: MemoryLedger | None) -> None:
    def readings(count: int) -> int:
        asked = 0

        class Counting:
            def get_remaining_time_in_millis(self) -> int:
                nonlocal asked
                asked += 1
                return 60_000

        clock = Clock(60 * SECOND, SECOND)
        handler = lambda_handler(pipeline(cards, on_insert(clock.take)), retry(ledger=ledger))
        numbers = range(1, count + 1)
        events = [insert_event(Card(number, "a"), event_id=f"of {count}: {number}") for number in numbers]
        handler(lambda_event(*events), Counting())
        assert len(clock.seen) == count
        return asked

    assert readings(20) - readings(10) == 10
