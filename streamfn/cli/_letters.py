"""Where dead letters are read back from, and the ledger that knows of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from streamfn._misuse import Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamfn._ledger import Ledger
    from streamfn.dead_letters import S3DeadLetters, SigningKeys, SqsDeadLetters


def source_of(name: str, delivery: object, overflow: str | None) -> S3DeadLetters | SqsDeadLetters:
    """Make what letters are read back from; the function's own, if that is what goes by the name.

    Fails with `Misuse` for what names neither a queue nor a bucket.
    """
    from streamfn.dead_letters import SqsDeadLetters

    if name.startswith("s3://"):
        return _bucket(name)
    if not name.startswith(("https://", "http://")):
        raise Misuse(f"expected the URL of a queue, or s3://bucket/prefix, got {name!r}")
    own = getattr(delivery, "dead_letters", None)
    if overflow is None and isinstance(own, SqsDeadLetters) and own.queue_url == name:
        return own
    return SqsDeadLetters(name, overflow=None if overflow is None else _bucket(overflow))


def keys_of(delivery: object, variables: Sequence[str] | None) -> SigningKeys | None:
    """Find the keys of letters: those in variables of the environment, as UTF-8, or else those of the delivery.

    Fails with `Misuse` for a variable that is not set.
    """
    from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters

    if not variables:
        own = getattr(delivery, "dead_letters", None)
        signer = own.signer if isinstance(own, S3DeadLetters | SqsDeadLetters) else None
        return None if signer is None else signer.keys
    keys: list[bytes] = []
    for variable in variables:
        if not (key := os.environ.get(variable)):
            raise Misuse(f"--key-from takes a variable of the environment, and {variable} is not set")
        keys.append(key.encode())
    return keys


def _bucket(name: str) -> S3DeadLetters:
    from streamfn.dead_letters import S3DeadLetters

    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if not name.startswith("s3://") or not bucket:
        raise Misuse(f"expected s3://bucket/prefix, got {name!r}")
    return S3DeadLetters(bucket, prefix=prefix)


def ledger_of(delivery: object, table: str | None) -> Ledger:
    """Find the ledger: the one of this table, or else the delivery's. Fails with `Misuse` where there is none."""
    from streamfn._delivery.ledger_delivery import RetryWithLedger
    from streamfn.ledgers import DynamoDBLedger

    if table is not None:
        return DynamoDBLedger(table)
    if isinstance(delivery, RetryWithLedger):
        return delivery.ledger
    raise Misuse(
        "a redrive needs the ledger: name the function that has one, as in app:handler, or its table with --ledger"
    )


def scope_of(delivery: object) -> str | None:
    """Find the scope that a delivery was given; None where it goes by the function's name."""
    from streamfn._delivery.ledger_delivery import RetryWithLedger

    return delivery.scope if isinstance(delivery, RetryWithLedger) else None
