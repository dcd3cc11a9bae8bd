"""The plot of the document: bars in SVG, with colours for light and for dark surroundings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final
from xml.sax.saxutils import escape

from tests.benchmarks.field import LIMIT
from tests.benchmarks.results import Run, Spread
from tests.benchmarks.tables import COLD, figure

_WIDTH: Final = 860
_LEFT: Final = 345
_RIGHT: Final = 60
_BAR: Final = 11
_GAP: Final = 12
_HEAD: Final = 66
_FOOT: Final = 44

_STYLE: Final = """
  .ground { fill: #ffffff; stroke: #d0d7de; }
  text { fill: #1f2328; font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
  .title { font-weight: 600; font-size: 15px; }
  .ours { font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }
  .rule { stroke: #d8dee4; }
  .one { stroke: #59636e; stroke-dasharray: 3 3; }
  .spread { stroke: #1f2328; stroke-opacity: 0.55; }
  .bar0 { fill: #0550ae; } .bar1 { fill: #218bff; } .bar2 { fill: #80ccff; } .bar3 { fill: #b6e3ff; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d; }
    text { fill: #f0f6fc; }
    .small { fill: #9198a1; stroke: #0d1117; }
    .rule { stroke: #2a313c; }
    .one { stroke: #9198a1; }
    .spread { stroke: #f0f6fc; }
    .bar0 { fill: #1f6feb; } .bar1 { fill: #58a6ff; } .bar2 { fill: #a5d6ff; } .bar3 { fill: #cae8ff; }
  }
"""

_PLOTTED: Final = (
    "model",
    "returns",
    "cattrs",
    "streamfn",
    "streamfn with stores",
    "Powertools batch",
    "Powertools batch and parser",
    "boto3",
)
"""The cold starts that are shown."""


@dataclass(frozen=True)
class Group:
    """What one contender measured, by the number of the run."""

    title: str
    spreads: Mapping[int, Spread]

    @property
    def height(self) -> int:
        """How much room it takes."""
        return len(self.spreads) * _BAR + _GAP


@dataclass(frozen=True)
class Panel:
    """Groups of bars on one scale; `one` marks the value of the limit."""

    title: str
    subtitle: str
    groups: Sequence[Group]
    one: float | None = None

    @property
    def height(self) -> int:
        """How much room it takes."""
        return _HEAD + sum(group.height for group in self.groups) + _FOOT

    @property
    def step(self) -> int:
        """How far apart the marks of the scale are: 1, 2, 5, 10 and so on, so that there are ten at most."""
        most = max(spread.greatest for group in self.groups for spread in group.spreads.values())
        steps = [int(f"{digit}{'0' * zeros}") for zeros in range(9) for digit in (1, 2, 5)]
        return next(step for step in steps if most <= 10 * step)

    @property
    def most(self) -> int:
        """Where the scale ends."""
        most = max(spread.greatest for group in self.groups for spread in group.spreads.values())
        return ceil(most / self.step) * self.step


def plot(runs: Sequence[Run], load: str = "cards") -> str:
    """Draw how long all contenders take for a load, and what libraries cost a cold process."""
    size = runs[-1].decoding[load].size
    panels = (
        Panel(
            f"{size.title}: decoding {size.records:,} records with {size.images:,} images",
            "CPU time as a multiple of the same decoded by hand; shorter is better",
            list(_decoding(runs, load)),
            one=1,
        ),
        Panel(
            "Cold start: what a fresh process spends before it can handle anything",
            "ms of CPU time on top of Lambda's runtime client and json; shorter is better",
            list(_cold(runs)),
        ),
    )
    height = sum(panel.height for panel in panels)
    parts = [f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>']
    parts += _legend([run.version for run in runs])
    top = 0
    for panel in panels:
        parts += _drawn(panel, top)
        top += panel.height
    drawn = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img">\n'
        f"<title>{escape('; '.join(panel.title for panel in panels))}</title>\n"
        f"<style>{_STYLE}</style>\n{drawn}\n</svg>\n"
    )


def _decoding(runs: Sequence[Run], load: str) -> Iterator[Group]:
    rows = [run.decoding[load].rows for run in runs]
    titles = {name: row.title for each in rows for name, row in each.items()}
    for name, title in titles.items():
        compared = {
            number: each[name].timing.cpu_to(each[LIMIT.name].timing)
            for number, each in enumerate(rows)
            if name in each
        }
        yield Group(title, compared)


def _cold(runs: Sequence[Run]) -> Iterator[Group]:
    for name in _PLOTTED:
        measured = {number: run.cold[name] for number, run in enumerate(runs) if name in run.cold}
        if measured:
            yield Group(COLD[name], {number: Spread.of(timing.cpu) for number, timing in measured.items()})


def _drawn(panel: Panel, top: float) -> Iterator[str]:
    def across(value: float) -> float:
        return _LEFT + value / panel.most * (_WIDTH - _LEFT - _RIGHT)

    yield _text(20, top + 28, panel.title, "title")
    yield _text(20, top + 47, panel.subtitle, "small")
    bottom = top + panel.height - _FOOT
    for mark in range(0, panel.most + 1, panel.step):
        x, name = across(mark), "one" if mark == panel.one else "rule"
        yield f'<line class="{name}" x1="{x:.1f}" y1="{top + _HEAD - 6}" x2="{x:.1f}" y2="{bottom}"/>'
        yield _text(x, bottom + 18, str(mark), "small", anchor="middle")
    y = top + _HEAD
    for group in panel.groups:
        yield from _bars(group, y, across)
        y += group.height


def _bars(group: Group, top: float, across: Callable[[float], float]) -> Iterator[str]:
    middle = top + (group.height - _GAP) / 2 + 4
    name = "ours" if group.title.startswith("streamfn") else ""
    yield _text(_LEFT - 10, middle, group.title.replace("`", ""), name, anchor="end")
    for row, (number, spread) in enumerate(group.spreads.items()):
        y = top + row * _BAR
        least, end, greatest = across(spread.least), across(spread.middle), across(spread.greatest)
        yield (
            f'<rect class="bar{number % 4}" x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" height="{_BAR - 2}"/>'
        )
        yield f'<line class="spread" x1="{least:.1f}" y1="{y + 4.5}" x2="{greatest:.1f}" y2="{y + 4.5}"/>'
        yield _text(greatest + 5, y + 8.5, figure(spread.middle), "small")


def _legend(versions: Sequence[str]) -> Iterator[str]:
    for number, version in enumerate(versions):
        x = _WIDTH - 95 * (len(versions) - number)
        yield f'<rect class="bar{number % 4}" x="{x}" y="37" width="11" height="11"/>'
        yield _text(x + 16, 46.5, f"Python {version}", "small")


def _text(x: float, y: float, words: str, name: str = "", *, anchor: str = "start") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
