"""Search: looking for values of a record that satisfy one alternative of a pattern together.

An array is looked into as if its elements stood in its place. No two values may then come from different elements
of the same array, unless they are the elements: all of a set are values of its field. Fields are looked for in the
order of their paths, and one that is to be absent must be so among what the fields before it leave open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from streamfn._patterns.alternatives import Alternative
from streamfn._patterns.plain import is_array
from streamfn._patterns.values import Comparable, comparable
from streamfn._patterns.wanted import Wanted
from streamfn._wire import is_map

Record: TypeAlias = Mapping[str, object]

Place: TypeAlias = tuple[str | int, ...]
"""Where an array is in the record: names and indices from the top."""

Elements: TypeAlias = Mapping[Place, int]
"""Which element of which arrays values are in."""

Steps: TypeAlias = Sequence[Sequence[tuple[str, int]]]
"""At each part of a path, the names that an object may go on by, and the part after each: a name may have dots."""


class Field(NamedTuple):
    """A field that is wanted."""

    steps: Steps
    wanted: Wanted


class Found(NamedTuple):
    """Where values of a field are, and where those are that satisfy it; and whether absence does."""

    anywhere: Sequence[Elements]
    satisfied: Sequence[Elements]
    absent: bool


class Search:
    """Looks for the fields of one alternative."""

    def __init__(self, alternative: Alternative) -> None:
        """Prepare the fields, in the order in which Java sorts their paths."""
        in_order = sorted(alternative, key=lambda path: path.encode("utf-16-be", "surrogatepass"))
        self._fields = [Field(_steps(path), alternative[path]) for path in in_order]

    def __call__(self, record: Record) -> bool:
        """Tell whether a record satisfies the alternative."""
        found: list[Found] = []
        for field in self._fields:
            values = list(_values(record, field.steps, 0, (), {}))
            satisfied = [elements for value, elements in values if field.wanted.holds(value)]
            if not satisfied and not field.wanted.absent:
                return False
            found.append(
                Found(
                    _each_once(elements for _, elements in values), _each_once(satisfied), field.wanted.absent
                )
            )
        return _agree(found, {})


def _steps(path: str) -> Steps:
    parts = path.split(".")
    after = range(1, len(parts) + 1)
    return [[(".".join(parts[at:end]), end) for end in after[at:]] for at in range(len(parts))]


def _values(
    part: object, steps: Steps, at: int, place: Place, elements: Elements
) -> Iterator[tuple[Comparable, Elements]]:
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


def _each_once(places: Iterable[Elements]) -> list[Elements]:
    return list({frozenset(elements.items()): elements for elements in places}.values())


def _agree(found: Sequence[Found], so_far: Elements) -> bool:
    """Tell whether the fields can be satisfied by values that are in the same elements, and in those so far."""
    if not found:
        return True
    (anywhere, satisfied, absent), *others = found
    if absent and all(_joined(so_far, elements) is None for elements in anywhere) and _agree(others, so_far):
        return True
    joined = (_joined(so_far, elements) for elements in satisfied)
    return any(elements is not None and _agree(others, elements) for elements in joined)


def _joined(so_far: Elements, elements: Elements) -> Elements | None:
    """Be in these elements as well, unless they are others of the same arrays."""
    for place, index in elements.items():
        if so_far.get(place, index) != index:
            return None
    return {**so_far, **elements}
