"""Letters to store, and the time that there is for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from math import inf

from streamfn.dead_letters import DeadLetter
from streamfn.ledgers import Key
from tests.cards import STREAM, record

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "hunter2"  # noqa: S105 (the data that no log may show)


def letter(
    number: int = 1,
    *,
    scope: str = "follow-cards",
    handler: str = "announce",
    identity: str | None = None,
    title: str = SECRET,
    at: datetime = NOW,
) -> DeadLetter:
    """Make a letter on a record of its own."""
    return DeadLetter(
        scope=scope,
        pair=Key(handler, f"id-{number}" if identity is None else identity),
        stream=STREAM,
        record=record(number, change={"NewImage": {"id": {"N": str(number)}, "title": {"S": title}}}),
        reason="Refused",
        detail="SlackError",
        attempts=3,
        since=None,
        at=at,
    )


def letter_of(size: int, number: int = 1) -> DeadLetter:
    """Make a letter whose message has so many bytes, those of its attribute (id, String, the letter's id) included."""
    bare = letter(number, title="")
    return letter(number, title="-" * (size - len(bare.to_json()) - len("id" + "String" + bare.id)))


def cyclic() -> DeadLetter:
    """Make a letter that no JSON can be made of."""
    unwritable = record(99)
    unwritable["itself"] = unwritable
    return replace(letter(99), record=unwritable)


def ids(*letters: DeadLetter) -> set[str]:
    """Give the letters' ids."""
    return {each.id for each in letters}


def no_end() -> float:
    """Leave all the time there is."""
    return inf


def seconds(*left: float) -> Callable[[], float]:
    """Tell these one after the other, and then for ever that time is up."""
    told = iter(left)
    return lambda: next(told, 0.0)
