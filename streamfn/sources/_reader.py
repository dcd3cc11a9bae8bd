"""The reader of a live stream: batches, the loop over the shards, and `StreamReader`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from datetime import timedelta
from itertools import islice
from typing import Final, Literal, Protocol, TypeAlias, TypedDict, cast

from typing_extensions import override

from streamfn._aws import Backoff, LazyClient, StreamsClient, TablesClient, make_dynamodb, make_streams
from streamfn._delivery.plain import check_delivery, check_report, what_raised
from streamfn._errors import (
    ConfigurationError,
    check_function,
    checked_table_name,
    error_code,
    has_methods,
    kind_of,
)
from streamfn._payloads import parse_batch_response
from streamfn._pipeline import Pipeline
from streamfn._records import as_lambda_sends
from streamfn._time import stopped_by_signals
from streamfn.sources._checkpoints import Checkpoints, Drained, MemoryCheckpoints, Position
from streamfn.sources._notices import (
    Clock,
    MachineClock,
    Notice,
    NoticeReport,
    NotSettled,
    RequestThrottled,
    ShardFinished,
    ShardStarted,
    Trimmed,
    log_notice,
    report_notice,
)
from streamfn.sources._shards import (
    MAX_WAIT,
    MIN_WAIT,
    IteratorExpired,
    NoStream,
    RecordsDropped,
    RetryLater,
    Shard,
    ShardGone,
    ShardList,
    StreamRequests,
    at_the_end,
    childless,
    number_of,
    readable,
    shard_at,
)

# A batch: records of one shard in their order, which a consumer settles or gets again.


class Payload(TypedDict):
    """The payload of a function on Lambda: JSON with Lambda's names, converted from the records of boto3."""

    Records: list[Mapping[str, object]]


class Batch:
    """Some records of a shard, the oldest that are not settled. `StreamReader.batches` yields batches.

    `settle` reports the outcome, before the next batch is requested. A batch without an outcome comes again.
    """

    def __init__(
        self,
        stream_arn: str,
        shard_id: str,
        records: Sequence[Mapping[str, object]],
        numbers: Sequence[str],
        settled: Callable[[int, str], None],
    ) -> None:
        """Store records with their sequence numbers, and the function that receives the settled count and a reason."""
        self.stream_arn = stream_arn
        self.shard_id = shard_id
        self.records = records
        self._numbers = numbers
        self._settled = settled
        self._is_open = True

    @property
    def payload(self) -> Payload:
        """The payload for a pipeline, or for a function made by `lambda_handler`."""
        return {"Records": [dict(record) for record in self.records]}

    def settle(self, answer: object = None) -> int:
        """Read an answer as Lambda does, and save the checkpoint; return the number of records that are settled.

        The answer is a function's answer to Lambda: `{"batchItemFailures": [...]}`, or None if all succeeded. The rest
        comes again after a while. Raises the exceptions of saving the checkpoint, and `ConfigurationError` if the batch
        has an outcome already, or another batch has been requested.
        """
        taken = parse_batch_response(answer, self._numbers)
        count, reason = (taken, "the answer names it") if isinstance(taken, int) else (0, taken)
        self._close(count, reason)
        return count

    def reject(self, reason: str = "it was refused") -> None:
        """Let the whole batch come again after a while; the reason is reported, and should hold no data.

        Raises `ConfigurationError` as `settle` does.
        """
        self._close(0, reason)

    def abandon(self) -> None:
        """Let the batch come again if it has no outcome: the next batch is requested."""
        if self._is_open:
            self._close(0, "nothing was said of it")

    def _close(self, count: int, reason: str) -> None:
        if not self._is_open:
            raise ConfigurationError("a batch is settled once, and before the next one is asked for")
        self._is_open = False
        self._settled(count, reason)

    @override
    def __repr__(self) -> str:
        return f"Batch({self.shard_id!r}, {len(self.records)} records from {self._numbers[0]} on)"


# The loop of a reader: shard by shard, one request or one batch each, until it is stopped.
#
# There is one loop and no thread. Batches are yielded one at a time, so records of an item are in order as long as
# those of a shard are, and a parent's come before its children's. A shard that has to wait, because a batch of it
# failed or a request was not answered, has a time when it is due again, and the others go on until then.

Start: TypeAlias = Literal["trim_horizon", "latest"]
"""The start of a reader without a checkpoint: the oldest records, or after the newest.

These are Lambda's `TRIM_HORIZON` and `LATEST`.
"""

AT_MOST_EVERY: Final = 0.2
"""A shard may be read five times a second ("Reading and processing a stream", DynamoDB Developer Guide)."""

LOOK_EVERY: Final = 30.0
"""The time between searches for new shards if nothing points to any, in seconds. DynamoDB does not announce new
shards.
"""


class PollLoop:
    """Reads a stream from where its checkpoint is, and moves that on."""

    def __init__(
        self,
        requests: StreamRequests,
        checkpoints: Checkpoints,
        report: NoticeReport,
        clock: Clock,
        *,
        start: Start,
        batch_size: int,
        poll: timedelta,
    ) -> None:
        """Start with the saved positions of the stream. Raises the exceptions of loading them."""
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
        self._listing: ShardList | None = None
        self._look_at = 0.0
        self._look_again = self._poll
        self._looks = Backoff(MIN_WAIT, MAX_WAIT)

    def batches(self, is_stopped: Callable[[], bool]) -> Iterator[Batch]:
        """Yield batches until the reader is stopped, or the stream is switched off and all of it is settled."""
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
                    batch.abandon()
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
        except RetryLater as error:
            self._tell(RequestThrottled(self._requests.stream, None, str(error)))
            self._look_at = self._clock.monotonic() + self._looks.next()
            return
        self._looks.reset()
        self._look_at = self._clock.monotonic() + self._look_again
        self._look_again = min(2 * self._look_again, max(LOOK_EVERY, self._poll))
        self._listing = listing
        if self._is_new:
            self._begin(listing)
        self._open(listing)

    def _shards(self) -> ShardList:
        """List the shards. Fails with `RetryLater`, and with `NoStream`."""
        try:
            return self._requests.shards()
        except ShardGone:
            raise NoStream(
                f"there is no stream {self._requests.stream}, or no longer: name the table instead, or its "
                "LatestStreamArn"
            ) from None

    def _begin(self, listing: ShardList) -> None:
        """Save where the reader begins before it reads anything, so that another start makes no difference later."""
        if self._start == "latest":
            self._positions = at_the_end(listing, self._clock.now)
            for name, position in self._positions.items():
                if not isinstance(position, Drained):
                    shard = self._reading[name] = shard_at(name, position)
                    shard.at_end = True
        self._is_new = False
        self._save()

    def _open(self, listing: ShardList) -> None:
        for name in list(readable(listing, self._positions, self._reading)):
            self._reading[name] = shard_at(name, None)

    def _finish(self, shard: Shard) -> None:
        """Go on with the children of a shard that is drained, or look for them."""
        del self._reading[shard.name]
        self._positions[shard.name] = Drained()
        self._save()
        self._tell(ShardFinished(self._requests.stream, shard.name))
        if self._listing is None or childless(self._listing, shard.name):
            self._look_at, self._look_again = self._clock.monotonic(), self._poll
        else:
            self._open(self._listing)

    def _save(self) -> None:
        """Save all positions except those of drained shards that are no longer listed: no child will need them."""
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
        except ShardGone as error:
            self._not_there(shard, str(error))
        except RetryLater as error:
            self._turned_away(shard, str(error))

    def _seek(self, shard: Shard) -> None:
        start = shard.start
        shard.seek(self._requests)
        shard.requests.reset()
        if not shard.was_found:
            shard.was_found = True
            self._tell(ShardStarted(self._requests.stream, shard.name, start))

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
        """Report a possible loss, and go on with the oldest records that are there."""
        self._tell(Trimmed(self._requests.stream, shard.name, shard.place))
        shard.forget()
        shard.due = self._clock.monotonic() + shard.requests.next()

    def _not_there(self, shard: Shard, reason: str) -> None:
        """Check whether a shard is gone for good. Raises `NoStream` if the stream is."""
        try:
            self._listing = self._shards()
        except RetryLater as error:
            self._turned_away(shard, str(error))
            return
        if shard.name in self._listing.shards:
            self._turned_away(shard, reason)
            return
        self._tell(Trimmed(self._requests.stream, shard.name, shard.place))
        self._finish(shard)

    def _turned_away(self, shard: Shard, reason: str) -> None:
        self._tell(RequestThrottled(self._requests.stream, shard.name, reason))
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
        report_notice(self._report, notice)


# The reader of a stream: takes the place of Lambda's event source mapping, for development and small workers.

_ONE_PAGE: Final = 1_000


class NamedTable(Protocol):
    """The attribute of a `Table` that is used here: its name."""

    @property
    def name(self) -> str:
        """The table's name in DynamoDB."""
        ...


class StreamReader:
    """Reads all shards of a DynamoDB stream, and calls a function with the records, as Lambda does.

    The stream is named by its ARN, or by its table, which means the table's newest stream. Without a checkpoint the
    reader starts at `trim_horizon`, with the oldest records that there are (those of 24 hours), or at `latest`, after
    the newest; with one it goes on after the settled records. A batch has up to `batch_size` records of one shard, at
    most 1,000. An open shard without new records is read again after `poll`.

    `client` and `tables` are boto3's clients of `dynamodbstreams` and `dynamodb`; by default they are made from the
    environment, `AWS_ENDPOINT_URL` for a local server included. `report` receives notices, see `Notice`. The clock is
    the machine's, or a simulation's.

    Records are settled at least once, those of an item in order. While the function works on a batch, no other shard
    is read. Raises `ConfigurationError` for arguments that cannot work.
    """

    def __init__(
        self,
        stream_arn: str | None = None,
        *,
        table: str | NamedTable | None = None,
        client: StreamsClient | None = None,
        tables: TablesClient | None = None,
        start: Start = "trim_horizon",
        checkpoints: Checkpoints | None = None,
        batch_size: int = 100,
        poll: timedelta = timedelta(seconds=1),
        report: NoticeReport = log_notice,
        clock: Clock | None = None,
    ) -> None:
        """Store the stream's name and the settings; the first batch makes the first request to AWS."""
        if (stream_arn is None) == (table is None):
            raise ConfigurationError(
                "name either a stream by its ARN, or a table, whose newest stream is read"
            )
        _check_names(stream_arn, table)
        _check_settings(start, checkpoints, batch_size, poll)
        check_report(report, "log_notice")
        if not 1 <= batch_size <= _ONE_PAGE:
            raise ConfigurationError(
                f"batch_size={batch_size} should be from 1 to 1,000: DynamoDB gives no more at a time"
            )
        if poll <= timedelta():
            raise ConfigurationError(f"poll={poll} should be longer than that")
        self._stream_arn = stream_arn
        self._table = table if isinstance(table, str) or table is None else table.name
        self._client = LazyClient(make_streams, client)
        self._tables: LazyClient[TablesClient] = LazyClient(make_dynamodb, tables)
        self._start: Start = start
        self._checkpoints: Checkpoints = MemoryCheckpoints() if checkpoints is None else checkpoints
        self._batch_size = batch_size
        self._poll = poll
        self._report = report
        self._clock: Clock = MachineClock() if clock is None else clock
        self._is_stopped = False

    @property
    def stream_arn(self) -> str:
        """The stream's ARN, requested from the table if need be. Raises `NoStream`, and the exceptions of boto3."""
        if self._stream_arn is None:
            self._stream_arn = self._newest_stream(self._table or "")
        return self._stream_arn

    def run(self, function: Callable[[object, None], object], /, *, signals: bool = True) -> None:
        """Call a function with each batch, and settle the batch as the function answers.

        The function is one made by `lambda_handler`, or any other that Lambda could call: its answer has
        `batchItemFailures`, of which the lowest sequence number and all after it come again, or is None. If the
        function raises, the whole batch comes again. In both cases the shard waits a while, longer each time, and the
        others go on.

        Returns when `stop` is called, and, unless `signals` is false, on SIGTERM and SIGINT in the main thread: the
        current batch is finished and saved. Returns also when the stream is switched off and all of it is settled.

        Raises `ConfigurationError` if the function cannot work here, `NoStream`, the exceptions of the checkpoints, and
        those of boto3 that a retry cannot cure. The checkpoint has not moved past unsettled records then.
        """
        check_function(
            function, "what a reader runs", "StreamReader(table=cards).run(lambda_handler(process))"
        )
        if isinstance(cast("object", function), Pipeline):
            raise ConfigurationError(
                "a reader runs a function that Lambda could call, got a pipeline: write lambda_handler(process)"
            )
        check_delivery(getattr(function, "delivery", None))
        with stopped_by_signals(self.stop) if signals else nullcontext(), closing(self.batches()) as batches:
            for batch in batches:
                try:
                    answer = function(batch.payload, None)
                except ConfigurationError:  # the same batch would come again for ever
                    raise
                except Exception as error:  # noqa: BLE001 (Lambda also delivers again, whatever it is)
                    batch.reject(f"the function raised {what_raised(error)}")
                else:
                    batch.settle(answer)

    def batches(self) -> Generator[Batch]:
        """Yield batches one after the other: the loop of `run`, for callers with a loop of their own.

        Report the outcome of each with `Batch.settle` before the next one; a batch without an outcome comes again. The
        iterator ends, and raises, as `run` does; close it if you leave it before its end.
        """
        if self._is_stopped:
            return
        requests = StreamRequests(self._client, self.stream_arn)
        rounds = PollLoop(
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
        """Let the reader end after the current batch; it stays stopped.

        Other threads, handlers of signals, and the function itself may call this.
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
    """Check the names of a stream or a table. Raises `ConfigurationError`."""
    if stream_arn is not None and not (isinstance(stream_arn, str) and "/stream/" in stream_arn):
        got = repr(stream_arn) if isinstance(stream_arn, str) else kind_of(stream_arn)
        raise ConfigurationError(
            f"stream_arn is the ARN of a table's stream, got {got}: write StreamReader(table=…) to name the table"
        )
    if table is not None:
        name = table if isinstance(table, str) else getattr(table, "name", table)
        checked_table_name(name, "StreamReader")


def _check_settings(start: object, checkpoints: object, batch_size: object, poll: object) -> None:
    """Report argument errors to users without a type checker."""
    if start == "horizon":
        raise ConfigurationError(
            'start="horizon" is now start="trim_horizon", which is the word of AWS: write that instead'
        )
    if start not in ("trim_horizon", "latest"):  # a set would require a hashable value
        raise ConfigurationError(f'start is "trim_horizon" or "latest", got {start!r}')
    if checkpoints is not None and not has_methods(checkpoints, "load", "save", "release"):
        raise ConfigurationError(
            f"checkpoints are a place, got {kind_of(checkpoints)}: make one, as in FileCheckpoints(path)"
        )
    if not isinstance(batch_size, int) or isinstance(batch_size, bool):
        raise ConfigurationError(f"batch_size is a whole number, got {kind_of(batch_size)}")
    if not isinstance(poll, timedelta):
        raise ConfigurationError(f"poll is a timedelta, got {kind_of(poll)}: write timedelta(seconds=1)")
