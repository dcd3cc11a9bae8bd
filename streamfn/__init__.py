"""Typed handlers for AWS Lambda functions fed by a DynamoDB stream.

Declare the table's item as a frozen dataclass, write handlers as functions from an event to a `returns`
Result, and join them with `pipeline`: every outcome comes back as data. `lambda_handler` makes of it the
function that Lambda calls.
"""

from streamfn._converters import configure_converter, make_converter
from streamfn._delivery.answers import BatchFailed, BatchItemFailure, BatchResponse
from streamfn._delivery.choices import acknowledge, retry
from streamfn._delivery.delivery import Delivery
from streamfn._envelopes import NotAStreamEvent
from streamfn._events import Event, InsertEvent, KeysEvent, ModifyEvent, RemoveEvent, UpsertEvent
from streamfn._execution.concurrent import concurrent
from streamfn._execution.series import series
from streamfn._explain import explain
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
from streamfn._filters.criteria import Filter, FilterCriteria, filter_criteria
from streamfn._handlers.batched import batched, batched_each
from streamfn._handlers.chain import chain
from streamfn._handlers.outcomes import Outcome
from streamfn._handlers.registration import (
    Handler,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
)
from streamfn._lambda import LambdaContext, LambdaFunction, lambda_handler
from streamfn._markers import Attribute, EpochMilliseconds, EpochSeconds, PartitionKey, SortKey, TimeToLive
from streamfn._misuse import Misuse
from streamfn._payloads import read
from streamfn._pipeline import Pipeline, pipeline, router
from streamfn._records import MalformedRecord, StreamRecord
from streamfn._reports import log_failure, log_failures
from streamfn._routes import Strategy
from streamfn._structuring import structure
from streamfn._tables import Table
from streamfn._windows.events import Window
from streamfn._windows.functions import WindowFunction, WindowResponse, window_handler
from streamfn._windows.states import UnusableState
from streamfn._wire import AttributeValue, Image, StreamViewType

__all__ = [
    "Attribute",
    "AttributeValue",
    "BatchFailed",
    "BatchItemFailure",
    "BatchResponse",
    "Delivery",
    "EpochMilliseconds",
    "EpochSeconds",
    "Event",
    "Failed",
    "Filter",
    "FilterCriteria",
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
    "Misuse",
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
    "UnusableState",
    "Unwanted",
    "UpsertEvent",
    "Window",
    "WindowFunction",
    "WindowResponse",
    "acknowledge",
    "batched",
    "batched_each",
    "chain",
    "changed",
    "concurrent",
    "configure_converter",
    "explain",
    "filter_criteria",
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
    "window_handler",
]
