"""Lineage: in which order shards may be read, so that the changes of an item are seen in their order.

DynamoDB closes a shard after some hours, or when its partition is split, and goes on in shards that name the closed one
as their parent ("Working with DynamoDB Streams", Developer Guide). An item's records lie in one line of descent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from streamfn.sources._positions import Drained, Position, Since
from streamfn.sources._requests import Listing

SKEW: Final = timedelta(minutes=5)
"""How much clocks may differ; see `Since`."""


def readable(listing: Listing, positions: Mapping[str, Position], reading: Collection[str]) -> Iterator[str]:
    """Give the shards that nothing is known of and that may be read now: their parent is drained, or gone.

    A parent that is still being read, because its last records have not been settled say, is not gone, though the
    stream may no longer list it.
    """
    for name, shard in listing.shards.items():
        if name in positions or name in reading:
            continue
        parent = shard.parent
        is_open = parent is not None and (parent in listing.shards or parent in reading)
        if parent is None or not is_open or isinstance(positions.get(parent), Drained):
            yield name


def childless(listing: Listing, name: str) -> bool:
    """Tell whether no shard that is listed goes on with this one."""
    return all(shard.parent != name for shard in listing.shards.values())


def at_the_end(listing: Listing, now: datetime) -> dict[str, Position]:
    """Give the positions of a reader that begins at the end of a stream.

    What is closed, or has children, is over. The others are read from their end on; shards that come later are children
    of these, and are read from their beginning, or the records between would be lost.
    """
    parents = {shard.parent for shard in listing.shards.values()}
    return {
        name: Drained() if shard.is_closed or name in parents else Since(now - SKEW)
        for name, shard in listing.shards.items()
    }
