"""What users write with boto3's types passes mypy and basedpyright, with boto3-stubs and with types-boto3."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args

import pytest

from tests.typing.checkers import MypyDiagnostic, PyrightReport

ROOT: Final = Path(__file__).parents[2]

Family: TypeAlias = Literal["mypy_boto3", "types_boto3"]
"""The packages of types of boto3-stubs, and those of types-boto3."""


@dataclass(frozen=True, slots=True)
class Error:
    """An error that a checker tells of a line."""

    checker: Literal["mypy", "basedpyright"]
    line: int
    message: str


Errors: TypeAlias = Mapping[str, list[Error]]
"""Errors by program."""

MODEL: Final = """\
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from returns.result import Result, Success

from streamfn import InsertEvent, PartitionKey, SortKey, Table, TimeToLive, on_insert, pipeline


@dataclass(frozen=True, slots=True)
class Card:
    id: Annotated[int, PartitionKey]
    title: Annotated[str, SortKey]
    expires_at: Annotated[datetime, TimeToLive] | None = None


def announce(event: InsertEvent[Card]) -> Result[str, str]:
    return Success(event.new_image.title)


cards = Table("prod-Card", Card)
process = pipeline(cards, on_insert(announce))
"""

TABLES: Final = """\
from FAMILY_dynamodb import DynamoDBClient, DynamoDBServiceResource

from model import Card, cards
from streamfn import StreamViewType
from streamfn.ledgers import DynamoDBLedger


def make(dynamodb: DynamoDBClient, resource: DynamoDBServiceResource) -> None:
    definition = cards.definition(StreamViewType.NEW_IMAGE)
    dynamodb.create_table(**definition.create_table)
    if definition.update_time_to_live is not None:
        dynamodb.update_time_to_live(**definition.update_time_to_live)
    resource.create_table(**definition.create_table)


def make_ledger(dynamodb: DynamoDBClient) -> None:
    ledger = DynamoDBLedger("card-ledger", client=dynamodb)
    definition = ledger.definition()
    dynamodb.create_table(**definition.create_table)
    dynamodb.update_time_to_live(**definition.update_time_to_live)
    ledger.create(dynamodb)


def change(dynamodb: DynamoDBClient) -> list[str]:
    request = cards.definition().create_table
    request["TableName"] = "test-Card"
    request["StreamSpecification"]["StreamViewType"] = "KEYS_ONLY"
    dynamodb.create_table(**request, DeletionProtectionEnabled=True)
    return [key["AttributeName"] for key in request["KeySchema"]]


def use(dynamodb: DynamoDBClient, card: Card) -> None:
    dynamodb.put_item(TableName=cards.name, Item=cards.unstructure(card))
    found = dynamodb.get_item(TableName=cards.name, Key=cards.keys(card))
    cards.structure(found.get("Item", {}))
    dynamodb.delete_item(TableName=cards.name, Key=cards.keys(card))
"""

CLIENTS: Final = """\
from FAMILY_dynamodb import DynamoDBClient
from FAMILY_dynamodbstreams import DynamoDBStreamsClient
from FAMILY_lambda import LambdaClient
from FAMILY_s3 import S3Client
from FAMILY_sqs import SQSClient

from model import cards, process
from streamfn import lambda_handler, retry
from streamfn.dead_letters import S3DeadLetters, SqsDeadLetters
from streamfn.redrive import redrive
from streamfn.ledgers import DynamoDBLedger
from streamfn.mappings import check_mapping
from streamfn.sources import StreamReader
from streamfn.exports import replay


def follow(
    dynamodb: DynamoDBClient,
    streams: DynamoDBStreamsClient,
    functions: LambdaClient,
    s3: S3Client,
    sqs: SQSClient,
) -> None:
    ledger = DynamoDBLedger("card-ledger", client=dynamodb)
    letters = SqsDeadLetters(
        "https://sqs.example/letters", client=sqs, overflow=S3DeadLetters("letters", client=s3)
    )
    handler = lambda_handler(process, retry(ledger=ledger, dead_letters=letters))
    check_mapping(functions, "follow-cards", handler)
    redrive(process, letters, ledger=ledger)
    StreamReader(table=cards, client=streams, tables=dynamodb).run(handler)
    replay("s3://backups/AWSDynamoDB/1", process, client=s3)
"""

WRONG: Final = """\
from FAMILY_dynamodb import DynamoDBClient

from model import cards


def make(dynamodb: DynamoDBClient) -> None:
    dynamodb.create_table(**cards.definition().update_time_to_live)
    cards.definition().create_table["BillingMode"] = "FREE"
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Errors:
    """Have both checkers read all programs in a user's folder, where the checkout's stubs and settings are not."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "streamfn").symlink_to(ROOT / "streamfn")
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    example = (ROOT / "examples" / "cards" / "app.py").read_text(encoding="utf-8")
    (folder / "app.py").write_text(example, encoding="utf-8")
    for family in get_args(Family):
        for name, program in {"tables": TABLES, "clients": CLIENTS, "wrong": WRONG}.items():
            (folder / f"{family}_{name}.py").write_text(program.replace("FAMILY", family), encoding="utf-8")
    settings = {"typeCheckingMode": "standard", "exclude": ["streamfn"]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    programs = sorted(path.name for path in folder.glob("*.py"))
    found: dict[str, list[Error]] = {program: [] for program in programs}
    checked = _run(folder, "mypy", "--strict", "--output", "json", *programs)
    for line in checked.splitlines():
        told = cast("MypyDiagnostic", json.loads(line))  # as mypy documents it
        found[told["file"]].append(Error("mypy", told["line"], told["message"]))
    read = _run(folder, "basedpyright", "--outputjson", "--pythonpath", sys.executable)
    report = cast("PyrightReport", json.loads(read))  # as basedpyright documents it
    for each in report["generalDiagnostics"]:
        line_number = each["range"]["start"]["line"] + 1
        found[Path(each["file"]).name].append(Error("basedpyright", line_number, each["message"]))
    return found


@pytest.mark.parametrize("family", get_args(Family))
def test_a_definition_is_what_the_types_of_boto3_ask_of_a_table(family: Family, errors: Errors) -> None:
    """`dynamodb.create_table(**cards.definition().create_table)` was 18 errors, as a definition was any dictionary."""
    assert [] == errors[f"{family}_tables.py"]


@pytest.mark.parametrize("family", get_args(Family))
def test_each_client_that_boto3_makes_is_one_that_the_library_takes(family: Family, errors: Errors) -> None:
    """The protocols of clients fit the types of boto3, so that a user hands in a client without a cast."""
    assert [] == errors[f"{family}_clients.py"]


@pytest.mark.parametrize("family", get_args(Family))
def test_a_definition_that_does_not_fit_is_refused(family: Family, errors: Errors) -> None:
    """Both checkers see each wrong line, so that the tests above cannot pass by types that nobody found."""
    found = {(error.checker, error.line) for error in errors[f"{family}_wrong.py"]}
    assert {("mypy", 7), ("mypy", 8), ("basedpyright", 7), ("basedpyright", 8)} == found


def test_the_example_passes_without_the_stubs_of_this_project(errors: Errors) -> None:
    """`from boto3 import S3Client` is in no stubs but the project's own, and the example is there to be copied."""
    assert [] == errors["app.py"]


def _run(folder: Path, module: str, *arguments: str) -> str:
    """Run a checker in the folder; it ends with 1 if it found errors, and with more if it could not look for them."""
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode in {0, 1}, ended.stdout + ended.stderr
    return ended.stdout
