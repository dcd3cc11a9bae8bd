"""Below the limit: by hand as well, but past the ``__init__`` of a frozen dataclass, which stores fields the slow way.

An instance is made of a class that has the same slots and is not frozen, and becomes one of the model after that.
Nobody writes this by hand; it shows how much of the time of `by_hand` is spent in constructors.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias, cast

from tests.benchmarks.contenders import Contender, by_shape
from tests.benchmarks.models import Card, Owner
from tests.benchmarks.wire import Image


@dataclass(slots=True)
class _OpenOwner:
    name: str
    age: int


@dataclass(slots=True)
class _OpenCard:
    id: int
    title: str
    body: str
    votes: int
    price: Decimal
    done: bool
    owner: object
    lines: tuple[str, ...]
    tags: frozenset[str]
    photo: bytes
    note: str | None


_Make: TypeAlias = Callable[..., object]

# What comes out changes its class, which a checker rightly finds odd.
_make_owner, _make_card = cast("_Make", _OpenOwner), cast("_Make", _OpenCard)


def _card(image: Image) -> object:
    inner = image["owner"]["M"]
    owner = _make_owner(inner["name"]["S"], int(inner["age"]["N"]))
    owner.__class__ = Owner
    card = _make_card(
        int(image["id"]["N"]),
        image["title"]["S"],
        image["body"]["S"],
        int(image["votes"]["N"]),
        Decimal(image["price"]["N"]),
        image["done"]["BOOL"],
        owner,
        tuple([line["S"] for line in image["lines"]["L"]]),
        frozenset(image["tags"]["SS"]),
        b64decode(image["photo"]["B"]),
        image["note"].get("S") if "note" in image else None,
    )
    card.__class__ = Card
    return card


CONTENDER: Final = Contender(
    "by hand, open", "by hand, without the frozen `__init__`", by_shape({"card": _card})
)
