"""A history as a page: a lane for each handler, a column for each invocation, a chip for each record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from html import escape
from itertools import chain
from typing import Final

from streamfn.testing._mapping.chips import GIVEN_UP, chip, legend, letter_chip, mark_chip, row, table
from streamfn.testing._mapping.fates import fates
from streamfn.testing._mapping.invocations import Discarded, Invocation, Letter
from streamfn.testing._mapping.marks import (
    Mark,
    MarkedCall,
    elapsed,
    handler_names,
    lane_names,
    marked,
    short_names,
    together,
)
from streamfn.testing._mapping.style import STYLE

_HUES: Final = (212, 285, 178, 32)
"""Colours for shards and lanes, of which none says good or bad."""


def page(
    records: Mapping[str, str], invocations: Sequence[Invocation], discarded: Sequence[Discarded]
) -> str:
    """Draw it; the page needs nothing but itself."""
    names = short_names(records)
    calls = marked(invocations)
    every = list(chain.from_iterable(calls))
    counts: Counter[Mark] = Counter(mark for call in every for _, mark in call.marks)
    took = invocations[-1].ended - invocations[0].began if invocations else timedelta()
    lanes = [
        row("delivered", (_delivered(each, names) for each in invocations), "lambda"),
        *(
            row(name, _cells(handler, invocations, calls, names), "handler" if handler else "lambda")
            for handler, name in handler_names(invocations).items()
        ),
        row("settled", (_settled(each) for each in invocations), "lambda"),
        row("given up", (_given_up(each.number, discarded, names) for each in invocations), "lambda"),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Deliveries</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body><h1>Deliveries</h1>\n<p>{_counted(len(records), 'record')}, "
        f"{_counted(len(invocations), 'invocation')}, {elapsed(took)}. "
        "A column is an invocation, a row a handler, a chip a record.</p>\n"
        f"{legend(counts, sum(len(each.letters) for each in invocations), len(discarded))}"
        f"{table('lanes', _heads(invocations), lanes)}"
        f"<h2>What became of each record</h2>\n{fates(records, invocations, every, discarded)}</body></html>\n"
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _heads(invocations: Sequence[Invocation]) -> str:
    """Head each column with the invocation's number, time and attempt, and its lane in a colour of its own."""
    lanes = lane_names(invocations)
    places = {lane: place for place, lane in enumerate(dict.fromkeys(lanes))}
    heads: list[str] = []
    for each, lane in zip(invocations, lanes, strict=True):
        at = f"+{elapsed(each.began - invocations[0].began)}"
        took = f"took {elapsed(each.duration)}" if each.duration else ""
        attempt = f"attempt {each.attempt}" if each.attempt > 1 else ""
        details = "".join(f"<small>{part}</small>" for part in (at, took, lane, attempt) if part)
        colour = f' class="lane" style="--hue: {_HUES[places[lane] % len(_HUES)]}"' if lane else ""
        heads.append(f'<th scope="col"{colour}><b>#{each.number}</b>{details}</th>')
    return "".join(heads)


def _delivered(each: Invocation, names: Mapping[str, str]) -> str:
    return "".join(chip("delivered", names[event_id], event_id) for event_id in each.event_ids)


def _cells(
    handler: str,
    invocations: Iterable[Invocation],
    calls: Iterable[Sequence[MarkedCall]],
    names: Mapping[str, str],
) -> Iterator[str]:
    """Show in each invocation what a handler did, and then what it gave up."""
    for invocation, made in zip(invocations, calls, strict=True):
        yield _calls(handler, made, names) + _letters(handler, invocation.letters, names)


def _calls(handler: str, calls: Iterable[MarkedCall], names: Mapping[str, str]) -> str:
    """Show a handler's calls; the records of one that had several are held together by a frame."""
    shown: list[str] = []
    for call in calls:
        if call.handler == handler:
            chips = "".join(mark_chip(mark, names[event_id], event_id) for event_id, mark in call.marks)
            shown.append(f'<span class="call">{chips}</span>' if len(call.marks) > 1 else chips)
    return "".join(shown)


def _letters(handler: str, letters: Iterable[Letter], names: Mapping[str, str]) -> str:
    """Show the dead letters of a handler, those of one reason together."""
    shown: list[str] = []
    for (_, reason), same in together(each for each in letters if each.handler == handler).items():
        chips = "".join(letter_chip(each, names[each.event_id]) for each in same)
        shown.append(f'<span class="letters">{chips}<small>{escape(reason)}</small></span>')
    return "".join(shown)


def _settled(each: Invocation) -> str:
    """Show how much of the batch is done with, and say what becomes of the rest."""
    share = 100 * each.settled // len(each.event_ids) if each.event_ids else 100
    errors = [*each.store_failures, *([each.error] if each.error else [])]
    told = "".join(f"{chip('error', error, '')}<br>" for error in errors)
    return f'<span class="bar"><i style="width: {share}%"></i></span>{told}{escape(each.outcome)}'


def _given_up(after: int, discarded: Iterable[Discarded], names: Mapping[str, str]) -> str:
    gone = [each for each in discarded if each.after == after]
    chips = [
        chip("discarded", f"{names[each.event_id]} {GIVEN_UP}", f"{each.event_id} {each.condition}")
        for each in gone
    ]
    return "".join([*chips, *(f"<br>{each}" for each in dict.fromkeys(each.condition for each in gone))])
