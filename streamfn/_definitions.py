"""The definition of a table: what boto3 needs to make it, with its stream and its time to live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streamfn._conversion.keys import KeyAttribute
from streamfn._wire import StreamViewType


class TableDefinition(NamedTuple):
    """What boto3 needs to make a table: arguments of ``create_table``, and of ``update_time_to_live`` if it has one."""

    create_table: dict[str, object]
    update_time_to_live: dict[str, object] | None


def definition_of(
    name: str, keys: Sequence[KeyAttribute], time_to_live: str | None, view_type: StreamViewType
) -> TableDefinition:
    """Describe a table of these keys, the partition key first, that is billed by request."""
    return TableDefinition(
        create_table={
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.tag} for key in keys],
            "KeySchema": [
                {"AttributeName": key.name, "KeyType": role}
                for key, role in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": view_type.value},
        },
        update_time_to_live=None
        if time_to_live is None
        else {
            "TableName": name,
            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": time_to_live},
        },
    )
