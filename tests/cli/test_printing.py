"""Standard output is the command's alone, down to its descriptor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from streamfn.cli import _common as _printing
from streamfn.cli._common import alone_on_output, output


def test_what_is_written_to_the_descriptor_itself_goes_to_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that a handler starts writes there, too."""
    answers, noise = tmp_path / "answers", tmp_path / "noise"
    with answers.open("w") as stdout, noise.open("w") as stderr:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(_printing, "_own", [])
        with alone_on_output():
            os.write(stdout.fileno(), b"printed by a handler\n")
            print("printed by Python", flush=True)  # noqa: T201 (as a handler may)
            own = output()
            own.write("the answer\n")
        own.close()
    assert ("the answer\n", "printed by a handler\nprinted by Python\n") == (
        answers.read_text(),
        noise.read_text(),
    )
