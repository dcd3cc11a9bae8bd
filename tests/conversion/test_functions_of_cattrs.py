"""Functions that cattrs makes for models, one within the other, on a converter that knows attribute values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from returns.result import Success

from streamfn import Image, Table, configure_converter, make_converter


@dataclass(frozen=True, slots=True)
class Owner:
    """A model within a model."""

    value: str


@dataclass(frozen=True, slots=True)
class Card:
    """A model that holds another one in each way."""

    value: Owner
    others: list[Owner] = field(default_factory=list)
    last: Owner | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A model that refers to itself."""

    value: int
    children: list[Node] = field(default_factory=list)
    next: Node | None = None


class Own(Converter):
    """A converter of the user's own class."""


def configured(converter: Converter) -> Converter:
    """Teach a converter attribute values."""
    configure_converter(converter)
    return converter


CONVERTERS: dict[str, Callable[[], Converter]] = {
    "made": make_converter,
    "configured": lambda: configured(Converter()),
    "of the user's own class": lambda: configured(Own()),
    "configured twice": lambda: configured(make_converter()),
    "copied": lambda: make_converter().copy(),
}
MAKE = pytest.mark.parametrize("make", CONVERTERS.values(), ids=CONVERTERS)


def by_function(converter: Converter, model: type[object], attribute: str) -> None:
    """Register what cattrs makes for a model, whose field ``value`` has this attribute."""
    renamed = override(rename=attribute)
    converter.register_structure_hook(model, make_dict_structure_fn(model, converter, value=renamed))
    converter.register_unstructure_hook(model, make_dict_unstructure_fn(model, converter, value=renamed))


def by_factory(converter: Converter, model: type[object], attribute: str) -> None:
    """Register what has cattrs make the same once it is needed."""
    renamed = override(rename=attribute)

    def is_it(cls: object) -> bool:
        return cls is model

    def read(_cls: object, on: Converter) -> Callable[..., object]:
        return make_dict_structure_fn(model, on, value=renamed)

    def write(_cls: object, on: Converter) -> Callable[..., object]:
        return make_dict_unstructure_fn(model, on, value=renamed)

    converter.register_structure_hook_factory(is_it, read)
    converter.register_unstructure_hook_factory(is_it, write)


WAYS = pytest.mark.parametrize("register", [by_function, by_factory])
OWNER: dict[str, dict[str, object]] = {"NAME": {"S": "ada"}}
NOTHING: dict[str, object] = {}


@WAYS
@MAKE
@pytest.mark.parametrize("inner_first", [True, False])
@pytest.mark.parametrize("generated", [True, False])
def test_a_function_of_cattrs_may_stand_within_another(
    register: Callable[[Converter, type[object], str], None],
    make: Callable[[], Converter],
    *,
    inner_first: bool,
    generated: bool,
) -> None:
    converter = make()
    todo: list[tuple[type[object], str]] = [(Owner, "NAME"), (Card, "OWNER")]
    for model, attribute in todo if inner_first else reversed(todo):
        register(converter, model, attribute)
    cards = Table("prod-Card", Card, converter=converter, generated=generated)
    card = Card(Owner("ada"), [Owner("ada")], Owner("ada"))
    image: Image = {"OWNER": {"M": OWNER}, "others": {"L": [{"M": OWNER}]}, "last": {"M": OWNER}}
    assert Success(card) == cards.structure(image)
    assert image == cards.unstructure(card)
    assert card == cards.converter.structure({"M": image}, Card)
    assert {"M": image} == cards.converter.unstructure(card)


@WAYS
@MAKE
def test_a_function_of_cattrs_may_stand_within_itself(
    register: Callable[[Converter, type[object], str], None], make: Callable[[], Converter]
) -> None:
    converter = make()
    register(converter, Node, "SIZE")
    nodes = Table("prod-Node", Node, converter=converter)
    node = Node(1, [Node(2)], Node(3))
    written = nodes.unstructure(node)
    assert Success(node) == nodes.structure(written)
    assert node == converter.structure({"M": written}, Node)
    assert {"M": written} == converter.unstructure(node, Node)
    assert {"N": "1"} == written["SIZE"]
    assert {"M": {"SIZE": {"N": "3"}, "children": {"L": []}, "next": {"NULL": True}}} == written["next"]


def test_an_attribute_that_such_a_function_misses_is_named() -> None:
    converter = make_converter()
    by_function(converter, Owner, "NAME")
    cards = Table("prod-Card", Card, converter=converter)
    image: Image = {"value": {"M": {"value": {"S": "ada"}}}, "others": {"L": [{"M": NOTHING}]}}
    assert ["$.value.NAME: missing", "$.others[0].NAME: missing"] == [
        str(problem) for problem in cards.structure(image).failure().problems
    ]


def test_a_hook_that_raises_a_key_error_within_such_a_function_is_no_missing_attribute() -> None:
    def refuse(_value: object, _type: object) -> str:
        raise KeyError("ada")

    converter = make_converter()
    converter.register_structure_hook(str, refuse)
    by_function(converter, Owner, "NAME")
    owners = Table("prod-Owner", Owner, converter=converter)
    assert "$.value: refused with KeyError" == str(owners.structure({"NAME": {"S": "ada"}}).failure())
