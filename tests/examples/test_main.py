"""The demo in this process, with few cards: what it says decides with what it exits."""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import boto3
import pytest

from examples.demo import __main__ as program
from examples.demo import account
from streamfn.dead_letters import DeadLetter, LetterSource
from tests.examples.outside import fresh_clients


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None]:
    """Let it have a few cards, of which the index refuses two, and an environment and a folder to spoil."""
    monkeypatch.setattr(os, "environ", {**os.environ, "AWS_PROFILE": "production", "no_proxy": "*"})
    monkeypatch.setattr(
        boto3, "DEFAULT_SESSION", None
    )  # which holds on to the environment that it was made in
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(program, "CARDS", 12)
    monkeypatch.setattr(program, "AWKWARD", {2})
    monkeypatch.setattr(program, "HOPELESS", {3})
    with fresh_clients():
        yield


def test_it_exits_with_0_if_nothing_was_lost(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It says so, and names a page that is there."""
    assert 0 == program.main()

    said = capsys.readouterr().out
    assert "Nothing was lost" in said
    assert Path(said.splitlines()[-1]).parent.parent == tmp_path


def test_it_exits_with_1_if_anything_was_lost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it is a dead letter that got lost in its queue."""

    def none_in(_: LetterSource) -> list[DeadLetter]:
        return []

    monkeypatch.setattr(program, "letters_in", none_in)

    assert 1 == program.main()
    assert "Something was lost" in capsys.readouterr().out


def test_nothing_of_the_callers_account_is_left_in_its_environment() -> None:
    """A profile or a proxy would lead it astray."""
    account.set_environment(aws_url="http://a", slack_url="http://b", search_url="http://c")

    assert {"AWS_PROFILE", "no_proxy"}.isdisjoint(os.environ)
    assert ("http://a", "http://b/services/demo", "http://c") == tuple(
        os.environ[name] for name in ("AWS_ENDPOINT_URL", "SLACK_WEBHOOK_URL", "SEARCH_URL")
    )
