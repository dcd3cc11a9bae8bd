"""The limit: functions written by hand for each model, in plain Python, that trust the image and check nothing."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from tests.benchmarks.contenders import Contender, Decode, by_shape
from tests.benchmarks.images import Shape
from tests.benchmarks.models import (
    Address,
    Buyer,
    Card,
    Customer,
    Entity,
    Invoice,
    Line,
    Note,
    NoteKey,
    Order,
    Owner,
    Payment,
    Reading,
)
from tests.benchmarks.wire import Image


def _card(image: Image) -> Card:
    owner = image["owner"]["M"]
    return Card(
        int(image["id"]["N"]),
        image["title"]["S"],
        image["body"]["S"],
        int(image["votes"]["N"]),
        Decimal(image["price"]["N"]),
        image["done"]["BOOL"],
        Owner(owner["name"]["S"], int(owner["age"]["N"])),
        tuple([line["S"] for line in image["lines"]["L"]]),
        frozenset(image["tags"]["SS"]),
        b64decode(image["photo"]["B"]),
        image["note"].get("S") if "note" in image else None,
    )


def _card_by_keywords(image: Image) -> Card:
    owner = image["owner"]["M"]
    return Card(
        id=int(image["id"]["N"]),
        title=image["title"]["S"],
        body=image["body"]["S"],
        votes=int(image["votes"]["N"]),
        price=Decimal(image["price"]["N"]),
        done=image["done"]["BOOL"],
        owner=Owner(name=owner["name"]["S"], age=int(owner["age"]["N"])),
        lines=tuple([line["S"] for line in image["lines"]["L"]]),
        tags=frozenset(image["tags"]["SS"]),
        photo=b64decode(image["photo"]["B"]),
        note=image["note"].get("S") if "note" in image else None,
    )


def _note(image: Image) -> Note:
    return Note(image["pk"]["S"], int(image["sk"]["N"]), image["name"]["S"], image["done"]["BOOL"])


def _key(image: Image) -> NoteKey:
    return NoteKey(image["pk"]["S"], int(image["sk"]["N"]))


def _line(image: Image) -> Line:
    return Line(
        image["sku"]["S"],
        image["title"]["S"],
        int(image["quantity"]["N"]),
        Decimal(image["price"]["N"]),
        image["gift"]["BOOL"],
        tuple([label["S"] for label in image["labels"]["L"]]),
    )


def _order(image: Image) -> Order:
    buyer = image["buyer"]["M"]
    address = buyer["address"]["M"]
    return Order(
        image["pk"]["S"],
        int(image["sk"]["N"]),
        Buyer(
            buyer["name"]["S"],
            int(buyer["age"]["N"]),
            Address(address["street"]["S"], address["city"]["S"], address["code"]["S"]),
        ),
        tuple([_line(line["M"]) for line in image["lines"]["L"]]),
        Decimal(image["total"]["N"]),
    )


def _reading(image: Image) -> Reading:
    return Reading(
        image["pk"]["S"],
        int(image["sk"]["N"]),
        int(image["depth"]["N"]),
        int(image["offset"]["N"]),
        float(image["degrees"]["N"]),
        Decimal(image["balance"]["N"]),
        Decimal(image["exact"]["N"]),
    )


def _invoice(image: Image) -> Invoice:
    return Invoice(
        image["pk"]["S"],
        image["sk"]["S"],
        "invoice",
        int(image["number"]["N"]),
        Decimal(image["total"]["N"]),
        image["paid"]["BOOL"],
        tuple([line["S"] for line in image["lines"]["L"]]),
    )


def _customer(image: Image) -> Customer:
    return Customer(
        image["pk"]["S"],
        image["sk"]["S"],
        "customer",
        image["name"]["S"],
        image["email"]["S"],
        int(image["age"]["N"]),
        frozenset(image["tags"]["SS"]),
    )


def _payment(image: Image) -> Payment:
    return Payment(
        image["pk"]["S"],
        image["sk"]["S"],
        "payment",
        int(image["number"]["N"]),
        Decimal(image["amount"]["N"]),
        image["method"]["S"],
        image["note"].get("S") if "note" in image else None,
    )


_KINDS: Final[Mapping[str, Callable[[Image], Entity]]] = {
    "invoice": _invoice,
    "customer": _customer,
    "payment": _payment,
}


def _entity(image: Image) -> Entity:
    return _KINDS[image["kind"]["S"]](image)


DECODERS: Final[Mapping[Shape, Decode]] = {
    "card": _card,
    "note": _note,
    "order": _order,
    "reading": _reading,
    "entity": _entity,
    "key": _key,
}

CONTENDER: Final = Contender(
    "by hand",
    "by hand, in plain Python",
    by_shape(DECODERS),
    remark="it checks nothing, and trusts each image",
)

BY_KEYWORDS: Final = Contender(
    "by hand, keywords", "by hand, with keyword arguments", by_shape({"card": _card_by_keywords})
)
