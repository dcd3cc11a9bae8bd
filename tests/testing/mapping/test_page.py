"""The page of a history: lanes, chips and what became of each record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from streamfn.testing._simulator.history import Discarded, History, Letter, RecordedCall
from tests.testing.mapping.invocations import call, invocation
from tests.testing.mapping.pages import Page
from tests.testing.mapping.story import remembered_story, story


def test_a_lane_is_a_handler_and_a_column_an_invocation() -> None:
    page = Page(story().html())
    head, *rows = page.tables["lanes"]
    assert head == [
        [],
        ["#1", "+0 s", "took 0.25 s", "shard 0"],
        ["#2", "+0.25 s", "took 0.25 s", "shard 1"],
        ["#3", "+1.25 s", "took 0.75 s", "shard 0", "attempt 2"],
        ["#4", "+4 s", "took 0.25 s", "shard 0", "attempt 3"],
    ]
    assert [row[0] for row in rows] == [
        ["delivered"],
        ["announce"],
        ["back_up"],
        ["index"],
        ["settled"],
        ["given up"],
    ]
    assert {len(row) for row in rows} == {5}
    assert page.lane("delivered") == [["r1", "r3", "r4"], ["r2", "r5"], ["r1", "r3", "r4"], ["r4"]]
    assert page.lane("announce") == [["r1 ✓"], ["r2 ✓"], ["r1 ✓✓", "r3 ✓", "r4 ✓"], ["r4 ✓✓"]]
    assert page.lane("back_up") == [["r1 ✓"], ["r2 ✓"], ["r1 ✓✓", "r3 ✓", "r4 ✗"], ["r4 ✗"]]
    assert page.lane("settled") == [
        ["ProcessDied", "3 again in 1 s"],
        ["all settled"],
        ["2 settled, 1 again in 2 s"],
        ["1 given up"],
    ]
    assert page.lane("given up") == [[], [], [], ["r4 ⊘", "RetryAttemptsExhausted"]]


def test_the_records_of_one_call_are_held_together() -> None:
    page = Page(story().html())
    assert page.lane("index") == [[], ["r2 ✓", "r5 ✓"], ["r1 ✓", "r3 ✓", "r4 ✓"], ["r4 ✓✓"]]
    assert page.frames == 1 + 1  # the one of the third invocation, and the legend's
    assert page.legend[-1] == ["r1", "r2", "one call"]


def test_the_legend_explains_the_chips_and_counts_them() -> None:
    assert Page(story().html()).legend[:-1] == [
        ["✓", "succeeded", "12"],
        ["✓✓", "succeeded again", "4"],
        ["✗", "failed", "2"],
        ["†", "did not end", "0"],
        ["✉", "dead letter", "0"],
        ["⊘", "given up by Lambda", "1"],
    ]


def test_chips_tell_more_to_a_mouse() -> None:
    chips = Page(story().html()).chips
    assert ("delivered", "id-5") in chips
    assert ("repeated", "id-1 succeeded again") in chips
    assert ("failed", "id-4 failed") in chips
    assert ("discarded", "id-4 RetryAttemptsExhausted") in chips


def test_each_record_has_its_fate() -> None:
    head, *rows = Page(story().html()).tables["fates"]
    assert head == [[], ["change"], ["deliveries"], ["announce"], ["back_up"], ["index"], ["given up"]]
    assert rows == [
        [["r1"], ["INSERT", "id-1"], ["2"], ["✓", "✓✓"], ["✓", "✓✓"], ["✓"], []],
        [["r2"], ["INSERT", "id-2"], ["1"], ["✓"], ["✓"], ["✓"], []],
        [["r3"], ["INSERT", "id-3"], ["2"], ["✓"], ["✓"], ["✓"], []],
        [
            ["r4"],
            ["INSERT", "id-4"],
            ["3"],
            ["✓", "✓✓"],
            ["2 ✗"],
            ["✓", "✓✓"],
            ["⊘", "after #4: RetryAttemptsExhausted"],
        ],
        [["r5"], ["REMOVE", "id-5"], ["1"], [], [], ["✓"], []],
    ]


def test_shards_have_colours_and_a_single_one_has_none() -> None:
    first, second, *_ = Page(story().html()).hues
    assert first != second
    died = call("tell", one="died")
    one, six = (
        History({"one": "INSERT"}, [invocation(died, shard=each) for each in range(count)])
        for count in (1, 6)
    )
    assert Page(one.html()).hues == []
    assert len(Page(six.html()).hues) == 6


def test_nothing_that_a_user_names_is_taken_for_markup() -> None:
    name, event_id, kind, error = "<b>&\"'", "<script>alert(1)</script>", "<i>", "</td><table>"
    told = invocation(RecordedCall(name, (event_id,), ("failed",)), Letter(name, event_id, error))
    history = History(
        {event_id: kind},
        [replace(told, error=error, outcome="<u>all</u>")],
        [Discarded(event_id, "Expired", 1)],
    )
    page = Page(history.html())
    assert page.lane(name) == [["r1 ✗", "r1 ✉", error]]
    assert page.lane("settled") == [[error, "<u>all</u>"]]
    assert page.tables["fates"][0][3] == [name]
    assert page.tables["fates"][1][:3] == [["r1"], [kind, event_id], ["1"]]
    assert ("failed", f"{event_id} failed") in page.chips
    assert ("letter", f"{event_id} dead letter: {error}") in page.chips
    assert page.open == []


def test_it_stands_by_itself() -> None:
    """One file, without network and scripts."""
    html = remembered_story().html()
    page = Page(html)
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li", "b", "i", "br"),
        *("div", "table", "thead", "tbody", "tr", "th", "td", "span", "small", "code"),
    }
    assert page.attributes <= {"lang", "charset", "name", "content", "class", "style", "title", "scope"}
    assert page.open == []
    assert "url(" not in html
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html


@pytest.mark.parametrize(
    ("history", "summary"),
    [
        (History(), "0 records, 0 invocations, 0 s."),
        (
            History({"one": "INSERT"}, [invocation(call("tell", one="succeeded"))]),
            "1 record, 1 invocation, 1 s.",
        ),
        (
            History(
                {"one": "INSERT", "two": "REMOVE"},
                [
                    invocation(call("tell", one="succeeded")),
                    invocation(call("tell", two="succeeded"), at=timedelta(minutes=1)),
                ],
            ),
            "2 records, 2 invocations, 1 min 1 s.",
        ),
    ],
)
def test_it_begins_with_a_summary(history: History, summary: str) -> None:
    assert f"<p>{summary}" in history.html()


def test_what_was_given_up_before_any_invocation_is_told_of_its_record() -> None:
    history = History({"one": "INSERT"}, [], [Discarded("one", "Expired", 0)])
    (_, fate) = Page(history.html()).tables["fates"]
    assert fate == [["r1"], ["INSERT", "one"], ["0"], ["⊘", "before #1: Expired"]]


@pytest.mark.parametrize("as_text", [True, False])
def test_it_is_written_into_a_file(tmp_path: Path, as_text: bool) -> None:  # noqa: FBT001 (pytest gives it by name)
    path = tmp_path / "history.html"
    history = story()
    history.write_html(str(path) if as_text else path)
    assert path.read_text(encoding="utf-8") == history.html()
