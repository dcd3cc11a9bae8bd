"""Decoding: every contender on every load."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.agreement import check
from tests.benchmarks.contenders import Contender, Prepared
from tests.benchmarks.interleaving import Patience, measure
from tests.benchmarks.loads import Load
from tests.benchmarks.results import Decoding, LoadSize, Row


def measure_decoding(
    load: Load, contenders: Sequence[Contender], patience: Patience, tell: Callable[[str], None]
) -> Decoding:
    """Check that all contenders make the same items of a load, and measure them then.

    The first of them is the one whose items count. Fails with `Disagreement`.
    """
    entered = [(each, found) for each in contenders if (found := each.prepare(load)) is not None]
    _check_all(load, entered)
    tell(f"{load.title}: {len(load.records):,} records, {len(entered)} contenders, which agree")
    timings = measure(
        {each.name: prepared.work for each, prepared in entered},
        list(load.chunks()),
        len(load.whole.images),
        patience,
    )
    rows = {each.name: Row(each.title, timings[each.name], each.remark) for each, _ in entered}
    return Decoding(size_of(load), rows)


def size_of(load: Load) -> LoadSize:
    """Tell how large a load is."""
    whole = load.whole
    return LoadSize(
        load.title, len(load.records), len(whole.images), load.attributes, len(whole.text.encode())
    )


def _check_all(load: Load, entered: Sequence[tuple[Contender, Prepared]]) -> None:
    expected = entered[0][1].items(load.whole)
    for contender, prepared in entered:
        if contender.checked:
            check(load, expected, contender, prepared)
