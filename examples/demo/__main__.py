"""The demo from start to end: ``python -m examples.demo``. It exits with 1 if anything was lost."""

import signal
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType
from typing import Final, NoReturn

import boto3
from rich.console import Console

from examples.cards.app import cards, handler
from examples.demo import account, audit, changes, logs, loops, ministack, report, stream
from examples.demo.arrivals import letters_in, scan
from examples.demo.comparison import comparison, toll
from examples.demo.loopback import serving
from examples.demo.runs import BATCH_SIZE, Course, Outside, Run, as_deployed, by_hand
from examples.demo.services import SearchIndex, Slack
from streamfn import retry

CARDS: Final = 240
SEED: Final = 7
AWKWARD: Final = range(16, CARDS + 1, 16)
"""The search index has its bad moments with every sixteenth card."""
HOPELESS: Final = (40, 149)
"""It never takes these."""


def main() -> int:
    """Run the demo, print what happens, and give the exit status."""
    console = Console(highlight=False)
    console.width = min(console.width, 80)
    planned = changes.plan(cards=CARDS, seed=SEED)
    with logs.kept() as log, services(console) as outside:
        dynamodb = boto3.client("dynamodb")
        with step(console, f"Creating the table {cards.name} with its stream, a ledger and a queue"):
            stream_arn = account.create_table(dynamodb)
            ledger, meter = account.create_ledger(dynamodb)
            queue = account.create_queue(boto3.client("sqs"))
        with step(console, f"Writing {len(planned)} inserts, updates and deletes"):
            changes.make(planned, dynamodb, cards.name)
        with step(console, "Reading the stream"):
            records = list(stream.records(boto3.client("dynamodbstreams"), stream_arn))
        course = Course(records, scan(dynamodb, cards.name), outside)
        with step(console, f"Delivering {len(records)} records to the function, {BATCH_SIZE} at a time"):
            # The function itself, with stores that were not there yet when `app.py` was imported.
            function = replace(handler, delivery=retry(ledger=ledger, dead_letters=queue))
            followed = course.run(as_deployed(function), bucket="card-backups")
            followed = followed.with_own(letters=letters_in(queue), log=log.lines)
        with step(console, "Delivering them to a loop that raises at the first failure"):
            naive = course.run(by_hand(loops.naive), bucket="backups-of-a-naive-loop")
        with step(console, "Delivering them to a loop that swallows failures"):
            swallowing = course.run(by_hand(loops.swallowing), bucket="backups-of-a-swallowing-loop")
    found = audit.checks(
        planned, followed.arrived, hopeless=HOPELESS, given_up=len(followed.mapping.history.discarded)
    )
    tolls = [toll(planned, each) for each in (naive, swallowing, followed)]
    for part in (*report.parts(planned, followed, meter, found), comparison(*tolls)):
        console.print()
        console.print(part)
    console.print("\nA page with each delivery to the function, to be opened in a browser:")
    console.print(page(followed), soft_wrap=True)
    return 0 if all(check.holds for check in found) else 1


@contextmanager
def services(console: Console) -> Generator[Outside]:
    """Run all services for as long as the block lasts, and point this process at them."""
    slack, index = Slack(), SearchIndex(awkward=AWKWARD, hopeless=HOPELESS)
    with ExitStack() as running:
        with step(console, "Starting ministack, a Slack and a search index, all on 127.0.0.1"):
            account.set_environment(
                aws_url=running.enter_context(ministack.running()),
                slack_url=running.enter_context(serving(slack)),
                search_url=running.enter_context(serving(index)),
            )
        yield Outside(slack, index, boto3.client("s3"))


def page(run: Run) -> str:
    """Write a run's history as a page into a folder for temporary files, and say where it is."""
    path = Path(mkdtemp(prefix="cards-demo-")) / "deliveries.html"
    run.mapping.history.write_html(path)
    return str(path)


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
