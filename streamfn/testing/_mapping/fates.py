"""What became of each record by the end: how often it was delivered, and what each handler made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from streamfn.testing._mapping.chips import GIVEN_UP, chip, letter_chip, mark_chip, row, table
from streamfn.testing._mapping.invocations import Discarded, Invocation, Letter
from streamfn.testing._mapping.marks import SIGNS, Mark, MarkedCall, handler_names, short_names


def fates(
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
    handlers = handler_names(invocations)

    def cells(event_id: str) -> Iterable[str]:
        yield f"{escape(records[event_id])} <code>{escape(event_id)}</code>"
        yield str(deliveries[event_id])
        for handler in handlers:
            counts: dict[Mark, int] = {mark: made[handler, event_id, mark] for mark in SIGNS}
            marks = (mark_chip(mark, _times(count), event_id) for mark, count in counts.items() if count)
            yield "".join([*marks, _letters(letters.get((handler, event_id), ()))])
        yield _given_up(gone[event_id]) if event_id in gone else ""

    heads = "".join(
        f'<th scope="col">{escape(name)}</th>'
        for name in ("change", "deliveries", *handlers.values(), "given up")
    )
    return table(
        "fates", heads, (row(name, cells(event_id)) for event_id, name in short_names(records).items())
    )


def _times(count: int) -> str:
    return str(count) if count > 1 else ""


def _letters(letters: Sequence[Letter]) -> str:
    return letter_chip(letters[-1], _times(len(letters))) if letters else ""


def _given_up(gone: Discarded) -> str:
    when = f"after #{gone.after}" if gone.after else "before #1"
    return f"{chip('discarded', GIVEN_UP, gone.event_id)} {when}: {gone.condition}"
