"""The demo from start to end: ``python -m examples.demo``. It exits with 1 if anything was lost."""

import signal
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final, NoReturn

import boto3
from rich.console import Console

from examples.cards.app import cards, handler
from examples.demo import account, audit, changes, logs, mapping, ministack, report, stream
from examples.demo.loopback import serving
from examples.demo.services import SearchIndex, Slack

CARDS: Final = 240
SEED: Final = 7
BATCH_SIZE: Final = 25
AWKWARD: Final = 9
"""The search index has its bad moments with every ninth card."""


def main() -> int:
    """Run the demo, print what happens, and give the exit status."""
    console = Console(highlight=False)
    console.width = min(console.width, 80)
    with ExitStack() as running:
        slack, index = Slack(), SearchIndex(awkward=awkward)
        log = running.enter_context(logs.kept())
        with step(console, "Starting ministack, and what plays Slack and a search index, on 127.0.0.1"):
            account.set_environment(
                aws_url=running.enter_context(ministack.running()),
                slack_url=running.enter_context(serving(slack)),
                search_url=running.enter_context(serving(index)),
            )
        dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
        with step(console, f"Creating the table {cards.name}, its stream and a bucket"):
            stream_arn = account.create_table(dynamodb)
            account.create_bucket(s3)
        planned = changes.plan(cards=CARDS, seed=SEED)
        with step(console, f"Writing {len(planned)} inserts, updates and deletes"):
            changes.make(planned, dynamodb, cards.name)
        with step(console, "Reading the stream"):
            records = list(stream.records(boto3.client("dynamodbstreams"), stream_arn))
        with step(console, f"Delivering {len(records)} records to the function, {BATCH_SIZE} at a time"):
            deliveries = list(mapping.deliver(records, handler, batch_size=BATCH_SIZE))
        with step(console, "Looking at what arrived"):
            arrived = audit.Arrived(
                table=audit.scan(dynamodb, cards.name),
                messages=slack.messages,
                backups=audit.backups_in(account.BUCKET, s3),
                documents=index.documents,
                accepted=index.accepted,
                refused=index.refused,
                log=log.lines,
            )
        found = audit.checks(planned, arrived)
    report.show(console, deliveries, report.outcomes(planned, arrived), arrived, found)
    return 0 if all(check.holds for check in found) else 1


def awkward(path: str) -> bool:
    """Say whether the search index has its bad moments with the card of this document."""
    return int(path.split("/")[2]) % AWKWARD == 0


@contextmanager
def step(console: Console, what: str) -> Generator[None]:
    """Say what is being done, and then how long it took."""
    console.print(f"{what} … ", end="")
    started = time.monotonic()
    yield
    console.print(f"[dim]{time.monotonic() - started:.1f} s")


def end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End in good order, so that ministack does not live on."""
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    sys.exit(main())
