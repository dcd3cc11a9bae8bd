"""`streamfn redrive`: the sources of dead letters, and the command."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streamfn._errors import ConfigurationError
from streamfn._time import stopped_by_signals
from streamfn.cli._common import (
    AsJson,
    Column,
    EndpointUrl,
    ExitCode,
    Name,
    Profile,
    Region,
    function_named,
    places,
    print_json,
    print_line,
    print_table,
    say_ending,
    use_account,
    with_place,
)

if TYPE_CHECKING:
    from streamfn.dead_letters import S3DeadLetters, SigningKeys, SqsDeadLetters
    from streamfn.ledgers._protocol import Ledger
    from streamfn.redrive import Redriven


# The source of dead letters, and the keys that sign them.


def source_of(name: str, delivery: object, overflow: str | None) -> S3DeadLetters | SqsDeadLetters:
    """Return the queue or bucket of a name; the function's own store, if that store has the name.

    Raises `ConfigurationError` for a name that is neither a queue's nor a bucket's.
    """
    from streamfn._delivery.descriptions import description_of
    from streamfn.dead_letters import SqsDeadLetters

    if name.startswith("s3://"):
        return _bucket(name)
    if not name.startswith(("https://", "http://")):
        raise ConfigurationError(f"expected the URL of a queue, or s3://bucket/prefix, got {name!r}")
    own = description_of(delivery).dead_letters
    if overflow is None and isinstance(own, SqsDeadLetters) and own.queue_url == name:
        return own
    return SqsDeadLetters(name, overflow=None if overflow is None else _bucket(overflow))


def signing_keys_of(delivery: object, variables: Sequence[str] | None) -> SigningKeys | None:
    """Return the keys of letters: from variables of the environment, as UTF-8, or else from the delivery.

    Raises `ConfigurationError` for a variable that is not set.
    """
    from streamfn._delivery.descriptions import description_of
    from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters

    if not variables:
        own = description_of(delivery).dead_letters
        signer = own.signer if isinstance(own, S3DeadLetters | SqsDeadLetters) else None
        return None if signer is None else signer.keys
    keys: list[bytes] = []
    for variable in variables:
        if not (key := os.environ.get(variable)):
            raise ConfigurationError(
                f"--key-from takes a variable of the environment, and {variable} is not set"
            )
        keys.append(key.encode())
    return keys


def _bucket(name: str) -> S3DeadLetters:
    from streamfn.dead_letters import S3DeadLetters

    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if not name.startswith("s3://") or not bucket:
        raise ConfigurationError(f"expected s3://bucket/prefix, got {name!r}")
    return S3DeadLetters(bucket, prefix=prefix)


def ledger_of(delivery: object, table: str | None) -> Ledger:
    """Return the ledger: the one of this table, or else the delivery's.

    Raises `ConfigurationError` if there is none.
    """
    from streamfn._delivery.descriptions import description_of
    from streamfn.ledgers import DynamoDBLedger

    if table is not None:
        return DynamoDBLedger(table)
    if (ledger := description_of(delivery).ledger) is not None:
        return ledger
    raise ConfigurationError(
        "a redrive needs the ledger: name the function that has one, as in app:handler, or its table with --ledger"
    )


def scope_of(delivery: object) -> str | None:
    """Return the scope of a delivery; None if it uses the function's name."""
    from streamfn._delivery.descriptions import description_of

    return description_of(delivery).scope


# The command ``streamfn redrive``.

_FINE: Final = frozenset({"handled", "skipped", "another function"})
"""The outcomes that leave no work for this function."""


def redrive_command(
    pipeline: Name,
    source: Annotated[
        str,
        typer.Argument(metavar="QUEUE_OR_PREFIX", help="The URL of a queue of SQS, or s3://bucket/prefix."),
    ],
    *,
    ledger: Annotated[
        str | None,
        typer.Option(
            "--ledger", metavar="TABLE", help="The ledger's table, if PIPELINE is no function that has one."
        ),
    ] = None,
    overflow: Annotated[
        str | None,
        typer.Option(
            "--overflow", metavar="PREFIX", help="Where letters lie that are too large for the queue."
        ),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope", metavar="TEXT", help="The scope of the function's delivery; others' letters stay."
        ),
    ] = None,
    function: Annotated[
        str | None,
        typer.Option("--function", metavar="NAME", help="The function's name; others' documents stay."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything", help="Run all of a document's range where nobody knows what of it failed."
        ),
    ] = False,
    stream: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="ARN",
            help="A stream of the function, or a table; others' stay. May be repeated.",
        ),
    ] = None,
    key_from: Annotated[
        list[str] | None,
        typer.Option(
            "--key-from",
            metavar="VARIABLE",
            help="Where the environment has a key of letters. May be repeated.",
        ),
    ] = None,
    unproved: Annotated[
        bool,
        typer.Option("--unproved", help="Run letters that neither the ledger nor a signature proves."),
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="N", min=0, help="Start nothing after so many seconds."),
    ] = None,
    as_json: AsJson = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> int:
    """Run dead letters and OnFailure documents again, and remove those that succeed.

    A record that the ledger knows as handled does not run, and a failure stays where it
    is, so that a redrive can end and start again at any moment. The ledger
    and the scope are those of the function, as in app:handler.

    A letter that neither the ledger nor a signature proves does not run, nor does
    a letter of another stream than the function's: each stays, and the table says so.

    Examples:
      streamfn redrive app:handler https://sqs.eu-west-1.amazonaws.com/1/letters
      streamfn redrive app:process s3://letters/cards --ledger card-ledger

    With --json, one document:
      {"redriven": [{"name", "handler", "record", "outcome", "detail",
        "location" and "exception" (of failures), "removed"}],
       "outcomes": {"handled": 1}, "interrupted": false}

    Exit code:
      0    nothing is left to do
      1    something failed, or stays for another reason
      2    the call was wrong, or AWS refused; standard error says why
      130  interrupted; the table shows the letters that had started
    """
    from streamfn.redrive import redrive as redrive_letters

    use_account(endpoint_url, region, profile)
    loaded = function_named(pipeline)
    stopped = Event()

    def end() -> None:
        stopped.set()
        say_ending()

    with stopped_by_signals(end):
        began = monotonic()
        redriven = redrive_letters(
            loaded.process,
            source_of(source, loaded.delivery, overflow),
            ledger=ledger_of(loaded.delivery, ledger),
            scope=scope or scope_of(loaded.delivery),
            function=function,
            everything=everything,
            stream_arns=stream or None,
            keys=signing_keys_of(loaded.delivery, key_from),
            unproved=unproved,
            seconds_left=lambda: (
                0.0
                if stopped.is_set()
                else float("inf")
                if seconds is None
                else began + seconds - monotonic()
            ),
            report=lambda _: None,  # the table tells of it
        )
    outcomes = Counter(each.outcome for each in redriven)
    if as_json:
        print_json(
            {
                "redriven": [_document(each) for each in redriven],
                "outcomes": outcomes,
                "interrupted": stopped.is_set(),
            }
        )
    else:
        _print(redriven)
        print_line(
            ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.items())
            or "Nothing was received."
        )
    if stopped.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.FINE if all(_is_done(each) for each in redriven) else ExitCode.FAILED


def _is_done(redriven: Redriven[object]) -> bool:
    return redriven.removed or redriven.outcome in _FINE


def _detail(redriven: Redriven[object]) -> str:
    from streamfn._delivery.plain import detail_of

    if redriven.failed is None:
        return redriven.detail
    reason = redriven.failed.reason
    return ": ".join(filter(None, (type(reason).__name__, detail_of(reason))))


def _location(redriven: Redriven[object]) -> str | None:
    from streamfn._delivery.plain import location_of

    failed = redriven.failed
    return None if failed is None else location_of(failed.reason, failed.location)


def _exception(redriven: Redriven[object]) -> dict[str, object] | None:
    from streamfn._delivery.plain import exception_of

    return None if redriven.failed is None else exception_of(redriven.failed.reason)


def _document(redriven: Redriven[object]) -> dict[str, object]:
    handler, record = redriven.pair or (None, None)
    return {
        "name": redriven.name,
        "handler": handler,
        "record": record,
        "outcome": redriven.outcome,
        "detail": _detail(redriven),
        **places(_location(redriven), _exception(redriven)),
        "removed": redriven.removed,
    }


def _print(redriven: Sequence[Redriven[object]]) -> None:
    if not redriven:
        return
    print_table(
        [
            Column("Outcome"),
            Column("Handler"),
            Column("Record", folds=True),
            Column("Letter", folds=True),
            Column("Detail", folds=True),
        ],
        [
            [
                each.outcome if each.removed or each.outcome not in _FINE else f"{each.outcome}, stays",
                *(each.pair or ("", "")),
                each.name,
                with_place(_detail(each), _location(each)),
            ]
            for each in redriven
        ],
    )
    print_line()
