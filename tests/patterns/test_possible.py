"""A table refuses a pattern that no record of it can match, with the place, and takes every other one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfn import ConfigurationError, PartitionKey, SortKey, Table
from streamfn._patterns.syntax import is_array
from streamfn._payloads import read
from streamfn._records import StreamRecord, is_map
from streamfn._tables import compiled_table
from streamfn.testing import insert_event, kinesis_event, lambda_event, modify_event, pipe_event, remove_event
from tests.cards import Card, cards, record
from tests.cards import event as batch_of


@dataclass(frozen=True, slots=True)
class Blob:
    """An item with a binary key."""

    hash: Annotated[bytes, PartitionKey]
    range: Annotated[str, SortKey]


@dataclass(frozen=True, slots=True)
class Loose:
    """An item whose keys are not marked."""

    pk: str


def declared(pattern: Mapping[str, object], model: type[object] = Card) -> Table[object]:
    """Declare a table with a pattern."""
    return Table("prod-Card", model, pattern=pattern)


def refusal(pattern: Mapping[str, object], model: type[object] = Card) -> str:
    """Give what a table with a pattern is refused with."""
    with pytest.raises(ConfigurationError) as refused:
        declared(pattern, model)
    return str(refused.value).removeprefix("pattern, at ")


def new(**attributes: object) -> dict[str, object]:
    """Make a pattern of the new image."""
    return {"dynamodb": {"NewImage": attributes}}


def keys(**attributes: object) -> dict[str, object]:
    """Make a pattern of the keys."""
    return {"dynamodb": {"Keys": attributes}}


NAMES: Final[list[tuple[dict[str, object], str]]] = [
    ({"eventname": ["INSERT"]}, "$.eventname: no record has a field 'eventname' here; write eventName"),
    ({"event_name": ["INSERT"]}, "$.event_name: no record has a field 'event_name' here; write eventName"),
    ({"EventID": ["1"]}, "$.EventID: no record has a field 'EventID' here; write eventID"),
    ({"DynamoDB": {"Keys": {"id": {"N": ["1"]}}}}, "$.DynamoDB: … write dynamodb"),
    ({"dynamodb": {"keys": {"id": {"N": ["1"]}}}}, "$.dynamodb.keys: … write Keys"),
    ({"dynamodb": {"newImage": {"a": {"S": ["x"]}}}}, "$.dynamodb.newImage: … write NewImage"),
    ({"dynamodb": {"sizeBytes": [1]}}, "$.dynamodb.sizeBytes: … write SizeBytes"),
    (
        {"dynamodb": {"image": {"a": {"S": ["x"]}}}},
        "$.dynamodb.image: … write one of Keys, NewImage, OldImage",
    ),
    ({"NewImage": {"a": {"S": ["x"]}}}, "$.NewImage: … write it within dynamodb, as NewImage"),
    ({"userIdentity": {"PrincipalId": ["x"]}}, "$.userIdentity.PrincipalId: … write principalId"),
    ({"userIdentity": {"name": ["x"]}}, "$.userIdentity.name: … write one of type, principalId"),
    ({"body": {"eventName": ["INSERT"]}}, "$.body: body is of the messages of SQS"),
    ({"data": {"eventName": ["INSERT"]}}, "$.data: … filter_criteria(through_kinesis=True)"),
    ({"source": ["aws"]}, "$.source: no record has a field 'source' here; write one of eventID"),
    ({"eventName": {"S": ["INSERT"]}}, '$.eventName: holds "INSERT" or …, and no fields'),
    (
        {"eventID": ["1"], "dynamodb": {"SizeBytes": {"N": ["1"]}}},
        "$.dynamodb.SizeBytes: holds …, and no fields",
    ),
    (
        {"dynamodb": ["x"]},
        "$.dynamodb: is an object, of which an array says nothing; name a field in it: Keys",
    ),
    ({"dynamodb": {"NewImage": [{"exists": True}]}}, "$.dynamodb.NewImage: holds attributes"),
    ({"kinesis": {"partitionkey": ["1"]}}, "$.kinesis.partitionkey: … write partitionKey"),
    (
        {"$or": [{"eventName": ["INSERT"]}, {"eventname": ["REMOVE"]}]},
        "$.$or[1].eventname: … write eventName",
    ),
    (
        {"dynamodb": {"$or": [new(a={"S": ["x"]})["dynamodb"], {"Old": {"a": {"S": ["x"]}}}]}},
        "$.dynamodb.$or[1].Old: ",
    ),
]

TAGS: Final[list[tuple[dict[str, object], str]]] = [
    (keys(id=[1]), '$.dynamodb.Keys.id: an attribute value has a type tag, … {"N": ["1"]}'),
    (new(a=["x"]), "$.dynamodb.NewImage.a: an attribute value has a type tag"),
    (new(a=[{"exists": False}]), "$.dynamodb.NewImage.a: an attribute value has a type tag"),
    (new(a={"s": ["x"]}), "$.dynamodb.NewImage.a.s: 's' is no type tag; write S, or"),
    (new(a={"String": ["x"]}), "$.dynamodb.NewImage.a.String: 'String' is no type tag; write one of S, N, B"),
    (
        new(a={"name": {"S": ["x"]}}),
        '$.dynamodb.NewImage.a.name: … or {"M": {"name": … for an attribute of a map',
    ),
    (new(a={"M": {"b": ["x"]}}), "$.dynamodb.NewImage.a.M.b: an attribute value has a type tag"),
    (new(a={"M": ["x"]}), "$.dynamodb.NewImage.a.M: holds attributes, of which an array says nothing"),
    (new(a={"L": ["x"]}), '$.dynamodb.NewImage.a.L: holds attribute values; … {"L": {"S": ["'),
    (new(a={"S": {"b": ["x"]}}), "$.dynamodb.NewImage.a.S: holds text, and no fields; write an array"),
    (new(**{"": {"S": ["x"]}}), "$.dynamodb.NewImage.: no attribute has an empty name"),
    ({"dynamodb.NewImage.kind": ["x"]}, "$.dynamodb.NewImage.kind: an attribute value has a type tag"),
]

CONTENTS: Final[list[tuple[dict[str, object], str]]] = [
    (keys(id={"N": [1]}), '$.dynamodb.Keys.id.N[0]: nothing equals 1: …; write "1"'),
    (keys(id={"N": ["1", 2]}), '$.dynamodb.Keys.id.N[1]: nothing equals 2: …; write "2"'),
    (new(a={"N": ["one"]}), '$.dynamodb.NewImage.a.N[0]: nothing equals "one": here is a number as text'),
    (new(a={"N": ["1.0"]}), '…; write "1"'),
    (new(a={"N": ["-0"]}), '…; write "0"'),
    (new(a={"N": ["007"]}), '…; write "7"'),
    (new(a={"N": ["1.5E2"]}), '…; write "150"'),
    (new(a={"N": ["1" * 39]}), "… here is a number as text"),
    (new(a={"N": ["0." + "1" * 39]}), "… here is a number as text"),
    (new(a={"N": [{"prefix": "01"}]}), "… no value is so: here is a number as text"),
    (new(a={"N": [{"prefix": "1.0.0"}]}), "… no value is so: here is a number as text"),
    (new(a={"N": [{"suffix": ".0"}]}), "… no value is so: here is a number as text"),
    (new(a={"N": [{"suffix": "1."}]}), "… no value is so: here is a number as text"),
    (new(a={"N": ["NaN"]}), '… nothing equals "NaN": here is a number'),
    (new(a={"N": ["1e999"]}), '… nothing equals "1e999": here is a number'),
    (new(a={"N": [1.5]}), '…; write "1.5"'),
    (new(a={"N": [True]}), "… nothing equals true: here is a number as text"),
    (new(a={"N": [{"numeric": ["=", 1]}]}), "$.dynamodb.NewImage.a.N[0]: numeric sees JSON numbers alone"),
    (new(a={"N": [{"prefix": "x"}]}), "$.dynamodb.NewImage.a.N[0]: no value is so"),
    (new(a={"N": [{"suffix": "x"}]}), "$.dynamodb.NewImage.a.N[0]: no value is so"),
    (new(a={"N": [{"equals-ignore-case": "x"}]}), "$.dynamodb.NewImage.a.N[0]: no value is so"),
    (new(a={"N": [{"prefix": {"equals-ignore-case": "x"}}]}), "$.dynamodb.NewImage.a.N[0]: no value is so"),
    (new(a={"N": [{"anything-but": [1]}]}), '… excludes 1, which no value is: …; write "1"'),
    (new(a={"N": [{"anything-but": {"prefix": "x"}}]}), '… excludes {"prefix": "x"}, which no value is'),
    (new(a={"S": [1]}), '… nothing equals 1: here is text; write "1"'),
    (new(a={"S": [None]}), "… nothing equals null: here is text"),
    (new(a={"S": [{"numeric": [">", 1]}]}), "… numeric sees JSON numbers alone, and here is text"),
    (new(a={"B": ["a?"]}), '… nothing equals "a?": here is base64 text'),
    (new(a={"B": ["aGk"]}), '… nothing equals "aGk": here is base64 text'),
    (new(a={"B": ["aGl="]}), '… nothing equals "aGl=": here is base64 text'),
    (new(a={"B": [{"prefix": "a-"}]}), "… no value is so: here is base64 text"),
    (new(a={"BOOL": ["true"]}), '… nothing equals "true": here is true or false; write true'),
    (new(a={"BOOL": ["FALSE"]}), "…; write false"),
    (new(a={"BOOL": [1]}), "… nothing equals 1: here is true or false"),
    (new(a={"BOOL": [{"anything-but": "true"}]}), '… excludes "true", which no value is: …; write true'),
    (new(a={"NULL": [None]}), "… nothing equals null: here is true; write true"),
    (new(a={"NULL": [False]}), "… nothing equals false: here is true; write true"),
    (new(a={"SS": [1]}), '… nothing equals 1: here is text; write "1"'),
    (new(a={"NS": [1]}), '…; write "1"'),
    (new(a={"BS": ["?"]}), '… nothing equals "?": here is base64 text'),
    (
        {"eventName": ["UPDATE"]},
        '$.eventName[0]: nothing equals "UPDATE": here is "INSERT" or "MODIFY" or "REMOVE"',
    ),
    ({"eventName": ["insert"]}, '…; write "INSERT"'),
    ({"eventName": ["INSERT", "UPDATE"]}, '$.eventName[1]: nothing equals "UPDATE"'),
    ({"eventName": [{"prefix": "DEL"}]}, "$.eventName[0]: no value is so"),
    ({"eventName": [{"anything-but": ["INSERT", "MODIFY", "REMOVE"]}]}, "$.eventName[0]: no value is so"),
    ({"eventName": [{"anything-but": "DELETE"}]}, '… excludes "DELETE", which no value is'),
    ({"eventName": [{"exists": False}]}, "$.eventName[0]: the field is in every record"),
    ({"eventSource": ["aws:kinesis"]}, '… here is "aws:dynamodb"; write "aws:dynamodb"'),
    ({"eventVersion": [1.1]}, '…; write "1.1"'),
    ({"awsRegion": ["EU-WEST-1"]}, "… here is the name of a region"),
    ({"awsRegion": [{"prefix": "EU"}]}, "… no value is so: here is the name of a region"),
    (
        {"eventSourceARN": ["arn:aws:dynamodb:eu-west-1:1:table/other/stream/1"]},
        "… here is the ARN of a stream of prod-Card",
    ),
    (
        {"eventSourceARN": [{"prefix": "arn:aws:dynamodb:eu-west-1:1:table/other/"}]},
        "$.eventSourceARN[0]: no value is so: here is the ARN of a stream of prod-Card",
    ),
    ({"eventSourceARN": [{"prefix": "arn:aws:dynamodb:eu-west-1:1:stream/"}]}, "… no value is so"),
    ({"eventSourceARN": [{"prefix": "arn:aws:sqs:"}]}, "… no value is so"),
    ({"eventSourceARN": [{"prefix": "arn:aws:dynamo:"}]}, "… no value is so"),
    ({"eventSourceARN": [{"prefix": "prod-Card"}]}, "… no value is so"),
    ({"eventSourceARN": [{"suffix": ":table/prod-Card"}]}, "… no value is so"),
    ({"eventSourceARN": [{"suffix": "other/stream/2024"}]}, "… no value is so"),
    ({"tableName": ["other"]}, '… here is "prod-Card"; write "prod-Card"'),
    ({"userIdentity": ["Service"]}, '… nothing equals "Service": here is an object of type and principalId'),
    ({"dynamodb": {"StreamViewType": ["NEW_IMAGES"]}}, '… nothing equals "NEW_IMAGES"'),
    ({"dynamodb": {"SizeBytes": ["26"]}}, '… nothing equals "26": here is a whole number …; write 26'),
    ({"dynamodb": {"SizeBytes": ["x"]}}, '… nothing equals "x": here is a whole number that is not negative'),
    ({"dynamodb": {"SizeBytes": [1.5]}}, "… nothing equals 1.5"),
    ({"dynamodb": {"SizeBytes": [-1]}}, "… nothing equals -1"),
    ({"dynamodb": {"SizeBytes": [{"numeric": ["<", 0]}]}}, "$.dynamodb.SizeBytes[0]: no value is so"),
    ({"dynamodb": {"SizeBytes": [{"numeric": [">", 1, "<", 2]}]}}, "$.dynamodb.SizeBytes[0]: no value is so"),
    ({"dynamodb": {"SizeBytes": [{"numeric": ["=", 1.5]}]}}, "$.dynamodb.SizeBytes[0]: no value is so"),
    ({"dynamodb": {"SizeBytes": [{"prefix": "1"}]}}, "$.dynamodb.SizeBytes[0]: no value is so"),
    ({"dynamodb": {"SequenceNumber": [111]}}, '…; write "111"'),
    ({"dynamodb": {"SequenceNumber": [{"prefix": "a"}]}}, "… no value is so"),
    (
        {"dynamodb": {"ApproximateCreationDateTime": ["2024-01-01"]}},
        "… here is a number of seconds since 1970",
    ),
]

KEYS: Final[list[tuple[dict[str, object], str]]] = [
    (keys(nope={"S": ["x"]}), "$.dynamodb.Keys.nope: no key of the table is 'nope'; its keys are id, title"),
    (keys(owner={"S": ["x"]}), "$.dynamodb.Keys.owner: no key of the table is 'owner'"),
    (keys(id={"S": ["1"]}), "$.dynamodb.Keys.id.S: the key 'id' is of the type N"),
    (keys(title={"SS": ["1"]}), "$.dynamodb.Keys.title.SS: the key 'title' is of the type S"),
    (new(id={"S": ["1"]}), "$.dynamodb.NewImage.id.S: the key 'id' is of the type N"),
    (
        keys(title={"S": [""]}),
        '$.dynamodb.Keys.title.S[0]: nothing equals "": here is text that is not empty',
    ),
    (new(title={"S": [""]}), "$.dynamodb.NewImage.title.S[0]: … here is text that is not empty"),
    (keys(id={"N": [{"exists": False}]}), "$.dynamodb.Keys.id.N: no record has what is wanted here"),
]

TOGETHER: Final[list[tuple[dict[str, object], str]]] = [
    (
        {"eventName": ["REMOVE"], **new(a={"S": ["x"]})},
        "$.dynamodb.NewImage.a.S: … at $.eventName; a REMOVE has no",
    ),
    (
        {"eventName": ["INSERT"], "userIdentity": {"type": ["Service"]}},
        "$.userIdentity.type: … only a REMOVE by time to live has a userIdentity",
    ),
    (
        {
            "eventName": [{"anything-but": "REMOVE"}],
            "userIdentity": {"principalId": ["dynamodb.amazonaws.com"]},
        },
        "$.userIdentity.principalId: ",
    ),
    ({**new(a={"S": ["x"]}), "userIdentity": {"type": ["Service"]}}, "$.userIdentity.type: "),
    (
        {
            "$or": [{"eventName": ["INSERT"]}, {"eventName": ["MODIFY"]}],
            "dynamodb": {"$or": [new(a={"S": ["x"]})["dynamodb"], {"StreamViewType": ["KEYS_ONLY"]}]},
            "userIdentity": {"type": [{"exists": False}, "Service"]},
            "tableName": ["prod-Card"],
            "eventVersion": ["1.1"],
        },
        "$.eventVersion: ",
    ),
    (
        {
            "eventName": ["REMOVE"],
            "dynamodb": {"$or": [new(a={"S": ["x"]})["dynamodb"], {"OldImage": {"a": {"S": ["x"]}}}]},
        },
        "$.dynamodb.$or[0].NewImage.a.S: ",
    ),
    ({"eventName": ["INSERT"], "dynamodb": {"OldImage": {"a": {"S": ["x"]}}}}, "$.dynamodb.OldImage.a.S: "),
    ({"eventName": [{"prefix": "REM"}], **new(a={"S": ["x"]})}, "$.dynamodb.NewImage.a.S: "),
    (
        {"dynamodb": {"StreamViewType": ["NEW_IMAGE"], "OldImage": {"a": {"S": ["x"]}}}},
        "$.dynamodb.OldImage.a.S: ",
    ),
    (
        {"dynamodb": {"StreamViewType": ["KEYS_ONLY"], "NewImage": {"a": {"S": ["x"]}}}},
        "$.dynamodb.NewImage.a.S: ",
    ),
    (new(a={"S": ["x"], "N": ["1"]}), "$.dynamodb.NewImage.a.N: … at $.dynamodb.NewImage.a.S"),
    (new(a={"L": {"S": ["x"], "M": {"b": {"S": ["x"]}}}}), "$.dynamodb.NewImage.a.L.M.b.S: "),
    ({"tableName": ["prod-Card"], "eventVersion": ["1.1"]}, "$.eventVersion: … at $.tableName"),
    (
        {"dynamodb": {"Keys": {"id": {"N": ["1"]}}, "NewImage": {"id": {"N": ["2", "3"]}}}},
        "$.dynamodb.NewImage.id.N: ",
    ),
    (
        {"dynamodb": {"Keys": {"id": {"N": ["12"]}}, "NewImage": {"id": {"N": [{"prefix": "2"}]}}}},
        "$.dynamodb.NewImage.id.N: ",
    ),
    (
        {"$or": [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"], **new(a={"S": ["x"]})}]},
        "$.$or[1].dynamodb.NewImage.a.S: ",
    ),
]


@pytest.mark.parametrize(("pattern", "told"), [*NAMES, *TAGS, *CONTENTS, *KEYS, *TOGETHER])
def test_what_no_record_can_match_is_refused(pattern: dict[str, object], told: str) -> None:
    """What is told begins so, and goes on so after whatever stands in between."""
    found = refusal(pattern)
    first, *others = told.split("…")
    assert found.startswith(first)
    at = len(first)
    for other in others:
        assert other.strip() in found[at:]
        at = found.index(other.strip(), at) + len(other.strip())


DEEP: Final[dict[str, object]] = {}
_here = DEEP
for _ in range(34):
    _inner: dict[str, object] = {}
    _here["a"] = {"M": _inner}
    _here = _inner
_here["a"] = {"S": ["x"]}


def test_keys_that_are_not_marked_are_at_most_two_of_text_numbers_and_binaries() -> None:
    declared(keys(any={"S": ["x"]}, other={"B": ["aGk="]}), Loose)
    assert "of the type S or N or B" in refusal(keys(any={"BOOL": [True]}), Loose)
    assert "$.dynamodb.Keys.c.S: " in refusal(keys(a={"S": ["x"]}, b={"N": ["1"]}, c={"S": ["x"]}), Loose)


def test_no_item_is_nested_deeper_than_dynamodb_allows() -> None:
    assert "32 levels deep" in refusal({"dynamodb": {"NewImage": DEEP}})


ACCEPTED: Final[list[dict[str, object]]] = [
    {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}},
    {"eventName": ["REMOVE"], "userIdentity": {"type": [{"anything-but": "Service"}]}},
    {"userIdentity": {"type": [{"exists": False}]}},
    {"userIdentity": [None]},
    {"userIdentity": [{"exists": False}]},
    {"tableName": ["prod-Card"], "dynamodb": {"ApproximateCreationDateTimePrecision": ["MICROSECOND"]}},
    {"tableName": [{"prefix": "prod-"}], "eventSourceARN": ["arn:aws:kinesis:eu-west-1:1:stream/changes"]},
    {"recordFormat": ["application/json"]},
    {"awsRegion": [None], "tableName": ["prod-Card"]},
    {"kinesis": {"partitionKey": [{"prefix": "a"}], "approximateArrivalTimestamp": [{"exists": True}]}},
    {"eventSourceARN": ["arn:aws-us-gov:dynamodb:us-gov-west-1:1:table/prod-Card/stream/2024"]},
    {"awsRegion": ["us-gov-west-1", {"prefix": "eu-"}, {"suffix": "-1"}, None]},
    {"eventName": [{"equals-ignore-case": "insert"}]},
    {"eventName": [{"anything-but": "MODIFY"}], **keys(id={"N": [{"prefix": "1"}]})},
    {"eventName": [{"exists": True}]},
    new(**{"aws:rep:updateregion": {"S": [{"anything-but": "eu-west-1"}]}}),
    new(**{"aws:rep:deleting": {"BOOL": [False]}}),
    new(unknown={"M": {"b": {"L": {"L": {"M": {"c": {"NS": ["1", "-0.5"]}}}}}}}),
    new(a={"S": [{"exists": False}], "N": [{"exists": False}], "NULL": [True]}),
    new(a={"S": ["", {"prefix": ""}, {"suffix": '"x'}, {"anything-but": {"suffix": ["a", "b"]}}]}),
    new(a={"N": ["0", "-1", "0.25", "1E-130", "9" * 38, {"prefix": ""}, {"equals-ignore-case": "1e-7"}]}),
    new(a={"B": ["", "aGk=", {"prefix": "aG"}, {"prefix": {"equals-ignore-case": "ag"}}]}),
    new(a={"SS": ["x"]}) | {"eventName": ["MODIFY"]},
    new(S={"S": ["x"]}, M={"M": {"M": {"N": ["1"]}}}),
    new(**{"a.b": {"S": ["x"]}, "k.M.l": {"S": ["x"]}}),
    {"dynamodb.NewImage.kind.S": ["x"]},
    {"dynamodb": {"NewImage.kind": {"S": ["x"]}}},
    {"dynamodb": {"OldImage": {"id": {"N": [{"exists": False}]}}}},
    {"dynamodb": {"NewImage": {"a": {"S": ["x"]}}, "OldImage": {"a": {"S": ["y"]}}}},
    {"dynamodb": {"Keys": {"id": {"N": ["1"]}}, "NewImage": {"id": {"N": ["2", "1"]}}}},
    {"dynamodb": {"Keys": {"id": {"N": [{"prefix": "1"}]}}, "NewImage": {"id": {"N": [{"suffix": "2"}]}}}},
    {"dynamodb": {"SizeBytes": [26, {"numeric": [">=", 100, "<", 5000]}, {"numeric": ["=", 7]}]}},
    {"dynamodb": {"SizeBytes": [{"anything-but": 7}, {"numeric": ["<=", 0]}]}},
    {"dynamodb": {"ApproximateCreationDateTime": [1.5, {"numeric": [">", 1_700_000_000]}]}},
    {"dynamodb": {"SequenceNumber": [{"prefix": "1"}, "111"], "StreamViewType": ["KEYS_ONLY"]}},
    {"tableName": ["prod-Card"], "dynamodb": {"StreamViewType": ["NEW_IMAGE"]}},
    {"dynamodb": {"SequenceNumber": [{"exists": False}]}},
    {"$or": [new(a={"S": ["x"]}), {"dynamodb": {"OldImage": {"a": {"S": ["x"]}}}}]},
    {"dynamodb": {"$or": [{"NewImage": {"a": {"S": ["x"]}}}, {"OldImage": {"a": {"S": ["x"]}}}]}},
    {
        "$or": [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"]}],
        "dynamodb": {"$or": [{"NewImage": {"a": {"S": ["x"]}}}, {"OldImage": {"a": {"S": ["x"]}}}]},
    },
    {"eventName": ["INSERT"], "userIdentity": {"type": [{"exists": False}]}},
    {"eventName": ["INSERT"], "userIdentity": [None]},
    new(a={"N": [{"prefix": "-0"}, {"prefix": "0."}, {"prefix": "1e-"}, {"suffix": "0"}, {"suffix": ".05"}]}),
    new(a={"N": ["1" * 38, "1" * 38 + "00", "0." + "0" * 40 + "1", {"suffix": "E-7"}, {"suffix": "-7"}]}),
    new(title={"S": [{"prefix": ""}, {"anything-but": "x"}]}, other={"S": [""]}),
    {"eventSourceARN": [{"prefix": "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-Card"}]},
    {
        "eventSourceARN": [
            {"prefix": "arn:aws-cn:dynamodb:cn-north-1:1:table/prod-Card/stream/2024-01-01T00:"}
        ]
    },
    {
        "eventSourceARN": [
            {"prefix": "arn:aws:dyn"},
            {"prefix": "ar"},
            {"prefix": ""},
            {"prefix": "arn:aws:kinesis:"},
        ]
    },
    {
        "eventSourceARN": [
            {"prefix": "arn:aws:kinesis:eu-west-1:1:stream/changes"},
            {"suffix": "stream/changes"},
        ]
    },
    {
        "eventSourceARN": [
            {"suffix": "table/prod-Card/stream/2024"},
            {"suffix": "Card/stream/2024"},
            {"suffix": "000"},
        ]
    },
    {"eventSourceARN": [{"suffix": ":1:table/prod-Card/stream/2024"}, {"suffix": ":1:stream/changes"}]},
]


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_what_a_record_can_match_is_not_refused(pattern: dict[str, object]) -> None:
    assert compiled_table(declared(pattern)).matcher is not None


def test_names_with_more_readings_than_are_tried_are_not_refused() -> None:
    """Each name is an attribute's or leads on into a map, and the last ways to read them are those that fit."""
    names = {f"{number}.M.a.S": ["x"] for number in range(11)}
    assert (
        compiled_table(declared({"dynamodb": {"NewImage": {**names, "0": {"S": ["x"]}}}})).matcher is not None
    )
    assert "a REMOVE has no new image" in refusal({"eventName": ["REMOVE"], "dynamodb": {"NewImage": names}})


def test_binary_keys_are_base64_text() -> None:
    declared(keys(hash={"B": ["aGk="]}, range={"S": [{"prefix": "x"}]}), Blob)
    assert "base64 text that is not empty" in refusal(keys(hash={"B": [""]}), Blob)
    assert "of the type B" in refusal(keys(hash={"S": ["hi"]}), Blob)


def leaves(part: object, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """List the values in a record, each with the names that lead to it; the members of a set one by one."""
    if is_map(part):
        for name, within in part.items():
            yield from leaves(within, (*names, name))
    elif is_array(part):
        for each in part:
            yield from leaves(each, names)
    else:
        yield names, part


def pattern_of(names: tuple[str, ...], value: object) -> dict[str, object]:
    """Make the pattern of one value."""
    *way, last = names
    pattern: dict[str, object] = {last: [value]}
    for name in reversed(way):
        pattern = {name: pattern}
    return pattern


CARD: Final = Card(7, "hello", "ada")
EVENTS: Final = (
    insert_event(CARD, table=cards),
    modify_event(CARD, Card(7, "hello"), table=cards),
    remove_event(CARD, table=cards, expired=True),
)
FROM_GLOBAL_TABLE: Final = record(
    change={
        "NewImage": {
            "id": {"N": "1"},
            "title": {"S": "hello"},
            "aws:rep:deleting": {"BOOL": False},
            "aws:rep:updatetime": {"N": "1700000000.000001"},
            "a": {
                "M": {"b": {"L": [{"S": "x"}, {"M": {"c": {"NULL": True}}}]}},
            },
            "sets": {"SS": ["a", "b"]},
        }
    }
)


@given(
    st.sampled_from([lambda_event, kinesis_event, pipe_event]), st.sampled_from([*EVENTS, FROM_GLOBAL_TABLE])
)
def test_what_stands_in_a_record_may_be_asked_for(make: object, given_event: object) -> None:
    """On whichever way it came, each value alone."""
    if given_event is FROM_GLOBAL_TABLE:
        payload: object = batch_of(FROM_GLOBAL_TABLE)
    else:
        payload = make(given_event) if callable(make) else None
    (found,) = read(payload)
    assert isinstance(found, StreamRecord)
    for names, value in leaves(dict(found.raw)):
        matcher = compiled_table(declared(pattern_of(names, value))).matcher
        assert matcher is not None
        assert matcher(found.raw), names
