"""Settings that fit are not remarked upon, and each one that does not is, with what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from streamfn._delivery.descriptions import STRICTEST, MappingNeeds
from streamfn.mappings import Finding
from tests.mappings.scripted import (
    ACKNOWLEDGE,
    FITTING,
    LEDGER,
    PLAIN_RETRY,
    STREAM,
    WHOLE_BATCH,
    found,
    mapping,
    settings_found,
    without,
)

DELIVERIES = {
    "dead letters": STRICTEST,
    "ledger": LEDGER,
    "retry": PLAIN_RETRY,
    "whole batch": WHOLE_BATCH,
    "acknowledge": ACKNOWLEDGE,
}

UNREAD = "without it Lambda takes every answer for a success, and what failed or was not started is lost in silence"
SPENT = (
    "each invocation that leaves something open uses an attempt up, whatever progress it made, so that Lambda "
    "gives up records that nothing is wrong with"
)
UNNOTED = "what Lambda gives up is lost in silence"
FORGOTTEN = (
    "after 24 hours the stream forgets a record, before Lambda gives it up and sends a note of it to the "
    "destination"
)
HASTY = "Lambda gives a record up before it can become a dead letter, and all behind it that grows as old"
STATELESS = (
    "the function's answer carries no state, without which Lambda takes each invocation of a window for "
    "failed, and sends its batch again until it gives it up"
)
UNCALLED = "nothing calls the function with what the stream holds, which is forgotten after 24 hours"

ANSWERS, ATTEMPTS, AGE = "FunctionResponseTypes", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds"
DESTINATION, WINDOW = "DestinationConfig.OnFailure", "TumblingWindowInSeconds"
PLACES, AGES = "a queue, a topic or a bucket", "more than 7200 and less than 86400"


@pytest.mark.parametrize("needs", DELIVERIES.values(), ids=DELIVERIES)
def test_settings_that_fit_are_not_remarked_upon(needs: MappingNeeds) -> None:
    assert [] == found(FITTING, needs=needs)


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        (without(ANSWERS), (ANSWERS, "unset", "ReportBatchItemFailures", UNREAD)),
        (mapping(FunctionResponseTypes=[]), (ANSWERS, "unset", "ReportBatchItemFailures", UNREAD)),
        (mapping(FunctionResponseTypes=["None"]), (ANSWERS, "None", "ReportBatchItemFailures", UNREAD)),
        (mapping(MaximumRetryAttempts=10_000), (ATTEMPTS, "10000", "-1", SPENT)),
        (mapping(MaximumRetryAttempts=0), (ATTEMPTS, "0", "-1", SPENT)),
        (without("DestinationConfig"), (DESTINATION, "unset", PLACES, UNNOTED)),
        (mapping(DestinationConfig={}), (DESTINATION, "unset", PLACES, UNNOTED)),
        (mapping(DestinationConfig={"OnFailure": {}}), (DESTINATION, "unset", PLACES, UNNOTED)),
        (without(AGE), (AGE, "-1", AGES, FORGOTTEN)),
        (mapping(MaximumRecordAgeInSeconds=-1), (AGE, "-1", AGES, FORGOTTEN)),
        (mapping(MaximumRecordAgeInSeconds=86_400), (AGE, "86400", AGES, FORGOTTEN)),
        (mapping(MaximumRecordAgeInSeconds=7200), (AGE, "7200", AGES, HASTY)),
        (mapping(TumblingWindowInSeconds=60), (WINDOW, "60", "0", STATELESS)),
        (mapping(State="Disabled"), ("State", "Disabled", "Enabled", UNCALLED)),
    ],
)
def test_each_setting_that_does_not_fit_brings_its_finding_and_no_other(
    changed: Mapping[str, object], finding: tuple[str, str, str, str]
) -> None:
    assert [Finding("m-1", *finding)] == found(changed)


@pytest.mark.parametrize(
    "changed",
    [
        without("MaximumRetryAttempts"),
        without("BisectBatchOnFunctionError"),
        mapping(MaximumRecordAgeInSeconds=86_399),
        mapping(MaximumRecordAgeInSeconds=7201),
        mapping(TumblingWindowInSeconds=0),
        mapping(ParallelizationFactor=10, BatchSize=10_000, StartingPosition="TRIM_HORIZON"),
        mapping(State="Creating"),
    ],
)
def test_what_does_no_harm_is_not_remarked_upon(changed: Mapping[str, object]) -> None:
    assert [] == found(changed)


@pytest.mark.parametrize(
    ("changed", "defeated"),
    [
        (without(ANSWERS), ["dead letters", "ledger", "retry", "acknowledge"]),
        (mapping(MaximumRetryAttempts=3), ["dead letters", "ledger", "retry", "acknowledge"]),
        (without("DestinationConfig"), ["dead letters", "ledger", "retry", "whole batch"]),
        (without(AGE), ["dead letters", "ledger", "retry", "whole batch"]),
        (mapping(MaximumRecordAgeInSeconds=60), ["dead letters"]),
        (mapping(TumblingWindowInSeconds=60), list(DELIVERIES)),
    ],
    ids=["answers", "attempts", "destination", "no age", "low age", "window"],
)
def test_a_setting_is_remarked_upon_where_it_defeats_the_delivery(
    changed: Mapping[str, object], defeated: list[str]
) -> None:
    """A delivery that raises needs no answer read, and one that drops needs no note of what was given up."""
    assert defeated == [name for name, needs in DELIVERIES.items() if found(changed, needs=needs)]


def test_attempts_are_limited_at_the_cost_of_a_ledger_without_answers_too() -> None:
    """What a raising function has settled is remembered, and the attempt is used up nevertheless."""
    raising = replace(LEDGER, partial_answers=False)
    assert ["MaximumRetryAttempts"] == settings_found(mapping(MaximumRetryAttempts=3), needs=raising)


def test_what_would_be_lost_is_what_the_delivery_has_come_again() -> None:
    (finding,) = found(without("FunctionResponseTypes"), needs=ACKNOWLEDGE)
    assert finding.why.endswith("and what was not started is lost in silence")


def test_the_age_that_is_wanted_is_what_the_delivery_needs() -> None:
    ages = [found(mapping(MaximumRecordAgeInSeconds=-1), needs=needs) for needs in (LEDGER, STRICTEST)]
    assert ["less than 86400", "more than 7200 and less than 86400"] == [each.wanted for (each,) in ages]


def test_all_that_is_wrong_is_found_at_once() -> None:
    """Such are the settings of a mapping of which nothing was said but the stream and the function."""
    assert [
        "FunctionResponseTypes",
        "DestinationConfig.OnFailure",
        "MaximumRecordAgeInSeconds",
    ] == settings_found({"UUID": "m-1", "EventSourceArn": STREAM, "State": "Enabled"})
