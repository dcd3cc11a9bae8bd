"""Matchers: functions that tell whether a record is one that a pattern lets through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamfn._patterns.alternatives import Alternative, alternatives_of
from streamfn._patterns.plain import plain
from streamfn._patterns.quick import Matches, quick, texts_at
from streamfn._patterns.search import Record, Search
from streamfn._wire import is_map


@dataclass(frozen=True, eq=False, slots=True)
class Matcher:
    """Tells whether a record matches, when it is called or, sooner, by `matches`.

    `pattern` is what it was made of, as plain JSON. If a pattern asks no more than that the text at the end of one
    path is one of some values, `path` and `values` say so: one look-up of `quick.text_at(path)` then tells many such
    patterns apart. Otherwise `path` is None.
    """

    pattern: Mapping[str, object]
    matches: Matches
    path: tuple[str, ...] | None = None
    values: frozenset[str] = frozenset()

    def __call__(self, record: Record) -> bool:
        """Tell whether a record matches."""
        return self.matches(record)


def compiled(pattern: Mapping[str, object]) -> Matcher:
    """Make a matcher of a pattern; one that Lambda would not take is a `Misuse` that says where and why.

    >>> cards = compiled({"dynamodb": {"Keys": {"PK": {"S": [{"prefix": "CARD#"}]}}}})
    >>> cards({"eventName": "INSERT", "dynamodb": {"Keys": {"PK": {"S": "CARD#7"}}}})
    True
    """
    copy = plain("$", pattern)
    alternatives = alternatives_of(copy)
    matches = _any_of([_matches(alternative) for alternative in alternatives])
    path, values = _choice(alternatives)
    return Matcher(copy if is_map(copy) else {}, matches, path, values)


def _matches(alternative: Alternative) -> Matches:
    search = Search(alternative)
    return quick(alternative, search) or search


def _any_of(choices: list[Matches]) -> Matches:
    if len(choices) == 1:
        return choices[0]

    def matches(record: Record) -> bool:
        for choice in choices:  # noqa: SIM110 (a generator would take longer than the choices)
            if choice(record):
                return True
        return False

    return matches


def _choice(alternatives: list[Alternative]) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    """Give the path and the values of a pattern that is about the text of one field."""
    (path, wanted), *others = alternatives[0].items()
    if len(alternatives) == 1 and not others:
        steps = tuple(path.split("."))
        texts = texts_at(steps, wanted)
        if texts is not None and not (texts.starts or texts.ends):
            return steps, texts.values
    return None, frozenset()
