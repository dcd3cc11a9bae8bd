"""What users met in replays of exports, one test for each."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
from returns.result import Failure, Result, Success

from streamfn import InsertEvent, RemoveEvent, StreamRecord, Table, on_insert, on_remove, pipeline
from streamfn._pipeline import Pipeline
from streamfn.exports import NotAnExport, OutcomeRow, open_export, records_of, replay
from streamfn.exports._replay import WorkerJob
from streamfn.spark import rows_of, run_file
from tests.cards import Card
from tests.cli.commands import call
from tests.sources.export.exports import item, md5, write_export, write_manifest

PROCESS: Final = "tests.cli.app:process"


def with_counts(place: Path, *counts: object) -> Path:
    """Have the manifest of an export say how many items its files have."""
    path = place / "manifest-files.json"
    files = [json.loads(line) for line in path.read_text().splitlines()]
    told = [{**file, "itemCount": count} for file, count in zip(files, counts, strict=True)]
    write_manifest(place, "manifest-files", b"".join(json.dumps(each).encode() + b"\n" for each in told))
    summary = json.loads((place / "manifest-summary.json").read_text())
    del summary["itemCount"]
    write_manifest(place, "manifest-summary", json.dumps(summary).encode())
    return place


def announcing(
    seen: Counter[int], refused: Callable[[int], bool] = lambda _: False
) -> Callable[[InsertEvent[Card]], Result[int, str]]:
    """Make a handler that counts the cards that it sees, and refuses some."""

    def announce(event: InsertEvent[Card]) -> Result[int, str]:
        seen[event.new_image.id] += 1
        return Failure("no") if refused(event.new_image.id) else Success(event.new_image.id)

    return announce


def card_process(handler: Callable[[InsertEvent[Card]], Result[int, str]]) -> Pipeline[int, str]:
    return pipeline(Table("prod-Card", Card), on_insert(handler))


@pytest.mark.parametrize("processes", [1, 2])
def test_lines_beyond_the_count_of_the_manifest_are_told(tmp_path: Path, processes: int) -> None:
    """A file with an empty line between two items, and a count of two, was called complete without its second item.

    Now it is unfinished, in each run, and the exit code says so.
    """
    place = with_counts(write_export(tmp_path, [[item(1), b"", item(2)], [item(3)]]), 2, 1)
    for _ in range(2):
        ran = call("replay", PROCESS, str(place), "--processes", str(processes), "--json")
        assert 1 == ran.code
        assert "has 3 lines, and the manifest says 2" in str(ran.document["unfinished"])


@pytest.mark.parametrize("count", [0, 1, 2, 4, 7])
def test_a_count_that_is_not_that_of_the_file_is_told_in_each_run(tmp_path: Path, count: int) -> None:
    """Fewer lines, more lines and none expected come to the same: what is there is run once, and the file is told."""
    seen: Counter[int] = Counter()
    place = with_counts(write_export(tmp_path, [[item(1), item(2), item(3)]]), count)
    process = card_process(announcing(seen))
    for chunk in (2, 10, 10):
        done = replay(place, process, chunk=chunk)
        assert not done.is_complete
        assert [f"has 3 lines, and the manifest says {count}" in why for why in done.unfinished.values()] == [
            True
        ]
    assert dict.fromkeys(range(1, min(count, 3) + 1), 1) == seen


def test_a_manifest_that_is_mended_has_the_rest_run(tmp_path: Path) -> None:
    """Once the count is right, the lines that were left out run, and the others do not run again."""
    seen: Counter[int] = Counter()
    place = with_counts(write_export(tmp_path, [[item(1), item(2), item(3)]]), 2)
    assert not replay(place, card_process(announcing(seen))).is_complete
    with_counts_again(place, 3)
    done = replay(place, card_process(announcing(seen)))
    assert (done.is_complete, done.handled, seen) == (True, {"announce": 3}, {1: 1, 2: 1, 3: 1})


def with_counts_again(place: Path, count: int) -> None:
    path = place / "manifest-files.json"
    told = {**json.loads(path.read_text()), "itemCount": count}
    write_manifest(place, "manifest-files", json.dumps(told).encode())


@pytest.mark.parametrize("count", [-1, True, None, "2", 2.0])
def test_a_count_that_is_none_is_refused(tmp_path: Path, count: object) -> None:
    """A negative count was complete with nothing done. Now it is no manifest."""
    place = with_counts(write_export(tmp_path, [[item(1)]]), count)
    with pytest.raises(NotAnExport, match="does not say which file, or how many items"):
        open_export(place)


def test_spark_tells_of_lines_beyond_the_count_too(tmp_path: Path) -> None:
    """A task on an executor ended like any other. Now it has a row that says what is wrong with the file."""
    place = with_counts(write_export(tmp_path, [[item(1), b"", item(2)]]), 2)
    work = WorkerJob(open_export(place), PROCESS, replay(place, PROCESS, processes=1).progress, None, 10)
    (file,) = work.export.files
    problems = run_file(work, file)
    (told,) = problems
    assert isinstance(told, OutcomeRow)
    assert ("DamagedExport", True) == (told.outcome, "has 3 lines" in (told.detail or ""))
    assert "DamagedExport" in [row[2] for row in rows_of(work, (file, [told]))]


def test_progress_of_which_a_part_is_missing_moves_no_line(tmp_path: Path) -> None:
    """Where one file of the progress was gone, ten lines never ran and ten ran twice. Now those run that are gone."""
    seen: Counter[int] = Counter()
    place = write_export(tmp_path, [[item(number) for number in range(30)]])
    process = card_process(announcing(seen, lambda number: number == 25))
    first = replay(place, process, chunk=10, progress=tmp_path / "progress")
    (tmp_path / "progress" / first.export.files[0].name / "000000000011.json").unlink()
    again = replay(place, process, chunk=10, progress=tmp_path / "progress")
    assert {"announce": 29} == again.handled
    assert {number: 2 if 10 <= number < 20 or number == 25 else 1 for number in range(30)} == seen


def dropped(_: RemoveEvent[Card]) -> Result[int, str]:
    return Success(0)


def other_table(seen: Counter[int]) -> Pipeline[int, str]:
    return pipeline(Table("other", Card), on_insert(announcing(seen)))


def narrow_pattern(seen: Counter[int]) -> Pipeline[int, str]:
    pattern = {"dynamodb": {"NewImage": {"title": {"S": ["nobody's"]}}}}
    return pipeline(Table("prod-Card", Card, pattern=pattern), on_insert(announcing(seen)))


def narrow_where(seen: Counter[int]) -> Pipeline[int, str]:
    return pipeline(Table("prod-Card", Card), on_insert(announcing(seen), where=lambda _: False))


def other_kind(seen: Counter[int]) -> Pipeline[int, str]:
    def announce(event: RemoveEvent[Card]) -> Result[int, str]:
        seen[event.old_image.id] += 1
        return Success(0)

    return pipeline(Table("prod-Card", Card), on_remove(announce))


def removed_handler(_: Counter[int]) -> Pipeline[int, str]:
    return pipeline(Table("prod-Card", Card), on_remove(dropped))


@pytest.mark.parametrize("wrong", [other_table, narrow_pattern, narrow_where, other_kind, removed_handler])
def test_a_failure_that_nobody_wants_now_stays_open(
    tmp_path: Path, wrong: Callable[[Counter[int]], Pipeline[int, str]]
) -> None:
    """A run with the wrong table, pattern, `where` or kind erased the failures before it, and the next told of none.

    Now they stay and are told, in each such run, and run when they are wanted again.
    """
    seen: Counter[int] = Counter()
    place = write_export(tmp_path, [[item(number) for number in range(20)]])
    refusing = card_process(announcing(seen, lambda _: True))
    progress = tmp_path / "progress"
    assert {("announce", "Refused"): 20} == replay(place, refusing, progress=progress).failed
    before = seen.copy()
    for _ in range(2):
        passed = replay(place, wrong(seen), progress=progress)
        assert not passed.is_complete
        assert ["announce"] * 20 == [each.handler for each in passed.failures()]
        assert 20 == sum(passed.failed.values())
    assert before == seen
    mended = replay(place, card_process(announcing(seen)), progress=progress)
    assert (mended.is_complete, mended.handled["announce"]) == (True, 20)
    assert dict.fromkeys(range(20), 2) == seen


def test_it_is_told_that_nobody_wants_it_and_what_it_had_failed_with(tmp_path: Path) -> None:
    """A failure that was not run again must not look as if it had been."""
    place = write_export(tmp_path, [[item(1)]])
    replay(place, card_process(announcing(Counter(), lambda _: True)))
    (told,) = replay(place, narrow_where(Counter())).failures()
    assert ("announce", "Unwanted", "Refused: str", 1) == (told.handler, told.outcome, told.detail, told.line)


def test_a_handler_that_is_new_is_not_settled_by_a_run_with_the_wrong_table(tmp_path: Path) -> None:
    """A new handler beside one that was done counted as run, though no record reached it. Now it is told, and runs."""
    old: Counter[int] = Counter()
    new: Counter[int] = Counter()

    def index(event: InsertEvent[Card]) -> Result[int, str]:
        new[event.new_image.id] += 1
        return Success(0)

    announce = announcing(old)
    place = write_export(tmp_path, [[item(1), item(2)]])
    progress = tmp_path / "progress"
    replay(place, card_process(announce), progress=progress)
    wrong = pipeline(Table("other", Card), on_insert(announce), on_insert(index))
    assert {("index", "Unrouted"): 2} == replay(place, wrong, progress=progress).failed
    right = pipeline(Table("prod-Card", Card), on_insert(announce), on_insert(index))
    assert replay(place, right, progress=progress).is_complete
    assert ({1: 1, 2: 1}, {1: 1, 2: 1}) == (old, new)


def test_the_wrong_table_at_first_costs_nothing(tmp_path: Path) -> None:
    """What reached no handler runs when it reaches one, and what no handler wants then is done with."""
    seen: Counter[int] = Counter()
    place = write_export(tmp_path, [[item(number) for number in range(4)]])
    assert {(None, "Unrouted"): 4} == replay(place, other_table(seen)).failed
    even = pipeline(
        Table("prod-Card", Card), on_insert(announcing(seen), where=lambda event: event.new_image.id % 2 == 0)
    )
    done = replay(place, even)
    assert (done.is_complete, done.handled, seen) == (True, {"announce": 2}, {0: 1, 2: 1})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_an_export_that_a_tool_saved_anew_is_read(tmp_path: Path, encoding: str) -> None:
    """Manifests and data files with a byte order mark, or in UTF-16, as editors save them, were no JSON."""
    place = write_export(tmp_path, [[item(1, "grün"), item(2)]])
    (data,) = (place / "data").iterdir()
    content = gzip.compress(saved(gzip.decompress(data.read_bytes()), encoding))
    data.write_bytes(content)
    manifest = {**json.loads((place / "manifest-files.json").read_text()), "md5Checksum": md5(content)}
    write_manifest(place, "manifest-files", saved(json.dumps(manifest).encode(), encoding))
    write_manifest(place, "manifest-summary", saved((place / "manifest-summary.json").read_bytes(), encoding))
    for name in ("manifest-files", "manifest-summary"):
        path = place / f"{name}.checksum"
        path.write_bytes(saved(path.read_bytes(), encoding))
    images = [
        record.raw_image("NewImage")
        for record in records_of(open_export(place))
        if isinstance(record, StreamRecord)
    ]
    assert [{"S": "grün"}, {"S": "hello"}] == [image["title"] for image in images if image is not None]


def saved(content: bytes, encoding: str) -> bytes:
    """Save text as another tool does."""
    return content.decode().encode(encoding)


def test_a_data_file_in_no_such_encoding_is_damaged(tmp_path: Path) -> None:
    """Half a character at the end of a file in UTF-16 is told, as any other damage."""
    lines: Sequence[bytes] = []
    place = write_export(tmp_path, [lines])
    (data,) = (place / "data").iterdir()
    content = gzip.compress(json.dumps(item(1)).encode("utf-16")[:-1])
    data.write_bytes(content)
    manifest = {**json.loads((place / "manifest-files.json").read_text()), "md5Checksum": md5(content)}
    write_manifest(place, "manifest-files", json.dumps(manifest).encode())
    (told,) = replay(place, card_process(announcing(Counter()))).unfinished.values()
    assert told.endswith("is no text in UTF-8 or UTF-16")


def test_a_manifest_in_no_such_encoding_is_none(tmp_path: Path) -> None:
    """Half a character at its end is told, too."""
    place = write_export(tmp_path, [[item(1)]])
    content = (place / "manifest-files.json").read_text().encode("utf-16")[:-1]
    write_manifest(place, "manifest-files", content)
    with pytest.raises(NotAnExport, match=r"is no text in UTF-8 or UTF-16"):
        open_export(place)
