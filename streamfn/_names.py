"""Names of tables, buckets and queues as AWS allows them, checked where a program names one."""

from __future__ import annotations

from typing import Final

from streamfn._misuse import Misuse, kind_of

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_IN_TABLES: Final = frozenset(f"{_LETTERS}{_LETTERS.upper()}_.-")
_IN_BUCKETS: Final = frozenset(f"{_LETTERS}.-")
_AT_ENDS: Final = frozenset(_LETTERS)


def checked_table_name(name: object, argument: str) -> str:
    """Check the name of a table; `argument` is what the user wrote it for, such as ``Table``.

    3 to 255 characters of a-z, A-Z, 0-9, _, - and . ("Naming rules" in the DynamoDB Developer Guide). Fails with
    `Misuse`.
    """
    text = _text(name, argument, "the name of a table")
    if text.startswith("arn:"):
        raise Misuse(
            f"{argument} takes the name of a table, not an ARN: write the part after table/{_of_arn(text)}"
        )
    if not 3 <= len(text) <= 255 or not _IN_TABLES.issuperset(text):
        raise Misuse(
            f"{argument} takes the name of a table, 3 to 255 letters, digits and _ . - alone, got {_quoted(text)}"
        )
    return text


def checked_ledger_name(name: object) -> str:
    """Check what names a ledger's table; requests take the ARN of a table as well. Fails with `Misuse`."""
    if isinstance(name, str) and name.startswith("arn:") and ":table/" in name and "/stream/" not in name:
        return name
    return checked_table_name(name, "DynamoDBLedger")


def checked_bucket(name: object) -> str:
    """Check the name of a bucket; requests take the ARN of an access point as well.

    3 to 63 characters of a-z, 0-9, . and -, with a letter or a digit at both ends, no two dots in a row, and no IP
    address ("General purpose bucket naming rules" in the Amazon S3 User Guide). Fails with `Misuse`.
    """
    text = _text(name, "S3DeadLetters", "the name of a bucket")
    if text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        rest = f", prefix={prefix!r}" if prefix else ""
        raise Misuse(
            f"S3DeadLetters takes the name of a bucket, not an address: write S3DeadLetters({bucket!r}{rest})"
        )
    if text.startswith("arn:") and "accesspoint" in text:
        return text
    if text.startswith("arn:"):
        raise Misuse("S3DeadLetters takes the name of a bucket, not its ARN: write the part after :::")
    is_sound = (
        3 <= len(text) <= 63
        and _IN_BUCKETS.issuperset(text)
        and _AT_ENDS.issuperset((text[0], text[-1]))
        and ".." not in text
        and not _is_address(text)
    )
    if not is_sound:
        raise Misuse(
            "S3DeadLetters takes the name of a bucket, 3 to 63 small letters, digits, . and - with a letter or a digit "
            f"at both ends, got {_quoted(text)}"
        )
    return text


def checked_queue_url(url: object) -> str:
    """Check the URL of a queue. Fails with `Misuse`."""
    text = _text(url, "SqsDeadLetters", "the URL of a queue")
    if text.startswith("arn:"):
        raise Misuse(
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
        raise Misuse(
            "SqsDeadLetters takes the URL of a queue, as https://sqs.eu-west-1.amazonaws.com/123456789012/letters is, "
            f"got {_quoted(text)}"
        )
    return text


def _text(value: object, argument: str, what: str) -> str:
    if not isinstance(value, str):
        raise Misuse(f"{argument} takes {what} as text, got {kind_of(value)}")
    if not value:
        raise Misuse(
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
