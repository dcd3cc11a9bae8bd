"""A ledger in a DynamoDB table: for functions on Lambda, where nothing else outlives an invocation."""

from __future__ import annotations

from collections.abc import Sequence
from time import sleep, time
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from streamfn._clients import OnFirstUse
from streamfn._environment import function_name
from streamfn._ledger import Entry, Stretch
from streamfn._names import checked_ledger_name
from streamfn._time import SecondsLeft
from streamfn.ledgers._client import LedgerClient, make_client
from streamfn.ledgers._segment_log import SegmentLog
from streamfn.ledgers._table import LedgerTableClient, create, definition_of

if TYPE_CHECKING:
    from streamfn._definitions import LedgerDefinition


class DynamoDBLedger:
    """Keeps entries for 48 hours, which is twice as long as a stream keeps records.

    One run's entries become one new item, or some if they are many, in a partition of their own, and an index leads to
    it. A batch that nothing failed in costs one consistent Query and no write. One that lies behind what others wrote
    costs a Query or two more, whatever they wrote. Entries are never changed, and none is taken away but
    what a process noted of its own first batch, so functions and invocations beside each other need no locks.

    The function needs the permissions ``dynamodb:Query``, ``dynamodb:BatchWriteItem`` and ``dynamodb:UpdateItem`` on
    the table. Without the last one it writes as versions before did: see "Limits of the ledger" in the documentation.
    """

    needs_scope: ClassVar[bool] = True
    """The table may be shared, so that functions need a scope in it; see `retry`."""

    def __init__(self, table_name: str, *, client: LedgerClient | None = None) -> None:
        """Name the table, which several functions may share.

        `client` is ``boto3.client("dynamodb")`` with settings of your own; without one, the ledger makes a
        client that gives up within seconds: on Lambda at once, since each batch needs it and the init phase has
        the full CPU, and elsewhere when it is first used. Fails with `Misuse` for a name that no table has.
        """
        self.table_name: str = checked_ledger_name(table_name)
        the_client = OnFirstUse(make_client, client)
        if function_name() is not None:
            the_client.prepare()
        self._log = SegmentLog(table_name, the_client, wait=sleep, now=time)

    def read(self, stretch: Stretch, seconds_left: SecondsLeft, /) -> list[Entry]:
        """Return every entry that was written for a stretch which meets this one.

        Where the stretch names its records, most entries of other records are left out. Fails with `UnreadableSegment`
        if there is an item that cannot be read, with `LedgerBusy` if DynamoDB turns it away until time is up or there
        is more to read than time, and with whatever else the client raises.
        """
        return self._log.read(stretch, seconds_left)

    def write(self, stretch: Stretch, entries: Sequence[Entry], seconds_left: SecondsLeft, /) -> None:
        """Keep entries.

        Fails with `LedgerBusy` if DynamoDB turns it away until time is up, with `ValueError` for an entry
        whose names have more than 350 KB, and with whatever else the client raises. Some entries may be kept
        where it fails.
        """
        self._log.write(stretch, entries, seconds_left)

    def definition(self) -> LedgerDefinition:
        """Describe the table as boto3's ``create_table`` and ``update_time_to_live`` take it; it is billed by request.

        Both parts are typed as boto3's stubs type the calls.

        >>> [key["AttributeName"] for key in DynamoDBLedger("card-ledger").definition().create_table["KeySchema"]]
        ['stream', 'segment']
        """
        return definition_of(self.table_name)

    def create(self, client: LedgerTableClient) -> None:
        """Create the table with ``boto3.client("dynamodb")``, and wait until it can be used.

        For scripts and tests; `examples/ledger.template.yaml` is how a stack makes it. Fails with what the
        client raises, such as ``ResourceInUseException`` if there is a table of this name.
        """
        create(self.table_name, client)

    @override
    def __repr__(self) -> str:
        return f"DynamoDBLedger({self.table_name!r})"
