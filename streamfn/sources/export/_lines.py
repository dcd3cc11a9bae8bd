"""The lines of data files, and the records that they become.

A line of a full export is an item, and becomes what an insertion would have been. A line of an incremental one is the
last change to an item in the span, compacted of all of them: with a new image alone the item came (or, where the export
has new images only, came or changed), with both it changed, and with none that is new it went.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from base64 import b64encode
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from streamfn._entries import record_of
from streamfn._records import MalformedRecord, Record
from streamfn._texts import encoding_of
from streamfn._wire import EVENT_SOURCE, is_map
from streamfn.sources.export._manifests import DamagedExport, DataFile, Export

_PIECE: Final = 1024 * 1024


def lines_of(export: Export, file: DataFile) -> Generator[bytes]:
    """Give the lines of a data file, one after the other, once its checksum has been found right.

    Fails with `DamagedExport` where the file is missing, has another checksum or is no gzip, before the first line; and
    where it has more or fewer lines than the manifest says, at the end.
    """
    for path in paths_of(file):
        with export.place.local(path) as local:
            if local is None:
                continue
            _check(export, file, local)
            count = 0
            try:
                with gzip.open(local) as opened:
                    for line in _in_utf8(opened):
                        count += 1
                        yield line
            except (OSError, EOFError, zlib.error):  # a manifest may have no checksum to tell it before
                raise DamagedExport(_not_gzip(export, file)) from None
            except UnicodeDecodeError:
                raise DamagedExport(
                    f"{file.name} of the export {export.id} is no text in UTF-8 or UTF-16"
                ) from None
            if count != file.items:
                raise DamagedExport(
                    f"{file.name} of the export {export.id} has {count} lines, and the manifest says {file.items}"
                )
            return
    raise DamagedExport(f"{file.name} of the export {export.id} is missing: {file.path}")


def _in_utf8(opened: gzip.GzipFile) -> Iterator[bytes]:
    """Give lines in UTF-8 without a byte order mark, as DynamoDB writes them; a tool may have saved them anew."""
    encoding = encoding_of(opened.peek(4)[:4])
    if encoding == "utf-8":
        return iter(opened)
    return (line.encode() for line in io.TextIOWrapper(opened, encoding, newline="\n"))


def paths_of(file: DataFile) -> Sequence[str]:
    """Say where a data file may lie, seen from the manifest, though the export was copied from where the key says.

    Those of an incremental export are in a folder that all exports share.
    """
    name = file.path.rpartition("/")[2]
    return (f"data/{name}", f"../data/{name}")


def event_id_of(export: Export, file: DataFile, number: int) -> str:
    """Name the record of a line."""
    return f"{export.id}/{file.name}/{number}"


def record_of_line(
    export: Export, file: DataFile, number: int, line: bytes, keys: Sequence[str], table_name: str
) -> Record:
    """Make the record of a line, whose number counts from 1; one that holds no item is a `MalformedRecord`."""
    event_id = event_id_of(export, file, number)
    try:
        told: object = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    change = _change(export, told, keys) if is_map(told) else None
    if change is None:
        return MalformedRecord(
            line.decode(errors="replace"), number, "no line of an export", event_id, sequence_number=None
        )
    name, parts = change
    if export.view is not None:
        parts["StreamViewType"] = export.view.value
    return record_of(
        {
            "eventID": event_id,
            "eventName": name,
            "eventSource": EVENT_SOURCE,
            "awsRegion": export.region,
            "tableName": table_name,
            "dynamodb": parts,
        },
        number,
    )


def _change(
    export: Export, told: Mapping[str, object], keys: Sequence[str]
) -> tuple[str, dict[str, object]] | None:
    """Say what happened to an item, and give the parts of the record."""
    if export.kind == "full":
        item = told.get("Item")
        if not is_map(item):
            return None
        # Where the model marks no keys, the whole item stands for them.
        found = {name: item[name] for name in keys if name in item} if keys else item
        return "INSERT", {"Keys": found, "NewImage": item}
    if "Keys" not in told:
        return None
    new, old = told.get("NewImage"), told.get("OldImage")
    parts: dict[str, object] = {"Keys": told["Keys"]}
    if new is not None:
        parts["NewImage"] = new
    if old is not None:
        parts["OldImage"] = old
    if (written := _seconds(told.get("Metadata"))) is not None:
        parts["ApproximateCreationDateTime"] = written
    return ("REMOVE" if new is None else "INSERT" if old is None else "MODIFY"), parts


def _seconds(metadata: object) -> float | None:
    """Read when an item was written, in microseconds since 1970; it may stand as an attribute value or by itself."""
    micros = metadata.get("WriteTimestampMicros") if is_map(metadata) else None
    told = micros.get("N") if is_map(micros) else micros
    try:
        return int(cast("str", told)) / 1_000_000 if isinstance(told, str | int) else None
    except (ValueError, OverflowError):
        return None


def _check(export: Export, file: DataFile, local: Path) -> None:
    """Compare a file with its checksum, and read it to its end, so that no handler runs on a damaged one."""
    packed, unpacked = (hashlib.md5(usedforsecurity=False) for _ in range(2))
    with local.open("rb") as opened:
        while piece := opened.read(_PIECE):
            packed.update(piece)
    if file.md5 is None or b64encode(packed.digest()).decode() == file.md5:
        return
    try:
        with gzip.open(local) as opened:
            while piece := opened.read(_PIECE):
                unpacked.update(piece)
    except (OSError, EOFError, zlib.error):
        raise DamagedExport(_not_gzip(export, file)) from None
    # The guide does not say of which bytes the checksum is.
    if b64encode(unpacked.digest()).decode() != file.md5:
        raise DamagedExport(f"{file.name} of the export {export.id} is not what its checksum says")


def _not_gzip(export: Export, file: DataFile) -> str:
    return f"{file.name} of the export {export.id} is no gzip, or a part of it is missing"
