"""What a source turns out to hold: letters, documents of Lambda's, and whatever else somebody put there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from streamfn._entries import record_of
from streamfn._ledger import Stretch, identity_of
from streamfn._letters import DeadLetter, NotADeadLetter, read_letter
from streamfn._records import Record
from streamfn._wire import magnitude
from streamfn.dead_letters._redriving.documents import Document, NotADocument, read_document
from streamfn.dead_letters._sources import Received

_LARGEST: Final = 16 * 1024 * 1024
"""How many characters a portion has before no more is added: a document from a bucket has up to six million."""


_OF_WINDOW: Final = (
    "the document is about a batch of a tumbling window, whose state has gone on without it: "
    "fold its records anew"
)


@dataclass(frozen=True, slots=True)
class FoundLetter:
    """A letter, and the record that it carries."""

    received: Received
    letter: DeadLetter
    record: Record

    @property
    def stretch(self) -> Stretch:
        """The stretch of its stream that its record is; a record without a number is at the beginning."""
        number = self.record.sequence_number or "0"
        return Stretch(self.letter.scope, self.letter.stream, number, number)


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A document, and the scope of the function that it is about."""

    received: Received
    document: Document
    scope: str

    @property
    def stretch(self) -> Stretch:
        """The stretch of the stream that the batch was."""
        document = self.document
        return Stretch(self.scope, document.stream, document.start, document.end)


@dataclass(frozen=True, slots=True)
class FoundNothing:
    """A text that nobody can do anything with, and why."""

    received: Received
    problem: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """A letter or document of another function than was asked for."""

    received: Received
    letter: DeadLetter | None
    owner: str


Found: TypeAlias = FoundLetter | FoundDocument


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose letters and documents are meant: those of a scope, and of a function of this name; None is anybody's.

    The name is that of the pipe for the documents of one. `with_payloads` says whether the records that a document
    carries are taken. In a queue none carries any ("Adding an on-failure destination" in the AWS Lambda Developer
    Guide): what does there is of somebody else, and its records are read from the stream.
    """

    scope: str | None
    function: str | None
    with_payloads: bool = True

    def open(self, received: Received) -> Found | Foreign | FoundNothing:
        """Read what was received."""
        try:
            letter = read_letter(received.body)
        except NotADeadLetter as problem:
            return self._document(received, str(problem))
        if self.scope not in {None, letter.scope}:
            return Foreign(received, letter, letter.scope)
        record = record_of(letter.record, 0)
        if not letter.is_truncated and identity_of(record) != letter.pair.record:
            return FoundNothing(received, "the letter's record is not the one that its id names")
        return FoundLetter(received, letter, record)

    def _document(self, received: Received, problem: str) -> FoundDocument | Foreign | FoundNothing:
        try:
            document = read_document(received.body, with_payload=self.with_payloads)
        except NotADocument as wrong:
            return FoundNothing(received, str(wrong))
        if document is None:
            return FoundNothing(received, problem)
        if document.function is None:
            return self._document_of_pipe(received, document)
        function = self.scope if self.function is None else self.function
        if function not in {None, document.function}:
            return Foreign(received, None, document.owner)
        if document.is_of_window:
            return FoundNothing(received, _OF_WINDOW)
        return FoundDocument(received, document, document.function if self.scope is None else self.scope)

    def _document_of_pipe(
        self, received: Received, document: Document
    ) -> FoundDocument | Foreign | FoundNothing:
        """Take the document of a pipe, which does not name the function: with the scope, nobody has to guess that."""
        if self.function not in {None, document.pipe}:
            return Foreign(received, None, document.owner)
        if self.scope is None:
            return FoundNothing(
                received, f"{document.owner} does not name its function: say whose ledger, with scope="
            )
        return FoundDocument(received, document, self.scope)


def portion_of(receiving: Iterator[Received], most: int) -> list[Received]:
    """Take up to so many texts, fewer if they are large; none when all are taken."""
    portion: list[Received] = []
    size = 0
    while len(portion) < most and size < _LARGEST and (received := next(receiving, None)) is not None:
        portion.append(received)
        size += len(received.body)
    return portion


def by_place(found: Found) -> tuple[str, str, tuple[int, str]]:
    """Order what is found as it happened: scope by scope, stream by stream, and there by sequence number."""
    stretch = found.stretch
    return stretch.scope, stretch.stream, magnitude(stretch.lowest)
