"""Results taken apart, and the context that Lambda would give."""

from __future__ import annotations

from datetime import timedelta

from returns.result import Failure, Result, Success

from streamfn import InsertEvent, OutOfTime, Raised, Refused, lambda_handler, on_insert, pipeline, retry
from streamfn.testing import failures, insert_event, lambda_context, lambda_event, values
from tests.cards import Card, Refusal, cards


def announce(event: InsertEvent[Card]) -> Result[str, Refusal]:
    match event.new_image.title:
        case "refuse":
            return Failure(Refusal(400))
        case "raise":
            raise ValueError(event.new_image.title)
        case title:
            return Success(title)


process = pipeline(cards, on_insert(announce))


def test_values_and_failures_part_the_results_in_their_order() -> None:
    titles = ["a", "refuse", "b", "raise", "c"]
    results = process(
        lambda_event(*(insert_event(Card(number, title)) for number, title in enumerate(titles)))
    )
    assert values(results) == ["a", "b", "c"]
    refused, raised = failures(results)
    assert (refused.handler, refused.reason) == ("announce", Refused(Refusal(400)))
    assert refused.record.event_id == results[1].failure().record.event_id
    assert isinstance(raised.reason, Raised)


def test_a_context_has_the_time_that_the_test_sets() -> None:
    context = lambda_context()
    assert context.get_remaining_time_in_millis() == 60_000
    context.remaining = timedelta(milliseconds=1500, microseconds=999)
    assert context.get_remaining_time_in_millis() == 1500


def test_what_becomes_of_a_function_whose_time_runs_out_can_be_tested() -> None:
    context = lambda_context(timedelta(seconds=10))

    def slow(event: InsertEvent[Card]) -> Result[str, Refusal]:
        context.remaining -= timedelta(seconds=3)
        return Success(event.new_image.title)

    reasons: list[object] = []
    handler = lambda_handler(
        pipeline(cards, on_insert(slow)), retry(report=lambda failed: reasons.append(failed.reason))
    )
    events = [insert_event(Card(number, "a")) for number in range(3)]
    answer = handler(lambda_event(*events), context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": events[2].record.sequence_number}]}
    assert reasons == [OutOfTime()]
