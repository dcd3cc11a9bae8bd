"""From Results to the answer: what Lambda is told, what is reported, and what is not started."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    BatchFailed,
    BatchResponse,
    Delivery,
    Event,
    Failed,
    Pipeline,
    Refused,
    acknowledge,
    lambda_handler,
    on_event,
    pipeline,
    retry,
)
from streamfn.testing import insert_event, lambda_event, modify_event
from tests.cards import Card, cards, event, record

A, B, C = (insert_event(Card(number, title)) for number, title in enumerate("abc"))


class Slack:
    """A handler that refuses some cards, and keeps all that it is called with."""

    def __init__(self, *refused: str) -> None:
        """Refuse cards of these titles."""
        self.refused = refused
        self.seen: list[str] = []

    def tell(self, event: Event[Card]) -> Result[str, int]:
        """Succeed with the title, or refuse it."""
        title = cards.structure_keys(Card, event.record.keys).unwrap().title
        self.seen.append(title)
        return Failure(429) if title in self.refused else Success(title)


def answer(process: Pipeline[object, object], delivery: Delivery[object], payload: object) -> BatchResponse:
    """Call what Lambda would call."""
    return lambda_handler(process, delivery)(payload, None)


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


def acknowledge_with(report: Callable[[Failed[object]], None]) -> Delivery[object]:
    """Make a delivery that drops what failed."""
    return acknowledge(report)


def retry_with(report: Callable[[Failed[object]], None]) -> Delivery[object]:
    """Make a delivery that has it come again."""
    return retry(report=report)


def failing_at(*identifiers: str | None) -> BatchResponse:
    """Give the answer that names these."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers if each is not None]}


@pytest.mark.parametrize(
    "delivery", [retry(), retry(whole_batch=True), acknowledge()], ids=["retry", "whole batch", "acknowledge"]
)
def test_a_clean_batch_is_settled(delivery: Delivery[object]) -> None:
    process = pipeline(cards, on_event(Slack().tell))
    assert answer(process, delivery, lambda_event(A, B)) == failing_at()
    assert answer(process, delivery, {"Records": []}) == failing_at()


def test_retry_names_the_record_that_failed_and_starts_nothing_after_it() -> None:
    slack = Slack("b")
    assert answer(
        pipeline(cards, on_event(slack.tell)), retry(report=quiet), lambda_event(A, B, C)
    ) == failing_at(B.record.sequence_number)
    assert slack.seen == ["a", "b"]


def test_all_handlers_run_on_the_record_that_failed() -> None:
    slack, mail = Slack("b"), Slack()
    process = pipeline(cards, on_event(slack.tell), on_event(mail.tell, name="mail"))
    answer(process, retry(report=quiet), lambda_event(A, B, C))
    assert mail.seen == ["a", "b"]


def test_numbers_are_compared_and_not_text() -> None:
    """They grow in length: as text, 10 would come before 9."""
    slack = Slack("hello")
    process = pipeline(cards, on_event(slack.tell))
    # Batches are in order; were one not, the lowest number would still be the one to name.
    batch = event(record(10, "INSERT", change={"Keys": {}}), record(9, "INSERT", change={"Keys": {}}))
    assert answer(process, retry(report=quiet), batch) == failing_at("9")


def test_leading_zeros_do_not_count() -> None:
    batch = event(
        record(1, change={"SequenceNumber": "0010"}), record(2, eventName="", change={"SequenceNumber": "9"})
    )
    refused = pipeline(cards, on_event(Slack("hello").tell))
    assert answer(refused, retry(report=quiet), batch) == failing_at("9")


def test_an_entry_that_is_no_record_comes_again_by_its_number() -> None:
    slack = Slack()
    batch = event(record(1), record(2, eventName="UPSERT"), record(3))
    assert answer(pipeline(cards, on_event(slack.tell)), retry(report=quiet), batch) == failing_at("2")
    assert slack.seen == ["hello"]


@pytest.mark.parametrize("broken", ["text", record(2, without="SequenceNumber", eventName="UPSERT")])
def test_where_no_answer_could_name_the_record_the_whole_batch_comes_again(broken: object) -> None:
    with pytest.raises(BatchFailed, match="a failed record has no sequence number that an answer could name"):
        answer(pipeline(cards, on_event(Slack().tell)), retry(report=quiet), event(record(1), broken))


def test_a_number_that_is_there_twice_is_named_once() -> None:
    batch = event(record(1), record(2), record(2))
    refused = pipeline(cards, on_event(Slack("hello").tell))
    assert answer(refused, retry(report=quiet), batch) == failing_at("1")
    assert answer(refused, retry(report=quiet), event(record(2), record(2))) == failing_at("2")


def test_whole_batch_raises_instead_of_answering() -> None:
    """For mappings without ReportBatchItemFailures, where Lambda would take every answer for a success."""
    slack = Slack("b")
    process = pipeline(cards, on_event(slack.tell))
    with pytest.raises(BatchFailed, match="2 failures; the first: Failed"):
        answer(process, retry(whole_batch=True, report=quiet), lambda_event(A, B, C))
    assert slack.seen == ["a", "b"]


def test_acknowledge_runs_everything_and_asks_for_nothing_again() -> None:
    slack = Slack("a", "b")
    process = pipeline(cards, on_event(slack.tell))
    assert answer(process, acknowledge(quiet), lambda_event(A, B, C)) == failing_at()
    assert slack.seen == ["a", "b", "c"]


def test_acknowledge_reports_the_handler_the_event_and_the_error() -> None:
    reported: list[Failed[int]] = []
    process = pipeline(cards, on_event(Slack("b").tell))
    lambda_handler(process, acknowledge(reported.append))(lambda_event(A, B), None)
    assert reported == [Failed(B.record, "tell", Refused(429))]


def test_a_report_that_has_to_be_awaited_is_awaited() -> None:
    reported: list[str | None] = []

    async def report(failed: Failed[int]) -> None:
        reported.append(failed.handler)

    lambda_handler(pipeline(cards, on_event(Slack("b").tell)), acknowledge(report))(lambda_event(B), None)
    assert reported == ["tell"]


def test_retry_reports_what_failed_and_not_what_waits_for_it() -> None:
    reported: list[Failed[int]] = []
    process = pipeline(cards, on_event(Slack("a", "b", "c").tell))
    lambda_handler(process, retry(report=reported.append))(lambda_event(A, B, C), None)
    assert [each.record for each in reported] == [A.record]


@pytest.mark.parametrize("make", [acknowledge_with, retry_with])
def test_a_report_that_raises_is_logged_and_changes_nothing_else(
    make: Callable[[Callable[[Failed[object]], None]], Delivery[object]], caplog: pytest.LogCaptureFixture
) -> None:
    reported: list[Failed[object]] = []

    def report(failed: Failed[object]) -> None:
        reported.append(failed)
        raise ConnectionError("secret")

    process = pipeline(cards, on_event(Slack("a").tell), on_event(Slack("a").tell, name="mail"))
    given = answer(process, make(report), lambda_event(A, B))
    assert given in (failing_at(), failing_at(A.record.sequence_number))
    assert [each.handler for each in reported] == ["tell", "mail"]
    place = f"test_plain_deliveries.py:{report.__code__.co_firstlineno + 2} in {report.__qualname__}"
    assert [each.getMessage() for each in caplog.records] == [
        f"the report raised ConnectionError on: {each!r} at tests/delivery/{place}" for each in reported
    ]
    assert "secret" not in caplog.text


@pytest.mark.parametrize("exception", [KeyboardInterrupt(), SystemExit(1)])
def test_a_report_can_end_the_process(exception: BaseException) -> None:
    def report(_: Failed[object]) -> None:
        raise exception

    with pytest.raises(type(exception)):
        answer(pipeline(cards, on_event(Slack("a").tell)), retry(report=report), lambda_event(A))


def test_by_default_failures_are_logged_as_json_without_data(caplog: pytest.LogCaptureFixture) -> None:
    changed = modify_event(Card(7, "secret"), Card(7, "secret"), event_id="id-7", sequence_number="700")
    with caplog.at_level(logging.ERROR, logger="streamfn"):
        answer(pipeline(cards, on_event(Slack("secret").tell)), retry(), lambda_event(changed))
    (line,) = caplog.records
    place = f"tests/delivery/test_plain_deliveries.py:{Slack.tell.__code__.co_firstlineno} in Slack.tell"
    assert line.getMessage() == (
        '{"reason": "Refused", "detail": "int", "handler": "tell", "eventID": "id-7", "sequenceNumber": "700", '
        '"eventName": "MODIFY", '
        '"eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000", '
        f'"location": "{place}"}}'
    )


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        (record(1, eventName="UPSERT"), '"reason": "Malformed", "detail": "eventName: expected INSERT'),
        (
            record(1, eventSourceARN="arn"),
            '"detail": "eventSourceARN is no ARN of a DynamoDB stream: \'arn\'; declared: prod-Card"',
        ),
        (record(1, without="NewImage"), '"reason": "MissingImage", "detail": "NewImage"'),
        (
            record(1, change={"NewImage": {}}),
            '"reason": "Undecodable", "detail": "$.id: missing; $.title: missing"',
        ),
    ],
)
def test_the_log_says_what_is_wrong_with_a_record(
    broken: object, detail: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer(pipeline(cards, on_event(Slack().tell)), retry(), event(broken))
    assert detail in caplog.text


def test_the_log_says_what_a_handler_raised(caplog: pytest.LogCaptureFixture) -> None:
    def break_down(_: Event[Card]) -> Result[None, int]:
        raise LookupError("secret")

    answer(pipeline(cards, on_event(break_down)), retry(), lambda_event(A))
    assert '"reason": "Raised", "detail": "LookupError", "handler": "break_down"' in caplog.text
    assert "secret" not in caplog.text


def test_the_log_says_what_a_handler_returned_instead_of_a_result(caplog: pytest.LogCaptureFixture) -> None:
    """That is a type, and no data."""

    def forget(event: Event[Card]) -> Result[None, int]:
        return cast("Result[None, int]", cast("object", event.event_id))

    answer(pipeline(cards, on_event(forget)), retry(), lambda_event(A))
    assert '"detail": "TypeError: the handler returned str, expected a Result"' in caplog.text
    assert f"test_plain_deliveries.py:{forget.__code__.co_firstlineno} in" in caplog.text
