"""Lambda's own documents are told by their shape, and read no further than they can be relied on."""

from __future__ import annotations

import json

import pytest

from streamfn.redrive._documents import NotADocument, read_document
from tests.dead_letters.documents import ARN, SHARD, document, number_of, raws
from tests.dead_letters.redriving import STREAM
from tests.delivery.jobs import written

RECORDS = raws(written("a1", "b1", "c1"))


def without(name: str, **others: object) -> str:
    """Leave a part out of the batch's description, or put another in."""
    told = json.loads(document(RECORDS))
    told["DDBStreamBatchInfo"] = {**told["DDBStreamBatchInfo"], **others}
    told["DDBStreamBatchInfo"].pop(name, None)
    told.pop(name, None)
    return json.dumps(told)


def test_a_document_says_where_its_records_lie() -> None:
    read = read_document(document(RECORDS))
    assert read is not None
    assert (read.function, read.stream, read.shard, read.size) == ("follow", STREAM, SHARD, 3)
    assert (read.start, read.end) == (number_of(RECORDS[0]), number_of(RECORDS[2]))
    assert read.records is None
    assert repr(read) == f"Document('follow', '{SHARD}', {read.start!r} to {read.end!r})"


def test_one_from_a_bucket_carries_them() -> None:
    read = read_document(document(RECORDS, payload=True))
    assert read is not None
    assert read.records is not None
    assert [record.raw for record in read.records] == RECORDS


@pytest.mark.parametrize("arn", [ARN, f"{ARN}:$LATEST", f"{ARN}:live", ARN.replace(":aws:", ":aws-us-gov:")])
def test_the_function_is_found_under_any_qualifier_and_in_any_partition(arn: str) -> None:
    read = read_document(document(RECORDS, arn=arn))
    assert read is not None
    assert read.function == "follow"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "[" * 100_000,
        "[]",
        "{}",
        '{"DDBStreamBatchInfo": []}',
    ],
    ids=["nothing", "text", "too deep", "list", "empty", "no object"],
)
def test_whatever_has_another_shape_is_none(text: str) -> None:
    assert read_document(text) is None


@pytest.mark.parametrize(
    "text",
    [
        without("requestContext"),
        without("shardId"),
        without("streamArn"),
        without("startSequenceNumber"),
        without("endSequenceNumber"),
        without("", startSequenceNumber="first"),
        document(RECORDS, arn="arn:aws:states:eu-west-1:123456789012:stateMachine:follow"),
    ],
    ids=["context", "shard", "stream", "start", "end", "no number", "no function"],
)
def test_one_that_does_not_say_enough_is_refused(text: str) -> None:
    with pytest.raises(
        NotADocument, match="does not name its function, its stream, or the range of its shard"
    ):
        read_document(text)


@pytest.mark.parametrize("text", [without("batchSize"), without("", batchSize="3")])
def test_one_that_does_not_say_how_many_records_there_were_is_refused(text: str) -> None:
    with pytest.raises(NotADocument, match="does not say how many records there were"):
        read_document(text)


def test_one_with_a_payload_of_something_else_is_refused() -> None:
    text = json.dumps(json.loads(document(RECORDS)) | {"payload": {"Records": [{"eventSource": "aws:sqs"}]}})
    with pytest.raises(NotADocument, match=r"the document's payload: expected .* got records of aws:sqs"):
        read_document(text)


def test_that_of_a_kinesis_stream_is_read_with_its_records_and_refused_without() -> None:
    def of_kinesis(text: str) -> str:
        return text.replace("DDBStreamBatchInfo", "KinesisBatchInfo")

    read = read_document(of_kinesis(document(RECORDS, payload=True)))
    assert read is not None
    assert read.records is not None
    assert len(read.records) == len(RECORDS)
    with pytest.raises(NotADocument, match="a bucket keeps them"):
        read_document(of_kinesis(document(RECORDS)))
    of_a_pipe = of_kinesis(document(RECORDS)).replace("requestContext", "context")
    of_a_pipe = of_a_pipe.replace("functionArn", "partnerResourceArn")
    with pytest.raises(NotADocument, match="they have to be read from the stream again"):
        read_document(of_a_pipe.replace(ARN, "arn:aws:pipes:eu-west-1:123456789012:pipe/cards"))
