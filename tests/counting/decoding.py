"""Two ways to decode the cards of the benchmarks: the table's, and the functions written by hand that check nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from streamfn import Table
from tests.benchmarks.images import MAKERS
from tests.benchmarks.models import Card
from tests.benchmarks.peers.by_hand import DECODERS
from tests.benchmarks.wire import Image

by_hand: Final = DECODERS["card"]
cards: Final = Table("prod-Card", Card)

_random: Final = Random(1)  # noqa: S311 (no secret)
IMAGES: Final[list[Image]] = [MAKERS["card"](_random, position) for position in range(200)]


def by_table(image: Image) -> object:
    """Decode an image as a pipeline does: whatever does not fit would be told."""
    return cards.structure(image).unwrap()


def decode(way: Callable[[Image], object], rounds: int) -> None:
    """Decode all images in so many rounds."""
    for _ in range(rounds):
        for image in IMAGES:
            way(image)
