"""Clients of AWS: made when they are first needed, and made so that they wait for no answer for long."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Final, Generic, cast

from typing_extensions import TypeVar

from streamfn._misuse import Misuse, kind_of
from streamfn._texts import shown

if TYPE_CHECKING:
    from botocore.config import Config

C = TypeVar("C")


class OnFirstUse(Generic[C]):
    """Holds the client that it is given, or makes one when somebody asks for it, and keeps that.

    boto3 takes a good part of a cold start to load, and many invocations need no client.
    """

    def __init__(self, make: Callable[[], C], client: C | None) -> None:
        """Take a client, or the way to make one. Fails with `Misuse` for what cannot be a client."""
        check_client(client)
        self._make = make
        self._client = client
        self._lock = Lock()

    def __call__(self) -> C:
        """Give the client; whichever thread comes first makes it. It raises what boto3 raises."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def prepare(self) -> None:
        """Make the client now, if it can be made; whatever prevents it is met again when somebody asks for it."""
        with suppress(Exception):
            self()


def check_client(client: object) -> None:
    """Check that something may be a client of boto3, or stand in for one. Fails with `Misuse`."""
    is_resource = type(client).__module__.startswith("boto3.resources.")
    if is_resource or isinstance(client, str | type | ModuleType | FunctionType | MethodType):
        kind = "resource of boto3" if is_resource else kind_of(client)
        raise Misuse(
            f"a client is one of boto3's, got {kind}: pass what boto3.client(…) gives, or leave the argument out"
        )


def short_waits() -> Config:
    """Have a call give up within seconds, since an invocation that waits for it is running out of time.

    A request has one second to find the service and three to be answered. It is tried a second time, which
    boto3 takes for connections that have gone stale while Lambda had the process frozen.
    """
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})


_CODE: Final = r"[A-Za-z0-9_.:-]{1,200}"
"""The form of the codes that services give. Other text is no code, and may hold anything."""


def error_code(error: BaseException) -> str | None:
    """Find the code with which a service refused a call; None where it gave no answer, or one without a code.

    boto3 makes an error of whatever answer there was, and so does a test that makes one.
    """
    if "botocore.exceptions" not in sys.modules:  # who has not loaded it has not raised it
        return None
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return None
    try:
        code = cast("object", error.response["Error"]["Code"])
    except (AttributeError, LookupError, TypeError):
        return None
    return code if isinstance(code, str) and re.fullmatch(_CODE, code) is not None else None


_TURNED_AWAY: Final = frozenset(
    {
        "500",
        "502",
        "503",
        "504",
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
"""What DynamoDB says of a request that may succeed later ("Error handling with DynamoDB", Developer Guide).

boto3 takes the status for the code where somebody on the way answers in the service's place.
"""


def turned_away(error: Exception) -> str | None:
    """Name the error code if DynamoDB only asks to come again later, or give None if it is another error."""
    code = error_code(error)
    return code if code in _TURNED_AWAY else None


def named(error: BaseException) -> str:
    """Name what a call raised, without its text, which may quote what was sent."""
    return error_code(error) or shown(type(error).__name__)
