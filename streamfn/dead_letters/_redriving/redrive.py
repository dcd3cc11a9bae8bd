"""Redriving: what was given up is run again, once what was wrong has been mended.

A letter runs for the handler that it names and for no other; one of a record that had reached no handler
(`Malformed`, `Unrouted`) runs for each that wants it now. Of a document, what the ledger does not know as settled
runs; a pair that became a letter is settled there. If a mapping has parallel lanes or a filter, the range of a
document holds records that were not in its batch; `batch_of` says how those are told apart.

What the ledger knows as handled does not run, and each success is written there before its letter or document is
removed, so that a redrive can be ended and begun again at any moment.

A handler gets an item's records in their order. Where it fails, later ones of that item are held back, and stay.
That order holds among the letters that are taken and sorted together. A FIFO queue has one of its own, and gives
nothing more before what it gave is removed, so that its letters are taken one by one. A document runs as a whole,
at the place of its first record.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Generic

from typing_extensions import TypeVar

from streamfn._clients import OnFirstUse
from streamfn._execution.deadline import Deadline
from streamfn._ledger import Ledger
from streamfn._misuse import Misuse, check_flag, has_methods, kind_of
from streamfn._pipeline import Pipeline
from streamfn._reports import Report, log_failure
from streamfn._texts import shown
from streamfn._time import MACHINE_CLOCK, SecondsLeft, no_end
from streamfn.dead_letters._clients import StreamsClient, make_streams, make_sts
from streamfn.dead_letters._redriving.contents import (
    Foreign,
    Found,
    FoundDocument,
    FoundLetter,
    FoundNothing,
    Whose,
    by_place,
    portion_of,
)
from streamfn.dead_letters._redriving.document_replay import DocumentReplay
from streamfn.dead_letters._redriving.homes import home_of_queue
from streamfn.dead_letters._redriving.letter_replay import replay_letters
from streamfn.dead_letters._redriving.redriven import Redriven
from streamfn.dead_letters._redriving.replay import Replay
from streamfn.dead_letters._redriving.rereading import Rereading
from streamfn.dead_letters._redriving.shards import Shards
from streamfn.dead_letters._redriving.trust import Followed, Trust
from streamfn.dead_letters._s3 import S3DeadLetters, signer_of
from streamfn.dead_letters._sources import LetterSource, Received, SigningKeys
from streamfn.dead_letters._sqs import SqsDeadLetters

A = TypeVar("A")
E = TypeVar("E")

_log: Final = logging.getLogger("streamfn")

_MARGIN: Final = 1.0
"""How much of the time that is left is kept for the ledger and the source, in seconds."""


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
    seconds_left: SecondsLeft = no_end,
    report: Report[E] = log_failure,
) -> list[Redriven[E]]:
    """Run again what was given up, remove from the source what succeeds, and keep the rest there.

    It takes dead letters, and the documents that Lambda itself sends to an OnFailure destination, from a queue
    or a bucket, also mixed. Once the handler is mended, a script of a few lines does it::

        from app import process
        from streamfn.dead_letters import SqsDeadLetters, redrive
        from streamfn.ledgers import DynamoDBLedger

        for each in redrive(process, SqsDeadLetters(QUEUE_URL), ledger=DynamoDBLedger("card-ledger")):
            print(each)

    What `ledger` knows as handled does not run. `DynamoDBLedger` forgets after 48 hours: redrive documents within
    24, or handlers may see again what they had handled. Redrive when the function has come to rest, for nothing
    keeps it from running the same pair at the same moment.

    `scope` is the one that the function's delivery was given, if it was, and `function` the function's name, if
    that is another. With them, what is of other functions stays, which a source that several share needs.
    Without them, letters say their scope, and that of a document is the name of its function. The dead letter of a
    pipe of EventBridge names the pipe alone: it needs `scope`, and `function` is the name of the pipe.

    Whoever may send to the source could forge what lies there, so a letter has to be proved, or it stays and does not
    run. With `keys`, which are those of the source unless they are given here, its signature proves it. Otherwise
    `ledger` does: it knows what became a letter, and the digest of its record. A letter that the source has kept for
    more than 48 hours, when the ledger has forgotten it, runs without that; ``unproved=True`` asks for no proof of
    any letter.

    A letter or a document of another stream than the function's stays. Streams are those of the pipeline's tables, in
    the account and region that a queue's URL names, or else of the credentials, for which STS is asked; of another
    `source`, they are those that a document says its function is in. `stream_arns` names streams, or tables, in their
    place: with it, a function may follow the stream of another account.

    A document from a queue names a range of a shard, which is read again with `streams`, boto3's client of
    ``dynamodbstreams``, or with one that is made for it; that needs ``dynamodb:GetShardIterator`` and
    ``dynamodb:GetRecords``. Where nobody can tell which records of it were in the batch, it stays, and
    ``everything=True`` runs all, also what was handled without a failure. The record of a truncated letter is read
    again as well, from whichever shard has it, which needs ``dynamodb:DescribeStream`` too.

    Items keep their order among the `at_once` letters that are taken and sorted together, fewer if they are
    large; a queue has to hide its messages for as long as that many take. With less than a second of
    `seconds_left`, or once the ledger could not be read, nothing more starts. Failures go to `report`.

    Fails with `Misuse` where `at_once` is less than 1, where there are keys and `unproved` is set, or where an argument
    is none of what it should be, and raises what the source raises when it is read, but nothing for what a handler, a
    letter, the stream or the ledger does.
    """
    _check_types(process, source, ledger)
    if at_once < 1:
        raise Misuse(f"at_once={at_once} should be 1 or more")
    check_flag(unproved, "unproved")
    signer = signer_of(keys) or getattr(source, "signer", None)
    if signer is not None and unproved:
        raise Misuse("unproved=True asks for no proof, and keys ask for one: leave one of them out")
    queue = source if isinstance(source, SqsDeadLetters) else None
    is_at_aws = isinstance(source, SqsDeadLetters | S3DeadLetters)
    followed = Followed(
        {route.table.name for route in process.routes},
        stream_arns,
        None if queue is None else home_of_queue(queue.queue_url),
        OnFirstUse(make_sts, None) if is_at_aws else None,
    )
    trust = Trust(followed, signer, unproved, MACHINE_CLOCK)
    replay = Replay(process, ledger, Deadline(seconds_left, _MARGIN), trust, report)
    shards = Shards(OnFirstUse(make_streams, streams), replay.deadline.seconds_left)
    documents = DocumentReplay(replay, shards, everything)
    drive = Redrive(replay, documents, Whose(scope, function, queue is None), Rereading(shards))
    most = 1 if queue is not None and queue.fifo else at_once
    receiving = source.receive()
    redriven: list[Redriven[E]] = []
    while not (replay.deadline.reached or replay.is_over) and (portion := portion_of(receiving, most)):
        redriven += drive.run(portion)
    return redriven


@dataclass(frozen=True, slots=True)
class Redrive(Generic[A, E]):
    """Runs portions of what was received."""

    letters: Replay[A, E]
    documents: DocumentReplay[A, E]
    whose: Whose
    rereading: Rereading

    def run(self, portion: Iterable[Received]) -> list[Redriven[E]]:
        """Run a portion in the order in which its records were written, as far as documents have one place."""
        redriven: list[Redriven[E]] = []
        found: list[Found] = []
        for received in portion:
            opened = self.whose.open(received)
            if isinstance(opened, FoundNothing):
                redriven.append(Redriven(received.name, None, "unreadable", detail=opened.problem))
            elif isinstance(opened, Foreign):
                pair = None if opened.letter is None else opened.letter.pair
                redriven.append(Redriven(received.name, pair, "another function", detail=opened.owner))
            else:
                self._warn_without_scope(opened)
                found.append(opened)
        for _, group in groupby(sorted(found, key=by_place), key=_kind):
            together = list(group)
            letters = [each for each in together if isinstance(each, FoundLetter)]
            redriven += replay_letters(letters, self.letters, self.rereading)
            for each in together:
                if isinstance(each, FoundDocument):
                    redriven += self.documents.run(each)
        return redriven

    def _warn_without_scope(self, found: Found) -> None:
        """Tell of a letter that an older version wrote outside of Lambda: others may share what the ledger knows."""
        if not found.stretch.scope and getattr(self.letters.ledger, "needs_scope", False) is True:
            _log.warning(
                "%s names no function: what the ledger knows of it may be of any function without a scope",
                shown(found.received.name),
            )


def _kind(found: Found) -> tuple[bool, str, str]:
    """Put letters together that stand beside one another, and are of one scope and stream."""
    return isinstance(found, FoundLetter), found.stretch.scope, found.stretch.stream


def _check_types(process: object, source: object, ledger: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
    if not isinstance(process, Pipeline):
        raise Misuse(
            f"redrive() takes a pipeline first, got {kind_of(process)}: pass what pipeline() or router() made"
        )
    if not has_methods(source, "receive"):
        raise Misuse(
            f"redrive() takes a source of letters, got {kind_of(source)}: make one, as in SqsDeadLetters(queue_url)"
        )
    if not has_methods(ledger, "read", "write"):
        raise Misuse(f"ledger is a ledger, got {kind_of(ledger)}: make one, as in DynamoDBLedger(name)")
