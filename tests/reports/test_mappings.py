"""What was reported of the check of event source mappings: each report by the smallest settings that show it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from returns.result import Result, Success

from streamfn import InsertEvent, RemoveEvent, Table, lambda_handler, on_insert, on_remove, pipeline
from streamfn.mappings import check_mapping
from tests.cards import Card, cards

STREAM: Final = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"
SETTINGS: Final[Mapping[str, object]] = {
    "UUID": "m-1",
    "EventSourceArn": STREAM,
    "State": "Enabled",
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumRecordAgeInSeconds": 72_000,
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:123456789012:given-up"}},
    "StartingPosition": "TRIM_HORIZON",
}


def announce(event: InsertEvent[Card]) -> Result[int, str]:
    """Want inserts."""
    return Success(event.new_image.id)


def forget(event: RemoveEvent[Card]) -> Result[int, str]:
    """Want removals."""
    return Success(event.old_image.id)


class Lambda:
    """Stands in for boto3's client of a Lambda with one function and one mapping."""

    def __init__(self, **changes: object) -> None:
        """Take what is other than in settings that fit."""
        self.mapping = {**SETTINGS, **changes}

    def get_function_configuration(self, *, FunctionName: str) -> Mapping[str, object]:
        """Give a function."""
        return {"FunctionName": FunctionName, "Timeout": 60}

    def list_event_source_mappings(self, *, FunctionName: str, Marker: str = "") -> Mapping[str, object]:
        """Give the only page."""
        return {"EventSourceMappings": [self.mapping], "of": FunctionName + Marker}


def found(**changes: object) -> list[tuple[str, str]]:
    """Check a mapping of a function that wants inserts and removals."""
    handler = lambda_handler(pipeline(cards, on_insert(announce), on_remove(forget)))
    findings = check_mapping(Lambda(**changes), "follow-cards", handler)
    return [(finding.setting, finding.why) for finding in findings]


def filters(*patterns: object) -> Mapping[str, object]:
    """Write filter criteria."""
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


def test_check_mapping_finds_settings_that_keep_records_from_the_handlers() -> None:
    """Filters that drop what a handler wants, a later starting position and another table's stream passed as fitting.

    Now each is a finding that says what is lost, and settings that lose nothing are none.
    """
    assert found() == []
    assert found(FilterCriteria=filters({"eventName": ["INSERT", "REMOVE"]})) == []
    lost = "they drop what handlers want, and nothing brings it back: "
    assert found(FilterCriteria=filters({"eventName": ["INSERT"]})) == [
        ("FilterCriteria", f"{lost}REMOVE for forget")
    ]
    owned = {"dynamodb": {"NewImage": {"owner": {"S": [{"exists": True}]}}}}
    assert found(FilterCriteria=filters({"eventName": ["REMOVE"]}, owned)) == [
        ("FilterCriteria", f"{lost}INSERT for announce")
    ]
    never = found(FilterCriteria=filters({"eventname": ["INSERT"]}))
    assert ["FilterCriteria", "FilterCriteria"] == [setting for setting, _ in never]
    assert "write eventName" in never[0][1]
    assert ["FilterCriteriaError"] == [
        setting for setting, _ in found(FilterCriteriaError={"ErrorCode": "AccessDenied"})
    ]
    for position in ("LATEST", "AT_TIMESTAMP"):
        assert ["StartingPosition"] == [setting for setting, _ in found(StartingPosition=position)]
    elsewhere = found(EventSourceArn=STREAM.replace("prod-Card", "prod-Deck"))
    assert ["EventSourceMappings", "EventSourceArn"] == [setting for setting, _ in elsewhere]


def test_filters_are_compared_with_each_alternative_of_a_pattern() -> None:
    """A pattern that asks for a state in either image wants removals too, and a filter that drops them passed."""
    title = {"title": {"S": ["hello"]}}
    either = Table(
        "prod-Card", Card, pattern={"dynamodb": {"$or": [{"NewImage": title}, {"OldImage": title}]}}
    )
    handler = lambda_handler(pipeline(either, on_insert(announce), on_remove(forget)))
    for dropping, told in (
        ({"eventName": ["INSERT"]}, "REMOVE for forget"),
        ({"eventName": ["REMOVE"]}, "INSERT for announce"),
    ):
        (finding,) = check_mapping(Lambda(FilterCriteria=filters(dropping)), "follow-cards", handler)
        assert finding.why.endswith(told)
    fitting = Lambda(FilterCriteria=filters({"eventName": ["INSERT", "REMOVE"]}))
    assert check_mapping(fitting, "follow-cards", handler) == []


def test_a_filter_of_a_kinesis_stream_is_of_what_its_entries_have() -> None:
    """A filter of changes that stood beside `data` matches no entry, and passed as one that nobody can judge."""
    stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/changes"
    ((setting, why),) = found(
        EventSourceArn=stream, FilterCriteria=filters({"eventName": ["INSERT", "REMOVE"]})
    )
    assert setting == "FilterCriteria"
    assert "write what is asked of a change within data" in why
    within = filters({"data": {"eventName": ["INSERT", "REMOVE"]}})
    assert found(EventSourceArn=stream, FilterCriteria=within) == []
