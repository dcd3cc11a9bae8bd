"""`MemoryLedger`, which users test with, and `DynamoDBLedger`, which they deploy, know the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import boto3
from hypothesis import given
from hypothesis import strategies as st

from examples.demo import ministack
from streamfn._time import unlimited
from streamfn.ledgers import DynamoDBLedger, Entry, Key, Ledger, MemoryLedger, SequenceRange
from streamfn.ledgers._protocol import merge
from tests.ledgers.entries import entries, sequence_ranges
from tests.ledgers.tables import NAME, MemoryTable

Write = tuple[SequenceRange, Sequence[Entry]]

writes = st.tuples(
    sequence_ranges(),
    st.lists(entries(st.sampled_from(["announce", "back_up"]), st.sampled_from("abc")), max_size=4),
)


def knowledge(ledger: Ledger, sequence_range: SequenceRange) -> dict[Key, Entry]:
    """Give what a ledger knows; of attempts that are the same in number, any may give the reason."""
    known = merge(ledger.read(sequence_range, unlimited))
    return {pair: replace(entry, reason="") for pair, entry in known.items()}


def assert_agreement(ledger: Ledger, written: Sequence[Write], asked: Sequence[SequenceRange]) -> None:
    """Write to a ledger and to one in memory, and ask both."""
    memory = MemoryLedger()
    for sequence_range, found in written:
        memory.write(sequence_range, found, unlimited)
        ledger.write(sequence_range, found, unlimited)
    for sequence_range in asked:
        assert knowledge(ledger, sequence_range) == knowledge(memory, sequence_range)


@given(st.lists(writes, max_size=6), st.lists(sequence_ranges(), min_size=1, max_size=6), st.integers(1, 3))
def test_both_know_the_same_of_every_stretch(
    written: list[Write], asked: list[SequenceRange], page_size: int
) -> None:
    table = MemoryTable(page_size)
    assert_agreement(
        DynamoDBLedger(NAME, client=table),
        written,
        [*asked, *(sequence_range for sequence_range, _ in written)],
    )


def test_both_know_the_same_on_a_dynamodb() -> None:
    random = Random(1)  # noqa: S311 (the same in every run)

    def some_stretch() -> SequenceRange:
        lowest = random.choice([random.randrange(120), random.randrange(10**21)])
        return SequenceRange(
            random.choice(["follow-cards", "index-cards"]),
            random.choice(["", "arn"]),
            str(lowest),
            str(lowest + random.choice([0, 9, 10**21])),
        )

    def some_entries() -> list[Entry]:
        return [
            Entry(
                Key(random.choice(["announce", "back_up"]), random.choice("abcdef")),
                random.choice(["handled", "dead", "dropped", "open"]),
                random.randrange(3),
            )
            for _ in range(5)
        ]

    with ministack.running() as url:
        client = boto3.client("dynamodb", endpoint_url=url)
        ledger = DynamoDBLedger(NAME, client=client)
        ledger.create(client)
        written = [(some_stretch(), some_entries()) for _ in range(60)]
        assert_agreement(ledger, written, [some_stretch() for _ in range(60)])
        client.close()
