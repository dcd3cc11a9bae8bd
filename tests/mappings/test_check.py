"""A function is checked as a whole: its timeout, and which of its mappings read which stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from returns.result import Result, Success

from streamfn import Event, InsertEvent, acknowledge, lambda_handler, on_insert, pipeline, retry
from streamfn._delivery.descriptions import STRICTEST, MappingNeeds, needs_of
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.mappings import Finding, check_mapping
from streamfn.mappings._check import findings_of
from streamfn.windows import Window, window_handler
from tests.cards import Card, cards
from tests.mappings.scripted import (
    FITTING,
    PLAIN_RETRY,
    QUEUE,
    STREAM,
    Lambda,
    found,
    mapping,
    settings_found,
)


def announce(event: InsertEvent[Card]) -> Result[str, int]:
    """Announce a card."""
    return Success(event.new_image.title)


@pytest.mark.parametrize(
    ("timeout", "margin", "wanted"),
    [(1, timedelta(seconds=1), "well above 1"), (3, timedelta(seconds=3.5), "well above 3.5")],
)
def test_a_timeout_within_the_margin_is_found(timeout: int, margin: timedelta, wanted: str) -> None:
    assert [
        Finding(
            None,
            "Timeout",
            str(timeout),
            wanted,
            "nothing is started with no more than the margin left, so that every invocation fails and all "
            "records are given up in the end",
        )
    ] == found(FITTING, timeout=timeout, margin=margin)


def test_a_timeout_above_the_margin_is_not_remarked_upon() -> None:
    assert [] == found(FITTING, timeout=4, margin=timedelta(seconds=3.5))


def test_a_timeout_that_is_not_told_is_lambdas_default() -> None:
    client = Lambda([FITTING], configuration={})
    assert [] == findings_of(client, "follow-cards", STRICTEST, timedelta(seconds=2))
    (finding,) = findings_of(client, "follow-cards", STRICTEST, timedelta(seconds=3))
    assert finding.found == "3"


@pytest.mark.parametrize(
    "others",
    [
        [],
        [{"UUID": "m-2", "EventSourceArn": QUEUE, "State": "Enabled"}],
        [{"UUID": "m-3", "State": "Enabled", "SelfManagedEventSource": {}}],
        [mapping(State="Deleting")],
    ],
    ids=["none", "of a queue", "of no ARN", "on its way out"],
)
def test_a_function_that_no_stream_reaches_is_found(others: list[Mapping[str, object]]) -> None:
    """Mappings of other services do not count, and are not judged."""
    assert ["EventSourceMappings"] == settings_found(*others)


def test_streams_of_other_partitions_count() -> None:
    arn = STREAM.replace("arn:aws:", "arn:aws-us-gov:")
    assert [] == found(mapping(EventSourceArn=arn))


def test_two_mappings_of_one_stream_are_found() -> None:
    both = [FITTING, mapping(UUID="m-2"), mapping(UUID="m-3", EventSourceArn=f"{STREAM}-later")]
    (finding,) = found(*both)
    assert str(finding) == (
        f"the function: EventSourceArn is {STREAM} in m-1 and m-2, wanted one enabled mapping for each stream: "
        "every handler runs on each record once for each of them, and in one ledger they would mix up what "
        "they record"
    )


def test_without_a_ledger_two_mappings_still_run_everything_twice() -> None:
    (finding,) = found(FITTING, mapping(UUID="m-2"), needs=PLAIN_RETRY)
    assert finding.why == "every handler runs on each record once for each of them"


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_disabled_mapping_beside_one_that_reads_the_stream_is_left_alone(state: str) -> None:
    """Such as the one that was there before."""
    assert [] == found(mapping(UUID="m-2", State=state, FunctionResponseTypes=[]), FITTING)


def test_a_mapping_that_is_yet_to_be_enabled_is_judged() -> None:
    """To make a mapping disabled, check it and then enable it is the careful way."""
    assert ["State", "FunctionResponseTypes"] == settings_found(
        mapping(State="Disabled", FunctionResponseTypes=[])
    )


def test_mappings_of_all_pages_are_judged() -> None:
    """Lambda lists a hundred at a time."""
    pages = [
        [mapping(UUID=f"m-{number}", EventSourceArn=f"{STREAM}-{number}", FunctionResponseTypes=[])]
        for number in range(3)
    ]
    client = Lambda(*pages, configuration={"Timeout": 60})
    assert ["m-0", "m-1", "m-2"] == [each.mapping for each in check_mapping(client, "follow-cards")]


def test_without_a_handler_the_strictest_delivery_is_judged_by() -> None:
    client = Lambda([FITTING, mapping(UUID="m-2")], configuration={"Timeout": 1})
    assert found(FITTING, mapping(UUID="m-2"), timeout=1) == check_mapping(client, "follow-cards")


def test_a_handlers_own_margin_is_judged_by() -> None:
    """Whatever its handlers succeed and fail with."""
    client = Lambda([FITTING], configuration={"Timeout": 60})
    process = pipeline(cards, on_insert(announce))
    below, at = (lambda_handler(process, margin=timedelta(seconds=seconds)) for seconds in (59, 60))
    assert [] == check_mapping(client, "follow-cards", below)
    (finding,) = check_mapping(client, "follow-cards", at)
    assert (finding.setting, finding.wanted) == ("Timeout", "well above 60")


def test_that_there_is_no_such_function_is_what_the_client_says() -> None:
    with pytest.raises(ClientError, match="Function not found: follow-crads"):
        check_mapping(Lambda([FITTING], configuration={}), "follow-crads")


KINESIS = "arn:aws:kinesis:eu-west-1:123456789012:stream/changes"


def test_mappings_of_kinesis_streams_are_judged_too_but_how_long_they_keep_records_is_their_own() -> None:
    assert [] == settings_found(mapping(EventSourceArn=KINESIS, MaximumRecordAgeInSeconds=100_000))
    careless = mapping(EventSourceArn=KINESIS, MaximumRecordAgeInSeconds=-1, FunctionResponseTypes=[])
    assert ["FunctionResponseTypes", "MaximumRecordAgeInSeconds"] == settings_found(careless)


def test_the_function_of_a_window_needs_a_window_and_no_answers() -> None:
    @dataclass(frozen=True)
    class Count:
        cards: int = 0

    def count(state: Count, _: Event[Card]) -> Result[Count, str]:
        return Success(Count(state.cards + 1))

    def store(_: Window, __: Count) -> Result[None, str]:
        return Success(None)

    handler = window_handler(cards, count, Count(), store)
    configuration = {"Timeout": 1}
    of_window = mapping(TumblingWindowInSeconds=300, FunctionResponseTypes=[], MaximumRetryAttempts=9)
    assert [] == check_mapping(Lambda([of_window], configuration=configuration), "follow-cards", handler)
    (finding,) = check_mapping(Lambda([FITTING], configuration=configuration), "follow-cards", handler)
    assert (finding.setting, finding.found) == ("TumblingWindowInSeconds", "unset")


@pytest.mark.parametrize(
    ("delivery", "needs"),
    [
        (
            acknowledge(),
            replace(STRICTEST, remembers=False, puts_aside=False, drops=True, patience=timedelta()),
        ),
        (retry(), replace(STRICTEST, remembers=False, puts_aside=False, patience=timedelta())),
        (
            retry(whole_batch=True),
            replace(
                STRICTEST, partial_answers=False, remembers=False, puts_aside=False, patience=timedelta()
            ),
        ),
        (retry(ledger=MemoryLedger()), replace(STRICTEST, puts_aside=False)),
        (retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters()), STRICTEST),
        ("a delivery of a user's own", STRICTEST),
    ],
)
def test_each_delivery_has_its_needs(delivery: object, needs: MappingNeeds) -> None:
    assert needs == needs_of(delivery)
