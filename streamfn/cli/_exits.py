"""How a command ends: its exit code, and a line for what the user can mend instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Final

from streamfn._envelopes import NotAStreamEvent
from streamfn._misuse import Misuse

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


_HERE: Final = Path(__file__).parents[1]
"""The folder of this library."""


class ExitCode(IntEnum):
    """What a command tells whoever called it."""

    FINE = 0
    FAILED = 1
    """Something failed, or was found."""
    MISUSE = 2
    """It could not be done: the call was wrong, or AWS refused."""
    INTERRUPTED = 130
    """As a shell has it: 128, and the number of the signal."""


def attempt(command: Callable[[], int]) -> int:
    """Run a command, and give its exit code; what the user can mend becomes a line on standard error."""
    try:
        return command()
    except KeyboardInterrupt:
        return complain("interrupted", ExitCode.INTERRUPTED)
    except (Misuse, NotAStreamEvent) as error:
        return complain(f"{error}{_why(error.__cause__)}")
    except Exception as error:
        if (said := _of_aws(error)) is None:
            raise
        return complain(said)


def say_ending() -> None:
    """Answer a signal, on standard error and at once: a command ends in good order, which may take a while."""
    with suppress(RuntimeError):  # the signal came while something was being written there
        sys.stderr.write(
            "\nstreamfn: no handler is started any more; it ends when those that run are done, "
            "or at once on another Ctrl-C\n"
        )
        sys.stderr.flush()


def complain(said: str, code: ExitCode = ExitCode.MISUSE) -> int:
    """Say on standard error, in a line, why nothing came of it, and give the exit code for that."""
    sys.stderr.write(f"streamfn: {' '.join(said.split())}\n")
    return code


def _why(cause: BaseException | None) -> str:
    """Say where a module of the user's raised, and what, if that is known to hold no data."""
    if cause is None:
        return ""
    said = f": {cause}" if isinstance(cause, Misuse) else ""
    if isinstance(cause, SyntaxError):
        return f" ({Path(cause.filename or '').name}, line {cause.lineno})"
    frames = [each for each in extract_tb(cause.__traceback__) if _is_of_the_user(each.filename)]
    return f"{said} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else said


def _is_of_the_user(filename: str) -> bool:
    return not filename.startswith("<frozen") and not Path(filename).is_relative_to(_HERE)


def _of_aws(error: Exception) -> str | None:
    """Say what a call to AWS came to; None for what has nothing to do with it."""
    if "botocore.exceptions" not in sys.modules:  # who has not loaded it has not raised it
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        return f"AWS refused: {_told(error)}"
    if isinstance(error, BotoCoreError):
        return f"AWS could not be asked: {type(error).__name__}: {error}"
    return None


def _told(error: ClientError) -> str:
    told = error.response["Error"]
    return f"{told['Code']}: {told['Message']}" if told.get("Message") else told["Code"]
