"""streamfn: a pipeline with handlers from end to end, and its decoding alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast
from weakref import WeakKeyDictionary

from returns.result import Result, Success
from typing_extensions import TypeForm, TypeVar, override

from streamfn import (
    InsertEvent,
    KeysEvent,
    ModifyEvent,
    RemoveEvent,
    Table,
    Undecodable,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    pipeline,
)
from streamfn._tables import compiled_table
from tests.benchmarks.contenders import Contender, Decode, ImageByImage, Sink, WholeBatch, Work
from tests.benchmarks.images import Shape
from tests.benchmarks.loads import TABLE, Chunk, Load
from tests.benchmarks.models import Card, Customer, Entity, Invoice, Note, NoteKey, Order, Payment, Reading
from tests.benchmarks.wire import Image

T = TypeVar("T")

Structure: TypeAlias = Callable[[Image], Result[object, Undecodable]]
Make: TypeAlias = Callable[[Sink], Work]
Nothing: TypeAlias = Result[None, str]

_DONE: Final[Nothing] = Success(None)


def _work(process: Callable[[object], object]) -> Work:
    def work(chunk: Chunk) -> None:
        process(chunk.payload)

    return work


def _end_to_end(table: Table[T]) -> Make:
    """Make what runs a pipeline with a handler for each kind of record."""

    def make(sink: Sink) -> Work:
        def inserted(event: InsertEvent[T]) -> Nothing:
            sink(event.new_image)
            return _DONE

        def modified(event: ModifyEvent[T]) -> Nothing:
            sink(event.old_image)
            sink(event.new_image)
            return _DONE

        def removed(event: RemoveEvent[T]) -> Nothing:
            sink(event.old_image)
            return _DONE

        return _work(pipeline(table, on_insert(inserted), on_modify(modified), on_remove(removed)))

    return make


def _keys_end_to_end(sink: Sink) -> Work:
    def seen(event: KeysEvent[NoteKey]) -> Nothing:
        sink(event.keys)
        return _DONE

    return _work(pipeline(_NOTES, on_keys(NoteKey, seen)))


def _structure_keys(keys: Image) -> Result[object, Undecodable]:
    return _NOTES.structure_keys(NoteKey, keys)


@dataclass(frozen=True)
class Ways:
    """What reads the images of a shape, and what makes a pipeline of it."""

    decode: Decode
    structure: Structure
    end_to_end: Make


def _ways(model: TypeForm[T]) -> Ways:
    table = Table(TABLE, model)
    return Ways(compiled_table(table).decode, table.structure, _end_to_end(table))


_NOTES: Final = Table(TABLE, Note)
_WAYS: Final[Mapping[Shape, Ways]] = {
    "card": _ways(Card),
    "note": _ways(Note),
    "order": _ways(Order),
    "reading": _ways(Reading),
    "entity": _ways(Entity),
    "key": Ways(compiled_table(_NOTES).key_decoder(NoteKey), _structure_keys, _keys_end_to_end),
}


class Structured(ImageByImage):
    """Decodes images to Results, which hold the items."""

    @override
    def items(self, chunk: Chunk) -> list[object]:
        """Decode all images of a chunk, and take the items out of their Results."""
        return [cast("Result[object, Undecodable]", result).unwrap() for result in super().items(chunk)]


class TableByTable(ImageByImage):
    """Decodes each image by a table of its own entity, found beforehand: nothing is told apart."""

    def __init__(self, tables: Mapping[str, Decode]) -> None:
        """Begin with no images sorted."""
        super().__init__(lambda image: tables[image["kind"]["S"]](image))
        self._tables = tables
        self._sorted: WeakKeyDictionary[Chunk, list[tuple[Decode, Image]]] = WeakKeyDictionary()

    @override
    def work(self, chunk: Chunk) -> None:
        """Decode all images of a chunk, which are sorted when it comes for the first time."""
        known = self._sorted.get(chunk)
        if known is None:
            known = self._sorted[chunk] = [
                (self._tables[image["kind"]["S"]], image) for image in chunk.images
            ]
        for decode, image in known:
            decode(image)


def _prepare(load: Load) -> WholeBatch:
    return WholeBatch(_WAYS[load.shape].end_to_end)


def _prepare_decode(load: Load) -> ImageByImage:
    return ImageByImage(_WAYS[load.shape].decode)


def _prepare_structure(load: Load) -> Structured:
    return Structured(_WAYS[load.shape].structure)


def _prepare_entities(load: Load) -> TableByTable | None:
    if load.shape != "entity":
        return None
    return TableByTable(
        {
            "invoice": compiled_table(Table(TABLE, Invoice)).decode,
            "customer": compiled_table(Table(TABLE, Customer)).decode,
            "payment": compiled_table(Table(TABLE, Payment)).decode,
        }
    )


END_TO_END: Final = Contender("streamfn", "streamfn end to end, `process(payload)`", _prepare)
DECODE: Final = Contender(
    "decode",
    "streamfn decoding, the compiled decoder",
    _prepare_decode,
    remark="it checks each value, and raises for an image that does not fit",
)
STRUCTURE: Final = Contender(
    "structure", "streamfn decoding to a Result, `Table.structure`", _prepare_structure
)
TABLE_BY_TABLE: Final = Contender("table by table", "a compiled decoder for each entity", _prepare_entities)
