"""Letters, run again: each for the handler that gave its record up, or for all if the record had reached none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Never

from typing_extensions import TypeVar

from streamfn._failures import Failed, LedgerUnavailable
from streamfn._ledger import Entry, Pair, Stretch, merged
from streamfn._records import Record, is_one_change
from streamfn._reports import send
from streamfn._wire import magnitude
from streamfn.dead_letters._redriving.contents import FoundLetter
from streamfn.dead_letters._redriving.redriven import Outcome, Redriven, concluded, outcome_of
from streamfn.dead_letters._redriving.replay import Replay, Replayed
from streamfn.dead_letters._redriving.rereading import Rereading
from streamfn.dead_letters._redriving.trust import Trust

A = TypeVar("A")
E = TypeVar("E")

_DONE: Final[frozenset[Outcome]] = frozenset({"handled", "skipped"})
_NAMESAKE: Final = "another letter has its id, and another record"


def replay_letters(
    found: Sequence[FoundLetter], replay: Replay[A, E], rereading: Rereading
) -> list[Redriven[E]]:
    """Run letters of one scope and one stream, in their order, and remove those that are done with.

    Only `handled` keeps a pair from running: `dead` is why there is a letter. A letter that nothing proves does not
    run. The record of a truncated one that has to run is read again.
    """
    names = replay.handlers
    known = [each for each in found if each.letter.pair.handler in {"", *names}]
    redriven: list[Redriven[E]] = [
        Redriven(each.received.name, each.letter.pair, "unknown handler")
        for each in found
        if each.letter.pair.handler not in {"", *names}
    ]
    known, unsigned = _divided(known, replay.trust.unsigned)
    redriven += _refused(unsigned, "unproved")
    if not known:
        return redriven
    stretch = _stretch_of(known)
    entries = replay.known(stretch)
    if entries is None:
        return redriven + _unavailable(known, replay)
    known, refused = _trusted(known, names, entries, replay.trust)
    redriven += refused
    known, namesakes = _parted(known)
    redriven += _refused([(each, _NAMESAKE) for each in namesakes], "ambiguous")
    asked = frozenset(pair for each in known for pair in _asked(each, names))
    settled = [entry for entry in entries if entry.state == "handled" and entry.pair in asked]
    handled = frozenset(entry.pair for entry in settled)

    def has_to_run(each: FoundLetter) -> bool:
        return not handled.issuperset(_asked(each, names))

    known, lost = rereading.read(known, has_to_run)
    redriven += [
        Redriven(each.found.received.name, each.found.letter.pair, each.outcome, detail=each.detail)
        for each in lost
    ]
    due = frozenset(pair for each in known for pair in _asked(each, names))
    records = {each.letter.pair.record: each.record for each in known if has_to_run(each)}
    replayed = replay.run(stretch, list(records.values()), settled, due)
    for each in known:
        redriven += concluded(each.received, _outcomes(each, names, replayed, handled), _DONE)
    return redriven


def _divided(
    found: Iterable[FoundLetter], problem_of: Callable[[FoundLetter], str | None]
) -> tuple[list[FoundLetter], list[tuple[FoundLetter, str]]]:
    """Part letters from those that there is a problem with."""
    sound: list[FoundLetter] = []
    unsound: list[tuple[FoundLetter, str]] = []
    for each in found:
        if (problem := problem_of(each)) is None:
            sound.append(each)
        else:
            unsound.append((each, problem))
    return sound, unsound


def _refused(found: Iterable[tuple[FoundLetter, str]], outcome: Outcome) -> list[Redriven[Never]]:
    return [
        Redriven(each.received.name, each.letter.pair, outcome, detail=problem) for each, problem in found
    ]


def _trusted(
    found: Sequence[FoundLetter], names: Sequence[str], entries: Iterable[Entry], trust: Trust
) -> tuple[list[FoundLetter], list[Redriven[Never]]]:
    """Part letters from those that are refused. One that is handled need not be proved: nothing of it runs."""
    known = merged(entries)

    def is_handled(each: FoundLetter) -> bool:
        return all((entry := known.get(pair)) and entry.state == "handled" for pair in _asked(each, names))

    proved, unproved = _divided(
        found, lambda each: None if is_handled(each) else trust.unproved_by(each, known)
    )
    followed, unfollowed = _divided(
        proved, lambda each: None if is_handled(each) else trust.unfollowed(each, known)
    )
    return followed, [*_refused(unproved, "unproved"), *_refused(unfollowed, "another stream")]


def _parted(found: Sequence[FoundLetter]) -> tuple[list[FoundLetter], list[FoundLetter]]:
    """Part letters from those that go by the name of an earlier one's record and carry another record."""
    first: dict[str, Record] = {}
    own: list[FoundLetter] = []
    namesakes: list[FoundLetter] = []
    for each in found:
        # Half a record is another one than the whole; that it is the same change is seen when it is read again.
        is_own = each.letter.is_truncated or is_one_change(
            first.setdefault(each.letter.pair.record, each.record), each.record
        )
        (own if is_own else namesakes).append(each)
    return own, namesakes


def _asked(found: FoundLetter, names: Sequence[str]) -> list[Pair]:
    """Name the pairs that a letter asks for."""
    handler, record = found.letter.pair
    return [Pair(name, record) for name in ([handler] if handler else names)]


def _stretch_of(found: Sequence[FoundLetter]) -> Stretch:
    stretches = [each.stretch for each in found]
    numbers = [stretch.lowest for stretch in stretches]
    return Stretch(
        stretches[0].scope,
        stretches[0].stream,
        min(numbers, key=magnitude),
        max(numbers, key=magnitude),
        tuple(dict.fromkeys(each.letter.pair.record for each in found)),
    )


def _unavailable(found: Sequence[FoundLetter], replay: Replay[A, E]) -> list[Redriven[E]]:
    failures: list[tuple[FoundLetter, Failed[E]]] = [
        (each, Failed(each.record, each.letter.pair.handler or None, LedgerUnavailable())) for each in found
    ]
    send(replay.report, [failed for _, failed in failures])
    return [
        Redriven(each.received.name, each.letter.pair, outcome_of(failed.reason), failed)
        for each, failed in failures
    ]


def _outcomes(
    found: FoundLetter, names: Sequence[str], replayed: Replayed[E], handled: Collection[Pair]
) -> list[Redriven[E]]:
    """Tell what came of a letter.

    One that is addressed to a handler has one outcome. One that is addressed to none has one for each handler
    that wants its record now.
    """
    name, pair = found.received.name, found.letter.pair
    redriven: list[Redriven[E]] = []
    for asked in _asked(found, names):
        if asked in replayed.results:
            failed = replayed.results[asked]
            outcome = "handled" if failed is None else outcome_of(failed.reason)
            redriven.append(Redriven(name, asked, outcome, failed))
        elif asked in handled:
            redriven.append(Redriven(name, asked, "skipped"))
    if redriven:
        return redriven
    if (stray := replayed.results.get(Pair("", pair.record))) is not None:
        return [Redriven(name, pair, outcome_of(stray.reason), stray)]
    return [Redriven(name, pair, "not wanted" if pair.handler else "skipped")]
