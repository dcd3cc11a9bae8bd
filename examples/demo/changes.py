"""Plan the changes to the table, make them, and know from the plan alone what has to arrive where."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final, TypeAlias

from examples.cards.app import Card, cards

if TYPE_CHECKING:
    from boto3 import DynamoDBClient

MOODS: Final = (
    "Brave",
    "Café",
    "Drowsy",
    "Gentle",
    "Lucky",
    "Noisy",
    "Proud",
    "Shy",
    "Sweet & Sour",
    "Witty",
)
ANIMALS: Final = ("Axolotl", "Bär", "Capybara", "Heron", "Lynx", "Moth", "Otter", "Quokka", "Wombat", "Zebra")
OWNERS: Final = ("ada", "barbara", "grace", "katherine", "margaret")
TAGS: Final = ("gift", "night", "rare", "river", "summer")
NEXT_CENTURY: Final = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Insert:
    """A card that did not exist is put into the table."""

    card: Card


@dataclass(frozen=True, slots=True)
class Modify:
    """A card is replaced by one that differs: a put that changes nothing would make no stream record."""

    card: Card


@dataclass(frozen=True, slots=True)
class Remove:
    """A card, which is known as it is at that moment, is deleted."""

    card: Card


Change: TypeAlias = Insert | Modify | Remove


def plan(*, cards: int, seed: int) -> list[Change]:
    """Make up the lives of so many cards and interleave them; equal arguments give equal plans.

    >>> plan(cards=1, seed=3) == plan(cards=1, seed=3)
    True
    """
    random = Random(seed)  # noqa: S311 - nothing here is secret
    moments: list[tuple[float, int, Change]] = []
    for number in range(1, cards + 1):
        moment = float(number)
        for change in _life(number, random):
            moments.append((moment, number, change))
            moment += random.uniform(0.1, 30)
    return [change for _, _, change in sorted(moments, key=lambda planned: planned[:2])]


def make(changes: Iterable[Change], dynamodb: "DynamoDBClient", table_name: str) -> None:
    """Make the changes, one call for each, in order."""
    for change in changes:
        match change:
            case Insert(card) | Modify(card):
                dynamodb.put_item(TableName=table_name, Item=cards.unstructure(card))
            case Remove(card):
                dynamodb.delete_item(TableName=table_name, Key=cards.keys(card))


def inserted(changes: Iterable[Change]) -> list[Card]:
    """Give every card that was new once, as it was then."""
    return [change.card for change in changes if isinstance(change, Insert)]


def removed(changes: Iterable[Change]) -> list[Card]:
    """Give every card that was removed, as it was at the end."""
    return [change.card for change in changes if isinstance(change, Remove)]


def kept(changes: Iterable[Change]) -> list[Card]:
    """Give every card that is left after all changes, as it is then."""
    left: dict[tuple[int, str], Card] = {}
    for change in changes:
        key = (change.card.id, change.card.title)
        if isinstance(change, Remove):
            del left[key]
        else:
            left[key] = change.card
    return list(left.values())


def _life(number: int, random: Random) -> Iterator[Change]:
    card = Card(
        id=number,
        title=f"{random.choice(MOODS)} {random.choice(ANIMALS)}",
        owner=random.choice((None, *OWNERS)),
        tags=frozenset(random.sample(TAGS, random.randint(0, 2))),
        expires_at=random.choice((None, NEXT_CENTURY + timedelta(days=number))),
    )
    yield Insert(card)
    # No owner comes back, so that each change to a card can be told from its others wherever it arrives.
    owners = random.sample([owner for owner in OWNERS if owner != card.owner], k=2)
    for owner in owners[: random.choice((0, 0, 1, 1, 2))]:
        card = replace(card, owner=owner, tags=card.tags ^ {random.choice(TAGS)})
        yield Modify(card)
    if random.random() < 0.35:
        yield Remove(card)
