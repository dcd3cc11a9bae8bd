"""What a cold start pays for streamfn, in instructions, beside what it pays for other libraries.

Lambda's runtime client is loaded in any case, so a process that has loaded it and nothing else is the zero.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from subprocess import CalledProcessError

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux alone")

_RUNTIME = "import awslambdaric.bootstrap, json\n"
_FUNCTION = "import tests.counting.function\n"


@pytest.fixture(scope="module")
def paid(count: Callable[[str], int]) -> Callable[[str], int]:
    """Give the function that counts what a program costs a process that has Lambda's runtime client already."""
    zero = count(_RUNTIME)

    @cache
    def counted(program: str) -> int:
        return count(_RUNTIME + program) - zero

    return counted


def test_a_pipeline_costs_less_than_half_of_boto3(paid: Callable[[str], int]) -> None:
    """In all: the model, returns, streamfn, and the pipeline with its decoders; of boto3 the import alone.

    It is as much as nineteen twentieths of Powertools' batch processor, which is not installed here; `make bench`
    compares the two.
    """
    assert paid(_FUNCTION) <= 0.44 * paid("import tests.counting.cards, boto3\n")


def test_counts_agree_on_one_program_and_tell_two_apart(count: Callable[[str], int]) -> None:
    one, again, more = (count(f"import {module}") for module in ("json", "json", "asyncio"))
    assert abs(one - again) < 0.005 * one
    assert more > 1.05 * one


def test_a_program_that_fails_is_not_counted(count: Callable[[str], int]) -> None:
    with pytest.raises(CalledProcessError):
        count("import nothing_of_this_name")
