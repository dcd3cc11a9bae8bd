"""Made-up items of tables, as boto3 gives them, and the modules that are proposed for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from hypothesis import strategies as st

from streamfn import Image, Table
from streamfn._records import AttributeValue
from streamfn.cli._modelling import TableAttributes, module_of, proposed

NAMES = st.one_of(
    st.sampled_from(
        [
            "id",
            "title",
            "class",
            "int",
            "Owner",
            "owner",
            "unit-price",
            "unit_price",
            "__x",
            "Table",
            "none",
            "1st",
        ]
    ),
    st.sampled_from(
        ["dataclass", "None", "object", "Annotated", "table", "ﬁ", "größe", "_", "l", "items", "Item", ""]
    ),
    st.text(min_size=1, max_size=8),
).filter(bool)
"""Names of attributes, those that Python or the module itself would have trouble with among them."""

NUMBERS = st.one_of(
    st.integers(-(10**38), 10**38).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
)

SCALARS: st.SearchStrategy[AttributeValue] = st.one_of(
    st.text(max_size=5).map(lambda text: {"S": text}),
    st.datetimes(timezones=st.timezones()).map(lambda moment: {"S": moment.isoformat()}),
    NUMBERS.map(lambda number: {"N": number}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.binary(max_size=5).map(lambda held: {"B": held}),
    st.just({"NULL": True}),
    st.lists(st.text(max_size=5), min_size=1, unique=True).map(lambda texts: {"SS": texts}),
    st.lists(NUMBERS, min_size=1, unique=True).map(lambda numbers: {"NS": numbers}),
    st.lists(st.binary(max_size=5), min_size=1, unique=True).map(lambda held: {"BS": held}),
)


def _deeper(values: st.SearchStrategy[AttributeValue]) -> st.SearchStrategy[AttributeValue]:
    return st.one_of(
        st.lists(values, max_size=3).map(lambda held: {"L": held}),
        st.dictionaries(NAMES, values, max_size=3).map(lambda held: {"M": held}),
    )


VALUES: st.SearchStrategy[AttributeValue] = st.recursive(SCALARS, _deeper, max_leaves=6)


@dataclass(frozen=True)
class Sample:
    """Items of one table, and its keys."""

    items: Sequence[Image]
    keys: TableAttributes


KEYS: Mapping[str, st.SearchStrategy[AttributeValue]] = {
    "S": st.one_of(st.text(max_size=5), st.just("2024-01-01T00:00:00Z")).map(lambda text: {"S": text}),
    "N": NUMBERS.map(lambda number: {"N": number}),
    "B": st.binary(max_size=5).map(lambda held: {"B": held}),
}


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw items that have the keys of a table, some a time to live, and whatever else."""
    names = draw(st.lists(NAMES, min_size=1, max_size=7, unique=True))
    tags = {name: draw(st.sampled_from(["S", "N", "B"])) for name in names[:2]}
    rest = dict.fromkeys(names[2:], VALUES)
    expires = names[2] if len(names) > 2 and draw(st.booleans()) else None
    if expires is not None:
        rest[expires] = st.one_of(
            st.integers(0, 10**13).map(lambda number: {"N": str(number)}), KEYS["N"], VALUES
        )
    item = st.fixed_dictionaries({name: KEYS[tag] for name, tag in tags.items()}, optional=rest)
    items = draw(st.lists(item, min_size=1, max_size=5))
    keys = TableAttributes(names[0], names[1] if len(names) > 1 else None, expires, tags)
    return Sample(items, keys)


def module_for(sample: Sample) -> str:
    """Propose a module for a sample."""
    return module_of(proposed("prod-Card", sample.items, sample.keys))


def table_in(source: str) -> Table[object]:
    """Run a module, and give its table."""
    namespace: dict[str, object] = {"__name__": "proposed"}
    exec(compile(source, "proposed.py", "exec", dont_inherit=True), namespace)  # noqa: S102 (it has been proposed a moment ago)
    table = namespace["table"]
    assert isinstance(table, Table)
    return cast("Table[object]", table)  # isinstance knows the table, not of what
