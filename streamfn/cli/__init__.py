"""The command line ``streamfn``, which the extra `cli` installs: one module for each command.

No other package imports this one. A command finds a pipeline by its name, calls the library, and prints the result.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

_NEEDED: Final = ("typer", "rich")
"""The packages that the extra installs."""


def main() -> None:
    """Run the command that the process was called with, and exit with its code.

    0: success. 1: something failed, or was found. 2: the command was not possible, and one line on standard error says
    why. 3: another process uses a resource for one process alone. 130: interrupted.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        sys.stderr.write(
            "streamfn: the command line needs more than the library has: install streamfn[cli]\n"
        )
        sys.exit(2)
    from streamfn.cli._application import run

    run()
