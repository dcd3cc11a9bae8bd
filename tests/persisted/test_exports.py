"""Progress of a replay is written exactly so, and read exactly so, and one replay at a time has it.

Users keep it in a folder or a bucket until all of an export has been run, which may take many calls and days, and copy
it with the export. Progress that is not found has every handler run again on every line.
"""

# Two names here are private: the type of an answer of S3, and the columns of the DataFrame, which only Spark shows.

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import InsertEvent, Pipeline, on_insert, pipeline
from streamfn.exports import (
    NotProgress,
    OutcomeRow,
    ProgressInUse,
    Replay,
    events_of,
    open_export,
    progress_at,
    replay,
    replay_file,
)
from streamfn.spark import SCHEMA
from tests.cards import Card, cards
from tests.sources.export.app import announce
from tests.sources.export.exports import item, write_export
from tests.sources.export.test_leases import NOW, Bucket

APP: Final = "tests.sources.export.app:process"
EXPORT_ID: Final = "01693685827463-2d8752fd"
FILE: Final = "file00052fd"
PLACE: Final = f"tests/sources/export/app.py:{announce.__code__.co_firstlineno} in announce"


class Seen:
    """A handler that keeps the cards that it gets, and refuses those that say so."""

    def __init__(self) -> None:
        """Begin with none."""
        self.ids: list[int] = []

    def announce(self, event: InsertEvent[Card]) -> Result[None, str]:
        """Keep a card, or be interrupted at one that says so."""
        self.ids.append(event.new_image.id)
        if event.new_image.title == "interrupt":
            raise KeyboardInterrupt
        return Failure("no") if event.new_image.title == "refuse" else Success(None)

    @property
    def process(self) -> Pipeline[object, object]:
        """The pipeline."""
        return pipeline(cards, on_insert(self.announce))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write_export(tmp_path, [[item(1), item(2, "refuse"), item(3)]])


def written(path: Path) -> object:
    """Give what stands in a file: its text, as JSON is written without settings, and what that says."""
    text = path.read_text()
    told: object = json.loads(text)
    assert text == json.dumps(told)
    return told


def test_progress_is_kept_so(place: Path) -> None:
    """A file for each chunk, named by its first line, in a folder for each data file, beside the manifest."""
    (file,) = open_export(place).files
    replay(place, APP, processes=1, chunk=2)
    folder = place / "streamfn-tests.sources.export.app-process"
    assert sorted(str(each.relative_to(folder)) for each in folder.rglob("*")) == [
        "file00052fd",
        "file00052fd/000000000001.json",
        "file00052fd/000000000003.json",
        "replay.lock",
    ]
    known = {
        "version": 1,
        "pipeline": "tests.sources.export.app:process",
        "export": "01693685827463-2d8752fd",
        "file": "file00052fd",
        "items": 3,
        "md5": file.md5,
        "etag": file.etag,
    }
    first, last = written(folder / FILE / "000000000001.json"), written(folder / FILE / "000000000003.json")
    assert first == {
        **known,
        "first": 1,
        "last": 2,
        "handlers": ["announce", "index"],
        "handled": {"announce": 1, "index": 2},
        "failures": [["announce", "Refused", "int", 2, "01693685827463-2d8752fd/file00052fd/2"]],
        "due": [],
        "ends": False,
        "locations": [PLACE],
    }
    assert last == {
        **known,
        "first": 3,
        "last": 3,
        "handlers": ["announce", "index"],
        "handled": {"announce": 1, "index": 1},
        "failures": [],
        "due": [],
        "ends": True,
        "locations": [],
    }


def test_progress_of_a_pipeline_without_a_name_is_kept_so(place: Path) -> None:
    replay(place, Seen().process)
    told = written(place / "streamfn-pipeline" / FILE / "000000000001.json")
    assert cast("dict[str, object]", told)["pipeline"] is None


def test_progress_that_was_interrupted_is_kept_so(tmp_path: Path) -> None:
    """Its version is another one, because a release that does not know of `due` would take it for done."""
    place = write_export(tmp_path, [[item(1), item(2, "interrupt"), item(3)]])
    export = open_export(place)
    with pytest.raises(KeyboardInterrupt):
        replay(place, Seen().process, progress=tmp_path / "progress")
    assert written(tmp_path / "progress" / FILE / "000000000001.json") == {
        "version": 2,
        "pipeline": None,
        "export": "01693685827463-2d8752fd",
        "file": "file00052fd",
        "items": 3,
        "md5": export.files[0].md5,
        "etag": export.files[0].etag,
        "first": 1,
        "last": 3,
        "handlers": ["announce"],
        "handled": {"announce": 1},
        "failures": [],
        "due": [["announce", 2], ["announce", 3]],
        "ends": False,
        "locations": [],
    }


OF_THE_FIRST_RELEASE: Final = (
    '{"version": 1, "export": "01693685827463-2d8752fd", "first": 1, "last": 2, "handlers": ["announce"], '
    '"handled": {"announce": 1}, '
    '"failures": [["announce", "Refused", "str", 2, "01693685827463-2d8752fd/file00052fd/2"]]}'
)
OF_TODAY: Final = (
    '{"version": 1, "pipeline": "app:process", "export": "01693685827463-2d8752fd", "file": "file00052fd", "items": 3, '
    '"md5": null, "etag": null, "first": 1, "last": 2, "handlers": ["announce"], "handled": {"announce": 1}, '
    '"failures": [["announce", "Refused", "str", 2, "01693685827463-2d8752fd/file00052fd/2"]], "due": [], '
    '"ends": false, "locations": ["app.py:12 in announce"]}'
)
INTERRUPTED: Final = (
    '{"version": 2, "pipeline": null, "export": "01693685827463-2d8752fd", "file": "file00052fd", "items": 3, '
    '"md5": null, "etag": null, "first": 1, "last": 3, "handlers": ["announce"], "handled": {"announce": 2}, '
    '"failures": [], "due": [["announce", 2]], "ends": true, "locations": []}'
)


def kept(folder: Path, text: str) -> Path:
    """Put a file of progress where an earlier release has written it."""
    path = folder / FILE / "000000000001.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "ids"),
    [(OF_THE_FIRST_RELEASE, [2, 3]), (OF_TODAY, [2, 3]), (INTERRUPTED, [2])],
    ids=["first release", "today", "interrupted"],
)
def test_what_progress_says_is_not_run_again(place: Path, tmp_path: Path, text: str, ids: list[int]) -> None:
    """But for what failed, what was due, and what is behind it."""
    seen = Seen()
    done = replay(place, seen.process, progress=kept(tmp_path / "progress", text))
    assert sorted(seen.ids) == ids
    assert (done.handled, done.failed) == ({"announce": 2}, {("announce", "Refused"): 1})


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        (OF_THE_FIRST_RELEASE, OutcomeRow(FILE, "announce", "Refused", "str", 2, f"{EXPORT_ID}/{FILE}/2")),
        (
            OF_TODAY,
            OutcomeRow(
                FILE, "announce", "Refused", "str", 2, f"{EXPORT_ID}/{FILE}/2", 1, "app.py:12 in announce"
            ),
        ),
    ],
)
def test_the_failures_that_progress_knows_are_told(
    place: Path, tmp_path: Path, text: str, failure: OutcomeRow
) -> None:
    export = open_export(place)
    store = replace(progress_at(kept(tmp_path / "progress", text)), pipeline="app:process")
    told = Replay(export, store, {}, {}, {}, interrupted=False).failures()
    assert [(each, each.location) for each in told] == [(failure, failure.location)]


def test_progress_of_another_pipeline_export_or_version_is_refused(place: Path, tmp_path: Path) -> None:
    export = open_export(place)
    for number, (name, value) in enumerate(
        (("pipeline", "app:other"), ("export", "02"), ("file", "other"), ("items", 4), ("version", 3))
    ):
        text = json.dumps({**json.loads(OF_TODAY), name: value})
        store = replace(progress_at(kept(tmp_path / str(number), text)), pipeline="app:process")
        with pytest.raises(NotProgress):
            store.chunks(export, export.files[0])


def test_a_folder_is_locked_by_this_file(place: Path, tmp_path: Path) -> None:
    """Replays of two releases may run beside each other: both have to lock the same file."""
    fcntl = pytest.importorskip("fcntl", reason="Windows locks otherwise")
    folder = tmp_path / "progress"
    folder.mkdir()
    descriptor = os.open(folder / "replay.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(ProgressInUse):
            replay(place, Seen().process, progress=folder)
    finally:
        os.close(descriptor)
    assert replay(place, Seen().process, progress=folder).handled == {"announce": 2}


def test_what_a_killed_replay_left_is_swept(place: Path, tmp_path: Path) -> None:
    """An earlier release may have left it: a file that was being written, which begins with a dot."""
    folder = tmp_path / "progress"
    (folder / FILE).mkdir(parents=True)
    left = folder / FILE / ".tmpabc.new"
    left.write_text("{")
    replay(place, Seen().process, progress=folder)
    assert not left.exists()


@dataclass
class Recording(Bucket):
    """A bucket that keeps each write."""

    writes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @override
    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfMatch: str = "", IfNoneMatch: str = ""
    ) -> Mapping[str, str]:
        answer = super().put_object(
            Bucket=Bucket, Key=Key, Body=Body, IfMatch=IfMatch, IfNoneMatch=IfNoneMatch
        )
        self.writes.append((Key, Body.decode()))
        return answer


def one(size: int) -> bytes:
    return (1).to_bytes(size, "big")


def test_a_bucket_is_leased_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", one)
    bucket = Recording()
    replay(place, Seen().process, progress="s3://backups/progress", client=bucket)
    lease = '{"format": "streamfn lease of a replay", "token": "00000000000040008000000000000001", '
    assert [(key, body) for key, body in bucket.writes if not key.startswith(f"progress/{FILE}/")] == [
        ("progress/replay.lock", lease + '"write": 1, "held": true}'),
        ("progress/replay.lock", lease + '"write": 2, "held": false}'),
    ]
    assert sorted(bucket.objects) == ["progress/file00052fd/000000000001.json", "progress/replay.lock"]


HELD: Final = (
    b'{"format": "streamfn lease of a replay", "token": "00000000000040008000000000000009", '
    b'"write": 7, "held": true}'
)


@pytest.mark.parametrize(
    ("lease", "age", "is_free"),
    [
        (HELD, timedelta(seconds=59), False),
        (HELD, timedelta(seconds=61), True),
        (HELD.replace(b"true", b"false"), timedelta(), True),
    ],
    ids=["held", "not renewed", "released"],
)
def test_a_lease_is_read(place: Path, lease: bytes, age: timedelta, *, is_free: bool) -> None:
    """One of an earlier release, whose replay runs on another machine or has died there."""
    bucket = Bucket(objects={"progress/replay.lock": (lease, NOW - age)})
    run: Callable[[], Replay] = lambda: replay(  # noqa: E731 (it is run in two ways)
        place, Seen().process, progress="s3://backups/progress", client=bucket
    )
    if is_free:
        assert run().handled == {"announce": 2}
    else:
        with pytest.raises(ProgressInUse):
            run()


def test_the_records_of_lines_go_by_these_identifiers(tmp_path: Path) -> None:
    """Handlers hand them to services as idempotency keys, and a replay that is begun again has the same."""
    full = open_export(write_export(tmp_path / "full", [[item(1), item(2)]]))
    assert [event.unwrap().idempotency_key for event in events_of(full, cards)] == [
        "01693685827463-2d8752fd/file00052fd/1",
        "01693685827463-2d8752fd/file00052fd/2",
    ]


def test_outcomes_have_these_fields() -> None:
    """Users write them into tables of their own, and Spark keeps them in a DataFrame."""
    assert [each.name for each in fields(OutcomeRow)] == [
        "data_file",
        "handler",
        "outcome",
        "detail",
        "line",
        "event_id",
        "count",
        "location",
    ]
    assert SCHEMA == (
        "data_file STRING NOT NULL, handler STRING, outcome STRING NOT NULL, detail STRING, line BIGINT, "
        "event_id STRING, count BIGINT NOT NULL, location STRING"
    )


def test_outcomes_besides_the_reasons_have_these_names(place: Path, tmp_path: Path) -> None:
    """Users filter rows by them."""
    export = open_export(place)
    store = progress_at(tmp_path / "progress")
    run: Callable[[], list[OutcomeRow]] = lambda: list(  # noqa: E731 (it is run several times)
        replay_file(export, export.files[0], Seen().process, store, chunk=1)
    )
    assert [(each.outcome, each.handler, each.line) for each in run()] == [
        ("handled", "announce", None),
        ("Refused", "announce", 2),
        ("handled", "announce", None),
    ]
    (tmp_path / "progress" / FILE / "000000000002.json").unlink()
    assert run()[0] == OutcomeRow(FILE, None, "ProgressMissing", "line 2")
    (place / "data" / f"{FILE}.json.gz").write_bytes(b"")
    (tmp_path / "progress" / FILE / "000000000002.json").unlink()
    assert "DamagedExport" in {each.outcome for each in run()}
