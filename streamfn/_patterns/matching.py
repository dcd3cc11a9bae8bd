"""Matching a record: the general search, the compiled short form, and the matcher of a pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, cast

from streamfn._patterns.syntax import (
    Alternative,
    Comparable,
    FieldMatcher,
    alternatives_of,
    comparable,
    is_array,
    to_json,
)
from streamfn._records import is_map

# The search: looks for values of a record that together satisfy one alternative of a pattern.
#
# An array is searched as if its elements stood in its place. No two values may then come from different elements of
# the same array, unless they are the elements: all members of a set are values of its field. Fields are searched in
# the order of their paths, and a field that must be absent must be so in the elements that the fields before it leave
# open.

JsonRecord: TypeAlias = Mapping[str, object]

ArrayPath: TypeAlias = tuple[str | int, ...]
"""The path of an array in the record: names and indices from the top."""

ArrayIndices: TypeAlias = Mapping[ArrayPath, int]
"""The element of each array in which a value lies."""

Steps: TypeAlias = Sequence[Sequence[tuple[str, int]]]
"""At each part of a path, the names that an object may go on by, and the part after each: a name may have dots."""


class SearchField(NamedTuple):
    """A field that is wanted."""

    steps: Steps
    wanted: FieldMatcher


class FieldMatches(NamedTuple):
    """The elements with values of a field, those with values that satisfy it, and whether absence does."""

    anywhere: Sequence[ArrayIndices]
    satisfied: Sequence[ArrayIndices]
    absent: bool


class SearchMatcher:
    """Searches the fields of one alternative."""

    def __init__(self, alternative: Alternative) -> None:
        """Prepare the fields, in the order in which Java sorts their paths."""
        in_order = sorted(alternative, key=lambda path: path.encode("utf-16-be", "surrogatepass"))
        self._fields = [SearchField(_steps(path), alternative[path]) for path in in_order]

    def __call__(self, record: JsonRecord) -> bool:
        """Return whether a record satisfies the alternative."""
        found: list[FieldMatches] = []
        for field in self._fields:
            values = list(_values(record, field.steps, 0, (), {}))
            satisfied = [elements for value, elements in values if field.wanted.holds(value)]
            if not satisfied and not field.wanted.absent:
                return False
            found.append(
                FieldMatches(
                    _each_once(elements for _, elements in values), _each_once(satisfied), field.wanted.absent
                )
            )
        return _agree(found, {})


def _steps(path: str) -> Steps:
    parts = path.split(".")
    after = range(1, len(parts) + 1)
    return [[(".".join(parts[at:end]), end) for end in after[at:]] for at in range(len(parts))]


def _values(
    part: object, steps: Steps, at: int, place: ArrayPath, elements: ArrayIndices
) -> Iterator[tuple[Comparable, ArrayIndices]]:
    """Find the values at the end of a path, each with the elements of arrays that it is in."""
    if is_map(part):
        for name, after in steps[at] if at < len(steps) else ():
            if name in part:
                yield from _values(part[name], steps, after, (*place, name), elements)
    elif is_array(part):
        for index, element in enumerate(part):
            if is_map(element) or is_array(element):
                yield from _values(element, steps, at, (*place, index), {**elements, place: index})
            else:
                yield from _values(element, steps, at, place, elements)
    elif at == len(steps):
        yield comparable(part), elements


def _each_once(places: Iterable[ArrayIndices]) -> list[ArrayIndices]:
    return list({frozenset(elements.items()): elements for elements in places}.values())


def _agree(found: Sequence[FieldMatches], so_far: ArrayIndices) -> bool:
    """Return whether values in the same elements can satisfy the fields, together with the elements chosen so far."""
    if not found:
        return True
    (anywhere, satisfied, absent), *others = found
    if absent and all(_joined(so_far, elements) is None for elements in anywhere) and _agree(others, so_far):
        return True
    joined = (_joined(so_far, elements) for elements in satisfied)
    return any(elements is not None and _agree(others, elements) for elements in joined)


def _joined(so_far: ArrayIndices, elements: ArrayIndices) -> ArrayIndices | None:
    """Add these elements to the chosen ones; None if they are other elements of the same arrays."""
    for place, index in elements.items():
        if so_far.get(place, index) != index:
            return None
    return {**so_far, **elements}


# The short form: functions compiled for alternatives whose fields are near the top of a record, as most are.
#
# These follow the names without type checks, and compare text in its plain form. Unusual values on the way (an array,
# or no object) are left to the search. A missing value raises no exception.

Matches: TypeAlias = Callable[[JsonRecord], bool]

Tree: TypeAlias = dict[str, "Tree | int"]
"""The names to follow from an object, and at the end of each path the number of its field."""

_DEEPEST: Final = 4
"""The length of the path to an attribute: `dynamodb`, an image, a name, a type tag.

Further down a name with dots could stand for the way into a map.
"""

_BINARY: Final = ("B", "BS")
"""The type tags under which boto3 hands over bytes, which have to become text first."""

_ALWAYS_THERE: Final = (("dynamodb",), ("dynamodb", "Keys"))
_NOTHING: Final = object()


class TextConditions(NamedTuple):
    """Texts that are wanted, and how text may begin or end."""

    values: frozenset[str]
    starts: tuple[str, ...]
    ends: tuple[str, ...]


def compile_short(alternative: Alternative, search: Matches) -> Matches | None:
    """Write a function for an alternative, unless it has to be searched for."""
    tree: Tree = {}
    names: dict[str, object] = {"search": search, "empty": {}, "nothing": _NOTHING}
    checks: list[str] = []
    for number, path in enumerate(sorted(alternative, key=lambda path: path.count("."))):
        wanted, steps = alternative[path], tuple(path.split("."))
        if len(steps) > _DEEPEST:
            return None
        texts = texts_at(steps, wanted)
        if texts is not None and _put(tree, steps, number):
            names[f"texts_{number}"], names[f"starts_{number}"], names[f"ends_{number}"] = texts
        else:
            names[f"holds_{number}"] = _check(wanted)
            checks.append(f"if not (holds_{number}(record{_chain(steps)})): return False")
    *lines, last = [*_lines(tree, (), names, "False"), *checks]
    last = last.replace("if not", "return", 1).removesuffix(": return False")
    return cast(
        "Matches", _function([*lines, last], "search(record)", names)
    )  # of a record, and it tells whether


def text_at(steps: Sequence[str]) -> Callable[[JsonRecord], str | None]:
    """Write a function for the text at the end of a path, by which to choose among patterns; nothing, if none is."""
    tree: Tree = {}
    _put(tree, steps, 0)
    *lines, _ = _lines(tree, (), {}, "None")
    lines.append("return value if isinstance(value, str) else None")
    return cast("Callable[[JsonRecord], str | None]", _function(lines, "None", {}))  # see its lines


def texts_at(steps: Sequence[str], wanted: FieldMatcher) -> TextConditions | None:
    """Return the wanted texts at the end of a path; None if other values are wanted as well.

    If a beginning ends with the quote around text, or an end starts with it, only a comparison in JSON form sees that
    quote.
    """
    values = frozenset(value[1:-1] for value in wanted.values if isinstance(value, str) and value[0] == '"')
    starts = tuple(start[1:] for start in wanted.starts)
    ends = tuple(end[:-1] for end in wanted.ends)
    if wanted.tests or wanted.absent or len(values) < len(wanted.values) or steps[-1] in _BINARY:
        return None
    if any(start.endswith('"') for start in starts) or any(end.startswith('"') for end in ends):
        return None
    return TextConditions(values, starts, ends) if len(steps) <= _DEEPEST else None


def _put(tree: Tree, steps: Sequence[str], number: int) -> bool:
    """Add a path to the tree, unless another ends on its way, or goes on where it ends."""
    for name in steps[:-1]:
        below = tree.setdefault(name, {})
        if isinstance(below, int):
            return False
        tree = below
    return tree.setdefault(steps[-1], number) == number


def _lines(tree: Tree, way: tuple[str, ...], names: Mapping[str, object], absent: str) -> Iterator[str]:
    """Yield the statements that follow a tree, and return `absent` if a name is missing."""
    here = f"part_{len(way)}" if way else "record"
    for name, below in tree.items():
        if isinstance(below, int):
            yield f"value = {here}.get({name!r})"
            asked = [
                *[f"value in texts_{below}"] * bool(names.get(f"texts_{below}")),
                *[f"value is not None and value.startswith(starts_{below})"]
                * bool(names.get(f"starts_{below}")),
                *[f"value is not None and value.endswith(ends_{below})"] * bool(names.get(f"ends_{below}")),
            ]
            yield f"if not ({' or '.join(asked)}): return False"
        else:
            there = f"part_{len(way) + 1}"
            if (*way, name) in _ALWAYS_THERE:
                yield f"{there} = {here}[{name!r}]"
            else:
                yield f"{there} = {here}.get({name!r})"
                yield f"if {there} is None: return {absent}"
            yield from _lines(below, (*way, name), names, absent)


def _chain(steps: tuple[str, ...]) -> str:
    """Write an expression that follows a path and returns the value at its end, or `nothing`."""
    way = (
        f"[{name!r}]" if steps[: at + 1] in _ALWAYS_THERE else f".get({name!r}, empty)"
        for at, name in enumerate(steps[:-1])
    )
    return f"{''.join(way)}.get({steps[-1]!r}, nothing)"


def _check(wanted: FieldMatcher) -> Callable[[object], bool]:
    """Return a function that tests the value at the end of a path."""

    def holds(value: object) -> bool:
        if value is _NOTHING:
            return wanted.absent
        if is_map(value) or is_array(value):
            raise TypeError  # the search decides
        return wanted.holds(comparable(value))

    return holds


def _function(lines: Sequence[str], otherwise: str, names: Mapping[str, object]) -> object:
    """Compile statements into a function that returns `otherwise` if the statements cannot follow a record."""
    body = "".join(f"        {line}\n" for line in lines)
    text = (
        f"def written(record):\n    try:\n{body}"
        f"    except (AttributeError, KeyError, TypeError):\n        return {otherwise}\n"
    )
    space = dict(names)
    exec(compile(text, "<streamfn: pattern>", "exec"), space)  # noqa: S102 (names in it are written as literals)
    return space["written"]


# Matchers: functions that return whether a pattern passes a record.


@dataclass(frozen=True, eq=False, slots=True)
class Matcher:
    """Returns whether a record matches, when called or, faster, by `matches`.

    `pattern` is its source, as plain JSON. If a pattern's only condition is that the text at the end of one path is
    one of some values, `path` and `values` hold these: one look-up of `text_at(path)` then decides between many
    such patterns. Otherwise `path` is None.
    """

    pattern: Mapping[str, object]
    matches: Matches
    path: tuple[str, ...] | None = None
    values: frozenset[str] = frozenset()

    def __call__(self, record: JsonRecord) -> bool:
        """Return whether a record matches."""
        return self.matches(record)


def compile_pattern(pattern: Mapping[str, object]) -> Matcher:
    """Compile a pattern; raise `ConfigurationError`, with the place and the reason, for one that Lambda would refuse.

    >>> cards = compile_pattern({"dynamodb": {"Keys": {"PK": {"S": [{"prefix": "CARD#"}]}}}})
    >>> cards({"eventName": "INSERT", "dynamodb": {"Keys": {"PK": {"S": "CARD#7"}}}})
    True
    """
    copy = to_json("$", pattern)
    alternatives = alternatives_of(copy)
    matches = _any_of([_matches(alternative) for alternative in alternatives])
    path, values = _choice(alternatives)
    return Matcher(copy if is_map(copy) else {}, matches, path, values)


def _matches(alternative: Alternative) -> Matches:
    search = SearchMatcher(alternative)
    return compile_short(alternative, search) or search


def _any_of(choices: list[Matches]) -> Matches:
    if len(choices) == 1:
        return choices[0]

    def matches(record: JsonRecord) -> bool:
        for choice in choices:  # noqa: SIM110 (a generator would take longer than the choices)
            if choice(record):
                return True
        return False

    return matches


def _choice(alternatives: list[Alternative]) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    """Return the path and the values of a pattern on the text of one field."""
    (path, wanted), *others = alternatives[0].items()
    if len(alternatives) == 1 and not others:
        steps = tuple(path.split("."))
        texts = texts_at(steps, wanted)
        if texts is not None and not (texts.starts or texts.ends):
            return steps, texts.values
    return None, frozenset()
