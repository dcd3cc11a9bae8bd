"""What the commands are called on: payloads in files, and an AWS on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from examples.demo import ministack
from tests.cards import event, record


@pytest.fixture(autouse=True)
def _leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a command that is called as a function does to its process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture(scope="session")
def running() -> Generator[str]:
    """Start ministack, and give its URL."""
    with ministack.running() as url:
        yield url


@pytest.fixture
def payload(tmp_path: Path) -> str:
    """Give a file with a card, one without a title, and what is no record."""
    refused = record(2, change={"NewImage": {"id": {"N": "2"}, "title": {"S": ""}}})
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event(record(1), refused, record(3, "REMOVE"), {"eventID": "7"})))
    return str(path)
