"""The documents about batches that are given up: Lambda's, of a function's OnFailure destination, and those of a pipe.

Their shape is that of "Adding an on-failure destination" in "Using AWS Lambda with Amazon DynamoDB", AWS
Lambda Developer Guide. A queue and a topic are told the range of the shard alone; a bucket gets the records too.
A pipe of EventBridge sends the like to its dead-letter queue, and names itself there where Lambda names the function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from streamfn._entries import member
from streamfn._envelopes import NotAStreamEvent, about_a_batch, is_of_a_window
from streamfn._payloads import read
from streamfn._records import Record
from streamfn._texts import read_json
from streamfn._wire import as_sequence_number, as_text, is_map, magnitude

_PIPE_ARN: Final = re.compile(r"arn:[^:]+:pipes:[^:]*:[^:]*:pipe/(?P<name>.+)")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(:[^:]+)?")


class NotADocument(ValueError):
    """A text that has the shape of a document of Lambda's, but not all that is needed; the message says what."""


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A batch that Lambda or a pipe gave up.

    `function` is the function's name, or None where it was a `pipe`, whose name that is, and `owner_arn` the ARN of
    either. `is_of_window` says that the
    mapping has a tumbling window. `size` says how many records the batch had. They lie in the `shard` of
    the `stream`, in the range from `start` to `end`, with others between them if the mapping has parallel lanes
    or a filter. `records` are the batch's, where the document carries them.
    """

    function: str | None
    stream: str
    shard: str
    start: str
    end: str
    size: int
    records: tuple[Record, ...] | None
    pipe: str | None = None
    is_of_window: bool = False
    owner_arn: str = ""

    @property
    def owner(self) -> str:
        """Whose it is: the name of the function, or of the pipe."""
        return self.function or f"the pipe {self.pipe}"

    @override
    def __repr__(self) -> str:
        return f"Document({self.owner!r}, {self.shard!r}, {self.start!r} to {self.end!r})"


def read_document(text: str, *, with_payload: bool = True) -> Document | None:
    """Read a document of Lambda's or of a pipe; None for whatever has another shape. Fails with `NotADocument`.

    Without its payload, the records that it carries are left out.
    """
    try:
        told = read_json(text)
    except (ValueError, RecursionError):
        return None
    if not is_map(told) or (batch := about_a_batch(told)) is None:
        return None
    function = _FUNCTION_ARN.fullmatch(as_text(member(told.get("requestContext"), "functionArn")) or "")
    pipe = _PIPE_ARN.fullmatch(as_text(member(told.get("context"), "partnerResourceArn")) or "")
    stream, shard = as_text(batch.get("streamArn")), as_text(batch.get("shardId"))
    start, end = (as_sequence_number(batch.get(f"{end}SequenceNumber")) for end in ("start", "end"))
    size = batch.get("batchSize")
    owner = function or pipe
    if owner is None or stream is None or shard is None or start is None or end is None:
        raise NotADocument("the document does not name its function, its stream, or the range of its shard")
    if not isinstance(size, int):
        raise NotADocument("the document does not say how many records there were")
    if not with_payload:
        told = {name: value for name, value in told.items() if name != "payload"}
    records = _records(told)
    if records is not None and any(_is_elsewhere(record, stream, start, end) for record in records):
        raise NotADocument("the document carries records that are not of its range of its stream")
    return Document(
        None if function is None else function["name"],
        stream,
        shard,
        start,
        end,
        size,
        records,
        None if pipe is None else pipe["name"],
        is_of_a_window(told),
        owner[0],
    )


def _is_elsewhere(record: Record, stream: str, start: str, end: str) -> bool:
    """Whether a record says that it is of another stream, or of another place in it, than a document is about."""
    number = record.sequence_number
    return record.event_source_arn not in {None, stream} or (
        number is not None and not magnitude(start) <= magnitude(number) <= magnitude(end)
    )


def _records(told: Mapping[str, object]) -> tuple[Record, ...] | None:
    if "payload" not in told:
        if "KinesisBatchInfo" in told:
            is_of_lambda = "requestContext" in told
            where = (
                "a bucket keeps them with it"
                if is_of_lambda
                else "they have to be read from the stream again"
            )
            raise NotADocument(f"the document of a Kinesis stream carries no records: {where}")
        return None
    try:
        return tuple(read(told))
    except NotAStreamEvent as problem:
        raise NotADocument(f"the document's payload: {problem}") from None
