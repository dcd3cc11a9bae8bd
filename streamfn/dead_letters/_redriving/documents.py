"""The documents that Lambda sends of batches that it gives up, to a function's OnFailure destination.

Their shape is that of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS
Lambda Developer Guide. A queue and a topic are told the range of the shard alone; a bucket gets the records too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from streamfn._envelopes import NotAStreamEvent, about_a_batch
from streamfn._payloads import read
from streamfn._records import Record
from streamfn._texts import read_json
from streamfn._wire import as_sequence_number, as_text, is_map

_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(:[^:]+)?")


class NotADocument(ValueError):
    """A text that has the shape of a document of Lambda's, but not all that is needed; the message says what."""


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A batch that Lambda gave up.

    `function` is the function's name. `size` says how many records the batch had. They lie in the `shard` of
    the `stream`, in the range from `start` to `end`, with others between them if the mapping has parallel lanes
    or a filter. `records` are the batch's, where the document carries them.
    """

    function: str
    stream: str
    shard: str
    start: str
    end: str
    size: int
    records: tuple[Record, ...] | None

    @override
    def __repr__(self) -> str:
        return f"Document({self.function!r}, {self.shard!r}, {self.start!r} to {self.end!r})"


def read_document(text: str) -> Document | None:
    """Read a document of Lambda's; None for whatever has another shape. Fails with `NotADocument`."""
    try:
        told = read_json(text)
    except (ValueError, RecursionError):
        return None
    if not is_map(told) or (batch := about_a_batch(told)) is None:
        return None
    context = told.get("requestContext")
    arn = as_text(context.get("functionArn")) if is_map(context) else None
    function = None if arn is None else _FUNCTION_ARN.fullmatch(arn)
    stream, shard = as_text(batch.get("streamArn")), as_text(batch.get("shardId"))
    start, end = (as_sequence_number(batch.get(f"{end}SequenceNumber")) for end in ("start", "end"))
    size = batch.get("batchSize")
    if function is None or stream is None or shard is None or start is None or end is None:
        raise NotADocument("the document does not name its function, its stream, or the range of its shard")
    if not isinstance(size, int):
        raise NotADocument("the document does not say how many records there were")
    return Document(function["name"], stream, shard, start, end, size, _records(told))


def _records(told: Mapping[str, object]) -> tuple[Record, ...] | None:
    if "payload" not in told:
        if "KinesisBatchInfo" in told:
            raise NotADocument(
                "the document of a Kinesis stream carries no records: a bucket keeps them with it"
            )
        return None
    try:
        return tuple(read(told))
    except NotAStreamEvent as problem:
        raise NotADocument(f"the document's payload: {problem}") from None
