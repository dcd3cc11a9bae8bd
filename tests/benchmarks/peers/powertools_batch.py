"""Powertools' batch processor, whose handler gets each record as a typed model of the parser's."""

# Powertools is installed for the benchmark alone; what stands in for it elsewhere is typings/.
# pyright: reportMissingModuleSource=false

from __future__ import annotations

from typing import Final

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from tests.benchmarks.contenders import Contender, Sink, WholeBatch, Work
from tests.benchmarks.loads import Chunk, Load
from tests.benchmarks.peers.powertools_models import RECORDS, KeyRecord, Record


def _keys_handler(sink: Sink) -> object:
    def handle(record: KeyRecord) -> None:
        sink(record.dynamodb.Keys)

    return handle


def _images_handler(sink: Sink) -> object:
    def handle(record: Record[object]) -> None:
        change = record.dynamodb
        if change.OldImage is not None:
            sink(change.OldImage)
        if change.NewImage is not None:
            sink(change.NewImage)

    return handle


def _prepare(load: Load) -> WholeBatch:
    processor = BatchProcessor(EventType.DynamoDBStreams, RECORDS[load.shape])
    handler_of = _keys_handler if load.shape == "key" else _images_handler

    def make(sink: Sink) -> Work:
        handle = handler_of(sink)

        def work(chunk: Chunk) -> None:
            process_partial_response(chunk.payload, handle, processor)

        return work

    return WholeBatch(make)


CONTENDER: Final = Contender(
    "Powertools batch",
    "Powertools' batch processor with a typed model",
    _prepare,
    remark="it comes to pydantic with binaries in base64, which the model's `Base64Bytes` decodes",
)
