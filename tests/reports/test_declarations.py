"""What was reported of declarations that fail too late: each report by the smallest input that shows it."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypedDict, cast
from unittest.mock import MagicMock

import boto3
import pytest
from returns.result import Result, Success, safe
from typing_extensions import TypeVar

from streamfn import (
    ConfigurationError,
    Event,
    InsertEvent,
    PartitionKey,
    Table,
    acknowledge,
    batched,
    batched_each,
    chain,
    changed,
    concurrent,
    lambda_handler,
    log_failures,
    on_insert,
    on_keys,
    pipeline,
    retry,
    router,
)
from streamfn.dead_letters import MemoryDeadLetters, S3DeadLetters, SqsDeadLetters
from streamfn.ledgers import DynamoDBLedger, MemoryLedger
from streamfn.mappings import filter_criteria
from streamfn.redrive import redrive
from streamfn.sources import FileCheckpoints, StreamReader
from streamfn.testing import EventSourceMapping, insert_event, lambda_context, lambda_event, values
from streamfn.windows import Window, window_handler
from tests.cards import STREAM, Card, CardKey, cards

T = TypeVar("T")


class Loose:
    """The factories, as those call them who work without a type checker."""

    acknowledge: Callable[..., object] = staticmethod(acknowledge)
    batched: Callable[..., object] = staticmethod(batched)
    batched_each: Callable[..., object] = staticmethod(batched_each)
    chain: Callable[..., object] = staticmethod(chain)
    changed: Callable[..., object] = staticmethod(changed)
    concurrent: Callable[..., object] = staticmethod(concurrent)
    filter_criteria: Callable[..., object] = staticmethod(filter_criteria)
    insert_event: Callable[..., object] = staticmethod(insert_event)
    log_failures: Callable[..., object] = staticmethod(log_failures)
    lambda_handler: Callable[..., object] = staticmethod(lambda_handler)
    on_insert: Callable[..., object] = staticmethod(on_insert)
    on_keys: Callable[..., object] = staticmethod(on_keys)
    pipeline: Callable[..., object] = staticmethod(pipeline)
    redrive: Callable[..., object] = staticmethod(redrive)
    retry: Callable[..., object] = staticmethod(retry)
    router: Callable[..., object] = staticmethod(router)
    window_handler: Callable[..., object] = staticmethod(window_handler)
    EventSourceMapping: Callable[..., object] = EventSourceMapping
    FileCheckpoints: Callable[..., object] = FileCheckpoints
    DynamoDBLedger: Callable[..., object] = DynamoDBLedger
    S3DeadLetters: Callable[..., object] = S3DeadLetters
    SqsDeadLetters: Callable[..., object] = SqsDeadLetters
    StreamReader: Callable[..., object] = StreamReader
    Table: Callable[..., object] = Table


@dataclass(frozen=True, slots=True)
class Shape(ABC):
    """A model that nothing can be made of."""

    id: Annotated[int, PartitionKey]

    @abstractmethod
    def area(self) -> int:
        """Nobody says how."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A model that holds one."""

    id: Annotated[int, PartitionKey]
    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """The state of a window."""

    total: int = 0


def announce(event: InsertEvent[Card]) -> Result[str, str]:
    """Announce a card."""
    return Success(event.new_image.title)


def add(state: Sum, _: Event[Card]) -> Result[Sum, str]:
    """Count."""
    return Success(Sum(state.total + 1))


def emit(_: Window, state: Sum) -> Result[int, str]:
    """Emit the sum."""
    return Success(state.total)


resource: Final = cast("Callable[..., object]", vars(boto3)["resource"])  # which the stubs here leave out


async def announce_later(event: InsertEvent[Card]) -> Result[str, str]:
    """Announce a card when somebody waits for it."""
    return announce(event)


def report_one_by_one(failed: object) -> Iterator[object]:
    """Report nothing before somebody iterates."""
    yield failed


process: Final = pipeline(cards, on_insert(announce))
PAYLOAD: Final = lambda_event(insert_event(Card(1, "hello")))
URL: Final = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters"

REFUSED: Final[dict[str, tuple[Callable[[], object], str]]] = {
    "an abstract model": (
        lambda: Table("prod-Shape", Shape),
        "Shape is abstract, nothing can be made of it without area",
    ),
    "an abstract model within another": (
        lambda: Table("prod-Drawing", Drawing),
        "Drawing.shapes: Shape is abstract",
    ),
    "a table without a name": (lambda: Table("", Card), "check the environment variable"),
    "a table's ARN": (
        lambda: Table("arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card", Card),
        "not an ARN: write the part after table/, 'prod-Card'",
    ),
    "a stream's ARN": (
        lambda: Table(STREAM, Card),
        "'prod-Card'",
    ),
    "a table's name with a space": (lambda: Table("prod Card", Card), "got 'prod Card'"),
    "a table's name with a slash": (lambda: Table("prod/Card", Card), "got 'prod/Card'"),
    "a table's name that is too short": (lambda: Table("ab", Card), "3 to 255"),
    "a table's name that is too long": (lambda: Table("a" * 256, Card), "3 to 255"),
    "a table's name with an umlaut": (lambda: Table("Kärtchen", Card), "3 to 255"),
    "a table the wrong way round": (lambda: Loose.Table(Card, "prod-Card"), "as text, got class Card"),
    "a queue's name": (lambda: SqsDeadLetters("letters"), "takes the URL of a queue, as https://"),
    "a queue's ARN": (
        lambda: SqsDeadLetters("arn:aws:sqs:eu-west-1:123456789012:letters"),
        "Ref gives the URL",
    ),
    "no queue": (lambda: SqsDeadLetters(""), "check the environment variable"),
    "None for a queue": (lambda: Loose.SqsDeadLetters(None), "as text, got None"),
    "a bucket's name for an overflow": (
        lambda: Loose.SqsDeadLetters(URL, overflow="b"),
        "overflow=S3DeadLetters(bucket)",
    ),
    "a limit as text": (
        lambda: Loose.SqsDeadLetters(URL, max_bytes="9"),
        "max_bytes is a whole number, got str",
    ),
    "an address of S3": (
        lambda: S3DeadLetters("s3://letters/cards"),
        "write S3DeadLetters('letters', prefix='cards')",
    ),
    "a bucket's address": (lambda: S3DeadLetters("s3://letters"), "write S3DeadLetters('letters')"),
    "a bucket's ARN": (
        lambda: S3DeadLetters("arn:aws:s3:::letters"),
        "not its ARN: write the part after :::",
    ),
    "a bucket and a folder": (lambda: S3DeadLetters("letters/cards"), "got 'letters/cards'"),
    "a bucket with capitals": (lambda: S3DeadLetters("Letters"), "got 'Letters'"),
    "a bucket with an underscore": (lambda: S3DeadLetters("my_letters"), "got 'my_letters'"),
    "a bucket that begins with a dot": (lambda: S3DeadLetters(".letters"), "got '.letters'"),
    "a bucket with two dots": (lambda: S3DeadLetters("my..letters"), "got 'my..letters'"),
    "an IP address": (lambda: S3DeadLetters("192.168.5.4"), "got '192.168.5.4'"),
    "a bucket that is too short": (lambda: S3DeadLetters("ab"), "got 'ab'"),
    "no bucket": (lambda: S3DeadLetters(""), "check the environment variable"),
    "None for a prefix": (lambda: Loose.S3DeadLetters("letters", prefix=None), "prefix is text, got None"),
    "a ledger without a name": (lambda: DynamoDBLedger(""), "DynamoDBLedger takes the name of a table"),
    "a stream's ARN for a ledger": (
        lambda: DynamoDBLedger("arn:aws:dynamodb:eu-west-1:1:table/prod-Card/stream/1"),
        "not an ARN",
    ),
    "a table's name for a ledger": (lambda: Loose.retry(ledger="cards"), "ledger=DynamoDBLedger('cards')"),
    "a class for a ledger": (lambda: Loose.retry(ledger=MemoryLedger), "got class MemoryLedger"),
    "a queue's URL for letters": (
        lambda: Loose.retry(ledger=MemoryLedger(), dead_letters=URL),
        "dead_letters=SqsDeadLetters(queue_url)",
    ),
    "a class for letters": (
        lambda: Loose.retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters),
        "got class MemoryDeadLetters",
    ),
    "attempts as text": (lambda: Loose.retry(max_attempts="5"), "max_attempts is a whole number, got str"),
    "attempts as a truth": (
        lambda: Loose.retry(max_attempts=True),
        "max_attempts is a whole number, got bool",
    ),
    "patience in seconds": (lambda: Loose.retry(patience=300), "write timedelta(minutes=5)"),
    "outage in seconds": (lambda: Loose.retry(outage=7200), "write timedelta(hours=2)"),
    "a scope that is none": (lambda: Loose.retry(scope=7), "scope is text, got int"),
    "an empty scope": (lambda: retry(ledger=MemoryLedger(), scope=""), "scope is empty"),
    "a batch as text": (lambda: Loose.retry(whole_batch="yes"), "whole_batch is True or False, got str"),
    "a report that is none": (lambda: Loose.retry(report="log"), "report is a function, got str"),
    "a report that is none, dropped": (lambda: Loose.acknowledge("log"), "report is a function, got str"),
    "a delivery that was not made": (
        lambda: Loose.lambda_handler(process, retry),
        "call retry() or acknowledge()",
    ),
    "a delivery that was not made either": (
        lambda: Loose.lambda_handler(process, acknowledge),
        "got function acknowledge",
    ),
    "a ledger for a delivery": (lambda: Loose.lambda_handler(process, MemoryLedger()), "call retry()"),
    "a function for a pipeline": (
        lambda: Loose.lambda_handler(announce),
        "got function announce: make one",
    ),
    "a margin in seconds": (lambda: Loose.lambda_handler(process, margin=1), "write timedelta(seconds=1)"),
    "a handler of text": (lambda: Loose.on_insert("announce"), "a handler is a function, got str"),
    "a handler that was called": (
        lambda: Loose.on_insert(Success("hello")),
        "a handler is a function, got Success",
    ),
    "a name that is no text": (lambda: Loose.on_insert(announce, name=1), 'write name="announce"'),
    "a condition that is none": (
        lambda: Loose.on_insert(announce, where=True),
        "where is a function, got bool",
    ),
    "keys the wrong way round": (
        lambda: Loose.on_keys(announce, CardKey),
        "write on_keys(CardKey, announce)",
    ),
    "a chunk of nothing": (lambda: Loose.batched(7), "the argument of batched() is a function, got int"),
    "a chunk of chunks": (lambda: Loose.batched_each(Loose.batched(len)), "leave one of them out"),
    "a size as text": (lambda: Loose.batched(len, size="9"), "size is a whole number or None, got str"),
    "a chain of text": (
        lambda: Loose.chain(announce, "announce"),
        "a step of chain() is a function, got str",
    ),
    "a chain of one": (lambda: Loose.chain(announce), "chain() joins two functions or more, got 1"),
    "a change of a name": (lambda: Loose.changed("title"), "changed(lambda card: card.title)"),
    "workers as text": (lambda: Loose.concurrent(workers="8"), "write concurrent(workers=8)"),
    "a window of no table": (
        lambda: Loose.window_handler("prod-Card", add, Sum(), emit),
        "takes a Table first",
    ),
    "a window that folds nothing": (
        lambda: Loose.window_handler(cards, None, Sum(), emit),
        "fold is a function, got None",
    ),
    "a window that emits nothing": (
        lambda: Loose.window_handler(cards, add, Sum(), None),
        "emit is a function, got None",
    ),
    "a reader of a table's ARN": (
        lambda: StreamReader("arn:aws:dynamodb:eu-west-1:1:table/prod-Card"),
        "is the ARN of a table's stream",
    ),
    "a reader of a table without a name": (
        lambda: StreamReader(table=""),
        "StreamReader takes the name of a table",
    ),
    "a redrive of a function": (
        lambda: Loose.redrive(announce, MemoryDeadLetters(), ledger=MemoryLedger()),
        "redrive() takes a pipeline first",
    ),
    "a redrive of a URL": (
        lambda: Loose.redrive(process, URL, ledger=MemoryLedger()),
        "as in SqsDeadLetters(queue_url)",
    ),
    "a converter that is none": (
        lambda: Loose.Table("prod-Card", Card, converter="c"),
        "make it with make_converter()",
    ),
    "an item for a model": (lambda: Loose.Table("prod-Card", Card(1, "hunter2")), "got Card"),
    "a table for a pipeline": (
        lambda: Loose.filter_criteria(cards),
        "filter_criteria() takes a pipeline, got Table",
    ),
    "a pipeline for a handler": (lambda: Loose.on_insert(process), "got Pipeline, which takes a payload"),
    "a reader that starts never": (
        lambda: Loose.StreamReader(table=cards, start="never"),
        'is "trim_horizon" or "latest"',
    ),
    "a reader that starts at an old word": (
        lambda: Loose.StreamReader(table=cards, start="horizon"),
        'start="horizon" is now start="trim_horizon"',
    ),
    "a reader with a path": (
        lambda: Loose.StreamReader(table=cards, checkpoints="c"),
        "as in FileCheckpoints(path)",
    ),
    "a reader with a size of text": (
        lambda: Loose.StreamReader(table=cards, batch_size="9"),
        "batch_size is a whole",
    ),
    "a reader that polls in seconds": (
        lambda: Loose.StreamReader(table=cards, poll=1),
        "write timedelta(seconds=1)",
    ),
    "a reader of nothing known": (lambda: Loose.StreamReader(7), "got int: write StreamReader(table=…)"),
    "an event of no item": (lambda: insert_event(7), "an item is an instance of a model, got int"),
    "an event of a table's name": (
        lambda: Loose.insert_event(Card(1, "a"), table="prod-Card"),
        "table is a Table, got str",
    ),
    "a mapping of no function": (
        lambda: Loose.EventSourceMapping("app"),
        "the mapping calls a function, got str",
    ),
    "a factory for a handler": (
        lambda: Loose.on_insert(batched),
        "got batched of streamfn, which makes one: call it, as in on_insert(announce)",
    ),
    "a factory for a condition": (
        lambda: Loose.on_insert(announce, where=changed),
        "call it, as in where=changed(",
    ),
    "a factory for a report": (lambda: Loose.retry(report=log_failures), "got log_failures of streamfn"),
    "a factory for a fold": (
        lambda: Loose.window_handler(cards, chain, Sum(), emit),
        "fold is a function, got chain of streamfn",
    ),
    "a factory for a function": (
        lambda: Loose.EventSourceMapping(lambda_handler),
        "call it, as in EventSourceMapping(lambda_handler(process))",
    ),
    "a class for a handler": (lambda: Loose.on_insert(Card), "got class Card: pass an instance of it"),
    "a handler of an empty name": (lambda: Loose.on_insert(announce, name=""), "name is empty"),
    "a chunk of payloads": (lambda: Loose.batched(process), "got Pipeline, which takes a payload"),
    "a step that has to be awaited": (
        lambda: Loose.chain(announce_later, announce),
        "the step announce_later of chain() is a coroutine function",
    ),
    "a change that has to be awaited": (lambda: Loose.changed(announce_later), "no coroutine equals another"),
    "keys that are a number": (lambda: Loose.on_keys(int, announce), "got class int"),
    "values shown by a text": (
        lambda: Loose.Table("prod-Card", Card, include_values="false"),
        "include_values is True or False, got str",
    ),
    "unknown attributes by a number": (
        lambda: Loose.Table("prod-Card", Card, forbid_unknown_attributes=1),
        "forbid_unknown_attributes is True or False, got int",
    ),
    "generated by a text": (lambda: Loose.Table("prod-Card", Card, generated="no"), "generated is True or"),
    "errors shown by a text": (lambda: Loose.log_failures(errors="no"), "errors is True or False, got str"),
    "writes in a list": (lambda: Loose.retry(write=[]), 'write is "failures" or "always", got []'),
    "a window that fails in a list": (
        lambda: Loose.window_handler(cards, add, Sum(), emit, on_failure=[]),
        'on_failure is "raise" or "skip", got []',
    ),
    "a reader that starts in a list": (
        lambda: Loose.StreamReader(table=cards, start=[]),
        'is "trim_horizon" or "latest", got []',
    ),
    "a reader that reports to nobody": (
        lambda: Loose.StreamReader(table=cards, report=None),
        "report is a function, got None: pass the function itself, as in report=log_notice",
    ),
    "a reader of a function": (
        lambda: Loose.StreamReader(table=functools.partial(print)),
        "StreamReader takes the name of a table as text, got partial",
    ),
    "a reader that runs nothing": (
        lambda: StreamReader(STREAM).run(cast("Callable[..., object]", None)),
        "what a reader runs is a function, got None",
    ),
    "a reader that runs a pipeline": (
        lambda: StreamReader(STREAM).run(cast("Callable[..., object]", process)),
        "write lambda_handler(process)",
    ),
    "a mapping of a pipeline": (
        lambda: Loose.EventSourceMapping(process),
        "the mapping calls a function, got Pipeline",
    ),
    "checkpoints in no file": (lambda: FileCheckpoints(""), "the path of a file, got an empty text"),
    "checkpoints in None": (lambda: Loose.FileCheckpoints(None), "takes the path of a file"),
    "a host without a queue": (
        lambda: SqsDeadLetters("https://sqs.eu-west-1.amazonaws.com"),
        "takes the URL of a queue",
    ),
    "an account without a queue": (
        lambda: SqsDeadLetters("https://sqs.eu-west-1.amazonaws.com/123456789012/"),
        "takes the URL of a queue",
    ),
    "a page of the console": (
        lambda: SqsDeadLetters(
            "https://eu-west-1.console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues/a"
        ),
        "takes the URL of a queue",
    ),
    "a service's name for a client": (
        lambda: Loose.SqsDeadLetters(URL, client="sqs"),
        "a client is one of boto3's, got str: pass what boto3.client(…) gives",
    ),
    "a module for a client": (
        lambda: Loose.S3DeadLetters("letters", client=boto3),
        "a client is one of boto3's, got module",
    ),
    "a function for a client": (
        lambda: Loose.S3DeadLetters("letters", client=boto3.client),
        "a client is one of boto3's, got function client",
    ),
    "a resource for a client": (
        lambda: Loose.DynamoDBLedger("card-ledger", client=resource("dynamodb", region_name="eu-west-1")),
        "a client is one of boto3's, got resource of boto3",
    ),
    "a report that never runs": (
        lambda: Loose.retry(report=report_one_by_one),
        "the report is a generator function, which nobody runs",
    ),
    "a report that never runs either": (
        lambda: Loose.acknowledge(safe(announce_later)),
        "the report would return a Success of a coroutine, which nobody awaits",
    ),
    "a redrive with a name": (
        lambda: Loose.redrive(process, MemoryDeadLetters(), ledger="cards"),
        "as in DynamoDBLedger(name)",
    ),
}


@pytest.mark.parametrize("declared", REFUSED)
def test_what_cannot_work_is_refused_where_it_is_declared(declared: str) -> None:
    """Such declarations were taken, and failed with each batch, or answered nonsense. Now each says what to write."""
    make, message = REFUSED[declared]
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Table("abc", Card),
        lambda: Table("a" * 255, Card),
        lambda: Table("Prod_card.v-2", Card),
        lambda: S3DeadLetters("my.letters-2"),
        lambda: S3DeadLetters("arn:aws:s3:eu-west-1:123456789012:accesspoint/letters", prefix="cards"),
        lambda: SqsDeadLetters("http://127.0.0.1:4566/000000000000/letters.fifo"),
        lambda: SqsDeadLetters(URL, overflow=S3DeadLetters("letters")),
        lambda: DynamoDBLedger("arn:aws:dynamodb:eu-west-1:123456789012:table/card-ledger"),
        lambda: DynamoDBLedger("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/card-ledger"),
        lambda: SqsDeadLetters("https://sqs.us-gov-west-1.amazonaws.com/123456789012/letters"),
        lambda: SqsDeadLetters("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/letters"),
        lambda: SqsDeadLetters("https://queue.amazonaws.com/123456789012/letters"),
        lambda: SqsDeadLetters("http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/letters"),
        lambda: SqsDeadLetters("http://localhost:9324/queue/letters"),
        lambda: SqsDeadLetters("http://[::1]:4100/letters"),
        lambda: SqsDeadLetters(URL, client=MagicMock()),
        lambda: S3DeadLetters("letters--euw1-az1--x-s3"),
        lambda: S3DeadLetters("arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/letters"),
        lambda: Loose.on_insert(Success, name="agree"),
        lambda: Loose.on_insert(functools.partial(announce)),
        lambda: Loose.retry(report=log_failures()),
        lambda: Loose.retry(report=functools.partial(print, flush=True)),
        lambda: Loose.retry(report=MagicMock()),
    ],
    ids=range(23),
)
def test_what_aws_allows_is_taken(make: Callable[[], object]) -> None:
    """A check of names must not refuse what works."""
    assert make() is not None


@pytest.mark.parametrize("factory", ["lambda_handler", "window_handler", "pipeline", "router"])
def test_a_factory_that_lambda_calls_says_what_to_write(factory: str) -> None:
    """A setting `Handler: app.lambda_handler` gave the answer of a function that nothing had been made of.

    Now the factory says which function to make, and how to name that in the setting.
    """
    make = cast("Callable[..., object]", getattr(Loose, factory))
    for context in (lambda_context(), None):
        with pytest.raises(ConfigurationError, match=r"set the function's handler to app\.handler"):
            make(PAYLOAD, context)


def test_a_pipeline_that_lambda_calls_says_what_to_write() -> None:
    """A setting `Handler: app.process` raised an error about the number of arguments."""
    with pytest.raises(ConfigurationError, match=r"write handler = lambda_handler\(process\)"):
        cast("Callable[..., object]", process)(PAYLOAD, lambda_context())


@dataclass(frozen=True, slots=True)
class Entity:
    """What the items of a table have."""

    pk: Annotated[str, PartitionKey]


@dataclass(frozen=True, slots=True)
class Invoice(Entity):
    """The same under another name."""


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    """A generic item."""

    id: Annotated[str, PartitionKey]
    other: T


class Visit(TypedDict):
    """An item that is a dict."""

    visitor: str


INVOICES: Final = {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "i#"}]}}}}
TABLES: Final = [
    Table("prod-Main", Entity),
    Table("prod-Main", Entity, pattern=INVOICES),
    Table("prod-Pair", Pair[int]),
    Table("prod-Pair", Pair[str]),
    Table("prod-Visit", Visit),
    Table("prod-Visit", Visit, pattern={"eventName": ["INSERT"]}),
]


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Entity("i#1"), "prod-Main"),
        (Invoice("i#1"), "prod-Main"),
        (Pair("a", 1), "prod-Pair"),
        (Pair("a", "b"), "prod-Pair"),
        (Visit(visitor="a"), "prod-Visit"),
    ],
)
def test_an_item_of_a_model_that_two_tables_of_one_name_share_is_of_that_table(
    item: object, name: str
) -> None:
    """Such items were written under their class's name, so that no pipeline wanted their records.

    Now the table is found through subclasses that add no field, arguments of generic models, and TypedDicts too.
    """
    assert name == insert_event(item).record.table_name


def test_a_model_of_tables_with_different_names_asks_which_one() -> None:
    """Where nobody can tell which table is meant, that is said."""
    others = [Table("prod-One", Card), Table("prod-Two", Card)]
    with pytest.raises(ConfigurationError, match="name one with table="):
        insert_event(Card(1, "hello"))
    del others


def test_a_function_of_lambda_can_be_decorated_as_functions_are() -> None:
    """Tracers and loggers read names that a function of `lambda_handler` lacked, and failed at import.

    Now what users decorate has them, and no `__wrapped__`, by which tracers tell generators.
    """
    window = window_handler(cards, add, Sum(), emit)
    made: dict[str, Callable[..., object]] = {
        "lambda_handler": lambda_handler(process),
        "window_handler": window,
        "pipeline": process,
        "announce_all": batched(announce_all),
        "announce_each": batched_each(announce_each),
    }
    for name, function in made.items():

        def wrapper() -> None:
            """Stand for what a tracer makes."""

        functools.update_wrapper(wrapper, function)
        assert (name, name) == (wrapper.__name__, wrapper.__qualname__)
        assert wrapper.__module__.startswith("streamfn.")
        assert function.__doc__ == wrapper.__doc__
        assert not hasattr(function, "__wrapped__")
        assert not inspect.iscoroutinefunction(function)
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            getattr(function, "nothing")  # noqa: B009 (a checker knows that there is none)


def announce_all(events: object) -> Result[object, str]:
    """Announce cards together."""
    return Success(events)


def announce_each(events: object) -> list[Result[object, str]]:
    """Announce one card after the other."""
    return [Success(events)]


def test_a_handler_that_a_tracer_wraps_keeps_its_name() -> None:
    """A tracer's wrapper is what it wraps: in Results, and where a command looks for the pipeline."""

    def captured(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def call(*arguments: object, **options: object) -> object:
            return function(*arguments, **options)

        return call

    handler = Loose.on_insert(captured(announce))
    made = cast("Callable[[object], list[Result[object, object]]]", Loose.pipeline(cards, handler))
    assert "announce" in repr(made(PAYLOAD))
    assert ["hello"] == values(process(PAYLOAD))
    answer = captured(lambda_handler(process))(PAYLOAD, None)
    assert {"batchItemFailures": []} == answer
