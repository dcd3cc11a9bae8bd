"""boto3's deserializer, and cattrs for the step from plain values to the models.

The deserializer takes binaries as `bytes`, as boto3's client returns them, and Lambda sends base64 text: a subclass
decodes it. The converter skips cattrs' detailed validation, as its documentation advises for speed.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from boto3.dynamodb.types import TypeDeserializer
from cattrs import Converter
from typing_extensions import TypeForm, override

from tests.benchmarks.contenders import Contender, Decode, by_shape
from tests.benchmarks.images import Shape
from tests.benchmarks.models import Card, Entity, Note, NoteKey, Order, Reading
from tests.benchmarks.wire import Image


class _Deserializer(TypeDeserializer):
    @override
    def _deserialize_b(self, value: str) -> bytes:
        return b64decode(value)


_DESERIALIZER: Final = _Deserializer()
_CONVERTER: Final = Converter(detailed_validation=False)


@_CONVERTER.register_structure_hook
def _decimal(value: object, _: object) -> Decimal:
    """Take the number that the deserializer has made."""
    assert isinstance(value, Decimal)
    return value


def _decoder(model: TypeForm[object]) -> Decode:
    """Find the hook once, as a function that has an eye on its speed would."""
    structure = _CONVERTER.get_structure_hook(model)
    deserialize = _DESERIALIZER.deserialize

    def decode(image: Image) -> object:
        return structure({name: deserialize(value) for name, value in image.items()}, model)

    return decode


DECODERS: Final[Mapping[Shape, Decode]] = {
    "card": _decoder(Card),
    "note": _decoder(Note),
    "order": _decoder(Order),
    "reading": _decoder(Reading),
    "entity": _decoder(Entity),
    "key": _decoder(NoteKey),
}

CONTENDER: Final = Contender(
    "boto3+cattrs",
    "boto3's `TypeDeserializer` and cattrs",
    by_shape(DECODERS),
    remark="the deserializer's subclass decodes base64; cattrs goes without detailed validation",
)
