"""The document is written from what was measured, and from nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import fromstring

import pytest

from tests.benchmarks.bounds import BESIDE, BOUNDS, own_cost, own_cost_of_a_bare_call
from tests.benchmarks.cold_counts import count_cold
from tests.benchmarks.cold_starts import STATEMENTS, UNCOMPILED, ZERO
from tests.benchmarks.document import BEGIN, END, NoPlace, generated, replaced, write
from tests.benchmarks.plot import plot
from tests.benchmarks.results import (
    Decoding,
    Lanes,
    LoadSize,
    Machine,
    Replays,
    Row,
    Run,
    Spread,
    Timing,
    load_all,
    save,
)
from tests.benchmarks.running import MEASURED
from tests.benchmarks.tables import (
    COLD,
    RUNNING,
    bounds_table,
    decoding_table,
    instructions_table,
    replays_table,
    running_table,
)

ROOT: Final = Path(__file__).parents[2]

_SIZE: Final = LoadSize("Cards", 1000, 1333, 16.0, 1_300_000)
_ROWS: Final = {
    "by hand": Row("by hand", Timing([4.0, 4.0, 5.0], [4.0, 4.0, 5.0])),
    "decode": Row("streamfn decoding", Timing([3.0, 3.2, 3.5], [3.6, 3.6, 4.5])),
    "Powertools batch": Row(
        "Powertools <&> co", Timing([24.0, 28.8, 35.0], [1.0, 1.0, 1.0]), remark="is slow"
    ),
}
_RUNNING: Final = {
    **dict.fromkeys(MEASURED, 0.75),
    **dict.fromkeys(["one", "retry", "memory ledger", "read"], 9.0),
    "retry three": 14.75,
    "three": 11.75,
    "images": 5.0,
    "calls": 0.75,
}

RUN: Final = Run(
    python="3.11.7",
    date="2026-01-02",
    machine=Machine("Abacus 3000", 2, "Linux on x86_64"),
    libraries={"streamfn": "0.1.0", "cattrs": "26.2.1"},
    decoding={"cards": Decoding(_SIZE, _ROWS), "entities": Decoding(_SIZE, _ROWS)},
    running={name: Timing([_RUNNING[name]], [9.0]) for name in MEASURED},
    lanes=Lanes(0.625, [1.05], [1.25]),
    cold={name: Timing([40.0, 50.0], [45.0, 60.0]) for name in STATEMENTS},
    first_results=Timing([100.0], [120.0]),
    instructions={
        **dict.fromkeys(STATEMENTS, 700_000_000),
        ZERO: 100_000_000,
        "streamfn": 340_000_000,
        "Powertools batch": 400_000_000,
    },
)
LATER: Final = replace(RUN, python="3.12.1")


def test_a_figure_stands_with_its_spread() -> None:
    cells = _cells(decoding_table([RUN], "cards"), "streamfn decoding")
    assert ["streamfn decoding", "0.75 (0.70 to 0.80)", "0.90", "3.20"] == cells


def test_versions_of_python_stand_side_by_side() -> None:
    table = decoding_table([RUN, LATER], "cards")
    assert ["", "Python 3.11", "Python 3.12", "wall time, 3.11 / 3.12", "µs an image, 3.11 / 3.12"] == _cells(
        table, ""
    )
    assert "3.20 / 3.20" == _cells(table, "streamfn decoding")[-1]


def test_a_bound_is_met_or_missed_by_so_much() -> None:
    table = bounds_table([RUN])
    assert "0.75 (0.70 to 0.80), met by 12%" == _cells(table, "decoding, to by hand")[-1]
    assert "9.00 (8.00 to 10.0), met by 29%" == _cells(table, "Powertools' batch processor, to decoding")[-1]
    assert "1.25, **missed** by 9%" == _cells(table, "`concurrent` with coroutines")[-1]
    for form in ("deployed", "bare"):
        assert "0.75, **missed**: 2.5 times as much" == _cells(table, f"{form}: a record of a kind")[-1]
    assert "not measured" == _cells(table, "boto3 and cattrs, to decoding")[-1]


def test_cold_starts_are_bound_in_instructions() -> None:
    table = bounds_table([RUN])
    assert "0.80, met by 16%" == _cells(table, "a cold start in instructions, to Powertools")[-1]
    assert "0.40, met by 0%" == _cells(table, "a cold start in instructions, to its batch processor and")[-1]


def test_what_has_no_bound_stands_beside() -> None:
    cold = {**RUN.cold, "streamfn": Timing([10.0, 25.0], [1.0, 1.0])}
    cells = _cells(bounds_table([replace(RUN, cold=cold)]), "a cold start in CPU time, to Powertools")
    assert ["none", "0.38 (0.25 to 0.50)"] == cells[1:]


def test_instructions_come_on_top_of_the_runtime_client() -> None:
    table = instructions_table([RUN])
    assert ["100", "240"] == [_cells(table, COLD[name])[-1] for name in (ZERO, "streamfn")]
    assert COLD[UNCOMPILED] not in table


def test_what_was_not_counted_says_so() -> None:
    without = replace(LATER, instructions={})
    assert "0.80, met by 16%|not measured" == "|".join(
        _cells(bounds_table([RUN, without]), "a cold start in instructions, to Powertools")[-2:]
    )
    assert ["240", "not counted"] == _cells(instructions_table([RUN, without]), COLD["streamfn"])[1:]
    said = "Not counted with Python 3.12: valgrind was not installed."
    assert said in generated([RUN, without])
    assert "Not counted" not in generated([RUN])


def test_replays_stand_beside_reading_the_lines() -> None:
    assert "Replays" not in generated([RUN])
    replays = Replays(
        1_000,
        Timing([10.0, 10.0], [10.0, 10.0]),
        Timing([25.0, 30.0], [1.0, 1.0]),
        [40.0, 40.0],
        [20.0, 25.0],
    )
    table = replays_table([replace(RUN, replays=replays), LATER])
    assert ["", "Python 3.11"] == _cells(table, "")
    assert ["100,000", "36,364"] == [_cells(table, name)[-1] for name in ("`json.loads`", "replayed")]
    assert "2.75 (2.50 to 3.00)" == _cells(table, "CPU time of a replay")[-1]
    assert "1.80 (1.60 to 2.00)" == _cells(table, "from one process to two")[-1]


def test_nothing_is_counted_without_valgrind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    told: list[str] = []
    assert {} == count_cold(told.append, quick=False)
    assert ["Cold starts in instructions: not counted, since valgrind is not installed"] == told


def test_a_figure_that_an_earlier_run_did_not_take_is_not_shown() -> None:
    earlier = replace(
        RUN,
        running={name: RUN.running[name] for name in ("three", "images", "calls", "read", "unwanted kind")},
    )
    assert ["9.00", "not measured"] == _cells(running_table([RUN, earlier]), RUNNING["one"])[1:]


def test_own_cost_leaves_out_decoding_and_the_handlers() -> None:
    assert Spread(3.0, 3.0, 3.0) == own_cost(RUN)
    assert Spread(2.0, 2.0, 2.0) == own_cost_of_a_bare_call(RUN)


def test_the_deployed_function_stands_before_the_bare_call() -> None:
    rows = [line for line in running_table([RUN]).splitlines() if "deployed" in line or "bare" in line]
    assert [RUNNING["retry"], RUNNING["retry three"]] == [
        row.strip("|").split("|")[0].strip() for row in rows[:2]
    ]
    bounds = [
        line.split(":")[0].strip("| ") for line in bounds_table([RUN]).splitlines() if "own cost" in line
    ]
    assert ["deployed", "bare", "deployed"] == bounds, "the last one is without the reading"


def test_each_bound_is_shown() -> None:
    assert len(BOUNDS) + len(BESIDE) + 2 == len(bounds_table([RUN]).splitlines())


def test_all_that_is_measured_has_a_title() -> None:
    assert set(MEASURED) == set(RUNNING)
    assert set(STATEMENTS) == set(COLD)


def test_machine_versions_and_remarks_are_named() -> None:
    told = generated([RUN])
    assert (
        "Python 3.11.7 on 2026-01-02: Abacus 3000, 2 cores, Linux on x86_64; streamfn 0.1.0, cattrs 26.2.1."
        in told
    )
    assert 1 == told.count("Powertools <&> co: is slow.")


def test_the_picture_is_svg_with_a_bar_for_each_figure() -> None:
    picture = fromstring(plot([RUN, LATER]))  # noqa: S314 (our own picture)
    bars = [
        each
        for each in picture.iter("{http://www.w3.org/2000/svg}rect")
        if (each.get("class") or "")[:3] == "bar"
    ]
    legend, contenders, cold = 2, 2 * len(_ROWS), 2 * 8
    assert legend + contenders + cold == len(bars)
    assert "Powertools <&> co" in [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_a_run_is_kept_until_the_next_one_of_its_version(tmp_path: Path) -> None:
    for run in (LATER, replace(RUN, date="2025-01-01"), RUN):
        save(run, tmp_path)
    assert [RUN, LATER] == load_all(tmp_path)


def test_figures_go_between_the_comments(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n\n{BEGIN}\n\nold figures\n\n{END}\nafter\n")
    write([RUN], document)
    written = document.read_text()
    assert f"before\n\n{BEGIN}\n\n{generated([RUN])}\n\n{END}\nafter\n" == written
    write([RUN], document)
    assert written == document.read_text()
    assert plot([RUN]) == document.with_suffix(".svg").read_text()


def test_a_document_without_the_comments_is_left_alone() -> None:
    with pytest.raises(NoPlace):
        replaced(f"before {BEGIN}", "figures")


def test_no_figure_of_the_document_is_typed_by_hand() -> None:
    """If this fails, ``python -m tests.benchmarks --write`` writes the document from what is kept."""
    runs = load_all(ROOT / "docs" / "performance")
    document = ROOT / "docs" / "performance.md"
    text = document.read_text(encoding="utf-8")
    assert replaced(text, generated(runs)) == text
    assert plot(runs) == document.with_suffix(".svg").read_text(encoding="utf-8")


def test_a_quick_run_measures_everything_and_writes_nothing() -> None:
    before = (ROOT / "docs" / "performance.md").read_bytes()
    command = [sys.executable, "-m", "tests.benchmarks", "--quick"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "in a quick run, whose figures say little" in told
    assert {"### The bounds", "### Decoding", "### Running", "### Cold starts, in instructions"} <= set(
        told.splitlines()
    )
    assert before == (ROOT / "docs" / "performance.md").read_bytes()


def _cells(table: str, title: str) -> list[str]:
    """Take the cells of the row whose title begins so."""
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    return next(row for row in rows if row[0].startswith(title))
