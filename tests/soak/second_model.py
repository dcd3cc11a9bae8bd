"""A second model of Lambda's event source mapping on a DynamoDB stream, which shares no code with the simulator.

AWS's documents say what is modelled. In the Lambda Developer Guide these are "Polling and batching streams",
"Configuring partial batch response with DynamoDB and Lambda", "Retain discarded records for a DynamoDB event source"
and "Lambda parameters for Amazon DynamoDB event source mappings", and in the DynamoDB Developer Guide "Change data
capture for DynamoDB Streams". They leave open how long Lambda waits, where a batch ends, which lane is first and when
an accepted batch comes again. There the model makes a random choice, as AWS may make each of them.

Time goes from event to event. An invocation spends time in `Invocation.spend` alone, which all calls that stand for a
handler or a store make. There it may be frozen, killed or overtaken by another invocation.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final, Protocol, cast
from zlib import crc32

from tests.soak.second_inputs import Change, Plan, Settings
from tests.soak.strands import Strand

RETENTION: Final = 24 * 3600.0
"""How long a stream keeps a record, in seconds."""


class Killed(SystemExit):
    """Unwinds the code of a process that is gone. Nothing that it does on the way has an effect.

    Python has no other way out of a function's code than an exception, and SystemExit is one that handlers do not keep.
    """


@dataclass(slots=True, eq=False)
class Batch:
    """Records that are delivered together, the attempts that they have used up, and how often they failed."""

    changes: list[Change]
    attempts: int = 0
    failures: int = 0


@dataclass(slots=True, eq=False)
class Lane:
    """One of the parallel readers of a shard: what waits, and before it the batches that have begun, the next last."""

    shard: Shard
    waiting: deque[Change] = field(default_factory=deque[Change])
    batches: list[Batch] = field(default_factory=list[Batch])
    busy: bool = False
    not_before: float = 0.0


@dataclass(slots=True, eq=False)
class Shard:
    """A shard, what it holds in the order of its numbers, and its lanes, which are there when its parent is drained."""

    name: str
    changes: Sequence[Change]
    parent: str | None = None
    lanes: list[Lane] = field(default_factory=list[Lane])
    accepted: list[Change] = field(default_factory=list[Change])
    is_drained: bool = False
    moves: tuple[int, int] | None = None
    """A factor, and how many accepted records come again: the mapping is changed when no lane is busy."""


class World(Protocol):
    """The surroundings of the service: a world makes functions, decides what goes wrong, and watches."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to see."""
        ...

    def start(self, process: Process, /) -> Callable[[object, object], object]:
        """Make the function of a process that begins."""
        ...

    def plan(self, invocation: Invocation, /) -> Plan:
        """Say what goes wrong in an invocation that is about to begin."""
        ...

    def answered(self, invocation: Invocation, answer: object, settled: int | None, /) -> None:
        """See an answer, and up to where it settles the batch; None is a failure of the whole."""
        ...

    def ended(self, invocation: Invocation, /) -> None:
        """See that Lambda takes an invocation for failed, without an answer."""
        ...

    def comes_again(self, changes: Sequence[Change], /) -> float | None:
        """Say in how many seconds an accepted batch is delivered once more, or None."""
        ...

    def redelivered(self, changes: Sequence[Change], /) -> None:
        """See that records come again that were accepted."""
        ...

    def discarded(self, changes: Sequence[Change], document: dict[str, object], /) -> None:
        """See what Lambda gives up, and what it sends to the OnFailure destination."""
        ...


class Process:
    """An execution environment: its machine's clock, which may be wrong, and the function with its memory."""

    def __init__(self, service: Service, skew: float) -> None:
        self._service = service
        self.skew: float = skew
        self.invocation: Invocation | None = None
        self.function: Callable[[object, object], object] = service.world.start(self)

    @property
    def now(self) -> datetime:
        """The moment, by the machine's clock."""
        return datetime.fromtimestamp(self._service.now + self.skew, UTC)

    def alarm(self, seconds: float, ring: Callable[[], None], /) -> Callable[[], None]:
        """Have `ring` called in so many seconds, which do not go by while the machine is frozen."""
        invocation = self.invocation
        assert invocation is not None
        alarm = (self._service.now + seconds, ring)
        invocation.alarms.append(alarm)
        return lambda: invocation.alarms.remove(alarm) if alarm in invocation.alarms else None


class Invocation:
    """A call of the function with a batch, and its context; `number` counts all of them."""

    def __init__(self, service: Service, lane: Lane, batch: Batch, process: Process, number: int) -> None:
        self.service: Service = service
        self.lane: Lane = lane
        self.batch: Batch = batch
        self.changes: tuple[Change, ...] = tuple(batch.changes)
        self.process: Process = process
        self.number: int = number
        self.deadline: float = service.now + service.settings.timeout
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        self.is_dead: bool = False
        self.is_abandoned: bool = False
        self.is_finished: bool = False
        self.is_holding: bool = False
        """Whether it is in a call during which its alarm cannot get through, as a lock is held."""
        self.strand: Strand | None = None
        self.plan: Plan = service.world.plan(self)
        self._spent = 0

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the deadline, by the machine's clock: so the runtime client for Python counts them."""
        return max(0, int((self.deadline - self.service.now - self.process.skew) * 1000))

    def spend(self, seconds: float) -> None:
        """Let time go by. Fails with `Killed` if the process does not live to see the end of it."""
        if self.is_dead:
            raise Killed
        plan, self._spent = self.plan, self._spent + 1
        if self._spent == plan.dies_at:
            self.die()
        if self._spent == plan.jumps_at:
            self.process.skew += plan.jump
        if self._spent == plan.freezes_at:
            self._freeze()
        end = self.service.now + seconds
        while True:
            until = end if self.is_abandoned else min(end, self.deadline)
            due = None if self.is_holding else min(self.alarms, key=lambda alarm: alarm[0], default=None)
            if due is None or due[0] > until:
                break
            self._wait(due[0])
            if due in self.alarms:
                self.alarms.remove(due)
                due[1]()
        self._wait(until)
        if end > self.deadline and not self.is_abandoned:
            self.die()

    def die(self) -> None:
        """Have the process end at once, without a word: out of memory, say, or at its timeout."""
        self.is_dead = True
        raise Killed

    def _freeze(self) -> None:
        service, plan = self.service, self.plan
        service.at(service.now if plan.connection_fails else self.deadline, partial(service.abandon, self))
        self._wait(service.now + plan.frozen_for)
        if plan.clock_stands:
            self.process.skew -= plan.frozen_for
        self.alarms = [(moment + plan.frozen_for, ring) for moment, ring in self.alarms]

    def _wait(self, moment: float) -> None:
        service = self.service
        if self.strand is not None and service.has_something_before(moment):
            service.at(moment, self.strand.resume)
            self.strand.pause()
            if self.is_dead:  # the service ends
                raise Killed
        service.now = max(service.now, moment)


class Service:
    """Lambda: it polls the shards of a stream and invokes the function.

    `is_interleaved` has invocations of lanes, and those that are given up and still run, go on side by side; otherwise
    one runs after the other. `borders` has a failed batch come again with other records at its end, and
    `starts` is how often a process is started though another one is idle.
    """

    def __init__(
        self,
        world: World,
        settings: Settings,
        shards: Iterable[Shard],
        random: Random,
        skews: Sequence[float],
        *,
        is_interleaved: bool = False,
        borders: bool = False,
        starts: float = 0.2,
        start: float = 1_800_000_000.0,
    ) -> None:
        self.world: World = world
        self.settings: Settings = settings
        self.now: float = start
        self.invocations: int = 0
        self._shards = {shard.name: shard for shard in shards}
        self._random = random
        self._skews = skews
        self._is_interleaved = is_interleaved
        self._borders = borders
        self._starts = starts
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._idle: list[Process] = []
        self.running: list[Invocation] = []
        for shard in self._shards.values():
            if shard.parent is None:
                self._open(shard)

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Have something done at a moment; what has no time of its own is done in the order of the calls."""
        heappush(self._agenda, (moment, next(self._order), act))

    def has_something_before(self, moment: float) -> bool:
        """Whether anything is to be done by a moment."""
        return bool(self._agenda) and self._agenda[0][0] <= moment

    def run(self, most: int) -> bool:
        """Go on until nothing is left to do, and say so; or until there were so many invocations."""
        try:
            while self._agenda and self.invocations < most and not self.world.is_over:
                moment, _, act = heappop(self._agenda)
                self.now = max(self.now, moment)
                act()
            return not self._agenda
        finally:
            for invocation in tuple(self.running):
                if invocation.strand is not None:
                    invocation.is_dead = True
                    invocation.strand.resume()

    # ------------------------------------------------------------------------------------------- shards and lanes

    def _open(self, shard: Shard) -> None:
        self._lay(shard, shard.changes, self.settings.parallelization_factor)

    def _lay(self, shard: Shard, changes: Iterable[Change], factor: int) -> None:
        shard.lanes = [Lane(shard) for _ in range(factor)]
        for change in changes:
            self._lane_of(shard, change).waiting.append(change)
        for lane in shard.lanes:
            self.at(self.now, partial(self._poll, lane))

    def _lane_of(self, shard: Shard, change: Change) -> Lane:
        return shard.lanes[crc32(change.item.encode()) % len(shard.lanes)]

    def move(self, name: str, factor: int, back: int) -> None:
        """Change the ParallelizationFactor, with the last `back` accepted records of the shard to come again."""
        shard = self._shards.get(name)
        if shard is not None and shard.lanes and not shard.is_drained:
            shard.moves = (factor, back)
            self._move(shard)

    def _move(self, shard: Shard) -> None:
        if shard.moves is None or any(lane.busy for lane in shard.lanes):
            return
        (factor, back), shard.moves = shard.moves, None
        again = shard.accepted[len(shard.accepted) - back :] if back else []
        self.world.redelivered(again)
        left = {change.number: change for change in again}
        for lane in shard.lanes:
            for batch in lane.batches:
                left |= {change.number: change for change in batch.changes}
            left |= {change.number: change for change in lane.waiting}
        self._lay(shard, [left[number] for number in sorted(left)], factor)

    def _deliver_again(self, shard: Shard, changes: Sequence[Change]) -> None:
        if shard.is_drained:
            return
        self.world.redelivered(changes)
        for lane in shard.lanes:
            if own := [change for change in changes if self._lane_of(shard, change) is lane]:
                lane.batches.append(Batch(own))
                self.at(self.now, partial(self._poll, lane))

    def _drained(self, shard: Shard) -> None:
        if any(lane.busy or lane.batches or lane.waiting for lane in shard.lanes) or shard.is_drained:
            return
        shard.is_drained = True
        for child in self._shards.values():
            if child.parent == shard.name:
                self._open(child)

    # ------------------------------------------------------------------------------------------------- deliveries

    def _poll(self, lane: Lane) -> None:
        shard = lane.shard
        if lane.busy or shard.moves or lane not in shard.lanes or self.now < lane.not_before:
            return
        self._forget(lane)
        batch = self._next(lane)
        if batch is not None:
            self._invoke(lane, batch)
        elif lane.waiting:
            self.at(lane.waiting[0].written, partial(self._poll, lane))
        else:
            self._drained(shard)

    def _forget(self, lane: Lane) -> None:
        """Discard what is too old, before the function is invoked with it."""
        age = self.settings.maximum_record_age
        oldest = self.now - (RETENTION if age < 0 else min(age, RETENTION))
        for batch in [*reversed(lane.batches)]:
            if old := [change for change in batch.changes if change.written < oldest]:
                self._discard(lane, old, "RecordAgeExceeded", batch.attempts)
                batch.changes = batch.changes[len(old) :]
        lane.batches = [batch for batch in lane.batches if batch.changes]
        old = list[Change]()
        while lane.waiting and lane.waiting[0].written < oldest:
            old.append(lane.waiting.popleft())
        if old:
            self._discard(lane, old, "RecordAgeExceeded", 0)

    def _next(self, lane: Lane) -> Batch | None:
        batch = lane.batches.pop() if lane.batches else Batch([])
        failed = bool(batch.changes)
        if failed and (not self._borders or lane.batches or self._random.random() < 0.5):
            return batch
        # The size limit of the payload and the batching window end a batch anywhere.
        most = self.settings.batch_size
        size = self._random.randint(1, most) if self._borders else most
        changes = batch.changes
        while len(changes) < size and lane.waiting and lane.waiting[0].written <= self.now:
            if changes and lane.waiting[0].number < changes[-1].number:
                break  # as what comes again may have been behind what waits
            changes.append(lane.waiting.popleft())
        lane.waiting.extendleft(reversed(changes[size:]))
        batch.changes = changes[:size]
        return batch if batch.changes else None

    def _invoke(self, lane: Lane, batch: Batch) -> None:
        lane.busy = True
        self.invocations += 1
        fresh = not self._idle or self._random.random() < self._starts
        process = Process(self, self._random.choice(self._skews)) if fresh else self._idle.pop()
        invocation = Invocation(self, lane, batch, process, self.invocations)
        process.invocation = invocation
        if self._is_interleaved:
            self.running.append(invocation)
            invocation.strand = Strand(partial(self._run, invocation))
            invocation.strand.resume()
        else:
            self._run(invocation)

    def _run(self, invocation: Invocation) -> None:
        event: object = json.loads(
            '{"Records": [' + ",".join(change.text for change in invocation.changes) + "]}"
        )
        answer: object = None
        failed, lives = True, True
        try:
            invocation.spend(0.0)
            answer = json.loads(json.dumps(invocation.process.function(event, invocation)))
            failed = False
        except Exception:  # noqa: BLE001, S110 (the function failed, and its process goes on)
            pass
        except BaseException:  # noqa: BLE001 (the process has ended: killed, or by its own exit)
            lives = False
        if invocation.strand is not None:
            self.running.remove(invocation)
        if invocation.is_abandoned or self.world.is_over:
            return
        invocation.is_finished = True
        if lives and not invocation.is_dead:
            self._idle.append(invocation.process)
        if failed or not lives or invocation.plan.answer_is_lost:
            self.world.ended(invocation)
            self._settle(invocation, None)
            return
        settled = self._settled(answer, [str(change.number) for change in invocation.changes])
        self.world.answered(invocation, answer, settled)
        self._settle(invocation, settled)

    def abandon(self, invocation: Invocation) -> None:
        """Take an invocation for failed, whatever it still does."""
        if not invocation.is_finished:
            invocation.is_abandoned = True
            self.world.ended(invocation)
            self._settle(invocation, None)

    def _settled(self, answer: object, numbers: Sequence[str]) -> int | None:
        """Count the records that an answer settles; None if it stands for the failure of all."""
        if not self.settings.report_batch_item_failures or answer is None:
            return len(numbers)
        if not isinstance(answer, dict):
            return None
        failures = cast("dict[str, list[dict[str, str]] | None]", answer).get("batchItemFailures")
        places: list[int] = []
        for failure in failures or ():
            identifier = failure.get("itemIdentifier", "")
            if identifier not in numbers:
                return None
            places.append(numbers.index(identifier))
        return min(places, default=len(numbers))

    def _settle(self, invocation: Invocation, settled: int | None) -> None:
        lane, batch, limit = invocation.lane, invocation.batch, self.settings.maximum_retry_attempts
        lane.busy = False
        self._accept(lane.shard, batch.changes[: settled or 0])
        rest = batch.changes[settled or 0 :]
        wait = self._random.random()
        if rest:
            wait *= min(2.0**batch.failures, 64.0) if batch.failures < 10 else self.settings.longest_wait
            lane.batches += self._split(batch, rest, by_answer=settled is not None)
            if 0 <= limit < lane.batches[-1].attempts:
                given_up = lane.batches.pop()
                self._discard(lane, given_up.changes, "RetryAttemptsExhausted", given_up.attempts)
        lane.not_before = self.now + wait
        self.at(lane.not_before, partial(self._poll, lane))
        self._move(lane.shard)

    def _split(self, batch: Batch, rest: list[Change], *, by_answer: bool) -> list[Batch]:
        """Make the batches that come next of one that failed, the first of them last; a split uses no attempt."""
        failures = batch.failures + 1
        if self.settings.bisect and by_answer and len(rest) < len(batch.changes):
            return [Batch(rest, batch.attempts, failures)]
        if self.settings.bisect and not by_answer and len(rest) > 1:
            half = len(rest) // 2
            half += self._borders and self._random.random() < 0.5 and len(rest) % 2
            return [Batch(part, batch.attempts, failures) for part in (rest[half:], rest[:half])]
        return [Batch(rest, batch.attempts + 1, failures)]

    def _accept(self, shard: Shard, changes: Sequence[Change]) -> None:
        if changes:
            shard.accepted += changes
            seconds = self.world.comes_again(changes)
            if seconds is not None:
                self.at(self.now + seconds, partial(self._deliver_again, shard, changes))

    def _discard(self, lane: Lane, changes: Sequence[Change], condition: str, invoked: int) -> None:
        """Give records up, and tell the OnFailure destination of them ("Retain discarded records")."""
        first, last = changes[0], changes[-1]
        told: dict[str, object] = {
            "requestContext": {
                "functionArn": self.settings.function_arn,
                "condition": condition,
                "approximateInvokeCount": invoked,
            },
            "version": "1.0",
            "timestamp": datetime.fromtimestamp(self.now, UTC).isoformat(),
            "DDBStreamBatchInfo": {
                "shardId": lane.shard.name,
                "startSequenceNumber": str(first.number),
                "endSequenceNumber": str(last.number),
                "batchSize": len(changes),
            },
            "payload": {"Records": [json.loads(change.text) for change in changes]},
        }
        self.world.discarded(changes, told)
