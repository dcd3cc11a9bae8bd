"""What a timeline and a page show of each handler and record: how it went, and whether it had gone well before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from streamfn.testing._mapping.invocations import Invocation

Mark: TypeAlias = Literal["succeeded", "repeated", "failed", "died"]
"""What came of a handler on one record; `repeated` is a success where there had been one already."""

SIGNS: Final[Mapping[Mark, str]] = {"succeeded": "✓", "repeated": "✓✓", "failed": "✗", "died": "†"}


@dataclass(frozen=True, slots=True)
class MarkedCall:
    """A call of a handler, with a mark for each record."""

    handler: str
    marks: tuple[tuple[str, Mark], ...]


def marked(invocations: Iterable[Invocation]) -> list[list[MarkedCall]]:
    """Mark the calls of all invocations, which have to come in their order."""
    succeeded: set[tuple[str, str]] = set()
    found: list[list[MarkedCall]] = []
    for invocation in invocations:
        calls: list[MarkedCall] = []
        for call in invocation.calls:
            marks: list[tuple[str, Mark]] = []
            for event_id, effect in zip(call.event_ids, call.effects, strict=True):
                pair = (call.handler, event_id)
                marks.append(
                    (event_id, "repeated" if effect == "succeeded" and pair in succeeded else effect)
                )
                if effect == "succeeded":
                    succeeded.add(pair)
            calls.append(MarkedCall(call.handler, tuple(marks)))
        found.append(calls)
    return found


def short_names(records: Iterable[str]) -> dict[str, str]:
    """Call records by their places: r1, r2 and so on."""
    return {event_id: f"r{number}" for number, event_id in enumerate(records, start=1)}


def lane_names(invocations: Sequence[Invocation]) -> list[str]:
    """Say in which shard and lane each invocation was; nothing where there is only one."""
    lanes = {(each.shard, each.lane) for each in invocations}
    if len(lanes) == 1:
        return [""] * len(invocations)
    return [f"shard {int(each.shard.removeprefix('shardId-'))}, lane {each.lane}" for each in invocations]
