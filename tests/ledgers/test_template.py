"""What the fragment of a template deploys: the table that a ledger describes, and leave to use it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.yaml_helper import yaml_parse

from streamfn.ledgers import DynamoDBLedger

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TEMPLATE = Path(__file__).parents[2] / "examples" / "ledger.template.yaml"
REGION = "eu-west-1"


def part(*path: str) -> dict[str, Json]:
    """Go down the template."""
    document: Json = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    for name in path:
        assert isinstance(document, dict), name
        document = document[name]
    assert isinstance(document, dict), path
    return document


def findings(template: str) -> list[str]:
    """Say what cfn-lint has against a template, remarks included."""
    matches = lint(template, config=ManualArgs(regions=[REGION], include_checks=["I"]))
    return [f"{match.rule.id} {match.message}" for match in matches]


def test_nothing_is_found_in_the_template() -> None:
    assert [] == findings(TEMPLATE.read_text(encoding="utf-8"))


def test_a_mistake_in_the_template_is_found() -> None:
    template = TEMPLATE.read_text(encoding="utf-8")
    assert findings(template.replace("AttributeName: segment", "AttributeName: segments", 1))
    assert findings(template.replace("PAY_PER_REQUEST", "PAY_BY_REQUEST"))


def test_the_deployed_table_is_the_one_that_the_ledger_describes() -> None:
    name = part("Parameters", "LedgerTableName")["Default"]
    assert isinstance(name, str)
    described = DynamoDBLedger(name).definition()
    table = part("Resources", "Ledger", "Properties")
    assert described.create_table == {
        "TableName": name,
        **{each: table[each] for each in ("AttributeDefinitions", "KeySchema", "BillingMode")},
    }
    assert described.update_time_to_live == {
        "TableName": name,
        "TimeToLiveSpecification": table["TimeToLiveSpecification"],
    }
    assert {"Ref": "LedgerTableName"} == table["TableName"]
    assert {"SSEEnabled": True} == table["SSESpecification"]


def test_what_becomes_of_the_table_is_said() -> None:
    """It goes with its stack: what it holds is of no use two days later."""
    ledger = part("Resources", "Ledger")
    assert ("Delete", "Delete") == (ledger["DeletionPolicy"], ledger["UpdateReplacePolicy"])


def test_the_function_may_read_and_write_this_table_and_nothing_else() -> None:
    document = part("Resources", "UseLedger", "Properties", "PolicyDocument")
    assert [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:BatchWriteItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            "Resource": {"Fn::GetAtt": ["Ledger", "Arn"]},
        }
    ] == document["Statement"]
