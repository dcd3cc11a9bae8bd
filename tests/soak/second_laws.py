"""The laws of deliveries, as an observer checks them who sees calls, stores and answers, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from streamfn.dead_letters._protocol import DeadLetter
from tests.soak.second_inputs import Change
from tests.soak.second_model import Invocation
from tests.soak.second_schedules import Pair, Schedule

IS_LOST: Final = "a record is lost"
RUNS_AGAIN: Final = "what is recorded runs again"
RUNS_BLIND: Final = "a handler runs though nobody knows what is settled"
IS_REPEATED: Final = "an effect is repeated without a cause"
OVERTAKES: Final = "a record overtakes an earlier one of its item"
IS_UNSETTLED: Final = "an answer settles what is not settled"
ASKS_AGAIN: Final = "an answer asks for what is settled"
NAMES_STRANGER: Final = "an answer names no record of the batch"
TOO_FEW: Final = "a letter is sent before its attempts are used up"
TOO_SOON: Final = "a letter is sent before its patience is over"
IS_INNOCENT: Final = "a letter is sent of what never failed"
IS_UNTRUE: Final = "the ledger is told what did not happen"
NO_END: Final = "it does not end well"

_DOUBT: Final = 30.0
_OUTAGE: Final = 2 * 3600.0
_OLD: Final = 12 * 3600.0
"""For how long a record is tried, in seconds, where its handler had succeeded before, and where it is down; and the age
from which on a record waits for nothing."""

ATTEMPTED: Final = frozenset({"Refused", "Raised", "TimedOut"})
"""Reasons of letters that come after attempts."""


class LawBroken(AssertionError):
    """A law is broken; the first line says which."""


@dataclass(slots=True)
class Facts:
    """The facts of an invocation: when it began and read the ledger, what it settled, and how it ended."""

    began_at: int
    read_at: int | None = None
    is_blind: bool = False
    settled: set[Pair] = field(default_factory=set[Pair])
    latest: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    is_over: bool = False
    is_unclean: bool = False
    write_failed: bool = False


class Witness:
    """Sees what happens, one step after the other, and says which law is `broken`, if one is."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule: Schedule = schedule
        self.broken: list[str] = []
        self.done: Counter[Pair] = Counter()
        self.tries: Counter[Pair] = Counter()
        self.letters: dict[Pair, list[DeadLetter]] = {}
        self.given_up: dict[int, object] = {}
        self.reported: set[Pair] = set()
        self.recorded: dict[Pair, int] = {}
        self.drift: float = 0.0
        """By how many seconds clocks have moved so far, to and fro."""
        self._items = {change.number: change.item for change in schedule.changes}
        self._earlier: dict[int, list[int]] = {}
        self._first_try: dict[Pair, float] = {}
        self._worked_at: dict[str, float] = {}
        self._down_since: dict[str, float] = {}
        self._latest_success: dict[str, int] = {}
        self._done_by: dict[Pair, tuple[Facts, int]] = {}
        self._redelivered: set[int] = set()
        self._facts: dict[int, Facts] = {}
        self._cut_short: Counter[int] = Counter()
        self._step = 0
        behind: dict[str, list[int]] = {}
        for change in schedule.changes:
            self._earlier[change.number] = list(behind.setdefault(change.item, []))
            behind[change.item].append(change.number)

    def of(self, invocation: Invocation) -> Facts:
        """Find what is known of an invocation, which begins when one asks first."""
        facts = self._facts.get(invocation.number)
        if facts is None:
            self._step += 1
            facts = self._facts[invocation.number] = Facts(self._step)
        return facts

    def breaks(self, law: str, what: object) -> None:
        """Take note that a law is broken."""
        self.broken.append(f"{law}: {what}")

    def settled(self, pair: Pair) -> bool:
        """Whether a pair has come to an end by now: handled, put aside, told of or given up by Lambda."""
        return bool(
            self.done[pair] or pair in self.letters or pair in self.reported or pair[1] in self.given_up
        )

    # ------------------------------------------------------------------------------------------------- handlers

    def called(self, invocation: Invocation, pairs: Sequence[Pair]) -> None:
        """See that a handler is called."""
        facts = self.of(invocation)
        self._step += 1
        for pair in pairs:
            handler, number = pair
            if facts.is_blind or (self.schedule.remembers and facts.read_at is None):
                self.breaks(RUNS_BLIND, (pair, invocation.number))
            self._check_known(facts, pair, invocation)
            # `acknowledge` tells at the end of what it drops.
            for earlier in self._earlier[number] if self.schedule.delivery != "acknowledge" else ():
                if self.schedule.wants(handler, earlier) and not self.settled((handler, earlier)):
                    self.breaks(OVERTAKES, (pair, earlier))
            place = (handler, self._items[number])
            if facts.latest.get(place, number) > number:
                self.breaks(OVERTAKES, (pair, facts.latest[place]))
            facts.latest[place] = number
            self._first_try.setdefault(pair, invocation.service.now)
            self._down_since.setdefault(handler, invocation.service.now)
            self.tries[pair] += 1

    def _check_known(self, facts: Facts, pair: Pair, invocation: Invocation) -> None:
        recorded = self.recorded.get(pair)
        if pair in facts.settled or (
            recorded is not None and facts.read_at is not None and recorded < facts.read_at
        ):
            self.breaks(RUNS_AGAIN, (pair, invocation.number))

    def succeeded(self, invocation: Invocation, pairs: Sequence[Pair]) -> None:
        """See that effects happen."""
        facts = self.of(invocation)
        self._step += 1
        for pair in pairs:
            before = self._done_by.get(pair)
            if self.schedule.remembers and before is not None and not self._explained(pair, before, facts):
                self.breaks(IS_REPEATED, (pair, invocation.number))
            self.done[pair] += 1
            handler, number = pair
            self._worked_at[handler] = invocation.service.now
            self._down_since.pop(handler, None)
            self._latest_success[handler] = max(number, self._latest_success.get(handler, 0))
            self._done_by[pair] = (facts, self._step)
            facts.settled.add(pair)

    def returned(self, invocation: Invocation, pairs: Sequence[Pair]) -> None:
        """See that a call returns after its effects; until then nobody but us knows that it succeeds."""
        self.tries.subtract(pairs)
        for handler, _ in pairs:
            self._worked_at[handler] = invocation.service.now

    def _explained(self, pair: Pair, before: tuple[Facts, int], facts: Facts) -> bool:
        """Whether one has to expect an effect twice.

        Either it was not recorded and its invocation has no answer that counts, or the two invocations overlap.
        """
        other, step = before
        overlap = not other.is_over or facts.began_at < step
        return overlap or other.is_unclean or other.write_failed or pair[1] in self._redelivered

    # --------------------------------------------------------------------------------------------------- stores

    def read(self, invocation: Invocation) -> None:
        """See that an invocation has read the ledger."""
        self._step += 1
        self.of(invocation).read_at = self._step

    def wrote(self, state: str, attempts: int, pair: Pair) -> None:
        """See that the ledger keeps an entry."""
        self._step += 1
        handler, number = pair
        if handler not in self.schedule.handlers or number not in self._items:
            return  # what a delivery notes of itself
        # A pair that a `where` does not want is dropped if a call of the `where` was cut short.
        happened = {
            "handled": self.done[pair] > 0,
            "dead": pair in self.letters,
            "dropped": not self.schedule.wants(*pair),
            "open": True,
        }
        if not happened.get(state) or (state == "open" and attempts > self._most_attempts(pair)):
            self.breaks(IS_UNTRUE, (pair, state, attempts))
        if state != "open":
            self.recorded.setdefault(pair, self._step)

    def stored(self, invocation: Invocation, letter: DeadLetter, pair: Pair) -> None:
        """See that a letter is stored."""
        schedule, facts = self.schedule, self.of(invocation)
        self._step += 1
        self._check_known(facts, pair, invocation)
        trouble = schedule.troubles.get(pair)
        (text,) = (change.text for change in schedule.changes if change.number == pair[1])
        # A `where` that ends its process each time, or takes all time, says of no record that nobody wants it.
        wanted = schedule.wants(*pair) or letter.reason in {"TimedOut", "ProcessDied"}
        if letter.record != json.loads(text) or not wanted:
            self.breaks(IS_INNOCENT, (pair, "another record"))
        if letter.reason == "Undecodable":
            if pair[1] not in schedule.undecodable:
                self.breaks(IS_INNOCENT, (pair, letter.reason))
        elif letter.reason in {"Refused", "Raised"} and (
            # A call that hung comes to an end where its process was frozen, and not killed.
            trouble is None
            or trouble.kind not in {"Refused": ("refuses", "hangs"), "Raised": ("raises",)}[letter.reason]
        ):
            self.breaks(IS_INNOCENT, (pair, letter.reason))
        if letter.reason in ATTEMPTED:
            self._check_attempts(invocation, letter, pair)
        self.letters.setdefault(pair, []).append(letter)

    def _check_attempts(self, invocation: Invocation, letter: DeadLetter, pair: Pair) -> None:
        schedule = self.schedule
        if not schedule.max_attempts <= letter.attempts <= self._most_attempts(pair):
            self.breaks(TOO_FEW, (pair, letter.attempts, self._most_attempts(pair)))
        # Who goes by clocks that differ by so much can be early by so much, and by no more.
        early = max(schedule.skews) - min(schedule.skews) + self.drift + 0.001
        now = invocation.service.now
        first_try = self._first_try.get(pair, now)
        if self._is_known_to_work(pair, first_try - early) or self._has_waited(pair, now + early):
            return
        if not (patience := min(schedule.patience, _DOUBT)):
            return
        by_letter = timedelta() if letter.since is None else letter.at - letter.since
        # A process that died before it called a handler has tried the record as well, and nobody has seen that.
        is_early = now - first_try < patience - early and not self._cut_short[pair[1]]
        if is_early or by_letter < timedelta(seconds=patience):
            self.breaks(TOO_SOON, (pair, now - first_try, by_letter))

    def _is_known_to_work(self, pair: Pair, first_try: float) -> bool:
        """Whether a handler has succeeded on another record since its first try of this one, or on a later record."""
        handler, number = pair
        worked = self._worked_at.get(handler)
        if worked is not None and (worked >= first_try or self._cut_short[number]):
            return True
        return self._latest_success.get(handler, 0) > number

    def _has_waited(self, pair: Pair, now: float) -> bool:
        """Whether an outage of the handler has been waited for, or the stream forgets the record before long."""
        handler, number = pair
        (written,) = (change.written for change in self.schedule.changes if change.number == number)
        return now - self._down_since.get(handler, now) >= _OUTAGE or now - written >= _OLD

    def _most_attempts(self, pair: Pair) -> int:
        """Count the attempts that there may have been: nobody knows what a process was at that has not answered."""
        return self.tries[pair] + self._cut_short[pair[1]]

    def settles(self, invocation: Invocation, pair: Pair) -> None:
        """See that an invocation knows of a pair that it is settled: its letter is stored, and it was told so."""
        self.of(invocation).settled.add(pair)

    # -------------------------------------------------------------------------------------------------- service

    def answered(self, invocation: Invocation, answer: object, settled: int | None) -> None:
        """See an answer, and how many records it settles."""
        facts = self.of(invocation)
        facts.is_over = True
        self._step += 1
        self._check_notes(facts, invocation)
        if settled is None:
            self.breaks(NAMES_STRANGER, answer)
            return
        if self.schedule.delivery == "acknowledge" and invocation.get_remaining_time_in_millis() <= 250:
            # What there is no time to report is named in the log.
            self.reported |= {
                pair for change in invocation.changes[:settled] for pair in self.wanted(change.number)
            }
        for change in invocation.changes[:settled]:
            for pair in self.wanted(change.number):
                if not self.settled(pair):
                    self.breaks(IS_UNSETTLED, (pair, answer))
        if settled < len(invocation.changes) and not facts.is_blind:
            named = invocation.changes[settled].number
            # A `where` that was not asked for lack of time may want the record.
            asking = {*self.wanted(named), *self.maybe_wanted(named)}
            if all(self._known(facts, pair) for pair in asking):
                self.breaks(ASKS_AGAIN, (named, answer))

    def _known(self, facts: Facts, pair: Pair) -> bool:
        """Whether an invocation knows that a pair is settled."""
        recorded = self.recorded.get(pair)
        known = recorded is not None and facts.read_at is not None and recorded < facts.read_at
        return known or pair in facts.settled or pair in self.reported

    def ended(self, invocation: Invocation) -> None:
        """See that an invocation has no answer."""
        facts = self.of(invocation)
        facts.is_over = True
        self._check_notes(facts, invocation)
        if invocation.is_dead or invocation.is_abandoned:
            self._cut_short.update(change.number for change in invocation.changes)
            facts.is_unclean = True
        facts.is_unclean = facts.is_unclean or invocation.plan.answer_is_lost

    def _check_notes(self, facts: Facts, invocation: Invocation) -> None:
        """Take note that the note of a call may have stayed open, as if its process had died of it."""
        if facts.write_failed:
            self._cut_short.update(change.number for change in invocation.changes)

    def redelivered(self, changes: Sequence[Change]) -> None:
        """See that records come again that were accepted."""
        self._redelivered |= {change.number for change in changes}

    def discarded(self, changes: Sequence[Change], document: Mapping[str, object]) -> None:
        """See what Lambda gives up, and where it tells of it."""
        for change in changes:
            self.given_up.setdefault(change.number, document.get("requestContext"))

    def finish(self, *, is_at_rest: bool) -> None:
        """See that all is over; `is_at_rest` if nothing is left to do."""
        schedule = self.schedule
        if not is_at_rest:
            self.breaks(NO_END, "invocation follows invocation")
            return
        for change in schedule.changes:
            for pair in self.wanted(change.number):
                if not self.settled(pair):
                    self.breaks(IS_LOST, pair)
                elif schedule.ends_well and not (self.done[pair] or pair in self.letters):
                    self.breaks(NO_END, (pair, self.given_up.get(change.number)))

    def maybe_wanted(self, number: int) -> list[Pair]:
        """List the pairs that a record has if each `where` wants it and nobody has asked."""
        return (
            [("mail", number)]
            if "mail" in self.schedule.handlers and self.schedule.names[number] == "INSERT"
            else []
        )

    def wanted(self, number: int) -> list[Pair]:
        """List the pairs of a record."""
        return [
            (handler, number) for handler in self.schedule.handlers if self.schedule.wants(handler, number)
        ]
