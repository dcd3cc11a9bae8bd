"""What the template of the cards function deploys, seen as CloudFormation sees it: after the SAM transform.

A bare SAM template hides the settings of its events from cfn-lint, hence the transform first.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import examples.cards
from examples.cards.app import cards

Json: TypeAlias = dict[str, object]
Edit: TypeAlias = Callable[[Json], object]

TEMPLATE = Path(examples.cards.__file__).with_name("template.yaml")
REGION = "eu-central-1"
EVENT = ("Resources", "FollowCards", "Properties", "Events", "Stream", "Properties")


class NoManagedPolicies:
    """Stands in for IAM, which the transform would ask for managed policies by name; the template names none."""

    def load(self) -> dict[str, str]:
        """Know no policy."""
        return {}


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


def part(document: object, *path: str) -> Json:
    """Go down a document of nested mappings."""
    for name in path:
        assert isinstance(document, dict), name
        document = document[name]
    assert isinstance(document, dict), path
    return document


def keep(event: Json) -> None:
    """Edit nothing."""
    del event


def deployed(edit: Edit = keep) -> Json:
    """Transform the template as a deployment does, `edit` having changed the settings of its stream event.

    `sam package` replaces the local folder with the place it was uploaded to; so does this.
    """
    template = yaml_parse(TEMPLATE.read_text())
    part(template, "Resources", "FollowCards", "Properties")["CodeUri"] = "s3://code/cards.zip"
    edit(part(template, *EVENT))
    return transform(template, {}, NoManagedPolicies())


def findings(edit: Edit = keep) -> list[str]:
    """Say what the transform and then cfn-lint have against the template, remarks included."""
    try:
        template = json.dumps(deployed(edit))
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
    ("edit", "finding"),
    [
        (lambda event: event.update(FunctionResponseTypess=[]), "property FunctionResponseTypess not defined"),
        (
            lambda event: event.update(FunctionResponseTypes=["ReportBatchItemFailure"]),
            "E3030 'ReportBatchItemFailure' is not one of",
        ),
        (lambda event: event.update(StartingPosition="OLDEST"), "E3031 'OLDEST' does not match"),
        (lambda event: event.update(BatchSize=20_000), "E3034 20000 is greater than the maximum"),
        (lambda event: event.update(DestinationConfig={"OnFailures": {}}), "DestinationConfig.OnFailure"),
    ],
    ids=["a misspelt setting", "a misspelt value", "no starting position", "too large a batch", "a misspelt sink"],
)
def test_a_mistake_in_the_events_settings_is_found(edit: Edit, finding: str) -> None:
    """The chain bites: each of these would deploy a function that loses records, or not deploy at all."""
    (found,) = findings(edit)

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
