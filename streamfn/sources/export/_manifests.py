"""Exports of a table to S3: what their manifests say, and which files hold the data.

Their form is that of "DynamoDB table export output format" in the Amazon DynamoDB Developer Guide: a summary, a list of
data files with their number of items and their checksum, and beside each a file with its own checksum.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from streamfn._texts import decoded, read_json
from streamfn._wire import StreamViewType, as_text, is_map
from streamfn.sources.export._client import S3Client
from streamfn.sources.export._places import Location, Place, place_at

Kind: TypeAlias = Literal["full", "incremental"]
"""What an export holds: the whole table, or what of it changed in a span of time."""

_KINDS: Final[Mapping[object, Kind]] = {
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
    """The location holds no export that can be read; the message says what is there, or what is missing."""


class DamagedExport(ValueError):
    """A file of an export is missing, or is not what the manifest says; the message says which, and how."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of an export: its `name` in it, how many `items` it has a line for, and the `md5` of its bytes, as base64.

    `path` is where it lies, seen from the place of the export. `etag` is what S3 called the file's content.
    """

    name: str
    items: int
    md5: str | None
    path: str
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """An export of a table: whose it is, what kind, and its data files. `open_export` makes it.

    `id` names it among all exports. `view` says which images an incremental one has.
    """

    id: str
    place: Place
    kind: Kind
    table_name: str
    region: str
    view: StreamViewType | None
    item_count: int
    files: tuple[DataFile, ...]

    @property
    def location(self) -> str:
        """Where it lies."""
        return str(self.place)


def open_export(location: Location, *, client: S3Client | None = None) -> Export:
    """Read the manifests of an export and check them.

    `location` is the folder that holds them, ``…/AWSDynamoDB/<ExportId>``, or a folder with one such export in it; in
    S3 it is ``s3://bucket/…/AWSDynamoDB/<ExportId>``. Data files are found beside them, wherever the export was copied.
    `client` is boto3's for S3; one is made if none is given.

    Fails with `NotAnExport` for what is none, for one in Amazon Ion and for one in a form that is not known, and with
    `DamagedExport` where a manifest differs from its checksum.
    """
    place = _exports_place(place_at(location, client))
    summary = _json(_checked(place, _SUMMARY), f"{_SUMMARY}.json")
    output = summary.get("outputFormat", "DYNAMODB_JSON")
    if output != "DYNAMODB_JSON":
        written = "Amazon Ion" if output == "ION" else "a form that is not known here"
        raise NotAnExport(f"the export {place} is in {written}: export the table again, as DYNAMODB_JSON")
    if summary.get("version") != "2020-06-30":
        raise NotAnExport(f"the manifest in {place} is of a version that is not known here")
    kind = _KINDS.get(as_text(summary.get("exportType")))
    arn = _TABLE_ARN.match(as_text(summary.get("tableArn")) or "")
    if kind is None or arn is None:
        raise NotAnExport(f"the manifest in {place} does not name its table, or what kind of export it is")
    files = _files(place, _checked(place, _FILES))
    told = summary.get("itemCount")
    count = sum(file.items for file in files)
    if told is None:  # nothing says how many files there should be
        _check_that_all_are_listed(place, files, kind)
    elif isinstance(told, bool) or told != count:
        raise DamagedExport(f"the manifest in {place} tells of {told} items, and its files of {count}")
    export_arn = as_text(summary.get("exportArn")) or ""
    return Export(
        id=export_arn.rpartition("/")[2] or str(place).rpartition("/")[2],
        place=place,
        kind=kind,
        table_name=arn["name"],
        region=arn["region"],
        view=_VIEWS.get(as_text(summary.get("outputView")) or ""),
        item_count=count,
        files=files,
    )


def digest(content: bytes) -> str:
    """Give the MD5 checksum of some bytes, as the manifest writes it."""
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _exports_place(place: Place) -> Place:
    """Find the one export in a place, or take the place for it."""
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


def _checked(place: Place, name: str) -> bytes:
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


def _files(place: Place, manifest: bytes) -> tuple[DataFile, ...]:
    found: list[DataFile] = []
    for line in _text(manifest, f"{_FILES}.json").split("\n"):
        if line.strip():
            told = _json(line, f"{_FILES}.json")
            key, items = as_text(told.get("dataFileS3Key")), told.get("itemCount")
            if key is None or not isinstance(items, int) or isinstance(items, bool) or items < 0:
                raise NotAnExport(
                    f"{_FILES}.json of the export {place} does not say which file, or how many items"
                )
            name = _name_of(key)
            if name in {"", ".", ".."}:
                raise NotAnExport(f"{_FILES}.json of the export {place} names a folder for a file")
            found.append(
                DataFile(name, items, as_text(told.get("md5Checksum")), key, as_text(told.get("etag")))
            )
    names = [file.name for file in found]
    if len(set(names)) < len(names):
        raise NotAnExport(f"{_FILES}.json of the export {place} names a file twice")
    return tuple(found)


def _name_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".gz").removesuffix(".json")


def _check_that_all_are_listed(place: Place, files: Sequence[DataFile], kind: Kind) -> None:
    """Check that no entry is missing in a list of files whose summary does not say how many items there are.

    The data files of incremental exports lie in a folder that all exports share, and so they do not tell.
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
    try:
        told = read_json(content)
    except (ValueError, RecursionError):
        told = None
    if not is_map(told):
        raise NotAnExport(f"{name} is no JSON object")
    return told
