"""Items of a ledger's table are written exactly so, and read exactly so: the tables are there before any release.

Users keep them in DynamoDB for 48 hours. Versions of a function that are deployed one after the other, or at once, read
the items of each other: an item that one of them cannot read stops the function, and one that is not found repeats what
had succeeded.
"""

from __future__ import annotations

import logging
import os
import sys
import zlib
from base64 import b64decode
from datetime import UTC, datetime
from typing import Final, TypeAlias

import pytest
from botocore.exceptions import ClientError
from typing_extensions import override

from streamfn.ledgers import DynamoDBLedger, Entry, Key, SequenceRange, UnreadableSegment
from tests.ledgers.tables import NAME, Item, MemoryTable

Items: TypeAlias = dict[tuple[str, str], dict[str, object]]

NOW: Final = 1_800_000_000
"""2027-01-15, 08:00 in UTC: the day 20833 since 1970."""

ARN: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"
SINCE: Final = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
RANGE: Final = SequenceRange(
    "follow-cards", ARN, "100000000000000000001", "100000000000000000250", ("id-1", "id-2", "id-3")
)
DIGEST: Final = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
ENTRIES: Final = [
    Entry(Key("announce", "id-1"), "handled"),
    Entry(Key("index", "id-1"), "open", reason="HeldBack"),
    Entry(Key("announce", "id-2"), "dead", 5, SINCE, "Refused", letter=DIGEST),
    Entry(Key("", "id-3"), "dropped"),
    Entry(Key("announce", "id-3"), "open", 2, SINCE, "Raised", alone=True),
]
NOTE: Final = Entry(Key("", "process-00000000000000a7.1/id-1"), "open", 0, SINCE, "Begun")

STREAM: Final = f"follow-cards/{ARN}"
BATCH: Final = f"{STREAM}#ugSNIDzko_nZZiWI"
TEXT: Final = (
    '[[[["announce","handled",0,null,"",false],["index","open",0,null,"HeldBack",false]],["id-1"]],'
    '[[["announce","dead",5,"2026-01-02T03:04:05.000678+00:00","Refused letter-sha256:'
    '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",false]],["id-2"]],'
    '[[["","dropped",0,null,"",false],["announce","open",2,"2026-01-02T03:04:05.000678+00:00","Raised",true]],["id-3"]]]'
)
PACKED: Final = b64decode(
    "AXicjY+5asRAEER/xXTqkelpaY5V6MixcTZs0KtuscsOI6ED/PmWbNYXGJxV8Kiql1JKwKUMa+kUDJy5SFYBg6asORsA03Oe"
    "9WgSXIro68YMo5Yv4EmzPHJ3vYHvpFQW9vSzXJS3ZmeAkHyFtkJ6wbrFpkX3gIg+xHvEFnFjn7VfZ5W7rMuiUzWfmZxvncbY"
    "xEMUpohNsM4KqvN9lM7TgUKoPdaC4plPJxFPbK32gaxY15DEXyfpdnI/Nw3j+If5N4cPefqfA1/mvXGZ1s/Jeps8vgFyZWq+"
)
"""The same, as it lies in a table."""

SEGMENT: Final[Item] = {
    "stream": {"S": BATCH},
    "segment": {
        "S": "021100000000000000000250.021100000000000000000001.00000000000040008000000000000001",
    },
    "lowest": {"S": "021100000000000000000001"},
    "entries": {"B": PACKED},
    "expires_at": {"N": "1800172800"},
}
INDEX: Final[Item] = {
    "stream": {"S": "follow-cards/#0O29MDfsYT4_7vdD.1"},
    "segment": {"S": "021100000000000000000250.249.ugSNIDzko_nZZiWI"},
    "records": {"B": bytes.fromhex("03 405ebc 490f06 4e3f90")},
    "expires_at": {"N": "1800176400"},
}
MARK: Final[Item] = {
    "stream": {"S": STREAM},
    "segment": {"S": "~003.20833"},
    "lowest": {"S": "~"},
    "highest": {"S": "021100000000000000000250"},
    "expires_at": {"N": "1800316800"},
}


class NoUpdates(MemoryTable):
    """A table on which a function may not change items, as with the permissions of an earlier version."""

    @override
    def update_item(self, **_: object) -> object:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": ""}}, "UpdateItem")


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def _fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock of ledgers, and fix what is otherwise at random."""
    monkeypatch.setattr(sys.modules[DynamoDBLedger.__module__], "time", lambda: NOW)
    monkeypatch.setattr(os, "urandom", one)


def one(size: int) -> bytes:
    return (1).to_bytes(size, "big")


def seconds_left() -> float:
    return 60.0


def write(table: MemoryTable, sequence_range: SequenceRange, *entries: Entry) -> None:
    """Write as a run does, which has read before."""
    ledger = DynamoDBLedger(NAME, client=table)
    ledger.read(sequence_range, seconds_left)
    ledger.write(sequence_range, entries, seconds_left)


def items_in(table: MemoryTable) -> Items:
    """Give what lies in a table; entries are unpacked, since zlib may pack them otherwise from version to version."""
    return {
        key: {name: _unpacked(value) for name, value in item.items()} for key, item in table.items.items()
    }


def _unpacked(value: object) -> object:
    match value:
        case {"B": bytes(packed)} if packed[:1] == b"\x01":
            return packed[:1], zlib.decompress(packed[1:]).decode()
        case _:
            return value


def keyed(*items: Item) -> Items:
    """Give items by their keys, unpacked."""
    return {
        (str(item["stream"]["S"]), str(item["segment"]["S"])): {
            name: _unpacked(value) for name, value in item.items()
        }
        for item in items
    }


def read(table: MemoryTable, *items: Item, sequence_range: SequenceRange = RANGE) -> list[Entry]:
    """Read what lies in a table that others have written."""
    table.batch_write_item(RequestItems={NAME: [{"PutRequest": {"Item": item}} for item in items]})
    return DynamoDBLedger(NAME, client=table).read(sequence_range, seconds_left)


def test_the_table_is_made_with_these_attributes() -> None:
    """Users keep them in their templates: the table's keys, and the attribute of its time to live."""
    definition = DynamoDBLedger("card-ledger").definition()
    assert definition.create_table == {
        "TableName": "card-ledger",
        "AttributeDefinitions": [
            {"AttributeName": "stream", "AttributeType": "S"},
            {"AttributeName": "segment", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "stream", "KeyType": "HASH"},
            {"AttributeName": "segment", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert definition.update_time_to_live == {
        "TableName": "card-ledger",
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires_at"},
    }


@pytest.mark.usefixtures("_fixed")
def test_a_batch_is_written_as_a_mark_an_index_item_and_a_segment(table: MemoryTable) -> None:
    """Of each state, with all fields that an entry may have."""
    write(table, RANGE, *ENTRIES)
    assert PACKED[:1] == b"\x01"
    assert zlib.decompress(PACKED[1:]).decode() == TEXT
    assert items_in(table) == keyed(MARK, INDEX, SEGMENT)


def test_they_are_read(table: MemoryTable) -> None:
    assert read(table, MARK, INDEX, SEGMENT) == ENTRIES


def test_who_asks_for_a_part_of_the_batch_finds_all_of_it(table: MemoryTable) -> None:
    """Lambda sends a batch again in halves, and another version of the function may get them."""
    half = SequenceRange("follow-cards", ARN, "100000000000000000200", "100000000000000000250", ("id-3",))
    assert read(table, MARK, INDEX, SEGMENT, sequence_range=half) == ENTRIES


@pytest.mark.parametrize(
    "another",
    [
        SequenceRange("other-cards", ARN, RANGE.lowest, RANGE.highest, RANGE.records),
        SequenceRange("follow-cards", "", RANGE.lowest, RANGE.highest, RANGE.records),
        SequenceRange("follow-cards", ARN, RANGE.lowest, RANGE.highest, ("id-4",)),
        SequenceRange("follow-cards", ARN, "100000000000000000251", "100000000000000000260", ("id-1",)),
    ],
)
def test_who_asks_for_others_does_not_find_it(table: MemoryTable, another: SequenceRange) -> None:
    """Other functions, streams, records and numbers have other keys."""
    assert read(table, MARK, INDEX, SEGMENT, sequence_range=another) == []


@pytest.mark.usefixtures("_fixed")
def test_a_wide_batch_of_many_records_has_its_own_group_and_longer_fingerprints(table: MemoryTable) -> None:
    """Another group of widths is another partition of the index; names are percent-encoded in it and elsewhere."""
    wide = SequenceRange("a/b c", "", "7", "12345", tuple(f"id-{number}" for number in range(33)))
    write(table, wide, Entry(Key("announce", "id-32"), "handled"))
    mark, index, segment = items_in(table).values()
    assert mark == {
        "stream": {"S": "a%2Fb%20c/"},
        "segment": {"S": "~005.20833"},
        "lowest": {"S": "~"},
        "highest": {"S": "00512345"},
        "expires_at": {"N": "1800316800"},
    }
    assert index == {
        "stream": {"S": "a%2Fb%20c/#BVU530oLgExYyvRs.2"},
        "segment": {"S": "00512345.12338.8-PaG83_VeOs6rNF"},
        "records": {
            "B": b64decode(
                "BC5HbipZQF68wEkPBrdOP5ApKqozXi2apcckyx+wI/uJIJzmGFeb1o42VWDYQVJQTthbAfSvXDFiMTikwUY/lFffNsXtqDH1"
                "eziO6OpPidh8HXgzG2p/A43zdlI3hHFioRoV9wJtEseU9BuWLoMcprgTo7spZKSLvwRjAlpzZDLM6m1jdg=="
            )
        },
        "expires_at": {"N": "1800176400"},
    }
    assert segment == {
        "stream": {"S": "a%2Fb%20c/#8-PaG83_VeOs6rNF"},
        "segment": {"S": "00512345.0017.00000000000040008000000000000001"},
        "lowest": {"S": "0017"},
        "entries": (b"\x01", '[[[["announce","handled",0,null,"",false]],["id-32"]]]'),
        "expires_at": {"N": "1800172800"},
    }


@pytest.mark.usefixtures("_fixed")
@pytest.mark.parametrize(
    ("width", "group", "mark"),
    [
        (0, "1", "~000.20833"),
        (999, "1", "~003.20833"),
        (1_000, "2", "~004.20833"),
        (999_999, "2", "~006.20833"),
        (1_000_000, "3", "~007.20833"),
    ],
)
def test_a_batch_of_a_width_is_in_this_group_and_has_this_mark(
    table: MemoryTable, width: int, group: str, mark: str
) -> None:
    """Who reads asks each group that the marks name, and no other."""
    sequence_range = SequenceRange("follow-cards", ARN, "5000000", str(5_000_000 + width), ("id-1",))
    write(table, sequence_range, Entry(Key("announce", "id-1"), "handled"))
    (marked, segment), (index, _), _ = table.items
    assert (marked, segment) == (STREAM, mark)
    assert index == f"follow-cards/#0O29MDfsYT4_7vdD.{group}"


@pytest.mark.usefixtures("_fixed")
def test_the_note_of_a_process_lies_in_the_partition_of_the_stream_until_it_is_settled(
    table: MemoryTable,
) -> None:
    ledger = DynamoDBLedger(NAME, client=table)
    ledger.write(RANGE, [NOTE], seconds_left)
    assert items_in(table) == keyed(
        {
            **SEGMENT,
            "stream": {"S": STREAM},
            "entries": {"B": b"\x01" + zlib.compress(NOTE_TEXT.encode())},
        }
    )
    ledger.write(RANGE, [Entry(NOTE.pair, "handled")], seconds_left)
    assert table.items == {}


NOTE_TEXT: Final = (
    '[[[["","open",0,"2026-01-02T03:04:05.000678+00:00","Begun",false]],["process-00000000000000a7.1/id-1"]]]'
)


@pytest.mark.usefixtures("_fixed")
def test_without_the_permission_to_change_items_all_is_written_as_earlier_versions_did(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = NoUpdates()
    write(table, RANGE, *ENTRIES)
    assert items_in(table) == keyed({**SEGMENT, "stream": {"S": STREAM}})
    line = (
        "the function has no permission dynamodb:UpdateItem on the ledger's table card-ledger: add it. Until then the "
        "ledger writes into one partition for the stream, as earlier versions did, and reads become slower the more is "
        "written"
    )
    assert caplog.record_tuples == [("streamfn", logging.WARNING, line)]


def test_what_earlier_versions_wrote_is_read(table: MemoryTable) -> None:
    """They wrote into the partition of the stream, and knew no digests of letters."""
    packed = b64decode(
        "AXicVcwxDsIwEETRu0zLGk0MCcjHiOhWLiy8EUjWUkS+P06Zbor5T1UVxf3X/W0QfIrXZhVC8d6aALKVtlvOovjWMOFY56Za"
        "GcEsiIxL4BQYX7wl3hPnK8nl8byQiRzf1ba+H/5JjUPNf2S+J+M="
    )
    entries = read(table, {**SEGMENT, "stream": {"S": STREAM}, "entries": {"B": packed}})
    assert entries == [
        Entry(Key("announce", "id-1"), "handled"),
        Entry(Key("announce", "id-2"), "dead", 5, SINCE, "Refused"),
    ]


@pytest.mark.parametrize(
    "index",
    [
        {name: value for name, value in INDEX.items() if name != "records"},
        {**INDEX, "records": {"B": bytes.fromhex("04 59405ebc c0490f06 b74e3f90")}},
        {**INDEX, "records": {"B": b"\x09 of a later version"}},
    ],
    ids=["no fingerprints", "four bytes", "unknown"],
)
def test_other_fingerprints_lead_to_the_batch_as_well(table: MemoryTable, index: Item) -> None:
    """An index item of very many records has none, one of many has longer ones, and a later version may have others."""
    assert read(table, MARK, index, SEGMENT) == ENTRIES


def test_a_form_that_is_not_known_is_refused(table: MemoryTable) -> None:
    with pytest.raises(UnreadableSegment, match="its form is 2, and this version of streamfn knows 1 alone"):
        read(table, MARK, INDEX, {**SEGMENT, "entries": {"B": b"\x02" + PACKED[1:]}})
