"""Entries and ranges, made up at random."""

from __future__ import annotations

from datetime import UTC

from hypothesis import strategies as st

from streamfn.ledgers import Entry, Key, SequenceRange

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"

# With halves of surrogate pairs: JSON may hold them, and so may what Lambda gets.
names = st.text(st.characters(exclude_categories=[]))


def entries(handlers: st.SearchStrategy[str], records: st.SearchStrategy[str]) -> st.SearchStrategy[Entry]:
    """Make up entries of pairs of these."""
    return st.builds(
        Entry,
        pair=st.builds(Key, handlers, records),
        state=st.sampled_from(["handled", "dead", "dropped", "open"]),
        attempts=st.integers(0, 10_000),
        since=st.none() | st.datetimes(timezones=st.just(UTC)),
        reason=names,
        alone=st.booleans(),
    )


@st.composite
def sequence_ranges(draw: st.DrawFn) -> SequenceRange:
    """Make up ranges of a few streams, of numbers that are often near to each other and differ in length."""
    numbers = st.integers(0, 120) | st.integers(0, 10**40)
    lowest, highest = sorted(draw(st.tuples(numbers, numbers)))
    zeros = draw(st.sampled_from(["", "0", "000"]))
    return SequenceRange(
        draw(st.sampled_from(["follow-cards", "follow-cards/arn", ""])),
        draw(st.sampled_from(["", "arn", ARN])),
        f"{zeros}{lowest}",
        f"{highest}",
    )
