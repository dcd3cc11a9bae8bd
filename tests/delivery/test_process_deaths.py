"""A record that ends its process: found, counted, put aside, and its neighbours seldom repeated."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    Delivery,
    Event,
    Failed,
    Handler,
    LambdaFunction,
    Pipeline,
    ProcessDied,
    Table,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    make_converter,
    on_event,
    pipeline,
    retry,
    series,
)
from streamfn._delivery.processes import ProcessMarks, ThisProcess
from streamfn._time import SecondsLeft, unlimited
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, merge, range_of
from streamfn.testing import Crash, EventSourceMapping, LostAnswer, StoreDown, lambda_context, lambda_event
from streamfn.testing._simulator.invoking import Fault
from tests.delivery.jobs import START, Clock, Job, Letterbox, Note, notes, quiet, written

SECOND: Final = timedelta(seconds=1)
MAX_ATTEMPTS: Final = 3


class Shared(MemoryLedger):
    """A ledger that says that it is shared, and keeps each write."""

    needs_scope = True

    def __init__(self) -> None:
        """Begin with no entry, and let writes through."""
        super().__init__()
        self.writes: list[Sequence[Entry]] = []
        self.sequence_ranges: list[SequenceRange] = []
        self.fails_from = 10**9
        self.before_write: Callable[[], None] = _nothing

    @override
    def write(
        self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
    ) -> None:
        self.before_write()
        if len(self.writes) >= self.fails_from:
            raise ConnectionError("secret")
        self.sequence_ranges.append(sequence_range)
        super().write(sequence_range, entries, seconds_left)
        self.writes.append(entries)


def _nothing() -> None:
    """Do nothing."""


@dataclass
class Killing:
    """A handler that ends the process on the record `b1`, as often as it is told to, where it is told to."""

    times: int = 10**9
    calls: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    mapping: EventSourceMapping | None = None

    def kill(self, event: Event[Note]) -> None:
        """End the process if it is time to."""
        if event.event_id == "b1" and self.times:
            self.times -= 1
            assert self.mapping is not None
            self.mapping.end_process()

    def single(self, event: Event[Note]) -> Result[str, str]:
        """End it in a handler of single events."""
        self.calls.append((event.event_id,))
        self.kill(event)
        return Success(event.event_id)

    async def awaited(self, event: Event[Note]) -> Result[str, str]:
        """End it in a coroutine function."""
        return self.single(event)

    def all(self, events: Sequence[Event[Note]]) -> Result[str, str]:
        """End it in a chunk."""
        self.calls.append(tuple(event.event_id for event in events))
        for event in events:
            self.kill(event)
        return Success("all")

    def each(self, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """End it in a chunk whose events have their own Results."""
        return [self.all(events)] * len(events)

    def wants(self, event: Event[Note]) -> bool:
        """End it in a where."""
        self.kill(event)
        return True

    def handlers(self) -> dict[str, Handler[Note, str, str]]:
        """Register it in each form."""
        return {
            "single": on_event(self.single, name="tell"),
            "async": on_event(self.awaited, name="tell"),
            "batched": on_event(batched(self.all), name="tell"),
            "batched_each": on_event(batched_each(self.each), name="tell"),
            "where": on_event(Job(), name="tell", where=self.wants),
            "where of a chunk": on_event(batched(Job().all), name="tell", where=self.wants),
        }

    def follow(
        self, process: Pipeline[object, object], delivery: Delivery[object], *faults: Fault
    ) -> EventSourceMapping:
        """Put a pipeline with this handler behind a stream."""
        self.mapping = EventSourceMapping(lambda_handler(process, delivery), faults=faults)
        return self.mapping


def remembering(box: Letterbox | None, ledger: MemoryLedger | None = None) -> Delivery[object]:
    """Give up at once what has used its attempts up."""
    return retry(
        ledger=ledger or MemoryLedger(),
        dead_letters=box,
        max_attempts=MAX_ATTEMPTS,
        patience=0 * SECOND,
        report=quiet,
    )


@pytest.mark.parametrize("strategy", [series, concurrent(workers=4)], ids=str)
@pytest.mark.parametrize("form", Killing().handlers())
def test_what_ends_the_process_becomes_a_letter_and_all_else_is_done(form: str, strategy: object) -> None:
    killing, box, other = Killing(), Letterbox(), Job()
    process: Pipeline[object, object] = pipeline(
        notes,
        killing.handlers()[form],
        on_event(other, name="store"),
        strategy=strategy,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] (one of two types that share no name)
    )
    history = killing.follow(process, remembering(box)).deliver(*written("a1", "b1", "c1", "b2"))
    assert box.told() == [("tell", "b1", "ProcessDied")]
    assert [letter.attempts for letter in box.letters] == [MAX_ATTEMPTS]
    assert set(history.successes("tell")) == {"a1", "c1", "b2"}
    assert set(other.seen) == {"a1", "b1", "c1", "b2"}
    assert history.discarded == []
    # Once in the process that notes the batch, once carefully, and in chunks once more alone.
    assert max(Counter(other.seen).values()) <= 2
    assert max(history.successes("tell").values()) <= 2


def test_it_is_found_while_an_image_is_structured() -> None:
    box = Letterbox()

    def structure(value: object, _: object) -> str:
        if value == {"S": "b1"}:
            mapping.end_process()
        return str(value)

    converter = make_converter()
    converter.register_structure_hook(str, structure)
    table = Table("notes", Note, converter=converter)
    process: Pipeline[object, object] = pipeline(table, on_event(Job(), name="tell"))
    mapping = EventSourceMapping(lambda_handler(process, remembering(box)))
    history = mapping.deliver(*written("a1", "b1", "c1"))
    assert box.told() == [("tell", "b1", "ProcessDied")]
    assert set(history.successes("tell")) == {"a1", "c1"}


def test_it_is_found_among_a_thousand_in_a_few_deaths() -> None:
    killing, box = Killing(), Letterbox()
    events = written("b1", *(f"c{number}" for number in range(1000)))
    process: Pipeline[object, object] = pipeline(notes, killing.handlers()["batched"])
    mapping = killing.mapping = EventSourceMapping(
        lambda_handler(process, remembering(box)), batch_size=10_000
    )
    history = mapping.deliver(*events)
    assert box.told() == [("tell", "b1", "ProcessDied")]
    deaths = [each.error for each in history.invocations].count("ProcessDied")
    assert deaths == 2 + MAX_ATTEMPTS  # in a chunk, in a chunk that is noted, and alone


def test_two_that_end_the_process_are_told_apart() -> None:
    box = Letterbox()

    def tell(event: Event[Note]) -> Result[str, str]:
        if event.event_id in {"b1", "c1"}:
            mapping.end_process()
        return Success(event.event_id)

    process: Pipeline[object, object] = pipeline(notes, on_event(tell))
    mapping = EventSourceMapping(lambda_handler(process, remembering(box)))
    history = mapping.deliver(*written("a1", "b1", "c1", "d1"))
    assert box.told() == [("tell", "b1", "ProcessDied"), ("tell", "c1", "ProcessDied")]
    assert history.successes("tell") == Counter({"a1": 2, "d1": 1})


def test_what_ends_the_process_for_a_while_is_handled_after_all() -> None:
    killing, box = Killing(times=MAX_ATTEMPTS), Letterbox()
    process: Pipeline[object, object] = pipeline(notes, killing.handlers()["single"])
    history = killing.follow(process, remembering(box)).deliver(*written("a1", "b1", "c1"))
    assert box.letters == []
    assert history.successes("tell") == Counter({"a1": 2, "b1": 1, "c1": 1})


def test_a_failure_after_a_note_counts_one_attempt() -> None:
    """The note of a call is no attempt: only the death of its process is."""
    calls: list[str] = []

    def tell(event: Event[Note]) -> Result[str, str]:
        calls.append(event.event_id)
        if len(calls) == 1:
            mapping.end_process()
        return Failure("no")

    box = Letterbox()
    process: Pipeline[object, object] = pipeline(notes, on_event(tell))
    mapping = EventSourceMapping(lambda_handler(process, remembering(box)))
    mapping.deliver(*written("a1"))
    # The first death is of a process that has noted the batch alone.
    assert calls == ["a1"] * (1 + MAX_ATTEMPTS)
    assert [(letter.reason, letter.attempts) for letter in box.letters] == [("Refused", MAX_ATTEMPTS)]


def test_what_has_failed_often_enough_and_then_ends_the_process_is_given_up() -> None:
    """Were the attempts capped, this death would be no news, and the next one neither."""
    box, calls = Letterbox(), list[str]()

    def tell(event: Event[Note]) -> Result[str, str]:
        calls.append(event.event_id)
        if len(calls) > MAX_ATTEMPTS:
            mapping.end_process()
        return Failure("no")

    delivery = retry(
        ledger=MemoryLedger(),
        dead_letters=box,
        max_attempts=MAX_ATTEMPTS,
        patience=timedelta(minutes=1),
        report=quiet,
    )
    mapping = EventSourceMapping(lambda_handler(pipeline(notes, on_event(tell)), delivery))
    mapping.deliver(*written("a1"))
    assert box.told() == [("tell", "a1", "ProcessDied")]


def test_without_dead_letters_others_go_on_and_another_version_may_bear_it() -> None:
    killing, other = Killing(times=9), Job()
    reported: list[Failed[object]] = []
    delivery: Delivery[object] = retry(
        ledger=MemoryLedger(), max_attempts=MAX_ATTEMPTS, patience=0 * SECOND, report=reported.append
    )
    process: Pipeline[object, object] = pipeline(
        notes, killing.handlers()["single"], on_event(other, name="store")
    )
    history = killing.follow(process, delivery).deliver(*written("a1", "b1", "c1", "b2"))
    assert history.discarded == []
    assert set(history.successes("tell")) == {"a1", "b1", "c1", "b2"}
    assert max(Counter(other.seen).values()) <= 2
    assert reported[0].reason == ProcessDied(MAX_ATTEMPTS)
    assert killing.calls.index(("c1",)) < killing.calls.index(("b2",))
    deaths = [each.error for each in history.invocations]
    assert deaths[: 2 + MAX_ATTEMPTS] == ["ProcessDied"] * (1 + MAX_ATTEMPTS) + [None]


def test_a_where_that_does_not_want_a_record_drops_nothing_in_a_careful_run() -> None:
    reported: list[Failed[object]] = []

    def wants(event: Event[Note]) -> bool:
        return event.event_id != "b1"

    delivery: Delivery[object] = retry(ledger=MemoryLedger(), report=reported.append)
    process: Pipeline[object, object] = pipeline(notes, on_event(Job(), name="tell", where=wants))
    mapping = EventSourceMapping(lambda_handler(process, delivery), faults=[Crash(1, after_calls=1)])
    mapping.deliver(*written("a1", "b1", "c1"))
    assert reported == []


def test_handlers_do_not_run_side_by_side_while_it_is_looked_for() -> None:
    running, most = list[str](), list[int]()

    async def tell(event: Event[Note]) -> Result[str, str]:
        running.append(event.event_id)
        most.append(len(running))
        running.remove(event.event_id)
        return Success(event.event_id)

    process: Pipeline[object, object] = pipeline(notes, on_event(tell), strategy=concurrent(workers=4))
    mapping = EventSourceMapping(lambda_handler(process, remembering(None)), faults=[Crash(1, after_calls=0)])
    assert mapping.deliver(*written("a1", "b1", "c1")).successes("tell") == Counter(
        {"a1": 1, "b1": 1, "c1": 1}
    )
    assert set(most) == {1}


def writes_of(ledger: Shared) -> list[list[tuple[str, str, str]]]:
    """List what was written: of notes the record that they are of."""
    return [
        [(entry.pair.handler, entry.pair.record.rpartition("/")[2], entry.state) for entry in write]
        for write in ledger.writes
    ]


def function(ledger: MemoryLedger, *, job: Job | None = None) -> LambdaFunction[str, str]:
    """Make a function with a job and this ledger."""
    delivery: Delivery[object] = retry(ledger=ledger, scope="notes-worker", report=quiet)
    return lambda_handler(pipeline(notes, on_event(job or Job(), name="tell")), delivery)


def test_the_first_batch_of_a_process_is_noted_and_no_other() -> None:
    ledger = Shared()
    handler = function(ledger)
    for batch in (written("a1", "b1", "c1"), written("d1"), written("e1", "f1")):
        handler(lambda_event(*batch), None)
    assert writes_of(ledger) == [[("", "a1", "open"), ("", "c1", "open")]]


def test_a_batch_of_one_record_has_a_note_of_one_entry() -> None:
    ledger = Shared()
    function(ledger)(lambda_event(*written("a1")), None)
    assert writes_of(ledger) == [[("", "a1", "open")]]


def test_what_is_written_at_the_end_settles_the_note() -> None:
    ledger = Shared()
    function(ledger, job=Job(a1=1))(lambda_event(*written("a1")), None)
    assert writes_of(ledger) == [
        [("", "a1", "open")],
        [("tell", "a1", "open"), ("", "a1", "handled")],
    ]


class Silent(Clock):
    """A clock whose alarm is set, and does not ring."""

    @override
    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        return _nothing


def simulated(ledger: Shared, clock: Clock) -> LambdaFunction[str, str]:
    """Make a function that goes by a clock of the test's."""
    made = function(ledger)
    return LambdaFunction(made.process, made.delivery, made.margin, clock)


def test_the_note_of_a_batch_that_ended_well_is_settled_a_minute_later_and_once() -> None:
    ledger, clock = Shared(), Clock()
    handler = simulated(ledger, clock)
    for batch in (written("a1", "b1"), written("c1"), written("d1"), written("e1")):
        handler(lambda_event(*batch), None)
        clock.pass_by(31)
    assert writes_of(ledger) == [
        [("", "a1", "open"), ("", "b1", "open")],
        [("", "a1", "handled"), ("", "b1", "handled")],
    ]
    assert ledger.sequence_ranges[0] == ledger.sequence_ranges[1]


def test_a_note_that_cannot_be_settled_is_settled_another_minute_later() -> None:
    ledger, clock = Shared(), Clock()
    handler = simulated(ledger, clock)
    handler(lambda_event(*written("a1")), None)
    ledger.fails_from = 1
    for pause in (61, 0, 61):
        clock.pass_by(pause)
        assert handler(lambda_event(*written("b1")), None) == {"batchItemFailures": []}
        ledger.fails_from = 1 if pause else 10**9
    assert [len(write) for write in ledger.writes] == [1, 1]


def test_where_time_is_up_no_note_is_settled() -> None:
    ledger, clock = Shared(), Silent()
    delivery: Delivery[object] = retry(ledger=ledger, scope="notes-worker", report=quiet)
    context = lambda_context(10 * SECOND)

    def tell(event: Event[Note]) -> Result[str, str]:
        context.remaining = timedelta() if event.event_id == "b1" else context.remaining
        return Success(event.event_id)

    made = lambda_handler(pipeline(notes, on_event(tell)), delivery)
    handler = LambdaFunction(made.process, made.delivery, made.margin, clock)
    handler(lambda_event(*written("a1")), None)
    clock.pass_by(61)
    assert handler(lambda_event(*written("b1")), context) == {"batchItemFailures": []}
    assert len(ledger.writes) == 1


def test_a_ledger_that_ends_with_the_process_gets_no_note() -> None:
    class Counting(MemoryLedger):
        writes = 0

        @override
        def write(
            self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
        ) -> None:
            self.writes += 1

    ledger = Counting()
    function(ledger)(lambda_event(*written("a1")), None)
    assert ledger.writes == 0


def test_a_process_is_not_careful_because_of_its_own_note() -> None:
    ledger = Shared()
    handler, batch = function(ledger), lambda_event(*written("a1", "b1"))
    handler(batch, None)
    handler(batch, None)
    assert len(ledger.writes) == 1


@pytest.mark.parametrize(("half", "writes"), [(slice(0, 2), 3), (slice(2, 4), 3), (slice(1, 3), 1)])
def test_a_batch_is_known_by_its_ends(half: slice, writes: int) -> None:
    """Lambda delivers what a process died of again: as a whole, in halves, or from some record on."""
    ledger, events = Shared(), written("a1", "b1", "c1", "d1")
    function(ledger)(lambda_event(*events), None)
    ledger.writes.clear()
    function(ledger)(lambda_event(*events[half]), None)
    assert len(ledger.writes) == writes  # a note of each call and the end, or of the batch


def test_another_process_of_another_shard_changes_nothing() -> None:
    """Its batch may lie around this one, as numbers of shards do."""
    ledger = Shared()
    first, *between, last = written("a1", "b1", "c1", "d1")
    function(ledger)(lambda_event(first, last), None)
    ledger.writes.clear()
    function(ledger)(lambda_event(*between), None)
    assert writes_of(ledger) == [[("", "b1", "open"), ("", "c1", "open")]]


def test_a_careful_run_that_ends_well_is_the_last() -> None:
    ledger, batch = Shared(), lambda_event(*written("a1", "b1"))
    for _ in range(2):
        function(ledger)(batch, None)
    ledger.writes.clear()
    function(ledger)(batch, None)
    assert writes_of(ledger) == [[("", "a1", "open"), ("", "b1", "open")]]


def test_without_a_ledger_that_can_be_written_the_batch_goes_on() -> None:
    job = Job()
    process: Pipeline[object, object] = pipeline(notes, on_event(job, name="tell"))
    faults: list[Fault] = [StoreDown(1, "ledger writes"), LostAnswer(1), StoreDown(2, "ledger writes")]
    mapping = EventSourceMapping(lambda_handler(process, remembering(None)), faults=faults)
    history = mapping.deliver(*written("a1", "b1"))
    assert [each.error for each in history.invocations] == ["the answer was lost", None]
    assert job.seen == ["a1", "b1"] * 2


def test_a_careful_run_goes_on_without_notes_where_they_cannot_be_written() -> None:
    ledger, batch, job = Shared(), lambda_event(*written("a1", "b1")), Job()
    function(ledger)(batch, None)
    ledger.fails_from = 1
    assert function(ledger, job=job)(batch, None) == {"batchItemFailures": []}
    assert job.seen == ["a1", "b1"]


def test_a_note_that_a_living_process_could_not_settle_is_held_against_nobody() -> None:
    ledger, batch = Shared(), lambda_event(*written("a1"))
    function(ledger)(batch, None)
    handler = function(ledger)
    ledger.fails_from = 2  # the end of the run
    handler(batch, None)
    ledger.fails_from = 10**9
    handler(batch, None)
    known = ledger.read(ledger.sequence_ranges[0], unlimited)
    assert all(entry.settled for pair, entry in merge(known).items() if pair.handler)
    assert {entry.attempts for entry in known} == {0}


def test_a_process_that_died_after_a_success_was_recorded_died_of_something_else() -> None:
    ledger, (event,), job = Shared(), written("a1"), Job()
    note = Key("tell", "process-0123456789abcdef.1/a1")
    ledger.write(
        range_of("notes-worker", [event.record]),
        [Entry(note, "open", since=START, alone=True), Entry(Key("tell", "a1"), "handled")],
        unlimited,
    )
    assert function(ledger, job=job)(lambda_event(event), None) == {"batchItemFailures": []}
    assert job.seen == []
    assert {entry.attempts for write in ledger.writes for entry in write} == {0}


def test_a_call_whose_failure_was_written_and_not_its_end_has_used_one_attempt_up() -> None:
    ledger, (event,) = Shared(), written("a1")
    note, pair = Key("tell", "process-0123456789abcdef.1/a1"), Key("tell", "a1")
    ledger.write(
        range_of("notes-worker", [event.record]),
        [Entry(note, "open", since=START, alone=True), Entry(pair, "open", 1, START, "Refused")],
        unlimited,
    )
    function(ledger, job=Job(a1=1))(lambda_event(event), None)
    known = merge(ledger.read(ledger.sequence_ranges[0], unlimited))
    assert (known[pair].attempts, known[note].settled) == (2, True), "the other, and the one of this run"


def test_a_note_that_takes_all_the_time_leaves_none_to_begin_in() -> None:
    ledger, events = Shared(), written("a1", "b1")
    function(ledger)(lambda_event(*events), None)
    context, job = lambda_context(10 * SECOND), Job()

    def slow() -> None:
        context.remaining -= 5 * SECOND

    ledger.before_write = slow
    answer = function(ledger, job=job)(lambda_event(*events), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": events[1].record.sequence_number}]}
    assert job.seen == ["a1"]


def test_what_is_held_back_is_looked_at_carefully_when_it_comes_again() -> None:
    """The record that ends the process may be among them."""
    ledger, batch = Shared(), lambda_event(*written("a1", "a2"))
    function(ledger)(batch, None)
    handler = function(ledger, job=Job(a1=1))
    handler(batch, None)
    ledger.writes.clear()
    handler(batch, None)
    assert len(ledger.writes) == 3  # a note of each call, and the end


def test_a_fork_is_another_process() -> None:
    process = ThisProcess(ProcessMarks())
    name, first = process.name, process.new_note()
    process.noted()
    assert first.startswith(name)
    assert process.has_noted
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, f"{process.name} {process.has_noted}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    other, has_noted = told.split()
    assert other != name
    assert has_noted == "False"
