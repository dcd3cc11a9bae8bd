"""PynamoDB's deserialization: models of attributes, filled from images as its own queries fill them.

Its numbers are what JSON makes of them; a decimal needs an attribute of one's own, as its documentation shows. What
it calls the legacy encoding of a binary is base64 within the attribute value, which is what Lambda sends.
"""

# PynamoDB is installed for the benchmark alone; what stands in for it elsewhere is typings/.
# pyright: reportMissingModuleSource=false

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import NUMBER
from pynamodb.models import Model
from typing_extensions import override

from tests.benchmarks.contenders import Contender, Decode, by_shape
from tests.benchmarks.images import Shape


class DecimalAttribute(Attribute[Decimal]):
    """A number, exactly."""

    attr_type = NUMBER

    @override
    def deserialize(self, value: str) -> Decimal:
        return Decimal(value)


class Owner(MapAttribute):
    """Who a card belongs to."""

    name = UnicodeAttribute()
    age = NumberAttribute()


class Card(Model):
    """Eleven attributes."""

    id = NumberAttribute(hash_key=True)
    title = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()
    votes = NumberAttribute()
    price = DecimalAttribute()
    done = BooleanAttribute()
    owner = Owner()
    lines = ListAttribute(of=UnicodeAttribute)
    tags = UnicodeSetAttribute()
    photo = BinaryAttribute(legacy_encoding=True)
    note = UnicodeAttribute(null=True)


class Note(Model):
    """A flat and small item."""

    pk = UnicodeAttribute(hash_key=True)
    sk = NumberAttribute(range_key=True)
    name = UnicodeAttribute()
    done = BooleanAttribute()


class NoteKey(Model):
    """The keys of a note."""

    pk = UnicodeAttribute(hash_key=True)
    sk = NumberAttribute(range_key=True)


class Address(MapAttribute):
    """Where a buyer lives."""

    street = UnicodeAttribute()
    city = UnicodeAttribute()
    code = UnicodeAttribute()


class Buyer(MapAttribute):
    """Who ordered."""

    name = UnicodeAttribute()
    age = NumberAttribute()
    address = Address()


class Line(MapAttribute):
    """What was ordered."""

    sku = UnicodeAttribute()
    title = UnicodeAttribute()
    quantity = NumberAttribute()
    price = DecimalAttribute()
    gift = BooleanAttribute()
    labels = ListAttribute(of=UnicodeAttribute)


class Order(Model):
    """A large item."""

    pk = UnicodeAttribute(hash_key=True)
    sk = NumberAttribute(range_key=True)
    buyer = Buyer()
    lines = ListAttribute(of=Line)
    total = DecimalAttribute()


class Reading(Model):
    """Numbers below zero."""

    pk = UnicodeAttribute(hash_key=True)
    sk = NumberAttribute(range_key=True)
    depth = NumberAttribute()
    offset = NumberAttribute()
    degrees = NumberAttribute()
    balance = DecimalAttribute()
    exact = DecimalAttribute()


class Entity(Model):
    """What the three kinds in one table share."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()


class Invoice(Entity, discriminator="invoice"):
    """The first of three kinds."""

    number = NumberAttribute()
    total = DecimalAttribute()
    paid = BooleanAttribute()
    lines = ListAttribute(of=UnicodeAttribute)


class Customer(Entity, discriminator="customer"):
    """The second."""

    name = UnicodeAttribute()
    email = UnicodeAttribute()
    age = NumberAttribute()
    tags = UnicodeSetAttribute()


class Payment(Entity, discriminator="payment"):
    """The third."""

    number = NumberAttribute()
    amount = DecimalAttribute()
    method = UnicodeAttribute()
    note = UnicodeAttribute(null=True)


DECODERS: Final[Mapping[Shape, Decode]] = {
    "card": Card.from_raw_data,
    "note": Note.from_raw_data,
    "order": Order.from_raw_data,
    "reading": Reading.from_raw_data,
    "entity": Entity.from_raw_data,
    "key": NoteKey.from_raw_data,
}


def _plain(item: object) -> object:
    """Name the kind of an entity, for which PynamoDB has its class."""
    if not isinstance(item, Entity):
        return item
    return {**item.attribute_values, "kind": type(item).__name__.lower()}


CONTENDER: Final = Contender(
    "PynamoDB",
    "PynamoDB, `Model.from_raw_data`",
    by_shape(DECODERS),
    _plain,
    remark="its models can be changed; decimals need an attribute of one's own",
)
