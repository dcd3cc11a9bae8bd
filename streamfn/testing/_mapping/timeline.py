"""A history as text: one invocation after the other, with what its handlers did and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from streamfn.testing._mapping.invocations import Discarded, Invocation, Letter
from streamfn.testing._mapping.marks import (
    LETTER,
    MEANINGS,
    SIGNS,
    MarkedCall,
    elapsed,
    handler_name,
    lane_names,
    marked,
    short_names,
    together,
)


def timeline(
    records: Mapping[str, str], invocations: Sequence[Invocation], discarded: Sequence[Discarded]
) -> str:
    """Write it down, records by short names that are explained at the end."""
    names = short_names(records)
    lines = list(_given_up(0, discarded, names))
    for each, calls, lane in zip(invocations, marked(invocations), lane_names(invocations), strict=True):
        lines.append(f"{_head(each, invocations[0], lane)}: {' '.join(names[one] for one in each.event_ids)}")
        lines += _handlers(calls, names)
        lines += _letters(each.letters, names)
        lines += [f"   {failure}" for failure in each.store_failures]
        lines.append(f"   {each.error}: {each.outcome}" if each.error else f"   {each.outcome}")
        lines += _given_up(each.number, discarded, names)
    signs = "  ".join(
        [*(f"{sign} {MEANINGS[mark]}" for mark, sign in SIGNS.items()), f"{LETTER} dead letter"]
    )
    legend = [f"{names[event_id]}  {kind} {event_id}" for event_id, kind in records.items()]
    return "\n".join([*lines, "", signs, *legend])


def _head(each: Invocation, first: Invocation, lane: str) -> str:
    at = f"#{each.number} at {elapsed(each.began - first.began)}"
    parts = [at, lane, f"attempt {each.attempt}" if each.attempt > 1 else ""]
    return ", ".join(part for part in parts if part)


def _handlers(calls: Sequence[MarkedCall], names: Mapping[str, str]) -> Iterator[str]:
    for handler in dict.fromkeys(call.handler for call in calls):
        yield f"   {handler}: {' '.join(_call(call, names) for call in calls if call.handler == handler)}"


def _call(call: MarkedCall, names: Mapping[str, str]) -> str:
    told = " ".join(f"{names[event_id]}{SIGNS[mark]}" for event_id, mark in call.marks)
    return f"({told})" if len(call.marks) > 1 else told


def _letters(letters: Iterable[Letter], names: Mapping[str, str]) -> Iterator[str]:
    for (handler, reason), same in together(letters).items():
        told = " ".join(f"{names[each.event_id]}{LETTER}" for each in same)
        yield f"   dead letter{'s' * (len(same) > 1)}: {handler_name(handler)} {told} ({reason})"


def _given_up(after: int, discarded: Iterable[Discarded], names: Mapping[str, str]) -> Iterator[str]:
    for each in discarded:
        if each.after == after:
            yield f"given up: {names[each.event_id]} ({each.condition})"
