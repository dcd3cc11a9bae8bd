"""Reports and deliveries that do not fit the pipeline, and functions that Lambda could not call."""

from datetime import timedelta

from streamfn import Failed, acknowledge, lambda_handler, on_insert, on_remove, pipeline, retry, series
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.redrive import redrive
from tests.typing.cards import Card, S3Error, SlackError, announce, back_up, cards

process = pipeline(cards, on_insert(announce), on_remove(back_up))


def report(failed: Failed[SlackError]) -> None:
    repr(failed)


async def report_later(failed: Failed[SlackError]) -> None:
    repr(failed)


def report_an_error(error: SlackError | S3Error) -> None:
    repr(error)


def report_a_card(failed: Card) -> None:
    repr(failed)


# A report of fewer errors than the pipeline has.
lambda_handler(process, acknowledge(report))  # misc, reportArgumentType
lambda_handler(process, acknowledge(report_later))  # misc, reportArgumentType
lambda_handler(process, retry(report=report))  # misc, reportArgumentType

# No report.
acknowledge(report_an_error)  # arg-type, reportArgumentType
acknowledge(report_a_card)  # arg-type, reportArgumentType
acknowledge(1)  # arg-type, reportArgumentType
retry(report)  # arg-type call-arg, reportCallIssue
retry(whole_batch="yes")  # arg-type, reportArgumentType

# No ledger, no place for letters, no limits.
retry(ledger={})  # arg-type, reportArgumentType
retry(ledger=MemoryDeadLetters())  # arg-type, reportArgumentType
retry(ledger=MemoryLedger(), dead_letters=MemoryLedger())  # arg-type, reportArgumentType
retry(ledger=MemoryLedger(), write="never")  # arg-type, reportArgumentType
retry(ledger=MemoryLedger(), patience=60)  # arg-type, reportArgumentType
redrive(process, MemoryLedger(), ledger=MemoryLedger())  # arg-type, reportArgumentType
redrive(process, MemoryDeadLetters(), ledger=MemoryLedger(), report=report)  # arg-type, reportArgumentType

# No delivery.
lambda_handler(process, retry)  # arg-type, reportArgumentType
lambda_handler(process, report)  # arg-type, reportArgumentType
lambda_handler(process, series)  # arg-type, reportArgumentType
lambda_handler(process, delivery=None)  # arg-type, reportArgumentType

# No pipeline.
lambda_handler(on_insert(announce))  # arg-type, reportArgumentType
lambda_handler(announce)  # arg-type, reportArgumentType

# The wrong margin, and the wrong call.
lambda_handler(process, margin=1)  # arg-type, reportArgumentType
lambda_handler(process, retry(), timedelta(seconds=1))  # call-arg, reportCallIssue
lambda_handler(process)({"Records": []})  # call-arg, reportCallIssue
lambda_handler(process)({"Records": []}, "context")  # arg-type, reportArgumentType
repr(lambda_handler(process)({"Records": []}, None)["failures"])  # typeddict-item, reportGeneralTypeIssues
