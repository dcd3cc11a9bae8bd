"""Items and images that hypothesis makes up: all that the types allow, and nothing that DynamoDB does not store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Annotated

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from returns.result import Success

from streamfn import AttributeValue, PartitionKey, Table, make_converter
from streamfn.testing import insert_event
from streamfn.testing.strategies import images, items
from tests.testing.models import Board, boards


@given(items(Board))
def test_items_can_be_stored_and_sent(board: Board) -> None:
    assert insert_event(board).record.size_bytes
    assert board.pk  # DynamoDB refuses an empty key


@given(images(boards))
def test_images_are_those_that_lambda_sends(image: dict[str, AttributeValue]) -> None:
    assert boards.structure(json.loads(json.dumps(image))).map(boards.unstructure).map(
        boards.structure
    ) == Success(boards.structure(image))


def is_full(board: Board) -> bool:
    return all((board.photo, board.price, board.labels, board.votes, board.expires_at))


def has_an_empty_key(board: Board) -> bool:
    return not board.pk


def has_39_digits(board: Board) -> bool:
    return board.price is not None and len(board.price.as_tuple().digits) > 38


def expires_within_a_second(board: Board) -> bool:
    return board.expires_at is not None and board.expires_at.microsecond > 0


def test_all_that_a_model_allows_is_made_up() -> None:
    assert is_full(find(items(Board), is_full, settings=settings(phases=[Phase.generate], max_examples=5000)))


@pytest.mark.parametrize("wrong", [has_an_empty_key, has_39_digits, expires_within_a_second])
def test_nothing_is_made_up_that_dynamodb_does_not_store(wrong: Callable[[Board], bool]) -> None:
    with pytest.raises(NoSuchExample):
        find(items(Board), wrong, settings=settings(max_examples=200))


@dataclass(frozen=True, slots=True)
class Machine:
    """An item with a field of a type that has hooks of the user's own."""

    id: Annotated[int, PartitionKey]
    address: IPv4Address


def test_types_with_hooks_of_ones_own_are_made_up_by_hypothesis() -> None:
    converter = make_converter()
    converter.register_structure_hook(IPv4Address, lambda value, _: IPv4Address(value["S"]))
    converter.register_unstructure_hook(IPv4Address, lambda address: {"S": str(address)})
    machines = Table("prod-Machine", Machine, converter=converter)
    image = find(images(machines), lambda image: image["address"] != {"S": "0.0.0.0"})  # noqa: S104 (no socket)
    assert machines.structure(image).map(machines.unstructure) == Success(image)


class Cents(Decimal):
    """A type that DynamoDB's numbers have to be told of."""


@dataclass(frozen=True, slots=True)
class Price:
    """An item with a field of it."""

    cents: Cents


def test_types_can_be_made_up_as_the_user_says() -> None:
    st.register_type_strategy(Cents, st.just(Cents(5)))
    assert find(items(Price), lambda price: bool(price.cents)) == Price(Cents(5))


def test_tests_without_made_up_items_need_no_hypothesis() -> None:
    program = (
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"  # what Python takes for: cannot be imported
        "import streamfn.testing\n"
        "print(streamfn.testing.insert_event.__name__)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told == "insert_event\n"
