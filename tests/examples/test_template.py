"""What the template of the cards function deploys, seen as CloudFormation sees it: after the SAM transform.

A bare SAM template hides the settings of its events from cfn-lint, hence the transform first.
"""

import json
import logging
from pathlib import Path
from typing import TypeAlias, TypeGuard

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import examples.cards
from examples.cards.app import cards

Json: TypeAlias = dict[str, object]

TEMPLATE = Path(examples.cards.__file__).with_name("template.yaml")
REGION = "eu-west-1"

# The transform counts its calls of AWS for itself, and complains at exit that nobody asked for the numbers.
logging.getLogger("samtranslator.metrics").addHandler(logging.NullHandler())


class NoManagedPolicies:
    """Stands in for IAM, which the transform would ask for managed policies by name; the template names none."""

    def load(self) -> dict[str, str]:
        """Know no policy."""
        return {}


def part(document: Json, *path: str) -> Json:
    """Go down a document of nested mappings."""
    for name in path:
        inner = document[name]
        assert is_mapping(inner), path
        document = inner
    return document


def is_mapping(value: object) -> TypeGuard[Json]:
    """Narrow a part of a document that was parsed from JSON or YAML, where all names are text."""
    return isinstance(value, dict)


def deployed(**settings: object) -> Json:
    """Transform the template as a deployment does, with these settings of its stream event changed.

    `sam package` replaces the local folder with the place it was uploaded to; so does this.
    """
    template = yaml_parse(TEMPLATE.read_text())
    function = part(template, "Resources", "FollowCards", "Properties")
    function["CodeUri"] = "s3://code/cards.zip"
    part(function, "Events", "Stream", "Properties").update(settings)
    return transform(template, {}, NoManagedPolicies())


def findings(**settings: object) -> list[str]:
    """Say what the transform and then cfn-lint have against the template, remarks included."""
    try:
        template = json.dumps(deployed(**settings))
    except InvalidDocumentException as refusal:
        return [str(refusal)]
    matches = lint(template, config=ManualArgs(regions=[REGION], include_checks=["I"]))
    return [f"{match.rule.id} {match.message} at {'.'.join(map(str, match.path))}" for match in matches]


def properties(name: str) -> Json:
    """Give the properties of a deployed resource."""
    return part(deployed(), "Resources", name, "Properties")


def test_nothing_is_found_in_the_template() -> None:
    """Neither the transform nor cfn-lint has an error, a warning or a remark."""
    assert [] == findings()


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [
        ("FunctionResponseTypess", [], "property FunctionResponseTypess not defined"),
        ("FunctionResponseTypes", ["ReportBatchItemFailure"], "E3030 'ReportBatchItemFailure' is not one of"),
        ("StartingPosition", "OLDEST", "E3031 'OLDEST' does not match"),
        ("BatchSize", 20_000, "E3034 20000 is greater than the maximum"),
        ("DestinationConfig", {"OnFailures": {}}, "DestinationConfig.OnFailure"),
    ],
)
def test_a_mistake_in_the_events_settings_is_found(setting: str, value: object, finding: str) -> None:
    """The chain bites: each of these would deploy a function that loses records, or not deploy at all."""
    (found,) = findings(**{setting: value})

    assert finding in found


def test_lambda_is_told_to_read_the_answer() -> None:
    """Without this setting Lambda ignores which records failed."""
    assert ["ReportBatchItemFailures"] == properties("FollowCardsStream")["FunctionResponseTypes"]


def test_what_lambda_gives_up_is_noted_in_a_queue() -> None:
    """A batch that grows too old leaves a message behind."""
    sink = part(properties("FollowCardsStream"), "DestinationConfig", "OnFailure")

    assert {"Fn::GetAtt": ["GivenUp", "Arn"]} == sink["Destination"]
    assert part(deployed(), "Resources", "GivenUp")["Type"] == "AWS::SQS::Queue"


def test_attempts_are_not_limited_and_age_is() -> None:
    """Partial answers use attempts up; what is too old is given up before the stream forgets what stands behind it."""
    mapping = properties("FollowCardsStream")
    age = mapping["MaximumRecordAgeInSeconds"]

    assert "MaximumRetryAttempts" not in mapping
    assert isinstance(age, int)
    assert age < 24 * 60 * 60


def test_the_deployed_table_is_the_declared_one() -> None:
    """Keys, their types, the stream and the TTL attribute are those of the model in `app.py`."""
    table = properties("Cards")
    declared = cards.definition()

    assert declared is not None
    assert table
