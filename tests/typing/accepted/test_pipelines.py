"""What a pipeline and a router answer: the exact union of what their handlers answer."""

from __future__ import annotations

from typing import Never, assert_type

from returns.methods import partition
from returns.pipeline import is_successful
from returns.result import Failure, Result, Success

from streamfn import (
    Failed,
    Handled,
    InsertEvent,
    Pipeline,
    Reason,
    concurrent,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
    router,
    series,
)
from tests.typing.cards import (
    Card,
    CardKey,
    Deck,
    S3Error,
    SlackError,
    announce,
    audit,
    back_up,
    cards,
    decks,
    follow,
    index,
    invalidate,
    open_deck,
    rename,
)


class E1: ...


class E2: ...


class E3: ...


class E4: ...


class E5: ...


def into_int(_: InsertEvent[Card]) -> Result[int, E1]:
    return Failure(E1())


def into_str(_: InsertEvent[Card]) -> Result[str, E2]:
    return Failure(E2())


def into_bytes(_: InsertEvent[Card]) -> Result[bytes, E3]:
    return Failure(E3())


def into_float(_: InsertEvent[Card]) -> Result[float, E4]:
    return Failure(E4())


def into_list(_: InsertEvent[Card]) -> Result[list[int], E5]:
    return Failure(E5())


def into_tuple(_: InsertEvent[Card]) -> Result[tuple[int, str], Never]:
    return Success((1, ""))


def into_none(_: InsertEvent[Card]) -> Result[None, Never]:
    return Success(None)


def test_one_handler() -> None:
    assert_type(pipeline(cards, on_insert(announce)), Pipeline[str, SlackError])


def test_two_handlers() -> None:
    assert_type(
        pipeline(cards, on_insert(announce), on_remove(back_up)), Pipeline[str | bytes, SlackError | S3Error]
    )


def test_three_handlers() -> None:
    assert_type(
        pipeline(cards, on_insert(announce), on_modify(rename), on_remove(back_up)),
        Pipeline[str | int | bytes, SlackError | S3Error],
    )


def test_ten_handlers() -> None:
    assert_type(
        pipeline(
            cards,
            on_insert(into_int),
            on_insert(into_str),
            on_insert(into_bytes),
            on_insert(into_float),
            on_insert(into_list),
            on_insert(into_tuple),
            on_insert(into_none),
            on_insert(announce),
            on_remove(back_up),
            on_event(audit),
        ),
        Pipeline[
            int | str | bytes | float | list[int] | tuple[int, str] | None,
            E1 | E2 | E3 | E4 | E5 | SlackError | S3Error,
        ],
    )


def test_handlers_of_keys_go_to_any_table() -> None:
    assert_type(
        pipeline(cards, on_keys(CardKey, invalidate), on_upsert(index)),
        Pipeline[int | str, SlackError | S3Error],
    )


def test_handlers_of_a_wider_model_go_to_a_table_of_a_narrower_one() -> None:
    def count(_: InsertEvent[object]) -> Result[int, E1]:
        return Success(1)

    def either(_: InsertEvent[Card | Deck]) -> Result[str, E2]:
        return Success("")

    assert_type(pipeline(cards, on_insert(count), on_insert(either)), Pipeline[int | str, E1 | E2])
    assert_type(pipeline(decks, on_insert(count), on_insert(either)), Pipeline[int | str, E1 | E2])


def test_one_function_registered_for_two_kinds() -> None:
    assert_type(pipeline(cards, on_modify(follow), on_remove(follow)), Pipeline[str, SlackError])


def test_the_strategy_is_no_part_of_the_type() -> None:
    assert_type(pipeline(cards, on_insert(announce), strategy=series), Pipeline[str, SlackError])
    assert_type(pipeline(cards, on_insert(announce), strategy=concurrent()), Pipeline[str, SlackError])
    assert_type(
        pipeline(cards, on_insert(announce), strategy=concurrent(workers=4)), Pipeline[str, SlackError]
    )


def test_a_router_of_several_pipelines() -> None:
    inserts = pipeline(cards, on_insert(announce))
    removals = pipeline(cards, on_remove(back_up), strategy=concurrent())
    openings = pipeline(decks, on_insert(open_deck))
    assert_type(router(inserts), Pipeline[str, SlackError])
    assert_type(router(inserts, openings), Pipeline[str | bool, SlackError | S3Error])
    both = router(inserts, removals)
    assert_type(both, Pipeline[str | bytes, SlackError | S3Error])
    assert_type(router(both, openings), Pipeline[str | bytes | bool, SlackError | S3Error])


def test_a_pipeline_can_be_kept_at_a_wider_type() -> None:
    wide: Pipeline[object, object] = pipeline(cards, on_insert(announce))
    assert 1 == len(wide.routes)


def test_a_call_answers_results_of_what_the_handlers_answer() -> None:
    results = pipeline(cards, on_insert(announce), on_remove(back_up))({"Records": []})
    assert_type(results, list[Result[Handled[str | bytes], Failed[SlackError | S3Error]]])
    for result in results:
        if is_successful(result):
            assert_type(result.unwrap(), Handled[str | bytes])
            assert_type(result.unwrap().value, str | bytes)
        else:
            assert_type(result.failure(), Failed[SlackError | S3Error])
            assert_type(result.failure().reason, Reason[SlackError | S3Error])
    assert not results


def test_the_results_part_into_successes_and_failures() -> None:
    successes, failures = partition(pipeline(cards, on_insert(announce), on_remove(back_up))({"Records": []}))
    assert_type(successes, list[Handled[str | bytes]])
    assert_type(failures, list[Failed[SlackError | S3Error]])
    assert not successes
    assert not failures
