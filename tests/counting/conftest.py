"""What counts instructions needs valgrind, which not every machine has."""

import os
from collections.abc import Callable

import pytest

from tests.counting.instructions import can_count, instructions


@pytest.fixture(scope="session")
def count() -> Callable[[str], int]:
    """Give the function that counts a program's instructions.

    Without valgrind the test is skipped, but not in CI, where nobody would see that nothing is checked.
    """
    if not can_count():
        reason = "instructions are counted by valgrind, which is not installed (`apt-get install valgrind`)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return instructions
