"""What a test of handlers needs: events of your own items, and the Results of a pipeline taken apart.

Nothing here talks to AWS or reads a clock, and the same test makes the same events in every run.
"""

from streamfn.testing._context import FixedTime, lambda_context
from streamfn.testing._events import insert_event, keys_event, modify_event, remove_event, upsert_event
from streamfn.testing._mapping.faults import Crash, HalfWritten, LostAnswer, Repeated, StoreDown
from streamfn.testing._mapping.mapping import EventSourceMapping
from streamfn.testing._payloads import KinesisEvent, LambdaEvent, kinesis_event, lambda_event, pipe_event
from streamfn.testing._records import Identity
from streamfn.testing._results import failures, values

__all__ = [
    "Crash",
    "EventSourceMapping",
    "FixedTime",
    "HalfWritten",
    "Identity",
    "KinesisEvent",
    "LambdaEvent",
    "LostAnswer",
    "Repeated",
    "StoreDown",
    "failures",
    "insert_event",
    "keys_event",
    "kinesis_event",
    "lambda_context",
    "lambda_event",
    "modify_event",
    "pipe_event",
    "remove_event",
    "upsert_event",
    "values",
]
