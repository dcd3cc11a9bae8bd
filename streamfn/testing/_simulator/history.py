"""The history of a simulation.

In this order: the events of a simulation, marks of success and repetition, chips and tables of the page, the fates of
records, the style sheet, the page, the timeline, and `History`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from itertools import chain
from pathlib import Path
from typing import Final, Literal, TypeAlias

from typing_extensions import override

# The events of a simulation: calls of handlers, dead letters, invocations, and records that Lambda discards.

Effect: TypeAlias = Literal["succeeded", "failed", "died"]
"""The outcome of a handler on one record; ``died`` if the call did not end."""

Condition: TypeAlias = Literal["RetryAttemptsExhausted", "RecordAgeExceeded", "Expired"]
"""The reason why Lambda discarded records. `Expired` records left the stream; Lambda reports these to nobody."""

StoreFailure: TypeAlias = Literal[
    "ledger not read", "ledger not written", "ledger half written", "dead letters not stored"
]
"""The failure of a store of the delivery, whether the test asked for it or not."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call of a handler: the identifiers of its events, and the outcome of each."""

    handler: str
    event_ids: tuple[str, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter that was stored: the handler, the record, and the name of the reason.

    The handler is empty for a record that reached none.
    """

    handler: str
    event_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the function.

    `attempt` counts, from 1, the attempts that MaximumRetryAttempts limits; a batch that comes again after a split, or
    although it was settled, uses none. `answer` is the return value of the function, and `error` is the reason why
    Lambda took no answer: an exception's type, a timeout, a dead process, a malformed answer. `settled` counts the
    settled records, from the first on; `outcome` describes the others. `letters` are the dead letters that were
    stored, and `store_failures` lists the failures of the delivery's stores, each once.
    """

    number: int
    shard: str
    lane: int
    attempt: int
    began: datetime
    ended: datetime
    event_ids: tuple[str, ...]
    calls: tuple[RecordedCall, ...]
    letters: tuple[Letter, ...]
    store_failures: tuple[StoreFailure, ...]
    answer: object
    error: str | None
    settled: int
    outcome: str

    @property
    def duration(self) -> timedelta:
        """The duration of the function, by the simulation's clock."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True)
class Discarded:
    """A record that Lambda gave up, after the invocation with this number (0: before the first)."""

    event_id: str
    condition: Condition
    after: int


# Marks of handlers and records for timeline and page: the outcome, and whether it was a success before.

EffectMark: TypeAlias = Literal["succeeded", "repeated", "failed", "died"]
"""The mark of a handler on one record; ``repeated`` is a success after an earlier success."""

SIGNS: Final[Mapping[EffectMark, str]] = {"succeeded": "✓", "repeated": "✓✓", "failed": "✗", "died": "†"}
MEANINGS: Final[Mapping[EffectMark, str]] = {
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
    marks: tuple[tuple[str, EffectMark], ...]


def marked(invocations: Iterable[Invocation]) -> list[list[MarkedCall]]:
    """Mark the calls of all invocations, which have to come in their order."""
    succeeded: set[tuple[str, str]] = set()
    return [[_marked(call, succeeded) for call in invocation.calls] for invocation in invocations]


def _marked(call: RecordedCall, succeeded: set[tuple[str, str]]) -> MarkedCall:
    marks: list[tuple[str, EffectMark]] = []
    for event_id, effect in zip(call.event_ids, call.effects, strict=True):
        again = effect == "succeeded" and (call.handler, event_id) in succeeded
        marks.append((event_id, "repeated" if again else effect))
        if effect == "succeeded":
            succeeded.add((call.handler, event_id))
    return MarkedCall(call.handler, tuple(marks))


def shown_handlers(invocations: Iterable[Invocation]) -> dict[str, str]:
    """Name the handlers that were called or gave a record up, as they came; where a record reached none comes last."""
    told = [
        handler
        for each in invocations
        for handler in (*(call.handler for call in each.calls), *(letter.handler for letter in each.letters))
    ]
    return {name: shown_handler(name) for name in sorted(dict.fromkeys(told), key=lambda name: not name)}


def shown_handler(handler: str) -> str:
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
    """Name the shard and lane of each invocation; a part that is always the same is left out."""
    shards = len({each.shard for each in invocations}) > 1
    lanes = len({each.lane for each in invocations}) > 1
    return [
        ", ".join(
            [f"shard {int(each.shard.removeprefix('shardId-'))}"] * shards + [f"lane {each.lane}"] * lanes
        )
        for each in invocations
    ]


def elapsed(time: timedelta) -> str:
    """Return how long something took.

    >>> elapsed(timedelta(hours=1, seconds=2.5)), elapsed(timedelta())
    ('1 h 2.5 s', '0 s')
    """
    parts: list[str] = []
    for unit, sign in _UNITS:
        count = time / unit if sign == "s" else time // unit
        parts += [f"{count:g} {sign}"] * bool(count)
        time -= count * unit
    return " ".join(parts) or "0 s"


# The parts of a page: chips, tables of chips, and the legend.

GIVEN_UP: Final = "⊘"
"""The sign of a record that Lambda gave up."""


def badge(kind: str, text: str, title: str) -> str:
    """Draw a chip of a kind that the style sheet defines, with a tooltip that explains the chip."""
    return f'<span class="chip {kind}" title="{escape(title)}">{escape(text)}</span>'


def mark_badge(mark: EffectMark, text: str, event_id: str) -> str:
    """Draw the outcome of a handler on a record."""
    return badge(mark, f"{text} {SIGNS[mark]}".strip(), f"{event_id} {MEANINGS[mark]}")


def letter_badge(letter: Letter, text: str) -> str:
    """Draw a record that became a dead letter."""
    return badge("letter", f"{text} {LETTER}".strip(), f"{letter.event_id} dead letter: {letter.reason}")


def row(name: str, cells: Iterable[str], kind: str = "handler") -> str:
    """Draw a row; its cells are HTML already."""
    inside = "".join(f"<td><div>{cell}</div></td>" for cell in cells)
    return f'<tr class="{kind}"><th scope="row"><div>{escape(name)}</div></th>{inside}</tr>\n'


def table(kind: str, heads: str, rows: Iterable[str]) -> str:
    """Draw a table whose first column stays in sight."""
    return (
        f'<div class="scroll"><table class="{kind}">\n<thead><tr><td></td>{heads}</tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def legend(counts: Mapping[EffectMark, int], letters: int, given_up: int) -> str:
    """Explain the chips, and count them."""
    kinds = [
        *((mark, sign, MEANINGS[mark], counts[mark]) for mark, sign in SIGNS.items()),
        ("letter", LETTER, "dead letter", letters),
        ("discarded", GIVEN_UP, "given up by Lambda", given_up),
    ]
    items = [
        f"<li>{badge(kind, sign, meaning)} {meaning} <b>{count}</b></li>"
        for kind, sign, meaning, count in kinds
    ]
    framed = f'<li><span class="call">{badge("delivered", "r1", "")}{badge("delivered", "r2", "")}</span> one call</li>'
    return f'<ul class="legend">{"".join(items)}{framed}</ul>\n'


# The fate of each record: how often it was delivered, and the outcome of each handler.


def record_table(
    records: Mapping[str, str],
    invocations: Sequence[Invocation],
    calls: Sequence[MarkedCall],
    discarded: Iterable[Discarded],
) -> str:
    """Draw a table of all records, with a column for each handler."""
    deliveries = Counter(event_id for each in invocations for event_id in each.event_ids)
    made = Counter((call.handler, *pair) for call in calls for pair in call.marks)
    letters: dict[tuple[str, str], list[Letter]] = {}
    for letter in (letter for each in invocations for letter in each.letters):
        letters.setdefault((letter.handler, letter.event_id), []).append(letter)
    gone = {each.event_id: each for each in discarded}
    handlers = shown_handlers(invocations)

    def cells(event_id: str) -> Iterable[str]:
        yield f"{escape(records[event_id])} <code>{escape(event_id)}</code>"
        yield str(deliveries[event_id])
        for handler in handlers:
            counts: dict[EffectMark, int] = {mark: made[handler, event_id, mark] for mark in SIGNS}
            marks = (mark_badge(mark, _times(count), event_id) for mark, count in counts.items() if count)
            yield "".join([*marks, _letter_fates(letters.get((handler, event_id), ()))])
        yield _given_up_fate(gone[event_id]) if event_id in gone else ""

    heads = "".join(
        f'<th scope="col">{escape(name)}</th>'
        for name in ("change", "deliveries", *handlers.values(), "given up")
    )
    return table(
        "fates", heads, (row(name, cells(event_id)) for event_id, name in short_names(records).items())
    )


def _times(count: int) -> str:
    return str(count) if count > 1 else ""


def _letter_fates(letters: Sequence[Letter]) -> str:
    return letter_badge(letters[-1], _times(len(letters))) if letters else ""


def _given_up_fate(gone: Discarded) -> str:
    when = f"after #{gone.after}" if gone.after else "before #1"
    return f"{badge('discarded', GIVEN_UP, gone.event_id)} {when}: {gone.condition}"


# The style sheet of a history's page: light and dark, readable by shape and sign as well as by colour.

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #fbfaf8; --sheet: #fff; --ink: #1f2328; --faint: #6a6f78; --line: #e2e0db;
  --good: #dcefe3; --good-ink: #14532d; --twice: #ffe3a8; --twice-ink: #6b3d00;
  --bad: #fff; --bad-ink: #b3261e; --dead: #2b2f36; --dead-ink: #fff; --lost: #ecdcf5; --lost-ink: #5b1f82;
  --letter: #1f5fae; --letter-ink: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171b; --sheet: #1c1f24; --ink: #e6e4df; --faint: #9a9fa8; --line: #343840;
    --good: #1d3d2b; --good-ink: #b5e6c8; --twice: #5a3d00; --twice-ink: #ffdc94;
    --bad: #1c1f24; --bad-ink: #ff8f86; --dead: #dcdad5; --dead-ink: #15171b; --lost: #43265a; --lost-ink: #ecd3ff;
    --letter: #a9cdfa; --letter-ink: #0d2440;
  }
}
body { font: 15px/1.45 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; color: var(--ink);
       background: var(--page); margin: 2.5rem auto; padding: 0 2rem; max-width: 110rem; }
h1 { font-size: 1.7rem; letter-spacing: -.01em; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
small, h1 + p { color: var(--faint); } small { font-size: .8rem; } h1 + p { margin: .2rem 0 1.2rem; }
.legend { display: flex; flex-wrap: wrap; align-items: baseline; gap: .4rem 1.4rem; list-style: none;
          padding: 0; margin: 0 0 1.2rem; }
.scroll { overflow-x: auto; width: fit-content; max-width: 100%; background: var(--sheet);
          border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { padding: .55rem .8rem; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--line); }
.lanes td, .lanes th { border-left: 1px solid var(--line); min-width: 6.5rem; }
.lanes div { width: max-content; min-width: 100%; max-width: 17rem; }
.lanes th div { max-width: 13rem; overflow-wrap: anywhere; }
.fates div { width: max-content; }
.scroll tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--sheet); border-left: 0;
                           border-right: 2px solid var(--line); min-width: 5rem; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 400; } .lane { border-top: .3rem solid hsl(var(--hue) 60% 58%); }
thead small { display: block; white-space: nowrap; } thead b { font-size: 1.15rem; }
.lambda th { font-weight: 400; color: var(--faint); font-style: italic; } .lambda td { font-size: .9rem; }
.chip { display: inline-block; margin: .1rem .15rem .1rem 0; padding: 0 .45rem; border: 1.5px solid transparent;
        border-radius: .45rem; white-space: nowrap; }
.call { display: inline-block; margin: 0 .15rem .15rem 0; padding: .05rem 0 .05rem .2rem;
        border: 1px solid var(--line); border-radius: .6rem; }
.delivered { border-color: var(--line); color: var(--faint); }
.succeeded { background: var(--good); color: var(--good-ink); }
.repeated { background: var(--twice); color: var(--twice-ink); border: 3px double; font-weight: 700; }
.failed, .error { background: var(--bad); color: var(--bad-ink); border-color: currentColor; font-weight: 600; }
.died { background: var(--dead); color: var(--dead-ink); border-radius: 0; font-weight: 600; }
.letter { background: var(--letter); color: var(--letter-ink); font-weight: 600; border-radius: 0;
          padding-right: .85rem; clip-path: polygon(0 0, calc(100% - .6rem) 0, 100% .6rem, 100% 100%, 0 100%); }
.letters { display: block; } .letters small { margin-left: .2rem; }
.discarded { background: repeating-linear-gradient(135deg, transparent 0 5px, rgb(128 128 128 / .22) 5px 7px);
             background-color: var(--lost); color: var(--lost-ink); font-weight: 700;
             border: 1.5px dashed currentColor; }
tr:has(.bar) > * { vertical-align: top; }
.bar { display: block; height: .3rem; margin-bottom: .35rem; border-radius: 1rem; background: var(--line); }
.bar i { display: block; height: 100%; border-radius: 1rem; background: #2f9e63; }
.fates td, .fates th { padding: .3rem .8rem; } code { font-size: .9em; margin-left: .4rem; color: var(--faint); }
@media print { .scroll { overflow: visible; } }
"""


# The page: a lane for each handler, a column for each invocation, a chip for each record.

_HUES: Final = (212, 285, 178, 32)
"""Colours for shards and lanes; none of them means good or bad."""


def page(
    records: Mapping[str, str], invocations: Sequence[Invocation], discarded: Sequence[Discarded]
) -> str:
    """Draw it; the page needs nothing but itself."""
    names = short_names(records)
    calls = marked(invocations)
    every = list(chain.from_iterable(calls))
    counts: Counter[EffectMark] = Counter(mark for call in every for _, mark in call.marks)
    took = invocations[-1].ended - invocations[0].began if invocations else timedelta()
    lanes = [
        row("delivered", (_delivered(each, names) for each in invocations), "lambda"),
        *(
            row(name, _cells(handler, invocations, calls, names), "handler" if handler else "lambda")
            for handler, name in shown_handlers(invocations).items()
        ),
        row("settled", (_settled(each) for each in invocations), "lambda"),
        row("given up", (_given_up_chips(each.number, discarded, names) for each in invocations), "lambda"),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Deliveries</title>\n'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body><h1>Deliveries</h1>\n<p>{_counted(len(records), 'record')}, "
        f"{_counted(len(invocations), 'invocation')}, {elapsed(took)}. "
        "A column is an invocation, a row a handler, a chip a record.</p>\n"
        f"{legend(counts, sum(len(each.letters) for each in invocations), len(discarded))}"
        f"{table('lanes', _heads(invocations), lanes)}"
        f"<h2>What became of each record</h2>\n{record_table(records, invocations, every, discarded)}</body></html>\n"
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
    return "".join(badge("delivered", names[event_id], event_id) for event_id in each.event_ids)


def _cells(
    handler: str,
    invocations: Iterable[Invocation],
    calls: Iterable[Sequence[MarkedCall]],
    names: Mapping[str, str],
) -> Iterator[str]:
    """Show for each invocation the calls of a handler, and then its dead letters."""
    for invocation, made in zip(invocations, calls, strict=True):
        yield _calls(handler, made, names) + _letter_chips(handler, invocation.letters, names)


def _calls(handler: str, calls: Iterable[MarkedCall], names: Mapping[str, str]) -> str:
    """Show a handler's calls; a frame surrounds the records of one call with several."""
    shown: list[str] = []
    for call in calls:
        if call.handler == handler:
            chips = "".join(mark_badge(mark, names[event_id], event_id) for event_id, mark in call.marks)
            shown.append(f'<span class="call">{chips}</span>' if len(call.marks) > 1 else chips)
    return "".join(shown)


def _letter_chips(handler: str, letters: Iterable[Letter], names: Mapping[str, str]) -> str:
    """Show the dead letters of a handler, those of one reason together."""
    shown: list[str] = []
    for (_, reason), same in together(each for each in letters if each.handler == handler).items():
        chips = "".join(letter_badge(each, names[each.event_id]) for each in same)
        shown.append(f'<span class="letters">{chips}<small>{escape(reason)}</small></span>')
    return "".join(shown)


def _settled(each: Invocation) -> str:
    """Show how much of the batch is settled, and the outcome of the rest."""
    share = 100 * each.settled // len(each.event_ids) if each.event_ids else 100
    errors = [*each.store_failures, *([each.error] if each.error else [])]
    told = "".join(f"{badge('error', error, '')}<br>" for error in errors)
    return f'<span class="bar"><i style="width: {share}%"></i></span>{told}{escape(each.outcome)}'


def _given_up_chips(after: int, discarded: Iterable[Discarded], names: Mapping[str, str]) -> str:
    gone = [each for each in discarded if each.after == after]
    chips = [
        badge("discarded", f"{names[each.event_id]} {GIVEN_UP}", f"{each.event_id} {each.condition}")
        for each in gone
    ]
    return "".join([*chips, *(f"<br>{each}" for each in dict.fromkeys(each.condition for each in gone))])


# The timeline: one invocation after the other as text, with the calls of its handlers and their outcomes.


def timeline(
    records: Mapping[str, str], invocations: Sequence[Invocation], discarded: Sequence[Discarded]
) -> str:
    """Write it down, records by short names that are explained at the end."""
    names = short_names(records)
    lines = list(_given_up_lines(0, discarded, names))
    for each, calls, lane in zip(invocations, marked(invocations), lane_names(invocations), strict=True):
        lines.append(f"{_head(each, invocations[0], lane)}: {' '.join(names[one] for one in each.event_ids)}")
        lines += _handlers(calls, names)
        lines += _letter_lines(each.letters, names)
        lines += [f"   {failure}" for failure in each.store_failures]
        lines.append(f"   {each.error}: {each.outcome}" if each.error else f"   {each.outcome}")
        lines += _given_up_lines(each.number, discarded, names)
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


def _letter_lines(letters: Iterable[Letter], names: Mapping[str, str]) -> Iterator[str]:
    for (handler, reason), same in together(letters).items():
        told = " ".join(f"{names[each.event_id]}{LETTER}" for each in same)
        yield f"   dead letter{'s' * (len(same) > 1)}: {shown_handler(handler)} {told} ({reason})"


def _given_up_lines(after: int, discarded: Iterable[Discarded], names: Mapping[str, str]) -> Iterator[str]:
    for each in discarded:
        if each.after == after:
            yield f"given up: {names[each.event_id]} ({each.condition})"


# `History`: all invocations, for queries and for reading.


@dataclass(slots=True)
class History:
    """All events of a simulation, in their order. `str` returns a timeline, and `html` a page.

    `records` maps the identifier of each record to its event name, in the order of arrival.
    """

    records: dict[str, str] = field(default_factory=dict[str, str])
    invocations: list[Invocation] = field(default_factory=list[Invocation])
    discarded: list[Discarded] = field(default_factory=list[Discarded])

    @property
    def calls(self) -> Iterator[RecordedCall]:
        """All calls of handlers, in their order."""
        for invocation in self.invocations:
            yield from invocation.calls

    def successes(self, handler: str) -> Counter[str]:
        """Count how often a handler succeeded, by the identifiers of its events."""
        return self._count(handler, "succeeded")

    def failures(self, handler: str) -> Counter[str]:
        """Count how often a handler failed, by the identifiers of its events."""
        return self._count(handler, "failed")

    def dead_letters(self, handler: str) -> Counter[str]:
        """Count how often a handler gave a record up for a dead letter, by the identifiers of the records.

        Those that reached no handler go by the handler ``""``.
        """
        return Counter(
            letter.event_id
            for invocation in self.invocations
            for letter in invocation.letters
            if letter.handler == handler
        )

    def html(self) -> str:
        """Make a page of it that stands by itself: a lane for each handler, a column for each invocation."""
        return page(self.records, self.invocations, self.discarded)

    def write_html(self, path: Path | str) -> None:
        """Write the page into a file, to be opened in a browser."""
        Path(path).write_text(self.html(), encoding="utf-8")

    def _count(self, handler: str, wanted: Effect) -> Counter[str]:
        return Counter(
            event_id
            for call in self.calls
            if call.handler == handler
            for event_id, effect in zip(call.event_ids, call.effects, strict=True)
            if effect == wanted
        )

    @override
    def __str__(self) -> str:
        return timeline(self.records, self.invocations, self.discarded)
