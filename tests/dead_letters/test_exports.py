"""`import streamfn.dead_letters` is what a function does at every cold start, and most need no letter."""

from __future__ import annotations

import json
import subprocess
import sys

from streamfn import dead_letters


def test_import_loads_no_client() -> None:
    program = (
        "import json, sys; from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters;"
        "SqsDeadLetters('url', overflow=S3DeadLetters('bucket'));"
        "print(json.dumps([name for name in ('boto3', 'botocore') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []


def test_public_names_are_sorted_and_documented() -> None:
    assert sorted(dead_letters.__all__) == list(dead_letters.__all__)
    for name in dead_letters.__all__:
        assert getattr(dead_letters, name).__doc__, f"{name} has no docstring"
