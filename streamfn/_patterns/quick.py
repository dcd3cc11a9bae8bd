"""Quick: functions written for alternatives whose fields are near the top of a record, as most are.

They follow the names without asking what is there, and see text without making it comparable. What is not as records
usually are, an array or no object on the way, they leave to the search. What is not there costs them no exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, cast

from streamfn._patterns.alternatives import Alternative
from streamfn._patterns.plain import is_array
from streamfn._patterns.search import Record
from streamfn._patterns.values import comparable
from streamfn._patterns.wanted import Wanted
from streamfn._wire import is_map

Matches: TypeAlias = Callable[[Record], bool]

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


class Texts(NamedTuple):
    """Texts that are wanted, and how text may begin or end."""

    values: frozenset[str]
    starts: tuple[str, ...]
    ends: tuple[str, ...]


def quick(alternative: Alternative, search: Matches) -> Matches | None:
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


def text_at(steps: Sequence[str]) -> Callable[[Record], str | None]:
    """Write a function for the text at the end of a path, by which to choose among patterns; nothing, if none is."""
    tree: Tree = {}
    _put(tree, steps, 0)
    *lines, _ = _lines(tree, (), {}, "None")
    lines.append("return value if isinstance(value, str) else None")
    return cast("Callable[[Record], str | None]", _function(lines, "None", {}))  # see its lines


def texts_at(steps: Sequence[str], wanted: Wanted) -> Texts | None:
    """Give the texts that are wanted at the end of a path, if nothing but text is.

    Where a beginning ends with the quote around text, or an end begins with it, that quote is seen only by what
    compares values in their form in JSON.
    """
    values = frozenset(value[1:-1] for value in wanted.values if isinstance(value, str) and value[0] == '"')
    starts = tuple(start[1:] for start in wanted.starts)
    ends = tuple(end[:-1] for end in wanted.ends)
    if wanted.tests or wanted.absent or len(values) < len(wanted.values) or steps[-1] in _BINARY:
        return None
    if any(start.endswith('"') for start in starts) or any(end.startswith('"') for end in ends):
        return None
    return Texts(values, starts, ends) if len(steps) <= _DEEPEST else None


def _put(tree: Tree, steps: Sequence[str], number: int) -> bool:
    """Add a path to the tree, unless another ends on its way, or goes on where it ends."""
    for name in steps[:-1]:
        below = tree.setdefault(name, {})
        if isinstance(below, int):
            return False
        tree = below
    return tree.setdefault(steps[-1], number) == number


def _lines(tree: Tree, way: tuple[str, ...], names: Mapping[str, object], absent: str) -> Iterator[str]:
    """Write the statements that follow a tree, and answer what is said if a name is absent; the last is of a field."""
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
    """Write how a path is followed to what is at its end, or to nothing."""
    way = (
        f"[{name!r}]" if steps[: at + 1] in _ALWAYS_THERE else f".get({name!r}, empty)"
        for at, name in enumerate(steps[:-1])
    )
    return f"{''.join(way)}.get({steps[-1]!r}, nothing)"


def _check(wanted: Wanted) -> Callable[[object], bool]:
    """Make a function of what is at the end of a path, whatever is wanted there."""

    def holds(value: object) -> bool:
        if value is _NOTHING:
            return wanted.absent
        if is_map(value) or is_array(value):
            raise TypeError  # which the search is the answer to
        return wanted.holds(comparable(value))

    return holds


def _function(lines: Sequence[str], otherwise: str, names: Mapping[str, object]) -> object:
    """Make a function of statements, and of what it answers if they cannot follow a record."""
    body = "".join(f"        {line}\n" for line in lines)
    text = (
        f"def written(record):\n    try:\n{body}"
        f"    except (AttributeError, KeyError, TypeError):\n        return {otherwise}\n"
    )
    space = dict(names)
    exec(compile(text, "<streamfn: pattern>", "exec"), space)  # noqa: S102 (names in it are written as literals)
    return space["written"]
