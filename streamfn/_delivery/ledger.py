"""The delivery with a ledger: the policy of a run, and the delivery, which runs one invocation."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import TYPE_CHECKING, Final, Generic, Literal, Never, Self, TypeAlias

from typing_extensions import TypeVar, override

from streamfn._aws import function_name
from streamfn._delivery.attempts import Again, Health, Limits, Standings
from streamfn._delivery.plain import (
    Process,
    Report,
    detail_of,
    exception_of,
    failures_among,
    location_of,
    report_failures,
    what_raised,
)
from streamfn._delivery.processes import (
    EndedNote,
    Notes,
    ProcessMarks,
    ThisProcess,
    ends_of,
    entries_of_dead_process,
)
from streamfn._delivery.session import (
    InFlight,
    LedgerSession,
    LedgerWriter,
    LetterBuffer,
    at_once,
    key_of,
    split_by_stream,
)
from streamfn._errors import ConfigurationError
from streamfn._execution.policy import SKIP, OrderingKey, PlannedTasks, Policy, Skip, Task
from streamfn._execution.run import location_for
from streamfn._failures import (
    Failed,
    HeldBack,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    OutOfTime,
    ProcessDied,
    Raised,
    Reason,
    Refused,
    Stopped,
    TimedOut,
    Undecodable,
    Unrouted,
    Unwanted,
)
from streamfn._payloads import BatchFailed, fail_batch
from streamfn._records import Record
from streamfn._time import AlarmClock, Deadline
from streamfn.dead_letters._protocol import DeadLetter, DeadLetters
from streamfn.ledgers._protocol import (
    Entry,
    Key,
    Ledger,
    SequenceRange,
    namesakes_among,
    range_of,
    record_id,
    record_key,
)

if TYPE_CHECKING:
    from streamfn._delivery.descriptions import DeliveryDescription, MappingNeeds

# The policy: it admits tasks that are not settled, and enters their outcomes. A failure holds back later records of its
# item, for its handler alone. A record that cannot succeed is settled once its dead letter is stored, before the next
# record of its item starts. With dead letters, a failed task is tried again in the run while its handler works.

_log: Final = logging.getLogger("streamfn")
_FAILED_UNTRIED: Final = frozenset({Undecodable.__name__, MissingImage.__name__})  # failures before any call
_MOST_KEPT: Final = 5_000
"""The most successes of a clean run that have no entry: an alarm has less than a second of a small function's CPU."""

_ENDLESS: Final[Mapping[str, type[TimedOut | ProcessDied]]] = {  # attempts that took up the rest of a run
    TimedOut.__name__: TimedOut,
    ProcessDied.__name__: ProcessDied,
}


@dataclass(frozen=True, slots=True)
class LedgerContext:
    """The data of a policy: `records` is the length of the batch, and `health` comes from other batches."""

    sequence_range: SequenceRange
    ledger: Ledger
    clock: AlarmClock
    limits: Limits
    writes_always: bool
    records: int
    health: Health


class LedgerPolicy(Policy):
    """Holds back tasks that wait for their item, that have no time left, or that took up too many runs.

    An alarm may ring in another thread, so the data of a policy change under a lock. Dead letters are sent without the
    lock: the alarm must not wait for a store. A run is clean while the ledger knows none of its keys and each task
    succeeds, as in nearly every run. The tasks of a clean run are only kept, until one fails or time is up, or until
    there are many.
    """

    remembers = True

    def __init__(
        self,
        deadline: Deadline,
        context: LedgerContext,
        session: LedgerSession,
        letter_buffer: LetterBuffer | None,
    ) -> None:
        super().__init__(deadline)
        self._context = context
        self._session = session
        self._letter_buffer = letter_buffer
        self._held: set[OrderingKey] = set()
        self._again = Again()
        self._watches = letter_buffer is not None and bool(context.health.watched)
        self._last: list[Task] = []  # tasks that took up the rest of an earlier run; each is put off once
        self._put_off: set[Task] = set()
        self._has_news = False
        self._in_flight = InFlight()
        self._standings = Standings(session, self._in_flight, context.limits, context.health, context.clock)
        self._writing = LedgerWriter(session, context.ledger, context.sequence_range)
        self._counted: set[Key] = set()
        self._notes: Notes | None = None
        self._process: ThisProcess | None = None
        self._marks = ProcessMarks()
        self._careful = False
        self._noted: set[Key] = set()
        self._cut_short = False
        self._finished = False
        # By handler; apart for tasks without attempts left, which would use up the calls that find a failing event.
        self._failed_in_a_row: dict[tuple[str, bool], int] = {}
        self._most_in_a_row = context.records.bit_length() + 2  # calls from a batch to one and its neighbour
        # A record that stands twice in the batch is settled by its first run, which is therefore entered at once.
        are_unique = len({*context.sequence_range.records}) == context.records
        self._is_clean = session.is_empty and are_unique and not context.writes_always and not self._watches
        self._handled: list[Task] = []  # while the run is clean
        self._lock = RLock()

    def begins(self, records: Sequence[Record], process: ThisProcess) -> None:
        """Find out whether a process has died of this batch, or else note that this process begins its first."""
        with self._lock:
            self._process, self._marks = process, process.marks
            process.marks.begin((process.name, self._context.sequence_range, ends_of(records)))
            notes = self._notes = Notes(process, self._session, records)
            self._careful = notes.careful
            if notes.careful:
                self._is_clean = False
                self._has_news = True
            elif not process.has_noted:
                notes.note_batch(records, self._context.clock.now)
                if self._writing.write(at_once):
                    process.noted()

    @override
    def planned(self, tasks: PlannedTasks, /) -> None:
        self._in_flight.expect(tasks)

    @override
    def is_settled(self, task: Task, /) -> bool:
        self._in_flight.prepared = None
        if self._letter_buffer is not None and task.name and self._letter_buffer.holds(task):
            self._send(self._letter_buffer)
        return self._session.settled(key_of(task))

    @override
    def admit(self, task: Task, /) -> Reason[Never] | Skip | None:
        if not self._is_clean:
            if self.is_settled(task):
                return SKIP
            if self._held and task.ordering_key in self._held:
                return HeldBack()
        with self._lock:  # an alarm that rings after `reached` was asked has to find the task
            if self.deadline.reached:
                return OutOfTime()
            if not self._is_clean and (refusal := self._refusal(task)) is not None:
                return refusal
            self._in_flight.prepared = task
            return None

    def _refusal(self, task: Task) -> Reason[Never] | None:
        # A failed task gets one attempt after its wait; a task that took up the rest of a run gets none.
        entry = self._session.known(key_of(task))
        if entry is not None and (given_up := _ENDLESS.get(entry.reason)) is not None:
            if self._standings.gives_up(task, entry) and self._passes_over(entry):
                return given_up(entry.attempts)
            if self._puts_off(task, entry):
                return HeldBack()
        return OutOfTime() if self._careful and not self._is_noted_in_time(task) else None

    def _puts_off(self, task: Task, entry: Entry) -> bool:
        """Return whether a task waits, once, until all others have run: it took up the rest of an earlier run."""
        if not entry.attempts or task in self._put_off:
            return False
        self._watches = True
        self._put_off.add(task)
        self._last.append(task)
        return True

    @override
    def isolated(self, task: Task, /) -> bool:
        if self._is_clean:
            return False
        entry = self._session.known(key_of(task))
        return entry is not None and entry.alone and not entry.settled

    @override
    def exclusive(self, task: Task, /) -> bool:
        return self._careful or self.isolated(task)

    @override
    def is_exhausted(self, task: Task, /) -> bool:
        return self.isolated(task) and self._session[key_of(task)].attempts >= self._context.limits.attempts

    @override
    def answered(self, handler: str, /, *, succeeded: bool, exhausted: bool) -> None:
        if succeeded:
            self._failed_in_a_row[handler, True] = self._failed_in_a_row[handler, False] = 0
        else:
            self._failed_in_a_row[handler, exhausted] = self._failed_in_a_row.get((handler, exhausted), 0) + 1

    @override
    def isolates(self, handler: str, /) -> bool:
        # A handler whose calls fail one after the other is down: its service gets no flood of calls.
        return self._failed_in_a_row.get((handler, False), 0) < self._most_in_a_row

    @override
    def tries(self, task: Task, /) -> bool:
        in_a_row = self._failed_in_a_row.get((task.name, self.is_exhausted(task)), 0)
        return in_a_row < self._most_in_a_row or not self.isolated(task)

    @override
    def started(self, tasks: Sequence[Task], /) -> None:
        with self._lock:
            if self._careful:
                self._note(tasks)
            self._in_flight.begin(id(tasks), tasks)
        super().started(tasks)

    @override
    def ended(self, tasks: Sequence[Task], /) -> None:
        with self._lock:
            self._in_flight.end(id(tasks))
        super().ended(tasks)

    @override
    def finished(
        self, task: Task, reason: Reason[object] | None, /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        if reason is None:
            with self._lock:
                self._in_flight.prepared = None
                if self._is_clean:
                    self._handled.append(task)
                    if len(self._handled) == _MOST_KEPT:
                        self._enter_handled()
                else:
                    self._enter_success(task)
        else:
            self._failed(task, reason, alone=alone, isolated=isolated)

    def _enter_success(self, task: Task) -> None:
        pair = key_of(task)
        if self._careful:
            self._noted.discard(pair)
        if self._session.settle(pair, "handled"):
            self._has_news = True
        if self._watches:
            self._note_success(task)
        else:
            self._again.worked(task.name)
        if self._context.writes_always:
            self._end_call()
            self._writing.write_success()

    def _failed(self, task: Task, reason: Reason[object], *, alone: bool, isolated: bool) -> None:
        with self._lock:
            self._in_flight.prepared = None
            self._end_clean_run()
            pair, name = key_of(task), type(reason).__name__
            if self._careful:
                self._noted.discard(pair)
            self._cut_short = self._cut_short or isinstance(reason, OutOfTime | HeldBack | Stopped)
            if isinstance(reason, Unwanted):
                self._session.settle(pair, "dropped")
                return
            if isinstance(reason, Refused | Raised):
                self._enter_failure(pair, name, alone=alone, isolated=isolated)
            else:
                self._session.add_pending(pair, name)
            hopeless = isinstance(
                reason, Undecodable | MissingImage | Malformed | Unrouted | TimedOut | ProcessDied
            )
            tried = alone and isinstance(reason, Refused | Raised)  # a chunk's failure is not the key's
            gives_up = hopeless or (tried and self._standings.waited_longest(task))
            if self._letter_buffer is not None and gives_up:
                self._letter_buffer.put(task, self._letter(task, reason))
            else:
                self._hold(task)
                self._note_failure(task, reason, tried=tried)
        if self._letter_buffer is not None and self._letter_buffer.full:
            self._send(self._letter_buffer)

    def _end_clean_run(self) -> None:
        self._is_clean = False
        self._enter_handled()

    def _enter_handled(self) -> None:
        for task in self._handled:
            self._session.settle(key_of(task), "handled")
            self._again.worked(task.name)
        self._handled.clear()

    @override
    def unwanted(self, task: Task, /) -> Unwanted | None:
        with self._lock:
            self._in_flight.prepared = None
            if self._is_clean:
                return None
            if self._watches:
                self._let_go(task)
            entry = self._session[key_of(task)]
            failed = (
                entry.attempts or entry.alone or entry.since is not None or entry.reason in _FAILED_UNTRIED
            )
            return Unwanted() if failed else None

    def dropped(self, records: Iterable[Record], failures: Iterable[Failed[object]]) -> list[Failed[Never]]:
        """Drop open keys without a task, and return them as `Unwanted`; `failures` report records of no handler."""
        with self._lock:
            owed = self._session.owed
            if not owed:  # as in nearly every run
                return []
            answered = {key_of(task) for task in self._in_flight.expected}
            reached = {pair.record for pair in answered}
            stray = {record_id(failed.record) for failed in failures if failed.handler is None}
            here = {
                identity: record
                for record in records
                if (identity := record_id(record)) not in stray
                and not self._session.settled(Key("", identity))
            }
            gone = [  # the tasks of a record account for its key without a handler
                pair
                for pair in owed
                if pair.record in here
                and pair not in answered
                and (pair.handler or pair.record not in reached)
            ]
            for pair in gone:
                self._session.settle(pair, "dropped")
            return [Failed(here[pair.record], pair.handler or None, Unwanted()) for pair in gone]

    def time_is_up(self) -> None:
        """Write all entries, before the process may be ended; see `_cut_off`."""
        self._cut_off(TimedOut.__name__)

    def process_ends(self) -> None:
        """Write all entries: a handler ends the process, which is an attempt; see `_cut_off`."""
        self._cut_off(ProcessDied.__name__)

    def _cut_off(self, reason: str) -> None:
        # A lone task has used an attempt up. Of several, any may have taken the time: they run alone next, none failed.
        with self._lock:
            if self._finished:  # a late alarm: Lambda may have frozen the process
                return
            self._end_clean_run()
            calls = self._in_flight.calls
            in_flight = [key_of(task) for tasks in calls for task in tasks]
            for pair in in_flight:
                if len(in_flight) == 1:
                    self._enter_failure(pair, reason)
                else:
                    since = self._context.clock.now if len(calls) == 1 else None
                    self._session.isolate(pair, reason, since)
                self._counted.add(pair)
            self._session.all_wait(self._in_flight.by_record(), OutOfTime.__name__)
            if self._notes is not None:
                self._notes.close(whole=False)
            if self._writing.write(self.deadline.seconds_for_stores):
                self._marks.end()

    def finish(self) -> None:
        """Send the remaining dead letters, and write the entries that later runs need."""
        self._in_flight.prepared = None
        if self._letter_buffer is not None:
            self._standings.end()
            for failed in self._again.left():
                if self._standings.gives_up(failed.task, self._session[key_of(failed.task)]):
                    self._letter_buffer.put(failed.task, self._letter(failed.task, failed.reason))
            self._send(self._letter_buffer)
            self._standings.tell()
        with self._lock:  # a key without an entry is settled by the answer
            given_up = any(entry.state in {"dead", "dropped"} for entry in self._session.pending())
            if self._has_news or given_up or (self._context.writes_always and self._session.pending()):
                if self._notes is not None:
                    self._notes.close(whole=not self._cut_short)
                self._writing.write(self.deadline.seconds_for_stores)
            self._marks.end()
            self._finished = True
            process = self._process
            if process is not None and process.has_noted and self._notes is not None:
                process.ended(
                    EndedNote(
                        self._context.sequence_range, tuple(self._notes.of_batch), self._context.clock.now
                    )
                )

    def is_open(self, failed: Failed[object]) -> bool:
        """Return whether a failure of this run has to come again."""
        return not self._session.settled(record_key(failed.handler, failed.record))

    def _enter_failure(self, pair: Key, name: str, *, alone: bool = True, isolated: bool = False) -> None:
        now = self._context.clock.now
        if not alone:
            self._session.failed_with_others(pair, name, now, isolated=isolated)
        elif pair in self._counted:  # the alarm was first
            return
        elif name == ProcessDied.__name__:
            self._session.died(pair, now)
        else:
            self._session.attempted(pair, name, now, isolated=isolated)

    def _passes_over(self, entry: Entry) -> bool:
        """Return whether a key at its limits is not called now; without dead letters, every other run calls it."""
        return self._letter_buffer is not None or (self._notes is not None and self._notes.passes_over(entry))

    def _hold(self, task: Task) -> None:
        self._has_news = True
        self._held.add(task.ordering_key)

    def _note_failure(self, task: Task, reason: Reason[object], *, tried: bool) -> None:
        """Keep a task for another try in this run, once its handler works or earlier tasks are settled."""
        if isinstance(reason, HeldBack):
            if task not in self._last:
                self._again.held(task)
        elif self._letter_buffer is not None and isinstance(reason, Refused | Raised):
            self._watches = True
            self._standings.failed(task)
            if tried:
                attempts = self._session[key_of(task)].attempts
                self._again.failed(task, reason, is_last=attempts >= self._context.limits.attempts)
                self._give_up(task.name, self._letter_buffer)

    def _note_success(self, task: Task) -> None:
        self._standings.succeeded(task)
        self._again.succeeded(task.name)
        if self._letter_buffer is not None:
            self._give_up(task.name, self._letter_buffer)
        self._let_go(task)

    def _give_up(self, handler: str, letter_buffer: LetterBuffer) -> None:
        for failed in self._again.refused(handler):
            letter_buffer.put(failed.task, self._letter(failed.task, failed.reason))
        self.is_due = self._again.is_due

    def _let_go(self, task: Task) -> None:
        if self._again.settled(task.ordering_key):
            self._held.add(task.ordering_key)
        else:
            self._held.discard(task.ordering_key)
        self.is_due = self._again.is_due

    @override
    def due(self) -> list[Task]:
        with self._lock:
            self.is_due = False
            tasks = self._again.take()  # in any case: another strategy of the run could not run them
            if self.deadline.reached:
                return []
            self._held.difference_update([task.ordering_key for task in tasks])
            return tasks

    @override
    def rests(self) -> bool:
        if self._letter_buffer is not None and self._again.waits(self._letter_buffer.keys):
            self._send(self._letter_buffer)
        if not self.is_due and self._last:
            self._again.ready(self._last)
            self._last, self.is_due = [], True
        return not self.is_due

    def _end_call(self) -> None:
        """End the finished call, before a store takes time that is not the handler's."""
        if self.deadline.is_running:
            self.deadline.returned()

    def _send(self, letter_buffer: LetterBuffer) -> None:
        self._end_call()
        sent = letter_buffer.empty(self.deadline.seconds_for_stores)
        with self._lock:
            for task, letter, stored in sent:
                if not stored:
                    self._hold(task)
                    continue
                self._session.settle(letter.pair, "dead", letter.digest)
                self._let_go(task)

    def _letter(self, task: Task, reason: Reason[object]) -> DeadLetter:
        pair = key_of(task)
        entry = self._session[pair]
        location = location_for(reason, task.step.function)
        return DeadLetter(
            scope=self._context.sequence_range.scope,
            pair=pair,
            stream=task.record.event_source_arn or self._context.sequence_range.stream,
            record=task.record.raw,
            reason=type(reason).__name__,
            detail=detail_of(reason),
            attempts=entry.attempts,
            since=entry.since,
            at=self._context.clock.now,
            location=location_of(reason, location),
            exception=exception_of(reason),
        )

    def _is_noted_in_time(self, task: Task) -> bool:
        """Note that a task is about to be prepared, unless it is noted; return whether time is left."""
        pair = key_of(task)
        if pair in self._noted:
            return True
        self._noted.add(pair)
        self._note([task])
        return not self.deadline.reached

    def _note(self, tasks: Iterable[Task]) -> None:
        pairs = [key_of(task) for task in tasks]
        if self._notes is not None and not self._writing.pauses:
            self._notes.note_call(pairs, self._context.clock.now)
            self._writing.write(self.deadline.seconds_left)


class RefuseAll(Policy):
    """Starts no task, because the settled keys are unknown."""

    remembers = True

    @override
    def admit(self, task: Task, /) -> LedgerUnavailable:
        return LedgerUnavailable()


# The delivery: a failed record comes again to the handler that failed, and to no other.

E_contra = TypeVar("E_contra", contravariant=True)
Write: TypeAlias = Literal["failures", "always"]
"""When a ledger is written: by runs that leave failures behind, or after each success as well."""


@dataclass(frozen=True, slots=True)
class RetryWithLedger(Generic[E_contra]):
    """The delivery of `retry(ledger=…)`; `this_process` is None if the ledger ends with the process."""

    ledger: Ledger
    dead_letters: DeadLetters | None
    limits: Limits
    write: Write
    scope: str | None
    report: Report[E_contra]
    whole_batch: bool
    this_process: ThisProcess | None = field(default=None, repr=False, compare=False)
    health: Health = field(default_factory=Health, compare=False, repr=False)

    def deliver(
        self, records: Sequence[Record], process: Process[E_contra], deadline: Deadline, clock: AlarmClock, /
    ) -> Sequence[Failed[object]]:
        """Run tasks that are not settled, write their outcomes, report failures, and return the open ones."""
        if not records:
            return []
        sequence_range = range_of(scope := self._scope(), records)
        if len({*sequence_range.records}) < len(records):
            _refuse_namesakes(records)
        if self.this_process is not None and not self.this_process.has_looked:
            self._tell_of_the_dead(self.this_process, deadline, clock)
        delivery = self
        if len({record.event_source_arn for record in records} - {None}) > 1:
            delivery = replace(self, ledger=split_by_stream(self.ledger, scope, records))
        entries = delivery._read(sequence_range, deadline)  # noqa: SLF001 (its own)
        if entries is None:
            failures = failures_among(process(RefuseAll(deadline)))
            return self._reported(failures, failures, deadline)
        letter_buffer = None if self.dead_letters is None else LetterBuffer(self.dead_letters)
        always = self.write == "always"
        context = LedgerContext(
            sequence_range, delivery.ledger, clock, self.limits, always, len(records), self.health
        )
        policy = LedgerPolicy(deadline, context, LedgerSession(entries, self.limits.attempts), letter_buffer)
        with_end = math.isfinite(seconds := deadline.seconds_left())
        cancel = clock.alarm(seconds, policy.time_is_up) if with_end else None
        try:
            if self.this_process is not None:
                policy.begins(records, self.this_process)
            failures = failures_among(process(policy))
            dropped = policy.dropped(records, failures)
            policy.finish()
        except BaseException:  # a handler ends the process, which is an attempt
            policy.process_ends()
            raise
        finally:
            if cancel is not None:
                cancel()
        if self.this_process is not None and not deadline.reached:
            self.this_process.settle_ended(self.ledger, clock.now)
        still_open = [failed for failed in failures if policy.is_open(failed)]
        return self._reported([*failures, *dropped], still_open, deadline)

    def check(self) -> None:
        """Raise `ConfigurationError` if the function has no scope here; see `retry`."""
        self._scope()

    @property
    def needs(self) -> MappingNeeds:
        """The delivery's needs: answers that are read, unless the batch fails as a whole, and enough time."""
        from streamfn._delivery.descriptions import MappingNeeds  # here: a cold start would pay for it

        return MappingNeeds(
            partial_answers=not self.whole_batch,
            remembers=True,
            puts_aside=self.dead_letters is not None,
            patience=self.limits.longest,
        )

    def describe(self) -> DeliveryDescription:
        """Return the delivery's name, its stores and its limit."""
        from streamfn._delivery.descriptions import DeliveryDescription

        attempts = None if self.dead_letters is None else self.limits.attempts
        return DeliveryDescription("retry", self.ledger, self.dead_letters, self.scope, attempts)

    def with_stores(
        self, ledger: Ledger, dead_letters: DeadLetters | None, this_process: ThisProcess | None, /
    ) -> Self:
        """Return the same delivery with other stores, for another process."""
        return replace(self, ledger=ledger, dead_letters=dead_letters, this_process=this_process)

    def _reported(
        self, failures: Sequence[Failed[E_contra]], still_open: Sequence[Failed[object]], deadline: Deadline
    ) -> Sequence[Failed[object]]:
        report_failures(self.report, failures, deadline.seconds_for_stores)
        if self.whole_batch:
            fail_batch(still_open)
        return still_open

    def _tell_of_the_dead(self, this_process: ThisProcess, deadline: Deadline, clock: AlarmClock) -> None:
        this_process.looked()
        left = this_process.marks.left(this_process.name)
        try:
            for batch in left:
                self.ledger.write(batch[1], entries_of_dead_process(batch, clock.now), deadline.seconds_left)
        except Exception as error:  # noqa: BLE001 (any failure: the batch goes on)
            _log.error("the ledger could not be told what a process died of: %s", what_raised(error))
        this_process.marks.forget(this_process.name)

    def _read(self, sequence_range: SequenceRange, deadline: Deadline) -> list[Entry] | None:
        try:
            return list(self.ledger.read(sequence_range, deadline.seconds_left))
        except Exception as error:  # noqa: BLE001 (any failure: settled keys are unknown)
            told = "the ledger could not be read, nothing is started: %s"
            _log.error(told, what_raised(error))
            return None

    def _scope(self) -> str:
        """Return the given scope or the function's name. Raises `ConfigurationError` if a shared ledger has neither."""
        scope = function_name() if self.scope is None else self.scope
        if scope or not is_shared(self.ledger):
            return scope or ""
        raise ConfigurationError(
            "outside of Lambda a function has no name that tells its entries in the ledger from those of others: "
            'name it, as in retry(ledger=…, scope="cards-worker"), or set AWS_LAMBDA_FUNCTION_NAME to act for one'
        )


def _refuse_namesakes(records: Sequence[Record]) -> None:
    if (namesakes := namesakes_among(records)) is not None:
        raise BatchFailed(
            f"two records that differ have one eventID, by which a ledger knows them: {namesakes!r}"
        )


def is_shared(ledger: Ledger) -> bool:
    """Return whether several processes share a ledger, so that it outlives this one."""
    return getattr(ledger, "needs_scope", False) is True
