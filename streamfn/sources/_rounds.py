"""The rounds that a reader makes: shard by shard, one request or one batch each, until it is stopped.

There is one loop and no thread. Batches are handed out one at a time, so records of an item are in order as long as
those of a shard are, and a parent's come before its children's. A shard that has to wait, because a batch of it failed
or a request was turned away, has a time when it is due again, and the others go on until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Final, Literal, TypeAlias

from streamfn._get_records import as_lambda_sends
from streamfn.sources._backoff import Backoff
from streamfn.sources._batch import Batch
from streamfn.sources._checkpoints import Checkpoints
from streamfn.sources._clock import Clock
from streamfn.sources._lineage import at_the_end, childless, readable
from streamfn.sources._notices import Finished, Notice, NotSettled, Reading, Report, Trimmed, TurnedAway, tell
from streamfn.sources._positions import Drained, Position
from streamfn.sources._requests import (
    IteratorExpired,
    Listing,
    NotAnswered,
    NotThere,
    RecordsDropped,
    Requests,
)
from streamfn.sources._shard import LONGEST, SHORTEST, Shard, number_of, shard_at

Start: TypeAlias = Literal["horizon", "latest"]
"""Where a reader without a checkpoint begins: with the oldest records that there are, or after the newest."""

AT_MOST_EVERY: Final = 0.2
"""A shard may be read five times a second ("Reading and processing a stream", DynamoDB Developer Guide)."""

LOOK_EVERY: Final = 30.0
"""How often to look for new shards if nothing points to any, in seconds. DynamoDB says nothing of them."""


class Rounds:
    """Reads a stream from where its checkpoint is, and moves that on."""

    def __init__(
        self,
        requests: Requests,
        checkpoints: Checkpoints,
        report: Report,
        clock: Clock,
        *,
        start: Start,
        batch_size: int,
        poll: timedelta,
    ) -> None:
        """Begin with what was saved for the stream. Fails with what loading it raises."""
        self._requests = requests
        self._checkpoints = checkpoints
        self._report = report
        self._clock = clock
        self._start: Start = start
        self._batch_size = batch_size
        self._poll = poll.total_seconds()
        saved = checkpoints.load(requests.stream)
        self._is_new = saved is None
        self._positions: dict[str, Position] = dict(saved or {})
        self._reading = {
            name: shard_at(name, position)
            for name, position in self._positions.items()
            if not isinstance(position, Drained)
        }
        self._listing: Listing | None = None
        self._look_at = 0.0
        self._look_again = self._poll
        self._looks = Backoff(SHORTEST, LONGEST)

    def batches(self, is_stopped: Callable[[], bool]) -> Iterator[Batch]:
        """Give batches until somebody stops the reader, or the stream is switched off and all of it is settled."""
        while not is_stopped():
            if self._look_at <= self._clock.monotonic():
                self._look()
            if self._listing is None:
                self._wait([])
                continue
            for shard in list(self._reading.values()):
                if is_stopped():
                    return
                if shard.due > self._clock.monotonic():
                    continue
                if shard.records:
                    batch = self._batch(shard)
                    yield batch
                    batch.give_up()
                else:
                    self._go_on(shard)
            if not self._reading and self._listing.is_off:
                return
            self._wait(self._reading.values())

    def _wait(self, shards: Iterable[Shard]) -> None:
        """Wait until one of them is due, or a look at the stream."""
        due = min([self._look_at, *(shard.due for shard in shards)])
        if (seconds := due - self._clock.monotonic()) > 0:
            self._clock.wait(seconds)

    def _look(self) -> None:
        """List the shards, and begin with those that may be read now."""
        try:
            listing = self._requests.shards()
        except NotAnswered as error:
            self._tell(TurnedAway(self._requests.stream, None, str(error)))
            self._look_at = self._clock.monotonic() + self._looks.next()
            return
        self._looks.reset()
        self._look_at = self._clock.monotonic() + self._look_again
        self._look_again = min(2 * self._look_again, max(LOOK_EVERY, self._poll))
        self._listing = listing
        if self._is_new:
            self._begin(listing)
        self._open(listing)

    def _begin(self, listing: Listing) -> None:
        """Save where the reader begins before it reads anything, so that another start makes no difference later."""
        if self._start == "latest":
            self._positions = at_the_end(listing, self._clock.now)
            for name, position in self._positions.items():
                if not isinstance(position, Drained):
                    shard = self._reading[name] = shard_at(name, position)
                    shard.at_end = True
        self._is_new = False
        self._save()

    def _open(self, listing: Listing) -> None:
        for name in list(readable(listing, self._positions, self._reading)):
            self._reading[name] = shard_at(name, None)

    def _finish(self, shard: Shard) -> None:
        """Go on with the children of a shard that is drained, or look for them."""
        del self._reading[shard.name]
        self._positions[shard.name] = Drained()
        self._save()
        self._tell(Finished(self._requests.stream, shard.name))
        if self._listing is None or childless(self._listing, shard.name):
            self._look_at, self._look_again = self._clock.monotonic(), self._poll
        else:
            self._open(self._listing)

    def _save(self) -> None:
        """Save all positions but those of drained shards that are no longer listed: no child will ask for them."""
        listed = self._listing.shards if self._listing is not None else {}
        self._checkpoints.save(
            self._requests.stream,
            {
                name: position
                for name, position in self._positions.items()
                if name in listed or not isinstance(position, Drained)
            },
        )

    def _go_on(self, shard: Shard) -> None:
        """Make the next request for a shard that has no records to hand out."""
        try:
            if shard.iterator is not None:
                self._read(shard, shard.iterator)
            else:
                self._seek(shard)
        except IteratorExpired:
            shard.iterator = None
            shard.due = self._clock.monotonic() + shard.requests.next()
        except RecordsDropped:
            self._dropped(shard)
        except NotThere as error:
            self._not_there(shard, str(error))
        except NotAnswered as error:
            self._turned_away(shard, str(error))

    def _seek(self, shard: Shard) -> None:
        start = shard.start
        shard.seek(self._requests)
        shard.requests.reset()
        if not shard.was_found:
            shard.was_found = True
            self._tell(Reading(self._requests.stream, shard.name, start))

    def _read(self, shard: Shard, iterator: str) -> None:
        if (now := self._clock.monotonic()) < shard.next_read:
            shard.due = shard.next_read
            return
        shard.next_read = now + AT_MOST_EVERY
        page = self._requests.page(iterator)
        shard.requests.reset()
        shard.read(page)
        if shard.is_ended and not shard.records:
            self._finish(shard)
        elif not page.records:
            shard.due = self._clock.monotonic() + self._poll

    def _dropped(self, shard: Shard) -> None:
        """Say that records may be lost, and go on with those that are there."""
        self._tell(Trimmed(self._requests.stream, shard.name, shard.place))
        shard.forget()
        shard.due = self._clock.monotonic() + shard.requests.next()

    def _not_there(self, shard: Shard, reason: str) -> None:
        """Find out whether a shard is gone for good. Fails with `NoStream` if the stream is."""
        try:
            self._listing = self._requests.shards()
        except NotAnswered as error:
            self._turned_away(shard, str(error))
            return
        if shard.name in self._listing.shards:
            self._turned_away(shard, reason)
            return
        self._tell(Trimmed(self._requests.stream, shard.name, shard.place))
        self._finish(shard)

    def _turned_away(self, shard: Shard, reason: str) -> None:
        self._tell(TurnedAway(self._requests.stream, shard.name, reason))
        shard.due = self._clock.monotonic() + shard.requests.next()

    def _batch(self, shard: Shard) -> Batch:
        stream = self._requests.stream
        raw = list(islice(shard.records, self._batch_size))
        records = [as_lambda_sends(record, stream) for record in raw]
        numbers = [number_of(record) for record in raw]

        def settled(count: int, reason: str) -> None:
            if count:
                self._positions[shard.name] = shard.settle(count)
                shard.deliveries.reset()
                if shard.is_ended and not shard.records:
                    self._finish(shard)
                else:
                    self._save()
            if count < len(numbers):
                self._tell(NotSettled(stream, shard.name, numbers[count], len(numbers) - count, reason))
                shard.due = self._clock.monotonic() + shard.deliveries.next()

        return Batch(stream, shard.name, records, numbers, settled)

    def _tell(self, notice: Notice) -> None:
        tell(self._report, notice)
