"""The names that a user may rely on, pinned: a change here is a change for every user."""

from inspect import isroutine

import streamfn
from tests.cards import Card

PUBLIC = [
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


def test_public_names_are_pinned() -> None:
    """`__all__` holds these names and no other."""
    assert PUBLIC == sorted(streamfn.__all__)


def test_public_names_are_sorted() -> None:
    """`__all__` can be read as a list."""
    assert sorted(streamfn.__all__) == list(streamfn.__all__)


def test_public_names_exist_and_are_documented() -> None:
    """Every public name can be imported, and whatever can carry a docstring has one of its own."""
    for name in streamfn.__all__:
        value: object = getattr(streamfn, name)
        if isinstance(value, type) or isroutine(value):
            assert value.__doc__, f"streamfn.{name} has no docstring"


def test_the_public_members_of_a_table_are_pinned() -> None:
    """What only this library needs of a table is not among them."""
    table = streamfn.Table("prod-Card", Card)
    assert [
        "converter",
        "definition",
        "keys",
        "model",
        "name",
        "structure",
        "structure_keys",
        "unstructure",
    ] == [name for name in dir(table) if not name.startswith("_")]
