"""What a task does on an executor, and what is refused before any begins; this needs no Spark."""

# pyright: reportMissingModuleSource=false
# (pyspark has no wheel, and is installed for `make spark` alone; its types are checked by stubs)

from __future__ import annotations

import pickle
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from streamfn import ConfigurationError
from streamfn.exports import NotProgress, OutcomeRow, open_export, progress_at
from streamfn.exports._replay import WorkerJob
from streamfn.spark import replay, rows_of, run_file
from tests.sources.export.exports import write_export
from tests.spark.exports import PIPELINE, calls, export_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(autouse=True)
def _shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])


def work(place: Path, progress: Path, pipeline: str = PIPELINE) -> WorkerJob:
    """Make the work of all tasks, as it comes to an executor."""
    made = WorkerJob(open_export(place), pipeline, progress_at(progress), None, 10)
    return cast("WorkerJob", pickle.loads(pickle.dumps(made)))  # noqa: S301 (our own bytes)


def as_session(session: object) -> SparkSession:
    # A stand-in has only what is asked of it before any task begins.
    return cast("SparkSession", session)


def test_a_task_tells_what_is_not_kept(tmp_path: Path) -> None:
    """What is kept is read from there, and so a task has nothing to tell where all went well."""
    made = work(export_of(tmp_path, ["hello", "refuse"]), tmp_path / "progress")
    (file,) = made.export.files
    assert [] == run_file(made, file)
    assert Counter(row[1:3] for row in rows_of(made, (file, []))) == Counter(
        [("announce", "handled"), ("announce", "Refused"), ("index", "handled")]
    )


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    place = export_of(tmp_path, ["hello"])
    (data,) = (place / "data").iterdir()
    data.write_bytes(b"no gzip")
    made = work(place, tmp_path / "progress")
    (file,) = made.export.files
    (told,) = run_file(made, file)
    assert isinstance(told, OutcomeRow)
    assert (told.data_file, told.handler, told.outcome) == (file.name, None, "DamagedExport")
    assert [row[2] for row in rows_of(made, (file, [told]))] == ["DamagedExport"]


def test_a_file_whose_progress_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """It is not raised: Spark would begin the task again, and repeat what its handlers did."""
    (tmp_path / "progress").write_text("a file, where a folder should be")
    made = work(export_of(tmp_path, ["hello"]), tmp_path / "progress")
    (file,) = made.export.files
    (told,) = run_file(made, file)
    assert isinstance(told, OutcomeRow)
    assert told.outcome == "Unfinished"
    assert calls(tmp_path) == {("announce", 1): 1, ("index", 1): 1}


def test_progress_of_another_export_is_refused(tmp_path: Path) -> None:
    one = work(export_of(tmp_path, ["hello"]), tmp_path / "progress")
    place = write_export(tmp_path / "other", [[]], export_id="09-2d8752fd")
    assert [] == run_file(one, one.export.files[0])
    (tmp_path / "other" / "notes").mkdir()
    other = work(place, tmp_path / "progress")
    (told,) = run_file(other, one.export.files[0])
    assert isinstance(told, NotProgress)


def test_a_pipeline_that_was_not_shipped_is_told(tmp_path: Path) -> None:
    made = work(export_of(tmp_path, ["hello"]), tmp_path / "progress", "not_shipped:process")
    (told,) = run_file(made, made.export.files[0])
    assert isinstance(told, ConfigurationError)
    assert "on an executor, there is no module not_shipped" in str(told)
    assert "--py-files" in str(told)


def test_progress_of_which_a_part_is_gone_is_told_and_its_lines_are_run_again(tmp_path: Path) -> None:
    """Lost once more, before its rows are read, it is no outcome either."""
    made = work(export_of(tmp_path, ["hello"] * 25), tmp_path / "progress")
    (file,) = made.export.files
    assert [] == run_file(made, file)
    middle = tmp_path / "progress" / file.name / f"{11:012d}.json"
    middle.unlink()
    told = [each for each in run_file(made, file) if isinstance(each, OutcomeRow)]
    assert told == [OutcomeRow(file.name, None, "ProgressMissing", "lines 11 to 20", count=10)]
    assert Counter(calls(tmp_path).values()) == {1: 30, 2: 20}
    rows = list(rows_of(made, (file, told)))
    assert Counter(row[2] for row in rows) == {"handled": 6, "ProgressMissing": 1}
    middle.unlink()
    with pytest.raises(LookupError, match="is gone"):
        list(rows_of(made, (file, told)))


def test_progress_that_is_gone_is_no_empty_outcome(tmp_path: Path) -> None:
    made = work(export_of(tmp_path, ["hello"]), tmp_path / "progress")
    with pytest.raises(LookupError, match="is gone"):
        list(rows_of(made, (made.export.files[0], [])))


@pytest.mark.parametrize("error", [AttributeError, NotImplementedError])
def test_spark_connect_is_refused(error: type[Exception]) -> None:
    """Its sessions raise one or the other, by their version."""

    class Session:
        @property
        def sparkContext(self) -> object:  # noqa: N802 (Spark's own name)
            raise error("[JVM_ATTRIBUTE_NOT_SUPPORTED]")

    with pytest.raises(ConfigurationError, match="Spark Connect"):
        replay(as_session(Session()), "nowhere", PIPELINE)


def test_speculation_is_refused(tmp_path: Path) -> None:
    """It would run a slow task a second time beside the first, and handlers with it."""

    class Conf:
        def get(self, key: str, _default: str) -> str:
            assert key == "spark.speculation"
            return "true"

    class Context:
        def getConf(self) -> Conf:  # noqa: N802 (Spark's own name)
            return Conf()

    class Session:
        sparkContext = Context()

    with pytest.raises(ConfigurationError, match=r"spark\.speculation"):
        replay(as_session(Session()), tmp_path, PIPELINE)
