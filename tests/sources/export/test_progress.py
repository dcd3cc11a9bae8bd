"""Progress that is missing, damaged or of something else: it is told, and no line is taken for one that was run."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Final, cast

import pytest
from returns.result import Failure, Result, Success

from streamfn import InsertEvent, on_insert, pipeline
from streamfn._pipeline import Pipeline
from streamfn.exports import (
    NotProgress,
    OutcomeRow,
    ProgressNotKept,
    Replay,
    open_export,
    progress_at,
    replay,
    replay_file,
)
from tests.cards import Card, cards
from tests.cli.commands import call
from tests.sources.export.exports import EXPORT_ID, item, write_export

LINES: Final = 50
CHUNK: Final = 10
FIRSTS: Final = range(1, LINES, CHUNK)
NAME: Final = f"file000{EXPORT_ID[-4:]}"
APP: Final = "tests.sources.export.app:process"


class Seen:
    """A handler that counts the cards that it gets, and refuses the fourth."""

    def __init__(self) -> None:
        """Begin."""
        self.cards: Counter[int] = Counter()

    def announce(self, event: InsertEvent[Card]) -> Result[int, str]:
        """Count a card."""
        self.cards[event.new_image.id] += 1
        return Failure("no") if event.new_image.id == 4 else Success(event.new_image.id)

    @property
    def process(self) -> Pipeline[object, object]:
        """The pipeline."""
        return pipeline(cards, on_insert(self.announce))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Write an export, and replay it."""
    place = write_export(tmp_path, [[item(number) for number in range(1, LINES + 1)]])
    again(place, Seen())
    return place


def again(place: Path, seen: Seen) -> Replay:
    """Replay the export."""
    return replay(place, seen.process, chunk=CHUNK, progress=place / "progress")


def chunk_at(place: Path, first: int) -> Path:
    """Find the file of a chunk."""
    return place / "progress" / NAME / f"{first:012d}.json"


def changed(path: Path, **changes: object) -> None:
    """Change what a chunk says."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("first", FIRSTS)
def test_a_file_of_progress_that_is_missing_has_its_lines_run_again_and_no_others(
    place: Path, first: int
) -> None:
    """Told are those that have later lines after them: the last ones cannot be told from those not come to."""
    chunk_at(place, first).unlink()
    seen = Seen()
    done = again(place, seen)
    assert seen.cards - Counter([4]) == Counter({*range(first, first + CHUNK)} - {4})
    assert (done.handled, done.failed) == ({"announce": LINES - 1}, {("announce", "Refused"): 1})
    told = {} if first == FIRSTS[-1] else {NAME: f"lines {first} to {first + CHUNK - 1}"}
    assert done.progress_missing == told
    seen.cards.clear()
    assert (again(place, seen).progress_missing, seen.cards) == ({}, {4: 1})


def test_each_part_of_progress_that_is_missing_is_told(place: Path) -> None:
    """On the command line as well, and for a file by itself."""
    for first in (1, 11, 31):
        chunk_at(place, first).unlink()
    export, store = open_export(place), progress_at(place / "progress")
    outcomes = replay_file(export, export.files[0], Seen().process, store, chunk=CHUNK, stop=lambda: True)
    assert list(outcomes) == [
        OutcomeRow(NAME, None, "ProgressMissing", "lines 1 to 20", count=20),
        OutcomeRow(NAME, None, "ProgressMissing", "lines 31 to 40", count=10),
    ]
    arguments = ("replay", APP, str(place), "--progress", str(place / "progress"), "--processes", "1")
    ran = call(*arguments, "--json")
    assert ran.document["progress_missing"] == {NAME: "lines 1 to 20, lines 31 to 40"}
    chunk_at(place, 21).unlink()
    ran = call(*arguments)
    assert [["Had", "no", "progress,", "and", "run", "again"], [NAME, "lines", "21", "to", "30"]] == [
        line.split()[1 if line.startswith("File") else 0 :]
        for line in ran.out.splitlines()
        if line.startswith((f"{NAME}  lines", "File  ")) and "Outcome" not in line
    ]


def test_a_gap_of_a_line_is_a_line(place: Path) -> None:
    changed(chunk_at(place, 11), last=19)
    assert again(place, Seen()).progress_missing == {NAME: "line 20"}


DAMAGED: Final = "is damaged, or of other lines than its name says: restore the file, or remove it"
UNREAD: Final = (
    "is no progress of a replay that this release reads, or is damaged: name another place, or restore"
)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def of_nothing(path: Path) -> None:
    path.write_text("[]")


def nested(path: Path) -> None:
    path.write_text("[" * 100_000)


def of_a_newer_release(path: Path) -> None:
    changed(path, version=99)


def of_other_lines(path: Path) -> None:
    path.write_bytes(path.with_name(f"{31:012d}.json").read_bytes())


def named(given: object) -> str:
    """Name a case."""
    return str(getattr(given, "__name__", given))


def without(path: Path, key: str) -> None:
    """Leave a part of a chunk out."""
    told = cast("dict[str, object]", json.loads(path.read_text()))
    del told[key]
    path.write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, UNREAD),
        (emptied, UNREAD),
        (of_nothing, UNREAD),
        (nested, UNREAD),
        (of_a_newer_release, UNREAD),
        (of_other_lines, DAMAGED),
        ({"first": 12}, DAMAGED),
        ({"first": 0}, DAMAGED),
        ({"first": "11"}, DAMAGED),
        ({"first": True}, DAMAGED),
        ({"last": 10}, DAMAGED),
        ({"last": None}, DAMAGED),
        ("last", DAMAGED),
        ("handlers", DAMAGED),
        ("handled", DAMAGED),
        ("failures", DAMAGED),
        ({"handlers": ["announce", 7]}, DAMAGED),
        ({"handled": {"announce": "9"}}, DAMAGED),
        ({"handled": {"announce": -1}}, DAMAGED),
        ({"due": 7}, DAMAGED),
        ({"due": [7]}, DAMAGED),
        ({"due": [["announce", 7]]}, DAMAGED),
        ({"due": [[7, 12]]}, DAMAGED),
        ({"locations": [None]}, DAMAGED),
        ({"locations": 7}, DAMAGED),
        ({"failures": [7], "locations": [None]}, DAMAGED),
        ({"failures": [["announce", "Refused", None, 7, "id"]], "locations": [None]}, DAMAGED),
        ({"failures": [["announce", None, None, 12, "id"]], "locations": [None]}, DAMAGED),
        ({"failures": [[7, "Refused", None, 12, "id"]], "locations": [None]}, DAMAGED),
        ({"failures": [["announce", "Refused", None, 12, 7]], "locations": [None]}, DAMAGED),
        ({"failures": [["announce", "Refused", None, 12, "id"]], "locations": [7]}, DAMAGED),
        ({"export": "another"}, "holds the progress of the export another: name another place"),
        ({"file": "file001"}, f"holds the progress of the file file001 where that of {NAME} should be"),
        ({"md5": "another"}, f"holds the progress of another version of the file {NAME}: name another place"),
        ({"md5": None, "etag": "another"}, f"of another version of the file {NAME}"),
        ({"md5": None, "etag": None, "items": 7}, f"of another version of the file {NAME}"),
    ],
    ids=named,
)
def test_progress_that_is_damaged_or_of_something_else_is_told_and_nothing_is_run(
    place: Path, damage: Callable[[Path], None] | Mapping[str, object] | str, message: str
) -> None:
    """Once it is restored, the replay goes on; once it is removed, its lines are run again."""
    path = chunk_at(place, 11)
    whole = path.read_bytes()
    if isinstance(damage, str):
        without(path, damage)
    elif isinstance(damage, Mapping):
        changed(path, **damage)
    else:
        damage(path)
    seen = Seen()
    done = again(place, seen)
    assert (done.is_complete, seen.cards) == (False, {})
    assert message in done.unfinished[NAME]
    path.write_bytes(whole)
    assert again(place, seen).handled == {"announce": LINES - 1}
    path.unlink()
    assert again(place, seen).handled == {"announce": LINES - 1}
    assert seen.cards - Counter([4, 4]) == Counter(range(11, 21))


def test_progress_that_knows_less_of_its_file_is_read(place: Path) -> None:
    """As that of an earlier release does, and where the manifest says no more."""
    for first in FIRSTS:
        for key in ("file", "items", "md5", "etag", "pipeline", "locations"):
            without(chunk_at(place, first), key)
    seen = Seen()
    assert again(place, seen).handled == {"announce": LINES - 1}
    assert seen.cards == {4: 1}


def test_progress_of_a_file_that_was_exported_anew_is_refused(place: Path) -> None:
    """Under the same name, with as many items, and in an export of the same name."""
    other = write_export(place.parents[1], [[item(number, "new") for number in range(1, LINES + 1)]])
    assert other == place
    seen = Seen()
    done = again(place, seen)
    assert "another version of the file" in done.unfinished[NAME]
    assert not seen.cards


def test_progress_of_another_pipeline_is_refused_though_its_handlers_have_the_same_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it wants was taken for done otherwise."""
    (tmp_path / "other.py").write_text("from tests.sources.export.app import process\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delenv("REPLAY_LOG", raising=False)
    place, progress = write_export(tmp_path, [[item(1)]]), tmp_path / "progress"
    assert replay(place, APP, progress=progress).is_complete
    (problem,) = replay(place, "other:process", progress=progress).unfinished.values()
    assert problem == f"{progress} holds the progress of the pipeline {APP}: name another place"
    assert replay(place, APP, progress=progress).is_complete


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_lost_of_progress_it_is_never_complete_with_lines_that_were_not_run(
    place: Path, seed: int
) -> None:
    """Files of progress go missing, are cut, are copied over each other and from other files; then they are removed."""
    random, seen = Random(seed), Seen()  # noqa: S311 (a schedule)
    lost = set[int]()
    for first in FIRSTS:
        path, other = chunk_at(place, first), chunk_at(place, random.choice(FIRSTS))
        match random.randrange(5):
            case 0:
                path.unlink()
                lost |= set(range(first, first + CHUNK))
            case 1:
                path.write_bytes(path.read_bytes()[: random.randrange(100)])
            case 2 if other.exists():
                path.write_bytes(other.read_bytes())
            case _:
                pass
    done = again(place, seen)
    while done.unfinished:
        assert not seen.cards
        name = done.unfinished[NAME].split(" is ")[0]
        Path(name).unlink()
        first = int(Path(name).stem)
        lost |= set(range(first, first + CHUNK))
        done = again(place, seen)
    assert done.handled == {"announce": LINES - 1}
    assert done.failed == {("announce", "Refused"): 1}
    assert set(seen.cards) == lost | {4}
    assert set(seen.cards.values()) == {1}


def test_a_disk_that_is_full_ends_the_replay_and_nothing_is_left_of_what_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To run other files would only repeat them: what could not be kept is all that runs again."""
    files = [[item(number) for number in range(each, each + 20)] for each in (100, 200, 300)]
    place, seen = write_export(tmp_path, files), Seen()
    sync, left = os.fsync, [1]

    def fail(descriptor: int) -> None:
        sync(descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", fail)
        done = again(place, seen)
    first, second, third = done.export.files
    assert done.unfinished == {
        first.name: f"progress could not be kept at {place / 'progress'}: No space left on device",
        second.name: "0 of its 20 lines were run",
        third.name: "0 of its 20 lines were run",
    }
    assert not done.is_complete
    assert set(seen.cards) == set(range(100, 120))
    assert [each.name for each in place.rglob("*.new")] == []
    done = again(place, seen)
    assert (done.is_complete, done.handled) == (True, {"announce": 60})
    assert {number for number, count in seen.cards.items() if count > 1} == set(range(110, 120))


def test_progress_that_one_process_cannot_keep_ends_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLAY_LOG", raising=False)
    place = write_export(tmp_path, [[item(number)] for number in range(12)])
    (tmp_path / "progress").mkdir()
    (tmp_path / "progress" / NAME).write_text("a file, where a folder should be")
    done = replay(place, APP, processes=2, progress=tmp_path / "progress")
    assert not done.is_complete
    assert done.unfinished[NAME] == f"progress could not be kept at {tmp_path / 'progress'}: File exists"
    (tmp_path / "progress" / NAME).unlink()
    assert replay(place, APP, processes=2, progress=tmp_path / "progress").is_complete


def test_progress_that_cannot_be_kept_is_raised_to_who_runs_a_file(place: Path, tmp_path: Path) -> None:
    export = open_export(place)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / NAME).write_text("")
    with pytest.raises(ProgressNotKept, match="progress could not be kept at"):
        list(replay_file(export, export.files[0], Seen().process, progress_at(tmp_path / "store")))
    chunk_at(place, 1).write_text("[]")
    with pytest.raises(NotProgress, match="is no progress of a replay"):
        list(replay_file(export, export.files[0], Seen().process, progress_at(place / "progress")))


def test_what_a_process_left_that_was_killed_while_it_wrote_is_removed(place: Path) -> None:
    left = chunk_at(place, 1).with_name(".abc.new")
    left.write_text("{")
    again(place, Seen())
    assert not left.exists()
