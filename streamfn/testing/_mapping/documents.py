"""What Lambda sends to an OnFailure destination of a batch that it gives up.

The shape is that of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda Developer
Guide. A queue and a topic are told the range of the shard alone; a bucket gets the records as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from streamfn.testing._mapping.batches import Arrival
from streamfn.testing._mapping.invocations import Condition
from streamfn.testing._mapping.settings import Destination

_FUNCTION: Final = "arn:aws:lambda:eu-west-1:123456789012:function:function"


def document(
    records: Sequence[Arrival],
    *,
    shard: str,
    condition: Condition,
    attempts: int,
    now: datetime,
    destination: Destination,
) -> dict[str, object]:
    """Describe records that are given up."""
    first, last = records[0], records[-1]
    described: dict[str, object] = {
        "requestContext": {
            "requestId": f"00000000-0000-0000-0000-{int(first.sequence_number) % 10**12:012d}",
            "functionArn": _FUNCTION,
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _moment(now),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _moment(first.at),
            "approximateArrivalOfLastRecord": _moment(last.at),
            "batchSize": len(records),
            "streamArn": first.record.get("eventSourceARN"),
        },
    }
    if destination == "S3":
        # As text it is no reference to what the simulation goes on with.
        described["payload"] = json.loads(json.dumps({"Records": [each.record for each in records]}))
    return described


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
