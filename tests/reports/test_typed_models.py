"""Reports about models: what annotations say, and what becomes of an attribute that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, ClassVar, Generic, Literal, NotRequired, TypedDict, TypeVar

import attrs
import pytest
from returns.result import Success
from typing_extensions import TypeAliasType

from streamfn import Attribute, ConfigurationError, Image, PartitionKey, Table, make_converter

T = TypeVar("T")


class Suit(Enum):
    """An Enum that a Literal takes a member of."""

    HEARTS = "hearts"
    SPADES = "spades"


Level = TypeAliasType("Level", Literal[1, 2, 3])


Many = TypeAliasType("Many", tuple[T, ...], type_params=(T,))


@dataclass(frozen=True, slots=True)
class Aliased:
    """A model with a generic alias, and with an alias that names the attribute."""

    numbers: Many[int]
    id: ByName


ByName = TypeAliasType("ByName", Annotated[str, PartitionKey, Attribute("PK")])


@dataclass(frozen=True, slots=True)
class Foo:
    """One kind of box."""

    kind: Literal["foo"] = "foo"


@dataclass(frozen=True, slots=True)
class Bar:
    """Another kind of box."""

    kind: Literal["bar"] = "bar"


FooBar = TypeAliasType("FooBar", Foo | Bar)


@dataclass(frozen=True, slots=True)
class Boxed:
    """A model with an alias of a union."""

    box: FooBar


@dataclass(frozen=True, slots=True)
class Item:
    """A model within a model, named in text since annotations are text here."""

    desc: str


@dataclass(frozen=True, slots=True)
class Box:
    """A model with annotations that are text."""

    item_one: Item
    item_two: Item | None
    count: "int" = 0  # noqa: UP037 (text within text)


@attrs.frozen
class Line:
    """An attrs class with annotations that are text."""

    line: str | None


@attrs.frozen
class Counted:
    """An attrs class with a class variable, which is no field."""

    seen: ClassVar[int] = 0
    x: int = 1


@dataclass(frozen=True, slots=True)
class Ranked:
    """A model with a Literal that has a name of its own."""

    tag: Level


@dataclass(frozen=True, slots=True)
class Optionals:
    """A model with fields that may be absent."""

    required: bool
    either: bool | str
    maybe: int | None
    third: float | None = None
    custom: str | None = "custom default"


class Partial(TypedDict):
    """A TypedDict with a key that may be absent."""

    id: int
    note: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Hand:
    """A model with a Literal of members of an Enum."""

    trump: Literal[Suit.HEARTS]


@dataclass(frozen=True, slots=True)
class Renamed:
    """A model whose annotations say more than a type."""

    id: Annotated[int, PartitionKey, Attribute("PK")]
    name: Annotated[str, "what the owner calls it"] = ""


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """A generic model."""

    first: T
    rest: tuple[T, ...] = ()


@dataclass(frozen=True, slots=True)
class Pairs:
    """A model with a generic one, for two types."""

    numbers: Pair[int]
    texts: Pair[str]


@dataclass(frozen=True, slots=True)
class Node:
    """A model that refers to itself."""

    name: str
    children: tuple[Node, ...] = ()


class Named(TypedDict):
    """A map within maps."""

    second_name: str


class Nested(TypedDict):
    """An item with maps within maps."""

    object_id: str
    hash_value: Mapping[str, Named]


@dataclass(frozen=True, slots=True)
class Basket:
    """A model with a default that is made anew."""

    lines: list[str] = field(default_factory=lambda: ["first"])


def test_annotations_that_are_text_are_resolved() -> None:
    """With `from __future__ import annotations` each type is text, and a converter was handed the text.

    https://github.com/python-attrs/cattrs/issues/80
    """
    boxes = Table("prod-Box", Box)
    image = {"item_one": {"M": {"desc": {"S": "pencil"}}}, "item_two": {"M": {"desc": {"S": "pen"}}}}
    assert Success(Box(Item("pencil"), Item("pen"))) == boxes.structure(image)
    assert Success(Box(Item("pencil"), None, 7)) == boxes.structure(
        boxes.unstructure(Box(Item("pencil"), None, 7))
    )


def test_a_scalar_whose_annotation_is_text_is_checked() -> None:
    """The smallest class with one text did not come back from a round trip.

    https://github.com/python-attrs/cattrs/issues/41
    """
    items = Table("prod-Item", Item)
    assert Success(Item("Hello World")) == items.structure(items.unstructure(Item("Hello World")))
    assert ["$.desc: expected S, got N"] == [
        str(problem) for problem in items.structure({"desc": {"N": "1"}}).failure().problems
    ]


def test_a_union_whose_annotation_is_text_is_resolved() -> None:
    """The union `str | None` in an attrs class could not be evaluated from its text.

    https://github.com/python-attrs/attrs/issues/831
    """
    lines = Table("prod-Line", Line)
    assert Success(Line("a")) == lines.structure({"line": {"S": "a"}})
    assert Success(Line(None)) == lines.structure({"line": {"NULL": True}})


def test_a_class_variable_is_no_field() -> None:
    """A class variable whose annotation is text was taken for a field.

    https://github.com/python-attrs/attrs/issues/361
    """
    counted = Table("prod-Counted", Counted)
    assert {"x": {"N": "1"}} == counted.unstructure(Counted())
    assert Success(Counted(x=2)) == counted.structure({"x": {"N": "2"}, "seen": {"N": "9"}})


def test_a_literal_may_have_a_name() -> None:
    """A type alias of a Literal has no arguments of its own, and structuring it failed with an AttributeError.

    https://github.com/python-attrs/cattrs/issues/484
    """
    ranked = Table("prod-Ranked", Ranked)
    assert Success(Ranked(3)) == ranked.structure({"tag": {"N": "3"}})
    assert ["$.tag"] == [each.path for each in ranked.structure({"tag": {"N": "4"}}).failure().problems]


def test_an_optional_field_may_be_absent() -> None:
    """An attribute that is optional and has no default raised a KeyError where it was absent.

    https://github.com/python-attrs/cattrs/issues/249
    """
    found = Table("prod-Optionals", Optionals).structure({"required": {"BOOL": True}, "either": {"S": "x"}})
    assert Success(Optionals(required=True, either="x", maybe=None)) == found


def test_a_default_is_used_where_the_attribute_is_absent() -> None:
    """A class with defaults got None for what was absent.

    https://github.com/python-attrs/cattrs/issues/14
    """
    image: Image = {"required": {"BOOL": True}, "either": {"BOOL": False}, "maybe": {"N": "1"}}
    assert Success(Optionals(required=True, either=False, maybe=1, third=None, custom="custom default")) == (
        Table("prod-Optionals", Optionals).structure(image)
    )
    assert Success(Basket(["first"])) == Table("prod-Basket", Basket).structure({})


def test_absent_is_not_the_same_as_null() -> None:
    """Somebody needed to know whether an attribute was missing or None.

    The default stands for the first.

    https://github.com/python-attrs/cattrs/issues/178
    """
    table = Table("prod-Optionals", Optionals)
    image: Image = {"required": {"BOOL": True}, "either": {"S": "x"}}
    assert ("custom default", None) == (
        table.structure(image).unwrap().custom,
        table.structure({**image, "custom": {"NULL": True}}).unwrap().custom,
    )


def test_a_key_of_a_typed_dict_may_be_absent() -> None:
    """With annotations as text, `NotRequired` was overlooked and the absent key was an error.

    https://github.com/python-attrs/cattrs/issues/619
    """
    partial = Table("prod-Partial", Partial)
    assert Success({"id": 1}) == partial.structure({"id": {"N": "1"}})
    assert Success({"id": 1, "note": "a"}) == partial.structure({"id": {"N": "1"}, "note": {"S": "a"}})
    assert {"id": {"N": "1"}} == partial.unstructure({"id": 1})


def test_a_literal_may_hold_a_member_of_an_enum() -> None:
    """A member of an Enum within a Literal was written as the member, and not as its value.

    https://github.com/python-attrs/cattrs/pull/598
    """
    hands = Table("prod-Hand", Hand)
    assert {"trump": {"S": "hearts"}} == hands.unstructure(Hand(Suit.HEARTS))
    assert Success(Hand(Suit.HEARTS)) == hands.structure({"trump": {"S": "hearts"}})
    assert 1 == len(hands.structure({"trump": {"S": "spades"}}).failure().problems)


def test_an_annotation_may_say_more_than_the_type() -> None:
    """A type within `Annotated` was one that nobody knew.

    https://github.com/python-attrs/cattrs/pull/133
    """
    renamed = Table("prod-Renamed", Renamed)
    assert {"PK": {"N": "1"}, "name": {"S": "a"}} == renamed.unstructure(Renamed(1, "a"))
    assert Success(Renamed(1, "a")) == renamed.structure({"PK": {"N": "1"}, "name": {"S": "a"}})


def test_a_generic_model_stands_for_several_types() -> None:
    """A generic alias was not understood where it was given an argument; here a generic model is given two.

    https://github.com/python-attrs/cattrs/issues/611
    """
    image: Image = {
        "numbers": {"M": {"first": {"N": "1"}, "rest": {"L": [{"N": "2"}]}}},
        "texts": {"M": {"first": {"S": "a"}}},
    }
    assert Success(Pairs(Pair(1, (2,)), Pair("a"))) == Table("prod-Pairs", Pairs).structure(image)
    aliased = Table("prod-Aliased", Aliased)
    written: Image = {"numbers": {"L": [{"N": "1"}, {"N": "2"}]}, "PK": {"S": "a"}}
    assert written == aliased.unstructure(Aliased((1, 2), "a"))
    assert Success(Aliased((1, 2), "a")) == aliased.structure(written)


def test_an_alias_of_a_union_tells_its_members_apart() -> None:
    """A union of models was understood, and the same union under the name of a type alias was not.

    https://github.com/python-attrs/cattrs/issues/478
    """
    boxed = Table("prod-Boxed", Boxed)
    for box in (Boxed(Foo("foo")), Boxed(Bar("bar"))):
        assert Success(box) == boxed.structure(boxed.unstructure(box))


def test_a_model_may_refer_to_itself() -> None:
    """From Python 3.14 on, a class may name one that is defined later, itself included, without quotes.

    https://github.com/python-attrs/attrs/pull/1451
    """
    nodes = Table("prod-Node", Node)
    tree = Node("root", (Node("a", (Node("b"),)), Node("c")))
    assert Success(tree) == nodes.structure(nodes.unstructure(tree))


def test_a_map_within_a_map_is_plain() -> None:
    """Somebody wanted the new image as a plain object, without the type tags at each of its levels.

    https://github.com/aws/aws-sdk-js/issues/1369
    """
    nested = Table("prod-Nested", Nested)
    inner = {"M": {"sub_hash_value": {"M": {"second_name": {"S": "name"}}}}}
    expected: Nested = {"object_id": "123", "hash_value": {"sub_hash_value": {"second_name": "name"}}}
    assert Success(expected) == nested.structure({"object_id": {"S": "123"}, "hash_value": inner})


def test_a_type_that_nobody_knows_is_refused_before_a_record_comes() -> None:
    """A schema in terms of the raw format is found wrong at the first record.

    A model is checked when it is declared.

    https://github.com/aws-powertools/powertools-lambda-typescript/issues/3194
    """

    @dataclass(frozen=True)
    class Wrong:
        id: int
        value: complex

    with pytest.raises(ConfigurationError, match=r"Wrong\.value"):
        Table("prod-Wrong", Wrong, converter=make_converter())
