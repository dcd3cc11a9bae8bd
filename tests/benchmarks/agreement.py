"""Agreement: that every contender makes the same items of a load, so that none is measured on less work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import SupportsFloat, cast

from tests.benchmarks.contenders import Contender, Prepared
from tests.benchmarks.loads import Load


class Disagreement(Exception):
    """A contender made other items than streamfn."""


def check(load: Load, expected: Sequence[object], contender: Contender, prepared: Prepared) -> None:
    """Compare what a contender makes of a load with the items that streamfn makes; fails with `Disagreement`."""
    actual = [contender.plain(item) for item in prepared.items(load.whole)]
    if len(actual) != len(expected):
        raise Disagreement(f"{contender.name}, {load.name}: {len(actual)} items for {len(expected)}")
    for position, (one, other) in enumerate(zip(expected, actual, strict=True)):
        if not is_same(one, other):
            raise Disagreement(f"{contender.name}, {load.name}, {position}: {other!r} is not {one!r}")


def is_same(expected: object, actual: object) -> bool:
    """Tell whether a value says the same as one of streamfn's, in whatever classes a library has for it.

    >>> is_same((1, 2.5), [1, 2.5]), is_same(frozenset("a"), {"a"}), is_same(True, 1)
    (True, True, False)
    """
    if is_dataclass(expected):
        names = [field.name for field in fields(expected)]
        return all(is_same(getattr(expected, name), _field(actual, name)) for name in names)
    if isinstance(expected, tuple):
        elements = cast("tuple[object, ...]", expected)
        return (
            isinstance(actual, Sequence)
            and len(elements) == len(others := cast("Sequence[object]", actual))
            and all(map(is_same, elements, others))
        )
    if isinstance(expected, float):
        return isinstance(actual, SupportsFloat) and expected == float(actual)
    if isinstance(expected, bool) or expected is None:
        return expected is actual
    return expected == actual


def _field(item: object, name: str) -> object:
    """Take a field of an object, or an entry of a dictionary; one that is absent is None there."""
    if isinstance(item, Mapping):
        return cast("Mapping[str, object]", item).get(name)
    return cast("object", getattr(item, name))
