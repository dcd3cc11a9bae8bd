"""The function that Lambda calls for a mapping with a tumbling window: it folds, and emits when the window ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, Literal, TypeAlias, TypedDict, cast

from returns.result import Failure, Result
from typing_extensions import TypeVar, override

from streamfn._delivery.answers import BatchFailed, BatchItemFailure, fail_whole
from streamfn._entries import member
from streamfn._events import Event
from streamfn._execution.tasks import location_for
from streamfn._execution.unfinished import check_finished
from streamfn._execution.verdicts import call, verdict
from streamfn._failures import Failed, Malformed, NotAResult, Raised, Reason, Unrouted
from streamfn._forks import may_match
from streamfn._handlers.names import handler_name
from streamfn._handlers.outcomes import Outcome
from streamfn._lambda import LambdaContext
from streamfn._misuse import Misuse, check_function, kind_of, not_for_lambda
from streamfn._payloads import records_in
from streamfn._records import MalformedRecord, Record
from streamfn._reports import Report, check_report, location_of, log_failure, send
from streamfn._structuring import Structure, structurer
from streamfn._successes import success
from streamfn._tables import Table
from streamfn._values import Value, Wrappable
from streamfn._windows.events import Window, window_event
from streamfn._windows.states import Folded, States
from streamfn._wire import EVENT_NAMES, RawRecord, magnitude

T = TypeVar("T")
S = TypeVar("S")
A = TypeVar("A")
E = TypeVar("E")
E2 = TypeVar("E2")

OnFailure: TypeAlias = Literal["raise", "skip"]
"""What becomes of a record that cannot be folded: the batch comes again, or the record is reported and left out."""


class WindowResponse(TypedDict):
    """A function's answer to Lambda: the state so far. Its list is always empty, since all is folded or nothing."""

    state: Mapping[str, object]
    batchItemFailures: list[BatchItemFailure]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WindowFunction(Value, Wrappable, Generic[T, S, A, E, E2]):
    """A function that Lambda calls with each batch of a window; `window_handler` makes it, and explains the fields."""

    table: Table[T]
    fold: Callable[[S, Event[T]], Result[S, E]]
    initial: S
    emit: Callable[[Window, S], Outcome[A, E2]]
    on_failure: OnFailure
    report: Report[E]
    name: str
    _states: States[S] = field(compare=False)
    _structure: Structure[T] = field(compare=False)

    def __call__(self, event: object, _: LambdaContext | None, /) -> WindowResponse:
        """Fold a batch into the state, and emit that where the window ends.

        Fails with `NotAStreamEvent`, `UnusableState` and `BatchFailed`. Lambda then sends the batch again, with the
        state that it had.
        """
        told = window_event(event)
        before, records = self._states.read(told.state), records_in(told.envelope)
        folded = self._folded(before, records)
        kept = self._kept(folded)
        if kept is None:  # after which record, is worth knowing only now
            folded = self._folded(before, records, writes=True)
            kept = self._states.kept(folded)
        window = replace(told.window, watermark=folded.watermark)
        if told.ends:
            return self._emitted(window, folded)
        if self._states.is_too_large(kept):
            return self._emitted(replace(window, terminated_early=True), folded)
        return {"state": kept, "batchItemFailures": []}

    @override
    def _called(self) -> str:
        return "window_handler"

    def _kept(self, folded: Folded[S]) -> Mapping[str, object] | None:
        """Make what Lambda keeps of a state; None of one that holds what DynamoDB would not store."""
        try:
            return self._states.kept(folded)
        except ValueError:
            return None

    def _folded(self, folded: Folded[S], records: Sequence[Record], *, writes: bool = False) -> Folded[S]:
        """Fold all records that are not in the state yet, or none.

        With `writes`, one after which the state cannot be kept is one that cannot be folded.
        """
        state, known = folded
        failures: list[Failed[object]] = []
        numbers = [] if known is None else [known]
        for record in records:
            if (number := record.sequence_number) is not None:
                if known is not None and magnitude(number) <= magnitude(known):
                    continue
                numbers.append(number)
            if self._is_wanted(record):
                next_state = self._with(state, record, writes=writes)
                if isinstance(next_state, Failure):
                    reason = next_state.failure()
                    failures.append(Failed(record, self.name, reason, location_for(reason, self.fold)))
                    if self.on_failure == "raise":
                        break
                else:
                    state = next_state.unwrap()
        send(cast("Report[object]", self.report), failures)  # each is of what the fold fails with
        if self.on_failure == "raise":
            fail_whole(failures)
        return Folded(state, max(numbers, key=magnitude, default=None))

    def _with(self, state: S, record: Record, *, writes: bool) -> Result[S, Reason[object]]:
        """Fold one record."""
        if isinstance(record, MalformedRecord):
            return Failure(Malformed(record.problem))
        if record.table_name != self.table.name:
            return Failure(Unrouted(record.event_source_arn, record.table_name, (self.table.name,)))
        event = self._structure(record)
        if isinstance(event, Failure):
            return Failure(event.failure())
        fold = cast("Callable[[object], object]", partial(self.fold, state))  # it takes an event of the table
        outcome = verdict(call(fold, event.unwrap()))
        if isinstance(outcome, Failure):
            return Failure(outcome.failure())
        next_state = outcome.unwrap()
        if not isinstance(next_state, type(self.initial)):
            told = f"the fold returned a Success of {type(next_state).__name__}, expected {type(self.initial).__name__}"
            return Failure(Raised(NotAResult(told)))
        if writes:
            try:
                self._states.kept(Folded(next_state, None))
            except ValueError as problem:
                return Failure(Raised(problem))
        return success(next_state)

    def _is_wanted(self, record: Record) -> bool:
        """Whether the table's pattern, if it has one, matches a record of the table, or what might have been one."""
        if self.table.matcher is None or record.table_name != self.table.name:
            return True
        if not isinstance(record, MalformedRecord):
            raw = record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
        elif member(record.raw, "eventName") in EVENT_NAMES:
            raw = cast("RawRecord", record.raw)  # patterns take whatever they are given
        else:
            return True
        return may_match(self.table.matcher, raw)

    def _emitted(self, window: Window, folded: Folded[S]) -> WindowResponse:
        """Emit a state, after which the next one is a new one."""
        emit = cast("Callable[[object], object]", partial(self.emit, window))  # it takes the state
        outcome = verdict(call(emit, folded.state))
        if isinstance(outcome, Failure):
            reason = outcome.failure()
            place = location_of(reason, location_for(reason, self.emit))
            told = repr(reason) if isinstance(reason, Raised) or place is None else f"{reason!r} at {place}"
            raise BatchFailed(f"emit failed for the window {window.idempotency_key}: {told}")
        return {"state": self._after(window, folded), "batchItemFailures": []}

    def _after(self, window: Window, folded: Folded[S]) -> Mapping[str, object]:
        """Begin anew; within the same window it is still known what was folded."""
        if not window.terminated_early:
            return {}
        return self._states.kept(Folded(self._states.read({}).state, folded.watermark))


@not_for_lambda("handler = window_handler(table, fold, initial, emit)")
def window_handler(
    table: Table[T],
    fold: Callable[[S, Event[T]], Result[S, E]],
    initial: S,
    emit: Callable[[Window, S], Outcome[A, E2]],
    *,
    on_failure: OnFailure = "raise",
    report: Report[E] = log_failure,
) -> WindowFunction[T, S, A, E, E2]:
    """Make the function that Lambda calls for a mapping with a tumbling window.

    `fold` takes the state so far and an event of the table, whatever happened to the item, and answers the next
    state. `initial` is the state that a window begins with: a frozen dataclass of what DynamoDB could store, which
    Lambda keeps as JSON between invocations. `emit` gets the state where the window ends. A state of more than 1 MB,
    which Lambda does not keep, ends its window early: it is emitted, and the rest of the window begins anew; see
    `Window`.

    An invocation folds all its records or raises, so that they come again: whether Lambda keeps a state beside an
    answer that names failures is not documented. With `on_failure` ``"raise"``, any record that cannot be folded has
    it raise; with ``"skip"``, such a record is left out. Both tell `report` of it. An `emit` that fails has the last
    batch come again.

    What was folded is not folded twice within a window, though Lambda may deliver a batch twice: the state carries the
    highest sequence number in it. (A change that Kinesis carries twice has two numbers, and counts twice unless both
    are in one batch.) `emit` may be asked twice, if its answer is lost: `Window.idempotency_key` is the
    same then.

    Fails with `Misuse` if the initial state cannot be kept, if a function has no name, if an argument is none of what
    it should be, or if a function's Success would hold work that has not run, a coroutine say.
    """
    _check_table(table)
    check_function(fold, "fold", "window_handler(table, fold, initial, emit)")
    check_function(emit, "emit", "window_handler(table, fold, initial, emit)")
    check_report(report, "log_failure")
    if cast("object", on_failure) not in ("raise", "skip"):  # a set asks for what can be hashed
        raise Misuse(f'on_failure is "raise" or "skip", got {on_failure!r}')
    name = handler_name(fold, None)
    check_finished(name, fold)
    check_finished("emit", emit)
    return WindowFunction(
        table, fold, initial, emit, on_failure, report, name, States(initial), structurer(table)
    )


def _check_table(table: object) -> None:
    if not isinstance(table, Table):
        raise Misuse(
            f"window_handler() takes a Table first, got {kind_of(table)}: declare it, as in Table(name, model)"
        )
