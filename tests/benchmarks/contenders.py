"""Contenders: a way to decode a load, in the form in which it can be checked and measured.

What is measured is what was checked: both go through the same function, which in the measurement drops what it
decoded and in the check keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tests.benchmarks.images import Shape
from tests.benchmarks.loads import Chunk, Load
from tests.benchmarks.wire import Image

Work: TypeAlias = Callable[[Chunk], object]
"""What is measured."""

Sink: TypeAlias = Callable[[object], object]
"""Takes what a handler was given."""

Decode: TypeAlias = Callable[[Image], object]
"""Makes an item of an image, by whatever class the library has for it."""


class Prepared(Protocol):
    """A library made ready for a load."""

    def work(self, chunk: Chunk, /) -> object:
        """Decode all images of a chunk."""
        ...

    def items(self, chunk: Chunk, /) -> list[object]:
        """Decode all images of a chunk, in their order, and keep what comes out; empty if nothing is made."""
        ...


@dataclass(frozen=True)
class ImageByImage:
    """Decodes images, and knows nothing of records."""

    decode: Decode

    def work(self, chunk: Chunk) -> None:
        """Decode all images of a chunk."""
        decode = self.decode
        for image in chunk.images:
            decode(image)

    def items(self, chunk: Chunk) -> list[object]:
        """Decode all images of a chunk, and keep the items."""
        return [self.decode(image) for image in chunk.images]


class WholeBatch:
    """Takes a payload or its records, and hands what it makes of them to a handler, which hands it to a sink."""

    def __init__(self, make: Callable[[Sink], Work]) -> None:
        """Make the function that is measured, with a sink that drops all."""
        self._make = make
        self.work = make(_drop)

    def items(self, chunk: Chunk) -> list[object]:
        """Run the function on a chunk with a sink that keeps all."""
        kept: list[object] = []
        self._make(kept.append)(chunk)
        return kept


def _as_it_is(item: object) -> object:
    return item


@dataclass(frozen=True)
class Contender:
    """A library, and how it is made ready for a load.

    `prepare` answers None for a load that it is not meant for. `plain` takes an item apart where it is neither an
    object with the model's fields nor a dictionary of them. `remark` says what is to be known of what comes out.
    `checked` is false for what makes no items that could be compared: it is there for scale.
    """

    name: str
    title: str
    prepare: Callable[[Load], Prepared | None]
    plain: Callable[[object], object] = _as_it_is
    remark: str = ""
    checked: bool = True


def by_shape(decoders: Mapping[Shape, Decode]) -> Callable[[Load], Prepared | None]:
    """Make a contender's `prepare` of a decoding function for each shape that it is meant for."""

    def prepare(load: Load) -> Prepared | None:
        decode = decoders.get(load.shape)
        return None if decode is None else ImageByImage(decode)

    return prepare


def _drop(_: object) -> None:
    """Do nothing: what was decoded is not needed."""
