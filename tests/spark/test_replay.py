"""Replays on Spark itself, on this machine: two tasks at a time, each begun again up to three times."""

# pyright: reportMissingModuleSource=false
# (pyspark has no wheel, and is installed for `make spark` alone; its types are checked by stubs)

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streamfn import ConfigurationError
from streamfn.exports import OutcomeRow, ProgressInUse, open_export, progress_at
from streamfn.exports import replay as replay_here
from streamfn.exports._export import storage_at
from streamfn.exports._progress import claimed
from streamfn.spark import replay
from tests.spark.exports import PIPELINE, calls, export_of, mend, pipelines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytest.importorskip("pyspark", reason="`make spark` runs this, where pyspark is")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2,4]")
        for key, value in {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(folder / "local"),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }.items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
        session.sparkContext.addPyFile(str(Path(__file__).with_name("shipped.py")))
        yield session
        session.stop()


def outcomes(frame: DataFrame) -> Counter[tuple[object, ...]]:
    """Count the outcomes of a DataFrame, those of chunks together."""
    counted: Counter[tuple[object, ...]] = Counter()
    for *outcome, count, location in frame.collect():
        assert isinstance(count, int)
        assert (location is None) == ("Refused" not in outcome), "a refusal leads to its handler"
        counted[tuple(outcome)] += count
    return counted


def kept(place: Path, progress: Path) -> Counter[tuple[object, ...]]:
    """Count the outcomes that a replay has kept, likewise."""
    export, store = open_export(place), progress_at(progress)
    counted: Counter[tuple[object, ...]] = Counter()
    for file in export.files:
        for chunk in store.chunks(export, file):
            for outcome in chunk.outcomes(file):
                counted[astuple(outcome)[:-2]] += outcome.count
    return counted


def test_outcomes_are_those_of_a_replay_here(session: SparkSession, tmp_path: Path) -> None:
    """Each data file is a partition of the DataFrame."""
    place = export_of(tmp_path, ["hello", "refuse", "world"] * 4, [], ["hello"], ["refuse", "hello"])
    frame = replay(session, place, PIPELINE, progress=tmp_path / "spark", chunk=5)
    here = replay_here(place, PIPELINE, processes=1, progress=tmp_path / "here", chunk=5)
    assert outcomes(frame) == kept(place, tmp_path / "here")
    assert here.failed == {("announce", "Refused"): 5}
    assert frame.rdd.getNumPartitions() == 4
    assert frame.columns == [field.name for field in fields(OutcomeRow)]
    failed = frame.where("outcome = 'Refused'").collect()
    assert sorted(str(row.asDict()["event_id"]) for row in failed) == sorted(
        str(each.event_id) for each in here.failures()
    )


def test_acting_twice_runs_nothing_twice(session: SparkSession, tmp_path: Path) -> None:
    """Nor does a failure run again because somebody looks at it."""
    frame = replay(session, export_of(tmp_path, ["hello", "refuse"]), PIPELINE)
    before = calls(tmp_path)
    assert before == dict.fromkeys([("announce", 1), ("announce", 2), ("index", 1), ("index", 2)], 1)
    first, second = outcomes(frame), outcomes(frame)
    assert first == second
    assert frame.where("outcome <> 'handled'").count() == 1
    assert calls(tmp_path) == before


def test_a_second_run_skips_what_the_first_finished(session: SparkSession, tmp_path: Path) -> None:
    """What failed runs again, for the handler that failed, and both runs tell of everything."""
    place = export_of(tmp_path, ["hello", "refuse"], ["hello"])
    first = outcomes(replay(session, place, PIPELINE))
    before = calls(tmp_path)
    mend(tmp_path)
    second = replay(session, place, PIPELINE)
    assert calls(tmp_path) - before == {("announce", 2): 1}
    assert first.total() == outcomes(second).total() == 6
    assert second.where("outcome <> 'handled'").count() == 0
    assert replay(session, place, PIPELINE).count() == second.count()
    assert calls(tmp_path) - before == {("announce", 2): 1}


def test_a_task_that_dies_goes_on_where_it_was(session: SparkSession, tmp_path: Path) -> None:
    """Chunks that were finished are not repeated, of the one under way at most what had been run of it."""
    place = export_of(tmp_path, ["hello"] * 4 + ["die"] + ["hello"] * 4, ["hello"])
    frame = replay(session, place, PIPELINE, chunk=3)
    repeated = {("announce", 4): 2, ("index", 4): 2, ("announce", 5): 2}
    assert (
        calls(tmp_path)
        == {(name, card): 1 for name in ("announce", "index") for card in range(1, 11)} | repeated
    )
    assert frame.where("outcome <> 'handled'").count() == 0
    assert outcomes(frame).total() == 20


def test_a_worker_has_one_pipeline(session: SparkSession, tmp_path: Path) -> None:
    replay(session, export_of(tmp_path, *[["hello"]] * 6), PIPELINE)
    found = pipelines(tmp_path)
    assert len(found) == len({process for process, _ in found}) <= 2


def test_other_files_go_on_beside_a_damaged_one(session: SparkSession, tmp_path: Path) -> None:
    """Nothing of it is run, so that it is run from its beginning once it has been repaired."""
    place = export_of(tmp_path, ["hello"], ["hello"])
    damaged = place / "data" / f"{open_export(place).files[0].name}.json.gz"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-3])
    frame = replay(session, place, PIPELINE)
    (told,) = (row.asDict() for row in frame.where("outcome <> 'handled'").collect())
    assert (told["handler"], told["outcome"], told["line"]) == (None, "DamagedExport", None)
    assert calls(tmp_path) == {("announce", 2): 1, ("index", 2): 1}
    damaged.write_bytes(content)
    assert replay(session, place, PIPELINE).where("outcome <> 'handled'").count() == 0
    assert calls(tmp_path) == {(name, card): 1 for name in ("announce", "index") for card in (1, 2)}


def test_a_relative_folder_is_the_same_one_for_executors(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have a working folder of their own."""
    place = export_of(tmp_path, ["hello"])
    monkeypatch.chdir(tmp_path)
    frame = replay(session, place.relative_to(tmp_path), PIPELINE, progress="progress")
    assert frame.count() == 2
    assert kept(place, tmp_path / "progress").total() == 2


def test_an_export_of_nothing_has_no_outcomes(session: SparkSession, tmp_path: Path) -> None:
    assert replay(session, export_of(tmp_path), PIPELINE).count() == 0


def test_a_copy_is_replayed_under_the_name_of_the_table(session: SparkSession, tmp_path: Path) -> None:
    place = export_of(tmp_path, ["hello"])
    known = replay(session, place, PIPELINE, table_name="prod-Card", progress=tmp_path / "known")
    other = replay(session, place, PIPELINE, table_name="dev-Card", progress=tmp_path / "other")
    assert [row.asDict()["outcome"] for row in known.collect()] == ["handled", "handled"]
    assert [row.asDict()["outcome"] for row in other.collect()] == ["Unrouted"]


def test_a_pipeline_that_was_not_shipped_is_refused(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any handler has run, and without Spark trying it again."""
    (tmp_path / "left_behind.py").write_text("from shipped import process\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ConfigurationError, match="on an executor, there is no module left_behind"):
        replay(session, export_of(tmp_path, ["hello"]), "left_behind:process")
    assert not calls(tmp_path)


def test_progress_that_another_replay_has_is_refused(session: SparkSession, tmp_path: Path) -> None:
    """Here or on Spark; and each lets the other have it when it has ended."""
    place, progress = export_of(tmp_path, ["hello"]), tmp_path / "progress"
    with (
        claimed(storage_at(progress)),
        pytest.raises(ProgressInUse, match="another replay has the progress at"),
    ):
        replay(session, place, PIPELINE, progress=progress)
    assert not calls(tmp_path)
    assert replay(session, place, PIPELINE, progress=progress).count() == 2
    assert replay_here(place, PIPELINE, processes=1, progress=progress).is_complete
    assert set(calls(tmp_path).values()) == {1}


def test_lines_whose_progress_is_gone_are_a_row_and_are_run_again(
    session: SparkSession, tmp_path: Path
) -> None:
    place = export_of(tmp_path, ["hello"] * 6)
    frame = replay(session, place, PIPELINE, progress=tmp_path / "progress", chunk=2)
    (middle,) = (tmp_path / "progress").glob(f"*/{3:012d}.json")
    middle.unlink()
    frame = replay(session, place, PIPELINE, progress=tmp_path / "progress", chunk=2)
    (told,) = (row.asDict() for row in frame.where("outcome <> 'handled'").collect())
    assert (told["outcome"], told["detail"], told["count"]) == ("ProgressMissing", "lines 3 to 4", 2)
    assert {number for (_, number), count in calls(tmp_path).items() if count == 2} == {3, 4}


def test_what_cannot_work_is_refused_at_once(session: SparkSession, tmp_path: Path) -> None:
    place = export_of(tmp_path, ["hello"])
    with pytest.raises(ConfigurationError, match="chunk=0"):
        replay(session, place, PIPELINE, chunk=0)
    with pytest.raises(ConfigurationError, match="there is no module nowhere"):
        replay(session, place, "nowhere:process")
    assert not calls(tmp_path)
