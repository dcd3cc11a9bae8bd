"""Pipelines and routers: who gets which record, and what is checked when they are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Annotated, cast

import pytest
from returns.result import Failure, Result, Success

from streamfn import (
    Attribute,
    ConfigurationError,
    Event,
    Handler,
    InsertEvent,
    KeysEvent,
    Malformed,
    ModifyEvent,
    NotAStreamEvent,
    PartitionKey,
    Raised,
    RemoveEvent,
    Table,
    Unrouted,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    pipeline,
    read,
    router,
)
from streamfn._execution.policy import Policy
from streamfn.testing import failures, insert_event, lambda_event, modify_event, remove_event, values
from tests.cards import STREAM, Card, Json, cards, event, record


@dataclass(frozen=True, slots=True)
class Deck:
    """An item of another table."""

    name: Annotated[str, PartitionKey]


decks = Table("prod-Deck", Deck)

HELLO = insert_event(Card(1, "hello"))
BLUE = insert_event(Deck("blue"))


def announce(event: InsertEvent[Card]) -> Result[str, str]:
    """Succeed with the card's title."""
    return Success(event.new_image.title)


def back_up(event: RemoveEvent[Card]) -> Result[str, str]:
    """Succeed with the card's title."""
    return Success(event.old_image.title)


def shuffle(event: InsertEvent[Deck]) -> Result[str, str]:
    """Succeed with the deck's name."""
    return Success(event.new_image.name)


def count(event: Event[Card]) -> Result[str, str]:
    """Succeed with the kind of event."""
    return Success(event.record.event_name)


def test_a_handler_is_not_called_when_nothing_matches() -> None:
    process = pipeline(cards, on_remove(back_up))
    assert process(lambda_event(HELLO)) == []
    assert process({"Records": []}) == []


def test_each_wanted_pair_of_record_and_handler_has_one_result_in_their_order() -> None:
    process = pipeline(cards, on_remove(back_up), on_event(count), on_insert(announce))
    removed = remove_event(Card(2, "bye"))
    results = process(lambda_event(HELLO, removed))
    assert [(each.unwrap().handler, each.unwrap().record) for each in results] == [
        ("count", HELLO.record),
        ("announce", HELLO.record),
        ("back_up", removed.record),
        ("count", removed.record),
    ]


def test_a_pipeline_takes_ten_handlers() -> None:
    def named(number: int) -> Handler[Card, str, str]:
        def handle(event: InsertEvent[Card]) -> Result[str, str]:
            return Success(f"{event.new_image.title} {number}")

        return on_insert(handle, name=f"handle_{number}")

    h1, h2, h3, h4, h5, h6, h7, h8, h9, h10 = map(named, range(10))
    process = pipeline(cards, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10)
    assert values(process(lambda_event(HELLO))) == [f"hello {number}" for number in range(10)]


def test_a_failure_is_a_result_like_others() -> None:
    def refuse(_: InsertEvent[Card]) -> Result[str, str]:
        return Failure("no")

    (failed, handled) = pipeline(cards, on_insert(refuse), on_insert(announce))(lambda_event(HELLO))
    assert (failed.failure().handler, failed.failure().record) == ("refuse", HELLO.record)
    assert handled.unwrap().value == "hello"


def test_entries_that_are_no_records_fail_before_any_handler() -> None:
    results = pipeline(cards, on_insert(announce))(event(record(1), "text", record(3)))
    (failed,) = failures(results)
    assert (failed.handler, failed.reason) == (None, Malformed("expected an object, got string"))
    assert values(results) == ["hello", "hello"]
    assert [isinstance(each, Failure) for each in results] == [False, True, False], "in the batch's order"


@pytest.mark.parametrize("without", ["Keys", "dynamodb", "eventID", "OldImage"])
@pytest.mark.parametrize("broken", [{}, {"eventSource": "aws:sqs"}, {"awsRegion": 1}], ids=str)
def test_what_nobody_would_want_is_passed_over_broken_or_not(without: str, broken: Json) -> None:
    """Whether a test calls the pipeline or Lambda the function. What might be wanted fails."""
    entry: Json = {**record(event_name="REMOVE", without=without), **broken}
    process = pipeline(cards, on_insert(announce))
    assert values(process(event(record(), entry))) == ["hello"]
    assert {"batchItemFailures": []} == lambda_handler(process)(event(record(), entry), None)
    (failed,) = failures(process(event(record(), {**entry, "eventName": "EXPIRE"})))
    assert isinstance(failed.reason, Malformed)


def test_a_broken_entry_that_a_pattern_matches_fails() -> None:
    """It would be wanted, were it a record."""
    pattern: Json = {"dynamodb": {"NewImage": {"title": {"S": ["hello"]}}}}
    process = pipeline(Table("prod-Card", Card, pattern=pattern), on_insert(announce))
    for entry in (record(without="Keys"), record(eventID=None)):
        (failed,) = failures(process(event(record(), entry)))
        assert isinstance(failed.reason, Malformed)
    bye: Json = {"NewImage": {"title": {"S": "bye"}}}
    other = record(without="Keys", change=bye)
    for entry in (other, record(without="dynamodb")):
        assert [] == failures(process(event(record(), entry)))
        assert {"batchItemFailures": []} == lambda_handler(process)(event(record(), entry), None)


@pytest.mark.parametrize(
    ("arn", "table_name"),
    [
        (STREAM.replace("prod-Card", "prod-Deck"), "prod-Deck"),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/Card", None),
        (None, None),
    ],
)
def test_a_record_of_a_table_that_nobody_declared_is_a_failure(
    arn: str | None, table_name: str | None
) -> None:
    """Also where somebody left the ARN out, as GetRecords does."""
    (failed,) = failures(pipeline(cards, on_insert(announce))(event(record(eventSourceARN=arn))))
    assert (failed.handler, failed.reason) == (None, Unrouted(arn, table_name))


def test_a_record_without_the_arn_of_its_stream_says_itself_which_table_it_is_of() -> None:
    """Whether all records are told apart first, as a function does, or while they are read."""
    process = pipeline(cards, on_insert(announce))
    theirs, others = (record(eventSourceARN=None, tableName=name) for name in ("prod-Card", "prod-Deck"))
    for results in (process(event(theirs, others)), process.run(read(event(theirs, others)), Policy())):
        assert 1 == len(values(results))
        assert [Unrouted(None, "prod-Deck")] == [failed.reason for failed in failures(results)]


def test_a_payload_that_is_no_stream_event_is_the_one_exception() -> None:
    with pytest.raises(NotAStreamEvent):
        pipeline(cards, on_insert(announce))({"detail-type": "Scheduled Event"})


def test_records_of_another_service_are_no_stream_event_whatever_they_say() -> None:
    """To a test and to Lambda alike, also if nobody would want them."""
    strangers = event(record(event_name="REMOVE", eventSource="aws:sqs"))
    process = pipeline(cards, on_insert(announce))
    with pytest.raises(NotAStreamEvent, match="records of aws:sqs"):
        process(strangers)
    with pytest.raises(NotAStreamEvent, match="records of aws:sqs"):
        lambda_handler(process)(strangers, None)


def test_the_payload_is_left_as_it_was() -> None:
    payload = lambda_event(HELLO, modify_event(Card(1, "a"), Card(1, "a")))
    before = read(payload)

    def spoil(event: Event[Card]) -> Result[None, str]:
        cast("dict[str, object]", cast("object", event.record.raw)).clear()
        cast("dict[str, object]", event.record.keys).clear()
        with pytest.raises(FrozenInstanceError):
            event.record = None  # type: ignore[assignment, misc] # pyright: ignore[reportAttributeAccessIssue] (the point of the test)
        return Success(None)

    assert len(values(pipeline(cards, on_event(spoil))(payload))) == 2
    assert read(payload) == before


def test_a_router_gives_each_pipeline_the_records_of_its_table() -> None:
    process = router(pipeline(cards, on_insert(announce)), pipeline(decks, on_insert(shuffle)))
    assert values(process(lambda_event(BLUE, HELLO))) == ["blue", "hello"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Another entity of the table of cards."""

    id: Annotated[int, PartitionKey]
    name: Annotated[str, Attribute("owner")]


owners = Table("prod-Card", Owner)


def greet(event: InsertEvent[Owner]) -> Result[str, str]:
    """Succeed with the owner's name."""
    return Success(event.new_image.name)


def test_several_pipelines_of_one_table_all_get_its_records() -> None:
    process = router(pipeline(cards, on_insert(announce)), pipeline(owners, on_insert(greet)))
    results = process(lambda_event(insert_event(Card(1, "hello", owner="ada"))))
    assert values(results) == ["hello", "ada"]


def test_routers_can_be_joined_again() -> None:
    both = router(pipeline(cards, on_insert(announce)), pipeline(decks, on_insert(shuffle)))
    process = router(both, pipeline(cards, on_event(count), strategy=concurrent(workers=2)))
    assert values(process(lambda_event(HELLO, BLUE))) == ["hello", "INSERT", "blue"]


def test_two_functions_of_one_name_are_refused() -> None:
    message = "two handlers go by the name 'announce': give one of them another with name="
    with pytest.raises(ConfigurationError, match=message):
        pipeline(cards, on_insert(announce), on_remove(back_up, name="announce"))
    with pytest.raises(ConfigurationError, match=message):
        router(pipeline(cards, on_insert(announce)), pipeline(decks, on_insert(shuffle, name="announce")))


def test_one_function_in_two_pipelines_of_a_router_needs_two_names() -> None:
    def seen(keys: KeysEvent[Deck]) -> Result[str, str]:
        return Success(keys.keys.name)

    with pytest.raises(ConfigurationError, match="two handlers go by the name 'seen'"):
        router(pipeline(decks, on_keys(Deck, seen)), pipeline(Table("test-Deck", Deck), on_keys(Deck, seen)))


def test_one_function_registered_twice_for_one_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the handler 'announce' is registered twice for INSERT"):
        pipeline(cards, on_insert(announce), on_insert(announce, where=lambda event: event.record.expired))


# As they are to those who work without a type checker.
unchecked_pipeline: Callable[..., object] = pipeline
unchecked_router: Callable[..., object] = router
HANDLER = on_insert(announce)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: unchecked_pipeline("cards", HANDLER), "declare it, as in Table", id="no table"),
        pytest.param(
            lambda: unchecked_pipeline(cards, announce), r"as in on_insert\(announce\)", id="no handler"
        ),
        pytest.param(
            lambda: unchecked_pipeline(cards, HANDLER, strategy="Map"),
            r"a strategy is series or concurrent\(workers=…\), got str",
            id="no strategy",
        ),
        pytest.param(
            lambda: unchecked_pipeline(cards, HANDLER, strategy=concurrent),
            "got function",
            id="a strategy that is not made",
        ),
        pytest.param(
            lambda: unchecked_router(HANDLER), "router.. takes pipelines, got Handler", id="no pipeline"
        ),
    ],
)
def test_what_does_not_belong_is_refused_with_what_to_do(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build()


@dataclass(frozen=True, slots=True)
class WholeCard:
    """More than the keys of the table of cards hold."""

    id: int
    owner: str


def test_a_model_of_keys_that_the_keys_cannot_make_is_refused() -> None:
    def seen(_: KeysEvent[WholeCard]) -> Result[None, str]:
        return Success(None)

    with pytest.raises(
        ConfigurationError, match=r"WholeCard.*\.owner is no key of prod-Card, whose keys are id, title"
    ):
        pipeline(cards, on_keys(WholeCard, seen))


def test_a_pipeline_says_what_it_is_made_of() -> None:
    process = router(pipeline(cards, on_insert(announce)), pipeline(decks, on_insert(shuffle)))
    assert [(route.table, [each.name for each in route.handlers]) for route in process.routes] == [
        (cards, ["announce"]),
        (decks, ["shuffle"]),
    ]


def test_a_record_costs_nothing_to_those_who_want_none_of_its_kind() -> None:
    """Its image is not even looked at."""
    broken = record(1, "MODIFY", change={"NewImage": {}, "OldImage": {}})
    assert pipeline(cards, on_insert(announce))(event(broken)) == []


def test_one_broken_image_fails_its_handlers_and_no_other_record() -> None:
    results = pipeline(cards, on_insert(announce))(
        event(record(1), record(2, change={"NewImage": {}}), record(3))
    )
    assert (values(results), len(failures(results))) == (["hello", "hello"], 1)


def test_a_raise_in_one_of_many_is_the_only_failure() -> None:
    def break_down(event: ModifyEvent[Card]) -> Result[str, str]:
        raise LookupError(event.new_image.title)

    process = pipeline(cards, on_insert(announce), on_modify(break_down), on_event(count))
    (failed,) = failures(process(lambda_event(HELLO, modify_event(Card(1, "a"), Card(1, "a")))))
    assert isinstance(failed.reason, Raised)
    assert isinstance(failed.reason.exception, LookupError)
