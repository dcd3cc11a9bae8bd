"""Images of eleven attributes, and two ways to decode them: the table's, and functions written by hand."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypedDict, cast

from streamfn import Image, Table


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a card belongs to."""

    name: str
    age: int


@dataclass(frozen=True, slots=True)
class Card:
    """An item with a nested map, a list, a string set, a binary and a decimal number among its attributes."""

    id: int
    title: str
    body: str
    votes: int
    price: Decimal
    done: bool
    owner: Owner
    lines: tuple[str, ...]
    tags: frozenset[str]
    photo: bytes
    note: str | None = None


class Trusted(TypedDict):
    """An attribute value that is believed to have whichever tag one looks for."""

    S: str
    N: str
    B: str
    BOOL: bool
    M: Mapping[str, Trusted]
    L: Sequence[Trusted]
    SS: Sequence[str]


cards: Final = Table("prod-Card", Card)

IMAGES: Final[list[Image]] = [
    {
        "id": {"N": str(number)},
        "title": {"S": f"card {number}"},
        "body": {"S": "What has to be done, in a line or two. " * 3},
        "votes": {"N": str(number * 7 % 90)},
        "price": {"N": f"{number}.{number % 90 + 10}"},
        "done": {"BOOL": number % 2 == 0},
        "owner": {"M": {"name": {"S": "Ada"}, "age": {"N": "36"}}},
        "lines": {"L": [{"S": f"line {line}"} for line in range(3)]},
        "tags": {"SS": ["red", "urgent"]},
        "photo": {"B": "aGVsbG8gd29ybGQ="},
        **({"note": {"S": "by the way"}} if number % 3 else {}),
    }
    for number in range(200)
]


def by_table(image: Image) -> object:
    """Decode an image as a pipeline does: whatever does not fit would be told."""
    return cards.structure(image).unwrap()


def by_hand(image: Image) -> object:
    """Decode an image as one would in a hurry: nothing is checked, and constructors make the instances."""
    attributes = cast("Mapping[str, Trusted]", image)  # nothing is checked
    owner = attributes["owner"]["M"]
    return Card(
        int(attributes["id"]["N"]),
        attributes["title"]["S"],
        attributes["body"]["S"],
        int(attributes["votes"]["N"]),
        Decimal(attributes["price"]["N"]),
        attributes["done"]["BOOL"],
        Owner(owner["name"]["S"], int(owner["age"]["N"])),
        tuple([line["S"] for line in attributes["lines"]["L"]]),
        frozenset(attributes["tags"]["SS"]),
        b64decode(attributes["photo"]["B"]),
        attributes["note"]["S"] if "note" in attributes else None,
    )


def decode(way: Callable[[Image], object], rounds: int) -> None:
    """Decode all images in so many rounds."""
    for _ in range(rounds):
        for image in IMAGES:
            way(image)
