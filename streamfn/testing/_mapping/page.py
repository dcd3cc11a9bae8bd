"""A history as a page: a lane for each handler, a column for each invocation, a chip for each record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from streamfn.testing._mapping.invocations import Discarded, Invocation
from streamfn.testing._mapping.marks import SIGNS, MarkedCall, lane_names, marked, short_names

_STYLE: Final = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ddd; padding: .4rem .6rem; vertical-align: top; text-align: left; }
thead th, tbody th { background: #f6f6f6; position: sticky; left: 0; white-space: nowrap; }
.chip { display: inline-block; border-radius: .3rem; padding: 0 .35rem; margin: .1rem; white-space: nowrap; }
.succeeded { background: #cdeccd; } .repeated { background: #cdeccd; outline: 2px solid #e08a00; }
.failed { background: #f8caca; } .died { background: #222; color: #fff; }
.delivered { background: #e4e9f5; } .discarded { background: #f3e0b5; }
.error { color: #a00; } .small { color: #666; font-size: 12px; }
"""


def page(
    records: Mapping[str, str], invocations: Sequence[Invocation], discarded: Sequence[Discarded]
) -> str:
    """Draw it; the page needs nothing but itself."""
    names = short_names(records)
    calls = marked(invocations)
    handlers = dict.fromkeys(call.handler for each in calls for call in each)
    lanes = zip(invocations, lane_names(invocations), strict=True)
    heads = [_head(each, invocations[0], lane) for each, lane in lanes]
    rows = [
        _row("delivered", (_delivered(each, names) for each in invocations)),
        *(_row(handler, (_calls(handler, each, names) for each in calls)) for handler in handlers),
        _row("Lambda", (_outcome(each, discarded, names) for each in invocations)),
    ]
    legend = "".join(
        f"<li>{escape(names[event_id])}: {escape(kind)} <code>{escape(event_id)}</code></li>"
        for event_id, kind in records.items()
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Deliveries</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{len(records)} records, {len(invocations)} invocations</h1>\n"
        f"<p>{_legend()}</p>\n<table><thead>{_row('', heads)}</thead>\n<tbody>{''.join(rows)}</tbody></table>\n"
        f"<h2>Records</h2><ul>{legend}</ul></body></html>\n"
    )


def _row(name: str, cells: Iterable[str]) -> str:
    return f"<tr><th>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"


def _head(each: Invocation, first: Invocation, lane: str) -> str:
    at = (each.began - first.began).total_seconds()
    took = each.duration.total_seconds()
    details = f"at {at:g} s, took {took:g} s<br>attempt {each.attempt}<br>{escape(lane)}"
    return f'<b>#{each.number}</b><br><span class="small">{details}</span>'


def _delivered(each: Invocation, names: Mapping[str, str]) -> str:
    return "".join(_chip("delivered", names[event_id], event_id) for event_id in each.event_ids)


def _calls(handler: str, calls: Iterable[MarkedCall], names: Mapping[str, str]) -> str:
    return "<br>".join(
        "".join(
            _chip(mark, f"{names[event_id]} {SIGNS[mark]}", f"{event_id} {mark}")
            for event_id, mark in call.marks
        )
        for call in calls
        if call.handler == handler
    )


def _outcome(each: Invocation, discarded: Iterable[Discarded], names: Mapping[str, str]) -> str:
    error = f'<span class="error">{escape(each.error)}</span><br>' if each.error else ""
    given_up = "".join(
        _chip("discarded", names[one.event_id], f"{one.event_id} {one.condition}")
        for one in discarded
        if one.after == each.number
    )
    return f"{error}{escape(each.outcome)} {given_up}"


def _chip(kind: str, text: str, title: str) -> str:
    return f'<span class="chip {kind}" title="{escape(title)}">{escape(text)}</span>'


def _legend() -> str:
    kinds = [*((mark, f"{sign} {mark}") for mark, sign in SIGNS.items()), ("discarded", "given up")]
    return " ".join(_chip(kind, text, text) for kind, text in kinds)
