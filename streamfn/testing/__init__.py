"""Tools for tests of handlers: events of your own items, payloads, a simulated mapping, and the Results of a pipeline.

No function here talks to AWS or reads a clock, and the same test makes the same events in every run.
"""

from streamfn.testing._events import (
    Identity,
    insert_event,
    keys_event,
    modify_event,
    remove_event,
    upsert_event,
)
from streamfn.testing._payloads import (
    FixedTime,
    KinesisEvent,
    LambdaEvent,
    failures,
    kinesis_event,
    lambda_context,
    lambda_event,
    pipe_event,
    values,
)
from streamfn.testing._simulator.invoking import Crash, HalfWritten, LostAnswer, Repeated, StoreDown
from streamfn.testing._simulator.mapping import EventSourceMapping

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
