"""Dead letters in a history, and stores that failed: counted, in the timeline, and on the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from streamfn.testing._simulator.history import History, Letter
from tests.testing.mapping.invocations import call, invocation
from tests.testing.mapping.pages import Page
from tests.testing.mapping.story import remembered_story


def test_it_counts_what_a_handler_gave_up() -> None:
    history = remembered_story()
    assert history.dead_letters("announce") == Counter({"id-4": 1})
    assert history.dead_letters("back_up") == Counter({"id-3": 1, "id-4": 1})
    assert history.dead_letters("nobody") == Counter()


def test_what_reached_no_handler_was_given_up_by_one_without_a_name() -> None:
    assert remembered_story().dead_letters("") == Counter({"id-5": 1})


def test_a_letter_that_was_stored_twice_counts_twice() -> None:
    """The process may die between the letter and the ledger."""
    letter = Letter("tell", "one", "Refused")
    history = History(invocations=[invocation(letter), invocation(letter, number=2)])
    assert history.dead_letters("tell") == Counter({"one": 2})


def test_a_timeline_tells_of_dead_letters_and_of_stores_that_failed() -> None:
    assert str(remembered_story()).splitlines() == [
        "#1 at 0 s: r1 r2 r3",
        "   announce: r1✓",
        "   back_up: r1✓",
        "   ProcessDied: 3 again in 1 s",
        "#2 at 1.25 s, attempt 2: r1 r2 r3",
        "   announce: r1✓✓ r2✓ r3✓",
        "   back_up: r1✓✓ r2✓ r3✗",
        "   index: (r1✓ r2✓ r3✓)",
        "   2 settled, 1 again in 2 s",
        "#3 at 4 s, attempt 3: r3",
        "   back_up: r3✗",
        "   ledger not written",
        "   1 again in 4 s",
        "#4 at 8.25 s, attempt 4: r3",
        "   back_up: r3✗",
        "   1 again in 8 s",
        "#5 at 16.5 s, attempt 5: r3",
        "   back_up: r3✗",
        "   dead letters not stored",
        "   1 again in 16 s",
        "#6 at 32.75 s, attempt 6: r3",
        "   back_up: r3✗",
        "   dead letter: back_up r3✉ (Refused)",
        "   all settled",
        "#7 at 33 s: r4 r5 r6",
        "   back_up: r6✓",
        "   index: r6✓",
        "   dead letter: no handler r5✉ (Unrouted)",
        "   dead letter: announce r4✉ (Undecodable)",
        "   dead letter: back_up r4✉ (Undecodable)",
        "   dead letter: index r4✉ (Undecodable)",
        "   all settled",
        "",
        "✓ succeeded  ✓✓ succeeded again  ✗ failed  † did not end  ✉ dead letter",
        "r1  INSERT id-1",
        "r2  INSERT id-2",
        "r3  INSERT id-3",
        "r4  INSERT id-4",
        "r5  INSERT id-5",
        "r6  MODIFY id-6",
    ]


def test_letters_of_one_handler_and_reason_share_a_line() -> None:
    letters = [
        Letter("tell", "one", "Refused"),
        Letter("mail", "one", "Refused"),
        Letter("tell", "two", "Raised"),
        Letter("tell", "three", "Refused"),
    ]
    history = History(dict.fromkeys(["one", "two", "three"], "INSERT"), [invocation(*letters)])
    assert str(history).splitlines()[1:4] == [
        "   dead letters: tell r1✉ r3✉ (Refused)",
        "   dead letter: mail r1✉ (Refused)",
        "   dead letter: tell r2✉ (Raised)",
    ]


def test_dead_letters_stand_in_the_lane_of_the_handler_that_gave_up() -> None:
    page = Page(remembered_story().html())
    assert page.lane("announce") == [
        ["r1 ✓"],
        ["r1 ✓✓", "r2 ✓", "r3 ✓"],
        *([[]] * 4),
        ["r4 ✉", "Undecodable"],
    ]
    assert page.lane("back_up") == [
        ["r1 ✓"],
        ["r1 ✓✓", "r2 ✓", "r3 ✗"],
        *([["r3 ✗"]] * 3),
        ["r3 ✗", "r3 ✉", "Refused"],
        ["r6 ✓", "r4 ✉", "Undecodable"],
    ]


def test_what_reached_no_handler_has_a_lane_after_those_of_all_handlers() -> None:
    page = Page(remembered_story().html())
    lanes = ["delivered", "announce", "back_up", "index", "no handler", "settled", "given up"]
    assert [row[0] for row in page.tables["lanes"][1:]] == [[lane] for lane in lanes]
    assert page.lane("no handler") == [*([[]] * 6), ["r5 ✉", "Unrouted"]]


def test_a_handler_that_only_gave_up_has_a_lane() -> None:
    letters = [Letter("", "one", "Malformed"), Letter("tell", "two", "Undecodable")]
    page = Page(History({"one": "None", "two": "INSERT"}, [invocation(*letters)]).html())
    assert [row[0] for row in page.tables["lanes"][2:4]] == [["tell"], ["no handler"]]
    assert page.lane("tell") == [["r2 ✉", "Undecodable"]]


def test_the_letters_of_one_reason_are_told_together() -> None:
    letters = [
        Letter("tell", "one", "Refused"),
        Letter("tell", "two", "Raised"),
        Letter("tell", "three", "Refused"),
    ]
    history = History(dict.fromkeys(["one", "two", "three"], "INSERT"), [invocation(*letters)])
    assert Page(history.html()).lane("tell") == [["r1 ✉", "r3 ✉", "Refused", "r2 ✉", "Raised"]]


def test_it_says_which_stores_failed() -> None:
    assert Page(remembered_story().html()).lane("settled") == [
        ["ProcessDied", "3 again in 1 s"],
        ["2 settled, 1 again in 2 s"],
        ["ledger not written", "1 again in 4 s"],
        ["1 again in 8 s"],
        ["dead letters not stored", "1 again in 16 s"],
        ["all settled"],
        ["all settled"],
    ]
    failed = replace(
        invocation(call("tell", one="failed")),
        store_failures=("dead letters not stored", "ledger not written"),
        error="the answer was lost",
        outcome="1 again in 1 s",
    )
    assert Page(History({"one": "INSERT"}, [failed]).html()).lane("settled") == [
        ["dead letters not stored", "ledger not written", "the answer was lost", "1 again in 1 s"]
    ]


def test_a_dead_letter_is_part_of_a_records_fate() -> None:
    head, *rows = Page(remembered_story().html()).tables["fates"]
    handlers = [["announce"], ["back_up"], ["index"], ["no handler"]]
    assert head == [[], ["change"], ["deliveries"], *handlers, ["given up"]]
    assert rows[1:5] == [
        [["r2"], ["INSERT", "id-2"], ["2"], ["✓"], ["✓"], ["✓"], [], []],
        [["r3"], ["INSERT", "id-3"], ["6"], ["✓"], ["5 ✗", "✉"], ["✓"], [], []],
        [["r4"], ["INSERT", "id-4"], ["1"], ["✉"], ["✉"], ["✉"], [], []],
        [["r5"], ["INSERT", "id-5"], ["1"], [], [], [], ["✉"], []],
    ]


def test_letters_that_were_stored_again_are_counted_in_a_records_fate() -> None:
    letter = Letter("tell", "one", "Refused")
    history = History({"one": "INSERT"}, [invocation(letter), invocation(letter, number=2)])
    assert Page(history.html()).tables["fates"][1] == [["r1"], ["INSERT", "one"], ["2"], ["2 ✉"], []]


def test_the_legend_counts_dead_letters_and_a_mouse_finds_their_reasons() -> None:
    page = Page(remembered_story().html())
    assert ["✉", "dead letter", "5"] in page.legend
    assert ("letter", "id-3 dead letter: Refused") in page.chips
