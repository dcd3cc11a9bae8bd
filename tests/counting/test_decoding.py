"""Decoding costs fewer instructions than a decoder that is written by hand and checks nothing."""

from collections.abc import Callable

from tests.counting.decoding import IMAGES, by_hand, by_table

_DECODE = "from tests.counting.decoding import {way}, decode; decode({way}, rounds={rounds})"


def test_two_ways_decode_to_the_same() -> None:
    assert list(map(by_hand, IMAGES)) == list(map(by_table, IMAGES))


def test_decoding_costs_less_than_by_hand(count: Callable[[str], int]) -> None:
    """Each without what the process costs that decodes nothing."""
    start = count(_DECODE.format(way="by_hand", rounds=0))
    table, hand = (count(_DECODE.format(way=way, rounds=8)) - start for way in ("by_table", "by_hand"))
    assert table <= 0.95 * hand
