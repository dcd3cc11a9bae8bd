"""The gate of a delivery with a ledger: it lets through what is not settled, and enters what comes of it.

What fails holds back later records of its item, for its handler alone. What cannot succeed becomes a dead
letter, and counts as settled as soon as that is stored, which is before the next record of its item starts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from threading import RLock
from typing import Final, Never

from typing_extensions import override

from streamfn._delivery.book import Book
from streamfn._delivery.limits import Limits
from streamfn._delivery.outbox import Outbox
from streamfn._delivery.under_way import UnderWay
from streamfn._execution.deadline import Deadline
from streamfn._execution.gate import Gate, Turn
from streamfn._execution.items import Place
from streamfn._execution.tasks import location_for
from streamfn._failures import (
    Failed,
    HeldBack,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    OutOfTime,
    Raised,
    Reason,
    Refused,
    TimedOut,
    Undecodable,
    Unrouted,
    Unwanted,
)
from streamfn._ledger import Entry, Ledger, Pair, Stretch, identity_of, pair_of
from streamfn._letters import DeadLetter
from streamfn._records import Record
from streamfn._reports import detail_of, exception_of, location_of, what_raised
from streamfn._time import Clock, SecondsLeft

_log: Final = logging.getLogger("streamfn")

_FAILED_UNTRIED: Final = frozenset({Undecodable.__name__, MissingImage.__name__})
"""Reasons of failures that are no attempts: nothing was called."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a gate stands on: the stretch of the batch, the ledger that is told, and the clock it goes by.

    `records` is how many there are in the batch.
    """

    stretch: Stretch
    ledger: Ledger
    clock: Clock
    limits: Limits
    writes_always: bool
    records: int


class LedgerGate(Gate):
    """Bars what has to wait for its item, what there is no time for, and what hung too often.

    An alarm may ring in a thread of its own, so whatever it needs is changed under a lock. It must get through
    while letters are sent, which therefore are not.
    """

    def __init__(self, deadline: Deadline, ground: Ground, book: Book, outbox: Outbox | None) -> None:
        """Begin a run with what the ledger knows of its pairs; without an outbox nothing is given up."""
        super().__init__(deadline)
        self._ground = ground
        self._book = book
        self._outbox = outbox
        self._held: set[Place] = set()
        self._has_news = False
        self._under_way = UnderWay()
        self._counted: set[Pair] = set()
        self._finished = False
        self._ledger_fails = False
        # By handler, and apart from the others the calls of what has used its attempts up: these would leave too few
        # to find in a chunk what fails there, and what is beside it would wait for as long as they fail.
        self._failed_in_a_row: dict[tuple[str, bool], int] = {}
        # So many calls lead from a chunk of the whole batch to one event and its neighbour.
        self._most_in_a_row = ground.records.bit_length() + 2
        self._lock = RLock()

    @override
    def expects(self, turns: Iterable[Turn], /) -> None:
        self._under_way.expect(turns)

    @override
    def settled(self, turn: Turn, /) -> bool:
        self._under_way.prepared = None
        if self._outbox is not None and turn.name and self._outbox.holds(turn):
            self._send(self._outbox)
        return self._book.settled(named(turn))

    @override
    def bars(self, turn: Turn, /) -> Reason[Never] | None:
        if self._held and turn.place in self._held:
            return HeldBack()
        with self._lock:  # an alarm that rings after `reached` was asked has to find the turn
            if self.deadline.reached:
                return OutOfTime()
            # What failed is tried once more after its patience is over; what hangs would only hang once more.
            if self._outbox is not None and (entry := self._book.known(named(turn))) is not None:
                hangs = entry.reason == TimedOut.__name__
                if hangs and self._limits_are_reached(entry):
                    return TimedOut(entry.attempts)
            self._under_way.prepared = turn
            return None

    @override
    def alone(self, turn: Turn, /) -> bool:
        entry = self._book.known(named(turn))
        return entry is not None and entry.alone and not entry.settled

    @override
    def fails(self, turn: Turn, /) -> bool:
        return self.alone(turn) and self._book[named(turn)].attempts >= self._ground.limits.attempts

    @override
    def answered(self, handler: str, /, *, succeeded: bool, fails: bool) -> None:
        if succeeded:
            self._failed_in_a_row[handler, True] = self._failed_in_a_row[handler, False] = 0
        else:
            self._failed_in_a_row[handler, fails] = self._failed_in_a_row.get((handler, fails), 0) + 1

    @override
    def isolates(self, handler: str, /) -> bool:
        # A handler of which call after call fails is out of order, and its service is not to be stormed.
        return self._failed_in_a_row.get((handler, False), 0) < self._most_in_a_row

    @override
    def tries(self, turn: Turn, /) -> bool:
        in_a_row = self._failed_in_a_row.get((turn.name, self.fails(turn)), 0)
        return in_a_row < self._most_in_a_row or not self.alone(turn)

    @override
    def began(self, call: int, turns: Iterable[Turn], /) -> None:
        with self._lock:
            self._under_way.begin(call, turns)
        self.deadline.began(call)

    @override
    def ended(self, call: int, /) -> None:
        with self._lock:
            self._under_way.end(call)
        self.deadline.ended(call)

    @override
    def succeeded(self, turn: Turn, /) -> None:
        pair = named(turn)
        with self._lock:
            self._under_way.prepared = None
            if self._book.settle(pair, "handled"):
                self._has_news = True
            if self._ground.writes_always and not self._ledger_fails:
                self._write(_at_once)

    @override
    def failed(
        self, turn: Turn, reason: Reason[object], /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        with self._lock:
            self._under_way.prepared = None
            pair, name = named(turn), type(reason).__name__
            if isinstance(reason, Unwanted):
                self._book.settle(pair, "dropped")
                return
            if isinstance(reason, Refused | Raised):
                self._enter_failure(pair, name, alone=alone, isolated=isolated)
            else:
                self._book.waits(pair, name)
            hopeless = isinstance(reason, Undecodable | MissingImage | Malformed | Unrouted | TimedOut)
            # A chunk that failed says nothing of the pair itself, which may have been sound for long.
            tried = alone and isinstance(reason, Refused | Raised)
            gives_up = hopeless or (tried and self._limits_are_reached(self._book[pair]))
            if self._outbox is not None and gives_up:
                self._outbox.put(turn, self._letter(pair, turn, reason))
            else:
                self._hold(turn)
        if self._outbox is not None and self._outbox.full:
            self._send(self._outbox)

    @override
    def unwanted(self, turn: Turn, /) -> Unwanted | None:
        with self._lock:
            self._under_way.prepared = None
            entry = self._book[named(turn)]
            failed = (
                entry.attempts or entry.alone or entry.since is not None or entry.reason in _FAILED_UNTRIED
            )
            return Unwanted() if failed else None

    def dropped(self, records: Iterable[Record], failures: Iterable[Failed[object]]) -> list[Failed[Never]]:
        """Drop what the ledger knows as open of records of the batch, and what has no turn in this run.

        Its handler is gone, or is for other kinds of change, or its table has another pattern: nothing would tell of
        the pair again. `failures` are those of the run. A record that reaches no handler at all is told by them.
        """
        with self._lock:
            owed = self._book.owed
            if not owed:  # as in nearly every run
                return []
            answered = {named(turn) for turn in self._under_way.expected}
            reached = {pair.record for pair in answered}
            stray = {identity_of(failed.record) for failed in failures if failed.handler is None}
            here = {
                identity: record
                for record in records
                if (identity := identity_of(record)) not in stray
                and not self._book.settled(Pair("", identity))
            }
            # The pair of a record that reached no handler is answered for by all handlers that the record reaches now.
            gone = [
                pair
                for pair in owed
                if pair.record in here
                and pair not in answered
                and (pair.handler or pair.record not in reached)
            ]
            for pair in gone:
                self._book.settle(pair, "dropped")
            return [Failed(here[pair.record], pair.handler or None, Unwanted()) for pair in gone]

    def time_is_up(self) -> None:
        """Write what is known: before long the process may be ended, and nobody would know what it was at.

        What ran by itself has used an attempt up. Of several calls nobody knows which one took the others'
        time, so each is to be tried by itself, and none has failed.
        """
        with self._lock:
            if self._finished:  # the alarm was late: Lambda may have had the process frozen
                return
            calls = self._under_way.calls
            under_way = [named(turn) for turns in calls for turn in turns]
            for pair in under_way:
                if len(under_way) == 1:
                    self._enter_failure(pair, TimedOut.__name__)
                else:
                    since = self._ground.clock.now if len(calls) == 1 else None
                    self._book.suspected(pair, TimedOut.__name__, since)
                self._counted.add(pair)
            for turn in self._under_way.expected:
                self._book.waits(named(turn), OutOfTime.__name__)
            self._write(self.deadline.seconds_for_stores)

    def finish(self) -> None:
        """Send what letters are left, and write what has to be remembered.

        That is nothing where all has gone well, and had before: what the ledger does not know is settled by the
        answer.
        """
        self._under_way.prepared = None
        if self._outbox is not None:
            self._send(self._outbox)
        with self._lock:
            given_up = any(entry.state in {"dead", "dropped"} for entry in self._book.news())
            if self._has_news or given_up or self._ground.writes_always:
                self._write(self.deadline.seconds_for_stores)
            self._finished = True

    def is_open(self, failed: Failed[object]) -> bool:
        """Whether a failure of this run has to come again."""
        return not self._book.settled(pair_of(failed.handler, failed.record))

    def _enter_failure(self, pair: Pair, name: str, *, alone: bool = True, isolated: bool = False) -> None:
        now = self._ground.clock.now
        if not alone:
            self._book.failed_with_others(pair, name, now, isolated=isolated)
        elif pair not in self._counted:  # the alarm was first
            self._book.attempted(pair, name, now, isolated=isolated)

    def _limits_are_reached(self, entry: Entry) -> bool:
        return self._ground.limits.are_reached(entry, self._ground.clock.now)

    def _hold(self, turn: Turn) -> None:
        self._has_news = True
        self._held.add(turn.place)

    def _send(self, outbox: Outbox) -> None:
        sent = outbox.empty(self.deadline.seconds_for_stores)
        with self._lock:
            for turn, letter, stored in sent:
                if stored:
                    self._book.settle(letter.pair, "dead", letter.digest)
                else:
                    self._hold(turn)

    def _letter(self, pair: Pair, turn: Turn, reason: Reason[object]) -> DeadLetter:
        entry = self._book[pair]
        location = location_for(reason, turn.function)
        return DeadLetter(
            scope=self._ground.stretch.scope,
            pair=pair,
            stream=self._ground.stretch.stream,
            record=turn.record.raw,
            reason=type(reason).__name__,
            detail=detail_of(reason),
            attempts=entry.attempts,
            since=entry.since,
            at=self._ground.clock.now,
            location=location_of(reason, location),
            exception=exception_of(reason),
        )

    def _write(self, seconds_left: SecondsLeft) -> None:
        entries = self._book.news()
        if not entries:
            return
        try:
            self._ground.ledger.write(self._ground.stretch, entries, seconds_left)
        except Exception as error:  # noqa: BLE001 (whatever it is, the batch goes on)
            self._ledger_fails = True
            told = "the ledger could not be written, what succeeded may be repeated: %s"
            _log.error(told, what_raised(error))
        else:
            self._book.written()


def named(turn: Turn) -> Pair:
    """Name a turn's pair, once for all that is asked about it."""
    if turn.pair is None:
        turn.pair = Pair._make((turn.name, identity_of(turn.record)))  # the quickest way to a pair
    return turn.pair


class ClosedGate(Gate):
    """Starts nothing, because nobody knows what is settled already."""

    @override
    def bars(self, turn: Turn, /) -> LedgerUnavailable:
        return LedgerUnavailable()


def _at_once() -> float:
    """Leave no time to wait in: what is written after each success must not take the time of the next one."""
    return 0.0
