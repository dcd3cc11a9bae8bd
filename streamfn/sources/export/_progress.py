"""Progress: which chunks of an export's data files have been run, and what came of them.

Each chunk is a file of its own, written once its records have been run, and before anybody is told what came of them.
So a replay that ends at any moment, and is begun again, repeats no more than the chunk that each of its workers was at.
A chunk names its lines, and the content of the data file that has them, so that it is taken for no others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

from typing_extensions import override

from streamfn._clients import named
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
    """The place holds other progress, a damaged one, or something else; the message says what to do."""


class ProgressNotKept(RuntimeError):
    """Progress could not be kept, as on a disk that is full; nothing more is run then."""


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
class Gap:
    """Lines of a data file, from `first` to `last`, that have no progress though later lines have: a part is gone.

    A replay runs a file's lines in their order, and so leaves no gaps itself. The lines are run again.
    """

    first: int
    last: int

    @override
    def __str__(self) -> str:
        return f"lines {self.first} to {self.last}" if self.first < self.last else f"line {self.first}"


@dataclass(frozen=True, slots=True)
class ProgressStore:
    """Keeps chunks at a place. `progress_at` makes it; it can be pickled.

    `pipeline` is the name of the pipeline whose progress it is, if that has one.
    """

    place: Place
    pipeline: str | None = None

    def chunks(self, export: Export, file: DataFile) -> list[Chunk]:
        """Give the chunks of a data file that have been run, in their order. Fails with `NotProgress`.

        Of two that share lines, the first counts: the other is left over from a replay that died between two writes.
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
        """Keep a chunk, in the place of what was kept of the same lines. Fails with `ProgressNotKept`."""
        told: dict[str, object] = {
            "version": INTERRUPTED if chunk.due else VERSION,
            "pipeline": self.pipeline,
            "export": export.id,
            "file": file.name,
            "items": file.items,
            "md5": file.md5,
            "etag": file.etag,
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
        try:
            self.place.write(f"{file.name}/{_named(chunk.first)}", json.dumps(told).encode())
        except Exception as error:
            why = error.strerror if isinstance(error, OSError) else None
            raise ProgressNotKept(
                f"progress could not be kept at {self.place}: {why or named(error)}"
            ) from error

    def _read(self, name: str, content: bytes, export: Export, file: DataFile) -> Chunk:
        told = _object(content)
        place = f"{self.place}/{name}"
        if told.get("version") not in {VERSION, INTERRUPTED}:
            raise NotProgress(
                f"{place} is no progress of a replay that this release reads, or is damaged: name another place, or "
                "restore the file, or remove it to have its lines run again"
            )
        self._check_whose(told, export, file)
        chunk = _chunk(told, file)
        if chunk is None or not name.endswith(f"/{_named(chunk.first)}"):
            raise NotProgress(
                f"{place} is damaged, or of other lines than its name says: restore the file, or remove it to have its "
                "lines run again"
            )
        return chunk

    def _check_whose(self, told: Mapping[str, object], export: Export, file: DataFile) -> None:
        """Check that it is the progress of this pipeline, export and file; earlier releases say but the export."""
        kept = as_text(told.get("pipeline"))
        if told.get("export") != export.id:
            whose = f"the export {as_text(told.get('export'))}"
        elif kept is not None and self.pipeline not in {None, kept}:
            whose = f"the pipeline {kept}"
        elif told.get("file", file.name) != file.name:
            whose = f"the file {as_text(told.get('file'))} where that of {file.name} should be"
        elif not _is_of_this_content(told, file):
            whose = f"another version of the file {file.name}"
        else:
            return
        raise NotProgress(f"{self.place} holds the progress of {whose}: name another place")


def _named(first: int) -> str:
    """Name the file of a chunk by its first line."""
    return f"{first:012d}.json"


def _is_of_this_content(told: Mapping[str, object], file: DataFile) -> bool:
    """Whether a chunk is of a file with this content, by a checksum that both know; the count may have been mended."""
    for kept, value in ((told.get("md5"), file.md5), (told.get("etag"), file.etag)):
        if kept is not None and value is not None:
            return kept == value
    return told.get("items") in {None, file.items}


def _chunk(told: Mapping[str, object], file: DataFile) -> Chunk | None:
    """Read what was written of a chunk; None if it cannot have been written so."""
    first, last = told.get("first"), told.get("last")
    handlers, handled, due = told.get("handlers"), told.get("handled"), told.get("due", ())
    failures = told.get("failures")
    if not (_is_count(first) and _is_count(last) and 1 <= first <= last):
        return None
    if not (_is_list(handlers) and is_map(handled) and _is_list(due) and _is_list(failures)):
        return None
    # Those of an earlier release know no places.
    locations = told.get("locations", [None] * len(failures))
    if not _is_list(locations) or len(locations) != len(failures):
        return None
    lines = range(first, last + 1)
    outcomes = [
        _failure(each, location, file, lines) for each, location in zip(failures, locations, strict=True)
    ]
    waiting = [_due(each, lines) for each in due]
    names = [each for each in handlers if isinstance(each, str)]
    counts = {handler: count for handler, count in handled.items() if _is_count(count)}
    if None in outcomes or None in waiting or len(names) < len(handlers) or len(counts) < len(handled):
        return None
    return Chunk(
        first,
        last,
        frozenset(names),
        counts,
        tuple(each for each in outcomes if each is not None),
        tuple(each for each in waiting if each is not None),
        told.get("ends") is True,  # a chunk of an earlier release does not say
    )


def _failure(told: object, location: object, file: DataFile, lines: range) -> Outcome | None:
    if not _is_list(told) or len(told) != 5:
        return None
    handler, outcome, detail, line, event_id = told
    if not (_is_text(handler) and isinstance(outcome, str) and _is_text(detail)):
        return None
    if not (_is_count(line) and line in lines and _is_text(event_id) and _is_text(location)):
        return None
    return Outcome(file.name, handler, outcome, detail, line, event_id, location=location)


def _due(told: object, lines: range) -> Due | None:
    if not _is_list(told) or len(told) != 2:
        return None
    handler, line = told
    return (handler, line) if isinstance(handler, str) and _is_count(line) and line in lines else None


def _is_count(told: object) -> TypeGuard[int]:
    return isinstance(told, int) and not isinstance(told, bool) and told >= 0


def _is_list(told: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(told, list | tuple)


def _is_text(told: object) -> TypeGuard[str | None]:
    return told is None or isinstance(told, str)


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
