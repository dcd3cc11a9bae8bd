"""Deliveries and ledgers with one rule broken each, and the law of the second model that notices."""

# Whoever breaks a rule reaches inside.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import pytest

from streamfn._delivery.session import LedgerWriter, LetterBuffer
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter
from streamfn.ledgers import Entry, SequenceRange
from tests.soak import second_laws as laws
from tests.soak.broken import BROKEN, Break
from tests.soak.second_world import Store


def a_ledger_that_forgets(patch: pytest.MonkeyPatch) -> None:
    read = Store.read

    def forget(store: Store, sequence_range: SequenceRange, seconds_left: SecondsLeft) -> list[Entry]:
        read(store, sequence_range, seconds_left)
        return []

    patch.setattr(Store, "read", forget)


def a_ledger_that_keeps_the_last_write_alone(patch: pytest.MonkeyPatch) -> None:
    write = Store.write

    def overwrite(
        store: Store, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: SecondsLeft
    ) -> None:
        store.rows.clear()
        write(store, sequence_range, entries, seconds_left)

    patch.setattr(Store, "write", overwrite)


def a_ledger_asked_for_the_same_borders_alone(patch: pytest.MonkeyPatch) -> None:
    def equal(one: SequenceRange, other: SequenceRange) -> bool:
        return one == other

    patch.setattr("tests.soak.second_world.meet", equal)


def a_letter_that_is_not_stored_given_up(patch: pytest.MonkeyPatch) -> None:
    """Drop what no letter could be stored of, as nobody wants the shard to stand."""
    send = LetterBuffer._send

    def sent(
        letter_buffer: LetterBuffer, letters: Sequence[DeadLetter], seconds_left: SecondsLeft
    ) -> Collection[str]:
        stored = send(letter_buffer, letters, seconds_left)
        return stored or {letter.id for letter in letters}

    patch.setattr(LetterBuffer, "_send", sent)


def what_is_settled_not_written(patch: pytest.MonkeyPatch) -> None:
    write = LedgerWriter.write

    def only_open(writing: LedgerWriter, seconds_left: SecondsLeft) -> bool:
        for pair in [entry.pair for entry in writing._session.pending() if entry.state == "handled"]:
            del writing._session._news[pair]
        return write(writing, seconds_left)

    patch.setattr(LedgerWriter, "write", only_open)


BROKEN_TOO: Final[Mapping[str, tuple[Break, str]]] = {
    "a ledger that forgets": (a_ledger_that_forgets, laws.RUNS_AGAIN),
    "a ledger that keeps the last write alone": (a_ledger_that_keeps_the_last_write_alone, laws.RUNS_AGAIN),
    "a ledger asked for the same borders alone": (a_ledger_asked_for_the_same_borders_alone, laws.RUNS_AGAIN),
    "a letter that is not stored given up": (a_letter_that_is_not_stored_given_up, laws.IS_UNTRUE),
    "what is settled not written": (what_is_settled_not_written, laws.IS_REPEATED),
    **{
        name: (BROKEN[name][0], law)
        for name, law in {
            "the highest number answered": laws.IS_UNSETTLED,
            "numbers compared as text": laws.IS_UNSETTLED,
            "a ledger that is down taken for an empty one": laws.RUNS_BLIND,
            "only the successes after the lowest failure written": laws.IS_REPEATED,
            "the successes before the first failure forgotten": laws.IS_REPEATED,
            "letters sent at the end": laws.OVERTAKES,
            "letters that are not stored counted as stored": laws.IS_UNTRUE,
            "held-back pairs counted as attempts": laws.IS_UNTRUE,
            "a chunk's failure counted against its neighbours": laws.NO_END,
            "nothing held back": laws.OVERTAKES,
            "halves of a chunk forgotten": laws.IS_UNSETTLED,
            "nothing tried alone": laws.NO_END,
            "no patience": laws.TOO_SOON,
            "what time ran out for dropped under acknowledge": laws.IS_UNSETTLED,
        }.items()
    },
}
"""By what is wrong: how to break it, and the law that catches it.

"scope left out of the key" is missing: the second model has one function. So is "no alarm": without one, a process that
is ended at its timeout is found like one that died, and the second model does not count how often neighbours run.
"""
