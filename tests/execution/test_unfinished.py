"""A Success that holds unfinished work is a failure, and is refused at import where that can be told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial, wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Final, TypeVar, cast

import pytest
from returns.context import RequiresContext
from returns.future import FutureResult, FutureSuccess, future_safe
from returns.io import IO, IOResult, IOSuccess, impure_safe
from returns.maybe import Nothing, Some
from returns.result import Failure, Result, Success, safe
from typing_extensions import TypeAliasType, override

from streamfn import (
    ConfigurationError,
    Handler,
    InsertEvent,
    Raised,
    Strategy,
    batched,
    batched_each,
    chain,
    concurrent,
    on_insert,
    pipeline,
    series,
)
from streamfn.testing import failures, insert_event, lambda_event, values
from tests.cards import Card, cards

if TYPE_CHECKING:
    from decimal import Context

T = TypeVar("T")

HELLO: Final = lambda_event(insert_event(Card(1, "hello")))

BOTH = pytest.mark.parametrize("strategy", [series, concurrent(workers=2)], ids=["series", "concurrent"])


async def later() -> str:
    await asyncio.sleep(0)
    return "done"


async def steps() -> AsyncGenerator[str]:
    await asyncio.sleep(0)
    yield "done"


class Ticket:
    """What can be awaited, and is no coroutine."""

    def __await__(self) -> Generator[None, None, str]:
        yield None
        return "done"


class Steps(Generator[str]):
    """A generator that no function has made."""

    @override
    def send(self, value: None, /) -> str:
        raise StopIteration

    @override
    def throw(self, *_: object) -> str:
        raise StopIteration


def loop() -> list[object]:
    """Make a list that holds itself."""
    made: list[object] = []
    made += [made, {"a": made}, 1]
    return made


def finished_elsewhere() -> object:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(str, "done")


UNFINISHED: Final[dict[str, tuple[Callable[[], object], str]]] = {
    "coroutine": (later, "a coroutine, which nobody awaits"),
    "awaitable": (Ticket, "a Ticket, which nobody awaits"),
    "future of a thread": (finished_elsewhere, "a Future, for which nobody waits"),
    "success": (lambda: Success("done"), "a Result: write .bind(f)"),
    "failure": (lambda: Failure("no"), "a Result: write .bind(f)"),
    "io": (lambda: IO("done"), "an IO: return the IOResult itself"),
    "io result": (lambda: IOSuccess("done"), "an IOSuccess: return the IOResult itself"),
    "context": (lambda: RequiresContext[str, str](str), "a RequiresContext, which nobody calls"),
    "generator": (lambda: (each for each in "done"), "a generator, which nobody runs"),
    "async generator": (steps, "an async_generator, which nobody runs"),
    "map": (lambda: map(str, "done"), "a map, which nobody runs"),
    "chain": (lambda: itertools.chain("done"), "a chain, which nobody runs"),
    "list of coroutines": (lambda: [1, later(), later()], "a list with a coroutine, which nobody awaits"),
    "tuple of generators": (lambda: ((each for each in "done"),), "a tuple with a generator"),
    "dict of coroutines": (lambda: {"a": later()}, "a dict with a coroutine, which nobody awaits"),
    "coroutines within lists": (lambda: [1, [2, [later()]]], "a list with a coroutine, which nobody awaits"),
    "coroutine within Results": (lambda: [Success(later())], "a Success with a coroutine"),
    "coroutine that there may be": (lambda: Some(later()), "a Some with a coroutine"),
    "generator of a class": (Steps, "a Steps, which nobody runs"),
}


@BOTH
@pytest.mark.parametrize("name", UNFINISHED)
def test_a_success_that_holds_unfinished_work_is_a_failure_that_says_what_to_write(
    name: str, strategy: Strategy
) -> None:
    make, told = UNFINISHED[name]
    process = pipeline(cards, on_insert(lambda _: Success(make()), name="announce"), strategy=strategy)
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert isinstance(failed.reason.exception, TypeError)
    assert str(failed.reason.exception).startswith(f"the handler returned a Success of {told}")


def test_a_future_result_within_a_success_is_unfinished() -> None:
    pending = FutureSuccess("done")
    process = pipeline(cards, on_insert(lambda _: Success(pending), name="announce"))
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert str(failed.reason.exception).startswith("the handler returned a Success of a FutureResult")
    assert IOSuccess("done") == asyncio.run(pending.awaitable())


@pytest.mark.parametrize("name", UNFINISHED)
def test_batched_handlers_and_coroutine_functions_are_looked_at_too(name: str) -> None:
    make, _ = UNFINISHED[name]

    def answer_for_all(_: Sequence[InsertEvent[Card]]) -> Result[object, str]:
        return Success(make())

    def answer_for_each(events: Sequence[InsertEvent[Card]]) -> list[Result[object, str]]:
        return [Success(make()) for _ in events]

    async def answer(_: InsertEvent[Card]) -> Result[object, str]:
        await asyncio.sleep(0)
        return Success(make())

    process = pipeline(
        cards,
        on_insert(answer),
        on_insert(batched(answer_for_all)),
        on_insert(batched_each(answer_for_each)),
        on_insert(lambda _: IOSuccess(make()), name="impure"),
    )
    assert [(each.handler, type(each.reason)) for each in failures(process(HELLO))] == [
        ("answer", Raised),
        ("answer_for_all", Raised),
        ("answer_for_each", Raised),
        ("impure", Raised),
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "done",
        b"",
        1,
        {"a": [1]},
        [Success(1), Failure(2)],
        Card(1, "hello"),
        SimpleNamespace(),
        (1, "a"),
        {1},
        [[1], {"a": (Card(1, "hello"),)}],
        Some("done"),
        Nothing,
        [Success([1])],
    ],
)
def test_whatever_is_finished_is_handled(value: object) -> None:
    """Results within a list are data: a handler may tell so what came of its parts."""
    process = pipeline(cards, on_insert(lambda _: Success(value), name="announce"))
    assert values(process(HELLO)) == [value]


def test_a_list_that_holds_itself_is_handled() -> None:
    process = pipeline(cards, on_insert(lambda _: Success(loop()), name="announce"))
    (made,) = values(process(HELLO))
    assert isinstance(made, list)
    assert made[0] is made


@BOTH
@pytest.mark.parametrize("answer", [Some(0), Nothing])
def test_a_where_that_answers_a_maybe_is_a_failure(answer: object, strategy: Strategy) -> None:
    """Each Some is true, one of nothing much as well."""

    def perhaps(_: InsertEvent[Card]) -> object:
        return answer

    where = cast("Callable[[InsertEvent[Card]], bool]", perhaps)  # which a checker would reject
    process = pipeline(
        cards, on_insert(lambda _: Success(1), name="announce", where=where), strategy=strategy
    )
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert str(failed.reason.exception) == "the where returned a Maybe, expected True or False"


@BOTH
def test_a_where_that_answers_a_result_is_a_failure(strategy: Strategy) -> None:
    """Each Result is true, a Success of False as well."""

    @safe
    def refuse(event: InsertEvent[Card]) -> bool:
        return not event.new_image.title

    where = cast("Callable[[InsertEvent[Card]], bool]", refuse)  # which a checker would reject
    process = pipeline(
        cards, on_insert(lambda _: Success(1), name="announce", where=where), strategy=strategy
    )
    (failed,) = failures(process(HELLO))
    assert isinstance(failed.reason, Raised)
    assert str(failed.reason.exception) == "the where returned a Result, expected True or False"


@safe
async def decorated(event: InsertEvent[Card]) -> str:
    await asyncio.sleep(0)
    return event.new_image.title


@impure_safe
async def decorated_as_impure(event: InsertEvent[Card]) -> str:
    await asyncio.sleep(0)
    return event.new_image.title


@safe
def twice(event: InsertEvent[Card]) -> Result[str, str]:
    return Success(event.new_image.title)


@safe
def awaitable(event: InsertEvent[Card]) -> Awaitable[str]:
    return asyncio.sleep(0, event.new_image.title)


@safe
def generated(event: InsertEvent[Card]) -> Generator[str]:
    yield event.new_image.title


@safe
async def generated_later(event: InsertEvent[Card]) -> AsyncGenerator[str]:
    await asyncio.sleep(0)
    yield event.new_image.title


@future_safe
async def future_twice(event: InsertEvent[Card]) -> Result[str, str]:
    await asyncio.sleep(0)
    return Success(event.new_image.title)


def annotated(event: InsertEvent[Card]) -> Result[Coroutine[object, object, str], str]:
    return Success(asyncio.sleep(0, event.new_image.title))


def annotated_as_perhaps(event: InsertEvent[Card]) -> Result[str | Result[str, str], str]:
    return Success(Success(event.new_image.title))


def annotated_as_impure(event: InsertEvent[Card]) -> IOResult[IO[str], str] | Result[str, str]:
    return Success(event.new_image.title)


async def annotated_and_awaited(event: InsertEvent[Card]) -> Result[Iterator[str], str]:
    await asyncio.sleep(0)
    return Success(iter(event.new_image.title))


def annotated_for_each(events: Sequence[InsertEvent[Card]]) -> Sequence[Result[Awaitable[str], str]]:
    return [Success(asyncio.sleep(0, event.new_image.title)) for event in events]


def annotated_with_a_list(event: InsertEvent[Card]) -> Result[dict[str, list[Awaitable[str]]], str]:
    return Success({"a": [asyncio.sleep(0, event.new_image.title)]})


def annotated_as_success(
    event: InsertEvent[Card],
) -> Annotated[Success[Annotated[Awaitable[str], "a remark"]], "another"]:
    return Success(asyncio.sleep(0, event.new_image.title))


def annotated_as_value(event: InsertEvent[Card]) -> Success[Awaitable[str]]:
    return Success(asyncio.sleep(0, event.new_image.title))


# Not as text, as in a module that does not put its annotations off.
annotated_as_value.__annotations__["return"] = Annotated[Success[Annotated[Awaitable[str], "a"]], "b"]


def mapped(event: InsertEvent[Card]) -> Mapping[str, Result[Awaitable[str], str]]:
    """Return what is no Result, as the record's Result is going to say."""
    return {event.new_image.title: Failure("no")}


def annotated_as_context(event: InsertEvent[Card]) -> Result[RequiresContext[str, str], str]:
    return Success(RequiresContext.from_value(event.new_image.title))


def annotated_as_future(event: InsertEvent[Card]) -> Result[Future[str], str]:
    return Failure(event.new_image.title)


Later = TypeAliasType("Later", Awaitable[str])


def annotated_by_an_alias(event: InsertEvent[Card]) -> Result[Later, str]:
    return Failure(event.new_image.title)


class Announcer:
    """A handler that is an object."""

    def __call__(self, event: InsertEvent[Card]) -> Result[Awaitable[str], str]:
        return Success(asyncio.sleep(0, event.new_image.title))


class Decorated:
    """A handler that is an object, whose method is decorated."""

    @safe
    async def __call__(self, event: InsertEvent[Card]) -> str:
        await asyncio.sleep(0)
        return event.new_image.title

    @safe
    async def announce(self, event: InsertEvent[Card]) -> str:
        await asyncio.sleep(0)
        return event.new_image.title


def untitled(_: object) -> Result[str, str]:
    return Success("untitled")


def letters(event: InsertEvent[Card]) -> Result[Iterator[str], str]:
    return Success(iter(event.new_image.title))


def count(letters: Iterator[str]) -> Result[int, str]:
    return Success(len(list(letters)))


@wraps(decorated)
def decorated_again(event: InsertEvent[Card]) -> object:
    return decorated(event)


async def later_for_all(events: Sequence[InsertEvent[Card]]) -> int:
    await asyncio.sleep(0)
    return len(events)


REFUSED: Final[dict[str, tuple[Callable[[], Handler[Card, object, object]], str]]] = {
    "safe on a coroutine function": (
        lambda: on_insert(decorated),
        "decorated would return a Success of a coroutine",
    ),
    "under another decorator": (
        lambda: on_insert(cast("Callable[[InsertEvent[Card]], Result[object, object]]", decorated_again)),
        "decorated would return a Success of a coroutine",
    ),
    "impure_safe": (
        lambda: on_insert(decorated_as_impure),
        "decorated_as_impure would return a Success of a coroutine",
    ),
    "partial": (lambda: on_insert(partial(decorated)), "decorated would return a Success of a coroutine"),
    "batched": (
        lambda: on_insert(batched(safe(later_for_all))),
        "later_for_all would return a Success of a coroutine",
    ),
    "safe on a function of Results": (lambda: on_insert(twice), "twice would return a Success of a Result"),
    "future_safe on one": (
        lambda: on_insert(future_twice, name="future_twice"),
        "future_twice would return a Success of a Result",
    ),
    "safe on a function of awaitables": (
        lambda: on_insert(awaitable),
        "awaitable would return a Success of an Awaitable",
    ),
    "safe on a generator function": (
        lambda: on_insert(generated),
        "generated would return a Success of a generator",
    ),
    "safe on an async generator function": (
        lambda: on_insert(generated_later),
        "generated_later would return a Success of a generator",
    ),
    "annotation": (
        lambda: on_insert(annotated),
        "annotated is annotated to return a Success of a Coroutine",
    ),
    "annotation with a union": (
        lambda: on_insert(annotated_as_perhaps),
        "annotated_as_perhaps is annotated to return a Success of a Result",
    ),
    "annotation within a union": (
        lambda: on_insert(annotated_as_impure),
        "annotated_as_impure is annotated to return a Success of an IO",
    ),
    "annotation of a coroutine function": (
        lambda: on_insert(annotated_and_awaited),
        "annotated_and_awaited is annotated to return a Success of an Iterator",
    ),
    "annotation of a function of many events": (
        lambda: on_insert(batched_each(annotated_for_each)),
        "annotated_for_each is annotated to return a Success of an Awaitable",
    ),
    "annotation with a list": (
        lambda: on_insert(annotated_with_a_list),
        "annotated_with_a_list is annotated to return a Success of a list with an Awaitable",
    ),
    "annotation of a Success": (
        lambda: on_insert(annotated_as_success),
        "annotated_as_success is annotated to return a Success of an Awaitable",
    ),
    "annotation that is no text": (
        lambda: on_insert(annotated_as_value),
        "annotated_as_value is annotated to return a Success of an Awaitable",
    ),
    "annotation with a context": (
        lambda: on_insert(annotated_as_context),
        "annotated_as_context is annotated to return a Success of a RequiresContext",
    ),
    "annotation with a future of a thread": (
        lambda: on_insert(annotated_as_future),
        "annotated_as_future is annotated to return a Success of a Future",
    ),
    "annotation by an alias": (
        lambda: on_insert(annotated_by_an_alias),
        "annotated_by_an_alias is annotated to return a Success of an Awaitable",
    ),
    "annotation of an object": (
        lambda: on_insert(Announcer(), name="announce"),
        "announce is annotated to return a Success of an Awaitable",
    ),
    "object": (
        lambda: on_insert(Decorated(), name="announce"),
        "announce would return a Success of a coroutine",
    ),
    "method": (lambda: on_insert(Decorated().announce), "announce would return a Success of a coroutine"),
    "first step of a chain": (
        lambda: on_insert(chain(decorated, untitled), name="announce"),
        "announce, in its step decorated, would return a Success of a coroutine",
    ),
    "last step of a chain": (
        lambda: on_insert(chain(Success, annotated), name="announce"),
        "announce, in its step annotated, is annotated to return a Success of a Coroutine",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_handler_of_which_that_can_be_told_is_refused_at_import(name: str) -> None:
    make, told = REFUSED[name]
    with pytest.raises(ConfigurationError, match=f"^the handler {told}"):
        pipeline(cards, make())


def unknown(event: InsertEvent[Card]) -> Result[Awaitable[Context], str]:
    """Be annotated with a name that is there for checkers alone."""
    return Failure(event.new_image.title)


def generic(event: InsertEvent[Card]) -> Result[T, str]:
    return Failure(event.new_image.title)


@safe
def plain(event: InsertEvent[Card]) -> str:
    return event.new_image.title


@future_safe
async def fetch(event: InsertEvent[Card]) -> str:
    await asyncio.sleep(0)
    return event.new_image.title


def counted(event: InsertEvent[Card]) -> Result[str, str]:
    return Success(event.new_image.title)


counted.__dict__["steps"] = 3  # as its author likes


unannotated: Callable[[InsertEvent[Card]], Result[object, object]] = lambda _: Success(1)  # noqa: E731 (without annotations)


def answer_later(event: InsertEvent[Card]) -> FutureResult[str, str]:
    return FutureSuccess(event.new_image.title)


@pytest.mark.parametrize(
    "handler",
    [
        on_insert(unknown),
        on_insert(generic),
        on_insert(plain),
        on_insert(fetch, name="fetch"),
        on_insert(answer_later),
        on_insert(unannotated, name="unannotated"),
        on_insert(counted),
        on_insert(chain(letters, count)),
        on_insert(cast("Callable[[InsertEvent[Card]], Result[object, object]]", mapped)),
    ],
    ids=[
        "unresolved",
        "generic",
        "safe",
        "future_safe",
        "future result",
        "unannotated",
        "with steps of its own",
        "chain",
        "no Result",
    ],
)
def test_others_are_not(handler: Handler[Card, object, object]) -> None:
    assert len(pipeline(cards, handler)(HELLO)) == 1
