"""Cold starts in instructions: what else the machine does changes nothing of them, and one process of each is enough.

What is counted is what `cold_starts` measures, save what is not compiled, which takes valgrind long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.benchmarks.cold_starts import RUNTIME, UNCOMPILED, ZERO, statements
from tests.counting.instructions import can_count, instructions

_QUICK: Final = (ZERO, "model")
"""What a quick run counts: the least of it."""


def count_cold(tell: Callable[[str], None], *, quick: bool) -> dict[str, int]:
    """Count the instructions of a whole process with each statement; none at all where valgrind is missing."""
    if not can_count():
        tell("Cold starts in instructions: not counted, since valgrind is not installed")
        return {}
    found = {
        name: f"{RUNTIME}\nimport json\n{statement}"
        for name, statement in statements().items()
        if (name in _QUICK if quick else name != UNCOMPILED)
    }
    tell(f"Cold starts in instructions: {len(found)} processes under valgrind")
    return {name: instructions(program) for name, program in found.items()}
