"""The reader of a stream: what Lambda's event source mapping is in production, for development and small workers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from datetime import timedelta
from typing import Final, Protocol, cast

from typing_extensions import override

from streamfn._clients import OnFirstUse, error_code
from streamfn._delivery.delivery import check_delivery
from streamfn._misuse import Misuse, check_function, has_methods, kind_of
from streamfn._names import checked_table_name
from streamfn._pipeline import Pipeline
from streamfn._reports import check_report, what_raised
from streamfn._signals import stopped_by_signals
from streamfn.sources._batch import Batch
from streamfn.sources._checkpoints import Checkpoints, MemoryCheckpoints
from streamfn.sources._client import StreamsClient, TablesClient, make_streams, make_tables
from streamfn.sources._clock import Clock, MachineClock
from streamfn.sources._notices import Report, log_notice
from streamfn.sources._requests import NoStream, Requests
from streamfn.sources._rounds import Rounds, Start

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
        self._tables = OnFirstUse(make_tables, tables)
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
