"""The stores that the template deploys for the delivery: the ledger's table, and the queue for dead letters."""

from samtranslator.yaml_helper import yaml_parse

from streamfn.ledgers import DynamoDBLedger
from tests.examples.test_template import SOURCE, deployed, listed, part, properties, variables


def test_the_deployed_ledger_is_the_one_that_the_function_uses() -> None:
    """Its keys, their types and its TTL attribute are those that `DynamoDBLedger` describes."""
    table = properties("Ledger")
    name = part(deployed(), "Parameters", "LedgerTableName")["Default"]
    assert isinstance(name, str)
    described = DynamoDBLedger(name).definition()

    assert {"Ref": "LedgerTableName"} == table["TableName"]
    assert {"Ref": "Ledger"} == variables()["LEDGER_TABLE"]
    assert described.create_table == {
        "TableName": name,
        **{setting: table[setting] for setting in ("AttributeDefinitions", "KeySchema", "BillingMode")},
    }
    assert described.update_time_to_live == {
        "TableName": name,
        "TimeToLiveSpecification": table["TimeToLiveSpecification"],
    }


def test_the_ledger_is_that_of_the_fragment() -> None:
    """The two templates do not drift apart, neither in the table nor in what a function may do to it."""
    fragment = yaml_parse((SOURCE.parents[1] / "ledger.template.yaml").read_text(encoding="utf-8"))
    (statement,) = listed(
        part(fragment, "Resources", "UseLedger", "Properties", "PolicyDocument")["Statement"]
    )

    assert part(fragment, "Resources", "Ledger") == part(deployed(), "Resources", "Ledger")
    assert part(fragment, "Parameters", "LedgerTableName") == part(
        deployed(), "Parameters", "LedgerTableName"
    )
    assert part(statement) in [
        part(each)
        for policy in listed(properties("Role")["Policies"])
        for each in listed(part(policy, "PolicyDocument")["Statement"])
    ]


def test_dead_letters_have_a_queue_of_their_own() -> None:
    """It is encrypted, keeps letters for 14 days, which is the most, outlives the stack, and is not Lambda's own."""
    queue = part(deployed(), "Resources", "DeadLetters")

    assert "AWS::SQS::Queue" == queue["Type"]
    assert {
        "MessageRetentionPeriod": 14 * 24 * 60 * 60,
        "SqsManagedSseEnabled": True,
    } == queue["Properties"]
    assert ("Retain", "Retain") == (queue["DeletionPolicy"], queue["UpdateReplacePolicy"])
    assert {"Ref": "DeadLetters"} == variables()["DEAD_LETTERS_URL"]


def test_an_alarm_says_that_letters_wait() -> None:
    """One letter in the queue is enough."""
    alarm = properties("LettersWaiting")

    assert [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}}] == alarm[
        "Dimensions"
    ]
    assert ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum") == (
        alarm["Namespace"],
        alarm["MetricName"],
        alarm["Statistic"],
    )
    assert ("GreaterThanThreshold", 0) == (alarm["ComparisonOperator"], alarm["Threshold"])
