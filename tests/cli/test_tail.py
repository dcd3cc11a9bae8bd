"""`streamfn tail`: follows a stream of a local AWS, is stopped, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from threading import Timer

import boto3
import pytest
from returns.result import Failure

from streamfn import ConfigurationError, Failed, Malformed, MalformedRecord
from streamfn._records import is_map
from streamfn.cli import tail as command
from streamfn.cli._common import AnyResult, load_named, shown_results
from streamfn.cli.tail import json_lines, lines_for, print_notice
from streamfn.sources import (
    FileCheckpoints,
    Notice,
    NotSettled,
    RequestThrottled,
    ShardFinished,
    ShardStarted,
    StreamReader,
    Trimmed,
)
from tests.cards import STREAM, event, record
from tests.cli import app
from tests.cli.commands import call, variables

APP = """
from streamfn import Table, pipeline, on_insert
from tests.cli.app import Card, announce
process = pipeline(Table({table!r}, Card), on_insert(announce))
"""

_numbers = count()


@pytest.fixture
def table(running: str, tmp_path: Path) -> str:
    """Make a table with a stream, and a module in the folder that follows it."""
    name = f"followed-{next(_numbers)}"
    definition = dict(app.cards.definition().create_table) | {"TableName": name}
    boto3.client("dynamodb", endpoint_url=running).create_table(**definition)
    (tmp_path / "follow.py").write_text(APP.format(table=name))
    return name


def write(running: str, table: str, *titles: str) -> None:
    client = boto3.client("dynamodb", endpoint_url=running)
    for title in titles:
        number = next(_numbers)
        client.put_item(TableName=table, Item={"id": {"N": str(number)}, "title": {"S": title}})


@contextmanager
def following(running: str, folder: Path, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """Run the command, until the block ends; one that hangs is ended, and has no more lines then."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamfn.cli",
            "tail",
            "follow:process",
            "--endpoint-url",
            running,
            *arguments,
        ],
        cwd=folder,
        env=variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = Timer(60, process.kill)
    watch.start()
    try:
        yield process
    finally:
        watch.cancel()
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Read lines as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line.rstrip("\n")


def told(line: str) -> dict[str, object]:
    read: object = json.loads(line)
    assert is_map(read)
    return dict(read)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(running: str, table: str, tmp_path: Path, number: int) -> None:
    write(running, table, "a", "b")
    with following(running, tmp_path, "--start", "trim_horizon") as process:
        shown = lines(process)
        first, second = next(shown), next(shown)
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 0
    assert first.split()[:3] == ["handled", "announce", "INSERT"]
    assert "announced" not in first + second
    assert "reading shardId-" in errors
    assert "Traceback" not in errors


def test_a_failure_comes_again_and_is_told_by_the_exit_code(running: str, table: str, tmp_path: Path) -> None:
    """What lies behind it waits, and has no line."""
    write(running, table, "", "b")
    with following(running, tmp_path, "--start", "trim_horizon", "--json") as process:
        shown = lines(process)
        tries = [told(next(shown)), told(next(shown))]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert tries[0] == tries[1]
    assert (tries[0]["outcome"], tries[0]["detail"]) == ("Refused", "SlackError")
    assert "to come again: 2 records from" in errors


def test_failures_can_be_skipped(running: str, table: str, tmp_path: Path) -> None:
    write(running, table, "", "b")
    arguments = ("--table", table, "--start", "trim_horizon", "--skip-failures", "--json", "--show-values")
    with following(running, tmp_path, *arguments) as process:
        shown = lines(process)
        outcomes = [(each["outcome"], each["value"]) for each in (told(next(shown)), told(next(shown)))]
    assert outcomes == [("Refused", "SlackError(status=400)"), ("handled", "'announced b'")]


def missing(titles: Sequence[str], seen: Sequence[object]) -> set[str]:
    """Give the titles that no line has told of yet."""
    return {title for title in titles if f"'announced {title}'" not in seen}


def test_killed_at_any_moment_and_started_again_it_skips_no_record(
    running: str, table: str, tmp_path: Path
) -> None:
    """The checkpoint stands behind what is settled, so that a record may be handled twice, but none is missed."""
    titles = [f"card {number}" for number in range(60)]
    write(running, table, *titles)
    random = Random(7)  # noqa: S311 (no secret)
    seen: list[object] = []
    arguments = ("--checkpoint", "cards.json", "--json", "--show-values")
    for _ in range(4):
        with following(running, tmp_path, *arguments) as process:
            shown = lines(process)
            # A checkpoint may stand behind lines that were not read before the end, so that fewer are left.
            for _ in range(random.randrange(1, 30)):
                if not missing(titles, seen):
                    break
                seen.append(told(next(shown))["value"])
            process.kill()
            # What it wrote before it died counts; the last line may be half of one.
            seen += [told(line)["value"] for line in shown if line.endswith("}")]
        titles.append(f"card {len(titles)}")
        write(running, table, titles[-1])
    with following(running, tmp_path, *arguments) as process:
        shown = lines(process)
        while missing(titles, seen):
            seen.append(told(next(shown))["value"])
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert process.returncode == 0
    assert set(seen) == {f"'announced {title}'" for title in titles}


def test_it_ends_when_nobody_reads_on(running: str, table: str, tmp_path: Path) -> None:
    """It notices with the next line that it prints."""
    script = f"{sys.executable} -m streamfn.cli tail follow:process --start trim_horizon | head -1"
    with subprocess.Popen(
        ["/bin/bash", "-c", f"set -o pipefail; {script}"],
        cwd=tmp_path,
        env=variables(AWS_ENDPOINT_URL=running),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        while following.poll() is None:
            write(running, table, "a")
        out, err = following.communicate()
    assert out.split()[0] == "handled"
    assert "BrokenPipe" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tests.cli.app:joined",), "the pipeline is for prod-Card, prod-Main: say which one with --table"),
        (("tests.cli.app:process", "--table", "nowhere"), "there is no table nowhere"),
        (("tests.cli.app:process", "--table", "a", "--stream", STREAM), "name either a stream"),
        (("tests.cli.app:process", "--start", "now"), "--start"),
    ],
)
def test_a_mistake_is_a_line(running: str, arguments: tuple[str, ...], said: str) -> None:
    ran = call("tail", *arguments, "--endpoint-url", running)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_checkpoint_that_is_none_is_a_line(running: str, table: str, tmp_path: Path) -> None:
    (tmp_path / "cards.json").write_text("{}")
    for name, said in (("cards.json", "holds no checkpoint"), ("nowhere/cards.json", "could not be used")):
        ran = call(
            "tail",
            "follow:process",
            "--checkpoint",
            name,
            "--endpoint-url",
            running,
            "--table",
            table,
            cwd=tmp_path,
        )
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err


def test_a_checkpoint_that_another_reader_has_is_told_by_an_exit_code_of_its_own(
    running: str, table: str, tmp_path: Path
) -> None:
    held = FileCheckpoints(tmp_path / "cards.json")
    held.load(STREAM)
    arguments = ("--checkpoint", "cards.json", "--endpoint-url", running, "--table", table)
    ran = call("tail", "follow:process", *arguments, cwd=tmp_path)
    held.release(STREAM)
    assert (ran.code, ran.out) == (3, "")
    assert "another reader has cards.json: end it first" in ran.err


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("horizon", "horizon is now trim_horizon: write --start trim_horizon"),
        ("never", "'never' is not one of trim_horizon, latest"),
    ],
)
def test_an_old_word_for_the_start_is_refused_with_the_new_one(word: str, line: str, tmp_path: Path) -> None:
    ran = call("tail", "follow:process", "--start", word, cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert line in " ".join(ran.err.split())


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        (ShardStarted(STREAM, "shard", "trim_horizon"), "reading shard from trim_horizon"),
        (ShardStarted(STREAM, "shard", "7"), "reading shard from 7"),
        (ShardFinished(STREAM, "shard"), "shard has ended, and all of it is settled"),
        (
            NotSettled(STREAM, "shard", "7", 1, "it was refused"),
            "to come again: 1 record from 7 on (it was refused)",
        ),
        (
            RequestThrottled(STREAM, None, "ThrottlingException"),
            "a request will be made again: ThrottlingException",
        ),
        (Trimmed(STREAM, "shard", None), "shard has dropped records from its beginning"),
        (Trimmed(STREAM, "shard", "7"), "shard has dropped records after 7"),
    ],
)
def test_notices_are_lines(notice: Notice, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_notice(notice)
    assert capsys.readouterr().err.startswith(f"streamfn: {said}")


def failed() -> AnyResult:
    return Failure(Failed(MalformedRecord({}, 0, "no record", None, None), None, Malformed("no record")))


def test_what_has_no_identifiers_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines_for(app.process)(shown_results([failed()], values=True))
    assert capsys.readouterr().out.split() == ["Malformed", "-", "-", "no", "record"]


def test_what_waits_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    results = shown_results(app.process(event(record(1))), values=False)
    waiting = [replace(each, outcome="Stopped") for each in results]
    lines_for(app.process)(waiting)
    json_lines(values=False)(waiting)
    assert capsys.readouterr().out == ""


def test_the_reader_ends_when_nobody_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[int, int]] = []

    def dup2(found: int, replaced: int) -> None:
        moved.append((found, replaced))

    monkeypatch.setattr(os, "dup2", dup2)
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)

    def show(_: object) -> None:
        raise BrokenPipeError

    reader = StreamReader(STREAM)
    following = command.Following(reader, show)
    following.listen(app.everything(event(record(1)))[0])
    assert list(reader.batches()) == []
    assert len(moved) == 1
    assert not following.failed


def test_a_failure_is_remembered() -> None:
    following = command.Following(StreamReader(STREAM), lambda _: None)
    following.listen(failed())
    following.listen(app.everything(event(record(1)))[0])
    assert following.failed


def test_what_is_followed_and_from_where() -> None:
    assert command.only_table(app.process) == "prod-Card"
    with pytest.raises(ConfigurationError):
        command.only_table(app.joined)
    assert command.beginning(None) is command.StartOption.LATEST
    assert command.beginning(Path("cards.json")) is command.StartOption.TRIM_HORIZON
    assert command.start_option("latest") is command.StartOption.LATEST
    process, function = load_named("tests.cli.app:in_memory")
    assert command.followed_function(process, function, skips=False) is function
    for given, skips in ((None, False), (function, True)):
        answer = command.followed_function(process, given, skips=skips)(event(record(1, "REMOVE")), None)
        assert answer == {"batchItemFailures": []}


@pytest.mark.parametrize(("number", "code"), [(1, 0), (2, 1)])
def test_its_exit_code_tells_of_failures(
    monkeypatch: pytest.MonkeyPatch, payload: str, number: int, code: int
) -> None:
    """Whatever became of them later."""
    records = json.loads(Path(payload).read_text())["Records"]

    def run(_: StreamReader, function: Callable[[object, None], object]) -> None:
        function(event(*records[:number]), None)

    monkeypatch.setattr(StreamReader, "run", run)
    for arguments, lines in (((), ["handled", "announce", "INSERT", "1", "id-1"]), (("--json",), None)):
        ran = call("tail", "tests.cli.app:process", *arguments)
        assert (ran.code, ran.err) == (code, "")
        first = ran.out.splitlines()[0]
        assert first.split() == lines if lines else told(first)["eventID"] == "id-1"
