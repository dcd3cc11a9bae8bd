"""What holds of chunks that fail, whatever is in the batch: a simple model beside the real thing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Final, Literal

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Result, Success

from streamfn import (
    Event,
    Failed,
    Handled,
    InsertEvent,
    LambdaFunction,
    Strategy,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_insert,
    pipeline,
    retry,
    router,
    series,
)
from streamfn._delivery.plain import Delivery, Process
from streamfn._execution.policy import Policy
from streamfn._records import Record
from streamfn._time import AlarmClock, Deadline
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import insert_event, lambda_event
from tests.delivery.jobs import Note, notes, quiet

Form = Literal["batched", "batched coroutine", "each, but raising"]

CONCURRENT: Final[Strategy] = concurrent(workers=3)
STRATEGIES: Final[list[Strategy]] = [series, CONCURRENT]


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch: the item of each record, and the records that are refused."""

    items: tuple[int, ...]
    poison: frozenset[int]
    size: int | None
    form: Form
    strategy: Strategy
    writes_always: bool

    def events(self) -> list[InsertEvent[Note]]:
        """Make the events, whose identifiers are their places."""
        return [
            insert_event(Note(item, "x"), event_id=str(number), sequence_number=str(100 + number))
            for number, item in enumerate(self.items)
        ]

    def before(self, number: int) -> Iterator[int]:
        """List what comes before a record, of its item."""
        return (each for each in range(number) if self.items[each] == self.items[number])

    def waits(self, number: int) -> bool:
        """Whether a record has to wait for one that is refused, or is one."""
        return not self.poison.isdisjoint([number, *self.before(number)])

    @property
    def chunks(self) -> int:
        """How many calls there are, at most, where nothing fails: an item is in a chunk once."""
        found, chunk = 1, list[int]()
        for item in self.items:
            if item in chunk or len(chunk) == self.size:
                found, chunk = found + 1, []
            chunk.append(item)
        return found


@st.composite
def plans(draw: st.DrawFn, most_poison: int) -> Plan:
    items = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=10)))
    places = st.integers(0, len(items) - 1)
    return Plan(
        items,
        draw(st.frozensets(places, max_size=most_poison)),
        draw(st.sampled_from([None, 1, 2, 3, 5])),
        draw(st.sampled_from(["batched", "batched coroutine", "each, but raising"])),
        draw(st.sampled_from(STRATEGIES)),
        draw(st.booleans()),
    )


@dataclass(slots=True)
class Watched:
    """A delivery that keeps the Results of each run."""

    delivery: Delivery[object]
    runs: list[list[Result[Handled[object], Failed[object]]]] = field(default_factory=list)

    def deliver(
        self, records: Sequence[Record], process: Process[object], deadline: Deadline, clock: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Deliver, and keep them."""

        def watched(policy: Policy) -> Sequence[Result[Handled[object], Failed[object]]]:
            self.runs.append(list(process(policy)))
            return self.runs[-1]

        return self.delivery.deliver(records, watched, deadline, clock)


def noted(_: Event[Note]) -> Result[str, str]:
    """Succeed, with each event."""
    return Success("noted")


class Store:
    """Takes all of a chunk or none of it, and keeps what it is called with."""

    def __init__(self, plan: Plan, *, letters: bool) -> None:
        """Be told what to refuse."""
        self.plan = plan
        self.poison = plan.poison
        self.calls: list[list[int]] = []
        self.taken: list[int] = []
        self.letters = MemoryDeadLetters() if letters else None
        self.watched = Watched(
            retry(
                ledger=MemoryLedger(),
                dead_letters=self.letters,
                max_attempts=1 if letters else 5,
                patience=timedelta(),
                write="always" if plan.writes_always else "failures",
                report=quiet,
            )
        )
        self.function = self._function()

    def take(self, events: Sequence[Event[Note]]) -> Result[str, str]:
        """Take all or none."""
        numbers = [int(event.event_id) for event in events]
        self.calls.append(numbers)
        if not self.poison.isdisjoint(numbers):
            return Failure("no")
        self.taken += numbers
        return Success("yes")

    async def take_later(self, events: Sequence[Event[Note]]) -> Result[str, str]:
        """Take all or none, on the event loop."""
        await asyncio.sleep(0)
        return self.take(events)

    def raise_for_each(self, events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        """Take all or none, and say for none what came of it."""
        if isinstance(self.take(events), Failure):
            raise ConnectionError
        return [Success("yes") for _ in events]

    def _function(self) -> LambdaFunction[object, object]:
        plan = self.plan
        match plan.form:
            case "batched":
                handler = on_insert(batched(self.take, plan.size), name="take")
            case "batched coroutine":
                handler = on_insert(batched(self.take_later, plan.size), name="take")
            case "each, but raising":
                handler = on_insert(batched_each(self.raise_for_each, plan.size), name="take")
        # The other strategy runs beside it, with a handler of its own that always succeeds.
        other = series if plan.strategy is CONCURRENT else CONCURRENT
        note = on_insert(noted)
        process = router(
            pipeline(notes, handler, strategy=plan.strategy), pipeline(notes, note, strategy=other)
        )
        return lambda_handler(process, self.watched)

    @property
    def is_clean(self) -> bool:
        """Deliver the batch, and say whether it is done with."""
        return not self.function(lambda_event(*self.plan.events()), None)["batchItemFailures"]

    def run(self) -> list[int]:
        """Deliver the batch, and list the records of which the run has a Result for the handler of chunks."""
        self.function(lambda_event(*self.plan.events()), None)
        told = [
            each.unwrap() if isinstance(each, Success) else each.failure() for each in self.watched.runs[-1]
        ]
        return [int(each.record.event_id or "") for each in told if each.handler == "take"]


@given(plans(most_poison=10))
def test_each_record_has_one_result_and_is_taken_once_and_in_order(plan: Plan) -> None:
    store = Store(plan, letters=False)
    everything = list(range(len(plan.items)))
    assert store.run() == everything, "a Result for each, in the order of the batch"
    each_costs = (
        2 * len(everything).bit_length() + 2
    )  # two halves at each step, and the chunks beside one called alone
    for run in count(1):
        assert len(store.calls) <= run * (plan.chunks + each_costs * len(plan.poison))
        missing = sorted(set(everything) - set(store.taken))
        if not missing:
            break
        if run > 3:
            store.poison = frozenset()  # what was refused is taken from now on
        assert store.run() == missing, "nothing that was taken comes again"
        assert run < 4 + len(everything)
    assert Counter(store.taken) == Counter(everything)
    for item in set(plan.items):
        of_item = [each for each in store.taken if plan.items[each] == item]
        assert of_item == sorted(of_item), "no record of an item before an earlier one"


@given(plans(most_poison=1))
def test_one_poison_record_keeps_nothing_from_being_taken_at_once(plan: Plan) -> None:
    store = Store(plan, letters=False)
    store.run()
    free = [each for each in range(len(plan.items)) if not plan.waits(each)]
    assert sorted(store.taken) == free
    assert all([poison] in store.calls for poison in plan.poison), "it has been found"


@given(plans(most_poison=10))
def test_letters_tell_of_the_poison_alone(plan: Plan) -> None:
    store = Store(plan, letters=True)
    deliveries = next(run for run in count(1) if store.is_clean)
    assert deliveries <= len(plan.poison) + 1
    assert store.letters is not None
    assert {int(letter.pair.record) for letter in store.letters.letters} == plan.poison
    assert sorted(store.taken) == sorted(set(range(len(plan.items))) - plan.poison)
