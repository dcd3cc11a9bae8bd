"""A history as text: an invocation after the other, with what its handlers did and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from streamfn.testing._mapping.invocations import Discarded, Effect, HandlerCall, Invocation

MARKS: Final[Mapping[Effect, str]] = {"succeeded": "✓", "failed": "✗", "died": "†"}


def timeline(
    records: Mapping[str, str], invocations: Sequence[Invocation], discarded: Sequence[Discarded]
) -> str:
    """Write it down, records by short names that are explained at the end."""
    names = short_names(records)
    lines = list(_given_up(0, discarded, names))
    for each in invocations:
        lines += _invocation(each, invocations[0], names)
        lines += _given_up(each.number, discarded, names)
    legend = [f"{names[event_id]}  {kind} {event_id}" for event_id, kind in records.items()]
    return "\n".join([*lines, "", *legend])


def short_names(records: Iterable[str]) -> dict[str, str]:
    """Call records by their places: r1, r2 and so on."""
    return {event_id: f"r{number}" for number, event_id in enumerate(records, start=1)}


def _invocation(each: Invocation, first: Invocation, names: Mapping[str, str]) -> Iterator[str]:
    at = (each.began - first.began).total_seconds()
    again = f", attempt {each.attempt}" if each.attempt > 1 else ""
    yield f"#{each.number} at {at:g} s{again}: {_row(each.event_ids, names)}"
    for handler, calls in groupby(
        sorted(each.calls, key=lambda call: call.handler), lambda call: call.handler
    ):
        yield f"   {handler}: {' '.join(_call(call, names) for call in calls)}"
    error = f"{each.error}: " if each.error else ""
    yield f"   {error}{each.outcome}"


def _call(call: HandlerCall, names: Mapping[str, str]) -> str:
    marked = " ".join(
        f"{names[event_id]}{MARKS[effect]}"
        for event_id, effect in zip(call.event_ids, call.effects, strict=True)
    )
    return f"({marked})" if len(call.event_ids) > 1 else marked


def _given_up(after: int, discarded: Iterable[Discarded], names: Mapping[str, str]) -> Iterator[str]:
    for each in discarded:
        if each.after == after:
            yield f"given up: {names[each.event_id]} ({each.condition})"


def _row(event_ids: Iterable[str], names: Mapping[str, str]) -> str:
    return " ".join(names[event_id] for event_id in event_ids)
