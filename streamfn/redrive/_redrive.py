"""`redrive`: the replay of documents, and the redrive of a source."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Generic

from typing_extensions import TypeVar

from streamfn._aws import LazyClient, StreamsClient, make_streams, make_sts
from streamfn._delivery.plain import Report, log_failure
from streamfn._errors import ConfigurationError, check_flag, has_methods, kind_of, shown
from streamfn._pipeline import Pipeline
from streamfn._records import Record, sequence_order
from streamfn._time import MACHINE_CLOCK, Deadline, SecondsLeft, unlimited
from streamfn.dead_letters._protocol import LetterSource, Received, SigningKeys
from streamfn.dead_letters._s3 import S3DeadLetters, signer_of
from streamfn.dead_letters._sqs import SqsDeadLetters
from streamfn.ledgers._protocol import Entry, Ledger, merge, namesakes_among, record_id
from streamfn.redrive._contents import (
    DocumentMessage,
    Followed,
    LetterMessage,
    OtherFunctionMessage,
    RedriveFilter,
    RedriveMessage,
    Trust,
    UnreadableMessage,
    by_place,
    home_of_queue,
    take_batch,
)
from streamfn.redrive._documents import Document, RecordsExpired, Shards, StreamUnreachable
from streamfn.redrive._letters import (
    Redriven,
    RedriveOutcome,
    RedriveRunner,
    Rereading,
    RunOutcome,
    conclude,
    outcome_of,
    run_letters,
)

# Documents of Lambda, run again: the records of a discarded batch that are still open.

A = TypeVar("A")
E = TypeVar("E")

_DONE: Final[frozenset[RedriveOutcome]] = frozenset({"handled", "skipped", "not wanted"})


@dataclass(frozen=True, slots=True)
class DocumentRunner(Generic[A, E]):
    """Runs documents, with their own records or with those in `shards`; `everything` runs all records of the range."""

    replay: RedriveRunner[A, E]
    shards: Shards
    everything: bool

    def run(self, found: DocumentMessage) -> list[Redriven[E]]:
        """Run the records of a document that are not settled, and remove the document when none is open any more.

        A `dead` record has a letter of its own, and is settled here. A record that is open for a handler missing in
        the pipeline keeps the document.
        """
        if self.replay.deadline.reached:
            return self._stays(found, "out of time")
        document = found.document
        if (
            problem := self.replay.trust.followed.problem_of(document.stream, owner=document.owner_arn)
        ) is not None:
            return self._stays(found, "another stream", problem)
        try:
            records = self.shards.read(document) if document.records is None else document.records
        except RecordsExpired as problem:
            return self._stays(found, "forgotten", str(problem))
        except StreamUnreachable as problem:
            return self._stays(found, "unreachable", str(problem))
        if document.records is None and len(records) < document.size:
            return self._stays(found, "forgotten", _counts(document, records))
        sequence_range = replace(found.sequence_range, records=tuple(map(record_id, records)))
        entries = self.replay.known(sequence_range)
        if entries is None:
            return self._stays(found, "ledger unavailable")
        batch = records if self.everything else batch_of(document, records, entries)
        if batch is None:
            told = f"{_counts(document, records)}; everything=True runs all that are there"
            return self._stays(found, "ambiguous", told)
        if (namesakes := namesakes_among(batch)) is not None:
            return self._stays(found, "ambiguous", f"two records that differ have one eventID: {namesakes!r}")
        names = {"", *self.replay.handlers}
        known = [entry for entry in entries if entry.pair.handler in names]
        replayed = self.replay.run(sequence_range, batch, known)
        here = {record_id(record) for record in batch}
        unknown: list[Redriven[E]] = [
            Redriven(found.received.name, pair, "unknown handler")
            for pair, entry in merge(entries).items()
            if pair.handler not in names and pair.record in here and not entry.settled
        ]
        return conclude(found.received, _outcomes(found, replayed, unknown), _DONE)

    @staticmethod
    def _stays(found: DocumentMessage, outcome: RedriveOutcome, detail: str = "") -> list[Redriven[E]]:
        return [Redriven(found.received.name, None, outcome, detail=detail)]


def batch_of(
    document: Document, records: Sequence[Record], entries: Iterable[Entry]
) -> Sequence[Record] | None:
    """Return the records of a range that were the document's batch; None if this cannot be determined.

    Between them lie the records of the mapping's other lanes, and those that its filter kept from the function. Clean
    batches leave nothing in the ledger, and a discarded batch leaves an entry for each record that a handler wants. So
    the records with entries are the batch, if they are enough and include the first and the last record. There may be
    more of them, from other lanes that had failures as well.
    """
    if document.records is not None or len(records) == document.size:
        return records
    known = frozenset(entry.pair.record for entry in entries)
    batch = [record for record in records if record_id(record) in known]
    numbers = {sequence_order(record.sequence_number or "") for record in batch}
    ends = {sequence_order(document.start), sequence_order(document.end)}
    return batch if len(batch) >= document.size and ends <= numbers else None


def _counts(document: Document, records: Sequence[Record]) -> str:
    return f"the batch had {document.size} records, and its range of the shard holds {len(records)}"


def _outcomes(
    found: DocumentMessage, replayed: RunOutcome[E], unknown: Iterable[Redriven[E]]
) -> list[Redriven[E]]:
    name = found.received.name
    redriven = [*unknown]
    for pair, failed in replayed.results.items():
        outcome: RedriveOutcome = "handled" if failed is None else outcome_of(failed.reason)
        redriven.append(Redriven(name, pair, outcome, failed))
    redriven += [Redriven(name, pair, "skipped") for pair in replayed.skipped]
    return redriven or [Redriven(name, None, "skipped")]


# Redriving: letters and documents run again, after their cause has been removed.
#
# A letter runs for the handler that it names and for no other; a letter of a record that had reached no handler
# (`Malformed`, `Unrouted`) runs for each that wants the record now. Of a document, the records run that the ledger
# does not know as settled; a record with a letter is settled there. If a mapping has parallel lanes or a filter, the
# range of a document contains records that were not in its batch; `batch_of` separates them.
#
# Records that the ledger knows as handled do not run, and each success is written there before its letter or document
# is removed, so that a redrive can be ended and started again at any moment.
#
# A handler gets an item's records in their order. After a failure, later records of that item are held back, and stay.
# That order holds among the letters that are received and sorted together. A FIFO queue has an order of its own, and
# returns no further message before the earlier ones are removed, so its letters are received one by one. A document
# runs as a whole, at the place of its first record.

_log: Final = logging.getLogger("streamfn")

_MARGIN: Final = 1.0
"""The part of the remaining time that is kept for the ledger and the source, in seconds."""


def redrive(
    process: Pipeline[A, E],
    source: LetterSource,
    *,
    ledger: Ledger,
    scope: str | None = None,
    function: str | None = None,
    everything: bool = False,
    stream_arns: Collection[str] | None = None,
    keys: SigningKeys | None = None,
    unproved: bool = False,
    streams: StreamsClient | None = None,
    at_once: int = 100,
    seconds_left: SecondsLeft = unlimited,
    report: Report[E] = log_failure,
) -> list[Redriven[E]]:
    """Run letters and documents again, remove those that succeed from the source, and keep the rest there.

    The source holds dead letters, and the documents that Lambda itself sends to an OnFailure destination, also mixed:
    a queue or a bucket. Once the handler is mended, a script of a few lines is enough::

        from app import process
        from streamfn.dead_letters import SqsDeadLetters
        from streamfn.ledgers import DynamoDBLedger
        from streamfn.redrive import redrive

        for each in redrive(process, SqsDeadLetters(QUEUE_URL), ledger=DynamoDBLedger("card-ledger")):
            print(each)

    Records that `ledger` knows as handled do not run. `DynamoDBLedger` forgets after 48 hours: redrive documents
    within 24, or handlers may see handled records again. Redrive when the function is idle, because nothing keeps the
    function from running the same record at the same moment.

    `scope` is the scope of the function's delivery, if it has one, and `function` the function's name, if it differs.
    With them, messages of other functions stay, which a shared source needs. Without them, letters name their scope,
    and the scope of a document is the name of its function. The dead letter of an EventBridge pipe names the pipe
    alone: it needs `scope`, and `function` is the name of the pipe.

    Anyone who may send to the source could forge messages, so a letter needs a proof, or it stays and does not run.
    With `keys`, by default those of the source, the proof is its signature. Otherwise the proof is in `ledger`, which
    has an entry for each letter with the digest of its record. A letter that has been in the source for more than 48
    hours, when the ledger has forgotten it, runs without proof; ``unproved=True`` requires no proof of any letter.

    A letter or a document of another stream than the function's stays. The streams are those of the pipeline's tables,
    in the account and region of a queue's URL, or else of the credentials, for which STS is asked; for any other
    `source`, the function named by a document has the account and region. `stream_arns` names streams, or tables, in
    their place: with it, a function may follow the stream of another account.

    A document from a queue names a range of a shard, which is read again with `streams`, boto3's client of
    ``dynamodbstreams``, or with a client made for this; that needs ``dynamodb:GetShardIterator`` and
    ``dynamodb:GetRecords``. If the records of the batch cannot be determined, the document stays, and
    ``everything=True`` runs the whole range, handled records included. The record of a truncated letter is read again
    as well, from the shard that has it, which needs ``dynamodb:DescribeStream`` too.

    Items keep their order among the `at_once` letters that are received and sorted together, fewer if they are large;
    a queue has to hide its messages for as long as that many take. With less than a second of `seconds_left`, or once
    the ledger could not be read, nothing more starts. Failures go to `report`.

    Raises `ConfigurationError` if `at_once` is less than 1, if there are keys and `unproved` is set, or if an argument
    has the wrong type, and the exceptions of reading the source, but none of a handler, a letter, the stream or the
    ledger.
    """
    _check_types(process, source, ledger)
    if at_once < 1:
        raise ConfigurationError(f"at_once={at_once} should be 1 or more")
    check_flag(unproved, "unproved")
    signer = signer_of(keys) or getattr(source, "signer", None)
    if signer is not None and unproved:
        raise ConfigurationError(
            "unproved=True asks for no proof, and keys ask for one: leave one of them out"
        )
    queue = source if isinstance(source, SqsDeadLetters) else None
    is_at_aws = isinstance(source, SqsDeadLetters | S3DeadLetters)
    followed = Followed(
        {route.table.name for route in process.routes},
        stream_arns,
        None if queue is None else home_of_queue(queue.queue_url),
        LazyClient(make_sts, None) if is_at_aws else None,
    )
    trust = Trust(followed, signer, unproved, MACHINE_CLOCK)
    replay = RedriveRunner(process, ledger, Deadline(seconds_left, _MARGIN), trust, report)
    shards = Shards(LazyClient(make_streams, streams), replay.deadline.seconds_left)
    documents = DocumentRunner(replay, shards, everything)
    drive = Redrive(replay, documents, RedriveFilter(scope, function, queue is None), Rereading(shards))
    most = 1 if queue is not None and queue.fifo else at_once
    receiving = source.receive()
    redriven: list[Redriven[E]] = []
    while not (replay.deadline.reached or replay.is_over) and (portion := take_batch(receiving, most)):
        redriven += drive.run(portion)
    return redriven


@dataclass(frozen=True, slots=True)
class Redrive(Generic[A, E]):
    """Runs portions of the received messages."""

    letters: RedriveRunner[A, E]
    documents: DocumentRunner[A, E]
    whose: RedriveFilter
    rereading: Rereading

    def run(self, portion: Iterable[Received]) -> list[Redriven[E]]:
        """Run a portion in the order in which its records were written, as far as documents have one place."""
        redriven: list[Redriven[E]] = []
        found: list[RedriveMessage] = []
        for received in portion:
            opened = self.whose.open(received)
            if isinstance(opened, UnreadableMessage):
                redriven.append(Redriven(received.name, None, "unreadable", detail=opened.problem))
            elif isinstance(opened, OtherFunctionMessage):
                pair = None if opened.letter is None else opened.letter.pair
                redriven.append(Redriven(received.name, pair, "another function", detail=opened.owner))
            else:
                self._warn_without_scope(opened)
                found.append(opened)
        for _, group in groupby(sorted(found, key=by_place), key=_kind):
            together = list(group)
            letters = [each for each in together if isinstance(each, LetterMessage)]
            redriven += run_letters(letters, self.letters, self.rereading)
            for each in together:
                if isinstance(each, DocumentMessage):
                    redriven += self.documents.run(each)
        return redriven

    def _warn_without_scope(self, found: RedriveMessage) -> None:
        """Warn about a letter that an older version wrote outside of Lambda: its entries may be of any function."""
        if not found.sequence_range.scope and getattr(self.letters.ledger, "needs_scope", False) is True:
            _log.warning(
                "%s names no function: what the ledger knows of it may be of any function without a scope",
                shown(found.received.name),
            )


def _kind(found: RedriveMessage) -> tuple[bool, str, str]:
    """Key that groups adjacent letters of one scope and stream."""
    return isinstance(found, LetterMessage), found.sequence_range.scope, found.sequence_range.stream


def _check_types(process: object, source: object, ledger: object) -> None:
    """Report argument errors to users without a type checker."""
    if not isinstance(process, Pipeline):
        raise ConfigurationError(
            f"redrive() takes a pipeline first, got {kind_of(process)}: pass what pipeline() or router() made"
        )
    if not has_methods(source, "receive"):
        raise ConfigurationError(
            f"redrive() takes a source of letters, got {kind_of(source)}: make one, as in SqsDeadLetters(queue_url)"
        )
    if not has_methods(ledger, "read", "write"):
        raise ConfigurationError(
            f"ledger is a ledger, got {kind_of(ledger)}: make one, as in DynamoDBLedger(name)"
        )
