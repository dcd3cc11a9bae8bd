"""The demo's services behave as the cards function expects of the real ones, and as badly as they are made to."""

import json

from examples.demo.loopback import Request
from examples.demo.services import REFUSALS, SearchIndex, Slack

AWKWARD = "/cards/9/moody"


def put(path: str, **document: object) -> Request:
    """Ask for a document to be stored."""
    return Request("PUT", path, json.dumps(document).encode())


def test_slack_keeps_messages_in_order() -> None:
    """Repeats are kept as well, to be counted."""
    slack = Slack()

    assert [200] * 3 == [slack(Request("POST", "/", json.dumps({"text": text}).encode())) for text in "aba"]
    assert ["a", "b", "a"] == slack.messages


def test_each_change_of_an_awkward_card_is_refused_at_first() -> None:
    """It is taken after that, and the next change meets the same."""
    index = SearchIndex(awkward=lambda path: path == AWKWARD)

    first = [index(put(AWKWARD, title="old")) for _ in range(REFUSALS + 1)]
    second = [index(put(AWKWARD, title="new")) for _ in range(REFUSALS + 1)]

    assert [*[503] * REFUSALS, 200] == first == second
    assert {AWKWARD: {"title": "new"}} == index.documents
    assert (2 * REFUSALS, 2) == (index.refused, index.accepted)


def test_a_deleted_document_is_gone() -> None:
    """Deleting it again changes nothing, and the answer says that it was not there."""
    index = SearchIndex(awkward=lambda _: False)
    index(put("/cards/1/a", title="a"))

    assert [200, 404] == [index(Request("DELETE", "/cards/1/a", b"")) for _ in range(2)]
    assert {} == index.documents
