"""The laws of deliveries, as whoever looks from outside can check them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from streamfn.ledgers import MemoryLedger
from streamfn.ledgers._protocol import Key
from tests.soak.schedules import Schedule, schedule
from tests.soak.worlds import World, event_id

_TRIED = {"Refused", "Raised", "TimedOut"}

_MOST_CALLS = {(False, False): 1, (False, True): 2, (True, False): 3, (True, True): 4}
"""How often a sound record is called beside some that hang or, in each second pair, kill; in chunks once more.

Before time is up, the alarm writes what is known. A process that dies has begun other batches, or has noted this one,
or calls carefully and so repeats nothing.
"""


class LawBroken(AssertionError):
    """A law does not hold; the message tells the schedule and what happened."""


def check(seed: int) -> None:
    """Put the schedule of a seed into practice, and check all laws. Fails with `LawBroken`."""
    asked = schedule(seed)
    ledger = MemoryLedger()
    worlds = [World(asked, scope, ledger) for scope in (("one", "twin") if asked.has_twin else ("one",))]
    for world in worlds:
        world.run()
        if found := list(violations(world)):
            lines = "\n".join(found)
            raise LawBroken(f"{lines}\n\n{asked}\n\n{world.mapping.history}")


def violations(world: World) -> Iterator[str]:
    """Tell of each law that does not hold."""
    yield from world.broken
    yield from nothing_lost(world)
    yield from nothing_foreign(world)
    if world.schedule.remembers:
        yield from once_without_faults(world)
        yield from repeated_seldom(world)
    if world.schedule.mode == "dead letters":
        yield from letters_in_due_time(world)
        yield from poison_does_not_choke(world)
        yield from letters_after_deaths(world)
    if world.schedule.ends_well and world.schedule.is_unlimited:
        yield from (
            f"{each.event_id} was never settled: no progress"
            for each in world.mapping.history.discarded
            if each.condition == "Expired"
        )


def wanted(asked: Schedule) -> set[Key]:
    """List the pairs that have to be accounted for."""
    pairs: set[Key] = set()
    for change in asked.changes:
        if change.form in {"malformed", "stranger"}:
            pairs.add(Key("", event_id(change)))
        else:
            pairs |= {
                Key(job.name, event_id(change))
                for job in asked.jobs
                if change.form == "undecodable" or job.wants(change)
            }
    return pairs


def nothing_lost(world: World) -> Iterator[str]:
    """Handled, dead-lettered, given up by Lambda, or under acknowledge reported: nothing is left over."""
    settled = world.succeeded | {letter.pair for letter in world.letters}
    if world.schedule.mode == "acknowledge":
        settled |= world.reported
    given_up = {each.event_id for each in world.mapping.history.discarded}
    for pair in sorted(wanted(world.schedule) - settled):
        if pair.record not in given_up:
            yield f"{pair} is lost"
    for pair in sorted(world.succeeded - wanted(world.schedule)):
        yield f"{pair} was handled, and nobody wanted it"


def nothing_foreign(world: World) -> Iterator[str]:
    """The answer names records of the batch, and nothing else."""
    for invocation in world.mapping.history.invocations:
        if invocation.error and invocation.error.startswith(
            ("the answer names", "the answer has", "batchItem")
        ):
            yield f"#{invocation.number}: {invocation.error}"


def once_without_faults(world: World) -> Iterator[str]:
    """Without faults of process, answer or store, each effect happens once."""
    history = world.mapping.history
    if world.schedule.faults or any(each.error not in {None, "BatchFailed"} for each in history.invocations):
        return
    effects = Counter(
        Key(call.job, f"r{number}")
        for call in world.calls
        for number in call.numbers
        if number not in call.failed
    )
    yield from (f"{pair} happened {count} times" for pair, count in effects.items() if count > 1)


def repeated_seldom(world: World) -> Iterator[str]:
    """A record that ends its process has its neighbours called again, but no more often than `_MOST_CALLS` says."""
    asked = world.schedule
    kinds = {trouble.kind for trouble in asked.troubles.values()}
    # What another fault or another lane has repeated is no matter of this law, nor is what ran side by side.
    others = asked.faults or asked.bisects or asked.lanes > 1 or asked.shards > 1 or asked.side_by_side
    ends = kinds - {"refuse", "raise"}
    if others or ends not in ({"kill"}, {"hang"}):
        return
    called = Counter((call.job, number) for call in world.calls for number in call.numbers)
    for job in asked.jobs:
        in_chunks = job.kind in {"batched", "each"}
        if in_chunks and kinds != ends:  # in which one that fails has the others called again
            continue
        most = _MOST_CALLS[ends == {"kill"}, in_chunks]
        for change in asked.changes:
            times = called[job.name, change.number]
            if times > most and (job.name, change.number) not in asked.troubles:
                yield f"{Key(job.name, event_id(change))} is called {times} times, of {most} at most"


def letters_after_deaths(world: World) -> Iterator[str]:
    """A letter is written of what the process died of, and failed on beside that, often enough."""
    for letter in world.letters:
        if letter.reason != "ProcessDied":
            continue
        deaths = sum(
            invocation.error in {"ProcessDied", "TimedOut"} and letter.pair.record in invocation.event_ids
            for invocation in world.mapping.history.invocations
        )
        number = int(letter.pair.record.removeprefix("r"))
        failures = sum(number in call.failed for call in world.calls if call.job == letter.pair.handler)
        if not deaths or deaths + failures < world.schedule.max_attempts:
            yield f"{letter!r} after {deaths} deaths, of {world.schedule.max_attempts}"


def letters_in_due_time(world: World) -> Iterator[str]:
    """A letter is written of what failed by itself often enough, and for long enough.

    That is for as long as patience lasts, unless the job has succeeded on another record since, or on a later one.
    """
    for letter in world.letters:
        if letter.reason not in _TRIED:
            continue
        number = int(letter.pair.record.removeprefix("r"))
        calls = [call for call in world.calls if call.job == letter.pair.handler]
        failures = [place for place, call in enumerate(calls) if number in call.failed]
        alone = sum(calls[place].is_own or calls[place].numbers == (number,) for place in failures)
        first = calls[failures[0]] if failures else None
        if first is None or alone < world.schedule.max_attempts:
            yield f"{letter!r} after {alone} failures alone, of {world.schedule.max_attempts}"
        elif letter.at - first.at < world.schedule.patience and not any(
            place >= failures[0] or done > number
            for place, call in enumerate(calls)
            if call.at <= letter.at
            for done in set(call.numbers) - call.failed
        ):
            yield f"{letter!r} after {letter.at - first.at}, of {world.schedule.patience}"


def poison_does_not_choke(world: World) -> Iterator[str]:
    """A job that works is not asked again about a record that it has refused often enough.

    It works if it succeeds on other records before and after in the same run. Without faults, that is.
    """
    history = world.mapping.history
    asked = world.schedule
    if asked.faults or asked.side_by_side or any(each.error is not None for each in history.invocations):
        return
    calls = iter(world.calls)  # in the same order
    refused: Counter[Key] = Counter()
    given_up: set[Key] = set()
    for invocation in history.invocations:
        open_now: set[Key] = set()
        worked: set[str] = set()
        for _, call in zip(invocation.calls, calls):  # noqa: B905 (those of later invocations come later)
            pairs = {number: Key(call.job, f"r{number}") for number in call.numbers}
            yield from (
                f"{pair} is asked again, and was refused for good" for pair in given_up & {*pairs.values()}
            )
            failed = {pairs[number] for number in call.failed}
            if call.is_own or len(pairs) == 1:
                refused.update(failed)
                open_now |= failed if call.job in worked else set()
            if failed != {*pairs.values()}:
                worked.add(call.job)
                given_up |= {
                    pair
                    for pair in open_now
                    if pair.handler == call.job and refused[pair] >= asked.max_attempts
                }
