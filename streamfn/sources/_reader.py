"""The reader of a live stream: batches, rounds over the shards, and `StreamReader`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from datetime import timedelta
from itertools import islice
from typing import Final, Literal, Protocol, TypeAlias, TypedDict, cast

from typing_extensions import override

from streamfn._aws import (
    Backoff,
    OnFirstUse,
    StreamsClient,
    TablesClient,
    error_code,
    make_dynamodb,
    make_streams,
)
from streamfn._delivery.plain import check_delivery, check_report, what_raised
from streamfn._errors import Misuse, check_function, checked_table_name, has_methods, kind_of
from streamfn._payloads import settled_by
from streamfn._pipeline import Pipeline
from streamfn._records import as_lambda_sends
from streamfn._time import stopped_by_signals
from streamfn.sources._checkpoints import Checkpoints, Drained, MemoryCheckpoints, Position
from streamfn.sources._notices import (
    Clock,
    Finished,
    MachineClock,
    Notice,
    NotSettled,
    Reading,
    Report,
    Trimmed,
    TurnedAway,
    log_notice,
    tell,
)
from streamfn.sources._shards import (
    LONGEST,
    SHORTEST,
    IteratorExpired,
    Listing,
    NoStream,
    NotAnswered,
    NotThere,
    RecordsDropped,
    Requests,
    Shard,
    at_the_end,
    childless,
    number_of,
    readable,
    shard_at,
)

# A batch: records of one shard in their order, which a consumer settles or gets again.


class Payload(TypedDict):
    """What Lambda would hand to a function: JSON, in Lambda's names, whatever boto3 made of the records."""

    Records: list[Mapping[str, object]]


class Batch:
    """Some records of a shard, the oldest that are not settled. `StreamReader.batches` gives them.

    `settle` says what became of it, before the next batch is asked for. A batch of which nothing is said comes again.
    """

    def __init__(
        self,
        stream_arn: str,
        shard_id: str,
        records: Sequence[Mapping[str, object]],
        numbers: Sequence[str],
        settled: Callable[[int, str], None],
    ) -> None:
        """Take records with their sequence numbers, and whom to tell how many are settled and why no more."""
        self.stream_arn = stream_arn
        self.shard_id = shard_id
        self.records = records
        self._numbers = numbers
        self._settled = settled
        self._is_open = True

    @property
    def payload(self) -> Payload:
        """What Lambda would hand to a function: for a pipeline, or for what `lambda_handler` makes."""
        return {"Records": [dict(record) for record in self.records]}

    def settle(self, answer: object = None) -> int:
        """Take an answer as Lambda does, and save the checkpoint; give how many records are settled by it.

        The answer is what a function gives to Lambda: `{"batchItemFailures": [...]}`, or None if all succeeded. The
        rest comes again after a while. It raises what saving the checkpoint raises, and fails with `Misuse` if
        something has been said of the batch before, or another one has been asked for.
        """
        taken = settled_by(answer, self._numbers)
        count, reason = (taken, "the answer names it") if isinstance(taken, int) else (0, taken)
        self._close(count, reason)
        return count

    def refuse(self, reason: str = "it was refused") -> None:
        """Have all of it come again after a while; the reason is reported, and should hold no data.

        It fails with `Misuse` as `settle` does.
        """
        self._close(0, reason)

    def give_up(self) -> None:
        """Have it come again if nothing was said of it: the next batch is asked for."""
        if self._is_open:
            self._close(0, "nothing was said of it")

    def _close(self, count: int, reason: str) -> None:
        if not self._is_open:
            raise Misuse("a batch is settled once, and before the next one is asked for")
        self._is_open = False
        self._settled(count, reason)

    @override
    def __repr__(self) -> str:
        return f"Batch({self.shard_id!r}, {len(self.records)} records from {self._numbers[0]} on)"


# The rounds that a reader makes: shard by shard, one request or one batch each, until it is stopped.
#
# There is one loop and no thread. Batches are handed out one at a time, so records of an item are in order as
# long as those of a shard are, and a parent's come before its children's. A shard that has to wait, because a
# batch of it failed or a request was turned away, has a time when it is due again, and the others go on until
# then.

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
            listing = self._shards()
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

    def _shards(self) -> Listing:
        """List the shards. Fails with `NotAnswered`, and with `NoStream`."""
        try:
            return self._requests.shards()
        except NotThere:
            raise NoStream(
                f"there is no stream {self._requests.stream}, or no longer: name the table instead, or its "
                "LatestStreamArn"
            ) from None

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
            self._listing = self._shards()
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


# The reader of a stream: what Lambda's event source mapping is in production, for development and small
# workers.

_ONE_PAGE: Final = 1_000


class NamedTable(Protocol):
    """What is asked of a `Table`: its name."""

    @property
    def name(self) -> str:
        """The table's name in DynamoDB."""
        ...


class StreamReader:
    """Reads all shards of a DynamoDB stream, and calls a function with what it reads, as Lambda does.

    The stream is named by its ARN, or by its table, whose newest stream it is then. Without a checkpoint the reader
    begins at the horizon, with the oldest records that there are (those of 24 hours), or after the latest; with one it
    goes on after what was settled. A batch has up to `batch_size` records of one shard, at most 1,000. An open shard in
    which there was nothing new is read again after `poll`.

    `client` and `tables` are boto3's clients of `dynamodbstreams` and `dynamodb`; without them they are made as the
    environment says, `AWS_ENDPOINT_URL` for a local server included. `report` is told of what happens on the way, see
    `Notice`. The clock is that of the machine, or a simulation's.

    Records are settled at least once, those of an item in order. While the function works on a batch, no other shard is
    read. Fails with `Misuse` for arguments that cannot work.
    """

    def __init__(
        self,
        stream_arn: str | None = None,
        *,
        table: str | NamedTable | None = None,
        client: StreamsClient | None = None,
        tables: TablesClient | None = None,
        start: Start = "horizon",
        checkpoints: Checkpoints | None = None,
        batch_size: int = 100,
        poll: timedelta = timedelta(seconds=1),
        report: Report = log_notice,
        clock: Clock | None = None,
    ) -> None:
        """Take the stream's name and how to read it; nothing is asked of AWS before a batch is."""
        if (stream_arn is None) == (table is None):
            raise Misuse("name either a stream by its ARN, or a table, whose newest stream is read")
        _check_names(stream_arn, table)
        _check_settings(start, checkpoints, batch_size, poll)
        check_report(report, "log_notice")
        if not 1 <= batch_size <= _ONE_PAGE:
            raise Misuse(
                f"batch_size={batch_size} should be from 1 to 1,000: DynamoDB gives no more at a time"
            )
        if poll <= timedelta():
            raise Misuse(f"poll={poll} should be longer than that")
        self._stream_arn = stream_arn
        self._table = table if isinstance(table, str) or table is None else table.name
        self._client = OnFirstUse(make_streams, client)
        self._tables: OnFirstUse[TablesClient] = OnFirstUse(make_dynamodb, tables)
        self._start: Start = start
        self._checkpoints: Checkpoints = MemoryCheckpoints() if checkpoints is None else checkpoints
        self._batch_size = batch_size
        self._poll = poll
        self._report = report
        self._clock: Clock = MachineClock() if clock is None else clock
        self._is_stopped = False

    @property
    def stream_arn(self) -> str:
        """The stream's ARN, asked of the table if need be. Fails with `NoStream`, and with what boto3 raises."""
        if self._stream_arn is None:
            self._stream_arn = self._newest_stream(self._table or "")
        return self._stream_arn

    def run(self, function: Callable[[object, None], object], /, *, signals: bool = True) -> None:
        """Call a function with each batch, and settle it as the function answers.

        The function is what `lambda_handler` makes, or any other that Lambda could call: it answers with
        `batchItemFailures`, of which the lowest sequence number and all after it come again, or with nothing. If it
        raises, the whole batch comes again. Either way the shard waits a while, longer each time, and the others go on.

        Returns when `stop` is called, and, unless `signals` is false, on SIGTERM and SIGINT if it runs in the main
        thread: what is under way is finished and saved. Returns also when the stream is switched off and all of it is
        settled.

        Fails with `Misuse` if the function cannot work here, with `NoStream`, with what the checkpoints raise, and with
        what boto3 raises that waiting does not help. The checkpoint has not moved past what is not settled then.
        """
        check_function(
            function, "what a reader runs", "StreamReader(table=cards).run(lambda_handler(process))"
        )
        if isinstance(cast("object", function), Pipeline):
            raise Misuse(
                "a reader runs a function that Lambda could call, got a pipeline: write lambda_handler(process)"
            )
        check_delivery(getattr(function, "delivery", None))
        with stopped_by_signals(self.stop) if signals else nullcontext(), closing(self.batches()) as batches:
            for batch in batches:
                try:
                    answer = function(batch.payload, None)
                except Misuse:  # the same batch would come again for ever
                    raise
                except Exception as error:  # noqa: BLE001 (Lambda also delivers again, whatever it is)
                    batch.refuse(f"the function raised {what_raised(error)}")
                else:
                    batch.settle(answer)

    def batches(self) -> Generator[Batch]:
        """Give batches one after the other: what `run` goes through, for who would rather do it themselves.

        Say what became of each with `Batch.settle` before asking for the next; what nothing is said of comes again. It
        comes to an end, and fails, as `run` does; close it when you leave it before.
        """
        if self._is_stopped:
            return
        requests = Requests(self._client, self.stream_arn)
        rounds = Rounds(
            requests,
            self._checkpoints,
            self._report,
            self._clock,
            start=self._start,
            batch_size=self._batch_size,
            poll=self._poll,
        )
        try:
            yield from rounds.batches(lambda: self._is_stopped)
        finally:
            self._checkpoints.release(requests.stream)

    def stop(self) -> None:
        """Have the reader end once it is done with the batch that it is at; it stays stopped.

        It may be called from other threads, from handlers of signals, and from the function itself.
        """
        self._is_stopped = True
        self._clock.wake()

    def _newest_stream(self, table: str) -> str:
        try:
            found = self._tables().describe_table(TableName=table)["Table"].get("LatestStreamArn")
        except Exception as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise NoStream(f"there is no table {table} in this account and region") from None
        if not found:
            raise NoStream(
                f"the table {table} has no stream: switch one on, with StreamSpecification in UpdateTable, or with "
                "StreamSpecification of the table in a template"
            )
        return found

    @override
    def __repr__(self) -> str:
        return f"StreamReader({self._stream_arn or self._table!r})"


def _check_names(stream_arn: object, table: object) -> None:
    """Check what names the stream. Fails with `Misuse`."""
    if stream_arn is not None and not (isinstance(stream_arn, str) and "/stream/" in stream_arn):
        got = repr(stream_arn) if isinstance(stream_arn, str) else kind_of(stream_arn)
        raise Misuse(
            f"stream_arn is the ARN of a table's stream, got {got}: write StreamReader(table=…) to name the table"
        )
    if table is not None:
        name = table if isinstance(table, str) else getattr(table, "name", table)
        checked_table_name(name, "StreamReader")


def _check_settings(start: object, checkpoints: object, batch_size: object, poll: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
    if start not in ("horizon", "latest"):  # a set asks for what can be hashed
        raise Misuse(f'start is "horizon" or "latest", got {start!r}')
    if checkpoints is not None and not has_methods(checkpoints, "load", "save", "release"):
        raise Misuse(
            f"checkpoints are a place, got {kind_of(checkpoints)}: make one, as in FileCheckpoints(path)"
        )
    if not isinstance(batch_size, int) or isinstance(batch_size, bool):
        raise Misuse(f"batch_size is a whole number, got {kind_of(batch_size)}")
    if not isinstance(poll, timedelta):
        raise Misuse(f"poll is a timedelta, got {kind_of(poll)}: write timedelta(seconds=1)")
