"""Tumbling windows under the event source mapping: what is emitted is the fold of each window, each record once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Result, Success

from streamfn import ConfigurationError, Event, InsertEvent, lambda_handler, on_insert, pipeline
from streamfn._records import is_map
from streamfn.testing import Crash, EventSourceMapping, LostAnswer, Repeated, insert_event
from streamfn.windows import Folded, States, Window, window_handler
from tests.cards import Card, cards

MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """The cards of a window, in their order."""

    ids: tuple[int, ...] = ()


class Follower:
    """A function that folds cards, what it emitted, and when it fails."""

    def __init__(self, *, fails_at: frozenset[int] = frozenset(), raises: bool = False) -> None:
        """Fail at the first try of these cards, by a Failure or by raising."""
        self.emitted: dict[str, tuple[Window, tuple[int, ...]]] = {}
        self.fails_at = set(fails_at)
        self.raises = raises
        self.function = window_handler(cards, self.fold, Seen(), self.emit, report=lambda _: None)

    def fold(self, state: Seen, event: Event[Card]) -> Result[Seen, str]:
        """Add a card."""
        assert isinstance(event, InsertEvent)
        number = event.new_image.id
        if number in self.fails_at:
            self.fails_at.discard(number)
            if self.raises:
                raise ValueError(number)
            return Failure("not yet")
        return Success(Seen((*state.ids, number)))

    def emit(self, window: Window, state: Seen) -> Result[None, str]:
        """Keep a state, and the first of those that go by one key."""
        self.emitted.setdefault(window.idempotency_key, (window, state.ids))
        return Success(None)


def card(number: int) -> InsertEvent[Card]:
    """Make the event of a new card."""
    return insert_event(Card(number, "card"), sequence_number=str(number + 90), event_id=f"card-{number}")


def test_windows_end_one_after_the_other_with_or_without_records() -> None:
    follower = Follower()
    mapping = EventSourceMapping(follower.function, batch_size=2, tumbling_window=MINUTE)
    for number, after in enumerate([0, 1, 2, 61, 200]):
        mapping.put(card(number), after=after * SECOND)
    history = mapping.run()
    assert [ids for _, ids in follower.emitted.values()] == [(0, 1, 2), (3,), (4,)]
    began = history.invocations[0].began.replace(second=0, microsecond=0)
    spans = [window.start - began for window, _ in follower.emitted.values()]
    assert spans == [timedelta(), MINUTE, 3 * MINUTE]
    assert all(window.end - window.start == MINUTE for window, _ in follower.emitted.values())
    assert str(history).count("the window ends") == 3
    assert "fold" in str(history)
    assert history.successes("fold") == {f"card-{number}": 1 for number in range(5)}
    assert "the window ends" in history.html()


def test_a_batch_that_waits_for_more_ends_with_its_window() -> None:
    follower = Follower()
    mapping = EventSourceMapping(
        follower.function, maximum_batching_window=5 * MINUTE, tumbling_window=MINUTE
    )
    for number, after in enumerate([0, 59, 60]):
        mapping.put(card(number), after=after * SECOND)
    history = mapping.run()
    assert [each.event_ids for each in history.invocations] == [("card-0", "card-1"), ("card-2",)]
    assert [ids for _, ids in follower.emitted.values()] == [(0, 1), (2,)]


def test_an_answer_without_a_state_fails_the_invocation() -> None:
    states: list[object] = []

    def forgetful(event: object, _: object) -> object:
        assert is_map(event)
        states.append(event["state"])
        return {"batchItemFailures": []}

    mapping = EventSourceMapping(
        forgetful, tumbling_window=MINUTE, maximum_retry_attempts=1, report_batch_item_failures=False
    )
    history = mapping.deliver(card(1))
    assert history.invocations[0].error == "the answer has no state"
    assert [each.event_id for each in history.discarded] == ["card-1"]
    assert states == [{}, {}, {}, {}]


def test_a_state_that_is_too_large_ends_the_window_early_and_the_rest_begins_anew() -> None:
    told: list[tuple[object, object, int]] = []

    def heavy(event: object, _: object) -> object:
        assert is_map(event)
        state = event["state"]
        told.append((event["isWindowTerminatedEarly"], event["isFinalInvokeForWindow"], len(str(state))))
        return {"state": {"text": "x" * 1_100_000 if len(told) == 1 else "x"}}

    mapping = EventSourceMapping(heavy, tumbling_window=MINUTE, report_batch_item_failures=False)
    mapping.put(card(1))
    mapping.put(card(2), after=SECOND)
    mapping.run()
    assert [(early, final) for early, final, _ in told] == [
        (False, False),
        (True, False),
        (False, False),
        (False, True),
    ]
    assert [size > 1_000_000 for *_, size in told] == [False, True, False, False]


@pytest.mark.parametrize("raises", [False, True])
def test_the_history_tells_of_each_call_of_the_fold(raises: bool) -> None:  # noqa: FBT001 (a parameter of pytest's)
    mapping = EventSourceMapping(
        Follower(fails_at=frozenset({1}), raises=raises).function, tumbling_window=MINUTE
    )
    history = mapping.deliver(card(0), card(1))
    assert history.failures("fold") == {"card-1": 1}
    assert history.successes("fold") == {"card-0": 2, "card-1": 1}


def test_what_is_given_up_leaves_its_window_to_the_others() -> None:
    follower = Follower(fails_at=frozenset({1}))
    mapping = EventSourceMapping(
        follower.function, batch_size=1, tumbling_window=MINUTE, maximum_retry_attempts=0
    )
    for number in range(3):
        mapping.put(card(number))
    mapping.run()
    assert [ids for _, ids in follower.emitted.values()] == [(0, 2)]


def test_a_window_that_cannot_end_is_dropped_when_its_records_would_be_forgotten() -> None:
    asked: list[str] = []

    def emit(window: Window, _: Seen) -> Result[None, str]:
        asked.append(window.idempotency_key)
        return Failure("never")

    function = window_handler(cards, Follower().fold, Seen(), emit, report=lambda _: None)
    for age in (None, timedelta(hours=1)):
        mapping = EventSourceMapping(function, tumbling_window=MINUTE, maximum_record_age=age)
        began = mapping.clock.now
        mapping.deliver(card(1))
        assert mapping.clock.now - began <= (age or timedelta(hours=24)) + timedelta(minutes=10)
    assert len(set(asked)) == 1
    assert "/prod-Card/" in asked[0]


def test_a_function_that_knows_no_windows_is_given_up_like_any_other() -> None:
    handler = lambda_handler(pipeline(cards, on_insert(lambda event: Success(event.event_id), name="tell")))
    history = EventSourceMapping(handler, tumbling_window=MINUTE).deliver(card(1))
    assert {each.error for each in history.invocations} == {"NotAStreamEvent"}
    assert [each.event_id for each in history.discarded] == ["card-1"]


@pytest.mark.parametrize(
    "window", [timedelta(seconds=-1), timedelta(minutes=16), timedelta(milliseconds=1_500)]
)
def test_a_window_that_lambda_does_not_allow_is_refused(window: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="tumbling_window="):
        EventSourceMapping(Follower().function, tumbling_window=window)


def test_a_state_is_one_for_a_shard() -> None:
    with pytest.raises(ConfigurationError, match="leave parallelization_factor at 1"):
        EventSourceMapping(Follower().function, tumbling_window=MINUTE, parallelization_factor=2)


# The law


@dataclass(frozen=True)
class Schedule:
    """When cards come, which fail at first, how they are delivered, and what goes wrong."""

    pauses: Sequence[int]
    fails_at: frozenset[int]
    batch_size: int
    waits: int
    bisects: bool
    faults: Sequence[Crash | LostAnswer | Repeated]


faults = st.one_of(
    st.builds(Crash, st.integers(1, 8), st.one_of(st.none(), st.integers(0, 3))),
    st.builds(LostAnswer, st.integers(1, 8)),
    st.builds(Repeated, st.integers(1, 8)),
)
schedules = st.builds(
    Schedule,
    st.lists(st.sampled_from([0, 1, 20, 50, 130]), min_size=1, max_size=8),
    st.frozensets(st.integers(0, 7), max_size=3),
    st.integers(1, 4),
    st.sampled_from([0, 10, 200]),
    st.booleans(),
    st.lists(faults, max_size=4, unique_by=lambda fault: fault.invocation),
)


def window_law(schedule: Schedule) -> None:
    """What is emitted first of each window is the fold of its records, each once and in order."""
    follower = Follower(fails_at=schedule.fails_at)
    mapping = EventSourceMapping(
        follower.function,
        batch_size=schedule.batch_size,
        maximum_batching_window=schedule.waits * SECOND,
        bisect_batch_on_function_error=schedule.bisects,
        tumbling_window=MINUTE,
        faults=schedule.faults,
    )
    at = timedelta()
    began = mapping.clock.now
    arrivals: dict[object, list[int]] = {}
    for number, pause in enumerate(schedule.pauses):
        at += pause * SECOND
        mapping.put(card(number), after=at)
        moment = began + at
        arrivals.setdefault(moment.replace(second=0, microsecond=0), []).append(number)
    mapping.run()
    emitted = {window.start: list(ids) for window, ids in follower.emitted.values()}
    assert emitted == arrivals


@settings(max_examples=300)
@given(schedules)
def test_each_window_is_the_fold_of_its_records(schedule: Schedule) -> None:
    window_law(schedule)


def without_a_watermark(patch: pytest.MonkeyPatch) -> None:
    """Forget what was folded."""
    read = States[Seen].read

    def forgetful(states: States[Seen], kept: Mapping[str, object]) -> Folded[Seen]:
        return read(states, kept)._replace(watermark=None)

    patch.setattr(States, "read", forgetful)


def beginning_anew_each_time(patch: pytest.MonkeyPatch) -> None:
    """Forget the state, and keep the watermark."""
    read = States[Seen].read

    def forgetful(states: States[Seen], kept: Mapping[str, object]) -> Folded[Seen]:
        return read(states, kept)._replace(state=Seen())

    patch.setattr(States, "read", forgetful)


@pytest.mark.parametrize("careless", [without_a_watermark, beginning_anew_each_time])
def test_the_law_catches_a_careless_state(
    careless: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    careless(monkeypatch)
    with pytest.raises(AssertionError):
        window_law(Schedule([0, 1, 1], frozenset(), 1, 0, bisects=False, faults=[Repeated(1)]))
