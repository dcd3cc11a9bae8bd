"""Progress: which chunks of an export's data files have been run, and what came of them.

Each chunk is a file of its own, written once its records have been run, and before anybody is told what came of them.
So a replay that ends at any moment, and is begun again, repeats no more than the chunk that each of its workers was at.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from streamfn._wire import as_text, is_map
from streamfn.sources.export._client import S3Client
from streamfn.sources.export._manifests import DataFile, Export
from streamfn.sources.export._outcomes import Outcome
from streamfn.sources.export._places import Location, Place, place_at

VERSION: Final = 1
INTERRUPTED: Final = 2
"""The version of a chunk with pairs that are due, which a release that reads only the first would take for done."""

HANDLED: Final = "handled"


class NotProgress(ValueError):
    """The place holds progress of another export, or something else; the message says what to do."""


Due: TypeAlias = tuple[str, int]
"""A handler's name, and the line of a record that it has not been called with yet."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of a data file that have been run, from `first` to `last`.

    `handlers` are those that there were. `handled` counts for each what it handled, `failures` are all others, but for
    the pairs that are `due`: those were not started when the replay was interrupted. `ends` says that the file was read
    to its end after these lines, and has as many as the manifest says.
    """

    first: int
    last: int
    handlers: frozenset[str]
    handled: Mapping[str, int]
    failures: tuple[Outcome, ...]
    due: tuple[Due, ...] = ()
    ends: bool = False

    def outcomes(self, file: DataFile) -> Iterator[Outcome]:
        """Give what came of it."""
        for handler, count in self.handled.items():
            yield Outcome(file.name, handler, HANDLED, count=count)
        yield from self.failures

    def is_done_for(self, handlers: frozenset[str]) -> bool:
        """Whether nothing of it is left for these handlers."""
        return not self.failures and handlers <= self.handlers and not self.is_due_for(handlers)

    def is_due_for(self, handlers: Collection[str]) -> bool:
        """Whether one of these handlers has yet to be called with a record of it."""
        return any(handler in handlers for handler, _ in self.due)


@dataclass(frozen=True, slots=True)
class ProgressStore:
    """Keeps chunks at a place. `progress_at` makes it; it can be pickled."""

    place: Place

    def chunks(self, export: Export, file: DataFile) -> list[Chunk]:
        """Give the chunks of a data file that have been run, in their order. Fails with `NotProgress`.

        Of two that share lines, the first counts: the other is left over from a replay that died between two writes, or
        from one that ran at the same time.
        """
        chunks: list[Chunk] = []
        for name in self.place.names(file.name):
            content = self.place.read(name)
            if content is not None:
                chunks.append(self._read(name, content, export, file))
        apart: list[Chunk] = []
        for chunk in sorted(chunks, key=lambda chunk: chunk.first):
            if not apart or chunk.first > apart[-1].last:
                apart.append(chunk)
        return apart

    def keep(self, export: Export, file: DataFile, chunk: Chunk) -> None:
        """Keep a chunk, in the place of what was kept of the same lines. Fails with what the place raises."""
        told: dict[str, object] = {
            "version": INTERRUPTED if chunk.due else VERSION,
            "export": export.id,
            "first": chunk.first,
            "last": chunk.last,
            "handlers": sorted(chunk.handlers),
            "handled": chunk.handled,
            "failures": [
                [each.handler, each.outcome, each.detail, each.line, each.event_id] for each in chunk.failures
            ],
            "due": chunk.due,
            "ends": chunk.ends,
            "locations": [each.location for each in chunk.failures],
        }
        self.place.write(f"{file.name}/{chunk.first:012d}.json", json.dumps(told).encode())

    def _read(self, name: str, content: bytes, export: Export, file: DataFile) -> Chunk:
        told = _object(content)
        first, last = told.get("first"), told.get("last")
        is_known = told.get("version") in {VERSION, INTERRUPTED}
        if not is_known or not isinstance(first, int) or not isinstance(last, int):
            raise NotProgress(f"{self.place}/{name} is no progress of a replay: name another place for it")
        if told.get("export") != export.id:
            raise NotProgress(
                f"{self.place} holds the progress of the export {as_text(told.get('export'))}: name another place"
            )
        # Whoever wrote the version wrote the rest.
        failures = cast("Sequence[tuple[str | None, str, str | None, int, str]]", told["failures"])
        # Older ones know no places.
        locations = cast("Sequence[str | None]", told.get("locations", [None] * len(failures)))
        return Chunk(
            first,
            last,
            frozenset(cast("list[str]", told["handlers"])),
            cast("Mapping[str, int]", told["handled"]),
            tuple(
                Outcome(file.name, *each, location=location)
                for each, location in zip(failures, locations, strict=True)
            ),
            tuple((handler, line) for handler, line in cast("Sequence[Due]", told.get("due", ()))),
            told.get("ends") is True,  # a chunk of an earlier release does not say
        )


def progress_at(location: Location, client: S3Client | None = None) -> ProgressStore:
    """Keep progress in a folder, or under a prefix of a bucket, ``s3://bucket/prefix``."""
    return ProgressStore(place_at(location, client))


def usual_place(export: Export, pipeline: str) -> ProgressStore:
    """Keep the progress of a pipeline beside the manifest."""
    return ProgressStore(export.place.within(f"streamfn-{pipeline.replace(':', '-')}"))


def _object(content: bytes) -> Mapping[str, object]:
    try:
        told: object = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if is_map(told) else {}
