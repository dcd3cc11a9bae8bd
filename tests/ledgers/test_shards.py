"""What was written of a record is read, however its batch was cut and whoever wrote it; and the test can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from streamfn._records import Image
from streamfn.ledgers import Entry, _index
from streamfn.ledgers import _dynamodb as _segment_log
from streamfn.ledgers import _index as _batches
from streamfn.ledgers import _index as _directory
from streamfn.ledgers import _items as _table
from streamfn.ledgers._index import Directory
from streamfn.ledgers._protocol import SequenceRange
from tests.ledgers.shards import assert_all_is_known

Break = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("seeds", [range(start, start + 25) for start in (0, 25, 50, 75)])
def test_what_was_written_is_read_whatever_batch_asks(seeds: range) -> None:
    assert_all_is_known(seeds)


def an_index_that_forgets_a_batch(patch: pytest.MonkeyPatch) -> None:
    def index_item(sequence_range: SequenceRange, digest: str, expires_at: int) -> Image:
        item = _index.index_item(sequence_range, digest, expires_at)
        return {**item, "stream": {"S": "elsewhere"}} if digest < "F" else item

    patch.setattr(_segment_log, "index_item", index_item)


def a_directory_that_is_not_raised(patch: pytest.MonkeyPatch) -> None:
    def missing(_: Directory, __: SequenceRange, ___: float) -> None:
        return None

    patch.setattr(Directory, "missing", missing)


def a_directory_that_is_raised_once(patch: pytest.MonkeyPatch) -> None:
    def missing(directory: Directory, sequence_range: SequenceRange, now: float) -> Image | None:
        found = real(directory, sequence_range, now)
        known = directory._known  # pyright: ignore[reportPrivateUsage]
        return None if found is None or known.get(str(found["stream"]["S"])) else found

    real = Directory.missing
    patch.setattr(Directory, "missing", missing)


def a_class_too_small(patch: pytest.MonkeyPatch) -> None:
    def window_of(sequence_range: SequenceRange, digits: int) -> tuple[str, str]:
        return _index.window_of(sequence_range, max(0, digits - 1))

    patch.setattr(_segment_log, "window_of", window_of)


def the_narrowest_class_of_a_group(patch: pytest.MonkeyPatch) -> None:
    def window_of(sequence_range: SequenceRange, digits: int) -> tuple[str, str]:
        return _index.window_of(sequence_range, digits - (digits - 1) % 3)

    patch.setattr(_segment_log, "window_of", window_of)


def fingerprints_cut_at_the_wrong_place(patch: pytest.MonkeyPatch) -> None:
    real = _index.Question._shares  # pyright: ignore[reportPrivateUsage]

    def shares(question: _index.Question, fingerprints: bytes | None) -> bool:
        shifted = None if fingerprints is None else fingerprints[:1] + fingerprints[2:] + b"."
        return real(question, shifted)

    patch.setattr(_index.Question, "_shares", shares)


def segments_in_the_partition_of_another_batch(patch: pytest.MonkeyPatch) -> None:
    def batch_partition(sequence_range: SequenceRange, digest: str) -> str:
        return _table.batch_partition(sequence_range, digest.swapcase())

    patch.setattr(_batches, "batch_partition", batch_partition)


def batches_that_go_by_their_borders_alone(patch: pytest.MonkeyPatch) -> None:
    real = _index.batch_digest

    def batch_digest(sequence_range: SequenceRange) -> str:
        return real(SequenceRange("", "", sequence_range.lowest, sequence_range.highest))

    patch.setattr(_batches, "batch_digest", batch_digest)


def entries_of_other_records_behind_fingerprints(patch: pytest.MonkeyPatch) -> None:
    def of(
        batches: _batches.BatchCache, sequence_range: SequenceRange, _: object, now: float
    ) -> _batches.IndexedBatch:
        return batches._find(sequence_range, now)  # pyright: ignore[reportPrivateUsage]

    patch.setattr(_batches.BatchCache, "of", of)


def a_batch_that_counts_as_indexed_before_it_is(patch: pytest.MonkeyPatch) -> None:
    real = _batches.BatchCache.of

    def of(
        batches: _batches.BatchCache, sequence_range: SequenceRange, entries: Sequence[Entry], now: float
    ) -> _batches.IndexedBatch:
        batch = real(batches, sequence_range, entries, now)
        was_indexed, batch.indexed_at = batch.indexed_at, float("inf")
        if was_indexed < 0:
            return _batches.IndexedBatch(batch.sequence_range, batch.records, batch.digest, batch.partition)
        return batch

    patch.setattr(_batches.BatchCache, "of", of)


def a_directory_that_expires_with_its_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_directory, "LIFETIME", timedelta(days=-1))


def a_batch_put_where_another_one_leads_to_some_of_it(patch: pytest.MonkeyPatch) -> None:
    def has_all(_: _index.Question, __: bytes | None) -> bool:
        return True

    patch.setattr(_index.Question, "_has_all", has_all)


def the_index_item_of_another_batch_written_again(patch: pytest.MonkeyPatch) -> None:
    real = _batches.BatchCache.adopt

    def adopt(
        batches: _batches.BatchCache, sequence_range: SequenceRange, digest: str, indexed_at: float
    ) -> None:
        real(batches, sequence_range, digest, indexed_at)
        for batch in batches._known.values():  # pyright: ignore[reportPrivateUsage]
            batch.adopted = False

    patch.setattr(_batches.BatchCache, "adopt", adopt)


def segments_of_earlier_versions_passed_over(patch: pytest.MonkeyPatch) -> None:
    def is_mark(_: Image) -> bool:
        return True

    def marks_of(items: list[Image]) -> dict[str, str]:
        return _directory.marks_of(item for item in items if _directory.is_mark(item))

    patch.setattr(_segment_log, "is_mark", is_mark)
    patch.setattr(_segment_log, "marks_of", marks_of)


@pytest.mark.parametrize(
    "broken",
    [
        an_index_that_forgets_a_batch,
        a_directory_that_is_not_raised,
        a_directory_that_is_raised_once,
        a_class_too_small,
        the_narrowest_class_of_a_group,
        fingerprints_cut_at_the_wrong_place,
        segments_in_the_partition_of_another_batch,
        batches_that_go_by_their_borders_alone,
        entries_of_other_records_behind_fingerprints,
        a_batch_that_counts_as_indexed_before_it_is,
        a_directory_that_expires_with_its_day,
        a_batch_put_where_another_one_leads_to_some_of_it,
        the_index_item_of_another_batch_written_again,
        segments_of_earlier_versions_passed_over,
    ],
)
def test_what_breaks_a_rule_is_caught(monkeypatch: pytest.MonkeyPatch, broken: Break) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=r"what was written is not read|an item is lost"):
        assert_all_is_known(range(100))
