"""What is generated can be read, stepped through, and switched off."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, make_dataclass
from decimal import Decimal
from typing import Annotated, Literal, TypedDict

import pytest

from streamfn import Attribute, ConfigurationError, Image, Table, explain, make_converter
from streamfn._tables import compiled_table


@dataclass(frozen=True, slots=True)
class Line:
    """A part of an order."""

    kind: Literal["line", "gift"]
    price: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """An item."""

    id: Annotated[int, Attribute("order id")]
    lines: tuple[Line, ...] = ()
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Customer:
    """An item of the same table."""

    name: str


def test_the_text_has_a_function_for_each_model() -> None:
    """It is Python, and names fields and attributes as they are named."""
    text = explain(Order)
    compile(text, "explained", "exec")
    assert ["def structure_Order(image):", "def structure_Line(image):"] == [
        line for line in text.splitlines() if line.startswith("def ")
    ]
    assert 'value = image["kind"]' in text
    assert "value = image['order id']" in text
    assert "made.id = int(content)" in text


def test_names_that_do_not_speak_for_themselves_are_explained() -> None:
    head = explain(Order).partition("def ")[0]
    assert "# UnguardedOrder: has fields that can be set, and becomes Order once they are" in head
    assert "# choices_of_kind: its values, by their text" in head
    assert "# default_notes: the default, or its factory" in head


def test_a_table_is_explained_as_it_was_declared() -> None:
    """A union of models begins with what tells them apart."""
    both: Table[Order | Customer] = Table("app", Order | Customer)
    assert "def structure_one_of(image):" in explain(both)
    assert "issuperset(image)" in explain(Table("app", Order, forbid_unknown_attributes=True))


def test_nothing_is_generated_where_that_is_switched_off() -> None:
    table = Table("app", Customer, generated=False)
    assert not explain(table)
    assert Customer("ada") == table.structure({"name": {"S": "ada"}}).unwrap()


def test_a_hook_for_the_whole_model_is_called_as_it_is() -> None:
    converter = make_converter()
    converter.register_structure_hook(Customer, lambda value, _: Customer(str(value)))
    table = Table("app", Customer, converter=converter)
    assert not explain(table)
    assert Customer("{'M': {}}") == table.structure({}).unwrap()


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="complex is not supported"):
        explain(complex)


def test_tracebacks_show_the_line_that_raised() -> None:
    """Debuggers find it in the same way."""
    with pytest.raises(KeyError) as raised:
        compiled_table(Table("app", Customer)).decode({})
    last = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert last.filename.startswith("<streamfn: Customer")
    assert 'value = image["name"]' == last.line


def test_tracebacks_tell_models_of_one_name_apart() -> None:
    for name in ("one", "two"):
        table: Table[object] = Table("app", make_dataclass("Twice", [(name, int)]))
        with pytest.raises(KeyError) as raised:
            compiled_table(table).decode({})
        assert f'value = image["{name}"]' == traceback.extract_tb(raised.value.__traceback__)[-1].line


def test_a_class_may_be_called_like_a_variable_of_the_functions() -> None:
    @dataclass(frozen=True, slots=True)
    class made:  # noqa: N801 (it is the point)
        value: int

    assert made(1) == compiled_table(Table("app", made)).decode({"value": {"N": "1"}})


@pytest.mark.parametrize("name", ["class", "a-b", 'x"""', "made", "held_1", "int", "é", "1a", "²", "ﬁ"])
def test_whatever_a_class_or_a_key_is_called_the_text_is_python(name: str) -> None:
    """A TypedDict takes any text for a key, and some class statements are no statements."""
    model = make_dataclass("Model", [("value", TypedDict("Part", {name: Literal["a"] | None}))])  # type: ignore[operator] # pyright: ignore[reportGeneralTypeIssues] (made on the spot)
    table: Table[object] = Table("app", type(name, (model,), {}))
    image: Image = {"value": {"M": {name: {"S": "a"}}}}
    assert {"value": {name: "a"}} == vars(compiled_table(table).decode(image))


def test_two_classes_of_one_name_are_two() -> None:
    def part(hint: type) -> type:
        return make_dataclass("Part", [("part", hint)])

    whole = make_dataclass("Whole", [("one", part(int)), ("other", part(str))])
    image = {"one": {"M": {"part": {"N": "1"}}}, "other": {"M": {"part": {"S": "1"}}}}
    made: object = compiled_table(Table[object]("app", whole)).decode(image)
    assert "Whole(one=Part(part=1), other=Part(part='1'))" == repr(made)
