"""Deliveries and ledgers with one rule broken each, to show that the laws notice."""

# Whoever breaks a rule reaches inside.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import pytest

from streamfn import BatchResponse, Failed, HeldBack, Reason, Stopped
from streamfn._delivery import plain as plain_deliveries
from streamfn._delivery.attempts import Again, FailedTask, Limits, Standings
from streamfn._delivery.ledger import LedgerPolicy, RetryWithLedger
from streamfn._delivery.processes import Notes, ThisProcess
from streamfn._delivery.session import LedgerSession, LetterBuffer
from streamfn._execution.policy import OrderingKey, Policy, Task
from streamfn._execution.run import Half
from streamfn._payloads import StreamEvent
from streamfn._records import Record, sequence_order
from streamfn._time import Deadline, SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, is_note, record_id

Break = Callable[[pytest.MonkeyPatch], None]

_RUNS_AGAIN: Final = "runs although it is recorded as settled"
_TOO_EARLY: Final = "begins before"
_REPEATED: Final = "is called"
_NO_PROGRESS: Final = "was never settled: no progress"


def a_ledger_that_forgets(patch: pytest.MonkeyPatch) -> None:
    def read(_: MemoryLedger, __: SequenceRange, ___: SecondsLeft) -> list[Entry]:
        return []

    patch.setattr(MemoryLedger, "read", read)


def a_ledger_that_keeps_the_last_write_alone(patch: pytest.MonkeyPatch) -> None:
    def write(
        ledger: MemoryLedger, sequence_range: SequenceRange, entries: Sequence[Entry], _: SecondsLeft
    ) -> None:
        ledger._written[:] = [(sequence_range, tuple(entries))]

    patch.setattr(MemoryLedger, "write", write)


def scope_left_out_of_the_key(patch: pytest.MonkeyPatch) -> None:
    def meets(one: SequenceRange, other: SequenceRange) -> bool:
        return sequence_order(one.lowest) <= sequence_order(other.highest) and sequence_order(
            other.lowest
        ) <= sequence_order(one.highest)

    patch.setattr(SequenceRange, "overlaps", meets)


def _answering(choose: Callable[[list[str]], str]) -> Break:
    def answer(_: StreamEvent, failures: Sequence[Failed[object]]) -> BatchResponse:
        numbers = [failed.record.sequence_number or "" for failed in failures]
        return {"batchItemFailures": [{"itemIdentifier": choose(numbers)}] if numbers else []}

    def broken(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(StreamEvent, "answer", answer)

    return broken


def _highest(numbers: list[str]) -> str:
    return max(numbers, key=int)


def only_successes_after_the_lowest_failure_written(patch: pytest.MonkeyPatch) -> None:
    news = LedgerSession.pending

    def later(session: LedgerSession) -> list[Entry]:
        found = news(session)
        lowest = min((_number(entry) for entry in session._known.values() if not entry.settled), default=0)
        return [entry for entry in found if not entry.settled or _number(entry) > lowest]

    patch.setattr(LedgerSession, "pending", later)


def _number(entry: Entry) -> int:
    return int("".join(filter(str.isdecimal, entry.pair.record)) or "0")


def successes_before_the_first_failure_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forget(policy: LedgerPolicy) -> None:
        policy._is_clean = False
        policy._handled.clear()

    patch.setattr(LedgerPolicy, "_enter_handled", forget)


def letters_sent_at_the_end(patch: pytest.MonkeyPatch) -> None:
    def no(_: LetterBuffer, *__: object) -> bool:
        return False

    patch.setattr(LetterBuffer, "holds", no)
    patch.setattr(LetterBuffer, "full", property(no))


def letters_that_are_not_stored_counted_as_stored(patch: pytest.MonkeyPatch) -> None:
    send = LetterBuffer._send

    def sent(
        letter_buffer: LetterBuffer, letters: Sequence[DeadLetter], seconds_left: SecondsLeft
    ) -> Collection[str]:
        send(letter_buffer, letters, seconds_left)
        return {letter.id for letter in letters}

    patch.setattr(LetterBuffer, "_send", sent)


def held_back_counted_as_attempt(patch: pytest.MonkeyPatch) -> None:
    finished = LedgerPolicy.finished

    def counting(
        policy: LedgerPolicy,
        task: Task,
        reason: Reason[object] | None,
        *,
        alone: bool = True,
        isolated: bool = False,
    ) -> None:
        if isinstance(reason, HeldBack):
            policy._enter_failure(Key(task.name, record_id(task.record)), "HeldBack", alone=True)
        finished(policy, task, reason, alone=alone, isolated=isolated)

    patch.setattr(LedgerPolicy, "finished", counting)


def a_chunks_failure_counted_against_neighbours(patch: pytest.MonkeyPatch) -> None:
    enter = LedgerPolicy._enter_failure

    def counting(
        policy: LedgerPolicy, pair: Key, name: str, *, alone: bool = True, isolated: bool = False
    ) -> None:
        del alone  # the fault
        enter(policy, pair, name, alone=True, isolated=isolated)

    patch.setattr(LedgerPolicy, "_enter_failure", counting)
    patch.setattr(LedgerPolicy, "isolates", Policy.isolates)


def nothing_held_back(patch: pytest.MonkeyPatch) -> None:
    def hold(policy: LedgerPolicy, _: Task) -> None:
        policy._has_news = True

    patch.setattr(LedgerPolicy, "_hold", hold)


def nothing_tried_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LedgerPolicy, "isolated", Policy.isolated)


def halves_forgotten(patch: pytest.MonkeyPatch) -> None:
    def forget(_: Half) -> None:
        pass

    patch.setattr(Half, "release", forget)


def no_alarm(patch: pytest.MonkeyPatch) -> None:
    def sleep(_: LedgerPolicy) -> None:
        pass

    patch.setattr(LedgerPolicy, "time_is_up", sleep)


def calls_that_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    def note(_: LedgerPolicy, __: Iterable[Task]) -> None:
        pass

    patch.setattr(LedgerPolicy, "_note", note)


def calls_noted_without_what_is_known_by_then(patch: pytest.MonkeyPatch) -> None:
    news = LedgerSession.pending

    def deaths_alone(session: LedgerSession) -> list[Entry]:
        return [entry for entry in news(session) if not entry.settled or is_note(entry.pair)]

    note = LedgerPolicy._note

    def forgetful(policy: LedgerPolicy, tasks: Iterable[Task]) -> None:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(LedgerSession, "pending", deaths_alone)
            note(policy, tasks)

    patch.setattr(LedgerPolicy, "_note", forgetful)


def batches_that_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    def note(_: Notes, __: Sequence[Record], ___: datetime) -> None:
        pass

    patch.setattr(Notes, "note_batch", note)


def notes_that_name_no_process(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ThisProcess, "name", "")


def no_patience(patch: pytest.MonkeyPatch) -> None:
    def reached(limits: Limits, entry: Entry, *_: object) -> bool:
        return entry.attempts >= limits.attempts

    patch.setattr(Limits, "are_reached", reached)


def patience_by_the_record_alone(patch: pytest.MonkeyPatch) -> None:
    def wait(standings: Standings, *_: object) -> timedelta:
        return standings._limits.patience

    def refused(_: Again, __: str) -> list[FailedTask]:
        return []

    patch.setattr(Standings, "_wait", wait)
    patch.setattr(Again, "refused", refused)


def attempts_without_an_end(patch: pytest.MonkeyPatch) -> None:
    failed = Again.failed

    def without_end(again: Again, task: Task, reason: Reason[object], *, is_last: bool) -> None:
        del is_last  # the fault
        failed(again, task, reason, is_last=False)

    patch.setattr(Again, "failed", without_end)


def what_waits_behind_a_failure_let_go_in_any_order(patch: pytest.MonkeyPatch) -> None:
    def settled(again: Again, key: OrderingKey) -> bool:
        again._ready += [task for _, _, task in sorted(again._behind.pop(key, []), reverse=True)]
        return False

    patch.setattr(Again, "settled", settled)


def out_of_time_dropped_under_acknowledge(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plain_deliveries, "OutOfTime", Stopped)


def a_ledger_that_is_down_taken_for_an_empty_one(patch: pytest.MonkeyPatch) -> None:
    read = RetryWithLedger[object]._read

    def hopeful(
        delivery: RetryWithLedger[object], sequence_range: SequenceRange, deadline: Deadline
    ) -> Iterable[Entry] | None:
        return read(delivery, sequence_range, deadline) or []

    patch.setattr(RetryWithLedger, "_read", hopeful)


BROKEN: Final[Mapping[str, tuple[Break, str]]] = {
    "the highest number answered": (_answering(_highest), "is lost"),
    "numbers compared as text": (_answering(min), "is lost"),
    "a ledger that forgets": (a_ledger_that_forgets, "happened 2 times"),
    "a ledger that keeps the last write alone": (a_ledger_that_keeps_the_last_write_alone, _RUNS_AGAIN),
    "a ledger that is down taken for an empty one": (
        a_ledger_that_is_down_taken_for_an_empty_one,
        _RUNS_AGAIN,
    ),
    "scope left out of the key": (scope_left_out_of_the_key, "is lost"),
    "only the successes after the lowest failure written": (
        only_successes_after_the_lowest_failure_written,
        "happened 2 times",
    ),
    "the successes before the first failure forgotten": (
        successes_before_the_first_failure_forgotten,
        "happened 2 times",
    ),
    "letters sent at the end": (letters_sent_at_the_end, _TOO_EARLY),
    "letters that are not stored counted as stored": (
        letters_that_are_not_stored_counted_as_stored,
        "is lost",
    ),
    "held-back pairs counted as attempts": (held_back_counted_as_attempt, "failures alone, of"),
    "a chunk's failure counted against its neighbours": (
        a_chunks_failure_counted_against_neighbours,
        "failures alone, of",
    ),
    "nothing held back": (nothing_held_back, _TOO_EARLY),
    "halves of a chunk forgotten": (halves_forgotten, "is lost"),
    "nothing tried alone": (nothing_tried_alone, _NO_PROGRESS),
    "no alarm": (no_alarm, _REPEATED),
    "calls that are not noted": (calls_that_are_not_noted, _NO_PROGRESS),
    "calls noted without what is known by then": (calls_noted_without_what_is_known_by_then, _REPEATED),
    "batches that are not noted": (batches_that_are_not_noted, _NO_PROGRESS),
    "notes that name no process": (notes_that_name_no_process, _NO_PROGRESS),
    "no patience": (no_patience, "after 0:00:"),
    "patience by the record alone": (patience_by_the_record_alone, "refused for good"),
    "attempts without an end": (
        attempts_without_an_end,
        "refused for good",
    ),
    "what waits behind a failure let go in any order": (
        what_waits_behind_a_failure_let_go_in_any_order,
        _TOO_EARLY,
    ),
    "what time ran out for dropped under acknowledge": (out_of_time_dropped_under_acknowledge, "is lost"),
}
"""By what is wrong: how to break it, and what the law says that catches it."""
