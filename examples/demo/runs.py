"""Run the same records through a function behind an event source mapping, and look at what arrived.

Lambda's part is played by `streamfn.testing.EventSourceMapping`, by a clock of its own: between attempts it waits as
Lambda does, and nobody has to wait for it. So the function has the patience here that it has where it is deployed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from examples.cards.app import Card
from examples.demo import account
from examples.demo.arrivals import Arrived, backups_in
from examples.demo.services import SearchIndex, Slack
from examples.demo.stream import WireRecord
from streamfn import LambdaContext
from streamfn.dead_letters import DeadLetter
from streamfn.testing import EventSourceMapping

if TYPE_CHECKING:
    from boto3 import S3Client

BATCH_SIZE: Final = 25

RETRIES: Final = 10
"""After so many Lambda gives up a loop's batch; a function with streamfn makes a dead letter after about as many."""

Function: TypeAlias = Callable[[object, LambdaContext], object]
"""What Lambda calls: an event and a context in, an answer out."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run over all records: what Lambda did in it, and what arrived by it."""

    mapping: EventSourceMapping
    arrived: Arrived

    @property
    def time(self) -> str:
        """How long it took by the simulated clock, as h:mm:ss."""
        invocations = self.mapping.history.invocations
        return str(invocations[-1].ended - invocations[0].began)

    def with_own(self, *, letters: Sequence[DeadLetter], log: Sequence[str]) -> "Run":
        """Add what the function itself left behind: its dead letters, and the lines of its log."""
        return replace(self, arrived=replace(self.arrived, letters=letters, log=log))


@dataclass(frozen=True, slots=True)
class Outside:
    """What the cards function works on."""

    slack: Slack
    index: SearchIndex
    s3: "S3Client"


@dataclass(frozen=True, slots=True)
class Course:
    """The records of a stream, the table that they led to, and the services that are told of them."""

    records: Sequence[WireRecord]
    table: Sequence[Card]
    outside: Outside

    def run(self, mapping: EventSourceMapping, *, bucket: str) -> Run:
        """Begin with nothing anywhere, deliver all records, and look at what arrived."""
        slack, index, s3 = self.outside.slack, self.outside.index, self.outside.s3
        slack.begin_anew()
        index.begin_anew()
        account.create_bucket(s3, bucket)
        mapping.deliver(*self.records)
        return Run(
            mapping,
            Arrived(
                table=self.table,
                messages=slack.messages,
                backups=backups_in(bucket, s3),
                documents=index.documents,
                taken=index.taken,
                refused=index.refused,
            ),
        )


def as_deployed(function: Function) -> EventSourceMapping:
    """Put a function behind the stream with the settings of its template, but with smaller batches."""
    return EventSourceMapping(
        function,
        batch_size=BATCH_SIZE,
        bisect_batch_on_function_error=True,
        maximum_record_age=timedelta(hours=20),
        on_failure="S3",
        timeout=timedelta(seconds=60),
    )


def by_hand(loop: Function) -> EventSourceMapping:
    """Put a loop behind the stream with Lambda's own settings, but with an end to what it would repeat for 24 hours.

    The end is one of attempts, which is the kinder one. All records here are equally old, so an age would end them all
    at once, those of later batches that were never tried as well.
    """
    return EventSourceMapping(
        loop, batch_size=BATCH_SIZE, report_batch_item_failures=False, maximum_retry_attempts=RETRIES
    )
