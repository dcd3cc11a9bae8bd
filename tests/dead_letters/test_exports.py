"""`import streamfn.dead_letters` is what a function does at every cold start, and most need no letter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from streamfn import dead_letters


def test_import_loads_neither_a_client_nor_what_reads_letters_back() -> None:
    program = (
        "import json, sys; from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters;"
        "SqsDeadLetters('https://sqs/letters', overflow=S3DeadLetters('bucket'));"
        "unwanted = {'boto3', 'botocore', 'streamfn.redrive'};"
        "print(json.dumps(sorted(unwanted & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == []


def test_public_names_are_sorted_and_documented() -> None:
    assert sorted(dead_letters.__all__) == list(dead_letters.__all__)
    for name in dead_letters.__all__:
        assert getattr(dead_letters, name).__doc__, f"{name} has no docstring"


def test_there_is_no_other_name() -> None:
    with pytest.raises(ImportError, match="cannot import name 'redirve'"):
        exec("from streamfn.dead_letters import redirve", {})  # noqa: S102 (a slip, which checkers see)
