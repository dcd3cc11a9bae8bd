"""Type aliases: they stand for their types wherever those may stand, and have names in messages."""

from __future__ import annotations

from types import ModuleType
from typing import cast

import pytest
from hypothesis import given, settings
from returns.result import Success

from streamfn import ConfigurationError, Image, Table, make_converter
from streamfn._tables import compiled_table
from streamfn.testing.strategies import images
from tests.conversion.aliases import MODULES
from tests.conversion.holders import holder, table_of

MODULE = pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.__name__))


def named(module: ModuleType, name: str) -> object:
    """Find a type of a module by its name."""
    return cast("object", vars(module)[name])


@MODULE
@pytest.mark.parametrize("model", ["Card", "Shape", "Circle"])
def test_decoders_hooks_and_cattrs_agree_on_models_with_aliases(module: ModuleType, model: str) -> None:
    generated = table_of(named(module, model))
    called: Table[object] = Table("prod-Card", cast("type[object]", generated.model), generated=False)
    converted: Table[object] = Table(
        "prod-Card", cast("type[object]", generated.model), converter=make_converter()
    )

    @settings(max_examples=25)
    @given(images(generated))
    def law(image: Image) -> None:
        item = compiled_table(generated).decode(image)
        assert called.structure(image) == converted.structure(image) == Success(item)
        assert called.structure(generated.unstructure(item)) == Success(item)
        assert converted.unstructure(item) == generated.unstructure(item)

    law()


@MODULE
def test_marks_within_an_alias_are_found(module: ModuleType) -> None:
    keys = compiled_table(table_of(named(module, "Card"))).keys
    assert ("PK", "expiry") == (keys.partition and keys.partition.name, keys.time_to_live)


@MODULE
@pytest.mark.parametrize(
    ("alias", "message"),
    [
        ("Loop", "Holder.value: the type alias Loop stands for itself"),
        ("Twice", "Holder.value: nothing is given for A; write Twice[…]"),
        ("Lost", "Holder.value: the type alias Lost names the type 'Nowhere', which cannot be found"),
        ("Absent", "Holder.value: the type alias Absent names the type 'Nowhere', which cannot be found"),
        (
            "Broken",
            "Holder.value: the type alias Broken stands for no type: evaluating it raises ZeroDivisionError",
        ),
    ],
)
def test_an_alias_of_no_type_is_refused_by_its_field(module: ModuleType, alias: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        holder(named(module, alias))
    assert message == str(raised.value)


@MODULE
def test_an_alias_of_no_type_is_refused_by_its_field_where_it_is_in_a_union(module: ModuleType) -> None:
    with pytest.raises(
        ConfigurationError, match=r"Holder\.value: the type alias Lost names the type 'Nowhere'"
    ):
        holder(vars(module)["Lost"] | None)


@MODULE
def test_an_alias_that_grows_for_ever_is_refused(module: ModuleType) -> None:
    longer = vars(module)["Longer"][int]
    with pytest.raises(
        ConfigurationError, match=r"Holder\.value: Longer holds itself with ever longer arguments"
    ):
        holder(longer)


@MODULE
def test_problems_within_a_recursive_alias_have_their_paths(module: ModuleType) -> None:
    table = holder(named(module, "Json"))
    image: Image = {"value": {"L": [{"S": "a"}, {"L": [{"B": "aGk="}]}]}}
    assert "$.value[1][0]: expected BOOL or L or M or N or NULL or S, got B" == str(
        table.structure(image).failure()
    )


@MODULE
def test_what_is_immutable_is_known_behind_an_alias(module: ModuleType) -> None:
    assert compiled_table(table_of(named(module, "Circle"))).is_immutable
    assert compiled_table(table_of(named(module, "Shape"))).is_immutable
    assert not compiled_table(table_of(named(module, "Card"))).is_immutable
