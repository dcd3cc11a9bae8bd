"""The contents of messages: letters and documents, the accounts that they belong to, and the trust in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from streamfn._aws import CallerClient, LazyClient, error_name
from streamfn._errors import ConfigurationError, kind_of
from streamfn._records import Record, parse_record, sequence_order, table_of
from streamfn._time import AlarmClock
from streamfn.dead_letters._messages import Signer
from streamfn.dead_letters._protocol import DeadLetter, NotADeadLetter, Received, read_letter
from streamfn.ledgers._items import LIFETIME
from streamfn.ledgers._protocol import Entry, Key, SequenceRange, record_id
from streamfn.redrive._documents import Document, NotADocument, read_document

# The contents of a source: letters, documents of Lambda, and any other text.

_LARGEST: Final = 16 * 1024 * 1024
"""The number of characters after which a portion is full: a document from a bucket has up to six million."""


_OF_WINDOW: Final = (
    "the document is about a batch of a tumbling window, whose state has gone on without it: "
    "fold its records anew"
)


@dataclass(frozen=True, slots=True)
class LetterMessage:
    """A letter, and the record that it carries."""

    received: Received
    letter: DeadLetter
    record: Record

    @property
    def sequence_range(self) -> SequenceRange:
        """The sequence range of the record; a record without a number is at the beginning."""
        number = self.record.sequence_number or "0"
        return SequenceRange(self.letter.scope, self.letter.stream, number, number)


@dataclass(frozen=True, slots=True)
class DocumentMessage:
    """A document, and the scope of the function that it is about."""

    received: Received
    document: Document
    scope: str

    @property
    def sequence_range(self) -> SequenceRange:
        """The sequence range of the batch."""
        document = self.document
        return SequenceRange(self.scope, document.stream, document.start, document.end)


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """A text that nobody can do anything with, and why."""

    received: Received
    problem: str


@dataclass(frozen=True, slots=True)
class OtherFunctionMessage:
    """A letter or document of another function than was asked for."""

    received: Received
    letter: DeadLetter | None
    owner: str


RedriveMessage: TypeAlias = LetterMessage | DocumentMessage


@dataclass(frozen=True, slots=True)
class RedriveFilter:
    """The wanted letters and documents: those of a scope, and of a function of this name; None accepts any.

    The name is that of the pipe for the documents of a pipe. `with_payloads` says whether records inside a document
    are accepted. In a queue no document of Lambda has any ("Adding an on-failure destination" in the AWS Lambda
    Developer Guide): a document with records there has another sender, and its records are read from the stream.
    """

    scope: str | None
    function: str | None
    with_payloads: bool = True

    def open(self, received: Received) -> RedriveMessage | OtherFunctionMessage | UnreadableMessage:
        """Parse a received text."""
        try:
            letter = read_letter(received.body)
        except NotADeadLetter as problem:
            return self._document(received, str(problem))
        if self.scope not in {None, letter.scope}:
            return OtherFunctionMessage(received, letter, letter.scope)
        record = parse_record(letter.record, 0)
        if not letter.is_truncated and record_id(record) != letter.pair.record:
            return UnreadableMessage(received, "the letter's record is not the one that its id names")
        return LetterMessage(received, letter, record)

    def _document(
        self, received: Received, problem: str
    ) -> DocumentMessage | OtherFunctionMessage | UnreadableMessage:
        try:
            document = read_document(received.body, with_payload=self.with_payloads)
        except NotADocument as wrong:
            return UnreadableMessage(received, str(wrong))
        if document is None:
            return UnreadableMessage(received, problem)
        if document.function is None:
            return self._document_of_pipe(received, document)
        function = self.scope if self.function is None else self.function
        if function not in {None, document.function}:
            return OtherFunctionMessage(received, None, document.owner)
        if document.is_of_window:
            return UnreadableMessage(received, _OF_WINDOW)
        return DocumentMessage(received, document, document.function if self.scope is None else self.scope)

    def _document_of_pipe(
        self, received: Received, document: Document
    ) -> DocumentMessage | OtherFunctionMessage | UnreadableMessage:
        """Accept the document of a pipe, which does not name the function: the scope says which function is meant."""
        if self.function not in {None, document.pipe}:
            return OtherFunctionMessage(received, None, document.owner)
        if self.scope is None:
            return UnreadableMessage(
                received, f"{document.owner} does not name its function: say whose ledger, with scope="
            )
        return DocumentMessage(received, document, self.scope)


def take_batch(receiving: Iterator[Received], most: int) -> list[Received]:
    """Return up to this many texts, fewer if they are large; none at the end."""
    portion: list[Received] = []
    size = 0
    while len(portion) < most and size < _LARGEST and (received := next(receiving, None)) is not None:
        portion.append(received)
        size += len(received.body)
    return portion


def by_place(found: RedriveMessage) -> tuple[str, str, tuple[int, str]]:
    """Sort key in the order of the changes: scope by scope, stream by stream, and there by sequence number."""
    sequence_range = found.sequence_range
    return sequence_range.scope, sequence_range.stream, sequence_order(sequence_range.lowest)


# Homes: the account and the region of a queue, a function or a stream.

_ARN: Final = re.compile(r"arn:[^:]+:[^:]+:(?P<region>[^:]+):(?P<account>[^:]+):.+", re.DOTALL)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


@dataclass(frozen=True, slots=True)
class Home:
    """An account, and a region of it; None where only the account is known."""

    account: str
    region: str | None

    def has(self, other: Home) -> bool:
        """Return whether another is here."""
        return self.account == other.account and self.region in {None, other.region}


def home_of_queue(url: str) -> Home | None:
    """Return the home in a queue's URL; None if the URL has none.

    >>> home_of_queue("https://sqs.eu-west-1.amazonaws.com/123456789012/letters")
    Home(account='123456789012', region='eu-west-1')
    >>> home_of_queue("https://sqs.example/letters")
    """
    parts = urlsplit(url)
    account = parts.path.split("/")[1]
    if _ACCOUNT.fullmatch(account) is None:
        return None
    labels = (parts.hostname or "").split(".")
    return Home(account, next((label for label in labels if _REGION.fullmatch(label)), None))


def home_of_arn(arn: str) -> Home | None:
    """Return the home in an ARN; None if the ARN has none.

    >>> home_of_arn("arn:aws:lambda:eu-west-1:123456789012:function:follow-cards")
    Home(account='123456789012', region='eu-west-1')
    >>> home_of_arn("arn:aws:s3:::letters")
    """
    found = _ARN.fullmatch(arn)
    return None if found is None else Home(found["account"], found["region"])


# Trust of a redrive: the streams that the function follows, and the letters that are proved.
#
# Anyone who may send to a queue or put an object may write text that looks like a letter or a document. A letter is
# proved by its signature, or by the ledger, which has an entry for each letter with the digest of its record. A
# document is proved by the stream that its records are read from, if that is one of the function's.

_NAME_IT: Final = "if the function follows it, name it with stream_arns="

_STREAM: Final = re.compile(r"arn:[^:]+:(?P<service>dynamodb|kinesis):[^:]+:[^:]+:(table|stream)/.+")


class Followed:
    """The streams that the function follows.

    Streams and tables named in `stream_arns`, or else the streams of the pipeline's tables in the account and region
    at home. Home is the place of the queue, or of the `caller`; if both are unknown, because the source is outside of
    AWS, home is the place of the function that a document names.
    """

    def __init__(
        self,
        tables: Collection[str],
        stream_arns: Collection[str] | None,
        home: Home | None,
        caller: LazyClient[CallerClient] | None,
    ) -> None:
        """Store the settings. Raises `ConfigurationError` for text that is no ARN of a stream or a table."""
        self._tables = tables
        self._arns = None if stream_arns is None else _checked(stream_arns)
        self._home = home
        self._caller = caller

    def problem_of(self, stream: str, *, owner: str | None = None, is_proved: bool = False) -> str | None:
        """Return why a stream is not followed; None if it is.

        `owner` is the ARN of a document's function or pipe. A proved letter may be of any account and region.
        """
        at, found = home_of_arn(stream), _STREAM.fullmatch(stream)
        if at is None or found is None:
            return f"{stream!r} is not the ARN of a stream"
        if found["service"] == "dynamodb" and table_of(stream) not in self._tables:
            return f"the pipeline has no table of {stream!r}"
        if self._arns is not None:
            is_named = any(stream == arn or stream.startswith(f"{arn}/stream/") for arn in self._arns)
            return None if is_named else f"{stream!r} is none of stream_arns"
        return None if is_proved else self._outside(stream, at, owner)

    def _outside(self, stream: str, at: Home, owner: str | None) -> str | None:
        if self._home is None and self._caller is not None:
            try:
                self._home = _home_of(self._caller())
            except Exception as error:  # noqa: BLE001 (whatever it is, nobody knows the account)
                return f"STS does not say whose {stream!r} would have to be ({error_name(error)}): {_NAME_IT}"
        home = home_of_arn(owner or "") if self._home is None else self._home
        if home is None or home.has(at):
            return None
        where = home.account if home.region is None else f"{home.account} in {home.region}"
        return f"{stream!r} is not of the account {where}: {_NAME_IT}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Trusts followed streams, and letters with a signature of `signer`, or else letters that the ledger knows.

    With `unproved`, letters without proof are trusted as well.
    """

    followed: Followed
    signer: Signer | None
    unproved: bool
    clock: AlarmClock

    def unsigned(self, found: LetterMessage) -> str | None:
        """Return why a letter is not signed; None if it is, or needs no signature."""
        return None if self.signer is None else self.signer.problem_of(found.received.body)

    def unproved_by(self, found: LetterMessage, entries: Mapping[Key, Entry]) -> str | None:
        """Return why a letter is not proved; None if the ledger or a signature proves it, or no proof is required.

        The ledger forgets. A letter that has been in the source for longer needs no proof.
        """
        if self.signer is not None or self.unproved:
            return None
        entry = entries.get(found.letter.pair)
        if entry is None or entry.state != "dead":
            if entry is None and self._is_forgotten(found):
                return None
            return "the ledger knows of no such letter; unproved=True runs it all the same"
        # The rest of a truncated record proves nothing but its place: the record is read again from the stream.
        if entry.letter and entry.letter != found.letter.digest and not found.letter.is_truncated:
            return "the ledger knows a letter of this id with another record"
        return None

    def unfollowed(self, found: LetterMessage, entries: Mapping[Key, Entry]) -> str | None:
        """Return why a letter is of a stream that the function does not follow; None if it follows the stream.

        For a letter without a handler, whose record reached none, the pipeline looks up the table.
        """
        is_proved = self.signer is not None or self.unproved or found.letter.pair in entries
        if not found.letter.pair.handler and is_proved:
            return None
        streams = (found.letter.stream, found.record.event_source_arn)
        problems = (self.followed.problem_of(each, is_proved=is_proved) for each in streams if each)
        return next((problem for problem in problems if problem is not None), None)

    def _is_forgotten(self, found: LetterMessage) -> bool:
        sent = found.received.sent
        return sent is not None and self.clock.now - sent > LIFETIME


def _home_of(caller: CallerClient) -> Home:
    return Home(caller.get_caller_identity()["Account"], caller.meta.region_name)


def _checked(stream_arns: object) -> tuple[str, ...]:
    if isinstance(stream_arns, str) or not isinstance(stream_arns, Collection):
        raise ConfigurationError(
            f"stream_arns is a list of ARNs, got {kind_of(stream_arns)}: write stream_arns=[arn]"
        )
    arns: list[object] = [*stream_arns]
    for arn in arns:
        if not isinstance(arn, str) or _STREAM.fullmatch(arn) is None:
            raise ConfigurationError(
                "stream_arns are the ARNs of streams or of tables, as "
                f"arn:aws:dynamodb:eu-west-1:123456789012:table/cards is, got {arn!r}"
            )
    return tuple(map(str, arns))
