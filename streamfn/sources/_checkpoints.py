"""Checkpoints: where a reader remembers how far the shards of a stream are settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from streamfn.sources._positions import Position


class Checkpoints(Protocol):
    """A place that remembers positions. One reader at a time uses it for a stream."""

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        """Give the positions by shard that were last saved for a stream; None if none ever were.

        The reader asks once, when it begins. Whatever this raises ends it.
        """
        ...

    def save(self, stream_arn: str, positions: Mapping[str, Position], /) -> None:
        """Remember these positions in place of those before, and return when they will not be lost any more.

        Whatever this raises ends the reader. Nothing is lost by that: the records come again after the last positions
        that were saved.
        """
        ...

    def release(self, stream_arn: str, /) -> None:
        """Let another reader have the stream; this one has ended."""
        ...


class MemoryCheckpoints:
    """Remembers positions for as long as the process lives: for tests, and for looking in.

    >>> from streamfn.sources import After
    >>> checkpoints = MemoryCheckpoints()
    >>> checkpoints.save("arn:…", {"shardId-1": After("700")})
    >>> checkpoints.load("arn:…")
    {'shardId-1': After(sequence_number='700')}
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._streams: dict[str, dict[str, Position]] = {}

    def load(self, stream_arn: str, /) -> Mapping[str, Position] | None:
        """Give the positions of a stream's shards."""
        positions = self._streams.get(stream_arn)
        return None if positions is None else dict(positions)

    def save(self, stream_arn: str, positions: Mapping[str, Position], /) -> None:
        """Remember these positions."""
        self._streams[stream_arn] = dict(positions)

    def release(self, stream_arn: str, /) -> None:
        """Do nothing: nobody else can reach it."""
