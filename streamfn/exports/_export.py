"""An export.

In this order: the folders and buckets that store exports, manifests, the lines of data files as records, and reading.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import zlib
from base64 import b64encode
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from posixpath import normpath
from tempfile import NamedTemporaryFile
from typing import Final, Literal, TypeAlias, cast

from returns.result import Failure, Result
from typing_extensions import TypeVar, override

from streamfn._aws import LazyClient, S3Client, keys_under, make_s3
from streamfn._dataclasses import make_success
from streamfn._errors import ConfigurationError, decoded, encoding_of, error_code, read_json_object
from streamfn._events import Event, structurer
from streamfn._failures import Failed, Malformed, MissingImage, Undecodable
from streamfn._records import (
    EVENT_SOURCE,
    MalformedRecord,
    Record,
    StreamViewType,
    is_map,
    parse_record,
    text_or_none,
)
from streamfn._tables import Table, compiled_table
from streamfn.sources._checkpoints import put_in_place

# Folders and prefixes of S3 buckets, which store exports and the progress of replays.
#
# Both are pickled by their names alone: a worker makes a client of its own.

_GONE: Final = frozenset({"404", "NoSuchKey"})

_PIECE: Final = 1024 * 1024
"""How much of a data file is read at a time, in bytes."""

_NEW: Final = ".new"
"""The end of the names of files that are being written."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def read(self, name: str, /) -> bytes | None:
        """Return the content of a file, or None if there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, /) -> None:
        """Write a temporary file beside the target, and rename it; a full disk leaves the target unchanged."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=_NEW, delete=False) as beside:
            put_in_place(beside, content, target)

    def sweep(self) -> None:
        """Remove the temporary files of processes that were killed while they wrote."""
        for left in self.path.glob(f"*/.*{_NEW}"):
            left.unlink(missing_ok=True)

    def names(self, folder: str, /) -> Iterator[str]:
        """Return the names of the files in a folder, in their order."""
        found = sorted((self.path / folder).glob("*")) if (self.path / folder).is_dir() else []
        return (f"{folder}/{each.name}" for each in found if not each.name.startswith("."))

    @contextmanager
    def local(self, name: str, /) -> Generator[Path | None]:
        """Yield the file itself."""
        path = self.path / name
        yield path if path.is_file() else None

    def folders(self) -> Iterator[str]:
        """Return the names of the folders in this folder."""
        found = sorted(self.path.iterdir()) if self.path.is_dir() else []
        return (each.name for each in found if each.is_dir())

    def within(self, folder: str, /) -> Folder:
        """Return a folder within this folder."""
        return Folder(self.path / folder)

    @override
    def __str__(self) -> str:
        """Return the location as text."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A prefix of a bucket of S3, with a slash at its end unless it is empty."""

    name: str
    prefix: str
    client: LazyClient[S3Client] = field(default_factory=lambda: _s3(None), compare=False, repr=False)

    def read(self, name: str, /) -> bytes | None:
        """Return the content of an object, or None if there is none."""
        try:
            return self.client().get_object(Bucket=self.name, Key=self.key_of(name))["Body"].read()
        except Exception as error:
            if error_code(error) in _GONE:
                return None
            raise

    def write(self, name: str, content: bytes, /) -> None:
        """Put an object, which S3 shows whole or not at all."""
        self.client().put_object(Bucket=self.name, Key=self.key_of(name), Body=content)

    def names(self, folder: str, /) -> Iterator[str]:
        """Yield the names of the objects in a folder, in the order of S3's lists."""
        for key in keys_under(self.client(), self.name, f"{self.prefix}{folder}/"):
            yield key.removeprefix(self.prefix)

    @contextmanager
    def local(self, name: str, /) -> Generator[Path | None]:
        """Yield a copy of an object, which is deleted at the end of the block."""
        try:
            body = self.client().get_object(Bucket=self.name, Key=self.key_of(name))["Body"]
        except Exception as error:
            if error_code(error) not in _GONE:
                raise
            yield None
            return
        with NamedTemporaryFile(prefix="streamfn-", suffix=".json.gz") as copy:
            while piece := body.read(_PIECE):
                copy.write(piece)
            copy.flush()
            yield Path(copy.name)

    def folders(self) -> Iterator[str]:
        """Return no folder: a list of all objects of a bucket may be long, so callers name exports in full."""
        return iter(())

    def key_of(self, name: str, /) -> str:
        """Return the key of an object."""
        return normpath(f"{self.prefix}{name}")

    def within(self, folder: str, /) -> Bucket:
        """Return a folder within this prefix."""
        return Bucket(self.name, f"{self.prefix}{folder}/", self.client)

    @override
    def __reduce__(self) -> tuple[type[Bucket], tuple[str, str]]:
        """Leave the client out."""
        return Bucket, (self.name, self.prefix)

    @override
    def __str__(self) -> str:
        """Return the location as text."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


def _s3(client: S3Client | None) -> LazyClient[S3Client]:
    return LazyClient(partial(make_s3, patient=True), client)


Storage: TypeAlias = Folder | Bucket
"""Files by their names, in which slashes make folders."""

Location: TypeAlias = str | os.PathLike[str]
"""A folder, or a prefix of a bucket as ``s3://bucket/prefix``."""


def storage_at(location: Location, client: S3Client | None = None) -> Storage:
    """Find the place that a location names. Raises `ConfigurationError` for one of another file system.

    >>> storage_at("s3://backups/2024/")
    Bucket(name='backups', prefix='2024/')
    """
    text = os.fspath(location)
    for scheme in ("s3://", "s3a://", "s3n://"):  # the latter two are Hadoop's
        if text.startswith(scheme):
            bucket, _, prefix = text.removeprefix(scheme).partition("/")
            prefix = prefix.strip("/")
            return Bucket(bucket, f"{prefix}/" if prefix else "", _s3(client))
    path = text.removeprefix("file://")
    if "://" in path:
        raise ConfigurationError(
            f"a location is a folder or s3://bucket/prefix, got {path.partition('://')[0]}://…"
        )
    return Folder(Path(path))


# Exports of a table to S3: their manifests, and their data files.
#
# The form is the one of "DynamoDB table export output format" in the Amazon DynamoDB Developer Guide: a summary, a
# list of data files with their number of items and their checksum, and beside each of these a file with its own
# checksum.

ExportKind: TypeAlias = Literal["full", "incremental"]
"""The content of an export: the whole table, or its changes in a span of time."""

_KINDS: Final[Mapping[object, ExportKind]] = {
    "FULL_EXPORT": "full",
    "INCREMENTAL_EXPORT": "incremental",
    None: "full",
}
_VIEWS: Final = {view.value: view for view in (StreamViewType.NEW_IMAGE, StreamViewType.NEW_AND_OLD_IMAGES)}
_TABLE_ARN: Final = re.compile(r"arn:[^:]+:dynamodb:(?P<region>[^:]*):[^:]*:table/(?P<name>[^/]+)")
_ROOT: Final = "AWSDynamoDB"
_SUMMARY: Final = "manifest-summary"
_FILES: Final = "manifest-files"


class NotAnExport(ValueError):
    """The location holds no export that can be read; the message names the problem."""


class DamagedExport(ValueError):
    """A file of an export is missing, or differs from the manifest; the message names the file and the difference."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of an export: its `name` in the export, its number of lines, `items`, and the base64 `md5` of its bytes.

    `path` is the file's path relative to the export. `etag` is the ETag that S3 gave the content.
    """

    name: str
    items: int
    md5: str | None
    path: str
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An export of a table: the table, the kind, and the data files. `open_export` makes it.

    `id` identifies the export among all exports. `view` says which images an incremental export has.
    """

    id: str
    place: Storage
    kind: ExportKind
    table_name: str
    region: str
    view: StreamViewType | None
    item_count: int
    files: tuple[DataFile, ...]

    @property
    def location(self) -> str:
        """The location of the export."""
        return str(self.place)


def open_export(location: Location, *, client: S3Client | None = None) -> Export:
    """Read the manifests of an export and check them.

    `location` is the folder of the manifests, ``…/AWSDynamoDB/<ExportId>``, or a folder with one such export in it; in
    S3 it is ``s3://bucket/…/AWSDynamoDB/<ExportId>``. Data files are found beside the manifests, wherever the export
    was copied. `client` is boto3's for S3; by default one is made.

    Raises `NotAnExport` for a location without an export, for an export in Amazon Ion and for one in an unknown form,
    and `DamagedExport` if a manifest differs from its checksum.
    """
    place = _exports_place(storage_at(location, client))
    summary = _json(_checked(place, _SUMMARY), f"{_SUMMARY}.json")
    output = summary.get("outputFormat", "DYNAMODB_JSON")
    if output != "DYNAMODB_JSON":
        written = "Amazon Ion" if output == "ION" else "a form that is not known here"
        raise NotAnExport(f"the export {place} is in {written}: export the table again, as DYNAMODB_JSON")
    if summary.get("version") != "2020-06-30":
        raise NotAnExport(f"the manifest in {place} is of a version that is not known here")
    kind = _KINDS.get(text_or_none(summary.get("exportType")))
    arn = _TABLE_ARN.match(text_or_none(summary.get("tableArn")) or "")
    if kind is None or arn is None:
        raise NotAnExport(f"the manifest in {place} does not name its table, or what kind of export it is")
    files = _files(place, _checked(place, _FILES))
    told = summary.get("itemCount")
    count = sum(file.items for file in files)
    if told is None:  # nothing says how many files there should be
        _check_that_all_are_listed(place, files, kind)
    elif isinstance(told, bool) or told != count:
        raise DamagedExport(f"the manifest in {place} tells of {told} items, and its files of {count}")
    export_arn = text_or_none(summary.get("exportArn")) or ""
    return Export(
        id=export_arn.rpartition("/")[2] or str(place).rpartition("/")[2],
        place=place,
        kind=kind,
        table_name=arn["name"],
        region=arn["region"],
        view=_VIEWS.get(text_or_none(summary.get("outputView")) or ""),
        item_count=count,
        files=files,
    )


def digest(content: bytes) -> str:
    """Return the MD5 checksum of bytes, as the manifest writes it."""
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _exports_place(place: Storage) -> Storage:
    """Return the one export in a folder, or the folder itself if it is the export."""
    if place.read(f"{_SUMMARY}.json") is not None:
        return place
    for within in (place, place.within(_ROOT)):
        found = [
            each for each in within.folders() if within.within(each).read(f"{_SUMMARY}.json") is not None
        ]
        if len(found) == 1:
            return within.within(found[0])
        if found:
            raise NotAnExport(f"{place} holds several exports, {', '.join(found)}: name one of them")
    raise NotAnExport(f"there is no export at {place}: no {_SUMMARY}.json is there")


def _checked(place: Storage, name: str) -> bytes:
    content = place.read(f"{name}.json")
    if content is None:
        raise DamagedExport(f"the export {place} has no {name}.json")
    for suffix in ("checksum", "md5"):  # the latter in older exports
        told = place.read(f"{name}.{suffix}")
        if told is not None and _text(told, f"{name}.{suffix}").strip() not in _digests(content):
            raise DamagedExport(f"{name}.json of the export {place} is not what its checksum says")
    return content


def _digests(content: bytes) -> set[str]:
    return {digest(content), hashlib.md5(content, usedforsecurity=False).hexdigest()}


def _files(place: Storage, manifest: bytes) -> tuple[DataFile, ...]:
    found: list[DataFile] = []
    for line in _text(manifest, f"{_FILES}.json").split("\n"):
        if line.strip():
            told = _json(line, f"{_FILES}.json")
            key, items = text_or_none(told.get("dataFileS3Key")), told.get("itemCount")
            if key is None or not isinstance(items, int) or isinstance(items, bool) or items < 0:
                raise NotAnExport(
                    f"{_FILES}.json of the export {place} does not say which file, or how many items"
                )
            name = _name_of(key)
            if name in {"", ".", ".."}:
                raise NotAnExport(f"{_FILES}.json of the export {place} names a folder for a file")
            found.append(
                DataFile(
                    name, items, text_or_none(told.get("md5Checksum")), key, text_or_none(told.get("etag"))
                )
            )
    names = [file.name for file in found]
    if len(set(names)) < len(names):
        raise NotAnExport(f"{_FILES}.json of the export {place} names a file twice")
    return tuple(found)


def _name_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".gz").removesuffix(".json")


def _check_that_all_are_listed(place: Storage, files: Sequence[DataFile], kind: ExportKind) -> None:
    """Check that no entry is missing in a list of files whose summary does not count the items.

    The data files of incremental exports lie in a folder that all exports share, so the folder proves nothing there.
    """
    if not files:
        raise DamagedExport(
            f"{_FILES}.json of the export {place} names no file, and its summary does not say that it has no items"
        )
    listed = {file.name for file in files}
    found = place.names("data") if kind == "full" else ()
    if missing := [name for each in found if (name := _name_of(each)) not in listed and each.endswith(".gz")]:
        raise DamagedExport(
            f"{_FILES}.json of the export {place} does not name all of its files: {missing[0]} is not there"
        )


def _text(content: bytes, name: str) -> str:
    try:
        return decoded(content)
    except UnicodeDecodeError:
        raise NotAnExport(f"{name} is no text in UTF-8 or UTF-16") from None


def _json(content: str | bytes, name: str) -> Mapping[str, object]:
    if (told := read_json_object(content)) is None:
        raise NotAnExport(f"{name} is no JSON object")
    return told


# The lines of data files, and the records made of them.
#
# A line of a full export is an item, and becomes the record of its insertion. A line of an incremental export is the
# last change to an item in the span, compacted of all changes: with a new image alone the item was inserted (or, if
# the export has new images only, inserted or modified), with both it was modified, and without a new image it was
# removed.


def lines_of(export: Export, file: DataFile) -> Generator[bytes]:
    """Yield the lines of a data file, after its checksum has been verified.

    Raises `DamagedExport` if the file is missing, has another checksum or is no gzip, before the first line; and if it
    has more or fewer lines than the manifest says, at the end.
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
    """Yield lines in UTF-8 without a byte order mark, as DynamoDB writes them; a tool may have changed it."""
    encoding = encoding_of(opened.peek(4)[:4])
    if encoding == "utf-8":
        return iter(opened)
    return (line.encode() for line in io.TextIOWrapper(opened, encoding, newline="\n"))


def paths_of(file: DataFile) -> Sequence[str]:
    """Return the possible paths of a data file, relative to the manifest, even if the export was copied elsewhere.

    The files of an incremental export lie in a folder that all exports share.
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
    return parse_record(
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
    """Return the event name of a line, and the parts of its record."""
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


# Reading an export: its records, or the typed events of a table, one after the other.

T = TypeVar("T")


def records_of(export: Export, table: Table[T] | None = None) -> Iterator[Record]:
    """Yield the records of an export, file by file, one at a time.

    Each is the record that a stream would have carried, but for its position in a shard. The name of `table` is the
    table of the records, and its model says which attributes of a full export's items are keys; without marks, or
    without a table, the whole item serves as keys. A line without an item is a `MalformedRecord`.

    Raises `DamagedExport` before the first record of a file whose checksum is wrong, and at the end of a file that has
    more or fewer lines than the manifest says.
    """
    keys = () if table is None else tuple(key.name for key in compiled_table(table).keys.attributes)
    name = export.table_name if table is None else table.name
    for file in export.files:
        with closing(lines_of(export, file)) as lines:
            for number, line in enumerate(lines, 1):
                yield record_of_line(export, file, number, line, keys, name)


def events_of(
    export: Export, table: Table[T]
) -> Iterator[Result[Event[T], Failed[Malformed | Undecodable | MissingImage]]]:
    """Yield the typed events of an export: insertions for a full one; for an incremental one, the images decide.

    A line that is no record, or does not fit the table's model, is a Failure with the record and the reason. Raises as
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
            else make_success(event.unwrap())
        )
