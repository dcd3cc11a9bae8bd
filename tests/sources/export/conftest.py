"""What several tests of replays are about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sources.export.exports import item, write_export
from tests.sources.export.waiting import WAITING, Waiting


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """Write a pipeline that waits at the fourth card, and an export of two files."""
    (tmp_path / "waiting.py").write_text(WAITING)
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("REPLAY_LOG", str(tmp_path / "log"))
    return Waiting(tmp_path, write_export(tmp_path, [[item(number) for number in range(6)], [item(10)]]))
