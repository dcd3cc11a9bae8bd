"""Reports about filters: which records a pattern lets through, and what an event source mapping is given."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from returns.result import Result, Success

from streamfn import (
    ConfigurationError,
    Event,
    InsertEvent,
    ModifyEvent,
    RemoveEvent,
    Table,
    on_event,
    on_insert,
    on_modify,
    on_remove,
    pipeline,
    router,
)
from streamfn.mappings import FilterCriteria, filter_criteria
from streamfn.testing import values
from tests.cards import Card, Json, cards, event, record


@dataclass(frozen=True, slots=True)
class Note:
    """A card of which nobody says what its keys are, so that a pattern may name any."""

    id: int
    title: str


def identify(event: Event[Note]) -> Result[str, str]:
    """Tell which record came through."""
    return Success(event.event_id)


def announce(event: InsertEvent[Note] | InsertEvent[Card]) -> Result[str, str]:
    """Handle a new card."""
    return Success(event.new_image.title)


def retitle(event: ModifyEvent[Card]) -> Result[str, str]:
    """Handle a card that has changed."""
    return Success(event.new_image.title)


def archive(event: RemoveEvent[Card]) -> Result[str, str]:
    """Handle a card that is gone."""
    return Success(event.old_image.title)


def let_through(pattern: Json, *records: Json) -> list[str]:
    """Tell which of some records a pattern lets through."""
    table = Table("prod-Card", Note, pattern=pattern)
    return values(pipeline(table, on_event(identify))(event(*records)))


def with_attributes(number: int, **attributes: object) -> Json:
    """Make the record of a new card that has more attributes."""
    image = {"id": {"N": str(number)}, "title": {"S": "hello"}, **attributes}
    return record(number, change={"NewImage": image})


def of_text(element: object, *texts: str) -> list[str]:
    """Tell which texts in an attribute an element of a pattern takes."""
    records = [with_attributes(number, path={"S": text}) for number, text in enumerate(texts)]
    through = let_through({"dynamodb": {"NewImage": {"path": {"S": [element]}}}}, *records)
    return [text for number, text in enumerate(texts) if f"id-{number}" in through]


def patterns_of(criteria: FilterCriteria) -> list[Json]:
    """Read the patterns of a mapping's filters."""
    return [json.loads(each["Pattern"]) for each in criteria["Filters"]]


def test_a_filter_on_the_kind_of_change_stands_at_the_top() -> None:
    """A pattern asked for `eventName` within a `body`, which is how a queue's message is filtered.

    A record of a stream has it at its top, and there the computed filter asks for it.

    https://github.com/localstack/localstack/issues/6096
    """
    assert [{"eventName": ["INSERT"]}] == patterns_of(filter_criteria(pipeline(cards, on_insert(announce))))
    assert ["id-1"] == let_through({"eventName": ["INSERT"]}, record(1), record(2, "REMOVE"))
    with pytest.raises(ConfigurationError, match="body is of the messages of SQS"):
        Table("prod-Card", Card, pattern={"body": {"eventName": ["INSERT"]}})


def test_an_attribute_may_be_asked_to_be_absent() -> None:
    """A pattern with `exists` false lets through what lacks the attribute.

    An emulator let nothing through.

    https://github.com/localstack/localstack/issues/10325
    """
    absent: Json = {"dynamodb": {"NewImage": {"homemade": {"S": [{"exists": False}]}}}}
    there: Json = {"dynamodb": {"NewImage": {"homemade": {"S": [{"exists": True}]}}}}
    records = [record(1), with_attributes(2, homemade={"S": "yes"})]
    assert (["id-1"], ["id-2"]) == (let_through(absent, *records), let_through(there, *records))


def test_one_of_several_filters_is_enough() -> None:
    """A mapping takes up to five filters, and calls the function for what one of them matches.

    https://github.com/serverless/serverless/pull/10285
    """
    process = pipeline(cards, on_insert(announce), on_remove(archive))
    (pattern,) = patterns_of(filter_criteria(process))
    assert {"eventName": ["INSERT", "REMOVE"]} == pattern
    through = let_through(pattern, record(1), record(2, "MODIFY"), record(3, "REMOVE"))
    assert ["id-1", "id-3"] == through


def test_no_more_filters_are_computed_than_a_mapping_takes() -> None:
    """A table with many kinds of item needs more patterns than the five that a mapping holds.

    They are joined, so that what a handler wants passes all the same.

    https://github.com/serverless/serverless/pull/10285
    """

    def pattern(number: int) -> Json:
        return {"dynamodb": {"Keys": {f"key{number}": {"S": [{"prefix": f"{number}#"}]}}}}

    tables = [Table("prod-Card", Note, pattern=pattern(number)) for number in range(7)]
    first, *others = [
        pipeline(table, on_insert(announce, name=f"announce{number}")) for number, table in enumerate(tables)
    ]
    criteria = filter_criteria(router(first, *others))
    wanted = [record(number, change={"Keys": {f"key{number}": {"S": f"{number}#x"}}}) for number in range(7)]
    passed = [any(let_through(each, one) for each in patterns_of(criteria)) for one in wanted]
    assert len(criteria["Filters"]) <= 5
    assert [True] * 7 == passed


def test_a_change_into_a_state_is_told_from_a_change_within_it() -> None:
    """A job is done when its new state is DONE and its old one is another.

    `anything-but` says the second.

    https://mymemowall.com/2023/12/27/lambda-event-source-filter-pattern
    """

    def job(number: int, old: str, new: str) -> Json:
        images: Json = {
            name: {"id": {"N": str(number)}, "title": {"S": "a"}, "jobState": {"S": state}}
            for name, state in (("OldImage", old), ("NewImage", new))
        }
        return record(number, "MODIFY", change=images)

    pattern: Json = {
        "eventName": ["MODIFY"],
        "dynamodb": {
            "NewImage": {"jobState": {"S": ["DONE"]}},
            "OldImage": {"jobState": {"S": [{"anything-but": ["DONE"]}]}},
        },
    }
    records = [job(1, "RUNNING", "DONE"), job(2, "DONE", "DONE"), job(3, "RUNNING", "FAILED")]
    assert ["id-1"] == let_through(pattern, *records)


def test_a_key_is_asked_for_with_its_type() -> None:
    """A pattern on a key names the type descriptor between the attribute and its values.

    https://docs.aws.amazon.com/en_us/lambda/latest/dg/with-ddb-filtering.html
    """
    keys = {"CustomerName": {"S": "AnyCompany Industries"}}
    pattern: Json = {"dynamodb": {"Keys": {"CustomerName": {"S": ["AnyCompany Industries"]}}}}
    assert ["id-1"] == let_through(pattern, record(1, change={"Keys": keys}), record(2))


def test_anything_but_takes_a_single_value() -> None:
    """An emulator knew `anything-but` with a list, and with a bare value it matched nothing.

    https://github.com/floci-io/floci/pull/1889
    """
    assert ["running", ""] == of_text({"anything-but": "initializing"}, "initializing", "running", "")


def test_a_value_is_compared_with_its_type() -> None:
    """A boolean of a pattern was compared as text, so that it matched neither true nor false.

    https://github.com/floci-io/floci/pull/1889
    """
    yes, text = with_attributes(1, on={"BOOL": True}), with_attributes(2, on={"S": "true"})
    no = with_attributes(3, on={"BOOL": False})
    assert ["id-1"] == let_through({"dynamodb": {"NewImage": {"on": {"BOOL": [True]}}}}, yes, text, no)


def test_anything_but_takes_a_suffix() -> None:
    """A suffix may be excluded like a prefix.

    https://github.com/aws/event-ruler/pull/67
    """
    assert ["100", ""] == of_text({"anything-but": {"suffix": "$"}}, "100", "100$", "")


def test_anything_but_takes_several_prefixes() -> None:
    """Prefixes and suffixes to exclude may stand in a list; an empty one is refused.

    https://github.com/aws/event-ruler/pull/143
    """
    assert ["card#1"] == of_text({"anything-but": {"prefix": ["tmp#", "old#"]}}, "tmp#1", "card#1", "old#1")
    with pytest.raises(ConfigurationError):
        of_text({"anything-but": {"prefix": [""]}}, "a")


def test_anything_but_takes_texts_without_regard_to_case() -> None:
    """Paths of Windows have no case, so those to exclude are compared without it.

    https://github.com/aws/event-ruler/pull/71
    """
    excluded = {"anything-but": {"equals-ignore-case": ["c:\\windows", "c:\\Program Files"]}}
    assert ["d:\\data"] == of_text(excluded, "C:\\Windows", "c:\\program files", "d:\\data")


def test_what_the_service_does_not_know_is_refused_where_the_table_is_declared() -> None:
    """`equals-ignore-case` within a suffix to exclude was asked for, and is no operator of the service.

    https://github.com/aws/event-ruler/issues/236
    """
    pattern: Json = {
        "dynamodb": {
            "NewImage": {"file": {"S": [{"anything-but": {"suffix": {"equals-ignore-case": ".png"}}}]}}
        }
    }
    with pytest.raises(ConfigurationError, match="suffix"):
        Table("prod-Card", Card, pattern=pattern)


def test_a_filter_that_is_computed_spares_no_call_that_a_handler_wants() -> None:
    """Without filters the function is called for each record and drops in its own time what it does not want.

    https://github.com/localstack/localstack/issues/5942
    """
    process = pipeline(cards, on_modify(retitle), on_remove(archive))
    (pattern,) = patterns_of(filter_criteria(process))
    wanted = [record(2, "MODIFY"), record(3, "REMOVE")]
    assert (["id-2", "id-3"], []) == (
        let_through(pattern, record(1), *wanted),
        let_through(pattern, record(1)),
    )
