"""Accounts: what a run must have come to, from what Lambda's side and the ledger's table show of it.

The mapping's history tells which pairs were settled in which invocation, handled or given up, and a watched ledger
which of them the table holds because of that invocation. A pair that was settled, that the table does not hold, and
whose record is delivered again, has to be settled again, and no other may be. What an outage costs are therefore the
pairs that were settled in the invocation in which it began, to be written at its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from streamfn.ledgers import Key
from streamfn.testing._simulator.history import History, Invocation
from tests.chain.watched import WatchedLedger


def letters_in(history: History) -> Counter[Key]:
    """Count the letters that were stored, as far as the function knows."""
    return Counter(
        Key(letter.handler, letter.event_id) for each in history.invocations for letter in each.letters
    )


def settled_in(invocation: Invocation) -> Iterator[Key]:
    """List the pairs that succeeded in an invocation, or became dead letters."""
    for call in invocation.calls:
        for event_id, effect in zip(call.event_ids, call.effects, strict=True):
            if effect == "succeeded":
                yield Key(call.handler, event_id)
    for letter in invocation.letters:
        yield Key(letter.handler, letter.event_id)


def expected(history: History, ledger: WatchedLedger) -> Counter[Key]:
    """Say how often each pair must have been settled: once, and once more each time that nobody knew of it later.

    That is where the pair is not recorded, or the ledger forgot it, and its record came again after that.
    """
    last = {event_id: place for place, each in enumerate(history.invocations) for event_id in each.event_ids}
    times: Counter[Key] = Counter()
    for place, (invocation, recorded) in enumerate(zip(history.invocations, ledger.recorded, strict=True)):
        for pair in settled_in(invocation):
            came_again = last[pair.record]
            unrecorded = pair not in recorded and place < came_again
            forgotten = place < ledger.forgot_at <= came_again
            times[pair] = max(times[pair], 1) + (unrecorded or forgotten)
    return times


def repeated(times: Counter[Key]) -> set[Key]:
    """List the pairs that something happened to more often than once."""
    return {pair for pair, count in times.items() if count > 1}
