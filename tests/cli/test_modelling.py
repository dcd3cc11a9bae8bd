"""Proposed models: they can be run, read what was sampled, and hold nothing of it but names and types."""

from __future__ import annotations

import ast
import builtins
import keyword
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from returns.result import Success

from streamfn import AttributeValue, ConfigurationError, Image
from streamfn._records import is_map
from streamfn._tables import compiled_table
from streamfn.cli._modelling import (
    AttributeShape,
    Proposal,
    ScalarShape,
    Shape,
    StructShape,
    TableAttributes,
    module_of,
)
from tests.cli.commands import ROOT, objects
from tests.cli.items import Sample, module_for, samples, table_in

NO_KEYS = TableAttributes(None, None, None, {})


@given(samples())
@settings(max_examples=150)
def test_a_proposed_model_reads_what_was_sampled(sample: Sample) -> None:
    source = module_for(sample)
    table = table_in(source)
    for item in sample.items:
        assert isinstance(table.structure(item), Success), (source, table.structure(item).failure())
    assert [key.name for key in compiled_table(table).keys.attributes] == sample.keys.names


@given(samples())
def test_a_proposed_module_holds_no_values(sample: Sample) -> None:
    """Neither text nor what a set holds: names of attributes, and types, are all that is taken over."""
    hidden = [
        {name: value if name in sample.keys.names else _hidden(value) for name, value in item.items()}
        for item in sample.items
    ]
    assert PRIVATE not in module_for(Sample(hidden, sample.keys))


PRIVATE = "Zz9-private"
"""What stands for people's data."""


def _hidden(value: AttributeValue) -> AttributeValue:
    """Put private text wherever there is text."""
    ((tag, held),) = value.items()
    if tag in {"S", "SS"}:
        return {tag: PRIVATE if tag == "S" else [PRIVATE]}
    if tag == "L":
        return {tag: [_hidden(each) for each in objects(held)]}
    if is_map(held):
        return {tag: {key: _hidden(each) if is_map(each) else each for key, each in held.items()}}
    return value


@pytest.mark.parametrize("text", ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5+02:00"])
def test_text_is_a_time_if_all_of_it_is(text: str) -> None:
    no_time: list[AttributeValue] = [
        {"S": "2024-13-01T00:00:00Z"},
        {"S": "2024-01-01T00:00:00"},
        {"S": "2024-01-01"},
    ]
    moment: Image = {"seen": {"S": text}}
    assert "    seen: datetime\n" in module_for(Sample([moment], NO_KEYS))
    for each in no_time:
        assert "    seen: str\n" in module_for(Sample([moment, {"seen": each}], NO_KEYS))


@pytest.mark.parametrize(
    "maps",
    [
        [{"ada@example.com": {"N": "1"}, "x": {"S": "y"}}],  # no name
        [{"ada": {"N": "1"}, "bob": {"N": "2"}}],  # of one type
        [{"ada": {"N": "1"}, "x": {"S": "y"}}, {"bob": {"N": "2"}}, {"cy": {"S": "3"}}],  # none comes again
    ],
)
def test_keys_of_maps_that_may_be_data_are_not_told(maps: list[dict[str, AttributeValue]]) -> None:
    items: list[Image] = [{"votes": {"M": each}} for each in maps]
    source = module_for(Sample(items, NO_KEYS))
    assert "ada" not in source
    assert "votes: dict[str, " in source


def test_mypy_accepts_what_is_proposed(tmp_path: Path) -> None:
    """Of many samples at once, as strictly as it checks this project."""

    @given(samples())
    @settings(max_examples=60, phases=[Phase.generate])
    def propose(sample: Sample) -> None:
        number = len(list(tmp_path.iterdir()))
        (tmp_path / f"proposed_{number}.py").write_text(module_for(sample))

    propose()
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *map(str, tmp_path.iterdir())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


HOSTILE = sorted(
    {
        *dir(object),
        *dir(type),
        *dir(builtins),
        *keyword.kwlist,
        *keyword.softkwlist,
        *(
            "dataclass",
            "Table",
            "table",
            "Annotated",
            "Attribute",
            "PartitionKey",
            "datetime",
            "Decimal",
            "Things",
        ),
        *("self", "cls", "_", "__x", "__x__", "__slots__", "__post_init__", "fields", "mro_2", "dataclasses"),
        *(
            "a b",
            "a\nb",
            "a'b\"c\\",
            '"""',
            "é",
            "ﬁ",
            "\ud800",
            "1",
            "x" * 300,
            "{",
            "%s",
            "\u2028",
            "\x1b[31m",
            "-",
        ),
    }
)
"""Names that mean something to Python, to the module, or to what it is written with."""


def read_as(names: Sequence[str], table: str = "things", **markers: str) -> None:
    """Run the module for attributes of these names, which all are text, and have an item read and written by it."""
    text = AttributeShape(Shape((ScalarShape("str"),), nullable=False), always=True)
    source = module_of(Proposal(table, "Things", StructShape(dict.fromkeys(names, text)), markers, "an item"))
    proposed = table_in(source)
    image: Image = {name: {"S": f"value of {number}"} for number, name in enumerate(names)}
    item = proposed.structure(image).unwrap()
    assert proposed.unstructure(item) == image
    assert f"Items of {table}," in (ast.get_docstring(ast.parse(source), clean=False) or "")


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_an_attribute_may_have_any_name(name: str) -> None:
    read_as([name])
    read_as([*{name, "id"}], id="PartitionKey")


def test_attributes_may_have_all_of_these_names() -> None:
    read_as(HOSTILE)


@pytest.mark.parametrize("table", ['a"b', "a\nb", '"""\nraise SystemExit\n"""', "a\\", "{x}"])
def test_the_name_of_a_table_stays_text(table: str) -> None:
    """What asks AWS can be told any name, and some stand-ins take it."""
    with pytest.raises(ConfigurationError, match="Table takes the name of a table"):
        read_as(["id"], table)
