"""Two invocations that have one batch at the same time: what is promised of them, and what is not.

Lambda begins the next invocation of a batch when the one before has answered or outlived its timeout. One that it
could not end may still be there, frozen, and be thawed beside its successor.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event as Signal
from threading import Thread

from returns.result import Result, Success

from streamfn import Event, LambdaFunction, lambda_handler, on_event, pipeline, retry
from streamfn.ledgers import MemoryLedger
from streamfn.testing import lambda_context, lambda_event
from tests.delivery.jobs import Note, notes, quiet, written

CLEAN: object = {"batchItemFailures": []}
BATCH = lambda_event(*written("a1", "b1", "c1"))


class Function:
    """A function whose first invocation is frozen within a call, until somebody thaws it."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.ledger = MemoryLedger()
        self.effects: list[str] = []
        self.is_frozen = Signal()
        self.thaw = Signal()
        self.answer: object = None

    def instance(self, tell: Callable[[Event[Note]], Result[str, str]]) -> LambdaFunction[object, object]:
        """Make an execution environment, which has nothing in common with the others but the ledger."""
        return lambda_handler(
            pipeline(notes, on_event(tell, name="tell")),
            retry(ledger=self.ledger, write="always", scope="s", report=quiet),
        )

    def tell(self, event: Event[Note]) -> Result[str, str]:
        """Have the effect."""
        self.effects.append(event.event_id)
        return Success(event.event_id)

    def freeze(self, event: Event[Note]) -> Result[str, str]:
        """Have the effect once it is thawed, if it is the second record's."""
        if event.event_id == "b1":
            self.is_frozen.set()
            assert self.thaw.wait(60)
        return self.tell(event)

    def begin(self, context: object = None) -> Thread:
        """Have the first invocation begin, and wait until it is frozen."""
        frozen = self.instance(self.freeze)

        def run() -> None:
            self.answer = frozen(BATCH, context)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] (None, or a context)

        thread = Thread(target=run)
        thread.start()
        assert self.is_frozen.wait(60)
        return thread


def test_an_invocation_knows_what_was_recorded_before_it_began_and_nothing_that_was_recorded_after() -> None:
    """`c1` is recorded as handled before the first invocation comes to it, and is handled again."""
    function = Function()
    first = function.begin()
    assert function.instance(function.tell)(BATCH, None) == CLEAN
    assert function.effects == ["a1", "b1", "c1"], "what the first has recorded is not done again"
    function.thaw.set()
    first.join()
    assert function.effects == ["a1", "b1", "c1", "b1", "c1"]
    assert function.instance(function.tell)(BATCH, None) == CLEAN
    assert function.effects == ["a1", "b1", "c1", "b1", "c1"], (
        "an invocation that begins later does nothing again"
    )


def test_an_invocation_whose_time_is_up_ends_the_call_that_it_was_at_and_begins_no_other() -> None:
    """So no more is repeated than what was running when Lambda took it for dead."""
    function, context = Function(), lambda_context()
    first = function.begin(context)
    context.remaining = timedelta(seconds=-5)
    assert function.instance(function.tell)(BATCH, None) == CLEAN
    function.thaw.set()
    first.join()
    assert function.effects == ["a1", "b1", "c1", "b1"]
    assert function.answer != CLEAN, "and nobody waits for it"
    assert function.instance(function.tell)(BATCH, None) == CLEAN
    assert function.effects == ["a1", "b1", "c1", "b1"]
