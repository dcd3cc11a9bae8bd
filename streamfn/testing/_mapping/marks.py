"""What a timeline and a page show of each handler and record: how it went, and whether it had gone well before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from streamfn.testing._mapping.invocations import HandlerCall, Invocation, Letter

Mark: TypeAlias = Literal["succeeded", "repeated", "failed", "died"]
"""What came of a handler on one record; `repeated` is a success where there had been one already."""

SIGNS: Final[Mapping[Mark, str]] = {"succeeded": "✓", "repeated": "✓✓", "failed": "✗", "died": "†"}
MEANINGS: Final[Mapping[Mark, str]] = {
    "succeeded": "succeeded",
    "repeated": "succeeded again",
    "failed": "failed",
    "died": "did not end",
}

LETTER: Final = "✉"
"""The sign of a record that became a dead letter."""

_UNITS: Final = ((timedelta(hours=1), "h"), (timedelta(minutes=1), "min"), (timedelta(seconds=1), "s"))


@dataclass(frozen=True, slots=True)
class MarkedCall:
    """A call of a handler, with a mark for each record."""

    handler: str
    marks: tuple[tuple[str, Mark], ...]


def marked(invocations: Iterable[Invocation]) -> list[list[MarkedCall]]:
    """Mark the calls of all invocations, which have to come in their order."""
    succeeded: set[tuple[str, str]] = set()
    return [[_marked(call, succeeded) for call in invocation.calls] for invocation in invocations]


def _marked(call: HandlerCall, succeeded: set[tuple[str, str]]) -> MarkedCall:
    marks: list[tuple[str, Mark]] = []
    for event_id, effect in zip(call.event_ids, call.effects, strict=True):
        again = effect == "succeeded" and (call.handler, event_id) in succeeded
        marks.append((event_id, "repeated" if again else effect))
        if effect == "succeeded":
            succeeded.add((call.handler, event_id))
    return MarkedCall(call.handler, tuple(marks))


def handler_names(invocations: Iterable[Invocation]) -> dict[str, str]:
    """Name the handlers that were called or gave a record up, as they came; where a record reached none comes last."""
    told = [
        handler
        for each in invocations
        for handler in (*(call.handler for call in each.calls), *(letter.handler for letter in each.letters))
    ]
    return {name: handler_name(name) for name in sorted(dict.fromkeys(told), key=lambda name: not name)}


def handler_name(handler: str) -> str:
    """Name a handler, or say that there was none."""
    return handler or "no handler"


def together(letters: Iterable[Letter]) -> dict[tuple[str, str], list[Letter]]:
    """Put the letters of one handler and reason together, in the order in which they came."""
    groups: dict[tuple[str, str], list[Letter]] = {}
    for letter in letters:
        groups.setdefault((letter.handler, letter.reason), []).append(letter)
    return groups


def short_names(records: Iterable[str]) -> dict[str, str]:
    """Call records by their places: r1, r2 and so on."""
    return {event_id: f"r{number}" for number, event_id in enumerate(records, start=1)}


def lane_names(invocations: Sequence[Invocation]) -> list[str]:
    """Say in which shard and lane each invocation was, of both only what there are several of."""
    shards = len({each.shard for each in invocations}) > 1
    lanes = len({each.lane for each in invocations}) > 1
    return [
        ", ".join(
            [f"shard {int(each.shard.removeprefix('shardId-'))}"] * shards + [f"lane {each.lane}"] * lanes
        )
        for each in invocations
    ]


def elapsed(time: timedelta) -> str:
    """Say how long something took.

    >>> elapsed(timedelta(hours=1, seconds=2.5)), elapsed(timedelta())
    ('1 h 2.5 s', '0 s')
    """
    parts: list[str] = []
    for unit, sign in _UNITS:
        count = time / unit if sign == "s" else time // unit
        parts += [f"{count:g} {sign}"] * bool(count)
        time -= count * unit
    return " ".join(parts) or "0 s"
