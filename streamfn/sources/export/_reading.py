"""Reading an export: its records, or the typed events of a table, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from returns.result import Failure, Result
from typing_extensions import TypeVar

from streamfn._events import Event
from streamfn._failures import Failed, Malformed, MissingImage, Undecodable
from streamfn._records import MalformedRecord, Record
from streamfn._structuring import structurer
from streamfn._successes import success
from streamfn._tables import Table
from streamfn.sources.export._lines import lines_of, record_of_line
from streamfn.sources.export._manifests import Export

T = TypeVar("T")


def records_of(export: Export, table: Table[T] | None = None) -> Iterator[Record]:
    """Give the records of an export, file by file, one at a time.

    Each is what a stream would have carried, but for its place in a shard. `table` says by its name whose records they
    are, and by its model which attributes of a full export's items are keys; without marks, or without a table, a whole
    item stands for them. A line that holds no item is a `MalformedRecord`.

    Fails with `DamagedExport` before the first record of a file whose checksum is wrong, and at the end of one that has
    more or fewer lines than the manifest says.
    """
    keys = () if table is None else tuple(key.name for key in table.key_attributes.attributes)
    name = export.table_name if table is None else table.name
    for file in export.files:
        with closing(lines_of(export, file)) as lines:
            for number, line in enumerate(lines, 1):
                yield record_of_line(export, file, number, line, keys, name)


def events_of(
    export: Export, table: Table[T]
) -> Iterator[Result[Event[T], Failed[Malformed | Undecodable | MissingImage]]]:
    """Give the typed events of an export: insertions of a full one, and what the images say of an incremental one.

    What is no record, or does not fit the table's model, is a Failure with the record and the reason. It fails as
    `records_of` does.
    """
    structure = structurer(table)
    for record in records_of(export, table):
        if isinstance(record, MalformedRecord):
            yield Failure(Failed(record, None, Malformed(record.problem)))
            continue
        event = structure(record)
        yield (
            Failure(Failed(record, None, event.failure()))
            if isinstance(event, Failure)
            else success(event.unwrap())
        )
