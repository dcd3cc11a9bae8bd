"""Forks: the way of a record where patterns decide which handlers of its table and kind it passes.

That is decided on the raw record, before anything is made of it. Where all patterns are about the text of one
attribute, as those of the entities of one table are, it costs one look-up however many they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from streamfn._execution.stops import Choose, Way
from streamfn._handlers.registration import AnyHandler
from streamfn._tables import Table
from streamfn._wire import RawRecord

if TYPE_CHECKING:
    from streamfn._patterns.matchers import Matcher


class Branch(NamedTuple):
    """A handler for records of a table, if they match its pattern; `strategy` is the index of what runs it."""

    strategy: int
    table: Table[object]
    handler: AnyHandler


ODD: Final = (RecursionError, ValueError, OverflowError)
"""What a matcher raises of a record that no stream has, nested thousands deep, say. Nobody's handlers lose it then."""

Build: TypeAlias = Callable[[Sequence[Branch]], Way | None]
"""Makes the way past handlers, or None of no handlers."""


def way_of(branches: Sequence[Branch], build: Build) -> Way | None:
    """Make the way of the records of one table's name and kind, which may lead to a fork."""
    matchers = list({id(each): each for branch in branches if (each := branch.table.matcher)}.values())
    if not matchers:
        return build(branches)
    if len(matchers) == 1:
        return Way((), 0, _by_one(branches, matchers[0], build))
    by_each = _by_each(branches, matchers, build)
    paths = {matcher.path for matcher in matchers}
    if len(paths) == 1 and (path := paths.pop()) is not None:
        return Way((), 0, _by_text(branches, path, build, by_each))
    return Way((), 0, by_each)


def _by_one(branches: Sequence[Branch], matcher: Matcher, build: Build) -> Choose:
    """Ask the only pattern."""
    all_of_them = build(branches)
    others = build([branch for branch in branches if branch.table.matcher is None])
    matches = matcher.matches

    def choose(record: RawRecord) -> Way | None:
        try:
            return all_of_them if matches(record) else others
        except ODD:
            return all_of_them

    return choose


def _by_each(branches: Sequence[Branch], matchers: Sequence[Matcher], build: Build) -> Choose:
    """Ask each pattern. A way is made when the first record takes it."""
    ways: dict[tuple[bool, ...], Way | None] = {}

    def choose(record: RawRecord) -> Way | None:
        answers = tuple([may_match(matcher, record) for matcher in matchers])
        if answers not in ways:
            matching = [matcher for matcher, answer in zip(matchers, answers, strict=True) if answer]
            ways[answers] = build(
                [branch for branch in branches if branch.table.matcher in {None, *matching}]
            )
        return ways[answers]

    return choose


def may_match(matcher: Matcher, record: RawRecord) -> bool:
    """Whether a record matches a pattern, or is too odd to tell."""
    try:
        return matcher.matches(record)
    except ODD:
        return True


def _by_text(branches: Sequence[Branch], path: tuple[str, ...], build: Build, by_each: Choose) -> Choose:
    """Look the text up at the end of the path that all patterns are about."""
    from streamfn._patterns.quick import text_at  # loaded by the table that has a pattern

    matchers = [branch.table.matcher for branch in branches]
    texts = {text for matcher in matchers if matcher for text in matcher.values}
    ways = {
        text: build([branch for branch in branches if _is_for(branch.table.matcher, text)]) for text in texts
    }
    others = build([branch for branch in branches if branch.table.matcher is None])
    text_of = text_at(path)

    def choose(record: RawRecord) -> Way | None:
        text = text_of(record)
        return by_each(record) if text is None else ways.get(text, others)

    return choose


def _is_for(matcher: Matcher | None, text: str) -> bool:
    return matcher is None or text in matcher.values
