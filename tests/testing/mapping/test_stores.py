"""Stores that fail, because a test wishes it or of their own accord: what comes of it, and what the history says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

import pytest
from typing_extensions import override

from streamfn import Delivery, retry
from streamfn._time import SecondsLeft, unlimited
from streamfn.dead_letters import DeadLetter, DeadLetters, MemoryDeadLetters
from streamfn.ledgers import Entry, Key, Ledger, MemoryLedger, SequenceRange
from streamfn.testing import Crash, HalfWritten, StoreDown
from streamfn.testing._simulator.history import Letter
from streamfn.testing._simulator.invoking import (
    Fault,
    Probe,
    ProcessEnded,
    SimulatedClock,
    UnreliableDeadLetters,
    UnreliableLedger,
)
from tests.testing.mapping.jobs import (
    FORMS,
    Job,
    Registered,
    TellingLedger,
    every_form,
    simulation,
    written,
)
from tests.testing.mapping.story import quiet, undecodable

SINGLE: Final = FORMS["single"]


def remembering(ledger: Ledger | None = None, dead_letters: DeadLetters | None = None) -> Delivery[object]:
    """Give up what has failed once, if there is a place for it."""
    return retry(
        ledger=ledger or MemoryLedger(),
        dead_letters=dead_letters,
        max_attempts=1,
        patience=timedelta(),
        report=quiet,
    )


@every_form
def test_without_its_ledger_a_function_starts_nothing(handler: Callable[[Job], Registered]) -> None:
    history = simulation(handler, remembering(), faults=[StoreDown(1, "ledger reads")]).deliver(*written("a"))
    first, second = history.invocations
    assert (first.store_failures, first.calls) == (("ledger not read",), ())
    assert (first.error, first.outcome) == (None, "1 again in 1 s")
    assert (second.store_failures, history.successes("tell")) == ((), Counter({"r1": 1}))


@every_form
def test_what_could_not_be_written_is_repeated(handler: Callable[[Job], Registered]) -> None:
    mapping = simulation(handler, remembering(), faults=[StoreDown(1, "ledger writes")])
    history = mapping.deliver(*written("refuse", "a", "b"))
    first, second = history.invocations
    assert (first.store_failures, second.store_failures) == (("ledger not written",), ())
    assert history.successes("tell") == Counter({"r1": 1, "r2": 2, "r3": 2})


@every_form
def test_what_could_not_be_put_aside_stays_a_failure(handler: Callable[[Job], Registered]) -> None:
    dead_letters = MemoryDeadLetters()
    delivery = remembering(dead_letters=dead_letters)
    mapping = simulation(handler, delivery, faults=[StoreDown(1, "dead letters")], times=9)
    history = mapping.deliver(*written("refuse", "a"))
    first, second = history.invocations
    assert (first.store_failures, first.letters) == (("dead letters not stored",), ())
    assert (second.store_failures, second.letters) == ((), (Letter("tell", "r1", "Refused"),))
    assert len(dead_letters.letters) == 1
    assert history.successes("tell") == Counter({"r2": 1})


@every_form
def test_the_first_half_of_what_is_written_may_be_kept(handler: Callable[[Job], Registered]) -> None:
    ledger = TellingLedger()
    history = simulation(handler, remembering(ledger), faults=[HalfWritten(1)]).deliver(
        *written("refuse", "a", "b", "c")
    )
    assert ledger.writes[0] == [("r1", "open", 1, "Refused")]
    assert history.invocations[0].store_failures == ("ledger half written",)
    assert history.successes("tell") == Counter({"r1": 1, "r2": 2, "r3": 2, "r4": 2})


def test_a_ledger_that_is_down_keeps_nothing_at_all() -> None:
    ledger = TellingLedger()
    faults: list[Fault] = [StoreDown(1, "ledger writes"), HalfWritten(1)]
    history = simulation(SINGLE, remembering(ledger), faults=faults).deliver(*written("refuse", "a"))
    assert ledger.writes == []
    assert history.invocations[0].store_failures == ("ledger not written",)


def test_a_store_that_fails_again_and_again_is_told_of_once() -> None:
    delivery: Delivery[object] = retry(ledger=MemoryLedger(), write="always", report=quiet)
    faults = [StoreDown(1, "ledger writes"), StoreDown(2, "ledger writes")]
    history = simulation(SINGLE, delivery, faults=faults).deliver(*written("a", "b", "refuse"))
    assert [each.store_failures for each in history.invocations] == [("ledger not written",)] * 2


def test_one_store_may_be_down_while_the_others_work() -> None:
    """Each fault names what it is that fails."""
    ledger, dead_letters = TellingLedger(), MemoryDeadLetters()
    delivery = remembering(ledger, dead_letters)
    faults = [StoreDown(1, "dead letters"), StoreDown(2, "ledger writes")]
    mapping = simulation(SINGLE, delivery, faults=faults, times=9)
    first, second = mapping.deliver(*written("refuse", "a")).invocations
    assert ledger.writes == [[("r1", "open", 1, "Refused"), ("r2", "handled", 0, "")]]
    assert (first.store_failures, second.store_failures) == (
        ("dead letters not stored",),
        ("ledger not written",),
    )
    assert second.letters == (Letter("tell", "r1", "Refused"),)


def test_stores_that_fail_of_their_own_accord_are_told_of_as_well() -> None:
    class Moody(MemoryLedger):
        """A ledger that fails the first time that it is read, and the first that it is written."""

        def __init__(self) -> None:
            super().__init__()
            self.moods = {"read", "write"}

        @override
        def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> list[Entry]:
            self.fail_once("read")
            return super().read(sequence_range, seconds_left)

        @override
        def write(
            self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
        ) -> None:
            self.fail_once("write")
            super().write(sequence_range, entries, seconds_left)

        def fail_once(self, mood: str) -> None:
            if mood in self.moods:
                self.moods.remove(mood)
                raise TimeoutError

    history = simulation(SINGLE, remembering(Moody())).deliver(*written("refuse"))
    assert [each.store_failures for each in history.invocations] == [
        ("ledger not read",),
        ("ledger not written",),
        (),
    ]


def test_a_ledger_that_fails_while_its_entries_are_read_is_told_of() -> None:
    class Lazy:
        """A ledger whose first reading breaks off."""

        def __init__(self) -> None:
            self.ledger = MemoryLedger()
            self.breaks_off = True

        def read(self, sequence_range: SequenceRange, seconds_left: SecondsLeft, /) -> Iterator[Entry]:
            if self.breaks_off:
                self.breaks_off = False
                raise TimeoutError
            yield from self.ledger.read(sequence_range, seconds_left)

        def write(
            self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft, /
        ) -> None:
            self.ledger.write(sequence_range, entries, seconds_left)

    history = simulation(SINGLE, remembering(Lazy())).deliver(*written("a"))
    assert [each.store_failures for each in history.invocations] == [("ledger not read",), ()]


def test_a_dead_process_cannot_use_its_stores() -> None:
    """One of several calls may have ended it while another one is recorded."""
    probe, sequence_range = Probe(Crash(1, after_calls=0), SimulatedClock()), SequenceRange("", "", "1", "2")
    kept, letters = TellingLedger(), MemoryDeadLetters()
    ledger, dead_letters = UnreliableLedger(kept, (), probe), UnreliableDeadLetters(letters, (), probe)
    uses: list[Callable[[], object]] = [
        lambda: ledger.read(sequence_range, unlimited),
        lambda: ledger.write(sequence_range, [Entry(Key("tell", "r1"), "handled")], unlimited),
        lambda: dead_letters.send([], unlimited),
    ]
    for use in uses:
        with pytest.raises(ProcessEnded):
            use()
    assert (kept.writes, probe.end().store_failures) == ([], ())


def test_letters_may_be_stored_in_part() -> None:
    class Picky(MemoryDeadLetters):
        """A place that has no room for a record's letter the first time."""

        def __init__(self) -> None:
            super().__init__()
            self.unwanted = {"r1"}

        @override
        def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> set[str]:
            taken = [letter for letter in letters if letter.pair.record not in self.unwanted]
            self.unwanted.clear()
            return super().send(taken, seconds_left)

    history = simulation(SINGLE, remembering(dead_letters=Picky()), times=9).deliver(
        *written("refuse", "refuse", "a")
    )
    first, second = history.invocations
    assert (first.letters, first.store_failures) == (
        (Letter("tell", "r2", "Refused"),),
        ("dead letters not stored",),
    )
    assert (second.letters, second.store_failures) == ((Letter("tell", "r1", "Refused"),), ())


def test_a_record_that_reached_no_handler_is_put_aside_for_none() -> None:
    delivery = remembering(dead_letters=MemoryDeadLetters())
    (event,) = written("a")
    history = simulation(SINGLE, delivery).deliver({**event.record.raw, "eventName": "UPSERT"})
    assert history.invocations[0].letters == (Letter("", "r1", "Malformed"),)


def test_a_record_that_cannot_be_read_is_put_aside_for_each_handler() -> None:
    delivery = remembering(dead_letters=MemoryDeadLetters())
    (event,) = written("a")
    history = simulation(SINGLE, delivery).deliver(undecodable(event))
    assert history.invocations[0].letters == (Letter("tell", "r1", "Undecodable"),)
    assert list(history.calls) == []
