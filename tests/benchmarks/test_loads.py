"""The loads are what the document says of them, and all contenders make the same items of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pytest

from tests.benchmarks.agreement import Disagreement, check, is_same
from tests.benchmarks.contenders import Contender, ImageByImage
from tests.benchmarks.decoding import size_of
from tests.benchmarks.field import LIMIT, contenders
from tests.benchmarks.lanes import SECONDS, WORKERS, bound_of, records_of_items
from tests.benchmarks.loads import Load, make_load, make_loads
from tests.benchmarks.models import Owner
from tests.benchmarks.peers import by_hand
from tests.benchmarks.wire import Value

LOADS: Final = make_loads()
SMALL: Final = make_loads(divisor=20)


@pytest.mark.parametrize(
    ("name", "records", "images", "attributes"),
    [
        ("cards", 1000, 1333, 16),
        ("flat", 1000, 1333, 4),
        ("nested", 200, 267, 371),
        ("negative", 1000, 1333, 7),
        ("batch", 10_000, 10_000, 4),
        ("keys", 1000, 1000, 2),
    ],
)
def test_a_load_is_as_large_as_it_says(name: str, records: int, images: int, attributes: int) -> None:
    size = size_of(LOADS[name])
    assert (records, images, attributes) == (size.records, size.images, size.attributes)


def test_cards_have_eleven_attributes_of_all_sorts() -> None:
    images = LOADS["cards"].whole.images
    assert {11} == {len(image) for image in images}
    tags = {tag for image in images for value in image.values() for tag in value}
    assert {"S", "N", "BOOL", "M", "L", "SS", "B", "NULL"} == tags


def test_a_full_batch_fills_what_lambda_takes() -> None:
    assert 6_000_000 <= size_of(LOADS["batch"]).bytes <= 6 * 2**20


def test_negative_numbers_are() -> None:
    values = [value for image in LOADS["negative"].whole.images for value in image.values()]
    assert all(number.startswith("-") for number in _numbers(values))
    assert 38 == max(sum(map(str.isdecimal, number)) for number in _numbers(values))


def test_three_entities_share_a_table() -> None:
    kinds = Counter(image["kind"]["S"] for image in LOADS["entities"].whole.images)
    assert {"invoice", "customer", "payment"} == set(kinds)
    assert min(kinds.values()) > 400


def test_keys_only_carries_no_image() -> None:
    changes = [record["dynamodb"] for record in LOADS["keys"].records]
    assert [] == [change for change in changes if "NewImage" in change or "OldImage" in change]


def test_all_kinds_of_records_are_in_each_chunk() -> None:
    kinds = [{record["eventName"] for record in chunk.records} for chunk in LOADS["cards"].chunks()]
    assert [{"INSERT", "MODIFY", "REMOVE"}] * 20 == kinds


def test_a_seed_makes_the_same_load_again() -> None:
    assert make_load("cards", "", "card", 50).records == LOADS["cards"].records[:50]
    assert make_load("cards", "", "card", 50, seed=2).records != LOADS["cards"].records[:50]


@pytest.mark.parametrize("load", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("contender", contenders(), ids=lambda contender: contender.name)
def test_contenders_make_the_same_items(load: Load, contender: Contender) -> None:
    prepared, expected = contender.prepare(load), LIMIT.prepare(load)
    assert expected is not None
    if prepared is not None and contender.checked:
        check(load, expected.items(load.whole), contender, prepared)


def test_another_item_is_noticed() -> None:
    load = SMALL["cards"]
    items = [by_hand.DECODERS["card"](image) for image in load.whole.images]

    def without_note(image: Mapping[str, Value]) -> object:
        return by_hand.DECODERS["card"]({name: value for name, value in image.items() if name != "note"})

    with pytest.raises(Disagreement, match="is not Card"):
        check(load, items, LIMIT, ImageByImage(without_note))
    with pytest.raises(Disagreement, match="67 items for 66"):
        check(load, items[1:], LIMIT, ImageByImage(by_hand.DECODERS["card"]))


def test_items_of_other_classes_are_the_same_if_their_fields_are() -> None:
    owner = Owner("Ada", 36)
    assert is_same(owner, {"name": "Ada", "age": 36})
    assert not is_same(owner, {"name": "Ada"})
    assert not is_same(owner, replace(owner, age=37))


def test_the_bound_of_lanes_is_that_of_workers_or_of_the_longest_lane() -> None:
    assert pytest.approx(0.625) == bound_of(records_of_items(1000, 200), WORKERS, SECONDS)
    assert pytest.approx(2.0) == bound_of(records_of_items(1000, 10), WORKERS, SECONDS)


def _numbers(values: list[Value]) -> list[str]:
    return [value["N"] for value in values if "N" in set(value)]
