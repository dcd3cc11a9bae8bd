"""Errors that are raised where a program is put together.

In this order: `ConfigurationError` and checks of arguments, names of tables, buckets and queues, the encoding of text,
and the codes of services.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from functools import update_wrapper
from json import detect_encoding  # what `json.loads` itself calls
from typing import Any, Final, cast

from typing_extensions import TypeVar

# The exception for programs that cannot work, raised at import and not when a record comes.

F = TypeVar("F", bound=Callable[..., object])


class ConfigurationError(TypeError):
    """A table, handler, pipeline or delivery that cannot work as it was put together; the message gives advice."""


def names_that_moved(module: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return a module's ``__getattr__`` that raises an ImportError with the new place of each moved name.

    `homes` maps a name to its module, or to ``module:new_name`` if the name is new as well.
    """

    def moved(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, _, new = homes[name].partition(":")
        raise ImportError(
            f"{module}.{name} is now {home}.{new or name}: write `from {home} import {new or name}`"
        )

    return moved


def kind_of(value: object) -> str:
    """Name the type of a value in a wrong place, without the value.

    >>> kind_of(1), kind_of(None), kind_of(int), kind_of(kind_of)
    ('int', 'None', 'class int', 'function kind_of')
    """
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"class {value.__name__}"
    if isinstance(name := getattr(value, "__name__", None), str) and hasattr(value, "__code__"):
        return f"function {name}"
    return type(value).__name__


def has_methods(value: object, *names: str) -> bool:
    """Return whether a value, that is no class, has methods of these names."""
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in names)


def check_function(value: object, argument: str, example: str) -> None:
    """Check that an argument can be called, and is no function of this library that makes one.

    Raises `ConfigurationError`.
    """
    if not callable(value):
        raise ConfigurationError(
            f"{argument} is a function, got {kind_of(value)}: pass the function itself, as in {example}"
        )
    name = getattr(value, "__name__", None)
    # The caller has imported the package.
    if isinstance(name, str) and vars(sys.modules["streamfn"]).get(name) is value:
        raise ConfigurationError(
            f"{argument} is a function, got {name} of streamfn, which makes one: call it, as in {example}"
        )


def check_flag(value: object, argument: str) -> None:
    """Check that an argument is True or False: any text, "false" too, would count as True.

    Raises `ConfigurationError`.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{argument} is True or False, got {kind_of(value)}")


def not_for_lambda(example: str) -> Callable[[F], F]:
    """Return a decorator.

    A factory that Lambda calls itself, because a setting names it, raises `ConfigurationError` with advice.

    `example` makes the function that Lambda has to call.
    """

    def decorate(factory: F) -> F:
        def make(*arguments: object, **options: object) -> object:
            if len(arguments) == 2 and not options and _is_an_invocation(*arguments):
                raise ConfigurationError(
                    f"Lambda has called {factory.__name__}() itself with an event: write {example} in a module app, "
                    "and set the function's handler to app.handler"
                )
            return factory(*arguments, **options)

        return cast("F", update_wrapper(make, factory))  # it takes the arguments of the factory

    return decorate


def _is_an_invocation(event: object, context: object) -> bool:
    return isinstance(event, dict | list) or hasattr(context, "get_remaining_time_in_millis")


# Names of tables, buckets and queues as AWS allows them, checked where a program names one.

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_IN_TABLES: Final = frozenset(f"{_LETTERS}{_LETTERS.upper()}_.-")
_IN_BUCKETS: Final = frozenset(f"{_LETTERS}.-")
_AT_ENDS: Final = frozenset(_LETTERS)


def checked_table_name(name: object, argument: str) -> str:
    """Check the name of a table; `argument` names its place in the user's code, such as ``Table``.

    3 to 255 characters of a-z, A-Z, 0-9, _, - and . ("Naming rules" in the DynamoDB Developer Guide). Raises
    `ConfigurationError`.
    """
    text = _text(name, argument, "the name of a table")
    if text.startswith("arn:"):
        raise ConfigurationError(
            f"{argument} takes the name of a table, not an ARN: write the part after table/{_of_arn(text)}"
        )
    if not 3 <= len(text) <= 255 or not _IN_TABLES.issuperset(text):
        raise ConfigurationError(
            f"{argument} takes the name of a table, 3 to 255 letters, digits and _ . - alone, got {_quoted(text)}"
        )
    return text


def checked_ledger_name(name: object) -> str:
    """Check the name of a ledger's table; requests accept the ARN of a table as well. Raises `ConfigurationError`."""
    if isinstance(name, str) and name.startswith("arn:") and ":table/" in name and "/stream/" not in name:
        return name
    return checked_table_name(name, "DynamoDBLedger")


def checked_bucket(name: object) -> str:
    """Check the name of a bucket; requests accept the ARN of an access point as well.

    3 to 63 characters of a-z, 0-9, . and -, with a letter or a digit at both ends, no two dots in a row, and no IP
    address ("General purpose bucket naming rules" in the Amazon S3 User Guide). Raises `ConfigurationError`.
    """
    text = _text(name, "S3DeadLetters", "the name of a bucket")
    if text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        rest = f", prefix={prefix!r}" if prefix else ""
        raise ConfigurationError(
            f"S3DeadLetters takes the name of a bucket, not an address: write S3DeadLetters({bucket!r}{rest})"
        )
    if text.startswith("arn:") and "accesspoint" in text:
        return text
    if text.startswith("arn:"):
        raise ConfigurationError(
            "S3DeadLetters takes the name of a bucket, not its ARN: write the part after :::"
        )
    is_sound = (
        3 <= len(text) <= 63
        and _IN_BUCKETS.issuperset(text)
        and _AT_ENDS.issuperset((text[0], text[-1]))
        and ".." not in text
        and not _is_address(text)
    )
    if not is_sound:
        raise ConfigurationError(
            "S3DeadLetters takes the name of a bucket, 3 to 63 small letters, digits, . and - with a letter or a digit "
            f"at both ends, got {_quoted(text)}"
        )
    return text


def checked_queue_url(url: object) -> str:
    """Check the URL of a queue. Raises `ConfigurationError`."""
    text = _text(url, "SqsDeadLetters", "the URL of a queue")
    if text.startswith("arn:"):
        raise ConfigurationError(
            "SqsDeadLetters takes the URL of a queue, not its ARN: in a template, Ref gives the URL, GetAtt the ARN"
        )
    host, _, path = text.partition("://")[2].partition("/")
    if (
        not text.startswith(("https://", "http://"))
        or not host
        or not path
        or path.endswith("/")
        or any(each.isspace() or each in "?#" for each in text)
    ):
        raise ConfigurationError(
            "SqsDeadLetters takes the URL of a queue, as https://sqs.eu-west-1.amazonaws.com/123456789012/letters is, "
            f"got {_quoted(text)}"
        )
    return text


def _text(value: object, argument: str, what: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{argument} takes {what} as text, got {kind_of(value)}")
    if not value:
        raise ConfigurationError(
            f"{argument} takes {what}, got an empty text: check the environment variable that it comes from"
        )
    return value


def _of_arn(arn: str) -> str:
    name = arn.partition(":table/")[2].partition("/")[0]
    return f", {name!r}" if name else ""


def _is_address(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(part.isdecimal() for part in parts)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 300 else f"{text[:300]}…")


# Text saved by people's tools: with a byte order mark, in UTF-8 or in UTF-16, as tools of Windows write it.
#
# ``json.loads`` detects the encoding of bytes (RFC 4627, section 3), and these functions do so for text that is more
# than one document.

_MARK: Final = "\ufeff"


def encoding_of(content: bytes) -> str:
    """Return the encoding of text by its first four bytes: a byte order mark, or the places of zeros.

    >>> encoding_of(b"{}"), encoding_of("{}".encode("utf-16"))
    ('utf-8', 'utf-16')
    """
    return detect_encoding(content)


def decoded(content: bytes) -> str:
    """Decode text by its byte order mark, or else by the places of zeros, as JSON in UTF-16 and UTF-32 does.

    Raises `UnicodeDecodeError`.

    >>> decoded("[1]".encode("utf-16")), decoded("[1]".encode("utf-16-le")), decoded("[1]".encode("utf-8-sig"))
    ('[1]', '[1]', '[1]')
    """
    return content.decode(encoding_of(content))


def shown(text: str) -> str:
    r"""Escape the characters that terminals and lines of logs cannot show: control characters, and ends of lines.

    >>> print(shown("announce\x1b[31m\nERROR"))
    announce\x1b[31m\nERROR
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def read_json(text: str | bytes) -> object:
    r"""Parse a document of JSON, with or without a byte order mark. Raises `ValueError` and `RecursionError`.

    >>> read_json("\ufeff[1]"), read_json("[1]".encode("utf-16"))
    ([1], [1])
    """
    read: object = json.loads(text.removeprefix(_MARK) if isinstance(text, str) else text)
    return read


def read_json_object(text: str | bytes) -> Mapping[str, object] | None:
    """Read a document of JSON as `read_json` does; None for one that is no object, and for what is no JSON.

    >>> read_json_object('{"a": 1}'), read_json_object("[1]"), read_json_object("{")
    ({'a': 1}, None, None)
    """
    try:
        read = read_json(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", read) if isinstance(read, dict) else None  # JSON's keys are text


# Errors of services: the code of a refused request.

_CODE: Final = r"[A-Za-z0-9_.:-]{1,200}"
"""The form of the codes of services. Other text is no code, and may hold anything."""


def error_code(error: BaseException) -> str | None:
    """Return the code with which a service refused a request; None without an answer, or without a code.

    boto3 raises its `ClientError` for each answer that is an error, and so do tests. The class is found by its name,
    because a function that has not loaded boto3 need not load its errors.
    """
    if not any((kind.__module__, kind.__name__) == _CLIENT_ERROR for kind in type(error).__mro__):
        return None
    try:
        code = cast("Any", error).response["Error"]["Code"]  # the class is only loaded with boto3
    except (AttributeError, LookupError, TypeError):
        return None
    return code if isinstance(code, str) and re.fullmatch(_CODE, code) is not None else None


_CLIENT_ERROR: Final = ("botocore.exceptions", "ClientError")
