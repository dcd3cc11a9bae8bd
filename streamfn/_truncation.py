"""Truncated records: what a dead letter keeps of a record that no store takes as a whole.

The images are what makes a record large: an item has up to 400 KB ("Quotas in Amazon DynamoDB", Developer Guide), a
record two images of it, and binaries and what is not ASCII grow in JSON. The rest tells where the record lies.
"""

from __future__ import annotations

import json
from typing import Final

from streamfn._entries import member
from streamfn._wire import as_text, is_map

LAST: Final = 2
"""The level at which the least is kept."""

_LONGEST: Final = 1_000
"""How many characters a text may have that is kept."""

_LARGEST: Final = 16_384
"""How many characters the keys may have as JSON: DynamoDB takes keys of up to 3 KB, and JSON may escape each byte."""

_AROUND: Final = (
    "eventID",
    "eventSourceARN",
    "eventName",
    "eventVersion",
    "eventSource",
    "awsRegion",
    "tableName",
)
_WITHIN: Final = ("SequenceNumber", "ApproximateCreationDateTime", "SizeBytes", "StreamViewType")
_PLACE_AROUND: Final = _AROUND[:2]
_PLACE_WITHIN: Final = _WITHIN[:1]


def truncated(raw: object, level: int) -> dict[str, object]:
    """Keep of a raw record what identifies it: at level 1 all but the images, at level 2 identifiers and place alone.

    JSON can be made of the result, also where the record never was JSON.

    >>> change = {"Keys": {"id": {"N": "1"}}, "NewImage": {"id": {"N": "1"}}, "SequenceNumber": "7"}
    >>> truncated({"eventID": "a", "eventName": "INSERT", "dynamodb": change}, 1)
    {'eventID': 'a', 'eventName': 'INSERT', 'dynamodb': {'SequenceNumber': '7', 'Keys': {'id': {'N': '1'}}}}
    >>> truncated({"eventID": "a", "eventName": "INSERT", "dynamodb": change}, 2)
    {'eventID': 'a', 'dynamodb': {'SequenceNumber': '7'}}
    """
    is_last = level >= LAST
    change = member(raw, "dynamodb")
    kept: dict[str, object] = _short(raw, _PLACE_AROUND if is_last else _AROUND)
    within: dict[str, object] = _short(change, _PLACE_WITHIN if is_last else _WITHIN)
    if not is_last and is_map(keys := _keys(change)):
        within["Keys"] = keys
    return {**kept, "dynamodb": within} if within else kept


def place_of(raw: object) -> tuple[str | None, str | None]:
    """Read off a raw record the ARN of its stream and its sequence number there, each None if it is not told."""
    return as_text(member(raw, "eventSourceARN")), as_text(member(member(raw, "dynamodb"), "SequenceNumber"))


def _short(whole: object, names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name in names if _is_short(value := member(whole, name))}


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return isinstance(value, int | float) and abs(value) < 1e18


def _keys(change: object) -> object:
    """Give the keys as JSON has them; None where they are no keys that DynamoDB has."""
    from streamfn._get_records import as_json_value

    try:
        text = json.dumps(member(change, "Keys"), default=as_json_value)
        return json.loads(text) if len(text) <= _LARGEST else None
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
