"""Tumbling windows: handlers that fold the records of a window into a state.

`window_handler` makes the function of a mapping with ``TumblingWindowInSeconds``. Your fold puts each event into a
state, which Lambda keeps between invocations, and your emit gets the state when the window ends.

In this order: the event of a window, states as Lambda keeps them, and the function that Lambda calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypedDict, cast

from returns.result import Failure, Result
from typing_extensions import TypeVar, override

from streamfn._conversion.models import is_frozen
from streamfn._dataclasses import Value, Wrappable, make_success
from streamfn._delivery.plain import Report, check_report, location_of, log_failure, report_failures
from streamfn._errors import ConfigurationError, check_function, kind_of, not_for_lambda
from streamfn._events import Event, Structure, structurer
from streamfn._execution.calls import call, check_finished, verdict
from streamfn._execution.run import location_for
from streamfn._failures import Failed, Malformed, NotAResult, Raised, Reason, Unrouted
from streamfn._handlers import Outcome, handler_name
from streamfn._lambda import LambdaContext
from streamfn._payloads import (
    BatchFailed,
    BatchItemFailure,
    IncomingPayload,
    NotAStreamEvent,
    OnFailureDocument,
    PipeEvent,
    fail_batch,
    open_payload,
)
from streamfn._pipeline import may_match
from streamfn._records import (
    EVENT_NAMES,
    Image,
    MalformedRecord,
    RawRecord,
    Record,
    as_json_value,
    get_member,
    is_map,
    iso_moment,
    sequence_number_or_none,
    sequence_order,
    text_or_none,
)
from streamfn._tables import Table, compiled_table, unregister

__all__ = ["UnusableState", "Window", "WindowFunction", "WindowResponse", "window_handler"]


# The event of a window: Lambda's batch, its window, and the state so far.
#
# The shape comes from "Implementing stateful DynamoDB stream processing in Lambda" in the AWS Lambda Developer Guide;
# events of Kinesis streams have the same.


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window(Value):
    """A span of time of one shard, from `start` up to `end`, both in UTC.

    `terminated_early` says that the window ends before `end`, because the state had become too large to keep. The
    records after that start a new state, so that a window can have several parts, each emitted separately. `watermark`
    is the highest sequence number that was folded, None if none was.
    """

    start: datetime
    end: datetime
    shard_id: str
    event_source_arn: str
    terminated_early: bool = False
    watermark: str | None = None

    @property
    def idempotency_key(self) -> str:
        """Equal for every emission of this window or part of a window, and different from all others."""
        key = f"{self.event_source_arn}/{self.shard_id}/{self.start.isoformat()}"
        return f"{key}/{self.watermark}" if self.terminated_early else key


class WindowEvent(NamedTuple):
    """The contents of an invocation: records, window, the state as Lambda kept it, and whether the window ends."""

    payload: IncomingPayload
    window: Window
    state: Mapping[str, object]
    ends: bool


def window_event(event: object) -> WindowEvent:
    """Parse the event of a window. Raises `NotAStreamEvent` for any other payload."""
    payload = open_payload(event)
    if isinstance(payload, OnFailureDocument):
        raise NotAStreamEvent(
            "expected the event of a tumbling window, got an OnFailure document: the event that failed is its payload, "
            "with the window and the state of then, and Lambda takes no state from an answer to it any more"
        )
    if isinstance(payload, PipeEvent):
        raise NotAStreamEvent(
            "expected the event of a tumbling window, got the list of a pipe, which has no windows: make the function "
            "with lambda_handler(), or have an event source mapping call it"
        )
    if not is_map(event) or "isFinalInvokeForWindow" not in event:
        raise NotAStreamEvent(
            "expected the event of a tumbling window: set TumblingWindowInSeconds on the event source mapping"
        )
    span = event.get("window")
    start, end = (iso_moment(span.get(name)) for name in ("start", "end")) if is_map(span) else (None, None)
    state = event.get("state")
    if start is None or end is None or not (state is None or is_map(state)):
        raise NotAStreamEvent(
            "expected the event of a tumbling window, got one without its window or its state"
        )
    early = event.get("isWindowTerminatedEarly") is True
    window = Window(
        start,
        end,
        text_or_none(event.get("shardId")) or "",
        text_or_none(event.get("eventSourceARN")) or "",
        terminated_early=early,
    )
    return WindowEvent(payload, window, state or {}, ends=early or event["isFinalInvokeForWindow"] is True)


# States: the fold of a window so far, as the JSON that Lambda keeps for the next invocation.
#
# Beside the state proper, the JSON carries the watermark: Lambda may deliver a batch again that was already folded,
# and records at or below the highest folded sequence number are in the state already.

S = TypeVar("S")

MAX_STATE_BYTES: Final = 1024 * 1024
"""The size at which Lambda ends a window early: 1 MB a shard, says the Developer Guide."""

STATE_FORM: Final = 1
"""The version of a state's format. States of other versions are refused."""


class UnusableState(ValueError):
    """The state that Lambda kept is another function's, or does not fit its model any more; the text says how.

    The exception makes the batch come again: a new state would lose the folded records.
    """


class Folded(NamedTuple, Generic[S]):
    """A state, and the highest sequence number in it; None if it has no record yet."""

    state: S
    watermark: str | None


class States(Generic[S]):
    """Converts states from the JSON that Lambda keeps, and to it."""

    def __init__(self, initial: S) -> None:
        """Check and store the initial state. Raises `ConfigurationError` for a state that cannot be kept."""
        if not is_dataclass(initial) or not is_frozen(type(initial)):
            raise ConfigurationError(
                f"the state of a window is a frozen dataclass, got {type(initial).__name__}"
            )
        self._table: Table[S] = Table("state", type(initial))
        unregister(self._table)
        try:
            # The text, not the value: each window gets a new copy of mutable parts.
            self._initial = self.kept(Folded(initial, None))
        except ValueError as problem:
            raise ConfigurationError(f"the initial state cannot be kept: {problem}") from None
        if self.read({}).state != initial:
            raise ConfigurationError("the initial state cannot be kept: it comes back as another one")

    def read(self, kept: Mapping[str, object]) -> Folded[S]:
        """Parse the JSON that Lambda kept; an empty map is the initial state. Raises `UnusableState`."""
        told = kept or self._initial
        image, watermark = told.get("state"), sequence_number_or_none(told.get("watermark"))
        if told.get("form") != STATE_FORM or not is_map(image):
            raise UnusableState("the window's state was not written by window_handler(), or by a newer one")
        structured = self._table.structure(cast("Image", image))  # other values do not fit
        if isinstance(structured, Failure):
            raise UnusableState(
                f"the window's state does not fit {self._table!r} any more: {structured.failure()}"
            )
        return Folded(structured.unwrap(), watermark)

    def kept(self, folded: Folded[S]) -> Mapping[str, object]:
        """Return a state as plain JSON for Lambda. Raises `ValueError` for values that DynamoDB would not store."""
        told = {
            "form": STATE_FORM,
            "state": self._table.unstructure(folded.state),
            "watermark": folded.watermark,
        }
        plain: dict[str, object] = json.loads(json.dumps(told, default=as_json_value))
        return plain


def is_too_large(kept: Mapping[str, object]) -> bool:
    """Whether Lambda would not keep a state."""
    return len(json.dumps(kept).encode()) > MAX_STATE_BYTES


# The function that Lambda calls for a mapping with a tumbling window: folds, and emits when the window ends.

T = TypeVar("T")
A = TypeVar("A")
E = TypeVar("E")
E2 = TypeVar("E2")

OnFailure: TypeAlias = Literal["raise", "skip"]
"""The consequence of a record that cannot be folded: the batch comes again, or the record is reported and skipped."""


class WindowResponse(TypedDict):
    """A function's answer to Lambda: the state so far. The list is always empty: all records are folded, or none."""

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
        """Fold a batch into the state, and emit the state if the window ends.

        Raises `NotAStreamEvent`, `UnusableState` and `BatchFailed`. Lambda then sends the batch again, with the
        previous state.
        """
        told = window_event(event)
        before, records = self._states.read(told.state), told.payload.records
        folded = self._folded(before, records)
        kept = self._kept(folded)
        if kept is None:  # the record at fault matters only now
            folded = self._folded(before, records, writes=True)
            kept = self._states.kept(folded)
        window = replace(told.window, watermark=folded.watermark)
        if told.ends:
            return self._emitted(window, folded)
        if is_too_large(kept):
            return self._emitted(replace(window, terminated_early=True), folded)
        return {"state": kept, "batchItemFailures": []}

    @override
    def _called(self) -> str:
        return "window_handler"

    def _kept(self, folded: Folded[S]) -> Mapping[str, object] | None:
        """Return a state as Lambda keeps it; None if it holds a value that DynamoDB would not store."""
        try:
            return self._states.kept(folded)
        except ValueError:
            return None

    def _folded(self, folded: Folded[S], records: Sequence[Record], *, writes: bool = False) -> Folded[S]:
        """Fold all records that are not in the state yet, or none.

        With `writes`, a record after which the state cannot be kept counts as one that cannot be folded.
        """
        state, known = folded
        failures: list[Failed[object]] = []
        numbers = [] if known is None else [known]
        for record in records:
            if (number := record.sequence_number) is not None:
                if known is not None and sequence_order(number) <= sequence_order(known):
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
        report_failures(cast("Report[object]", self.report), failures)  # each reason is an error of the fold
        if self.on_failure == "raise":
            fail_batch(failures)
        return Folded(state, max(numbers, key=sequence_order, default=None))

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
        return make_success(next_state)

    def _is_wanted(self, record: Record) -> bool:
        """Return whether the record matches the table's pattern, or, if malformed, may match it."""
        matcher = compiled_table(self.table).matcher
        if matcher is None or record.table_name != self.table.name:
            return True
        if not isinstance(record, MalformedRecord):
            raw = record._raw  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (to look at, not to copy)
        elif get_member(record.raw, "eventName") in EVENT_NAMES:
            raw = cast("RawRecord", record.raw)  # patterns accept any value
        else:
            return True
        return may_match(matcher, raw)

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
        """Return the state for the next invocation: empty, or with the watermark while the same window goes on."""
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

    `fold` takes the state so far and an event of the table of any kind, and returns the next state. `initial` is the
    state that a window starts with: a frozen dataclass of values that DynamoDB could store, which Lambda keeps as JSON
    between invocations. `emit` gets the state when the window ends. A state of more than 1 MB, which Lambda does not
    keep, ends its window early: the state is emitted, and the rest of the window starts anew; see `Window`.

    An invocation folds all its records or raises, so that they come again: AWS does not document whether Lambda keeps
    a state beside an answer that names failures. With `on_failure` ``"raise"``, any record that cannot be folded makes
    the function raise; with ``"skip"``, such a record is left out. Both pass the failure to `report`. An `emit` that
    fails makes the last batch come again.

    A record is not folded twice within a window, though Lambda may deliver a batch twice: the state carries the
    highest sequence number in it. (A change that Kinesis carries twice has two numbers, and counts twice unless both
    are in one batch.) `emit` may be called twice, if its answer is lost: `Window.idempotency_key` is then the same.

    Raises `ConfigurationError` if the initial state cannot be kept, if a function has no name, if an argument has the
    wrong type, or if a function's Success would hold work that has not run, such as a coroutine.
    """
    _check_table(table)
    check_function(fold, "fold", "window_handler(table, fold, initial, emit)")
    check_function(emit, "emit", "window_handler(table, fold, initial, emit)")
    check_report(report, "log_failure")
    if cast("object", on_failure) not in ("raise", "skip"):  # a set would require a hashable value
        raise ConfigurationError(f'on_failure is "raise" or "skip", got {on_failure!r}')
    name = handler_name(fold, None)
    check_finished(name, fold)
    check_finished("emit", emit)
    return WindowFunction(
        table, fold, initial, emit, on_failure, report, name, States(initial), structurer(table)
    )


def _check_table(table: object) -> None:
    if not isinstance(table, Table):
        raise ConfigurationError(
            f"window_handler() takes a Table first, got {kind_of(table)}: declare it, as in Table(name, model)"
        )
