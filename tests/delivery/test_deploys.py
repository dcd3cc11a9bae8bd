"""What a handler owes when another version of the function is deployed is told: its failures do not vanish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    Failed,
    InsertEvent,
    LambdaFunction,
    Pipeline,
    Table,
    Undecodable,
    Unrouted,
    Unwanted,
    acknowledge,
    batched,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    on_modify,
    on_remove,
    pipeline,
    retry,
    router,
)
from streamfn._time import unlimited
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers._protocol import Entry, Key, SequenceRange
from streamfn.testing import lambda_context, lambda_event
from tests.cards import Card, cards, record
from tests.cards import event as batch_of
from tests.delivery.jobs import Job, Note, WatchedLedger, notes, quiet, written

PATTERN: Final = {"dynamodb": {"NewImage": {"text": {"S": [{"prefix": "other"}]}}}}
OTHERS: Final = Table("notes", Note, pattern=PATTERN)
"""The table, with a pattern that no note of these tests matches."""

Told = list[tuple[str | None, str, object]]


class Deployed:
    """A function of which one version after another is deployed; its ledger and its reports stay."""

    def __init__(self, *, dead_letters: MemoryDeadLetters | None = None) -> None:
        """Begin with an empty ledger."""
        self.ledger = WatchedLedger()
        self.dead_letters = dead_letters
        self.reported: list[Failed[object]] = []

    def version(self, process: Pipeline[object, object]) -> LambdaFunction[object, object]:
        """Deploy a version."""
        delivery = retry(ledger=self.ledger, dead_letters=self.dead_letters, report=self.reported.append)
        return lambda_handler(process, delivery)

    def told(self) -> Told:
        """Tell what was reported since the last time that somebody asked."""
        told: Told = [(each.handler, each.record.event_id or "", each.reason) for each in self.reported]
        self.reported.clear()
        return told


def named(job: Callable[[Event[Note]], Result[str, str]], name: str = "tell") -> Pipeline[object, object]:
    """Make a pipeline of a job that handles every change."""
    return pipeline(notes, on_event(job, name=name))


CLEAN: Final[object] = {"batchItemFailures": []}

NEXT: Final[dict[str, Callable[[], Pipeline[object, object]]]] = {
    "a pattern is added": lambda: pipeline(OTHERS, on_event(Job(), name="tell")),
    "it moved to another kind": lambda: pipeline(notes, on_remove(Job(), name="tell")),
    "it moved to another kind and its table has a pattern": lambda: pipeline(
        OTHERS, on_remove(Job(), name="tell")
    ),
    "it is gone": lambda: named(Job(), "store"),
    "it has another name": lambda: named(Job(), "say"),
    "it is gone, and nobody wants the record": lambda: pipeline(notes, on_modify(Job(), name="store")),
    "it runs beside others": lambda: pipeline(
        notes, on_event(Job(), name="store"), strategy=concurrent(workers=2)
    ),
    "others come in chunks": lambda: pipeline(notes, on_event(batched(Job().all), name="store")),
    "it went to a table of the same name": lambda: router(
        pipeline(notes, on_event(Job(), name="store")), pipeline(OTHERS, on_event(Job(), name="tell"))
    ),
}


@pytest.mark.parametrize("deployed", NEXT.values(), ids=NEXT)
def test_a_failure_that_no_handler_answers_for_is_reported_once_and_dropped(
    deployed: Callable[[], Pipeline[object, object]],
) -> None:
    function, events = Deployed(), written("a1", "b1")
    batch = lambda_event(*events)
    assert function.version(named(Job(a1=9)))(batch, None) != CLEAN
    assert [("tell", "a1")] == [told[:2] for told in function.told()]
    after = function.version(deployed())
    assert CLEAN == after(batch, None)
    assert [("tell", "a1", Unwanted())] == function.told()
    assert ("tell", "a1", "dropped") in function.ledger.told()
    assert CLEAN == after(batch, None)
    assert [] == function.told()


def test_what_waited_for_the_failure_is_reported_too() -> None:
    """A record that was held back is as much owed as the one that holds it back."""
    function = Deployed()
    batch = lambda_event(*written("a1", "a2", "b1"))
    function.version(named(Job(a1=9)))(batch, None)
    assert ("tell", "a2", "open") in function.ledger.told()
    function.told()
    assert CLEAN == function.version(named(Job(), "store"))(batch, None)
    assert [("tell", "a1", Unwanted()), ("tell", "a2", Unwanted())] == function.told()


def test_what_other_handlers_owe_stays_open() -> None:
    function, events = Deployed(), written("a1", "b1")
    batch = lambda_event(*events)
    both: Pipeline[object, object] = pipeline(
        notes, on_event(Job(a1=9), name="tell"), on_event(Job(b1=9), name="store")
    )
    function.version(both)(batch, None)
    function.told()
    store = Job(b1=1)
    after = function.version(named(store, "store"))
    assert {"batchItemFailures": [{"itemIdentifier": events[1].record.sequence_number}]} == after(batch, None)
    assert [("store", "b1"), ("tell", "a1")] == [told[:2] for told in function.told()]
    assert CLEAN == after(batch, None)
    assert ([], ["b1", "b1"]) == (function.told(), store.seen)


def test_records_outside_the_batch_are_left_alone() -> None:
    """The ledger knows of them, for their numbers lie between: another lane may have them."""
    function = Deployed()
    events = written("a1", "b1", "c1")
    function.version(named(Job(b1=9)))(lambda_event(*events), None)
    function.told()
    assert CLEAN == function.version(named(Job(), "store"))(lambda_event(events[0], events[2]), None)
    assert [] == function.told()
    tell = Job()
    assert CLEAN == function.version(named(tell))(lambda_event(events[1]), None)
    assert ["b1"] == tell.seen


def test_what_is_settled_is_no_longer_owed() -> None:
    letters = MemoryDeadLetters()
    function = Deployed(dead_letters=letters)
    sequence_range = SequenceRange("", written("a1")[0].record.event_source_arn or "", "0", "9" * 20)
    function.ledger.write(
        sequence_range,
        [
            Entry(Key("tell", "a1"), "open", attempts=3),
            Entry(Key("tell", "a1"), "dead", attempts=5),
            Entry(Key("tell", "b1"), "handled"),
        ],
        unlimited,
    )
    assert CLEAN == function.version(named(Job(), "store"))(lambda_event(*written("a1", "b1")), None)
    assert [] == function.told()


def test_a_record_of_a_table_that_is_gone_is_told_as_unrouted_and_stays_owed() -> None:
    """It comes again, and the version that knows the table goes on where it was."""
    function = Deployed()
    events = written("a1")
    tell = Job(a1=1)
    before, without_it = function.version(named(tell)), function.version(_of_cards())
    batch = lambda_event(*events)
    before(batch, None)
    function.told()
    assert without_it(batch, None) != CLEAN
    ((handler, _, reason),) = function.told()
    assert handler is None
    assert isinstance(reason, Unrouted)
    assert CLEAN == before(batch, None)
    assert (["a1", "a1"], []) == (tell.seen, function.told())


def test_a_letter_tells_of_a_record_of_a_table_that_is_gone() -> None:
    """The letter holds the record, and a redrive runs it for all handlers that are there then."""
    letters = MemoryDeadLetters()
    function = Deployed(dead_letters=letters)
    batch = lambda_event(*written("a1"))
    function.version(named(Job(a1=9)))(batch, None)
    without_it = function.version(_of_cards())
    assert CLEAN == without_it(batch, None) == without_it(batch, None)
    assert ["", "a1"] == list(letters.letters[0].pair)
    assert [] == [told for told in function.told() if told[2] == Unwanted()]


def test_a_record_of_a_table_that_is_declared_now_goes_to_its_handlers() -> None:
    function, tell = Deployed(), Job()
    batch = lambda_event(*written("a1"))
    assert function.version(_of_cards())(batch, None) != CLEAN
    function.told()
    assert CLEAN == function.version(named(tell))(batch, None)
    assert (["a1"], []) == (tell.seen, function.told())


def test_a_record_of_a_table_that_is_declared_now_for_others_is_reported() -> None:
    function = Deployed()
    batch = lambda_event(*written("a1"))
    assert function.version(_of_cards())(batch, None) != CLEAN
    function.told()
    assert CLEAN == function.version(pipeline(notes, on_remove(Job(), name="tell")))(batch, None)
    assert [(None, "a1", Unwanted())] == function.told()


def test_an_image_that_did_not_fit_is_reported_when_where_does_not_want_it() -> None:
    """Nothing was called, and it failed all the same."""
    function = Deployed()
    batch = batch_of(record(1, change={"NewImage": {"id": {"S": "one"}, "title": {"S": "hello"}}}))
    assert function.version(_of_cards())(batch, None) != CLEAN
    ((_, __, reason),) = function.told()
    assert isinstance(reason, Undecodable)
    mended = record(1)
    picky: Pipeline[object, object] = pipeline(cards, on_insert(_file, where=lambda _: False))
    assert CLEAN == function.version(picky)(batch_of(mended), None)
    assert [("_file", "id-1", Unwanted())] == function.told()


def test_what_was_not_started_for_lack_of_time_is_owed_too() -> None:
    function, context = Deployed(), lambda_context()
    batch = lambda_event(*written("a1", "b1", "c1"))

    def slow(event: Event[Note]) -> Result[str, str]:
        context.remaining = timedelta()
        return Success(event.event_id)

    assert function.version(named(slow))(batch, context) != CLEAN
    function.told()
    assert CLEAN == function.version(named(Job(), "store"))(batch, None)
    assert [("tell", "b1", Unwanted()), ("tell", "c1", Unwanted())] == function.told()


def test_a_handler_that_gets_chunks_now_goes_on_where_the_single_one_was() -> None:
    function, tell = Deployed(), Job()
    batch = lambda_event(*written("a1", "b1", "c1"))
    function.version(named(Job(a1=9)))(batch, None)
    chunks: Pipeline[object, object] = pipeline(notes, on_event(batched(tell.all, size=2), name="tell"))
    assert CLEAN == function.version(chunks)(batch, None)
    assert ["a1"] == tell.seen


def test_a_handler_that_gets_single_events_now_goes_on_where_the_chunks_were() -> None:
    """What failed in company with others is owed as much as what failed alone."""
    function, tell = Deployed(), Job()
    batch = lambda_event(*written("a1", "b1", "c1"))
    chunks: Pipeline[object, object] = pipeline(notes, on_event(batched(Job(b1=99).all), name="tell"))
    function.version(chunks)(batch, None)
    assert CLEAN == function.version(named(tell))(batch, None)
    assert "b1" in tell.seen
    done = {(handler, record) for handler, record, state in function.ledger.told() if state == "handled"}
    assert done == {("tell", "a1"), ("tell", "b1"), ("tell", "c1")}


def test_a_handler_of_another_scope_runs_on_all_again_and_loses_nothing() -> None:
    """A function that is renamed has no name in the ledger under which it could look for what it did."""
    ledger, tell = WatchedLedger(), Job(a1=1)
    batch = lambda_event(*written("a1", "b1"))
    for scope in ("before", "after"):
        delivery = retry(ledger=ledger, scope=scope, report=quiet)
        answer = lambda_handler(named(tell), delivery)(batch, None)
    assert answer == CLEAN
    assert ["a1", "b1", "a1", "b1"] == tell.seen


def test_a_function_that_acknowledges_now_runs_what_is_still_open() -> None:
    function, tell = Deployed(), Job()
    batch = lambda_event(*written("a1", "b1"))
    function.version(named(Job(a1=9)))(batch, None)
    assert CLEAN == lambda_handler(named(tell), acknowledge())(batch, None)
    assert ["a1", "b1"] == tell.seen


def _file(event: InsertEvent[Card]) -> Result[int, str]:
    return Success(event.new_image.id)


def _of_cards() -> Pipeline[object, object]:
    return pipeline(cards, on_insert(_file))
