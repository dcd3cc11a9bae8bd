"""How long a record is tried goes by the health of its handler: one that works, one that is down, and one in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    ConfigurationError,
    Event,
    Failed,
    LambdaFunction,
    PartitionKey,
    Strategy,
    Table,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    retry,
    router,
    series,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import EventSourceMapping, insert_event, lambda_event
from tests.delivery.jobs import Clock, Job, Letterbox, Note, notes, quiet, written
from tests.delivery.poison import Outcome, play, poisoned

strategies = pytest.mark.parametrize(
    "strategy", [series, concurrent(workers=3)], ids=["series", "concurrent"]
)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
SOUND: Final = play(records=2_000)


# ------------------------------------------------------------------------------------------------- a handler that works


@pytest.mark.no_cover  # a simulation takes three times as long under it
@strategies
@pytest.mark.parametrize("chunks", [False, True], ids=["single", "chunks"])
@pytest.mark.parametrize("seed", range(2))
def test_one_poison_record_in_a_hundred_costs_at_most_half_of_the_rate(
    seed: int, *, chunks: bool, strategy: Strategy
) -> None:
    found = play(records=2_000, share=0.01, seed=seed, chunks=chunks, strategy=strategy)
    assert (found.expired, found.letters, found.wrong, found.repeated) == (0, 20, 0, 0)
    assert found.rate >= SOUND.rate / 2
    assert found.calls <= 2_000 + 20 * 9, "each is asked as often as it has attempts, and little more"


@pytest.mark.no_cover  # a simulation takes three times as long under it
@pytest.mark.parametrize("share", [0.001, 0.1])
def test_nothing_expires_however_many_are_poison(share: float) -> None:
    found = play(records=3_000, share=share)
    assert (found.expired, found.wrong, found.repeated) == (0, 0, 0)
    assert found.letters == 3_000 * share
    assert found.rate >= SOUND.rate / 10


@dataclass(frozen=True, slots=True)
class Deck:
    """An item of another table."""

    id: Annotated[int, PartitionKey]


def function(
    tell: Callable[[Event[Note]], Result[str, str]],
    box: Letterbox,
    clock: Clock,
    strategy: Strategy = series,
    *,
    attempts: int = 2,
    patience: int = 5,
    outage: int = 120,
) -> LambdaFunction[str, str]:
    """Make a function whose limits are in minutes."""
    made = lambda_handler(
        pipeline(notes, on_event(tell, name="tell"), strategy=strategy),
        retry(
            ledger=MemoryLedger(),
            dead_letters=box,
            max_attempts=attempts,
            scope="tell",
            report=quiet,
            patience=patience * MINUTE,
            outage=outage * MINUTE,
        ),
    )
    return LambdaFunction(made.process, made.delivery, made.margin, clock)


def test_a_failed_record_is_tried_again_after_one_success_then_three_then_seven() -> None:
    tell = Job(a1=99)
    run = function(tell, Letterbox(), Clock(), attempts=9)
    run(lambda_event(*written("a1", *(f"{letter}1" for letter in "bcdefghijk"))), None)
    assert tell.seen == ["a1", "b1", "a1", "c1", "d1", "a1", "e1", "f1", "g1", "h1", "a1", "i1", "j1", "k1"]


@strategies
def test_what_was_held_back_goes_on_in_its_order_once_the_record_before_it_succeeds(
    strategy: Strategy,
) -> None:
    tell, box = Job(a1=1, a3=1), Letterbox()
    run = function(tell, box, Clock(), strategy, attempts=5)
    batch = written("a1", "a2", "a3", "a4", "b1", "c1", "d1")
    answers = [
        run(lambda_event(*batch), None) for _ in range(3)
    ]  # side by side, others may be done before a3
    assert answers[0 if strategy is series else -1] == {"batchItemFailures": []}
    assert [text for text in tell.seen if text[0] == "a"] == ["a1", "a1", "a2", "a3", "a3", "a4"]
    assert box.letters == []


@strategies
def test_what_was_held_back_goes_on_once_the_letter_is_stored(strategy: Strategy) -> None:
    tell, box = Job(a1=9), Letterbox()
    run = function(tell, box, Clock(), strategy)
    batch = written("a1", "a2", "b1", "a3", "c1", "d1")
    assert run(lambda_event(*batch), None) == {"batchItemFailures": []}
    assert [text for text in tell.seen if text[0] == "a"] == ["a1", "a1", "a2", "a3"]
    assert box.told() == [("tell", "a1", "Refused")]


def test_a_letter_that_is_not_stored_keeps_those_behind_it_back() -> None:
    tell, box = Job(a1=9), Letterbox(is_down=True)
    run = function(tell, box, Clock())
    batch = written("a1", "a2", "b1", "c1")
    first = batch[0].record.sequence_number
    assert run(lambda_event(*batch), None) == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert "a2" not in tell.seen


def test_what_is_held_back_and_no_longer_wanted_keeps_nothing_back() -> None:
    tell, box = Job(a1=9), Letterbox()
    process = pipeline(notes, on_event(tell, name="tell", where=lambda event: event.event_id != "a2"))
    made = lambda_handler(
        process, retry(ledger=MemoryLedger(), dead_letters=box, max_attempts=2, scope="tell", report=quiet)
    )
    assert made(lambda_event(*written("a1", "a2", "a3", "b1", "c1")), None) == {"batchItemFailures": []}
    assert [text for text in tell.seen if text[0] == "a"] == ["a1", "a1", "a3"]


def test_what_is_held_back_in_a_chunk_goes_on_too() -> None:
    tell, box = Job(a1=1), Letterbox()
    for handler in (
        on_event(batched(tell.all, 2), name="tell"),
        on_event(batched_each(tell.each, 2), name="tell"),
    ):
        tell.failures["a1"] = 2
        made = lambda_handler(
            pipeline(notes, handler),
            retry(ledger=MemoryLedger(), dead_letters=box, max_attempts=4, scope="tell", report=quiet),
        )
        batch = written("a1", "b1", "a2", "c1", "d1", "e1", "f1")
        assert made(lambda_event(*batch), None) == {"batchItemFailures": []}
        seen = tell.again()
        assert [text for text in seen if text == "a2"] == ["a2"]
        assert seen.index("a2") > max(place for place, text in enumerate(seen) if text == "a1")


def test_nothing_is_tried_again_when_time_is_short() -> None:
    tell, box = Job(a1=9), Letterbox()

    def slow(event: Event[Note]) -> Result[str, str]:
        mapping.clock.advance(timedelta(seconds=25))
        return tell(event)

    made = lambda_handler(
        pipeline(notes, on_event(slow, name="tell")),
        retry(ledger=MemoryLedger(), dead_letters=box, max_attempts=2, scope="tell", report=quiet),
    )
    mapping = EventSourceMapping(made)
    history = mapping.deliver(*written("a1", "b1"))
    assert tell.seen == ["a1", "b1", "a1"]
    assert (len(history.invocations), box.told()) == (2, [("tell", "a1", "Refused")])


@strategies
def test_one_strategy_does_not_try_again_what_another_had_no_time_for(strategy: Strategy) -> None:
    """Each has a share of the time, and the handlers of its own records."""
    slow, failed = Job(f1=1), set[str]()

    def tell(event: Event[Note]) -> Result[str, str]:
        mapping.clock.advance(timedelta(seconds=2))
        return slow(event)

    def fail_once(event: Event[Deck]) -> Result[str, str]:
        if event.event_id != "p1" or failed:
            return Success(event.event_id)
        failed.add("p1")
        return Failure("once")

    process = router(
        pipeline(notes, on_insert(tell), strategy=concurrent(workers=1)),
        pipeline(Table("decks", Deck), on_insert(fail_once), strategy=strategy),
    )
    delivery = retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters(), report=quiet)
    mapping = EventSourceMapping(lambda_handler(process, delivery), timeout=timedelta(seconds=31))
    first = written(*(f"{letter}1" for letter in "abcdefg"))
    decks = (insert_event(Deck(ord(letter)), event_id=f"{letter}1") for letter in "pqr")
    history = mapping.deliver(*first, *decks)
    assert [invocation.error for invocation in history.invocations] == [None, None]
    assert slow.seen == ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "f1"]
    assert failed == {"p1"}


def test_what_has_failed_is_reported_though_there_is_no_time_to_try_it_again() -> None:
    told: list[tuple[str | None, str]] = []
    job = Job(a1=1, b1=1)

    def tell(event: Event[Note]) -> Result[str, str]:
        mapping.clock.advance(timedelta(seconds=2))
        return job(event)

    def report(failed: Failed[str]) -> None:
        told.append((failed.record.event_id, type(failed.reason).__name__))

    delivery = retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters(), report=report)
    handler = lambda_handler(pipeline(notes, on_insert(tell)), delivery)
    mapping = EventSourceMapping(handler, timeout=timedelta(seconds=10.5))
    mapping.deliver(*written("a1", "b1", "c1"))
    assert job.seen == ["a1", "b1", "c1", "a1", "b1"]
    assert told == [("b1", "Refused")]


def test_without_letters_nothing_is_tried_again_within_a_run() -> None:
    tell = Job(a1=9)
    made = lambda_handler(
        pipeline(notes, on_event(tell, name="tell")), retry(ledger=MemoryLedger(), scope="tell", report=quiet)
    )
    made(lambda_event(*written("a1", "b1", "c1")), None)
    assert tell.seen == ["a1", "b1", "c1"]


def test_a_handler_that_works_for_another_shard_is_not_down() -> None:
    tell, box, clock = Job(a1=99), Letterbox(), Clock()
    run = function(tell, box, clock)
    batch = lambda_event(*written("a1"))
    for _ in range(3):
        run(batch, None)
    assert box.letters == [], "nothing is known of the handler"
    clock.pass_by(1)
    run(lambda_event(insert_event(Note(2, "b1"), event_id="b1", sequence_number="9" * 25)), None)
    run(batch, None)
    assert box.told() == [("tell", "a1", "Refused")]


# ----------------------------------------------------------------------------------------------- a handler that is down


@pytest.mark.no_cover  # a simulation takes three times as long under it
@pytest.mark.parametrize("chunks", [False, True], ids=["single", "chunks"])
@pytest.mark.parametrize(("seconds", "deliveries"), [(30, 7), (300, 11), (3600, 22)])
def test_nothing_that_an_outage_refuses_becomes_a_letter(
    seconds: int, deliveries: int, *, chunks: bool
) -> None:
    found = play(records=2_000, begins=timedelta(seconds=20), lasts=timedelta(seconds=seconds), chunks=chunks)
    assert (found.expired, found.letters, found.repeated) == (0, 0, 0)
    assert found.calls <= 2_000 + 100 * deliveries


@pytest.mark.no_cover  # a simulation takes three times as long under it
@strategies
def test_in_an_outage_poison_becomes_letters_and_nothing_else(strategy: Strategy) -> None:
    found = play(records=2_000, share=0.01, begins=timedelta(seconds=20), lasts=5 * MINUTE, strategy=strategy)
    assert found == Outcome(2_000, found.seconds, 0, 20, 0, found.calls, 0)


def broken_for_ever(lengths: list[str]) -> tuple[Letterbox, Clock, Job, LambdaFunction[str, str]]:
    """Make a function whose handler fails on all records."""
    tell, box, clock = Job(**dict.fromkeys(lengths, 10**6)), Letterbox(), Clock()
    return box, clock, tell, function(tell, box, clock)


def test_the_end_of_an_outage_is_waited_for_once_and_not_for_each_batch() -> None:
    first, second = [f"{letter}1" for letter in "abcdef"], [f"{letter}1" for letter in "ghijkl"]
    box, clock, _, run = broken_for_ever([*first, *second])
    batch, next_batch = lambda_event(*written(*first)), lambda_event(*written(*second))
    for _ in range(5):
        run(batch, None)
    clock.pass_by(119 * 60)
    run(batch, None)
    assert box.letters == []
    clock.pass_by(60)
    run(batch, None)
    assert len(box.letters) == 6
    for _ in range(2):
        run(next_batch, None)
    assert len(box.letters) == 12


@strategies
def test_an_outage_that_ends_amid_a_batch_costs_no_letters(strategy: Strategy) -> None:
    """What has no attempt left is tried once more after the first success, which may be the end of the outage."""
    tell, box = Job(**dict.fromkeys(("a1", "b1", "c1"), 5)), Letterbox()
    run = function(tell, box, Clock(), strategy, attempts=5)
    batch = written("a1", "b1", "c1", *(f"{letter}1" for letter in "defghijk"))
    for _ in range(4):
        run(lambda_event(*batch[:3]), None)
    assert run(lambda_event(*batch), None) == {"batchItemFailures": []}
    assert box.letters == []


@strategies
@pytest.mark.parametrize("size", [1, 2])
def test_an_outage_is_waited_for_where_batches_are_small(size: int, strategy: Strategy) -> None:
    """Records that fail one after the other count as such, whichever batches they come in."""
    letters = MemoryDeadLetters()

    def tell(event: Event[Note]) -> Result[str, str]:
        return Failure("down") if mapping.clock.now - began < HOUR else Success(event.event_id)

    delivery = retry(ledger=MemoryLedger(), dead_letters=letters, report=quiet)
    process = pipeline(notes, on_insert(tell, name="tell"), strategy=strategy)
    mapping = EventSourceMapping(lambda_handler(process, delivery), batch_size=size)
    began = mapping.clock.now
    history = mapping.deliver(*written(*(f"{letter}1" for letter in "abcdefghijklmnop")))
    assert history.discarded == []
    assert len(letters.letters) <= 2


def test_an_outage_begins_no_earlier_than_its_handler_has_worked() -> None:
    """A handler that fails on the last record of each batch has not been down since the first of these."""
    box, clock, _, run = broken_for_ever([f"{letter}1" for letter in "pqrsvwxyz"])
    for sound, poison in zip("abcd", "pqrs", strict=True):
        batch = written(f"{sound}1", f"{poison}1")
        run(lambda_event(*batch), None)
        clock.pass_by(60 * 60)
        run(lambda_event(batch[1]), None)
    assert [letter.pair.record for letter in box.letters] == ["p1", "q1", "r1", "s1"]
    outage = lambda_event(*written("v1", "w1", "x1", "y1", "z1"))
    for _ in range(3):
        run(outage, None)
    assert len(box.letters) == 4


def test_a_record_that_has_failed_for_long_does_not_say_that_its_handler_has() -> None:
    box, clock, _, run = broken_for_ever([f"{letter}1" for letter in "pvwxyz"])
    poison = lambda_event(*written("p1"))
    box.is_down = True
    run(poison, None)
    clock.pass_by(60 * 60)
    run(lambda_event(*written("a1")), None)
    run(poison, None)
    box.is_down = False
    outage = lambda_event(*written("v1", "w1", "x1", "y1", "z1"))
    for _ in range(3):
        run(outage, None)
    clock.pass_by(60 * 60)
    run(outage, None)
    assert box.letters == []


@pytest.mark.parametrize(("failing", "minutes"), [(1, 5), (2, 20), (3, 80), (4, 120), (6, 120)])
def test_the_more_records_fail_the_longer_they_wait(failing: int, minutes: int) -> None:
    texts = [f"{letter}1" for letter in "abcdef"[:failing]]
    box, clock, _, run = broken_for_ever(texts)
    batch = lambda_event(*written(*texts))
    for _ in range(3):
        run(batch, None)
    clock.pass_by(minutes * 60 - 1)
    run(batch, None)
    assert box.letters == []
    clock.pass_by(1)
    run(batch, None)
    assert len(box.letters) == failing


@pytest.mark.parametrize(("failing", "seconds"), [(1, 30), (2, 120), (3, 480)])
def test_those_that_fail_last_wait_for_less_where_all_others_have_succeeded(
    failing: int, seconds: int
) -> None:
    texts = [f"{letter}1" for letter in "uvw"[:failing]]
    box, clock, _, run = broken_for_ever(texts)
    batch = written("a1", "b1", *texts)
    run(lambda_event(*batch), None)
    rest = lambda_event(*batch[2:])
    for _ in range(3):
        run(rest, None)
    clock.pass_by(seconds - 1)
    run(rest, None)
    assert box.letters == []
    clock.pass_by(1)
    run(rest, None)
    assert len(box.letters) == failing


def test_without_patience_nothing_is_waited_for() -> None:
    texts = ["a1", "b1", "c1"]
    tell, box = Job(a1=9, b1=9, c1=9), Letterbox()
    run = function(tell, box, Clock(), patience=0)
    batch = lambda_event(*written(*texts))
    for _ in range(2):
        run(batch, None)
    assert len(box.letters) == 3


def test_a_clock_that_is_put_back_delays_nothing_where_nothing_is_waited_for() -> None:
    clock, box = Clock(), Letterbox()
    run = function(Job(a1=9), box, clock, patience=0)
    batch = lambda_event(*written("a1"))
    run(batch, None)
    clock.pass_by(-60)
    run(batch, None)
    assert len(box.letters) == 1


@pytest.mark.parametrize(("hours", "letters"), [(11, 0), (13, 4), (25, 0)])
def test_a_record_that_is_forgotten_before_long_waits_for_nothing(hours: int, letters: int) -> None:
    """Older than a stream can be is a sample, or a record of a Kinesis stream that keeps them for longer."""
    clock, box, texts = Clock(), Letterbox(), ("a1", "b1", "c1", "d1")
    run = function(Job(**dict.fromkeys(texts, 99)), box, clock)
    clock.pass_by(hours * 3600)
    batch = lambda_event(*written(*texts))
    for _ in range(2):
        run(batch, None)
    assert len(box.letters) == letters


def test_a_record_without_a_time_is_never_old() -> None:
    clock, box = Clock(), Letterbox()
    run = function(Job(a1=9), box, clock)
    record = written("a1")[0].record.raw
    del record["dynamodb"]["ApproximateCreationDateTime"]
    clock.pass_by(13 * 3600)
    for _ in range(2):
        run({"Records": [record]}, None)
    assert box.letters == []


def test_a_malformed_record_is_never_old() -> None:
    box = Letterbox()
    run = function(Job(), box, Clock())
    assert run({"Records": [{"eventID": "b", "eventSource": "aws:dynamodb"}]}, None) == {
        "batchItemFailures": []
    }
    assert box.told() == [("", "b", "Malformed")]


@pytest.mark.no_cover  # a simulation takes three times as long under it
def test_the_table_of_the_docs_is_what_the_command_writes() -> None:
    """One row of it; the command plays all in a minute."""
    page = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text().splitlines()
    assert poisoned(0.01) in page


# ------------------------------------------------------------------------------------------------------ one that hangs


@pytest.mark.parametrize("with_letters", [True, False], ids=["letters", "none"])
def test_what_hangs_is_tried_last_so_that_all_others_go_on(*, with_letters: bool) -> None:
    letters, done = MemoryDeadLetters(), Counter[str]()

    def tell(event: Event[Note]) -> Result[str, str]:
        if event.event_id == "a1":
            mapping.clock.advance(timedelta(hours=1))
        done[event.event_id] += 1
        return Success(event.event_id)

    delivery = (
        retry(ledger=MemoryLedger(), dead_letters=letters, report=quiet)
        if with_letters
        else retry(ledger=MemoryLedger(), report=quiet)
    )
    mapping = EventSourceMapping(lambda_handler(pipeline(notes, on_event(tell)), delivery))
    history = mapping.deliver(*written("a1", "b1", "a2", "c1"))
    assert set(history.invocations[1].event_ids) == {"a1", "b1", "a2", "c1"}
    assert {"b1", "c1"} <= {event for call in history.invocations[1].calls for event in call.event_ids}
    assert done == ({"b1": 1, "c1": 1, "a2": 1} if with_letters else {"b1": 1, "c1": 1})
    assert [letter.attempts for letter in letters.letters] == ([5] if with_letters else [])


def test_a_service_that_hangs_for_a_while_costs_no_letters() -> None:
    letters = MemoryDeadLetters()

    def tell(event: Event[Note]) -> Result[str, str]:
        if mapping.clock.now - began < HOUR:
            mapping.clock.advance(timedelta(minutes=20))
        return Success(event.event_id)

    delivery = retry(ledger=MemoryLedger(), dead_letters=letters, report=quiet)
    mapping = EventSourceMapping(lambda_handler(pipeline(notes, on_insert(tell, name="tell")), delivery))
    began = mapping.clock.now
    history = mapping.deliver(*written(*(f"{letter}1" for letter in "abcdefghij")))
    assert (letters.letters, history.discarded) == ((), [])


# ----------------------------------------------------------------------------------------------------------- settings


def test_an_outage_is_a_length_of_time() -> None:
    with pytest.raises(ConfigurationError, match=r"^outage=-1 day, 0:00:00 should not be negative$"):
        retry(ledger=MemoryLedger(), outage=-timedelta(days=1))


def test_one_success_is_enough_to_say_that_a_handler_works() -> None:
    """Of a handler of many events, one beside the failure will do."""

    def tell(events: Sequence[Event[Note]]) -> list[Result[str, str]]:
        return [Success("yes") if event.event_id == "b1" else Failure("no") for event in events]

    box = Letterbox()
    made = lambda_handler(
        pipeline(notes, on_insert(batched_each(tell), name="tell")),
        retry(ledger=MemoryLedger(), dead_letters=box, max_attempts=1, scope="tell", report=quiet),
    )
    assert made(lambda_event(*written("a1", "b1")), None) == {"batchItemFailures": []}
    assert box.told() == [("tell", "a1", "Refused")]
