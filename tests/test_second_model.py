"""The second model of the event source mapping: that it does what AWS's documents say, and what it is used for."""

# Who breaks a rule of a model reaches inside.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final, cast

import pytest
from returns.result import Result
from typing_extensions import override

from streamfn import _payloads as taking
from streamfn._events import BaseEvent as AnyEvent
from streamfn.testing._simulator import mapping
from streamfn.testing._simulator import mapping as consequences
from streamfn.testing._simulator import queues as batches
from tests.soak.broken import Break
from tests.soak.comparison import DIFFERS, compare
from tests.soak.second import check
from tests.soak.second_broken import BROKEN_TOO
from tests.soak.second_inputs import Change, Plan, Settings
from tests.soak.second_laws import LawBroken
from tests.soak.second_model import RETENTION, Batch, Invocation, Process, Service, Shard
from tests.soak.second_schedules import START, schedule_of
from tests.soak.second_world import World, here

Function = Callable[["Scene", list[int], Invocation], object]

CLEAN: Final[dict[str, object]] = {"batchItemFailures": []}

pytestmark = pytest.mark.no_cover  # schedules take three times as long under it


@dataclass(slots=True)
class Scene:
    """A world of one plain function: what it is called with, and what Lambda gives up."""

    function: Function
    plans: dict[int, Plan] = field(default_factory=dict[int, Plan])
    again: dict[int, float] = field(default_factory=dict[int, float])
    deliveries: list[list[int]] = field(default_factory=list[list[int]])
    steps: list[str] = field(default_factory=list[str])
    documents: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    given_up: list[int] = field(default_factory=list[int])
    is_over: bool = False

    def play(self, settings: Settings, *shards: Shard, seed: int = 0, interleaved: bool = False) -> Service:
        service = self.service(settings, *shards, seed=seed, interleaved=interleaved)
        assert service.run(1000)
        return service

    def service(
        self, settings: Settings, *shards: Shard, seed: int = 0, interleaved: bool = False
    ) -> Service:
        random = Random(seed)  # noqa: S311 (no secret)
        return Service(self, settings, shards, random, (0.0,), is_interleaved=interleaved, start=START)

    def start(self, _: Process, /) -> Callable[[object, object], object]:
        def function(event: object, context: object) -> object:
            assert isinstance(context, Invocation)
            taken = cast("dict[str, list[dict[str, int]]]", event)
            numbers = [record["number"] for record in taken["Records"]]
            self.deliveries.append(numbers)
            return self.function(self, numbers, context)

        return function

    def plan(self, invocation: Invocation, /) -> Plan:
        return self.plans.get(invocation.number, Plan())

    def answered(self, _: Invocation, __: object, ___: int | None, /) -> None:
        pass

    def ended(self, _: Invocation, /) -> None:
        pass

    def comes_again(self, changes: Sequence[Change], /) -> float | None:
        return self.again.pop(changes[0].number, None)

    def redelivered(self, _: Sequence[Change], /) -> None:
        pass

    def discarded(self, changes: Sequence[Change], document: dict[str, object], /) -> None:
        self.given_up += [change.number for change in changes]
        self.documents.append(document)


def records(*numbers: int, items: int = 1, written: float = START) -> list[Change]:
    return [
        Change(number, f"item-{number % items}", written, json.dumps({"number": number}))
        for number in numbers
    ]


def failing(*numbers: int) -> dict[str, object]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}


def answering(*answers: object) -> Function:
    """Make a function that gives these answers, and then the last one for ever."""
    left = [*answers]

    def function(_: Scene, __: list[int], ___: Invocation) -> object:
        return left.pop(0) if len(left) > 1 else left[0]

    return function


@pytest.mark.parametrize("answer", [None, {}, CLEAN, {"batchItemFailures": None}])
def test_an_answer_without_failures_settles_the_batch(answer: object) -> None:
    scene = Scene(answering(answer))
    scene.play(Settings(batch_size=2), Shard("shard-0", records(1, 2, 3)))
    assert scene.deliveries == [[1, 2], [3]]


def test_the_lowest_number_is_the_checkpoint() -> None:
    answers = (failing(100, 99, 101), CLEAN)
    scene = Scene(answering(*answers))
    scene.play(Settings(), Shard("shard-0", records(98, 99, 100, 101)))
    assert scene.deliveries == [[98, 99, 100, 101], [99, 100, 101]]


@pytest.mark.parametrize(
    "answer",
    [failing(7), {"batchItemFailures": [{"itemIdentifier": ""}]}, {"batchItemFailures": [{"id": "1"}]}, []],
)
def test_an_answer_that_names_no_record_of_the_batch_fails_all_of_it(answer: object) -> None:
    answers = (answer, CLEAN)
    scene = Scene(answering(*answers))
    scene.play(Settings(), Shard("shard-0", records(1, 2)))
    assert scene.deliveries == [[1, 2], [1, 2]]


def test_without_report_batch_item_failures_each_answer_settles_all() -> None:
    scene = Scene(answering(failing(1)))
    scene.play(Settings(report_batch_item_failures=False), Shard("shard-0", records(1, 2)))
    assert scene.deliveries == [[1, 2]]


def test_partial_failures_use_attempts_up_and_the_rest_is_given_up_and_told() -> None:
    scene = Scene(lambda _, numbers, __: failing(numbers[-1]))
    scene.play(Settings(batch_size=3, maximum_retry_attempts=2), Shard("shard-0", records(1, 2, 3, 4)))
    assert scene.deliveries == [[1, 2, 3], [3], [3], [4], [4], [4]]
    assert scene.given_up == [3, 4]
    told = scene.documents[0]
    assert told["requestContext"] == {
        "functionArn": Settings().function_arn,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert told["DDBStreamBatchInfo"] == {
        "shardId": "shard-0",
        "startSequenceNumber": "3",
        "endSequenceNumber": "3",
        "batchSize": 1,
    }
    assert told["payload"] == {"Records": [{"number": 3}]}


@pytest.mark.parametrize(("age", "limit"), [(60.0, 60.0), (-1, RETENTION), (RETENTION * 5, RETENTION)])
def test_what_is_too_old_is_given_up_with_what_waits_behind_it(age: float, limit: float) -> None:
    scene = Scene(answering(failing(1)))
    service = scene.play(
        Settings(batch_size=1, maximum_record_age=age, longest_wait=7200.0), Shard("shard-0", records(1, 2))
    )
    assert scene.given_up == [1, 2]
    assert service.now - START > limit


def test_bisecting_finds_the_record_that_fails_and_uses_no_attempt() -> None:
    def raises(_: Scene, numbers: list[int], __: Invocation) -> object:
        if 3 in numbers:
            raise ValueError
        return CLEAN

    scene = Scene(raises)
    scene.play(Settings(bisect=True, maximum_retry_attempts=0), Shard("shard-0", records(1, 2, 3, 4)))
    assert scene.deliveries == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]
    assert scene.given_up == [3]


def test_the_children_of_a_shard_follow_when_it_is_drained() -> None:
    answers = (failing(1), CLEAN, CLEAN, CLEAN)
    scene = Scene(answering(*answers))
    child, other = (Shard(f"shard-{n}", records(n), "shard-0") for n in (3, 4))
    scene.play(Settings(), child, other, Shard("shard-0", records(1, 2)))
    assert scene.deliveries[:2] == [[1, 2], [1, 2]]
    assert sorted(scene.deliveries[2:]) == [[3], [4]]


@pytest.mark.parametrize("seed", range(20))
def test_the_records_of_an_item_stay_in_one_lane_and_in_order(seed: int) -> None:
    seen: list[int] = []

    def fails_at_times(_: Scene, numbers: list[int], invocation: Invocation) -> object:
        if invocation.number % 3 == 0:
            seen.extend(numbers[:-1])
            return failing(numbers[-1])
        seen.extend(numbers)
        return CLEAN

    scene = Scene(fails_at_times)
    service = scene.service(
        Settings(batch_size=2, parallelization_factor=3),
        Shard("shard-0", records(*range(12), items=4)),
        seed=seed,
    )
    service.at(START + 1, partial(service.move, "shard-0", 2, 0))
    assert service.run(1000)
    assert all(
        [number for number in seen if number % 4 == item] == [item, item + 4, item + 8] for item in range(4)
    )


def test_a_change_of_the_mapping_has_accepted_records_come_again() -> None:
    scene = Scene(answering(CLEAN))
    later = records(3, written=START + 100)
    service = scene.service(Settings(), Shard("shard-0", [*records(1, 2), *later]))
    service.at(START + 50, partial(service.move, "shard-0", 1, 1))
    assert service.run(1000)
    assert scene.deliveries == [[1, 2], [2], [3]]


def test_an_accepted_batch_comes_again_after_later_ones() -> None:
    scene = Scene(answering(CLEAN), again={1: 50.0})
    scene.play(Settings(), Shard("shard-0", [*records(1), *records(2), *records(3, written=START + 100)]))
    assert scene.deliveries == [[1, 2], [1, 2], [3]]


def two_calls(scene: Scene, _: list[int], invocation: Invocation) -> object:
    scene.steps.append(f"{invocation.number} begins")
    invocation.spend(5.0)
    scene.steps.append(f"{invocation.number} goes on")
    invocation.spend(5.0)
    scene.steps.append(f"{invocation.number} ends")
    return CLEAN


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        (Plan(freezes_at=2, frozen_for=62.0), "1 begins, 2 begins, 2 goes on, 1 goes on, 2 ends, 1 ends"),
        (Plan(freezes_at=2, frozen_for=300.0), "1 begins, 2 begins, 2 goes on, 2 ends, 1 goes on, 1 ends"),
        (
            Plan(freezes_at=2, connection_fails=True),
            "1 begins, 2 begins, 1 goes on, 2 goes on, 1 ends, 2 ends",
        ),
        (Plan(freezes_at=2, frozen_for=10.0), "1 begins, 1 goes on, 1 ends"),
    ],
    ids=["beside its successor", "after its successor", "not frozen, but given up", "before it is given up"],
)
def test_a_frozen_invocation_thaws(plan: Plan, steps: str) -> None:
    scene = Scene(two_calls, {1: plan})
    scene.play(Settings(), Shard("shard-0", records(1)), interleaved=True)
    assert ", ".join(scene.steps) == steps


def test_a_process_that_dies_does_nothing_more_and_its_batch_comes_again() -> None:
    scene = Scene(two_calls, {1: Plan(dies_at=3)})
    scene.play(Settings(), Shard("shard-0", records(1)))
    assert scene.steps == ["1 begins", "1 goes on", "2 begins", "2 goes on", "2 ends"]


def test_a_function_is_ended_at_its_timeout() -> None:
    def hangs(scene: Scene, _: list[int], invocation: Invocation) -> object:
        invocation.spend(100.0 if invocation.number == 1 else 1.0)
        scene.steps.append(f"{invocation.number} ends")
        return CLEAN

    scene = Scene(hangs)
    scene.play(Settings(timeout=60.0), Shard("shard-0", records(1)))
    assert scene.steps == ["2 ends"]


def test_a_machines_clock_may_be_wrong_and_its_alarms_are_not() -> None:
    def waits(scene: Scene, _: list[int], invocation: Invocation) -> object:
        process = invocation.process
        process.alarm(30.0, lambda: scene.steps.append(f"rings at {invocation.service.now - START:g}"))
        scene.steps.append(f"{invocation.get_remaining_time_in_millis()} ms")
        invocation.spend(20.0)
        scene.steps.append(f"{invocation.get_remaining_time_in_millis()} ms")
        invocation.spend(20.0)
        scene.steps.append(f"{process.now.timestamp() - START:g} s")
        return CLEAN

    scene = Scene(waits, {1: Plan(jumps_at=2, jump=-5.0)})
    scene.play(Settings(), Shard("shard-0", records(1)))
    assert scene.steps == ["60000 ms", "45000 ms", "rings at 30", "35 s"]


def test_a_lost_answer_counts_as_none() -> None:
    scene = Scene(answering(CLEAN), {1: Plan(answer_is_lost=True)})
    scene.play(Settings(), Shard("shard-0", records(1)))
    assert scene.deliveries == [[1], [1]]


# ------------------------------------------------------------------------------------------ laws and schedules


@pytest.fixture
def quiet() -> Generator[None]:
    """Leave out what is logged of the failures that schedules are full of."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("first", range(0, 500, 100))
def test_the_laws_hold(first: int) -> None:
    for seed in range(first, first + 100):
        check(seed)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("first", range(0, 300, 100))
def test_both_models_come_to_the_same(first: int) -> None:
    for seed in range(first, first + 100):
        compare(seed)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("broken", "law"), BROKEN_TOO.values(), ids=BROKEN_TOO.keys())
def test_a_broken_rule_is_noticed_by_its_law(
    broken: Break, law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    assert any(law in _told(check, seed) for seed in range(600))


def the_highest_number_taken_by_the_simulator(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(taking, "min", max, raising=False)


def no_batch_split_by_the_simulator(patch: pytest.MonkeyPatch) -> None:
    def split(*_: object) -> tuple[()]:
        return ()

    patch.setattr(consequences, "_split", split)


def splits_counted_as_attempts_by_the_second_model(patch: pytest.MonkeyPatch) -> None:
    split = Service._split

    def counted(service: Service, batch: Batch, rest: list[Change], *, by_answer: bool) -> list[Batch]:
        parts = split(service, batch, rest, by_answer=by_answer)
        return [Batch(part.changes, batch.attempts + 1, part.failures) for part in parts]

    patch.setattr(Service, "_split", counted)


def what_fails_given_up_one_attempt_late_by_the_simulator(patch: pytest.MonkeyPatch) -> None:
    consequence = consequences.batch_outcome

    def late(
        batch: batches.QueuedBatch, *given: Any, **more: Any
    ) -> consequences.BatchOutcome:  # as it is called
        return consequence(replace(batch, attempts=batch.attempts - 1), *given, **more)

    patch.setattr(mapping, "batch_outcome", late)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "broken",
    [
        the_highest_number_taken_by_the_simulator,
        no_batch_split_by_the_simulator,
        splits_counted_as_attempts_by_the_second_model,
        what_fails_given_up_one_attempt_late_by_the_simulator,
    ],
)
def test_a_model_that_breaks_a_rule_of_lambda_differs_from_the_other(
    broken: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    assert any(DIFFERS in _told(compare, seed) for seed in range(600))


class Watched(World):
    """A world that counts what becomes of invocations, to see whether schedules bring what they are for."""

    seen: Final[Counter[str]] = Counter()

    @override
    def plan(self, invocation: Invocation, /) -> Plan:
        numbers = [change.number for change in invocation.changes]
        self.seen["has a batch that does not ascend"] += numbers != sorted({*numbers})
        return super().plan(invocation)

    @override
    def ended(self, invocation: Invocation, /) -> None:
        super().ended(invocation)
        self.seen["given up while it runs" if invocation.is_abandoned else "has no answer"] += 1
        self.seen["dies"] += invocation.is_dead

    @override
    def redelivered(self, changes: Sequence[Change], /) -> None:
        super().redelivered(changes)
        self.seen["comes again though accepted"] += bool(changes)

    @override
    def call(self, handler: str, events: Sequence[AnyEvent], /) -> Result[str, str]:
        result = super().call(handler, events)
        invocation = here.invocation
        beside = [other for other in self.service.running if other is not invocation]
        self.seen["goes on after it was given up"] += invocation.is_abandoned
        self.seen["goes on beside its successor"] += any(
            set(invocation.changes) & set(other.changes) for other in beside
        )
        self.seen["has a wrong clock"] += abs(invocation.process.skew) > 1
        self.seen["is of a shard that was split off"] += invocation.lane.shard.parent is not None
        self.seen["is of a changed factor"] += (
            len(invocation.lane.shard.lanes) != self.schedule.settings.parallelization_factor
        )
        return result


@pytest.mark.usefixtures("quiet")
def test_schedules_bring_what_they_are_for() -> None:
    Watched.seen.clear()
    for seed in range(150):
        Watched(schedule_of(seed)).play()
    assert Watched.seen["has a batch that does not ascend"] == 0
    assert {kind for kind, count in Watched.seen.items() if count >= 3} == {
        "given up while it runs",
        "has no answer",
        "dies",
        "comes again though accepted",
        "goes on after it was given up",
        "goes on beside its successor",
        "has a wrong clock",
        "is of a shard that was split off",
        "is of a changed factor",
    }


def _told(play: Callable[[int], None], seed: int) -> str:
    try:
        play(seed)
    except LawBroken as error:
        return str(error).partition("\n\n")[0]
    return ""
