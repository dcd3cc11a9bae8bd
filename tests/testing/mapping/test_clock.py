"""The simulation's clock: it moves when it is told to, and rings on its way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from streamfn.testing._simulator.invoking import SimulatedClock, TimeIsUp

START = datetime(2024, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Watched:
    """A clock whose alarms note their names, and the seconds at which they rang."""

    def __init__(self) -> None:
        """Begin at no time at all."""
        self.clock = SimulatedClock(START)
        self.rung: list[tuple[str, float]] = []

    def set(self, name: str, seconds: float) -> Callable[[], None]:
        """Set an alarm."""
        return self.clock.alarm(seconds, lambda: self.rung.append((name, self.seconds)))

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return (self.clock.now - START).total_seconds()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_time_passes_as_it_is_told_to() -> None:
    clock = SimulatedClock(START)
    clock.advance(SECOND)
    clock.advance(timedelta())
    assert clock.now == START + SECOND


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="time does not run backwards: -1 day, 23:59:59"):
        SimulatedClock().advance(-SECOND)


def test_waiting_for_a_moment_that_is_over_takes_no_time() -> None:
    clock = SimulatedClock(START)
    clock.wait_until(START + SECOND)
    clock.wait_until(START)
    assert clock.now == START + SECOND


def test_alarms_ring_in_the_order_of_their_moments_and_at_them(watched: Watched) -> None:
    watched.set("third", 3)
    watched.set("first", 1)
    watched.set("second", 2)
    watched.clock.advance(10 * SECOND)
    assert watched.rung == [("first", 1), ("second", 2), ("third", 3)]
    assert watched.seconds == 10


def test_alarms_of_one_moment_ring_in_the_order_in_which_they_were_set(watched: Watched) -> None:
    watched.set("one", 1)
    watched.set("other", 1)
    watched.clock.advance(SECOND)
    assert [name for name, _ in watched.rung] == ["one", "other"]


def test_an_alarm_rings_when_its_moment_comes_and_once(watched: Watched) -> None:
    watched.set("alarm", 2)
    watched.clock.advance(SECOND)
    assert watched.rung == []
    watched.clock.advance(SECOND)
    watched.clock.advance(SECOND)
    assert watched.rung == [("alarm", 2)]


def test_an_alarm_that_is_called_off_does_not_ring(watched: Watched) -> None:
    cancel = watched.set("off", 1)
    watched.set("on", 1)
    cancel()
    cancel()
    watched.clock.advance(SECOND)
    assert watched.rung == [("on", 1)]


def test_an_alarm_may_be_called_off_once_it_has_rung(watched: Watched) -> None:
    cancel = watched.set("alarm", 1)
    watched.clock.advance(SECOND)
    cancel()
    assert watched.rung == [("alarm", 1)]


def test_an_alarm_may_call_another_one_off(watched: Watched) -> None:
    cancel = watched.set("later", 2)
    watched.clock.alarm(1, cancel)
    watched.clock.advance(3 * SECOND)
    assert watched.rung == []


def test_an_alarm_may_set_another_one(watched: Watched) -> None:
    def set_another() -> None:
        watched.set("next", 1)

    watched.clock.alarm(1, set_another)
    watched.clock.advance(3 * SECOND)
    assert watched.rung == [("next", 2)]


def test_an_alarm_may_take_time_itself(watched: Watched) -> None:
    """That time passes besides what whoever let it ring waits for."""
    watched.clock.alarm(1, lambda: watched.clock.advance(5 * SECOND))
    watched.set("meanwhile", 3)
    watched.clock.advance(2 * SECOND)
    assert watched.rung == [("meanwhile", 3)]
    assert watched.seconds == 7


def test_an_alarm_that_is_overdue_rings_as_soon_as_time_passes(watched: Watched) -> None:
    watched.set("overdue", -1)
    watched.clock.advance(timedelta())
    assert watched.rung == [("overdue", 0)]


def test_an_alarm_rings_before_the_timeout(watched: Watched) -> None:
    watched.clock.begin(10 * SECOND)
    watched.set("alarm", 9)
    with pytest.raises(TimeIsUp):
        watched.clock.advance(60 * SECOND)
    assert watched.rung == [("alarm", 9)]
    assert watched.seconds == 10


@pytest.mark.parametrize("seconds", [10, 11])
def test_no_alarm_rings_at_the_timeout_or_after_it(watched: Watched, seconds: int) -> None:
    watched.clock.begin(10 * SECOND)
    watched.set("too late", seconds)
    with pytest.raises(TimeIsUp):
        watched.clock.advance(60 * SECOND)
    assert watched.rung == []


def test_time_stops_at_the_timeout(watched: Watched) -> None:
    watched.clock.begin(10 * SECOND)
    watched.clock.advance(9 * SECOND)
    with pytest.raises(TimeIsUp, match="the function's timeout is reached"):
        watched.clock.advance(SECOND)
    with pytest.raises(TimeIsUp):
        watched.clock.advance(timedelta())
    assert watched.clock.is_up
    assert watched.seconds == 10


def test_time_is_up_only_where_there_is_a_timeout(watched: Watched) -> None:
    watched.clock.advance(60 * SECOND)
    watched.clock.begin(10 * SECOND)
    assert not watched.clock.is_up


def test_the_end_of_an_invocation_calls_its_alarms_off(watched: Watched) -> None:
    watched.clock.begin(10 * SECOND)
    watched.set("alarm", 1)
    watched.clock.end()
    watched.clock.advance(60 * SECOND)
    assert watched.rung == []
    assert not watched.clock.is_up


def test_an_invocation_is_told_how_much_time_is_left() -> None:
    clock = SimulatedClock(START)
    context = clock.begin(10 * SECOND)
    clock.advance(timedelta(seconds=2.5))
    assert context.get_remaining_time_in_millis() == 7500
