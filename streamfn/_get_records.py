"""Records as GetRecords returns them, turned into what Lambda sends of the same change.

Lambda writes JSON, and boto3 makes Python of the answer. The names of the two differ in one place: `Identity` in the
DynamoDB Streams API Reference has ``PrincipalId`` and ``Type``, and the event of "Using AWS Lambda with Amazon
DynamoDB" has ``principalId`` and ``type``. The stream's ARN is Lambda's alone.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

from streamfn._wire import EVENT_SOURCE, is_map

_IDENTITY: Final = {"PrincipalId": "principalId", "Type": "type"}
"""The names in an identity: GetRecords' and Lambda's."""


def as_lambda_sends(record: Mapping[str, object], stream: str) -> dict[str, object]:
    """Turn a record of GetRecords into one of Lambda's events, so that handlers see no difference.

    Lambda adds the ARN of the stream, and writes bytes as base64 text and times as seconds since 1970. A record that
    has Lambda's shape stays as it is. Fails with `TypeError` for a value that no stream record holds.

    >>> as_lambda_sends({"userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}}, "arn:…")
    {'userIdentity': {'principalId': 'dynamodb.amazonaws.com', 'type': 'Service'},
     'eventSource': 'aws:dynamodb', 'eventSourceARN': 'arn:…'}
    >>> as_lambda_sends({"dynamodb": {"Keys": {"id": {"B": b"hi"}}}}, "arn:…")
    {'dynamodb': {'Keys': {'id': {'B': 'aGk='}}}, 'eventSource': 'aws:dynamodb', 'eventSourceARN': 'arn:…'}
    """
    plain: dict[str, object] = json.loads(json.dumps(record, default=_checked))
    return {**with_identity(plain), "eventSource": EVENT_SOURCE, "eventSourceARN": stream}


def with_identity(record: Mapping[str, object]) -> Mapping[str, object]:
    """Give a record whose `userIdentity` has the names that Lambda sends; one without such a part stays as it is."""
    identity = record.get("userIdentity")
    if not is_map(identity) or identity.keys().isdisjoint(_IDENTITY):
        return record
    renamed: dict[str, object] = {}
    for name, value in identity.items():
        place = _IDENTITY.get(name, name)
        if renamed.get(place) is None:  # a tool that knows both names may leave one of them empty
            renamed[place] = value
    return {**record, "userIdentity": renamed}


def as_json_value(value: object) -> object:
    """Write a value that boto3 makes, and JSON has no word for, as Lambda does. Fails with `LookupError` for others."""
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, set | frozenset):
        return list(cast("set[object]", value))  # isinstance knows the set, not what is in it
    raise LookupError


def _checked(value: object) -> object:
    try:
        return as_json_value(value)
    except LookupError:
        raise TypeError(f"a stream record holds no {type(value).__name__}") from None
