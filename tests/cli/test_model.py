"""`streamfn model`: a table of a local AWS, and files."""

from __future__ import annotations

import json
import sys
from importlib import import_module, invalidate_caches
from pathlib import Path

import boto3
import pytest

from streamfn import ConfigurationError, Image
from streamfn._tables import compiled_table
from streamfn.cli._modelling import (
    DescribeTableKeysOutput,
    DescribeTimeToLiveOutput,
    ScanOutput,
    TableAttributes,
    fetch_table_attributes,
    module_of,
    proposed,
    read_items,
    scanned,
)
from tests.cli.commands import call
from tests.cli.items import table_in

ITEMS: list[dict[str, dict[str, object]]] = [
    {
        "id": {"N": "1"},
        "title": {"S": "2024-01-01T00:00:00Z"},
        "class": {"S": "x"},
        "unit-price": {"N": "9.90"},
        "seen": {"S": "2024-01-01T00:00:00Z"},
        "tags": {"SS": ["a"]},
        "owner": {"M": {"name": {"S": "ada"}, "age": {"N": "3"}}},
        "lines": {"L": [{"M": {"sku": {"S": "1"}, "n": {"N": "1"}}}, {"M": {"sku": {"S": "2"}}}]},
        "expires": {"N": "1700000000"},
        "int": {"BOOL": True},
        "votes": {"M": {"ada": {"N": "1"}}},
    },
    {
        "id": {"N": "2"},
        "title": {"S": "hello"},
        "class": {"N": "1"},
        "owner": {"M": {"name": {"S": "bob"}}},
        "nothing": {"NULL": True},
        "l": {"L": []},
        "owners": {"L": [{"M": {"name": {"S": "bob"}, "age": {"N": "1"}}}]},
    },
]

SOURCE = '''\
"""Items of prod-cards, proposed from a sample of 2 items: a beginning, to be read and mended."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from streamfn import Attribute, PartitionKey, SortKey, Table, TimeToLive


@dataclass(frozen=True, slots=True)
class Line:
    sku: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    name: str
    age: int | None = None


@dataclass(frozen=True, slots=True)
class CardOwner:
    age: int
    name: str


@dataclass(frozen=True, slots=True)
class Card:
    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    class_: Annotated[int | str, Attribute("class")]
    owner: Owner
    expires: Annotated[datetime, TimeToLive] | None = None
    int_: Annotated[bool, Attribute("int")] | None = None
    l: tuple[object, ...] | None = None
    lines: tuple[Line, ...] | None = None
    nothing: object = None
    owners: tuple[CardOwner, ...] | None = None
    seen: datetime | None = None
    tags: frozenset[str] = frozenset()
    unit_price: Annotated[Decimal, Attribute("unit-price")] | None = None
    votes: dict[str, int] | None = None


table = Table("prod-cards", Card)
'''


@pytest.fixture(scope="module")
def table(running: str) -> str:
    client = boto3.client("dynamodb", endpoint_url=running)
    client.create_table(
        TableName="prod-cards",
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "title", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "N"},
            {"AttributeName": "title", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.update_time_to_live(
        TableName="prod-cards", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
    )
    for item in ITEMS:
        client.put_item(TableName="prod-cards", Item=item)
    return "prod-cards"


def test_a_model_is_proposed_from_a_table(table: str, running: str) -> None:
    ran = call("model", "--table", table, "--endpoint-url", running)
    assert ran == (0, SOURCE, "")
    limited = call("model", "--table", table, "--endpoint-url", running, "--limit", "1", "--json").document
    assert (limited["samples"], limited["model"]) == (1, "Card")


def test_a_model_is_proposed_from_a_file(tmp_path: Path) -> None:
    """Whose lines are items as they are, or as exports wrap them."""
    path = tmp_path / "items.jsonl"
    path.write_text(f"{json.dumps(ITEMS[0])}\n\n{json.dumps({'Item': ITEMS[1]})}\n")
    keys = ("--partition-key", "id", "--sort-key", "title", "--time-to-live", "expires")
    ran = call("model", "--table", "prod-cards", "--file", str(path), *keys)
    assert ran == (0, SOURCE, "")
    assert "class Thing:" in call("model", "--table", "t", "--file", str(path), "--name", "Thing").out


def test_an_attribute_may_be_called_item(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"Item": {"S": "x"}}\n')
    assert read_items(path, 10) == [{"Item": {"S": "x"}}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no items"),
        ('{"id": {"N": "1"}}\nsecret\n', "items.jsonl, line 2: expected an item in DynamoDB's JSON"),
        ("[1]\n", "line 1: expected an item"),
        ('{"id": {"N": "secret"}}\n', "line 1: expected an item"),
        ('{"id": 1}\n', "line 1: expected an item"),
        ('{"other": {"N": "1"}}\n', "id is no key of these items: one of them is without it"),
        ('{"id": {"BOOL": true}}\n', "a key is text, a number or binary in all of them"),
    ],
)
def test_a_file_that_will_not_do_is_a_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(text)
    ran = call("model", "--table", "prod-cards", "--file", str(path), "--partition-key", "id")
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize("kind", ["L", "M"])
@pytest.mark.parametrize("levels", [33, 100, 300, 5_000])
def test_an_item_that_dynamodb_could_not_have_stored_is_none(tmp_path: Path, kind: str, levels: int) -> None:
    """A module that says its type would not be imported."""
    path = tmp_path / "items.jsonl"
    path.write_text(_nested(kind, levels))
    ran = call("model", "--table", "prod-cards", "--file", str(path), "--partition-key", "id")
    assert (ran.code, ran.out) == (2, "")
    assert "items.jsonl, line 1: expected an item" in ran.err


@pytest.mark.parametrize("kind", ["L", "M"])
def test_an_item_as_deep_as_dynamodb_stores_has_a_model(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(_nested(kind, 32))
    ran = call("model", "--table", "prod-cards", "--file", str(path), "--partition-key", "id")
    assert ran.code == 0
    (tmp_path / f"deep_{kind}.py").write_text(ran.out)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    invalidate_caches()
    assert import_module(f"deep_{kind}").table.name == "prod-cards"


def _nested(kind: str, levels: int) -> str:
    opening, closing = {"L": ('{"L": [', "]}"), "M": ('{"M": {"a b": ', "}}")}[kind]
    return f'{{"id": {{"N": "1"}}, "deep": {opening * levels}{{"S": "x"}}{closing * levels}}}\n'


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="could not be read"):
        read_items(tmp_path / "nowhere", 1)
    (tmp_path / "binary").write_bytes(b"\xff\n")
    with pytest.raises(ConfigurationError, match="no text in UTF-8"):
        read_items(tmp_path / "binary", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--table", "t", "--sort-key", "x"), "name them only with --file"),
        ((), "--table"),
        (("--table", "prod-nothing"), "AWS refused: ResourceNotFoundException"),
    ],
)
def test_a_mistake_is_a_line(arguments: tuple[str, ...], said: str, running: str) -> None:
    ran = call("model", *arguments, "--endpoint-url", running)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(("table", "name"), [("a table", None), ("t", "card"), ("t", "a b")])
def test_names_that_nothing_has_are_refused(table: str, name: str | None) -> None:
    with pytest.raises(ConfigurationError):
        proposed(table, [], TableAttributes(None, None, None, {}), name)


class Pages:
    """A table whose scans come in pages of one item."""

    def __init__(self, status: str = "ENABLED") -> None:
        self.status = status
        self.limits: list[int] = []

    def describe_table(self, *, TableName: str) -> DescribeTableKeysOutput:
        assert TableName == "prod-Card"
        return {
            "Table": {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "B"}],
            }
        }

    def describe_time_to_live(self, *, TableName: str) -> DescribeTimeToLiveOutput:
        assert TableName == "prod-Card"
        return {"TimeToLiveDescription": {"AttributeName": "expires", "TimeToLiveStatus": self.status}}

    def scan(self, *, TableName: str, Limit: int, ExclusiveStartKey: Image | None = None) -> ScanOutput:
        assert TableName == "prod-Card"
        self.limits.append(Limit)
        number = 1 if ExclusiveStartKey is None else int(str(ExclusiveStartKey["id"]["N"])) + 1
        item: Image = {"id": {"N": str(number)}}
        return {"Items": [item], "LastEvaluatedKey": item} if number < 5 else {"Items": [item]}


def test_a_scan_goes_on_until_there_are_enough_or_no_more() -> None:
    pages = Pages()
    assert len(scanned(pages, "prod-Card", 3)) == 3
    assert pages.limits == [3, 2, 1]
    assert len(scanned(pages, "prod-Card", 100)) == 5


def test_a_time_to_live_that_is_switched_off_is_none() -> None:
    assert fetch_table_attributes(Pages(), "prod-Card") == TableAttributes("id", None, "expires", {"id": "B"})
    assert fetch_table_attributes(Pages("DISABLED"), "prod-Card").time_to_live is None


def test_a_table_without_items_has_its_keys() -> None:
    source = module_of(proposed("prod-Card", [], fetch_table_attributes(Pages(), "prod-Card")))
    assert "    id: Annotated[bytes, PartitionKey]\n" in source
    assert compiled_table(table_in(source)).keys.partition == ("id", "B")


def test_items_without_attributes_have_a_model_without_fields() -> None:
    assert "class Item:\n    pass\n" in module_of(proposed("-", [{}], TableAttributes(None, None, None, {})))


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["1700000000"], "Annotated[datetime, TimeToLive]"),
        (["9999999999999"], "Annotated[int, TimeToLive]"),
        (["-1"], "Annotated[int, TimeToLive]"),
        (["1.5"], "Annotated[Decimal, TimeToLive]"),
    ],
)
def test_a_time_to_live_is_a_datetime_if_all_samples_are(values: list[str], written: str) -> None:
    items: list[Image] = [{"expires": {"N": value}} for value in values]
    source = module_of(proposed("things", items, TableAttributes(None, None, "expires", {})))
    assert f"    expires: {written}\n" in source
    assert compiled_table(table_in(source)).keys.time_to_live == "expires"


def test_a_time_to_live_that_is_no_number_is_not_marked() -> None:
    items: list[Image] = [{"expires": {"S": "soon"}}]
    assert "TimeToLive" not in module_of(proposed("t", items, TableAttributes(None, None, "expires", {})))
    assert "TimeToLive" not in module_of(proposed("t", [], TableAttributes(None, None, "expires", {})))
