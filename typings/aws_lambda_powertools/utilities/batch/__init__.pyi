from collections.abc import Mapping
from enum import Enum

from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamRecordModel

class EventType(Enum):
    DynamoDBStreams = "DynamoDBStreams"

class BatchProcessor:
    def __init__(
        self, event_type: EventType, model: type[DynamoDBStreamRecordModel] | None = ...
    ) -> None: ...

def process_partial_response(
    event: Mapping[str, object], record_handler: object, processor: BatchProcessor
) -> object: ...
