"""The field: every contender that is installed, in the order in which the tables show them.

Those that only the benchmark's own lock holds are left out where it is not installed, in the test suite say.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from tests.benchmarks.contenders import Contender
from tests.benchmarks.peers import boto3_and_cattrs, by_hand, by_hand_open, json_text, streamfn_itself

LIMIT: Final = by_hand.CONTENDER
"""What all others are shown as a multiple of."""

APART: Final = {
    "powertools_batch": "aws_lambda_powertools",
    "powertools_data_classes": "aws_lambda_powertools",
    "pynamodb_models": "pynamodb",
}
"""The modules of `peers` that need more than the library and its tests do, and what that is."""


def contenders() -> Sequence[Contender]:
    """List them."""
    apart = [_contender(module) for module, needed in APART.items() if find_spec(needed) is not None]
    return [
        streamfn_itself.DECODE,
        streamfn_itself.TABLE_BY_TABLE,
        streamfn_itself.STRUCTURE,
        streamfn_itself.END_TO_END,
        by_hand.CONTENDER,
        by_hand.BY_KEYWORDS,
        by_hand_open.CONTENDER,
        boto3_and_cattrs.CONTENDER,
        *apart,
        json_text.CONTENDER,
    ]


def _contender(module: str) -> Contender:
    found: object = import_module(f"tests.benchmarks.peers.{module}").CONTENDER
    assert isinstance(found, Contender)
    return found
