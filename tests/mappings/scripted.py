"""Stands in for Lambda, with a function whose mappings are what a test says, and with deliveries to judge them by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from botocore.exceptions import ClientError

from streamfn._delivery.descriptions import STRICTEST, MappingNeeds
from streamfn.mappings import Finding
from streamfn.mappings._check import findings_of

STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card/stream/2024-01-01T00:00:00.000"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:given-up"
FITTING: Mapping[str, object] = {
    "UUID": "m-1",
    "EventSourceArn": STREAM,
    "State": "Enabled",
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": 72_000,
    "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    "BisectBatchOnFunctionError": True,
}

MARGIN = timedelta(seconds=1)
PLAIN_RETRY = replace(STRICTEST, remembers=False, puts_aside=False)
WHOLE_BATCH = replace(PLAIN_RETRY, partial_answers=False)
ACKNOWLEDGE = replace(PLAIN_RETRY, drops=True)
LEDGER = replace(STRICTEST, puts_aside=False)


class Lambda:
    """Stands in for boto3's client of a Lambda with one function; each list of mappings is a page."""

    def __init__(self, *pages: list[Mapping[str, object]], configuration: Mapping[str, object]) -> None:
        self.pages = pages
        self.configuration = configuration

    def get_function_configuration(self, *, FunctionName: str) -> Mapping[str, object]:
        if FunctionName != "follow-cards":
            message = f"Function not found: {FunctionName}"
            raise ClientError(
                {"Error": {"Code": "ResourceNotFoundException", "Message": message}},
                "GetFunctionConfiguration",
            )
        return self.configuration

    def list_event_source_mappings(self, *, FunctionName: str, Marker: str = "0") -> Mapping[str, object]:
        assert FunctionName == "follow-cards"
        page: dict[str, object] = {"EventSourceMappings": self.pages[int(Marker)]}
        following = int(Marker) + 1
        return page | ({"NextMarker": str(following)} if following < len(self.pages) else {})


def mapping(**changes: object) -> Mapping[str, object]:
    """Give settings that fit but for these changes."""
    return {**FITTING, **changes}


def without(name: str) -> Mapping[str, object]:
    """Give settings that fit but for one that is not set."""
    return {key: value for key, value in FITTING.items() if key != name}


def found(
    *mappings: Mapping[str, object],
    needs: MappingNeeds = STRICTEST,
    timeout: int = 60,
    margin: timedelta = MARGIN,
) -> list[Finding]:
    """Check a function with these mappings."""
    client = Lambda(list(mappings), configuration={"Timeout": timeout})
    return findings_of(client, "follow-cards", needs, margin)


def settings_found(*mappings: Mapping[str, object], needs: MappingNeeds = STRICTEST) -> list[str]:
    """Check a function with these mappings, and name the settings that are remarked upon."""
    return [each.setting for each in found(*mappings, needs=needs)]
