"""The command line ``streamfn``, which the extra `cli` brings: a module for each command.

It stands above all else: it finds a pipeline by its name, calls what the library offers, and prints what comes of it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

_NEEDED: Final = ("typer", "rich")
"""What the extra brings."""


def main() -> None:
    """Run the command that the process was called with, and exit with its code.

    0: all is well. 1: something failed, or was found. 2: it could not be done, and standard error says why in a line.
    3: another process has what one alone can use. 130: it was interrupted.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write(
            "streamfn: the command line needs more than the library has: install streamfn[cli]\n"
        )
        sys.exit(2)
    from streamfn.cli._application import run

    run()
