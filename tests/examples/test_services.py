"""The demo's services behave as the cards function expects of the real ones, and as badly as they are made to."""

import json

from examples.demo.loopback import Request
from examples.demo.services import REFUSALS, SearchIndex, Slack, told

FINE, AWKWARD, HOPELESS = "/cards/1/a", "/cards/9/moody", "/cards/13/never"


def put(path: str, **document: object) -> Request:
    """Ask for a document to be stored."""
    return Request("PUT", path, json.dumps(document).encode())


def delete(path: str) -> Request:
    """Ask for a document to be deleted."""
    return Request("DELETE", path, b"")


def test_slack_keeps_messages_in_order() -> None:
    """Repeats are kept as well, to be counted."""
    slack = Slack()

    assert [200] * 3 == [slack(Request("POST", "/", json.dumps({"text": text}).encode())) for text in "aba"]
    assert ["a", "b", "a"] == slack.messages


def test_each_change_of_an_awkward_card_is_refused_at_first() -> None:
    """It is taken after that, and the next change meets the same."""
    index = SearchIndex(awkward={9})

    first = [index(put(AWKWARD, title="old")) for _ in range(REFUSALS + 1)]
    second = [index(put(AWKWARD, title="new")) for _ in range(REFUSALS + 1)]

    assert [*[503] * REFUSALS, 200] == first == second
    assert {AWKWARD: {"title": "new"}} == index.documents
    assert [told(AWKWARD, {"title": title}) for title in ("old", "new")] == index.taken
    assert 2 * REFUSALS == len(index.refused)


def test_a_change_that_was_taken_is_taken_again() -> None:
    """A loop that repeats everything is not punished more than it would be by a real index."""
    index = SearchIndex(awkward={9})

    answers = [index(delete(AWKWARD)) for _ in range(REFUSALS + 2)]

    assert [*[503] * REFUSALS, 404, 404] == answers


def test_a_hopeless_card_is_refused_for_ever() -> None:
    """Only its removal is fine with the index, which has nothing to remove."""
    index = SearchIndex(hopeless={13})

    assert [400] * 9 == [index(put(HOPELESS, title="x")) for _ in range(9)]
    assert [200, 404] == [index(put(FINE, title="a")), index(delete(HOPELESS))]
    assert {FINE: {"title": "a"}} == index.documents


def test_a_deleted_document_is_gone() -> None:
    """Deleting it again changes nothing, and the answer says that it was not there."""
    index = SearchIndex()
    index(put(FINE, title="a"))

    assert [200, 404] == [index(delete(FINE)) for _ in range(2)]
    assert {} == index.documents


def test_a_service_that_begins_anew_takes_nothing_from_who_counts() -> None:
    """What was counted in one run is not changed by the next."""
    slack, index = Slack(["hello"]), SearchIndex(awkward={9})
    index(put(AWKWARD, title="x"))
    index(put(FINE, title="a"))
    messages, taken, refused, documents = slack.messages, index.taken, index.refused, index.documents

    slack.begin_anew()
    index.begin_anew()

    assert ([], [], [], {}) == (slack.messages, index.taken, index.refused, index.documents)
    assert (["hello"], 1, 1, [FINE]) == (messages, len(taken), len(refused), list(documents))
    assert [503, 503, 200] == [index(put(AWKWARD, title="x")) for _ in range(3)], "the same refusals again"
