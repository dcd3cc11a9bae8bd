"""Powertools' data classes, which give images as dictionaries of plain values."""

# Powertools is installed for the benchmark alone; what stands in for it elsewhere is typings/.
# pyright: reportMissingModuleSource=false

from __future__ import annotations

from base64 import b64decode
from typing import Final, cast

from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent

from tests.benchmarks.contenders import Contender, Sink, WholeBatch, Work
from tests.benchmarks.loads import Chunk, Load


def _of_keys(sink: Sink) -> Work:
    def work(chunk: Chunk) -> None:
        for record in DynamoDBStreamEvent(chunk.payload).records:
            if (change := record.dynamodb) is not None:
                sink(change.keys)

    return work


def _of_images(sink: Sink) -> Work:
    def work(chunk: Chunk) -> None:
        for record in DynamoDBStreamEvent(chunk.payload).records:
            change = record.dynamodb
            if change is None:
                continue
            if old := change.old_image:
                sink(old)
            if new := change.new_image:
                sink(new)

    return work


def _prepare(load: Load) -> WholeBatch:
    return WholeBatch(_of_keys if load.shape == "key" else _of_images)


def _plain(item: object) -> object:
    """Decode the one binary, which is still base64 text."""
    fields = cast("dict[str, object]", item)  # as the data classes say
    photo = fields.get("photo")
    return {**fields, "photo": b64decode(photo)} if isinstance(photo, str) else fields


CONTENDER: Final = Contender(
    "Powertools data classes",
    "Powertools' data classes",
    _prepare,
    _plain,
    remark="dictionaries and no model; every number is a `Decimal`, and a binary is still base64 text",
)
