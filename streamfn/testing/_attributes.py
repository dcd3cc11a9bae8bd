"""Attribute values as a Lambda event carries them: in JSON, and counted as DynamoDB counts them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Final, cast

from streamfn._wire import AttributeValue, Image, is_map

_KEY_TAGS: Final = frozenset({"S", "N", "B"})


def as_json(image: Image) -> dict[str, AttributeValue]:
    """Make JSON of an image: a binary becomes base64 text, as in the events that Lambda sends."""
    # Of a map comes a map.
    return cast("dict[str, AttributeValue]", _json(image))


def first_key(image: Image) -> dict[str, AttributeValue]:
    """Take the first attribute that could be a key, text, a number or a binary; none if there is none."""
    return dict([each for each in image.items() if _KEY_TAGS >= each[1].keys()][:1])


def size_of(image: Image) -> int:
    """Count the bytes of an image.

    The rules are those of "DynamoDB Item sizes and formats" in the Amazon DynamoDB Developer Guide, whose
    sizes of numbers are approximate.

    >>> size_of({"id": {"N": "1234"}, "tags": {"L": [{"S": "a"}, {"BOOL": True}]}})
    16
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in image.items())


def _json(value: object) -> object:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if is_map(value):
        return {name: _json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_json(part) for part in cast("list[object]", value)]  # isinstance drops the type
    return value


def _value_size(value: object) -> int:
    ((tag, content),) = cast("Mapping[str, object]", value).items()  # unstructured, so well formed
    match tag:
        case "S":
            return len(cast("str", content).encode())
        case "N":
            return _number_size(cast("str", content))
        case "B":
            return len(cast("bytes", content))
        case "SS" | "NS" | "BS":
            return sum(_value_size({tag[0]: member}) for member in cast("Iterable[object]", content))
        case "L":
            return 3 + sum(1 + _value_size(part) for part in cast("Iterable[object]", content))
        case "M":
            parts = cast("Mapping[str, AttributeValue]", content)
            return 3 + sum(1 + len(name.encode()) + _value_size(part) for name, part in parts.items())
        case _:
            return 1


def _number_size(number: str) -> int:
    """About one byte for two significant digits, and one more."""
    digits = number.lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1
