"""Reading exports: what the manifests say, which records the lines become, and what is refused and how."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Success

from streamfn import (
    InsertEvent,
    Malformed,
    MalformedRecord,
    StreamRecord,
    StreamViewType,
    Table,
    on_insert,
    pipeline,
)
from streamfn.exports import DamagedExport, Export, NotAnExport, events_of, open_export, records_of
from streamfn.exports._export import lines_of, record_of_line
from streamfn.testing import values
from streamfn.testing.strategies import items
from tests.cards import Card, cards
from tests.sources.export.exports import EXPORT_ID, Line, item, md5, packed, write_export, write_manifest

BOTH: Final = StreamViewType.NEW_AND_OLD_IMAGES
KEYS: Final = {"id": {"N": "1"}, "title": {"S": "hello"}}
OLD: Final = {**KEYS, "owner": {"S": "ada"}}


def records(export: Export, keys: Sequence[str] = ("id", "title")) -> list[StreamRecord | MalformedRecord]:
    """Read all records of an export."""
    return [
        record_of_line(export, file, number, line, keys, export.table_name)
        for file in export.files
        for number, line in enumerate(lines_of(export, file), 1)
    ]


def test_a_full_export_is_read_as_insertions(tmp_path: Path) -> None:
    export = open_export(write_export(tmp_path, [[item(1), item(2)], [], [item(3)]]))
    assert (export.id, export.kind, export.table_name, export.region) == (
        EXPORT_ID,
        "full",
        "prod-Card",
        "eu-west-1",
    )
    assert (export.item_count, [file.items for file in export.files]) == (3, [2, 0, 1])
    assert export.location == str(tmp_path / "AWSDynamoDB" / EXPORT_ID)
    first, _, last = records(export)
    assert isinstance(first, StreamRecord)
    assert (first.event_name, first.table_name, first.sequence_number) == ("INSERT", "prod-Card", None)
    assert (first.keys, first.new_image, first.old_image) == (
        {"id": {"N": "1"}, "title": {"S": "hello"}},
        {"id": {"N": "1"}, "title": {"S": "hello"}},
        None,
    )
    assert first.event_id == f"{EXPORT_ID}/{export.files[0].name}/1"
    assert last.event_id == f"{EXPORT_ID}/{export.files[2].name}/1"
    assert len({record.event_id for record in records(export)}) == 3


def test_events_are_typed_and_what_is_none_says_why(tmp_path: Path) -> None:
    lines: list[Line | bytes] = [item(1), b"{", {"Item": {"id": {"S": "one"}, "title": {"S": "a"}}}]
    export = open_export(write_export(tmp_path, [lines]))
    first, broken, odd = events_of(export, cards)
    inserted = first.unwrap()
    assert isinstance(inserted, InsertEvent)
    assert inserted.new_image == Card(1, "hello")
    assert broken.failure().reason == Malformed("no line of an export")
    assert str(odd.failure().reason) == "$.id: expected N, got S"
    assert odd.failure().record.event_id == f"{EXPORT_ID}/{export.files[0].name}/3"


def test_records_go_through_a_pipeline_as_those_of_a_stream_do(tmp_path: Path) -> None:
    export = open_export(write_export(tmp_path, [[item(1)], [item(2, "bye")]]))
    found = [record.raw for record in records_of(export, cards)]
    process = pipeline(cards, on_insert(lambda event: Success(event.new_image.title), name="title"))
    assert values(process({"Records": found})) == ["hello", "bye"]
    (first, _) = records_of(export)
    assert isinstance(first, StreamRecord)
    assert first.table_name == "prod-Card"


def test_without_marked_keys_the_whole_item_stands_for_them(tmp_path: Path) -> None:
    export = open_export(write_export(tmp_path, [[item(1)]]))
    (record,) = records(export, keys=())
    assert isinstance(record, StreamRecord)
    assert record.keys == record.new_image


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"Keys": KEYS, "NewImage": KEYS}, ("INSERT", KEYS, None)),
        ({"Keys": KEYS, "NewImage": KEYS, "OldImage": OLD}, ("MODIFY", KEYS, OLD)),
        ({"Keys": KEYS, "OldImage": OLD}, ("REMOVE", None, OLD)),
        ({"Keys": KEYS}, ("REMOVE", None, None)),
        ({"Keys": KEYS, "NewImage": None, "OldImage": OLD}, ("REMOVE", None, OLD)),
    ],
)
@pytest.mark.parametrize("view", [StreamViewType.NEW_IMAGE, BOTH])
def test_an_incremental_export_is_read_by_what_its_images_say(
    tmp_path: Path, line: Line, expected: tuple[object, ...], view: StreamViewType
) -> None:
    written = {"Metadata": {"WriteTimestampMicros": {"N": "1774379199746598"}}, **line}
    export = open_export(write_export(tmp_path, [[written]], view=view))
    assert (export.kind, export.view) == ("incremental", view)
    (record,) = records(export)
    assert isinstance(record, StreamRecord)
    assert (record.event_name, record.new_image, record.old_image) == expected
    assert (record.keys, record.view_type) == (KEYS, view)
    assert record.approximate_creation == datetime(2026, 3, 24, 19, 6, 39, 746598, tzinfo=UTC)


@pytest.mark.parametrize(
    ("metadata", "seconds"),
    [
        ({"WriteTimestampMicros": 1_500_000}, 1.5),
        ({"WriteTimestampMicros": "1500000"}, 1.5),
        ({"WriteTimestampMicros": {"N": "soon"}}, None),
        ({"WriteTimestampMicros": {"N": "9" * 400}}, None),
        ({"WriteTimestampMicros": []}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_time_of_a_change_is_in_microseconds_wherever_it_stands(
    tmp_path: Path, metadata: object, seconds: float | None
) -> None:
    export = open_export(
        write_export(tmp_path, [[{"Metadata": metadata, "Keys": KEYS, "NewImage": KEYS}]], view=BOTH)
    )
    (record,) = records(export)
    assert isinstance(record, StreamRecord)
    at = record.approximate_creation
    assert (at and at.timestamp()) == seconds


@pytest.mark.parametrize(
    ("line", "view"),
    [
        (b"{", None),
        (b"[" * 100_000, None),
        (b"7", None),
        ({"Item": []}, None),
        ({"item": {}}, None),
        ({"NewImage": KEYS}, BOTH),
        ({"Keys": [], "NewImage": KEYS}, BOTH),
        ({"Keys": KEYS, "NewImage": "text"}, BOTH),
    ],
)
def test_a_line_that_holds_no_item_is_a_failure_with_its_number_and_no_end(
    tmp_path: Path, line: Line | bytes, view: StreamViewType | None
) -> None:
    sound = item(1) if view is None else {"Keys": KEYS, "NewImage": KEYS}
    export = open_export(write_export(tmp_path, [[sound, line, sound]], view=view))
    before, broken, after = records(export)
    assert isinstance(broken, MalformedRecord)
    assert (broken.position, broken.event_id) == (2, f"{EXPORT_ID}/{export.files[0].name}/2")
    assert isinstance(before, StreamRecord)
    assert isinstance(after, StreamRecord)


@settings(max_examples=50)
@given(st.lists(items(Card), max_size=6))
def test_what_is_exported_is_read_back(tmp_path_factory: pytest.TempPathFactory, found: list[Card]) -> None:
    table = Table("prod-Card", Card)
    lines = [{"Item": table.unstructure(card)} for card in found]
    export = open_export(write_export(tmp_path_factory.mktemp("export"), [lines[:3], lines[3:]]))
    images = [record.new_image for record in records(export) if isinstance(record, StreamRecord)]
    assert [table.structure(image or {}).unwrap() for image in images] == found


def test_an_export_is_found_from_the_folders_above_it_where_it_is_the_only_one(tmp_path: Path) -> None:
    place = write_export(tmp_path, [[item(1)]])
    assert (
        open_export(tmp_path)
        == open_export(place.parent)
        == open_export(str(place))
        == open_export(f"file://{place}")
    )
    write_export(tmp_path, [[item(1)]], export_id="02")
    with pytest.raises(NotAnExport, match=f"holds several exports, {EXPORT_ID}, 02: name one of them"):
        open_export(tmp_path)


def test_an_export_is_read_wherever_it_was_copied(tmp_path: Path) -> None:
    place = write_export(tmp_path / "there", [[item(1)]])
    (tmp_path / "here").mkdir()
    copied = place.rename(tmp_path / "here" / "copy")
    assert len(records(open_export(copied))) == 1


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ({"outputFormat": "ION"}, "is in Amazon Ion: export the table again, as DYNAMODB_JSON"),
        ({"outputFormat": "CSV"}, "is in a form that is not known here"),
        ({"version": "2030-01-01"}, "of a version that is not known here"),
        ({"exportType": "PARTIAL_EXPORT"}, "does not name its table, or what kind of export it is"),
        ({"tableArn": "arn:aws:s3:::bucket"}, "does not name its table"),
        ({"itemCount": 7}, "tells of 7 items, and its files of 1"),
        ({"itemCount": 0}, "tells of 0 items, and its files of 1"),
        ({"itemCount": -1}, "tells of -1 items, and its files of 1"),
        ({"itemCount": True}, "tells of True items, and its files of 1"),
    ],
)
def test_an_export_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, summary: Mapping[str, object], message: str
) -> None:
    place = write_export(tmp_path, [[item(1)]], summary=summary)
    with pytest.raises((NotAnExport, DamagedExport), match=message):
        open_export(place)


def test_a_summary_may_leave_out_what_older_ones_did(tmp_path: Path) -> None:
    place = write_export(tmp_path, [[item(1)]])
    told = json.loads((place / "manifest-summary.json").read_text())
    for name in ("exportArn", "outputFormat", "itemCount"):
        del told[name]
    write_manifest(place, "manifest-summary", json.dumps(told).encode())
    (place / "manifest-summary.checksum").rename(place / "manifest-summary.md5")
    export = open_export(place)
    assert (export.id, export.item_count) == (EXPORT_ID, 1)


def no_summary(place: Path) -> None:
    (place / "manifest-summary.json").unlink()


def no_list(place: Path) -> None:
    (place / "manifest-files.json").unlink()


def changed_summary(place: Path) -> None:
    (place / "manifest-summary.json").write_text("{}")


def summary_of_nothing(place: Path) -> None:
    write_manifest(place, "manifest-summary", b"[]")


def list_of_nothing(place: Path) -> None:
    write_manifest(place, "manifest-files", b"{\n")


def list_without_counts(place: Path) -> None:
    write_manifest(place, "manifest-files", b'\n{"dataFileS3Key": "data/a.json.gz"}\n')


def list_that_names_a_folder(place: Path) -> None:
    write_manifest(place, "manifest-files", b'{"itemCount": 1, "dataFileS3Key": "data/"}\n')


def list_of_no_file_and_a_summary_of_no_count(place: Path) -> None:
    write_manifest(place, "manifest-files", b"")
    without_a_count(place)


def list_that_lacks_a_file_and_a_summary_of_no_count(place: Path) -> None:
    (place / "data" / "another.json.gz").write_bytes(packed([item(2)]))
    (place / "data" / "notes.txt").touch()
    without_a_count(place)


def without_a_count(place: Path) -> None:
    """Have the summary say nothing of how many items there are."""
    told = json.loads((place / "manifest-summary.json").read_text())
    del told["itemCount"]
    write_manifest(place, "manifest-summary", json.dumps(told).encode())


def list_that_names_a_file_twice(place: Path) -> None:
    line = b'{"itemCount": 1, "dataFileS3Key": "data/a.json.gz"}\n'
    write_manifest(place, "manifest-files", line + line)


def test_an_incremental_export_whose_summary_says_no_count_may_lie_beside_the_data_of_others(
    tmp_path: Path,
) -> None:
    place = write_export(tmp_path, [[{"Keys": KEYS, "NewImage": KEYS}]], view=BOTH)
    (tmp_path / "AWSDynamoDB" / "data" / "another.json.gz").write_bytes(packed([item(2)]))
    without_a_count(place)
    assert open_export(place).item_count == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_summary, "there is no export at .*: no manifest-summary.json is there"),
        (no_list, "has no manifest-files.json"),
        (changed_summary, "manifest-summary.json of the export .* is not what its checksum says"),
        (summary_of_nothing, "manifest-summary.json is no JSON object"),
        (list_of_nothing, "manifest-files.json is no JSON object"),
        (list_without_counts, "does not say which file, or how many items"),
        (list_that_names_a_folder, "names a folder for a file"),
        (
            list_of_no_file_and_a_summary_of_no_count,
            "names no file, and its summary does not say that it has no",
        ),
        (
            list_that_lacks_a_file_and_a_summary_of_no_count,
            "does not name all of its files: another is not there",
        ),
        (list_that_names_a_file_twice, "names a file twice"),
    ],
)
def test_manifests_are_checked(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    place = write_export(tmp_path, [[item(1)]])
    damage(place)
    with pytest.raises((NotAnExport, DamagedExport), match=message):
        open_export(place)


def the_file(place: Path) -> Path:
    """Find the only data file."""
    (found,) = (place / "data").iterdir()
    return found


def missing(place: Path) -> None:
    the_file(place).unlink()


def truncated(place: Path) -> None:
    the_file(place).write_bytes(the_file(place).read_bytes()[:-9])


def truncated_without_a_checksum(place: Path) -> None:
    truncated(place)
    listed(place, md5Checksum=None)


def changed(place: Path) -> None:
    the_file(place).write_bytes(packed([item(2), item(3)]))


def listed(place: Path, **changes: object) -> None:
    """Change what the manifest says of the file."""
    told = json.loads((place / "manifest-files.json").read_text())
    write_manifest(place, "manifest-files", json.dumps({**told, **changes}).encode())


def with_a_line_too_few(place: Path) -> None:
    content = packed([item(1)])
    the_file(place).write_bytes(content)
    listed(place, md5Checksum=md5(content))


def with_a_line_too_many(place: Path) -> None:
    content = packed([item(1), item(2), item(3)])
    the_file(place).write_bytes(content)
    listed(place, md5Checksum=md5(content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing, "is missing: exports/AWSDynamoDB/"),
        (truncated, "is no gzip, or a part of it is missing"),
        (truncated_without_a_checksum, "is no gzip, or a part of it is missing"),
        (changed, "is not what its checksum says"),
        (with_a_line_too_few, "has 1 lines, and the manifest says 2"),
        (with_a_line_too_many, "has 3 lines, and the manifest says 2"),
    ],
)
def test_a_data_file_that_is_not_what_the_manifest_says_is_damaged(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    place = write_export(tmp_path, [[item(1), item(2)]])
    damage(place)
    export = open_export(place)
    with pytest.raises(DamagedExport, match=message):
        records(export)


def test_the_checksum_may_be_that_of_the_unpacked_lines_and_may_be_missing(tmp_path: Path) -> None:
    place = write_export(tmp_path, [[item(1)]])
    listed(place, md5Checksum=md5(gzip.decompress(the_file(place).read_bytes())))
    assert len(records(open_export(place))) == 1
    listed(place, md5Checksum=None)
    assert len(records(open_export(place))) == 1
