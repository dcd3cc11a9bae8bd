"""Whatever a class, an attribute or a value is called, it stays text, and no part of the program that is generated."""

from __future__ import annotations

import gc
import linecache
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from enum import Enum, StrEnum
from types import GenericAlias
from typing import Annotated, Literal, cast

import pytest

from streamfn import Attribute, ConfigurationError, Image, PartitionKey, Table, explain, make_converter
from streamfn._tables import compiled_table

RAN: list[str] = []
CODE = "__import__('tests.decoding.test_hostile_names', fromlist=['x']).RAN.append('it ran')"

BREAKS = {
    "\n": "a line feed",
    "\r": "a carriage return",
    "\r\n": "both",
    "\x0c": "a form feed",
    "\x0b": "a tab",
    "\x1c": "a separator",
    "\x85": "a next line",
    "\u2028": "a line separator",
    "\u2029": "a paragraph",
}


@pytest.fixture(autouse=True)
def _nothing_ran() -> Iterator[None]:
    RAN.clear()
    yield
    assert RAN == []


def table_of(title: str, *fields: tuple[str, object]) -> Table[object]:
    """Declare a table of a class with this name, as one that is made of the title of a schema."""
    made = make_dataclass(title, [("id", Annotated[str, PartitionKey]), *fields], frozen=True, slots=True)
    return cast("Table[object]", Table("things", made))


def round_trip(table: Table[object], **fields: object) -> None:
    """Write an item, and read it by the generated function, which no hook steps in for."""
    item = cast("type", table.model)(id="x", **fields)
    image = table.unstructure(item)
    assert compiled_table(table).decode(image) == item
    assert table.structure(image).unwrap() == item


@pytest.mark.parametrize("end", BREAKS, ids=BREAKS.values())
def test_the_name_of_a_class_ends_no_line(end: str) -> None:
    table = table_of(f"Card{end}{CODE}{end}#", ("note", str | None))
    round_trip(table, note="hello")
    assert len(explain(table).splitlines()) == len(
        explain(table_of("Card", ("note", str | None))).splitlines()
    )


@pytest.mark.parametrize(
    "title",
    [
        "__builtins__",
        "__name__",
        "len",
        "type",
        "StructureError",
        "image",
        "read_id",
        "class",
        "",
        '"""',
        "\\",
        "a b",
        "é",
        "\x1b[31m",
        "{0}",
        "%s",
        "x" * 5_000,
    ],
    ids=lambda title: ascii(title[:20]),
)
def test_whatever_a_class_is_called_it_can_be_read(title: str) -> None:
    table = table_of(title, ("note", str | None), ("numbers", tuple[int, ...]))
    round_trip(table, note="hello", numbers=(1, 2))


class Name(StrEnum):
    """A text with a way of its own to be shown."""

    STRANGE = "a'b\"c\n\\"
    PLAIN = "plain"


class Mixed(str, Enum):  # noqa: UP042 (the older way, which shows itself as Mixed.PLAIN)
    """The same, in the older way."""

    STRANGE = "d'e\"f\r\\"
    PLAIN = "simple"


@pytest.mark.parametrize(
    "attribute",
    [
        "a'b\"c\n\\",
        f"x']\n{CODE}\n#",
        '"""',
        "\ud800",
        "{0}",
        "{",
        "%s",
        "class",
        "__class__",
        "mro",
        "\u2028",
        *Name,
        *Mixed,
    ],
    ids=ascii,
)
def test_whatever_an_attribute_is_called_it_can_be_read(attribute: str) -> None:
    table = table_of("Card", ("note", Annotated[str, Attribute(attribute)]))
    round_trip(table, note="hello")
    optional = table_of("Card", ("note", Annotated[str | None, Attribute(attribute)]))
    round_trip(optional, note=None)


def test_whatever_a_value_is_it_can_be_told_from_others() -> None:
    kinds = ["g\n\\", f"x': 0}}\n{CODE}\n#", "\ud800", Name.STRANGE, Mixed.STRANGE]
    kind = "ki\n'nd"
    models = [
        make_dataclass(
            f"Model{number}",
            [("id", Annotated[str, PartitionKey]), ("kind", Annotated[Literal[each], Attribute(kind)])],
            frozen=True,
        )
        for number, each in enumerate(kinds)
    ]
    union: object = models[0]
    for model in models[1:]:
        union = union | model
    table = cast("Table[object]", Table("things", cast("type", union)))
    for model, each in zip(models, kinds, strict=True):
        item = model("x", each)
        assert compiled_table(table).decode(table.unstructure(item)) == item


def nested(kind: str, levels: int) -> tuple[object, object]:
    """Make a type of so many levels, and a value of it."""
    hint, value = cast("object", str), cast("object", "deep")
    for _ in range(levels):
        hint, value = LEVELS[kind](hint, value)
    return hint, value


def of_lists(hint: object, value: object) -> tuple[object, object]:
    return GenericAlias(list, (hint,)), [value]


def of_maps(hint: object, value: object) -> tuple[object, object]:
    return GenericAlias(dict, (str, hint)), {"k": value}


def of_tuples(hint: object, value: object) -> tuple[object, object]:
    return GenericAlias(tuple, (hint, ...)), (value,)


def of_fixed_tuples(hint: object, value: object) -> tuple[object, object]:
    return GenericAlias(tuple, (int, hint)), (1, value)


def of_unions(hint: object, value: object) -> tuple[object, object]:
    return GenericAlias(list, (hint,)) | bool, [value]


LEVELS = {
    "lists": of_lists,
    "maps": of_maps,
    "tuples": of_tuples,
    "fixed tuples": of_fixed_tuples,
    "unions": of_unions,
}


@pytest.mark.parametrize("levels", [16, 20, 21, 32])
@pytest.mark.parametrize("kind", LEVELS)
def test_a_type_may_be_as_deep_as_dynamodb_nests(kind: str, levels: int) -> None:
    hint, value = nested(kind, levels)
    round_trip(table_of("Deep", ("value", hint)), value=value)


@pytest.mark.parametrize("kind", LEVELS)
def test_a_deeper_type_is_refused_where_it_is_declared(kind: str) -> None:
    for levels in (33, 60):
        hint, _ = nested(kind, levels)
        with pytest.raises(
            ConfigurationError, match=r"Deep\.value: a type nests lists or maps in more than 32 levels"
        ):
            table_of("Deep", ("value", hint))
    with pytest.raises(ConfigurationError, match="more than 32 levels"):
        make_converter().get_structure_hook(nested(kind, 33)[0])


@dataclass(frozen=True)
class Node:
    """A model of itself, whose depth is that of its data."""

    id: Annotated[str, PartitionKey]
    below: tuple[Node, ...] = ()
    lists: list[list[list[str]]] = field(default_factory=list)


def test_a_recursive_model_is_as_deep_as_its_data() -> None:
    table = Table("nodes", Node)
    node = Node("0")
    for number in range(1, 16):
        node = Node(str(number), (node,), [[["x"]]])
    assert compiled_table(table).decode(table.unstructure(node)) == node


def files() -> set[str]:
    """The generated modules whose lines are kept for tracebacks."""
    gc.collect()
    return {file for file in linecache.cache if file.startswith("<streamfn: ") and linecache.getlines(file)}


def test_the_lines_of_a_table_are_kept_as_long_as_it_is() -> None:
    before = files()
    tables = [table_of("Dynamic", ("note", str)) for _ in range(3)]
    assert len(files() - before) == 3
    kept = tables.pop()
    tables.clear()
    (file,) = files() - before
    assert explain(kept) == "".join(linecache.getlines(file))
    del kept
    assert files() == before


def test_a_table_that_goes_takes_no_name_from_who_goes_through_them() -> None:
    """As `linecache.checkcache` does for each traceback, and garbage is collected at any moment."""
    table = table_of("Passing", ("note", str))
    names = set(linecache.cache)
    assert explain(table)
    del table
    gc.collect()
    assert names <= set(linecache.cache)
    another = table_of("Another", ("note", str))
    assert "<streamfn: Passing>" not in linecache.cache
    assert explain(another)


def test_an_explanation_leaves_no_lines_behind() -> None:
    before = files()
    assert "def structure_Node(image):" in explain(Node)
    assert files() == before


def test_a_traceback_shows_the_lines_of_the_table_that_it_is_about() -> None:
    table, _other = table_of("Shown", ("note", str)), table_of("Shown", ("note", str))
    image = cast("Image", {"id": {"S": "x"}})
    with pytest.raises(KeyError) as raised:
        compiled_table(table).decode(image)
    assert 'value = image["note"]' in "".join(traceback.format_exception(raised.value))
