"""The table of a ledger: its attributes, how its keys are written, and how it is made.

The table has three kinds of items, and all expire:

- *Segments*, the entries that one write added for one stretch of a stream. Each batch has a partition of its own for
  them, so that nobody reads them who asks for other records, and many batches can be written at once. Segments are
  added, and are never changed; a process takes its note of a batch away once that has ended with a write.
- *Index items*, one for each batch: its lowest and highest number, its records' fingerprints, and its partition. They
  are sorted by the highest number, in a partition for each group of widths: see `streamfn.ledgers._index`.
- *Marks* of a directory, one for each class of widths and day: the highest number that the index has of it. They are
  what a batch reads that nothing has been written about.

Earlier versions wrote all segments of a scope and stream into one partition, sorted by their highest number. The marks
lie in that partition, behind all numbers, so that one Query finds both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote
from uuid import uuid4

from streamfn._conversion.keys import KeyAttribute
from streamfn._ledger import Stretch
from streamfn._wire import magnitude

if TYPE_CHECKING:
    from streamfn._definitions import LedgerDefinition

STREAM: Final = "stream"
SEGMENT: Final = "segment"
LOWEST: Final = "lowest"
ENTRIES: Final = "entries"
RECORDS: Final = "records"
"""Of an index item, the fingerprints of the batch's records."""
REACHES: Final = "highest"
"""Of a mark, the place of the highest number that the index has of a class of widths."""
EXPIRES_AT: Final = "expires_at"

LIFETIME: Final = timedelta(hours=48)
"""How long a segment is kept, counted from the writing of it: twice as long as a stream keeps its records."""


MARK: Final = "~"
"""The begin of a mark's sort key, behind all digits. A mark has this as its lowest number as well, so that
earlier versions take it for a segment that begins behind the end of their stretch, and pass it over."""


class LedgerTableClient(Protocol):
    """What is asked of boto3's client of DynamoDB to make a ledger's table.

    The types of arguments are left open, because the stubs of boto3 describe them by typed dictionaries that
    nothing but themselves fits.
    """

    @property
    def create_table(self) -> Callable[..., object]:
        """Begin to create a table."""
        ...

    @property
    def get_waiter(self) -> Callable[..., TableWaiter]:
        """Give what waits for a table, asked for by the name ``table_exists``."""
        ...

    @property
    def update_time_to_live(self) -> Callable[..., object]:
        """Say which attribute holds the time at which an item expires."""
        ...


class TableWaiter(Protocol):
    """What waits for a table."""

    @property
    def wait(self) -> Callable[..., object]:
        """Wait until the table can be used."""
        ...


def definition_of(table_name: str) -> LedgerDefinition:
    """Describe the table as boto3's ``create_table`` and ``update_time_to_live`` take it."""
    from streamfn._definitions import LedgerDefinition, table_request, time_to_live_request

    keys = (KeyAttribute(STREAM, "S"), KeyAttribute(SEGMENT, "S"))
    return LedgerDefinition(
        create_table=table_request(table_name, keys),
        update_time_to_live=time_to_live_request(table_name, EXPIRES_AT),
    )


def create(table_name: str, client: LedgerTableClient) -> None:
    """Create the table, wait for it, and have its items expire. Fails with what the client raises."""
    definition = definition_of(table_name)
    client.create_table(**definition.create_table)
    client.get_waiter("table_exists").wait(TableName=table_name)
    client.update_time_to_live(**definition.update_time_to_live)


def partition_of(stretch: Stretch) -> str:
    """Join scope and stream, so that no two pairs of them are joined to the same text.

    >>> partition_of(Stretch("follow/cards", "arn:aws:dynamodb:…:table/prod-Card/stream/…", "1", "2"))
    'follow%2Fcards/arn:aws:dynamodb:%E2%80%A6:table/prod-Card/stream/%E2%80%A6'
    """
    scope = quote(stretch.scope, safe="", errors="surrogatepass")
    return f"{scope}/{quote(stretch.stream, safe=':/', errors='surrogatepass')}"


def batch_partition(stretch: Stretch, digest: str) -> str:
    """Name the partition for the segments of a batch; a number sign is in no other part of a partition key."""
    return f"{partition_of(stretch)}#{digest}"


def index_partition(stretch: Stretch, group: int) -> str:
    """Name the partition of an index. Each of its items pays for the name, so the stream is in it by its digest."""
    scope = quote(stretch.scope, safe="", errors="surrogatepass")
    return f"{scope}/#{digest_of(stretch.stream)}.{group}"


def digest_of(*texts: str) -> str:
    """Give texts a short name that no others have: 96 bits of their SHA-256, as sixteen characters."""
    # Here, because few batches need them: one that nothing fails in, behind which nothing is written, does not.
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    return urlsafe_b64encode(sha256(json.dumps(texts).encode()).digest()[:12]).decode()


def place_of(number: str) -> str:
    """Write a sequence number so that texts are in the order of numbers: its length in three digits, then its digits.

    >>> place_of("9"), place_of("010"), place_of("0")
    ('0019', '00210', '000')
    >>> place_of("9") < place_of("010")
    True
    """
    length, digits = magnitude(number)
    return f"{length:03}{digits}"


def new_segment(stretch: Stretch) -> str:
    """Make a sort key for entries of a stretch, another one each time."""
    return f"{place_of(stretch.highest)}.{place_of(stretch.lowest)}.{uuid4().hex}"
