"""Random schedules for the second model: what comes, what handlers do with it, and what goes wrong around them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal, TypeAlias
from zlib import crc32

from tests.soak.second_inputs import Change, Settings
from tests.soak.second_model import Shard

START: Final = 1_800_000_000.0
ARN: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/second/stream/2027-01-15T08:00:00.000"

Handlers: TypeAlias = tuple[str, ...]
HANDLERS: Final[tuple[Handlers, ...]] = (
    ("copy",),
    ("copy", "mail"),
    ("copy", "mail", "note"),
    ("note", "bulk"),
    ("copy", "sift"),
    ("copy", "mail", "bulk", "sift"),
)
"""The pipelines that there are. `bulk` gets chunks and answers once for each, `sift` answers for each event of one."""

Delivery: TypeAlias = Literal["acknowledge", "retry", "ledger", "letters", "always", "whole batch"]
Kind: TypeAlias = Literal["refuses", "raises", "hangs", "exits", "kills"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A handler's failures on a record: so many `times`, or for ever if that is -1. Then the handler succeeds."""

    kind: Kind
    times: int

    def lasts(self, calls: int) -> bool:
        """Whether it still does so after so many calls."""
        return self.times < 0 or calls < self.times


Pair: TypeAlias = tuple[str, int]
"""A handler's name, and the sequence number of a record."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each fault is, for each time that it may come, as long as faults come at all."""

    dies: float = 0.0
    freezes: float = 0.0
    jumps: float = 0.0
    loses_answer: float = 0.0
    comes_again: float = 0.0
    ledger_fails: float = 0.0
    letters_fail: float = 0.0
    is_slow: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that is fixed before the first invocation; faults come in the first `faults_until` invocations only.

    `skews` are what clocks of machines are off by, in seconds. `unstorable` are pairs of which no letter is ever
    stored. `moves` change the mapping's factor at a moment, and have so many accepted records come again.
    """

    seed: int
    delivery: Delivery
    handlers: Handlers
    settings: Settings
    shards: tuple[tuple[str, str | None, tuple[Change, ...]], ...]
    names: Mapping[int, str]
    undecodable: frozenset[int]
    troubles: Mapping[Pair, Trouble]
    unstorable: frozenset[Pair]
    max_attempts: int
    patience: float
    odds: Odds
    faults_until: int
    skews: tuple[float, ...]
    jumps: tuple[float, ...]
    moves: tuple[tuple[float, str, int, int], ...]
    is_interleaved: bool
    borders: bool

    @property
    def changes(self) -> Sequence[Change]:
        """All records, in the order of their numbers."""
        return sorted(
            (change for _, _, held in self.shards for change in held), key=lambda change: change.number
        )

    @property
    def remembers(self) -> bool:
        """Whether the delivery has a ledger."""
        return self.delivery not in {"acknowledge", "retry"}

    @property
    def has_letters(self) -> bool:
        """Whether the delivery has dead letters."""
        return self.delivery in {"letters", "always", "whole batch"}

    def wants(self, handler: str, number: int) -> bool:
        """Whether a handler is to be called with a record, or is told why it cannot be."""
        name = self.names[number]
        if handler == "note":
            return True
        if handler == "mail":
            return name == "INSERT" and (number % 2 == 1 or number in self.undecodable)
        return name != "REMOVE"

    @property
    def ends_well(self) -> bool:
        """Whether each wanted pair is handled or a letter in the end, as nothing else goes wrong for ever."""
        settings = self.settings
        if (
            settings.maximum_retry_attempts >= 0
            or settings.maximum_record_age >= 0
            or self.delivery == "acknowledge"
        ):
            return False
        if self.unstorable:
            return False
        for_ever = any(trouble.times < 0 for trouble in self.troubles.values())
        return self.has_letters or not (for_ever or self.undecodable)

    def make_shards(self) -> list[Shard]:
        """Make shards anew, as a run uses them up."""
        return [Shard(name, changes, parent) for name, parent, changes in self.shards]


def schedule_of(seed: int) -> Schedule:
    """Make the schedule of a seed."""
    random = Random(seed)  # noqa: S311 (no secret)
    delivery: Delivery = random.choices(
        ("acknowledge", "retry", "ledger", "letters", "always", "whole batch"), (3, 8, 15, 50, 18, 6)
    )[0]
    handlers = random.choice(HANDLERS)
    count = random.choice((1, 2, 3, 5, 8, 8, 12, 20))
    items = [f"item-{number}" for number in range(random.randint(1, 4))]
    first = random.choice((1, 95, 990, 10**20 - 40))
    undecodable = random.random() < 0.15
    names: dict[int, str] = {}
    broken: set[int] = set()
    changes: list[Change] = []
    known: dict[str, int] = {}
    spread = random.choice((0.0, 0.0, 2.0, 300.0))
    number, written = first, START
    for _ in range(count):
        number += random.randint(1, 40)
        written += random.random() * spread
        item = random.choice(items)
        name = _name(random, is_there=item in known)
        names[number] = name
        if undecodable and name != "REMOVE" and random.random() < 0.2:
            broken.add(number)
        changes.append(
            Change(number, item, written, _record(number, item, name, written, known.get(item), broken))
        )
        known.pop(item, None)
        if name != "REMOVE":
            known[item] = number
    interleaved = random.random() < 0.3
    shards, moves = _shards(random, changes), _moves(random)
    plain = Schedule(
        seed,
        delivery,
        handlers,
        _settings(random, delivery),
        shards,
        names,
        frozenset(broken),
        {},
        frozenset(),
        random.choice((1, 2, 3, 5)),
        random.choice((0.0, 0.0, 60.0, 600.0)),
        _odds(random, interleaved=interleaved),
        random.choice((0, 6, 12, 25)),
        *_clocks(random),
        moves,
        interleaved,
        random.random() < 0.5,
    )
    pairs = [(handler, each) for handler in handlers for each in names if plain.wants(handler, each)]
    troubles = _troubles(random, plain, pairs)
    whole = replace(plain, troubles=troubles, unstorable=_unstorable(random, troubles))
    if whole.ends_well:
        return whole
    # Longer waits spare thousands of invocations in which a record fails until the stream forgets it.
    return replace(whole, settings=replace(whole.settings, longest_wait=7200.0))


def _name(random: Random, *, is_there: bool) -> str:
    if not is_there:
        return "INSERT"
    return "REMOVE" if random.random() < 0.2 else "MODIFY"


def _record(number: int, item: str, name: str, written: float, before: int | None, broken: set[int]) -> str:
    keys = {"id": {"S": item}}
    change: dict[str, object] = {
        "ApproximateCreationDateTime": float(int(written)),
        "Keys": keys,
        "SequenceNumber": str(number),
        "SizeBytes": 26,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if name != "REMOVE":
        change["NewImage"] = keys | {"n": {"S": "?"} if number in broken else {"N": str(number)}}
    if name != "INSERT":
        change["OldImage"] = keys | {"n": {"N": str(before)}}
    record = {
        "eventID": f"event-{number}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "eventSourceARN": ARN,
        "dynamodb": change,
    }
    return json.dumps(record)


def _settings(random: Random, delivery: Delivery) -> Settings:
    limited = random.random() < 0.15
    return Settings(
        batch_size=random.choice((1, 3, 5, 10, 100)),
        parallelization_factor=random.choice((1, 1, 1, 2, 4)),
        maximum_retry_attempts=random.choice((0, 2, 5)) if limited and random.random() < 0.6 else -1,
        maximum_record_age=random.choice((60.0, 3600.0)) if limited and random.random() < 0.6 else -1,
        bisect=random.random() < 0.3,
        report_batch_item_failures=delivery != "whole batch",
    )


def _shards(
    random: Random, changes: Sequence[Change]
) -> tuple[tuple[str, str | None, tuple[Change, ...]], ...]:
    """One shard, or one that is split: each item goes on in one of the two children."""
    if random.random() < 0.75 or len(changes) < 3:
        return (("shard-0", None, tuple(changes)),)
    closed = random.randrange(1, len(changes))
    halves: tuple[list[Change], list[Change]] = ([], [])
    for change in changes[closed:]:
        halves[crc32(change.item.encode()) // 7 % 2].append(change)
    children = [(f"shard-{place}", "shard-0", tuple(half)) for place, half in enumerate(halves, 1)]
    return (("shard-0", None, tuple(changes[:closed])), *children)


def _moves(random: Random) -> tuple[tuple[float, str, int, int], ...]:
    if random.random() < 0.75:
        return ()
    return tuple(
        (
            START + random.random() * random.choice((1, 30, 600)),
            random.choice(("shard-0", "shard-0", "shard-1")),
            random.choice((1, 2, 3)),
            random.choice((0, 0, 1, 3, 8)),
        )
        for _ in range(random.randint(1, 2))
    )


def _odds(random: Random, *, interleaved: bool) -> Odds:
    """Some of the faults, so that each is also seen without the others."""

    def sometimes(share: float, odds: float) -> float:
        return odds if random.random() < share else 0.0

    return Odds(
        dies=sometimes(0.3, 0.3),
        freezes=sometimes(0.6, 0.4) if interleaved else 0.0,
        jumps=sometimes(0.15, 0.3),
        loses_answer=sometimes(0.25, 0.3),
        comes_again=sometimes(0.25, 0.2),
        ledger_fails=sometimes(0.25, 0.25),
        letters_fail=sometimes(0.3, 0.5),
        is_slow=sometimes(0.1, 0.1),
    )


def _clocks(random: Random) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Draw the errors of machines' clocks. One clock is right, so that some process sees its timeout come."""
    skews = random.choices(
        ((0.0,), (0.0, 0.4, -0.4), (0.0, 2.0, -2.0), (0.0, 30.0, -30.0)), (60, 15, 15, 10)
    )[0]
    return skews, random.choice(((-30.0,), (-1.0, 1.0), (-7200.0,), (30.0, -30.0)))


def _troubles(random: Random, schedule: Schedule, pairs: Sequence[Pair]) -> dict[Pair, Trouble]:
    share = random.choice((0.0, 0.1, 0.3, 1.0))
    one: Kind | None = random.choice((None, None, "refuses", "raises", "hangs"))
    troubles: dict[Pair, Trouble] = {}
    for pair in pairs:
        if pair[1] in schedule.undecodable or random.random() >= share:
            continue
        kind: Kind = (
            one or random.choices(("refuses", "raises", "hangs", "exits", "kills"), (8, 4, 2, 1, 1))[0]
        )
        for_ever = random.random() < 0.3
        troubles[pair] = Trouble(kind, -1 if for_ever else random.choice((1, 1, 2, 3, 6)))
    return troubles


def _unstorable(random: Random, troubles: Mapping[Pair, Trouble]) -> frozenset[Pair]:
    if random.random() < 0.93:
        return frozenset()
    return frozenset(pair for pair in troubles if random.random() < 0.5)
