"""What `lambda_handler` makes of a pipeline and a delivery, and which reports fit which pipelines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import assert_type

from streamfn import (
    BatchItemFailure,
    BatchResponse,
    Delivery,
    Failed,
    LambdaContext,
    Pipeline,
    Reason,
    acknowledge,
    lambda_handler,
    log_failure,
    on_insert,
    on_remove,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.mappings import Finding, LambdaClient, check_mapping
from streamfn.redrive import Redriven, redrive
from tests.typing.cards import S3Error, SlackError, announce, back_up, cards

process = pipeline(cards, on_insert(announce), on_remove(back_up))


def report(failed: Failed[SlackError | S3Error]) -> None:
    assert_type(failed.reason, Reason[SlackError | S3Error])


def report_anything(failed: Failed[object]) -> None:
    assert_type(failed.handler, str | None)


async def report_later(failed: Failed[SlackError | S3Error]) -> None:
    assert_type(failed.reason, Reason[SlackError | S3Error])


class Metrics:
    def count(self, failed: Failed[object]) -> None:
        assert_type(failed.handler, str | None)


def test_a_handler_takes_an_event_and_a_context_and_answers_lambda() -> None:
    handler = lambda_handler(process)
    function: Callable[[object, LambdaContext | None], BatchResponse] = handler
    answer = function({"Records": []}, None)
    assert_type(handler.process, Pipeline[str | bytes, SlackError | S3Error])
    assert_type(answer["batchItemFailures"], list[BatchItemFailure])
    assert {"batchItemFailures": []} == answer


def test_deliveries_with_their_own_reports() -> None:
    lambda_handler(process, retry())
    lambda_handler(process, retry(whole_batch=True))
    lambda_handler(process, retry(report=report))
    lambda_handler(process, retry(report=report_later), margin=timedelta(seconds=3))
    lambda_handler(process, retry(ledger=MemoryLedger(), report=report))
    lambda_handler(process, retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters(), write="always"))
    lambda_handler(process, acknowledge())
    lambda_handler(process, acknowledge(report))
    lambda_handler(process, acknowledge(report=report_later))
    lambda_handler(process, acknowledge(report_anything))
    lambda_handler(process, acknowledge(Metrics().count))
    lambda_handler(process, acknowledge(log_failure))
    lambda_handler(process, acknowledge(lambda _: None))


def test_a_delivery_for_more_errors_serves_a_pipeline_with_fewer() -> None:
    wide: Delivery[SlackError | S3Error] = acknowledge(report)
    lambda_handler(pipeline(cards, on_insert(announce)), wide)
    lambda_handler(pipeline(cards, on_remove(back_up)), retry(report=report))
    anything: Delivery[object] = retry()
    lambda_handler(process, anything)


def test_letters_are_redriven_with_the_errors_of_the_pipeline() -> None:
    redriven = redrive(process, MemoryDeadLetters(), ledger=MemoryLedger(), report=report)
    assert_type(redriven, list[Redriven[SlackError | S3Error]])
    assert redriven == []


def findings(client: LambdaClient) -> None:
    """Any function fits, whatever its handlers fail with."""
    assert_type(check_mapping(client, "follow-cards", lambda_handler(process)), list[Finding])
