"""`streamfn replay`: an export in a folder, run, interrupted and run again; and what Spark is asked for."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from streamfn import exports as export
from streamfn import spark
from streamfn.cli import replay as command
from streamfn.cli.replay import bar, prepare_workers, summed
from streamfn.exports import OutcomeRow, Progress
from streamfn.exports._export import storage_at
from streamfn.exports._progress import claimed
from tests.cli import app
from tests.cli.commands import call, objects, streamfn
from tests.sources.export.exports import EXPORT_ID, item, write_export

PROCESS = "tests.cli.app:process"


@pytest.fixture
def place(tmp_path: Path) -> str:
    """Write an export of two files, with a card without a title in each."""
    return str(write_export(tmp_path, [[item(1), item(2, "")], [item(3, ""), item(4)]]))


def test_a_summary_counts_for_each_handler_and_outcome(place: str) -> None:
    ran = streamfn("replay", PROCESS, place, COLUMNS="120")
    assert (ran.code, ran.err) == (1, "")
    announce = [
        "SlackError",
        "at",
        f"tests/cli/app.py:{app.announce.__code__.co_firstlineno}",
        "in",
        "announce",
    ]
    assert [line.split() for line in ran.out.splitlines()] == [
        ["Handler", "Outcome", "Records"],
        ["announce", "handled", "2"],
        ["back_up", "handled", "4"],
        ["announce", "Refused", "2"],
        [],
        ["File", "Line", "Handler", "Outcome", "Detail"],
        [f"file000{EXPORT_ID[-4:]}", "2", "announce", "Refused", *announce],
        [f"file001{EXPORT_ID[-4:]}", "1", "announce", "Refused", *announce],
        [],
        ["6", "successes,", "2", "failures"],
    ]


def test_run_again_it_runs_what_failed(place: str) -> None:
    assert call("replay", PROCESS, place, "--processes", "1").code == 1
    ran = call("replay", PROCESS, place, "--processes", "1", "--json", MENDED="yes")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document == {
        "handled": {"announce": 4, "back_up": 4},
        "failed": [],
        "failures": [],
        "unfinished": {},
        "progress_missing": {},
        "interrupted": False,
    }


def test_as_many_failures_are_shown_as_are_asked_for(place: str) -> None:
    ran = call("replay", PROCESS, place, "--processes", "1", "--failures", "1")
    assert "… and 1 more failure\n" in ran.out
    told = call("replay", PROCESS, place, "--processes", "1", "--failures", "1", "--json").document
    assert told["failed"] == [{"handler": "announce", "outcome": "Refused", "count": 2}]
    assert [(each["line"], each["detail"]) for each in objects(told["failures"])] == [(2, "SlackError")]


def test_progress_and_the_table_go_where_they_are_said_to(place: str, tmp_path: Path) -> None:
    """Under another name of the table, no handler is there for it."""
    arguments = ("--progress", str(tmp_path / "progress"), "--table", "copy", "--processes", "1", "--json")
    ran = call("replay", PROCESS, place, *arguments)
    assert ran.document["failed"] == [{"handler": None, "outcome": "Unrouted", "count": 4}]
    assert (tmp_path / "progress").is_dir()
    assert "Unrouted" in call("replay", PROCESS, place, *arguments[:-1]).out


def test_a_file_that_is_damaged_is_told(place: str) -> None:
    next(Path(place).glob("data/file000*")).write_bytes(b"no gzip")
    ran = call("replay", PROCESS, place, "--processes", "1")
    assert ran.code == 1
    assert "Could not be run to its end" in ran.out
    assert ran.out.endswith("3 successes, 1 failure, 1 unfinished file\n")


def test_progress_that_another_replay_has_is_told_by_an_exit_code_of_its_own(
    place: str, tmp_path: Path
) -> None:
    progress = tmp_path / "progress"
    with claimed(storage_at(progress)):
        ran = call("replay", PROCESS, place, "--progress", str(progress), "--processes", "1")
    assert (ran.code, ran.out) == (3, "")
    assert f"another replay has the progress at {progress}" in ran.err
    assert list(progress.iterdir()) == [progress / "replay.lock"]


def test_progress_that_is_damaged_is_told_beside_what_came_of_the_other_files(
    place: str, tmp_path: Path
) -> None:
    arguments = ("replay", PROCESS, place, "--progress", str(tmp_path / "progress"), "--processes", "1")
    call(*arguments)
    damaged = next(tmp_path.glob("progress/file000*/*.json"))
    damaged.write_bytes(damaged.read_bytes()[:50])
    ran = call(*arguments, "--json")
    assert ran.code == 1
    assert ran.document["handled"] == {"announce": 1, "back_up": 2}
    assert [each["data_file"] for each in objects(ran.document["failures"])] == [f"file001{EXPORT_ID[-4:]}"]
    assert f"{damaged} is no progress of a replay that this release reads" in str(ran.document["unfinished"])


def test_an_export_of_nothing_has_no_table(tmp_path: Path) -> None:
    ran = call("replay", PROCESS, str(write_export(tmp_path, [])))
    assert ran == (0, "0 successes, 0 failures\n", "")


def test_a_signal_ends_it_and_it_can_be_gone_on_with(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = export.replay

    def interrupted(*arguments: str, **options: object) -> export.Replay:
        def advance(_: Progress) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        assert options.pop("on_progress")
        location, pipeline = arguments
        return run(location, pipeline, processes=1, on_progress=advance)

    monkeypatch.setattr(export, "replay", interrupted)
    assert command.replay_command(PROCESS, place) == 130
    assert capsys.readouterr().out.endswith("It was interrupted: call it again, and it goes on from there.\n")
    monkeypatch.undo()
    assert call("replay", PROCESS, place, "--processes", "1", "--json").document["handled"] == {
        "announce": 2,
        "back_up": 4,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((PROCESS, "nowhere"), "there is no export at nowhere"),
        (("tests.cli.app:nothing", "PLACE"), "tests.cli.app has no nothing"),
        ((PROCESS, "PLACE", "--processes", "0"), "--processes"),
        ((PROCESS, "PLACE", "--spark", "--processes", "2"), "leave --processes out"),
        ((PROCESS, "/dev/null"), "Not a directory"),
    ],
)
def test_a_mistake_is_a_line(place: str, arguments: tuple[str, ...], said: str) -> None:
    ran = call("replay", *[place if each == "PLACE" else each for each in arguments])
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_the_bar_is_for_terminals_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows how far it has come, and the rate."""
    for shown in (True, False):
        with bar(shown=shown) as advance:
            advance(Progress(1, 2, 0, 1))
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with bar(shown=True) as advance:
        advance(Progress(1, 2, 0, 1))
    assert "1/2" in (err := capsys.readouterr().err)
    assert "/s" in err


OUTCOMES = [
    OutcomeRow("file", "announce", "handled", count=3),
    OutcomeRow("other", "announce", "handled", count=2),
    OutcomeRow("file", "announce", "Refused", "SlackError", 4, "id/4"),
    OutcomeRow("file", "announce", "Refused", "SlackError", 5, "id/5"),
    OutcomeRow("broken", None, "DamagedExport", "its checksum is another"),
    OutcomeRow("broken too", None, "Unfinished"),
    OutcomeRow("file", None, "ProgressMissing", "lines 1 to 10", count=10),
    OutcomeRow("file", None, "ProgressMissing", "line 20"),
]


def test_outcomes_are_summed_up() -> None:
    summary = summed(OUTCOMES, 1)
    assert summary.handled == {"announce": 5}
    assert summary.failed == {("announce", "Refused"): 2}
    assert summary.failures == [OUTCOMES[2]]
    assert summary.unfinished == {"broken": "its checksum is another", "broken too": "Unfinished"}
    assert summary.progress_missing == {"file": "lines 1 to 10, line 20"}


def test_on_spark_the_session_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is asked for outcomes as rows."""
    session = object()
    asked: list[object] = []

    class Frame:
        def toLocalIterator(self) -> Iterator[tuple[object, ...]]:  # noqa: N802 (Spark's own)
            for each in OUTCOMES:
                yield (
                    each.data_file,
                    each.handler,
                    each.outcome,
                    each.detail,
                    each.line,
                    each.event_id,
                    each.count,
                )

    def replay(*arguments: object, **options: object) -> Frame:
        asked.append((*arguments, options))
        return Frame()

    sql = ModuleType("pyspark.sql")
    sql.__dict__["SparkSession"] = SimpleNamespace(builder=SimpleNamespace(getOrCreate=lambda: session))
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    monkeypatch.setitem(sys.modules, "pyspark.sql", sql)
    monkeypatch.setattr(spark, "replay", replay)
    ran = call("replay", PROCESS, "export", "--spark", "--progress", "s3://a/b", "--table", "copy", "--json")
    assert ran.code == 1
    assert ran.document["handled"] == {"announce": 5}
    assert asked == [(session, "export", PROCESS, {"progress": "s3://a/b", "table_name": "copy"})]


def test_without_spark_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    ran = call("replay", PROCESS, "export", "--spark")
    assert (ran.code, ran.out) == (2, "")
    assert "install streamfn[spark]" in ran.err


def test_workers_find_what_the_command_finds() -> None:
    environment: dict[str, str] = {}
    prepare_workers(environment)
    assert environment == {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(Path.cwd())}
    environment = {"PYSPARK_PYTHON": "python3.12", "PYTHONPATH": "/there"}
    prepare_workers(environment)
    assert environment == {
        "PYSPARK_PYTHON": "python3.12",
        "PYTHONPATH": f"{Path.cwd()}{os.pathsep}/there",
    }


def test_what_an_older_version_kept_of_failures_is_read_without_their_places(
    place: str, tmp_path: Path
) -> None:
    """Progress is kept in files: those of before places were told have no place."""
    kept = str(tmp_path / "progress")
    assert 1 == call("replay", PROCESS, place, "--progress", kept, "--processes", "1").code
    for file in Path(kept).rglob("*.json"):
        told = cast("dict[str, object]", json.loads(file.read_text()))
        assert told.pop("locations") is not None
        file.write_text(json.dumps(told))
    store, held = export.progress_at(kept), export.open_export(place)
    outcomes = [each for file in held.files for chunk in store.chunks(held, file) for each in chunk.failures]
    assert [("SlackError", None)] * 2 == [(each.detail, each.location) for each in outcomes]
