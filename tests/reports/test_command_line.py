"""What users met on the command line, one test for each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.cards import event, record
from tests.cli.commands import ROOT, call, streamfn, variables
from tests.sources.export.exports import item, write_export

NOISY: Final = '''
"""A pipeline whose module and handlers print, as those do that somebody is looking into."""

import atexit
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import enumerate as threads
from time import sleep
from returns.result import Result, Success
from streamfn import InsertEvent, Table, lambda_handler, on_insert, pipeline, retry
from streamfn.exports._replay import LISTENER

print("the module is imported")
atexit.register(print, "the process ends")
stdout = sys.stdout


@dataclass(frozen=True)
class Card:
    id: int
    title: str


def announce(event: InsertEvent[Card]) -> Result[int, str]:
    print("a handler prints")
    stdout.write("through what it took before\\n")
    sys.__stdout__.write("through the first of all\\n")
    subprocess.run([sys.executable, "-c", "print('a process that it starts')"], check=True)
    return Success(event.new_image.id)


def linger(event: InsertEvent[Card]) -> Result[int, str]:
    with Path(os.environ["REPLAY_LOG"]).open("a", encoding="utf-8") as log:
        log.write(f"{event.new_image.id}\\n")
    if "MENDED" not in os.environ:
        if event.new_image.id % 1_000 == 3:
            os.write(2, b"linger\\n")
            # A process of several hears of the interrupt a little later than the one that began the replay.
            while not Path(os.environ["REPLAY_GO"]).exists() or LISTENER in [
                thread.name for thread in threads()
            ]:
                sleep(0.01)
    return Success(event.new_image.id)


process = pipeline(Table("prod-Card", Card), on_insert(announce))
handler = lambda_handler(process, retry())
lingering = pipeline(Table("prod-Card", Card), on_insert(linger))
'''


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Write the module where the commands are called."""
    (tmp_path / "noisy.py").write_text(NOISY)
    return tmp_path


@pytest.mark.parametrize("name", ["process", "handler"])
def test_with_json_nothing_else_is_on_standard_output(noisy: Path, name: str) -> None:
    """What a handler or its module printed came before the document, or within it, and no program could read it."""
    (noisy / "event.json").write_text(json.dumps(event(record(1))))
    ran = streamfn("invoke", f"noisy:{name}", "event.json", "--json", cwd=noisy)
    assert (0, 1) == (ran.code, ran.document["handled"])
    for said in (
        "the module is imported",
        "a handler prints",
        "through what it took before",
        "through the first of all",
        "a process that it starts",
        "the process ends",
    ):
        assert said in ran.err


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_replay_with_json_prints_that_alone(noisy: Path, processes: str) -> None:
    """The processes that run the handlers have the same standard output."""
    place = write_export(noisy, [[item(1)], [item(2)]])
    ran = streamfn("replay", "noisy:process", str(place), "--processes", processes, "--json", cwd=noisy)
    assert (0, {"announce": 2}) == (ran.code, ran.document["handled"])
    assert "a handler prints" in ran.err


@pytest.mark.parametrize("arguments", [("filter",), ("filter", "--json"), ("graph",), ("graph", "--json")])
def test_what_is_for_machines_is_alone_without_json_too(noisy: Path, arguments: tuple[str, ...]) -> None:
    """FilterCriteria and diagrams go to other programs as they are, and what a module prints at import must not."""
    ran = streamfn(*arguments, "noisy:process", cwd=noisy)
    assert (0, "the module is imported\nthe process ends\n") == (ran.code, ran.err)
    assert "the module" not in ran.out
    assert ran.out


def test_without_json_people_see_what_handlers_print(noisy: Path) -> None:
    """A print is how people look into a handler."""
    (noisy / "event.json").write_text(json.dumps(event(record(1))))
    assert "a handler prints" in streamfn("invoke", "noisy:process", "event.json", cwd=noisy).out


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_files_that_a_tool_saved_anew_are_read(tmp_path: Path, encoding: str) -> None:
    """A payload with a byte order mark, or in UTF-16 as PowerShell writes it, was `Unexpected UTF-8 BOM`."""
    (tmp_path / "event.json").write_bytes(json.dumps(event(record(1))).encode(encoding))
    ran = call("invoke", "tests.cli.app:process", str(tmp_path / "event.json"), "--json")
    assert (0, 2) == (ran.code, ran.document["handled"])
    (tmp_path / "items.jsonl").write_bytes('{"id": {"N": "1"}}\n\n{"id": {"N": "2"}}\n'.encode(encoding))
    model = call("model", "--table", "Card", "--file", str(tmp_path / "items.jsonl"), "--json")
    assert (0, 2) == (model.code, model.document["samples"])


def test_a_payload_on_standard_input_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    """What a shell of Windows pipes into a command begins with one."""
    done = subprocess.run(
        [sys.executable, "-m", "streamfn.cli", "invoke", "tests.cli.app:process", "-", "--json"],
        cwd=ROOT,
        env=variables(),
        input=json.dumps(event(record(1))).encode("utf-16"),
        capture_output=True,
        check=False,
    )
    assert (0, 2) == (done.returncode, json.loads(done.stdout)["handled"])
    in_place = call(
        "invoke", "tests.cli.app:process", "-", "--json", stdin="\ufeff" + json.dumps(event(record(1)))
    )
    assert 2 == in_place.document["handled"]
    (tmp_path / "half").write_bytes(json.dumps(event(record(1))).encode("utf-16")[:-1])
    assert (
        "is no text in UTF-8 or UTF-16" in call("invoke", "tests.cli.app:process", str(tmp_path / "half")).err
    )


def lingering(folder: Path, place: Path, processes: int, **more: str) -> subprocess.Popen[str]:
    """Start a replay whose handler stays at the fourth card of each file until it is told to go on."""
    arguments = ("replay", "noisy:lingering", str(place), "--processes", str(processes), "--json")
    return subprocess.Popen(
        [sys.executable, "-m", "streamfn.cli", *arguments],
        cwd=folder,
        env=variables(REPLAY_LOG=str(folder / "log"), REPLAY_GO=str(folder / "go"), **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def heard(running: subprocess.Popen[str], said: str) -> None:
    """Wait until a replay says something on standard error."""
    assert running.stderr is not None
    while said not in (line := running.stderr.readline()):
        assert line, "it has ended"


def calls(folder: Path) -> Counter[int]:
    """Count the calls of the handler for each card."""
    return Counter(map(int, (folder / "log").read_text().split()))


def first_four(files: int) -> dict[int, int]:
    """Give one call for each of the first four cards of each file."""
    return dict.fromkeys([1_000 * file + number for file in range(files) for number in range(4)], 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_the_first_interrupt_of_a_replay_is_answered_and_ends_it_soon(noisy: Path, processes: int) -> None:
    """Ctrl-C was answered by nothing, and up to 10,000 more lines were run before it ended.

    Now there is a word at once, the handler that runs is the last one, and the next replay runs the rest once.
    """
    place = write_export(
        noisy, [[item(1_000 * file + number) for number in range(50)] for file in range(processes)]
    )
    with lingering(noisy, place, processes) as running:
        for _ in range(processes):
            heard(running, "linger")
        running.send_signal(signal.SIGINT)
        heard(running, "no handler is started any more")
        (noisy / "go").touch()
        out, _ = running.communicate()
    assert 130 == running.returncode
    document = json.loads(out)
    assert (document["interrupted"], document["failed"]) == (True, [])
    assert first_four(processes) == calls(noisy)
    done = streamfn("replay", "noisy:lingering", str(place), "--json", cwd=noisy, **once_more(noisy))
    assert (0, {"linger": 50 * processes}) == (done.code, done.document["handled"])
    assert {1} == set(calls(noisy).values())


def once_more(folder: Path) -> dict[str, str]:
    return {"REPLAY_LOG": str(folder / "log"), "REPLAY_GO": str(folder / "go"), "MENDED": "yes"}


@pytest.mark.parametrize("processes", [1, 2])
def test_the_second_interrupt_ends_it_at_once_and_keeps_what_was_done(noisy: Path, processes: int) -> None:
    """The second Ctrl-C threw away what had been done of a chunk, and the next replay did all of it again.

    Now nothing is repeated but what the handler was at.
    """
    place = write_export(
        noisy, [[item(1_000 * file + number) for number in range(50)] for file in range(processes)]
    )
    with lingering(noisy, place, processes) as running:
        for _ in range(processes):
            heard(running, "linger")
        running.send_signal(signal.SIGINT)
        heard(running, "no handler is started any more")
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert 130 == running.returncode
    assert first_four(processes) == calls(noisy)
    done = streamfn("replay", "noisy:lingering", str(place), "--json", cwd=noisy, **once_more(noisy))
    assert (0, {"linger": 50 * processes}) == (done.code, done.document["handled"])
    assert {number for number, count in calls(noisy).items() if count > 1} == {
        1_000 * file + 3 for file in range(processes)
    }
