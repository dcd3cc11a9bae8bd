"""Handlers that run as a batch is read: it comes to what planned tasks come to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Never, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.io import IOFailure, IOSuccess
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    Event,
    Failed,
    Handled,
    Handler,
    Pipeline,
    Raised,
    Reason,
    on_event,
    on_insert,
    on_upsert,
    pipeline,
    read,
)
from streamfn._execution.policy import Policy, Skip, Task
from tests import cards as wire
from tests.cards import STREAM, Card, Json, cards

Function = Callable[[Event[Card]], object]
Chosen = list[tuple[Callable[..., object], object, object]]
"""How handlers are registered, what they answer, and what their `where` answers."""


class Later:
    """Something to be awaited."""

    def __init__(self, comes_to: object) -> None:
        """Take what it comes to."""
        self.comes_to = comes_to

    def __await__(self) -> Generator[None, None, object]:
        yield
        if isinstance(self.comes_to, BaseException):
            raise self.comes_to
        return self.comes_to


class Planning(Policy):
    """Admits everything, and has a task made of each handler and record first."""

    remembers = True


class Undecided:
    """What is neither true nor false."""

    def __bool__(self) -> bool:
        raise LookupError("undecided")


def answering(answer: object) -> Function:
    """Make a function that answers this, whatever the event; an exception it raises."""

    def handle(_: Event[Card]) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return handle


ANSWERS = [
    Success("yes"),
    Failure("no"),
    IOSuccess("yes"),
    IOFailure("no"),
    Later(Success("later")),
    Later(Failure("no")),
    Later(LookupError("later")),
    Later("no Result"),
    LookupError("no"),
    KeyError("dynamodb"),
    "no Result",
    None,
]
WISHES = [
    None,
    True,
    False,
    1,
    0,
    "",
    Later(True),  # noqa: FBT003 (it stands for itself)
    Later(0),
    Later(LookupError()),
    LookupError(),
    Undecided(),
]

records = st.sampled_from(
    [
        wire.record(1),
        wire.record(2, "MODIFY"),
        wire.record(3, "REMOVE"),
        wire.record(4, change={"NewImage": {"id": {"S": "four"}}}),
        wire.record(5, "MODIFY", without="OldImage"),
        wire.record(6, "MODIFY", change={"OldImage": {}}),
        wire.record(7, eventSourceARN=STREAM.replace("prod-Card", "prod-Deck")),
        wire.record(8, without="eventSourceARN"),
        wire.record(9, eventName="UPSERT"),
        wire.record(10, without="eventSource"),
    ]
)
REGISTER: list[Callable[..., object]] = [on_event, on_insert, on_upsert]
answers: st.SearchStrategy[object] = st.sampled_from(ANSWERS)
wishes: st.SearchStrategy[object] = st.sampled_from(WISHES)
choices = st.lists(st.tuples(st.sampled_from(REGISTER), answers, wishes), min_size=1, max_size=4)


def built(chosen: Chosen) -> Pipeline[object, object]:
    """Join handlers that answer as they were chosen to."""
    handlers = [
        cast(
            "Handler[Card, object, object]",
            register(
                answering(answer), name=f"handle_{number}", where=None if wish is None else answering(wish)
            ),
        )
        for number, (register, answer, wish) in enumerate(chosen)
    ]
    return pipeline(cards, *handlers)


def told(results: Sequence[Result[Handled[object], Failed[object]]]) -> list[str]:
    """Tell all that can be compared: an exception that is made anew is not equal to another."""
    return [f"{result!r} {_detail(result)}" for result in results]


def _detail(result: Result[Handled[object], Failed[object]]) -> object:
    if isinstance(result, Success):
        return result.unwrap().value
    reason = result.failure().reason
    return repr(reason.exception) if isinstance(reason, Raised) else reason


@given(st.lists(records, max_size=4), choices)
def test_it_comes_to_what_planned_tasks_come_to(batch: list[Json], chosen: Chosen) -> None:
    process = built(chosen)
    payload = wire.event(*batch)
    assert told(process(payload)) == told(process.run(read(payload), Planning()))


class Asked(Planning):
    """Keeps what it is asked, and what it is told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.said: list[tuple[str, str, int]] = []

    @override
    def admit(self, task: Task, /) -> Reason[Never] | Skip | None:
        self.said.append(("admit", task.name, task.position))
        return super().admit(task)

    @override
    def finished(
        self, task: Task, reason: Reason[object] | None, /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        self.said.append(("finished", task.name, task.position))

    @override
    def unwanted(self, task: Task, /) -> None:
        self.said.append(("unwanted", task.name, task.position))


def test_a_policy_is_asked_once_for_each_handler_and_record_and_told_once() -> None:
    process = built(
        [(on_event, Success("yes"), None), (on_event, Failure("no"), None), (on_event, None, False)]
    )
    policy = Asked()
    process.run(read(wire.event(wire.record(1), wire.record(2))), policy)
    ends = ("finished", "finished", "unwanted")
    assert policy.said == [
        (said, f"handle_{number}", position)
        for position in (0, 1)
        for number, end in enumerate(ends)
        for said in ("admit", end)
    ]


@pytest.mark.parametrize("exception", [KeyError("dynamodb"), TypeError("list indices")])
def test_what_a_handler_raises_is_not_taken_for_a_fault_of_the_record(exception: Exception) -> None:
    """Reading a record comes upon such exceptions, too, and then reads it once more."""
    calls: list[str] = []

    def handle(event: Event[Card]) -> Result[None, None]:
        calls.append(event.event_id)
        raise exception

    process = pipeline(cards, on_event(handle))
    assert told(process(wire.event(wire.record(1)))) == told(
        process.run(read(wire.event(wire.record(1))), Planning())
    )
    assert calls == ["id-1", "id-1"], "once in each of the two runs"


@pytest.mark.parametrize("exception", [KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("by_where", [False, True], ids=["handler", "where"])
def test_what_is_meant_for_the_process_ends_the_run(exception: BaseException, *, by_where: bool) -> None:
    wish = exception if by_where else None
    process = built([(on_event, Success("yes") if by_where else exception, wish)])
    with pytest.raises(type(exception)):
        process(wire.event(wire.record(1)))
