"""What a page is made of: chips, tables of them, and the legend that explains them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from streamfn.testing._mapping.invocations import Letter
from streamfn.testing._mapping.marks import LETTER, MEANINGS, SIGNS, Mark

GIVEN_UP: Final = "⊘"
"""The sign of a record that Lambda gave up."""


def chip(kind: str, text: str, title: str) -> str:
    """Draw a chip of a kind that the style sheet knows, and explain it where a mouse rests on it."""
    return f'<span class="chip {kind}" title="{escape(title)}">{escape(text)}</span>'


def mark_chip(mark: Mark, text: str, event_id: str) -> str:
    """Draw what came of a handler on a record."""
    return chip(mark, f"{text} {SIGNS[mark]}".strip(), f"{event_id} {MEANINGS[mark]}")


def letter_chip(letter: Letter, text: str) -> str:
    """Draw a record that became a dead letter."""
    return chip("letter", f"{text} {LETTER}".strip(), f"{letter.event_id} dead letter: {letter.reason}")


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


def legend(counts: Mapping[Mark, int], letters: int, given_up: int) -> str:
    """Explain the chips, and count them."""
    kinds = [
        *((mark, sign, MEANINGS[mark], counts[mark]) for mark, sign in SIGNS.items()),
        ("letter", LETTER, "dead letter", letters),
        ("discarded", GIVEN_UP, "given up by Lambda", given_up),
    ]
    items = [
        f"<li>{chip(kind, sign, meaning)} {meaning} <b>{count}</b></li>"
        for kind, sign, meaning, count in kinds
    ]
    framed = f'<li><span class="call">{chip("delivered", "r1", "")}{chip("delivered", "r2", "")}</span> one call</li>'
    return f'<ul class="legend">{"".join(items)}{framed}</ul>\n'
