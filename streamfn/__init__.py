"""Typed handlers for AWS Lambda functions fed by a DynamoDB stream.

Declare the table's item as a frozen dataclass, write handlers as functions from an event to a `returns`
Result, and join them with `pipeline`: every outcome comes back as data. `lambda_handler` makes of it the
function that Lambda calls.
"""

from typing import TYPE_CHECKING

from streamfn._conversion import configure_converter, make_converter
from streamfn._conversion.hints import (
    Attribute,
    EpochMilliseconds,
    EpochSeconds,
    PartitionKey,
    SortKey,
    TimeToLive,
)
from streamfn._delivery import acknowledge, retry
from streamfn._delivery.plain import Delivery, log_failure, log_failures
from streamfn._errors import ConfigurationError, names_that_moved
from streamfn._events import Event, InsertEvent, KeysEvent, ModifyEvent, RemoveEvent, UpsertEvent, structure
from streamfn._execution.concurrent import concurrent
from streamfn._execution.run import Strategy, series
from streamfn._failures import (
    Failed,
    Handled,
    HeldBack,
    LedgerUnavailable,
    Malformed,
    MissingImage,
    OutOfTime,
    Problem,
    ProcessDied,
    Raised,
    Reason,
    Refused,
    Stopped,
    TimedOut,
    Undecodable,
    Unrouted,
    Unwanted,
)
from streamfn._handlers import (
    Handler,
    Outcome,
    batched,
    batched_each,
    chain,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
)
from streamfn._lambda import LambdaContext, LambdaFunction, lambda_handler
from streamfn._payloads import BatchFailed, BatchItemFailure, BatchResponse, NotAStreamEvent, read
from streamfn._pipeline import Pipeline, pipeline, router
from streamfn._records import AttributeValue, Image, MalformedRecord, StreamRecord, StreamViewType
from streamfn._tables import Table, explain

__all__ = [
    "Attribute",
    "AttributeValue",
    "BatchFailed",
    "BatchItemFailure",
    "BatchResponse",
    "ConfigurationError",
    "Delivery",
    "EpochMilliseconds",
    "EpochSeconds",
    "Event",
    "Failed",
    "Handled",
    "Handler",
    "HeldBack",
    "Image",
    "InsertEvent",
    "KeysEvent",
    "LambdaContext",
    "LambdaFunction",
    "LedgerUnavailable",
    "Malformed",
    "MalformedRecord",
    "MissingImage",
    "ModifyEvent",
    "NotAStreamEvent",
    "OutOfTime",
    "Outcome",
    "PartitionKey",
    "Pipeline",
    "Problem",
    "ProcessDied",
    "Raised",
    "Reason",
    "Refused",
    "RemoveEvent",
    "SortKey",
    "Stopped",
    "Strategy",
    "StreamRecord",
    "StreamViewType",
    "Table",
    "TimeToLive",
    "TimedOut",
    "Undecodable",
    "Unrouted",
    "Unwanted",
    "UpsertEvent",
    "acknowledge",
    "batched",
    "batched_each",
    "chain",
    "changed",
    "concurrent",
    "configure_converter",
    "explain",
    "lambda_handler",
    "log_failure",
    "log_failures",
    "make_converter",
    "on_event",
    "on_insert",
    "on_keys",
    "on_modify",
    "on_remove",
    "on_upsert",
    "pipeline",
    "read",
    "retry",
    "router",
    "series",
    "structure",
]

if not TYPE_CHECKING:  # or a checker would believe that there is any name here
    __getattr__ = names_that_moved(
        __name__,
        {
            "Misuse": "streamfn:ConfigurationError",
            "Filter": "streamfn.mappings",
            "FilterCriteria": "streamfn.mappings",
            "UnusableState": "streamfn.windows",
            "Window": "streamfn.windows",
            "WindowFunction": "streamfn.windows",
            "WindowResponse": "streamfn.windows",
            "filter_criteria": "streamfn.mappings",
            "window_handler": "streamfn.windows",
        },
    )
