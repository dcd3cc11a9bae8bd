"""The cards function does its three jobs and says what it could not do.

Its clients are real; at their other ends are servers in this process that keep what they are asked.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from returns.result import Success

from examples.cards import app
from examples.cards.app import Card, S3Error, SearchError, SlackError, cards, handler, process
from streamfn import Image, Refused, read, retry
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import failures, insert_event, lambda_event, modify_event, remove_event, values
from tests.examples.outside import Outside

HELLO = Card(1, "hello")
FULL = Card(2, "full", owner="ada", tags=frozenset({"b", "a"}), expires_at=datetime(2100, 1, 1, tzinfo=UTC))


def test_a_new_card_is_announced_and_indexed(outside: Outside) -> None:
    """One insert makes one message and one document."""
    results = process(lambda_event(insert_event(HELLO)))

    assert ["announced hello", "indexed hello"] == values(results)
    assert [{"text": "New card 1: hello"}] == outside.slack.bodies()
    assert [("PUT", "/cards/1/hello")] == outside.search.asked()


def test_a_title_cannot_call_everybody(outside: Outside) -> None:
    """Slack's control sequences in a title arrive as text."""
    process(lambda_event(insert_event(Card(1, "<!channel> & co"))))

    assert [{"text": "New card 1: &lt;!channel&gt; &amp; co"}] == outside.slack.bodies()


def test_a_removed_card_is_backed_up_and_taken_out_of_the_index(outside: Outside) -> None:
    """The object holds the whole card, in the shape that DynamoDB imports."""
    results = process(lambda_event(remove_event(FULL)))

    (stored,) = outside.s3.requests
    image: Image = json.loads(stored.body)["Item"]
    assert ["backed up full", "indexed full"] == values(results)
    assert Success(FULL) == cards.structure(image)
    assert [("DELETE", "/cards/2/full")] == outside.search.asked()


def test_a_card_that_the_index_never_had_is_no_failure(outside: Outside) -> None:
    """A removal that comes again finds nothing left to delete; failing then would go on for ever."""
    outside.search.status = 404

    results = process(lambda_event(remove_event(HELLO)))

    assert ["backed up hello", "hello was not indexed"] == values(results)


def test_a_repeated_delivery_writes_the_same_object_again(outside: Outside) -> None:
    """The event names the object, so that a repeat leaves no second backup, and a second removal its own."""
    event = lambda_event(remove_event(HELLO))
    process(event)
    process(event)
    process(lambda_event(remove_event(HELLO)))

    first, repeat, second = outside.s3.asked()
    assert first == repeat
    assert first != second


def test_a_changed_card_is_indexed_and_not_announced(outside: Outside) -> None:
    """The document has the new values; an update is no news."""
    results = process(lambda_event(modify_event(HELLO, replace(HELLO, owner="ada", tags=frozenset("ba")))))

    assert ["indexed hello"] == values(results)
    assert [{"title": "hello", "owner": "ada", "tags": ["a", "b"]}] == outside.search.bodies()
    assert [] == outside.slack.requests


def test_a_title_with_a_slash_is_a_document_of_its_own(outside: Outside) -> None:
    """A title is one part of the document's address, whatever is in it."""
    process(lambda_event(insert_event(Card(1, "either/or?"))))

    assert [("PUT", "/cards/1/either/or?")] == outside.search.asked()
    assert app.document_url(Card(1, "either/or?")).endswith("/cards/1/either%2For%3F")


# slack_sdk does not close the answer that it takes from a refusal, of which Python 3.14 warns.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up <HTTPError:ResourceWarning")
def test_what_slack_refuses_is_a_failure_with_its_status(outside: Outside) -> None:
    """slack_sdk does not raise; the card is indexed nevertheless."""
    outside.slack.status = 404

    results = process(lambda_event(insert_event(HELLO)))

    assert [("announce", Refused(SlackError(404)))] == [(it.handler, it.reason) for it in failures(results)]
    assert ["indexed hello"] == values(results)


def test_what_s3_refuses_is_a_failure_with_its_code(outside: Outside) -> None:
    """boto3 raises; the handler returns."""
    outside.s3.status = 403

    results = process(lambda_event(remove_event(HELLO)))

    assert [("back_up", Refused(S3Error("403")))] == [(it.handler, it.reason) for it in failures(results)]


def test_what_the_index_refuses_comes_again_to_the_index_alone(outside: Outside) -> None:
    """Lambda is told of the first record that failed; Slack, which has heard of both cards, hears of neither again."""
    remembering = replace(handler, delivery=retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters()))
    outside.search.status = 503
    event = lambda_event(insert_event(HELLO), insert_event(FULL))

    first = remembering(event, None)
    outside.search.status = 200
    second = remembering(event, None)

    assert {"batchItemFailures": [{"itemIdentifier": read(event)[0].sequence_number}]} == first
    assert {"batchItemFailures": []} == second
    assert [{"text": "New card 1: hello"}, {"text": "New card 2: full"}] == outside.slack.bodies()
    assert [("PUT", "/cards/1/hello"), ("PUT", "/cards/2/full")] * 2 == outside.search.asked()


def test_what_the_index_refuses_is_a_failure_with_its_status(outside: Outside) -> None:
    """Slack was told all the same: one handler's failure keeps no other from the record."""
    outside.search.status = 503

    results = process(lambda_event(insert_event(HELLO)))

    assert [("index", Refused(SearchError(503)))] == [(it.handler, it.reason) for it in failures(results)]
    assert ["announced hello"] == values(results)
