"""Makes images of the models by chance; the same seed makes the same ones again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Final, Literal, TypeAlias

from tests.benchmarks.wire import (
    Image,
    Value,
    binary,
    listed,
    nested,
    null,
    number,
    text,
    text_set,
    texts,
    truth,
)

Shape: TypeAlias = Literal["card", "note", "order", "reading", "entity", "key"]
"""The model of a load's images, by the name under which each library has its own form of it."""

_WORDS: Final = (
    "amber",
    "birch",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "heath",
    "inlet",
    "juniper",
    "kelp",
    "larch",
    "moss",
    "north",
    "oak",
    "pine",
    "quartz",
    "reed",
    "stone",
    "thorn",
    "umber",
    "vale",
    "willow",
    "yarrow",
    "zephyr",
    "café",
    "Ångström",
    "東京",
)

_NOTES: Final[tuple[Value, ...]] = (null(), text("to be read by Ada"))
"""An optional attribute may be NULL, there, or absent."""


def _words(random: Random, count: int) -> str:
    return " ".join(random.choices(_WORDS, k=count))


def _money(random: Random) -> Decimal:
    return Decimal(random.randrange(1, 10_000_000)).scaleb(-2)


def _set(random: Random, count: int) -> Value:
    return text_set(random.sample(_WORDS, count))


def _card(random: Random, position: int) -> Image:
    return {
        "id": number(position),
        "title": text(_words(random, 3)),
        "body": text(_words(random, 20)),
        "votes": number(random.randrange(10_000)),
        "price": number(_money(random)),
        "done": truth(random.random() < 0.5),
        "owner": nested({"name": text(_words(random, 2)), "age": number(random.randrange(18, 100))}),
        "lines": texts(_words(random, 2) for _ in range(3)),
        "tags": _set(random, 3),
        "photo": binary(random.randbytes(48)),
        "note": random.choice(_NOTES),
    }


def _note(random: Random, position: int) -> Image:
    return {
        "pk": text(f"note#{random.randrange(1000)}"),
        "sk": number(position),
        "name": text(_words(random, 4)),
        "done": truth(random.random() < 0.5),
    }


def _line(random: Random) -> Value:
    return nested(
        {
            "sku": text(f"{random.randrange(10**9):09}"),
            "title": text(_words(random, 4)),
            "quantity": number(random.randrange(1, 20)),
            "price": number(_money(random)),
            "gift": truth(random.random() < 0.1),
            "labels": texts(random.choices(_WORDS, k=2)),
        }
    )


def _order(random: Random, position: int) -> Image:
    address = nested(
        {
            "street": text(_words(random, 2)),
            "city": text(_words(random, 1)),
            "code": text(f"{random.randrange(10**5):05}"),
        }
    )
    return {
        "pk": text(f"order#{random.randrange(1000)}"),
        "sk": number(position),
        "buyer": nested(
            {
                "name": text(_words(random, 2)),
                "age": number(random.randrange(18, 100)),
                "address": address,
            }
        ),
        "lines": listed(_line(random) for _ in range(40)),
        "total": number(_money(random)),
    }


def _reading(random: Random, position: int) -> Image:
    return {
        "pk": text(f"buoy#{random.randrange(1000)}"),
        "sk": number(-position - 1),
        "depth": number(-random.randrange(1, 11_000)),
        "offset": number(-random.randrange(10**12, 10**15)),
        "degrees": number(-random.randrange(1, 4000) / 100),
        "balance": number(-_money(random)),
        "exact": number(Decimal(f"-{random.randrange(10**19, 10**20)}.{random.randrange(10**17, 10**18)}")),
    }


def _invoice(random: Random, position: int) -> Image:
    return {
        "pk": text(f"customer#{random.randrange(1000)}"),
        "sk": text(f"invoice#{position}"),
        "kind": text("invoice"),
        "number": number(position),
        "total": number(_money(random)),
        "paid": truth(random.random() < 0.5),
        "lines": texts(_words(random, 2) for _ in range(3)),
    }


def _customer(random: Random, position: int) -> Image:
    return {
        "pk": text(f"customer#{random.randrange(1000)}"),
        "sk": text(f"customer#{position}"),
        "kind": text("customer"),
        "name": text(_words(random, 2)),
        "email": text(f"{position}@example.com"),
        "age": number(random.randrange(18, 100)),
        "tags": _set(random, 3),
    }


def _payment(random: Random, position: int) -> Image:
    note: Image = {"note": random.choice(_NOTES)} if random.random() < 0.5 else {}
    return {
        "pk": text(f"customer#{random.randrange(1000)}"),
        "sk": text(f"payment#{position}"),
        "kind": text("payment"),
        "number": number(position),
        "amount": number(_money(random)),
        "method": text(random.choice(["card", "transfer", "cash"])),
        **note,
    }


def _entity(random: Random, position: int) -> Image:
    # By turns, but with the kinds of record in another order.
    return (_invoice, _customer, _payment)[position // 3 % 3](random, position)


MAKERS: Final[Mapping[Shape, Callable[[Random, int], Image]]] = {
    "card": _card,
    "note": _note,
    "order": _order,
    "reading": _reading,
    "entity": _entity,
    "key": _note,
}
"""Makes an image of an item by chance and by the record's position in the batch."""

KEYS: Final[Mapping[Shape, tuple[str, str]]] = {
    "card": ("id", "title"),
    "note": ("pk", "sk"),
    "order": ("pk", "sk"),
    "reading": ("pk", "sk"),
    "entity": ("pk", "sk"),
    "key": ("pk", "sk"),
}
"""The names of the key attributes."""
