"""What the template of the cards function deploys, seen as CloudFormation sees it: after the SAM transform.

A bare SAM template hides the settings of its events from cfn-lint, hence the transform first.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from examples.cards import app
from examples.cards.app import cards, handler
from examples.demo.runs import as_deployed
from streamfn._delivery.descriptions import needs_of
from streamfn.mappings._rules import judge
from tests.sam import NoManagedPolicies

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SOURCE = Path(app.__file__)
TEMPLATE = SOURCE.with_name("template.yaml")
REGION = "eu-west-1"


def part(document: Json, *path: str) -> dict[str, Json]:
    """Go down a document of nested mappings."""
    for name in path:
        assert isinstance(document, dict), name
        document = document[name]
    assert isinstance(document, dict), path
    return document


def listed(value: Json) -> list[Json]:
    """Take one thing as a list of one, as CloudFormation does."""
    return value if isinstance(value, list) else [value]


def deployed(**settings: Json) -> dict[str, Json]:
    """Transform the template as a deployment does, with these settings of its stream event changed.

    `sam package` replaces the local folder with the place it was uploaded to; so does this.
    """
    template = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    function = part(template, "Resources", "FollowCards", "Properties")
    function["CodeUri"] = "s3://code/cards.zip"
    part(function, "Events", "Stream", "Properties").update(settings)
    return transform(template, {}, NoManagedPolicies())


def findings(**settings: Json) -> list[str]:
    """Say what the transform and then cfn-lint have against the template, remarks included."""
    try:
        template = json.dumps(deployed(**settings))
    except InvalidDocumentException as refusal:
        return [str(refusal)]
    matches = lint(template, config=ManualArgs(regions=[REGION], include_checks=["I"]))
    return [f"{match.rule.id} {match.message} at {'.'.join(map(str, match.path))}" for match in matches]


def properties(name: str) -> dict[str, Json]:
    """Give the properties of a deployed resource."""
    return part(deployed(), "Resources", name, "Properties")


def variables() -> dict[str, Json]:
    """Give the function's environment."""
    return part(properties("FollowCards"), "Environment", "Variables")


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
def test_a_mistake_in_the_events_settings_is_found(setting: str, value: Json, finding: str) -> None:
    """The chain bites: each of these would deploy a function that loses records, or not deploy at all."""
    (found,) = findings(**{setting: value})

    assert finding in found


def test_lambda_is_told_to_read_the_answer() -> None:
    """Without this setting Lambda ignores which records failed."""
    assert ["ReportBatchItemFailures"] == properties("FollowCardsStream")["FunctionResponseTypes"]


def test_what_lambda_gives_up_is_kept_with_its_records() -> None:
    """A queue would have which records they were, and the stream has those for four hours more."""
    sink = part(properties("FollowCardsStream"), "DestinationConfig", "OnFailure")

    assert {"Fn::GetAtt": ["GivenUp", "Arn"]} == sink["Destination"]
    assert part(deployed(), "Resources", "GivenUp")["Type"] == "AWS::S3::Bucket"
    alarm = properties("BatchesGivenUp")
    assert alarm["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": {"Ref": "FollowCardsStream"}}]
    assert properties("FollowCardsStream")["MetricsConfig"] == {"Metrics": ["EventCount"]}


def test_attempts_are_not_limited_and_age_is() -> None:
    """Partial answers use attempts up; what is too old is given up before the stream forgets what stands behind it.

    By then it has long become a dead letter, where the function works.
    """
    mapping = properties("FollowCardsStream")
    age = mapping["MaximumRecordAgeInSeconds"]

    assert "MaximumRetryAttempts" not in mapping
    assert isinstance(age, int)
    assert needs_of(handler.delivery).patience < timedelta(seconds=age) < timedelta(hours=24)


def test_the_mapping_fits_the_delivery() -> None:
    """The rules of `check_mapping` hold before anything is deployed."""
    assert [] == judge(properties("FollowCardsStream"), needs_of(handler.delivery))


def test_the_simulated_mapping_has_the_templates_settings() -> None:
    """What the demo shows is what would be deployed, but for smaller batches."""
    mapping, simulated = properties("FollowCardsStream"), vars(as_deployed(handler))["_settings"]

    assert mapping["MaximumRecordAgeInSeconds"] == simulated.maximum_record_age.total_seconds()
    assert mapping["BisectBatchOnFunctionError"] == simulated.bisect_batch_on_function_error
    assert properties("FollowCards")["Timeout"] == simulated.timeout.total_seconds()
    assert (True, None, 1, "S3") == (
        simulated.report_batch_item_failures,
        simulated.maximum_retry_attempts,
        simulated.parallelization_factor,
        simulated.on_failure,
    )
    assert "ParallelizationFactor" not in mapping


def test_the_deployed_table_is_the_declared_one() -> None:
    """Name, keys, their types, the stream and the TTL attribute are those of the model in `app.py`."""
    table = properties("Cards")
    declared = cards.definition()

    assert {"Ref": "CardsTableName"} == table["TableName"]
    assert cards.name == part(deployed(), "Parameters", "CardsTableName")["Default"]
    for setting in ("KeySchema", "AttributeDefinitions", "BillingMode"):
        assert declared.create_table[setting] == table[setting], setting
    stream = {"StreamEnabled": True, **part(table, "StreamSpecification")}
    assert declared.create_table["StreamSpecification"] == stream
    assert declared.update_time_to_live is not None
    assert declared.update_time_to_live["TimeToLiveSpecification"] == table["TimeToLiveSpecification"]


def test_the_function_finds_what_app_py_reads_from_its_environment() -> None:
    """A variable that the template forgets would fail the first event that needs it."""
    read = re.findall(r"os\.environ\W+(?:get\W+)?([A-Z_]+)", SOURCE.read_text(encoding="utf-8"))

    assert set(read) - {"SLACK_WEBHOOK_URL"} == set(variables()), (
        "the webhook is in a secret, and in no variable"
    )


def test_the_webhook_is_in_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may see the function's settings, or the stack's, does not see it."""
    asked = list[str]()

    class Secrets:
        def get_secret_value(self, *, SecretId: str) -> dict[str, str]:
            asked.append(SecretId)
            return {"SecretString": "https://hooks.example/secret"}

    monkeypatch.delenv("SLACK_WEBHOOK_URL", raising=False)
    monkeypatch.setenv("SLACK_WEBHOOK_SECRET", "cards/slack-webhook")
    services = {"secretsmanager": Secrets()}
    monkeypatch.setattr("boto3.client", services.__getitem__)
    assert app.webhook_url() == "https://hooks.example/secret"
    assert asked == [part(deployed(), "Parameters", "SlackWebhookSecret")["Default"]]
    assert "hooks.slack" not in TEMPLATE.read_text()


def role() -> list[tuple[str, Json]]:
    """List what the function's role allows, each action with its resource."""
    return [
        (str(action), statement["Resource"])
        for policy in listed(properties("Role")["Policies"])
        for statement in map(part, listed(part(policy, "PolicyDocument")["Statement"]))
        for action in listed(statement["Action"])
    ]


def test_the_function_may_do_its_job_and_nothing_else() -> None:
    """Every permission is for one resource of this stack; only listing streams spans those of the table."""
    assert [
        ("dynamodb:DescribeStream", {"Fn::GetAtt": ["Cards", "StreamArn"]}),
        ("dynamodb:GetRecords", {"Fn::GetAtt": ["Cards", "StreamArn"]}),
        ("dynamodb:GetShardIterator", {"Fn::GetAtt": ["Cards", "StreamArn"]}),
        ("dynamodb:ListStreams", {"Fn::Sub": "${Cards.Arn}/stream/*"}),
        ("s3:PutObject", {"Fn::Sub": "${Backups.Arn}/cards/*"}),
        ("dynamodb:BatchWriteItem", {"Fn::GetAtt": ["Ledger", "Arn"]}),
        ("dynamodb:Query", {"Fn::GetAtt": ["Ledger", "Arn"]}),
        ("dynamodb:UpdateItem", {"Fn::GetAtt": ["Ledger", "Arn"]}),
        ("sqs:SendMessage", {"Fn::GetAtt": ["DeadLetters", "Arn"]}),
        ("s3:PutObject", {"Fn::Sub": "${GivenUp.Arn}/aws/lambda/*"}),
        ("s3:ListBucket", {"Fn::GetAtt": ["GivenUp", "Arn"]}),
        (
            "secretsmanager:GetSecretValue",
            {
                "Fn::Sub": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"
                "${SlackWebhookSecret}-??????"
            },
        ),
        ("logs:CreateLogStream", {"Fn::GetAtt": ["Logs", "Arn"]}),
        ("logs:PutLogEvents", {"Fn::GetAtt": ["Logs", "Arn"]}),
    ] == role()
    assert "ManagedPolicyArns" not in properties("Role")
