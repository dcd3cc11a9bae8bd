"""The table of a ledger: its attributes, how its keys are written, and how it is made.

It holds *segments*: the entries that one run wrote for one stretch of a stream. Items are added, expire, and
are never changed. The partition key names scope and stream. The sort key begins with the highest and the
lowest sequence number of the stretch, so that one Query finds all that could meet another stretch, and ends
with what no other item has, so that no write takes the place of another.
"""

from __future__ import annotations

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
EXPIRES_AT: Final = "expires_at"

LIFETIME: Final = timedelta(hours=48)
"""How long a segment is kept, counted from the writing of it: twice as long as a stream keeps its records."""


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
