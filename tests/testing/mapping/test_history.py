"""The history of a run: what can be asked of it, and the timeline that it prints."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from streamfn.testing import EventSourceMapping
from streamfn.testing._simulator.history import (
    Discarded,
    History,
    MarkedCall,
    RecordedCall,
    elapsed,
    lane_names,
    marked,
)
from tests.testing.mapping.functions import Function, records
from tests.testing.mapping.invocations import call, invocation
from tests.testing.mapping.story import story


def test_it_counts_how_often_a_handler_succeeded_and_failed() -> None:
    history = story()
    assert history.successes("announce") == Counter({"id-1": 2, "id-2": 1, "id-3": 1, "id-4": 2})
    assert history.failures("announce") == Counter()
    assert history.successes("back_up") == Counter({"id-1": 2, "id-2": 1, "id-3": 1})
    assert history.failures("back_up") == Counter({"id-4": 2})
    assert history.successes("nobody") == Counter()


def test_a_call_that_did_not_end_is_neither_a_success_nor_a_failure() -> None:
    history = History(invocations=[invocation(call("tell", one="succeeded", two="failed", three="died"))])
    assert history.successes("tell") == Counter({"one": 1})
    assert history.failures("tell") == Counter({"two": 1})


def test_it_has_the_calls_of_all_invocations_in_their_order() -> None:
    calls = list(story().calls)
    assert calls[:3] == [
        RecordedCall("announce", ("id-1",), ("succeeded",)),
        RecordedCall("back_up", ("id-1",), ("succeeded",)),
        RecordedCall("announce", ("id-2",), ("succeeded",)),
    ]
    assert RecordedCall("index", ("id-1", "id-3", "id-4"), ("succeeded",) * 3) in calls


def test_it_prints_a_timeline() -> None:
    assert str(story()).splitlines() == [
        "#1 at 0 s, shard 0: r1 r3 r4",
        "   announce: r1✓",
        "   back_up: r1✓",
        "   ProcessDied: 3 again in 1 s",
        "#2 at 0.25 s, shard 1: r2 r5",
        "   announce: r2✓",
        "   back_up: r2✓",
        "   index: r2✓ r5✓",
        "   all settled",
        "#3 at 1.25 s, shard 0, attempt 2: r1 r3 r4",
        "   announce: r1✓✓ r3✓ r4✓",
        "   back_up: r1✓✓ r3✓ r4✗",
        "   index: (r1✓ r3✓ r4✓)",
        "   2 settled, 1 again in 2 s",
        "#4 at 4 s, shard 0, attempt 3: r4",
        "   announce: r4✓✓",
        "   back_up: r4✗",
        "   index: r4✓✓",
        "   1 given up",
        "given up: r4 (RetryAttemptsExhausted)",
        "",
        "✓ succeeded  ✓✓ succeeded again  ✗ failed  † did not end  ✉ dead letter",
        "r1  INSERT id-1",
        "r2  INSERT id-2",
        "r3  INSERT id-3",
        "r4  INSERT id-4",
        "r5  REMOVE id-5",
    ]


def test_a_timeline_begins_with_what_was_given_up_before_any_invocation() -> None:
    mapping = EventSourceMapping(Function(), maximum_record_age=timedelta(minutes=1))
    mapping.put(*records(1))
    mapping.clock.advance(timedelta(minutes=2))
    mapping.put(*records(2))
    assert str(mapping.run()).splitlines()[:3] == [
        "given up: r1 (RecordAgeExceeded)",
        "#1 at 0 s: r2",
        "   all settled",
    ]


def test_a_history_in_which_nothing_happened_says_so_little() -> None:
    assert str(History()) == "\n✓ succeeded  ✓✓ succeeded again  ✗ failed  † did not end  ✉ dead letter"


def test_a_success_after_another_one_of_the_same_handler_is_marked_as_repeated() -> None:
    invocations = [
        invocation(call("tell", one="succeeded"), call("tell", one="succeeded"), call("mail", one="failed")),
        invocation(call("tell", one="failed", two="died"), call("mail", one="succeeded")),
        invocation(call("tell", one="succeeded", two="succeeded"), call("mail", one="succeeded")),
    ]
    assert marked(invocations) == [
        [
            MarkedCall("tell", (("one", "succeeded"),)),
            MarkedCall("tell", (("one", "repeated"),)),
            MarkedCall("mail", (("one", "failed"),)),
        ],
        [
            MarkedCall("tell", (("one", "failed"), ("two", "died"))),
            MarkedCall("mail", (("one", "succeeded"),)),
        ],
        [
            MarkedCall("tell", (("one", "repeated"), ("two", "succeeded"))),
            MarkedCall("mail", (("one", "repeated"),)),
        ],
    ]


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ([], []),
        ([(0, 0), (0, 0)], ["", ""]),
        ([(0, 0), (10, 0)], ["shard 0", "shard 10"]),
        ([(1, 0), (1, 2)], ["lane 0", "lane 2"]),
        ([(0, 1), (1, 0)], ["shard 0, lane 1", "shard 1, lane 0"]),
    ],
)
def test_shards_and_lanes_are_named_where_there_are_several(
    places: list[tuple[int, int]], names: list[str]
) -> None:
    assert lane_names([invocation(shard=shard, lane=lane) for shard, lane in places]) == names


@pytest.mark.parametrize(
    ("time", "told"),
    [
        (timedelta(), "0 s"),
        (timedelta(milliseconds=5), "0.005 s"),
        (timedelta(seconds=61), "1 min 1 s"),
        (timedelta(hours=25), "25 h"),
        (timedelta(hours=1, seconds=0.5), "1 h 0.5 s"),
    ],
)
def test_times_are_told_as_people_tell_them(time: timedelta, told: str) -> None:
    assert elapsed(time) == told


def test_a_timeline_tells_what_was_given_up_after_an_invocation() -> None:
    history = History(
        {"one": "INSERT", "two": "None"},
        [invocation(call("tell", one="died"))],
        [Discarded("two", "Expired", 1)],
    )
    assert str(history).splitlines() == [
        "#1 at 0 s: r1",
        "   tell: r1†",
        "   all settled",
        "given up: r2 (Expired)",
        "",
        "✓ succeeded  ✓✓ succeeded again  ✗ failed  † did not end  ✉ dead letter",
        "r1  INSERT one",
        "r2  None two",
    ]
