"""Documents of Lambda's, run again: what is still open of a batch that Lambda gave up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic

from typing_extensions import TypeVar

from streamfn._ledger import Entry, identity_of, merged, namesakes_among
from streamfn._records import Record
from streamfn._wire import magnitude
from streamfn.dead_letters._redriving.contents import FoundDocument
from streamfn.dead_letters._redriving.documents import Document
from streamfn.dead_letters._redriving.redriven import Outcome, Redriven, concluded, outcome_of
from streamfn.dead_letters._redriving.replay import Replay, Replayed
from streamfn.dead_letters._redriving.shards import Forgotten, Shards, Unreachable

A = TypeVar("A")
E = TypeVar("E")

_DONE: Final[frozenset[Outcome]] = frozenset({"handled", "skipped", "not wanted"})


@dataclass(frozen=True, slots=True)
class DocumentReplay(Generic[A, E]):
    """Runs documents, with the records that they carry or that lie in `shards`; `everything` asks no questions."""

    replay: Replay[A, E]
    shards: Shards
    everything: bool

    def run(self, found: FoundDocument) -> list[Redriven[E]]:
        """Run the pairs of a document that are not settled, and remove it when none of them is open any more.

        A pair that is `dead` has a letter of its own, and is settled here. What is open for a handler that the
        pipeline does not have keeps the document.
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
        except Forgotten as problem:
            return self._stays(found, "forgotten", str(problem))
        except Unreachable as problem:
            return self._stays(found, "unreachable", str(problem))
        if document.records is None and len(records) < document.size:
            return self._stays(found, "forgotten", _counts(document, records))
        stretch = replace(found.stretch, records=tuple(map(identity_of, records)))
        entries = self.replay.known(stretch)
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
        replayed = self.replay.run(stretch, batch, known)
        here = {identity_of(record) for record in batch}
        unknown: list[Redriven[E]] = [
            Redriven(found.received.name, pair, "unknown handler")
            for pair, entry in merged(entries).items()
            if pair.handler not in names and pair.record in here and not entry.settled
        ]
        return concluded(found.received, _outcomes(found, replayed, unknown), _DONE)

    @staticmethod
    def _stays(found: FoundDocument, outcome: Outcome, detail: str = "") -> list[Redriven[E]]:
        return [Redriven(found.received.name, None, outcome, detail=detail)]


def batch_of(
    document: Document, records: Sequence[Record], entries: Iterable[Entry]
) -> Sequence[Record] | None:
    """Find which records of a range were the document's batch; None where nobody can tell.

    In between lie the records of the mapping's other lanes, and those that its filter kept from the function.
    Clean batches leave nothing in the ledger, and a batch that was given up leaves an entry for each record
    that a handler wants. So the records with entries are the batch, if they are enough and the first and the last
    of it are among them. There may be more of them, from other lanes that had failures as well.
    """
    if document.records is not None or len(records) == document.size:
        return records
    known = frozenset(entry.pair.record for entry in entries)
    batch = [record for record in records if identity_of(record) in known]
    numbers = {magnitude(record.sequence_number or "") for record in batch}
    ends = {magnitude(document.start), magnitude(document.end)}
    return batch if len(batch) >= document.size and ends <= numbers else None


def _counts(document: Document, records: Sequence[Record]) -> str:
    return f"the batch had {document.size} records, and its range of the shard holds {len(records)}"


def _outcomes(
    found: FoundDocument, replayed: Replayed[E], unknown: Iterable[Redriven[E]]
) -> list[Redriven[E]]:
    name = found.received.name
    redriven = [*unknown]
    for pair, failed in replayed.results.items():
        outcome: Outcome = "handled" if failed is None else outcome_of(failed.reason)
        redriven.append(Redriven(name, pair, outcome, failed))
    redriven += [Redriven(name, pair, "skipped") for pair in replayed.skipped]
    return redriven or [Redriven(name, None, "skipped")]
