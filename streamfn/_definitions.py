"""The definition of a table: the arguments with which boto3 makes the table, its stream and its time to live.

The typed dictionaries have the names and the types of ``CreateTable`` and ``UpdateTimeToLive`` in the DynamoDB API
Reference, so that the stubs of boto3, boto3-stubs and types-boto3, take them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, NotRequired, TypeAlias, TypedDict

from streamfn._conversion.keys import KeyAttribute
from streamfn._conversion.tags import KeyTag
from streamfn._wire import StreamViewType

ViewTypeName: TypeAlias = Literal["KEYS_ONLY", "NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE"]
"""The values of `StreamViewType`, as ``CreateTable`` names them."""


class AttributeDefinition(TypedDict):
    """A key attribute and its type."""

    AttributeName: str
    AttributeType: KeyTag


class KeySchemaElement(TypedDict):
    """A key attribute, and whether it is the partition key (``HASH``) or the sort key (``RANGE``)."""

    AttributeName: str
    KeyType: Literal["HASH", "RANGE"]


class StreamSpecification(TypedDict):
    """The stream of a table. A definition always holds both entries; the API leaves one of them to the caller."""

    StreamEnabled: bool
    StreamViewType: NotRequired[ViewTypeName]


class TableRequest(TypedDict):
    """Arguments of ``create_table`` for a table without a stream."""

    TableName: str
    AttributeDefinitions: list[AttributeDefinition]
    KeySchema: list[KeySchemaElement]
    BillingMode: Literal["PAY_PER_REQUEST", "PROVISIONED"]


class StreamTableRequest(TableRequest):
    """Arguments of ``create_table`` for a table with a stream."""

    StreamSpecification: StreamSpecification


class TimeToLiveSpecification(TypedDict):
    """The attribute that holds the time at which an item expires."""

    Enabled: bool
    AttributeName: str


class TimeToLiveRequest(TypedDict):
    """Arguments of ``update_time_to_live``."""

    TableName: str
    TimeToLiveSpecification: TimeToLiveSpecification


class TableDefinition(NamedTuple):
    """The arguments of boto3's ``create_table``, and of ``update_time_to_live`` if the model marks a time to live."""

    create_table: StreamTableRequest
    update_time_to_live: TimeToLiveRequest | None


class LedgerDefinition(NamedTuple):
    """The arguments of boto3's ``create_table`` and ``update_time_to_live`` for the table of a ledger."""

    create_table: TableRequest
    update_time_to_live: TimeToLiveRequest


_ROLES: Final[tuple[Literal["HASH", "RANGE"], ...]] = ("HASH", "RANGE")


def definition_of(
    name: str, keys: Sequence[KeyAttribute], time_to_live: str | None, view_type: StreamViewType
) -> TableDefinition:
    """Describe a table of these keys, the partition key first, that is billed by request."""
    return TableDefinition(
        create_table={
            **table_request(name, keys),
            "StreamSpecification": {
                "StreamEnabled": True,
                "StreamViewType": view_type.value,
            },
        },
        update_time_to_live=None if time_to_live is None else time_to_live_request(name, time_to_live),
    )


def table_request(name: str, keys: Sequence[KeyAttribute]) -> TableRequest:
    """Describe a table of these keys, the partition key first, that is billed by request and has no stream."""
    return {
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.tag} for key in keys],
        "KeySchema": [
            {"AttributeName": key.name, "KeyType": role} for key, role in zip(keys, _ROLES, strict=False)
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


def time_to_live_request(name: str, attribute: str) -> TimeToLiveRequest:
    """Describe the time to live of a table, which stands in this attribute."""
    return {
        "TableName": name,
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": attribute},
    }
