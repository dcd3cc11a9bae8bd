"""Unions: what tells models apart, step by step, and how the members that share a class are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field, make_dataclass
from functools import reduce
from typing import Annotated, Any, Literal, TypedDict, cast
from uuid import UUID

import pytest
from boto3.dynamodb.types import Binary
from hypothesis import given, settings
from returns.result import Success

from streamfn import ConfigurationError, Image, Table, explain, make_converter
from streamfn._tables import compiled_table
from streamfn.testing.strategies import images
from tests.conversion.hints import Colour, Moved, Opened, Renamed, Status
from tests.conversion.holders import holder, table_of


def model(name: str, **fields: object) -> type:
    """Make a model; a field of a tuple has the second part as its default."""
    declared: list[tuple[str, object] | tuple[str, object, object]] = []
    for each, hint in fields.items():
        if isinstance(hint, tuple):
            kind, default = cast("tuple[object, object]", hint)
            declared.append((each, kind, field(default=default)))
        else:
            declared.append((each, hint))
    return make_dataclass(name, declared, frozen=True, kw_only=True)


def union(*models: type) -> object:
    """Join models, which the type checkers know nothing of."""
    return reduce(lambda joined, each: cast("type", joined | each), models)


class Put(TypedDict):
    """A dictionary that one Literal tells."""

    op: Literal["put"]
    size: int


class Tag(TypedDict):
    """A dictionary that two Literals tell."""

    op: Literal["tag"]
    kind: Literal["name"]


class Untag(TypedDict):
    """Another one."""

    op: Literal["tag"]
    kind: Literal["place"]


TOLD = [
    union(
        model("A", op=Literal[1], x=int),
        model("B", op=Literal[0], t=Literal["a"], x=int),
        model("C", op=Literal[0], t=Literal["b"], x=int),
    ),
    union(
        model("A", op=Literal["1"], x=int),
        model("B", op=Literal["0"], t=Literal["a"], x=int),
        model("C", op=Literal["0"], t=Literal["b"], x=int),
    ),
    union(
        model("A", a=Literal[1], b=Literal[1], c=Literal[1]),
        model("B", a=Literal[1], b=Literal[1], c=Literal[2]),
        model("C", a=Literal[1], b=Literal[2], c=Literal[1]),
        model("D", a=Literal[2], b=Literal[1], c=Literal[1]),
    ),
    union(
        model("A", k=Literal["a", "b"], t=Literal[1]),
        model("B", k=Literal["b", "c"], t=Literal[2]),
        model("C", k=Literal["c"], t=Literal[1]),
    ),
    union(model("A", k=Literal["a"], x=int), model("B", k=Literal["b"], x=int), model("C", x=int)),
    union(model("A", k=Literal["a"], x=int), model("B", k=Literal["b"], x=int), model("C", own=int)),
    union(
        model("A", k=Literal["a"], x=int),
        model("B", k=Literal["b"], one=int),
        model("C", k=Literal["b"], two=int),
    ),
    union(
        model("A", x=str, one=int),
        model("B", x=str, k=Literal[1], t=Literal[1]),
        model("C", x=str, k=Literal[1], t=Literal[2]),
        model("D", x=str, k=Literal[2], t=Literal[1]),
    ),
    union(model("A", k=(Literal["a"], "a"), x=int), model("B", k=(Literal["b"], "b"), x=int)),
    union(model("A", k=(Literal["a", None], None), x=int), model("B", k=Literal["b"], x=int)),  # noqa: PYI061 (what users write)
    union(model("A", k=(Literal["a"] | None, None), x=int), model("B", k=Literal["b"], x=int)),
    union(model("A", k=Literal[Colour.RED, True], x=int), model("B", k=Literal[b"x", 2], x=int)),
    union(
        model("A", k=Literal["a"], x=int),
        model("B", k=Literal["b"], one=int),
        model("C", k=Literal["b"], two=int),
        model("D", k=Literal["c"], x=int),
    ),
    Put | Tag | Untag,
]


@pytest.mark.parametrize(
    "hint", TOLD, ids=map(str, range(len(TOLD)))
)  # each is named `Union` from Python 3.14 on
def test_models_are_told_apart_by_every_way_of_reading(hint: object) -> None:
    """As a table's model and within one, and where an image is as it comes and where it is not."""
    generated = table_of(hint)
    called = Table("prod-Card", cast("type[object]", hint), generated=False)
    converted = Table("prod-Card", cast("type[object]", hint), converter=make_converter())
    within = holder(cast("type", hint) | None)

    @settings(max_examples=25)
    @given(images(generated))
    def law(image: Image) -> None:
        item = compiled_table(generated).decode(image)
        assert called.structure(image) == converted.structure(image) == Success(item)
        assert called.structure(called.unstructure(item)) == Success(item)
        assert item == vars(compiled_table(within).decode({"value": {"M": image}}))["value"]

    law()


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ({}, "$.op: missing"),
        ({"op": {"N": "0"}}, "$.kind: missing"),
        ({"op": {"N": "0"}, "kind": "name"}, "$.kind: expected an attribute value, got no object but string"),
        ({"op": None}, "$.op: expected an attribute value, got no object but null"),
        ({"op": {"N": "two"}}, "$.op: expected a number in N, got other text"),
        ({"op": {"N": "2"}}, "$: the attribute 'op' tells of none of the models which one this is"),
        (
            {"op": {"N": "0"}, "kind": {"S": "x"}},
            "$: the attribute 'kind' tells of none of the models which one this is",
        ),
    ],
)
def test_the_attribute_that_does_not_tell_is_named(image: object, problem: str) -> None:
    """Wherever it stands among several."""
    for generated in (True, False):
        table = Table("prod-Change", Opened | Renamed | Moved, generated=generated)
        assert problem == str(table.structure(cast("Image", image)).failure())


def test_an_absent_literal_tells_the_one_model_that_has_a_default_for_it() -> None:
    one = model("A", k=(Literal["a"], "a"), x=int)
    table = table_of(union(one, model("B", k=Literal["b"], x=int)))
    assert Success(one(x=1)) == table.structure({"x": {"N": "1"}})
    both = table_of(TOLD[8])
    assert "$.k: missing" == str(both.structure({"x": {"N": "1"}}).failure())


def test_a_literal_with_a_hook_of_its_own_tells_nothing() -> None:
    from cattrs.gen import override

    hook = override(struct_hook=lambda _value, _type: "a")
    with pytest.raises(ConfigurationError, match="nothing tells A and B apart"):
        table_of(union(model("A", k=Annotated[Literal["a"], hook]), model("B", k=Literal["b"])))


@pytest.mark.parametrize(
    "hint",
    [
        union(
            model("A", a=Literal[1], x=int), model("B", a=Literal[1], x=int), model("C", a=Literal[2], x=int)
        ),
        union(model("A", a=Literal[1], x=int), model("B", a=int, x=int), model("C", a=Literal[2], x=int)),
        union(model("A", a=(Literal[1], 1), x=int), model("B", x=int), model("C", x=int)),
        union(model("A", a=Literal[1] | str, x=int), model("B", a=Literal[2] | str, x=int)),
    ],
    ids=["two of three", "a Literal and its type", "some without it", "a Literal or any text"],
)
def test_models_that_nothing_tells_apart_are_refused(hint: object) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing tells \w and \w apart"):
        table_of(hint)


def test_models_that_several_literals_tell_are_read_by_generated_functions() -> None:
    assert "def structure_Moved(image)" in explain(cast("type[object]", Opened | Renamed | Moved))


def write(hint: object, value: object) -> object:
    """Write a value of a field."""
    table = holder(hint)
    return table.unstructure(cast("Callable[..., object]", table.model)(value=value))["value"]


@pytest.mark.parametrize(
    ("hint", "value", "written"),
    [
        (set[str] | set[int], {"a"}, {"SS": ["a"]}),
        (set[str] | set[int], {1}, {"NS": ["1"]}),
        (set[str] | frozenset[bytes], frozenset({b"a"}), {"BS": [b"a"]}),
        (set[UUID] | set[float], {1}, {"NS": ["1"]}),
        (set[Status] | set[int], {Status.OPEN}, {"SS": ["open"]}),
        (set[Literal["a", "b"]] | set[int], {"b"}, {"SS": ["b"]}),
        (set[str | int] | set[bytes], {b"a"}, {"BS": [b"a"]}),
        (set[str] | set[int] | None, set[str](), {"L": list[object]()}),
        (set[str] | list[int], set[str](), {"NULL": True}),
        (set[str] | object, [1], {"L": [{"N": "1"}]}),
        (str | Any, [1], {"L": [{"N": "1"}]}),
        (float | str, 1, {"N": "1"}),
        (bytes | str, bytearray(b"a"), {"B": b"a"}),
        (bytes | str, Binary(bytearray(b"a")), {"B": b"a"}),
        (bytes, memoryview(b"a"), {"B": b"a"}),
        (Binary, Binary(b"a"), {"B": b"a"}),
        (set, {Binary(b"a"), memoryview(b"b")}, None),
        (object, {"a": [bytearray(b"a")]}, {"M": {"a": {"L": [{"B": b"a"}]}}}),
    ],
)
def test_a_value_is_written_as_the_member_that_it_is_of(hint: object, value: object, written: object) -> None:
    found = write(hint, value)
    assert (written or {"BS": sorted(cast("dict[str, list[bytes]]", found)["BS"])}) in (
        found,
        {"BS": [b"a", b"b"]},
    )


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (set[str] | set[int], {1.5}, "set is not a member of the union"),
        (set[str] | list[int] | None, set[str](), "DynamoDB stores no empty set, and another member"),
        (object, set[str](), "DynamoDB stores no empty set, and nothing says here that there is one"),
        (object, [frozenset[str]()], "DynamoDB stores no empty set, and nothing says here that there is one"),
        (bytes, 5, "expected bytes, got int"),
    ],
)
def test_what_no_member_can_write_is_refused(hint: object, value: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"Holder.value: {message}")):
        write(hint, value)


def test_a_list_is_a_list_beside_a_set_and_anything_else() -> None:
    table = holder(set[str] | object)
    assert [1] == vars(table.structure({"value": {"L": [{"N": "1"}]}}).unwrap())["value"]
    assert None is vars(table.structure({"value": {"NULL": True}}).unwrap())["value"]


@pytest.mark.parametrize("hint", [Binary, Binary | None, set[Binary], list[Binary]], ids=str)
def test_a_field_may_be_of_the_binary_of_boto3(hint: object) -> None:
    table = holder(hint)

    @settings(max_examples=25)
    @given(images(table))
    def law(image: Image) -> None:
        item = compiled_table(table).decode(image)
        assert table.structure(table.unstructure(item)) == Success(item)

    law()


def test_a_model_whose_literals_hold_none_of_its_values_is_written_by_its_class() -> None:
    """Nothing checks a dataclass when it is made, and the image then says what was in it."""
    written = write(Opened | Renamed | Moved, Opened(cast("Literal[1]", cast("object", 5)), 1))
    assert {"M": {"op": {"N": "5"}, "size": {"N": "1"}}} == written
