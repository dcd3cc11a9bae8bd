"""What Lambda sends to an OnFailure destination of a batch that it gives up.

The shape is that of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda Developer
Guide. A queue and a topic are told the range of the shard alone; a bucket gets the records as well. What varies with
the cause is as Lambda was seen to write it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from streamfn.testing._mapping.batches import Arrival
from streamfn.testing._mapping.invocations import Condition
from streamfn.testing._mapping.settings import Destination

_FUNCTION: Final = "arn:aws:lambda:eu-west-1:123456789012:function:function"


@dataclass(frozen=True, slots=True)
class Discard:
    """Why records are given up, after which attempt, and whether the function failed in it instead of answering."""

    condition: Condition
    attempt: int = 1
    unhandled: bool = False


def document(
    records: Sequence[Arrival], discard: Discard, *, shard: str, now: datetime, to: Destination
) -> dict[str, object]:
    """Describe records that are given up.

    Lambda tells of no response where records grew too old, and counts one invocation however many there were;
    an answer that it took for a failure is no error of the function.
    """
    first, last = records[0], records[-1]
    described: dict[str, object] = {
        "requestContext": {
            "requestId": f"00000000-0000-0000-0000-{int(first.sequence_number) % 10**12:012d}",
            "functionArn": _FUNCTION,
            "condition": discard.condition,
            "approximateInvokeCount": discard.attempt,
        },
        "version": "1.0",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": f"{first.at:%Y-%m-%dT%H:%M:%SZ}",
            "approximateArrivalOfLastRecord": f"{last.at:%Y-%m-%dT%H:%M:%SZ}",
            "batchSize": len(records),
            "streamArn": first.record.get("eventSourceARN"),
        },
    }
    if discard.condition == "RetryAttemptsExhausted":
        error = "Unhandled" if discard.unhandled else None
        described["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": error,
        }
    if to == "S3":
        # As text it is no reference to what the simulation goes on with.
        described["payload"] = json.loads(json.dumps({"Records": [each.record for each in records]}))
    return described
