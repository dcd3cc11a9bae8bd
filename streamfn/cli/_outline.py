"""What a pipeline is made of, as plain data: its tables, handlers and strategies, and what becomes of failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypedDict

from streamfn._conversion.types import name_of_type
from streamfn._delivery.ledger_delivery import RetryWithLedger
from streamfn._delivery.plain_deliveries import Acknowledge, Retry
from streamfn._events import EVENTS
from streamfn._execution.concurrent import Concurrent
from streamfn._execution.series import Series
from streamfn._handlers.batched import Batched, BatchedEach
from streamfn._handlers.registration import AnyHandler
from streamfn._lambda import LambdaFunction
from streamfn._pipeline import Pipeline
from streamfn._routes import Route, Strategy
from streamfn.cli._printing import counted
from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger


class OutlinedHandler(TypedDict):
    """A registration of a function: for which kinds of change, and under which condition.

    `batched` is None for a handler of single events, and else says how many it sees at a time.
    """

    name: str
    kinds: list[str]
    where: str | None
    batched: str | None


class OutlinedRoute(TypedDict):
    """A table, the model of its items, the pattern of its records, and who handles them."""

    table: str
    model: str
    pattern: Mapping[str, object] | None
    strategy: str
    handlers: list[OutlinedHandler]


class OutlinedDelivery(TypedDict):
    """What becomes of failures, and where that is kept."""

    name: str
    ledger: str | None
    dead_letters: str | None


class Outline(TypedDict):
    """What a pipeline is made of; `delivery` is None for one that is no function of Lambda's."""

    routes: list[OutlinedRoute]
    delivery: OutlinedDelivery | None


def outline_of(
    process: Pipeline[object, object], function: LambdaFunction[object, object] | None = None
) -> Outline:
    """Say what a pipeline is made of, and what the function that was made of it does with failures."""
    return Outline(
        routes=[_route(route) for route in process.routes],
        delivery=None if function is None else _delivery(function.delivery),
    )


def _route(route: Route) -> OutlinedRoute:
    matcher = route.table.matcher
    return OutlinedRoute(
        table=route.table.name,
        model=name_of_type(route.table.model),
        pattern=None if matcher is None else matcher.pattern,
        strategy=_strategy(route.strategy),
        handlers=[_handler(handler) for handler in route.handlers],
    )


def _handler(handler: AnyHandler) -> OutlinedHandler:
    return OutlinedHandler(
        name=handler.name,
        kinds=list(EVENTS[handler.kind]),
        where=None if handler.where is None else _condition(handler.where),
        batched=_batch(handler.function),
    )


def _condition(where: Callable[..., object]) -> str:
    """Name a condition: as the function is called, or what made it; a lambda has no name."""
    name = str(getattr(where, "__qualname__", "")).split(".<locals>", maxsplit=1)[0]
    made = ".<locals>" in str(getattr(where, "__qualname__", ""))
    return "…" if not name.isidentifier() or name == "<lambda>" else f"{name}(…)" if made else name


def _batch(function: object) -> str | None:
    if not isinstance(function, Batched | BatchedEach):
        return None
    name = "batched" if isinstance(function, Batched) else "batched_each"
    return name if function.size is None else f"{name}, up to {function.size}"


def _strategy(strategy: Strategy) -> str:
    match strategy:
        case Series():
            return "series"
        case Concurrent(workers=workers):
            return f"concurrent, {workers} workers"
        case _:
            return type(strategy).__name__


def _delivery(delivery: object) -> OutlinedDelivery:
    match delivery:
        case RetryWithLedger(ledger=ledger, dead_letters=dead_letters):
            limits = delivery.limits
            attempts = f", {counted(limits.attempts, 'attempt')}" if dead_letters is not None else ""
            return OutlinedDelivery(
                name=f"retry{attempts}",
                ledger=ledger.table_name if isinstance(ledger, DynamoDBLedger) else type(ledger).__name__,
                dead_letters=None if dead_letters is None else _place(dead_letters),
            )
        case Retry():
            return OutlinedDelivery(name="retry", ledger=None, dead_letters=None)
        case Acknowledge():
            return OutlinedDelivery(name="acknowledge", ledger=None, dead_letters=None)
        case _:
            return OutlinedDelivery(name=type(delivery).__name__, ledger=None, dead_letters=None)


def _place(dead_letters: object) -> str:
    match dead_letters:
        case SqsDeadLetters():
            return dead_letters.queue_url
        case S3DeadLetters():
            return f"s3://{dead_letters.bucket}/{dead_letters.prefix}"
        case _:
            return type(dead_letters).__name__
