"""How a command ends: its exit code, and a line for what the user can mend instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Final, cast

from streamfn._clients import named
from streamfn._envelopes import NotAStreamEvent
from streamfn._misuse import Misuse
from streamfn._texts import shown

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


class ExitCode(IntEnum):
    """What a command tells whoever called it."""

    FINE = 0
    FAILED = 1
    """Something failed, or was found."""
    MISUSE = 2
    """It could not be done: the call was wrong, or AWS refused."""
    IN_USE = 3
    """Another process has what one alone can use, or may have it by now; nothing was done, or nothing more."""
    INTERRUPTED = 130
    """As a shell has it: 128, and the number of the signal."""


def attempt(command: Callable[[], int]) -> int:
    """Run a command, and give its exit code; what the user can mend becomes a line on standard error."""
    try:
        return command()
    except KeyboardInterrupt:
        return complain("interrupted", ExitCode.INTERRUPTED)
    except (Misuse, NotAStreamEvent) as error:
        return complain(f"{error}{_why(error)}")
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
    sys.stderr.write(f"streamfn: {shown(' '.join(said.split()))}\n")
    return code


def _why(error: Exception) -> str:
    """Quote what a module of the user's raised when it was imported, and from what; this is the user's own console."""
    from streamfn._loading import NotImported

    cause = error.__cause__ if isinstance(error, NotImported) else None
    if cause is None or isinstance(cause, ModuleNotFoundError | SystemExit):
        return ""
    quoted = "" if isinstance(cause, Misuse) or not (text := _quoted(cause)) else f": {text}"
    while (
        cause := cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    ) is not None:
        quoted += f"; before that, {_named(cause)}"
    return quoted


def _named(error: BaseException) -> str:
    return ": ".join(filter(None, (type(error).__name__, _quoted(error))))


def _quoted(error: BaseException) -> str:
    hint = hint_for(error)
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        if isinstance(error, BaseExceptionGroup):
            members = cast("tuple[BaseException, ...]", error.exceptions)  # isinstance knows no type of them
            text += f": {'; '.join(map(_named, members))}"
    except Exception as problem:  # noqa: BLE001 (a `str` of the user's may raise whatever it likes)
        return f"(its text raised {type(problem).__name__})"
    return f"{text}{hint}"


def _of_aws(error: Exception) -> str | None:
    """Say what a call to AWS came to; None for what has nothing to do with it."""
    if "botocore.exceptions" not in sys.modules:  # who has not loaded it has not raised it
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        return f"AWS refused: {_told(error)}"
    if isinstance(error, BotoCoreError):
        return f"AWS could not be asked: {type(error).__name__}: {error}{hint_for(error)}"
    return None


_HINTS: Final = {
    "NoRegionError": "pass --region, or set AWS_REGION",
    "NoCredentialsError": "pass --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID",
    "PartialCredentialsError": "pass --profile, or set AWS_PROFILE",
    "ProfileNotFound": "pass another --profile; `aws configure list-profiles` lists those that there are",
    "EndpointConnectionError": "check --region, --endpoint-url and the network",
    "TokenRetrievalError": "sign in with `aws sso login`",
    "UnauthorizedSSOTokenError": "sign in with `aws sso login`",
    "SSOTokenLoadError": "sign in with `aws sso login`",
    "ExpiredTokenException": "sign in again",
    "ExpiredToken": "sign in again",
}
"""What to do about errors of boto3, by their names or codes."""


def hint_for(error: BaseException) -> str:
    """Say what to do about an error of boto3, if that is known.

    >>> hint_for(ValueError())
    ''
    """
    hint = _HINTS.get(named(error)) if type(error).__module__.startswith("botocore.") else None
    return "" if hint is None else f" ({hint})"


def _told(error: ClientError) -> str:
    told = error.response.get("Error", {})  # a proxy may answer without one
    said = ": ".join(filter(None, (told.get("Code"), told.get("Message")))) or str(error)
    return f"{said}{hint_for(error)}"
