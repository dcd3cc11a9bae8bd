"""A shard: what is left to be delivered of it, as Lambda goes by what functions answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamfn import InsertEvent
from streamfn._payloads import parse_batch_response
from streamfn.testing import LambdaEvent, insert_event, lambda_event
from tests.cards import Card
from tests.runtime.api import Answer, Returned


@dataclass
class Shard:
    """The records of a shard that are not settled yet, and what their deliveries came to."""

    events: list[InsertEvent[Card]]
    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def batch(self) -> LambdaEvent:
        """All of them, in one event."""
        return lambda_event(*self.events)

    def take(self, answer: Answer) -> None:
        """Take an answer as Lambda does: whatever is none settles nothing."""
        self.answers.append(answer)
        if isinstance(answer, Returned):
            settled = parse_batch_response(answer.value, [number_of(event) for event in self.events])
            assert isinstance(settled, int), settled
            self.events = self.events[settled:]


def number_of(event: InsertEvent[Card]) -> str:
    """Give the number that an answer names an event by."""
    number = event.record.sequence_number
    assert number is not None
    return number


def shard(*ids: int) -> Shard:
    """Make a shard of new cards, whose data must not be told to anybody."""
    return Shard([insert_event(Card(each, f"secret {each}")) for each in ids])
