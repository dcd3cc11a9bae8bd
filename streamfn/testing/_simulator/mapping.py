"""`EventSourceMapping`.

In this order: the consequences of an answer, OnFailure documents, and the mapping, which delivers and retries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Never, cast

from streamfn._delivery.processes import ProcessMarks, ThisProcess
from streamfn._errors import ConfigurationError, check_function, kind_of
from streamfn._events import BaseEvent
from streamfn._pipeline import Pipeline
from streamfn._records import StreamViewType
from streamfn.testing._payloads import lambda_event
from streamfn.testing._simulator.history import Condition, Discarded, History, Invocation
from streamfn.testing._simulator.invoking import (
    Fault,
    Function,
    InvocationResult,
    Repeated,
    SimulatedClock,
    invoke,
)
from streamfn.testing._simulator.queues import (
    RECORD_LIFETIME,
    Destination,
    QueuedBatch,
    QueuedRecord,
    ShardLane,
    SimulatedSettings,
    lanes_of,
    queued_record,
    shard_for,
    split_by_age,
)

# The consequences of an invocation: which records come again, and when, and which are discarded.

_FIRST_WAIT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(minutes=5)
_DOUBLINGS: Final = 9
"""The number of doublings after which the wait is the longest."""


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The batches that come again, the records that are discarded, and a description of both."""

    outcome: str
    again: tuple[QueuedBatch, ...] = ()
    given_up: tuple[QueuedRecord, ...] = ()


def batch_outcome(
    batch: QueuedBatch, taken: InvocationResult, settings: SimulatedSettings, now: datetime, *, repeated: bool
) -> BatchOutcome:
    """Return the consequence for a batch. With `repeated`, the settled records come again as well."""
    rest = batch.records[taken.settled :]
    done = f"{taken.settled if rest else 'all'} settled" if taken.settled else ""
    if repeated and taken.settled:
        return BatchOutcome(f"{done}, and all delivered again", (replace(batch, due=now),))
    if not rest and (batch.records or taken.error is None):
        return BatchOutcome(done)
    parts = _split(batch, taken, now) if settings.bisect_batch_on_function_error else ()
    if parts:
        sizes = " and ".join(str(len(part.records)) for part in parts)
        return BatchOutcome(_joined(done, f"{sizes} split off" if done else f"split into {sizes}"), parts)
    attempts = batch.attempts + 1
    if settings.maximum_retry_attempts is not None and attempts > settings.maximum_retry_attempts:
        return BatchOutcome(_joined(done, f"{len(rest)} given up"), given_up=rest)
    wait = min(_FIRST_WAIT * 2 ** min(batch.attempts, _DOUBLINGS), _LONGEST_WAIT)
    then = f"{len(rest)} again in {wait.total_seconds():g} s"
    return BatchOutcome(
        _joined(done, then), (replace(batch, records=rest, attempts=attempts, due=now + wait),)
    )


def _split(batch: QueuedBatch, taken: InvocationResult, now: datetime) -> tuple[QueuedBatch, ...]:
    """Split a batch where its answer says, or in the middle if it failed whole; a split uses no attempt.

    An answer that names the first record splits nothing off, and a single record cannot be split: both use an attempt,
    or they would come again for as long as the stream keeps them.
    """
    place = taken.settled if taken.error is None else len(batch.records) // 2
    if not place:
        return ()
    first, rest = batch.records[:place], batch.records[place:]
    parts = (rest,) if taken.settled else (first, rest)
    return tuple(replace(batch, records=part, due=now) for part in parts)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


# The document that Lambda sends to an OnFailure destination about a discarded batch.
#
# The shape is the one of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda
# Developer Guide. A queue and a topic receive the range of the shard alone; a bucket gets the records as well. The
# parts that vary with the cause are as Lambda was observed to write them.

_FUNCTION: Final = "arn:aws:lambda:eu-west-1:123456789012:function:function"


@dataclass(frozen=True, slots=True)
class Discard:
    """The reason for a discard, the attempt, and whether the function failed in it instead of answering."""

    condition: Condition
    attempt: int = 1
    unhandled: bool = False


def document(
    records: Sequence[QueuedRecord], discard: Discard, *, shard: str, now: datetime, to: Destination
) -> dict[str, object]:
    """Describe discarded records.

    Lambda names no response for records that grew too old, and then always counts one invocation; an answer that
    counts as a failure is no error of the function.
    """
    first, last = records[0], records[-1]
    described: dict[str, object] = {
        "requestContext": {
            "requestId": f"00000000-0000-0000-0000-{int(first.sequence_number) % 10**12:012d}",
            "functionArn": _FUNCTION,
            "condition": discard.condition,
            "approximateInvokeCount": discard.attempt,
        },
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": f"{first.at:%Y-%m-%dT%H:%M:%SZ}",
            "approximateArrivalOfLastRecord": f"{last.at:%Y-%m-%dT%H:%M:%SZ}",
            "batchSize": len(records),
            "streamArn": first.record.get("eventSourceARN"),
        },
    }
    if discard.condition == "RetryAttemptsExhausted":
        error = "Unhandled" if discard.unhandled else None
        described["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": error,
        }
    if to == "S3":
        # A copy through JSON shares no object with the simulation.
        described["payload"] = json.loads(json.dumps({"Records": [each.record for each in records]}))
    return described


# The event source mapping: reads lanes, calls the function, and follows its answers.
#
# The rules are those of "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda Developer Guide. The simulator
# decides the points that the guide leaves open: the wait before a batch comes again (a second, doubled with each
# attempt up to five minutes; none after a split), the order of the lanes (the longest waiting first), and that one
# invocation ends before the next begins.


class EventSourceMapping:
    """Lambda's event source mapping of a stream, in memory and by a clock of its own: the same in every run.

    >>> from dataclasses import dataclass
    >>> from returns.result import Result, Success
    >>> from streamfn import InsertEvent, Table, lambda_handler, on_insert, pipeline
    >>> from streamfn.testing import Crash, insert_event
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> def announce(event: InsertEvent[Card]) -> Result[int, str]:
    ...     return Success(event.new_image.id)
    >>> handler = lambda_handler(pipeline(Table("prod-Card", Card), on_insert(announce)))
    >>> mapping = EventSourceMapping(handler, faults=[Crash(invocation=1, after_calls=1)])
    >>> history = mapping.deliver(insert_event(Card(1), event_id="id-1"), insert_event(Card(2), event_id="id-2"))
    >>> history.successes("announce")
    Counter({'id-1': 2, 'id-2': 1})
    """

    def __init__(
        self,
        function: Function,
        *,
        batch_size: int = 100,
        maximum_batching_window: timedelta = timedelta(),
        report_batch_item_failures: bool = True,
        bisect_batch_on_function_error: bool = False,
        maximum_retry_attempts: int | None = None,
        maximum_record_age: timedelta | None = None,
        parallelization_factor: int = 1,
        on_failure: Destination | None = None,
        shards: int = 1,
        timeout: timedelta = timedelta(seconds=60),
        tumbling_window: timedelta = timedelta(),
        faults: Sequence[Fault] = (),
    ) -> None:
        """Put a function behind a stream.

        The settings are Lambda's own, with None for its -1; `shards` is the number of shards of the stream, and
        `timeout` is the timeout of the function. For a function made by `lambda_handler` or `window_handler`, the
        history shows each handler or the fold. Other functions are observed from outside, and only those `faults`
        apply to them that concern whole invocations. With a `tumbling_window`, records belong to the window in which
        they arrive.

        Raises `ConfigurationError` for a setting that Lambda does not allow.
        """
        if not callable(cast("object", function)) or isinstance(cast("object", function), Pipeline):
            raise ConfigurationError(
                f"the mapping calls a function, got {kind_of(function)}: pass what lambda_handler() made"
            )
        check_function(function, "what the mapping calls", "EventSourceMapping(lambda_handler(process))")
        self._settings = SimulatedSettings(
            batch_size=batch_size,
            maximum_batching_window=maximum_batching_window,
            report_batch_item_failures=report_batch_item_failures,
            bisect_batch_on_function_error=bisect_batch_on_function_error,
            maximum_retry_attempts=maximum_retry_attempts,
            maximum_record_age=maximum_record_age,
            parallelization_factor=parallelization_factor,
            on_failure=on_failure,
            shards=shards,
            timeout=timeout,
            tumbling_window=tumbling_window,
        )
        self._function = function
        self._faults = tuple(faults)
        self._lanes = lanes_of(shards, parallelization_factor)
        self._last: dict[str, QueuedRecord] = {}
        self._process = ThisProcess(ProcessMarks())
        self.clock: SimulatedClock = SimulatedClock()
        self.history: History = History()
        self.documents: list[dict[str, object]] = []
        """The documents that the OnFailure destination received."""

    def deliver(self, *events: BaseEvent | Mapping[str, object]) -> History:
        """Write events to the stream, and deliver them until each is settled or given up."""
        self.put(*events)
        return self.run()

    def put(
        self,
        *events: BaseEvent | Mapping[str, object],
        after: timedelta = timedelta(),
        view_type: StreamViewType = StreamViewType.NEW_AND_OLD_IMAGES,
    ) -> None:
        """Write events to the stream, for them to be there this long from now; see `lambda_event`.

        An item goes to the same shard always. Raises `ValueError` if their sequence numbers or times do
        not ascend within a shard: make events, and write them, in the order in which they happen.
        """
        at = self.clock.now + after
        for record in lambda_event(*events, view_type=view_type)["Records"]:
            arrived = queued_record(record, at)
            place = shard_for(record, self._settings.shards * self._settings.parallelization_factor)
            shard, number = divmod(place, self._settings.parallelization_factor)
            lane = self._lanes[shard][number]
            if not arrived.follows(self._last.get(lane.shard)):
                raise ValueError(
                    "sequence numbers and times ascend: make events in the order in which they happen"
                )
            if arrived.event_id in self.history.records:
                raise ValueError(
                    f"each change has an eventID of its own, and {arrived.event_id!r} is there already"
                )
            self._last[lane.shard] = arrived
            lane.arrivals.append(arrived)
            lane.latest = record
            self.history.records[arrived.event_id] = str(record.get("eventName"))

    def run(self) -> History:
        """Deliver until nothing is left. The stream drops unsettled records after 24 hours, so that the loop ends."""
        while due := [
            (at, lane.shard, lane.number, lane)
            for lanes in self._lanes
            for lane in lanes
            if (at := lane.due(self._settings)) is not None
        ]:
            at, *_, lane = min(due, key=lambda each: each[:3])
            self.clock.wait_until(at)
            batch = self._without_old(lane, lane.take(self.clock.now, self._settings))
            if batch.records or self._is_to_end(batch):
                self._deliver(lane, batch)
            elif batch.part is not None and batch.part.ends:
                lane.answered(batch, {}, self.clock.now)  # which is lost with its window
        return self.history

    def end_process(self) -> Never:
        """End the function's process in the middle of the handler that calls this, as ``os._exit`` would.

        Nothing that follows in the function happens, and the next invocation has another process.
        """
        self.clock.end_process()

    def _deliver(self, lane: ShardLane, batch: QueuedBatch) -> None:
        """Invoke the function with a batch, and put the records that have to come again back into the lane."""
        number = len(self.history.invocations) + 1
        faults = [fault for fault in self._faults if fault.invocation == number]
        began = self.clock.now
        taken = invoke(
            self._function,
            lane,
            batch,
            settings=self._settings,
            clock=self.clock,
            faults=faults,
            process=self._process,
        )
        if taken.died:
            self._process = ThisProcess(ProcessMarks())
        repeated = any(isinstance(fault, Repeated) for fault in faults)
        then = batch_outcome(batch, taken, self._settings, self.clock.now, repeated=repeated)
        self.history.invocations.append(
            Invocation(
                number=number,
                shard=lane.shard,
                lane=lane.number,
                attempt=batch.attempts + 1,
                began=began,
                ended=self.clock.now,
                event_ids=tuple(each.event_id for each in batch.records),
                calls=taken.seen.calls,
                letters=taken.seen.letters,
                store_failures=taken.seen.store_failures,
                answer=taken.answer,
                error=taken.error,
                settled=taken.settled,
                outcome=_told(batch, taken, then.outcome),
            )
        )
        lane.again(*then.again)
        if batch.part is not None and taken.settled == len(batch.records) and taken.state is not None:
            lane.answered(batch, taken.state, self.clock.now)
        elif batch.part is not None and batch.part.ends and not then.again:
            lane.answered(batch, {}, self.clock.now)  # given up with all that it would have emitted
        discard = Discard("RetryAttemptsExhausted", batch.attempts + 1, unhandled=taken.answer is None)
        self._give_up(lane, then.given_up, discard)

    def _without_old(self, lane: ShardLane, batch: QueuedBatch) -> QueuedBatch:
        """Discard records that have grown too old, before any invocation with them."""
        expired, kept = split_by_age(batch.records, self.clock.now, RECORD_LIFETIME)
        self._give_up(lane, expired, Discard("Expired"))
        if (age := self._settings.maximum_record_age) is not None:
            old, kept = split_by_age(kept, self.clock.now, age)
            self._give_up(lane, old, Discard("RecordAgeExceeded"))
        return replace(batch, records=kept)

    def _is_to_end(self, batch: QueuedBatch) -> bool:
        """Return whether a batch without records ends a window, and has not failed for as long as records are kept."""
        if batch.part is None or not batch.part.ends:
            return False
        most = min(RECORD_LIFETIME, self._settings.maximum_record_age or RECORD_LIFETIME)
        return not batch.attempts or self.clock.now - batch.part.span.end <= most

    def _give_up(self, lane: ShardLane, records: Sequence[QueuedRecord], discard: Discard) -> None:
        after = len(self.history.invocations)
        self.history.discarded.extend(Discarded(each.event_id, discard.condition, after) for each in records)
        destination = self._settings.on_failure
        if records and destination is not None and discard.condition != "Expired":
            now = self.clock.now
            self.documents.append(document(records, discard, shard=lane.shard, now=now, to=destination))


def _told(batch: QueuedBatch, taken: InvocationResult, outcome: str) -> str:
    """Describe the consequence for a batch, and the end of its window, if any."""
    ends = batch.part is not None and batch.part.ends and taken.error is None
    return ", ".join(part for part in (outcome, "the window ends" if ends else "") if part)
