"""Side by side: what may overlap, what may not, and what stays as it is in series.

Handlers wait for one another here, at barriers: where they did not run side by side, a wait would fail.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Generator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Barrier
from typing import Never

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Result, Success
from typing_extensions import TypeVar

from streamfn import (
    ConfigurationError,
    Event,
    Handler,
    InsertEvent,
    Raised,
    Refused,
    Strategy,
    Table,
    batched,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    retry,
    series,
)
from streamfn._execution.run import HandlerCall
from streamfn.testing import failures, insert_event, lambda_event, modify_event, values
from tests import cards as wire
from tests.cards import Card, Json, cards

V = TypeVar("V")

PATIENCE = 30
"""Seconds after which a barrier gives up, so that a wrong program fails and does not hang."""

A, B, C = (insert_event(Card(number, title)) for number, title in enumerate("abc"))


def test_handlers_of_one_record_run_side_by_side() -> None:
    barrier = Barrier(3)

    def meet(_: InsertEvent[Card]) -> Result[str, str]:
        barrier.wait(PATIENCE)
        return Success("met")

    async def meet_later(_: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.to_thread(barrier.wait, PATIENCE)
        return Success("met")

    def meet_too(event: InsertEvent[Card]) -> Result[str, str]:
        return meet(event)

    process = pipeline(
        cards, on_insert(meet), on_insert(meet_later), on_insert(meet_too), strategy=concurrent(workers=3)
    )
    assert values(process(lambda_event(A))) == ["met"] * 3


def test_records_of_different_items_run_side_by_side() -> None:
    barrier = Barrier(3)

    def meet(event: InsertEvent[Card]) -> Result[str, str]:
        barrier.wait(PATIENCE)
        return Success(event.new_image.title)

    process = pipeline(cards, on_insert(meet), strategy=concurrent(workers=3))
    assert values(process(lambda_event(A, B, C))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "keys",
    [{}, {"id": {"L": []}}, {"id": 7, "title": {"S": "a"}}],
    ids=["none", "a list", "no attribute value"],
)
def test_records_whose_keys_tell_no_items_apart_keep_their_order(keys: Json) -> None:
    seen: list[int] = []
    first_may_end = Barrier(2)

    async def see(event: InsertEvent[Card]) -> Result[int, str]:
        if event.new_image.id == 1:
            await asyncio.to_thread(first_may_end.wait, PATIENCE)
        seen.append(event.new_image.id)
        return Success(event.new_image.id)

    async def meet(_: InsertEvent[Card]) -> Result[int, str]:
        await asyncio.to_thread(first_may_end.wait, PATIENCE)
        return Success(0)

    process = pipeline(
        cards,
        on_insert(see),
        on_insert(meet, where=lambda event: event.new_image.id == 2),
        strategy=concurrent(workers=3),
    )
    batch = [wire.record(number, change={"Keys": keys}) for number in (1, 2)]
    assert values(process(wire.event(*batch))) == [1, 2, 0]
    assert seen == [1, 2]


def test_coroutines_run_side_by_side_on_one_loop() -> None:
    async def meet(event: InsertEvent[Card]) -> Result[int, str]:
        arrived.append(event.new_image.title)
        if len(arrived) == 3:
            all_arrived.set()
        await asyncio.wait_for(all_arrived.wait(), PATIENCE)
        return Success(id(asyncio.get_running_loop()))

    arrived: list[str] = []
    all_arrived = asyncio.Event()
    loops = values(pipeline(cards, on_insert(meet), strategy=concurrent(workers=3))(lambda_event(A, B, C)))
    assert len(loops) == 3
    assert len(set(loops)) == 1


def test_no_more_run_at_a_time_than_there_are_workers() -> None:
    lock = threading.Lock()
    running = 0
    most = 0
    barrier = Barrier(2)

    def handle(_: InsertEvent[Card]) -> Result[None, str]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(PATIENCE)
        with lock:
            running -= 1
        return Success(None)

    events = [insert_event(Card(number, "x")) for number in range(20)]
    results = pipeline(cards, on_insert(handle), strategy=concurrent(workers=2))(lambda_event(*events))
    assert (len(values(results)), most) == (20, 2)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20), st.integers(1, 5))
def test_records_of_one_item_never_overtake_each_other_for_one_handler(
    changes: list[tuple[int, bool]], workers: int
) -> None:
    """And the list of Results is that of a run in series, whatever fails."""
    events = [
        modify_event(Card(item, "x"), Card(item, "x", owner="ada" if fails else None))
        for item, fails in changes
    ]
    seen: dict[str, list[str]] = {}
    lock = threading.Lock()

    def handle(name: str, event: Event[Card]) -> Result[str, str]:
        with lock:
            seen.setdefault(f"{name} {event.record.keys}", []).append(event.event_id)
        return (
            Success(event.event_id) if "ada" not in str(event.record.new_image) else Failure(event.event_id)
        )

    def one(event: Event[Card]) -> Result[str, str]:
        return handle("one", event)

    async def two(event: Event[Card]) -> Result[str, str]:
        await asyncio.sleep(0)
        return handle("two", event)

    def three(many: Sequence[Event[Card]]) -> Result[int, str]:
        for event in many:
            handle("three", event)
        return Success(len({str(event.record.keys) for event in many}) - len(many))

    handlers = on_event(one), on_event(two), on_event(batched(three, size=3))
    payload = lambda_event(*events)
    side_by_side = pipeline(cards, *handlers, strategy=concurrent(workers=workers))(payload)
    in_order, seen = seen, {}
    assert side_by_side == pipeline(cards, *handlers, strategy=series)(payload)
    assert in_order == seen
    assert all(value == 0 for value in values(side_by_side) if isinstance(value, int))


def test_what_has_not_started_when_a_record_fails_does_not_start_under_retry() -> None:
    """Lambda sends it again anyway. On the failed record itself, all handlers run."""
    started: list[str] = []

    def fail_at_b(event: InsertEvent[Card]) -> Result[str, str]:
        started.append(event.new_image.title)
        return Failure("no") if event.new_image.title == "b" else Success("yes")

    def other(event: InsertEvent[Card]) -> Result[str, str]:
        started.append(event.new_image.title.upper())
        return Success("yes")

    process = pipeline(cards, on_insert(fail_at_b), on_insert(other), strategy=concurrent(workers=1))
    answer = lambda_handler(process, retry(report=lambda _: None))(lambda_event(A, B, C), None)
    assert started == ["a", "A", "b", "B"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": B.record.sequence_number}]}


def test_a_handler_sees_the_context_variables_of_who_called() -> None:
    request: ContextVar[str] = ContextVar("request")

    def sync(_: InsertEvent[Card]) -> Result[str, str]:
        return Success(request.get())

    async def later(_: InsertEvent[Card]) -> Result[str, str]:
        return Success(request.get())

    for strategy in (series, concurrent(workers=2)):
        request.set(type(strategy).__name__)
        process = pipeline(cards, on_insert(sync), on_insert(later), strategy=strategy)
        assert values(process(lambda_event(A))) == [type(strategy).__name__] * 2


def test_threads_and_loop_are_kept_from_one_invocation_to_the_next() -> None:
    async def loop(_: InsertEvent[Card]) -> Result[int, str]:
        return Success(id(asyncio.get_running_loop()))

    def thread(_: InsertEvent[Card]) -> Result[int, str]:
        return Success(threading.get_ident())

    process = pipeline(cards, on_insert(loop), on_insert(thread), strategy=concurrent(workers=1))
    assert values(process(lambda_event(A))) == values(process(lambda_event(B)))


def test_a_pipeline_can_be_called_where_a_loop_runs_already() -> None:
    async def handle(event: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.sleep(0)
        return Success(event.new_image.title)

    async def caller() -> list[str]:
        return values(pipeline(cards, on_insert(handle))(lambda_event(A)))

    assert asyncio.run(caller()) == ["a"]


def test_a_handler_in_a_thread_may_run_a_pipeline_of_its_own() -> None:
    """Of another strategy: its own would wait for itself once all its workers did so."""

    async def later(event: InsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    inner = pipeline(cards, on_insert(later), strategy=concurrent(workers=1))

    def outer(_: InsertEvent[Card]) -> Result[list[str], str]:
        return Success(values(inner(lambda_event(A))))

    process = pipeline(cards, on_insert(outer), strategy=concurrent(workers=1))
    assert values(process(lambda_event(A))) == [["a"]]


@pytest.mark.parametrize("strategy", [series, concurrent(workers=2)], ids=["series", "concurrent"])
def test_a_coroutine_that_waits_for_another_on_its_own_loop_is_told_so(strategy: Strategy) -> None:
    async def inner(event: InsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    nested = pipeline(cards, on_insert(inner))

    async def outer(_: InsertEvent[Card]) -> Result[str, str]:
        (failed,) = failures(nested(lambda_event(A)))
        return Success(repr(failed.reason))

    assert values(pipeline(cards, on_insert(outer), strategy=strategy)(lambda_event(A))) == [
        "Raised(RuntimeError)"
    ]


def test_an_awaitable_of_the_users_own_may_be_what_it_waits_for() -> None:
    class Later:
        def __await__(self) -> Generator[None, None, Result[str, str]]:
            yield
            return Success("later")

    def answer(_: InsertEvent[Card]) -> Later:
        return Later()

    nested = pipeline(cards, on_insert(answer))
    assert values(nested(lambda_event(A))) == ["later"]

    async def outer(_: InsertEvent[Card]) -> Result[int, str]:
        return Success(len(failures(nested(lambda_event(A)))))

    assert values(pipeline(cards, on_insert(outer))(lambda_event(A))) == [1]


def test_strategies_say_what_they_are() -> None:
    assert (repr(series), repr(concurrent(workers=2))) == ("Series()", "Concurrent(workers=2)")


@pytest.mark.parametrize("workers", [0, -1])
def test_nobody_can_work_without_workers(workers: int) -> None:
    with pytest.raises(ConfigurationError, match=f"workers={workers} should be 1 or more"):
        concurrent(workers=workers)


def test_threads_end_with_the_strategy_that_they_are_of() -> None:
    """Whoever makes strategies as he goes does not gather threads."""
    threads: list[threading.Thread] = []

    def note(_: InsertEvent[Card]) -> Result[None, str]:
        threads.append(threading.current_thread())
        return Success(None)

    strategy = concurrent(workers=1)
    pipeline(cards, on_insert(note), strategy=strategy)(lambda_event(A))
    del strategy
    gc.collect()
    threads[0].join(30)
    assert not threads[0].is_alive()


def test_a_handler_that_would_wait_for_its_own_strategy_is_told() -> None:
    strategy = concurrent(workers=1)

    def inner(_: InsertEvent[Card]) -> Result[None, str]:
        return Success(None)

    within = pipeline(cards, on_insert(inner), strategy=strategy)

    def outer(_: InsertEvent[Card]) -> Result[None, str]:
        within(lambda_event(B))
        return Success(None)

    (failed,) = failures(pipeline(cards, on_insert(outer), strategy=strategy)(lambda_event(A)))
    assert isinstance(failed.reason, Raised)
    assert "would wait for itself: make another" in str(failed.reason.exception)


def test_a_coroutine_that_runs_a_pipeline_on_its_own_loop_is_told() -> None:
    """It would block the loop that it waits for."""

    async def inner(_: InsertEvent[Card]) -> Result[None, str]:
        return Success(None)

    within = pipeline(cards, on_insert(inner), strategy=concurrent(workers=1))

    async def outer(_: InsertEvent[Card]) -> Result[None, str]:
        (failed,) = failures(within(lambda_event(B)))
        assert isinstance(failed.reason, Raised)
        return Failure(str(failed.reason.exception))

    (failed,) = failures(pipeline(cards, on_insert(outer))(lambda_event(A)))
    assert failed.reason == Refused(
        "a handler that runs on the event loop cannot wait for another one; await it instead"
    )


def test_a_coroutine_that_is_cancelled_before_it_begins_has_raised() -> None:
    """Nothing of it runs that could answer."""

    async def cancel_others(_: InsertEvent[Card]) -> Result[str, str]:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        return Success("alone")

    async def never(_: InsertEvent[Card]) -> Result[str, str]:
        return Success("ran")

    process = pipeline(cards, on_insert(cancel_others), on_insert(never), strategy=concurrent(workers=2))
    results = in_a_thread(lambda: process(lambda_event(A)))
    assert values(results) == ["alone"]
    (failed,) = failures(results)
    assert isinstance(failed.reason, Raised)
    assert isinstance(failed.reason.exception, asyncio.CancelledError)


def test_a_coroutine_that_cancels_itself_and_answers_has_answered() -> None:
    async def cancel_itself(event: InsertEvent[Card]) -> Result[str, str]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return Success(event.new_image.title)

    process = pipeline(cards, on_insert(cancel_itself), strategy=concurrent(workers=1))
    assert values(in_a_thread(lambda: process(lambda_event(A, B, C)))) == ["a", "b", "c"]


def in_a_thread(function: Callable[[], V]) -> V:
    """Run what could wait for good, so that a wrong program fails."""
    returned: list[V] = []
    thread = threading.Thread(target=lambda: returned.append(function()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert returned, "hangs, or has raised"
    return returned[0]


def refuse_to_start(_: threading.Thread) -> Never:
    """Do what `Thread.start` does where there may be no more threads."""
    raise RuntimeError("can't start new thread")


def test_what_no_thread_can_be_started_for_has_raised_and_does_not_run_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []

    def sync(event: InsertEvent[Card]) -> Result[str, str]:
        called.append(event.new_image.title)
        return Success("called")

    process = pipeline(cards, on_insert(sync), strategy=concurrent(workers=1))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse_to_start)
        (failed,) = failures(process(lambda_event(A)))
    assert isinstance(failed.reason, Raised)
    assert str(failed.reason.exception) == "can't start new thread"
    assert values(process(lambda_event(B))) == ["called"]
    assert called == ["b"]


@pytest.mark.parametrize("strategy", [series, concurrent(workers=2)], ids=["series", "concurrent"])
def test_what_no_event_loop_can_be_started_for_has_raised(
    strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(event: InsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    process = pipeline(cards, on_insert(later), on_insert(later, name="again"), strategy=strategy)
    with monkeypatch.context() as patch:
        patch.setattr("os.getpid", lambda: -1)  # each process has a loop of its own
        patch.setattr(threading.Thread, "start", refuse_to_start)
        reasons = [each.reason for each in failures(process(lambda_event(A)))]
    assert [str(each.exception) for each in reasons if isinstance(each, Raised)] == [
        "can't start new thread"
    ] * 2
    assert values(process(lambda_event(A))) == ["a", "a"]


def test_what_another_thread_takes_when_no_more_can_be_started_is_answered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first_may_end, second_has_begun = threading.Event(), threading.Event()
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def start_one(thread: threading.Thread) -> None:
        if not started:
            started.append(thread)
            start(thread)
            return
        first_may_end.set()
        assert second_has_begun.wait(PATIENCE)
        refuse_to_start(thread)

    def first(_: InsertEvent[Card]) -> Result[str, str]:
        assert first_may_end.wait(PATIENCE)
        return Success("first")

    def second(_: InsertEvent[Card]) -> Result[str, str]:
        second_has_begun.set()
        return Success("second")

    process = pipeline(cards, on_insert(first), on_insert(second), strategy=concurrent(workers=2))
    monkeypatch.setattr(threading.Thread, "start", start_one)
    assert values(process(lambda_event(A))) == ["first", "second"]


def test_a_call_that_breaks_in_its_thread_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    error = MemoryError()

    def break_down(_: HandlerCall) -> Never:
        raise error

    def never(_: InsertEvent[Card]) -> Result[str, str]:
        return Success("ran")

    monkeypatch.setattr(HandlerCall, "run", break_down)
    process = pipeline(cards, on_insert(never), strategy=concurrent(workers=1))
    (failed,) = failures(in_a_thread(lambda: process(lambda_event(A))))
    assert failed.reason == Raised(error)


def beginning(begun: threading.Event, *, later: bool) -> Handler[Card, None, str]:
    """Make a handler that tells that it has begun, as a function or a coroutine function."""

    def begin(_: InsertEvent[Card]) -> Result[None, str]:
        begun.set()
        return Success(None)

    async def begin_later(event: InsertEvent[Card]) -> Result[None, str]:
        return begin(event)

    return on_insert(begin_later if later else begin, name="begin")


FORMS = pytest.mark.parametrize("later", [False, True], ids=["function", "coroutine function"])


@FORMS
def test_a_call_does_not_wait_for_where_of_another(*, later: bool) -> None:
    begun = threading.Event()

    def handle(_: InsertEvent[Card]) -> Result[None, str]:
        return Success(None)

    process = pipeline(
        cards,
        beginning(begun, later=later),
        on_insert(handle, where=lambda _: begun.wait(PATIENCE)),
        strategy=concurrent(workers=2),
    )
    assert values(process(lambda_event(A))) == [None, None]


@FORMS
def test_a_call_that_has_begun_runs_where_a_where_ends_the_process(*, later: bool) -> None:
    begun = threading.Event()

    def handle(_: InsertEvent[Card]) -> Result[None, str]:
        return Success(None)

    def end(_: InsertEvent[Card]) -> bool:
        raise SystemExit

    process = pipeline(
        cards, beginning(begun, later=later), on_insert(handle, where=end), strategy=concurrent(workers=2)
    )
    with pytest.raises(SystemExit):
        process(lambda_event(A))
    assert begun.wait(PATIENCE)


@dataclass(frozen=True)
class Last:
    """A model that ends the process once an id is 2."""

    id: int

    def __post_init__(self) -> None:
        if self.id == 2:
            raise SystemExit


def test_a_coroutine_that_has_begun_runs_where_a_model_ends_the_process() -> None:
    begun = threading.Event()

    async def begin(_: InsertEvent[Last]) -> Result[None, str]:
        begun.set()
        return Success(None)

    process = pipeline(Table("prod-Card", Last), on_insert(begin), strategy=concurrent(workers=2))
    batch = [wire.record(number) for number in (1, 2)]
    with pytest.raises(SystemExit):
        process(wire.event(*batch))
    assert begun.wait(PATIENCE)
