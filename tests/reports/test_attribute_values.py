"""Reports about attribute values: numbers, binaries, sets, times, and what stands for nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated

from returns.result import Success

from streamfn import EpochSeconds, Image, Table, TimeToLive


@dataclass(frozen=True, slots=True)
class Account:
    """An item with a number that is a whole one."""

    balance: int


@dataclass(frozen=True, slots=True)
class Price:
    """An item with a number that may have a fraction."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Sensor:
    """An item with a number as Python counts."""

    reading: float


@dataclass(frozen=True, slots=True)
class Anything:
    """An item of which one attribute has no type."""

    value: object


@dataclass(frozen=True, slots=True)
class Tagged:
    """An item with a set that has no default."""

    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Labelled:
    """An item with sets that may be absent."""

    id: int
    names: frozenset[str] = frozenset()
    sizes: frozenset[int] = frozenset()
    digests: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """A map within an item."""

    token: bytes


@dataclass(frozen=True, slots=True)
class User:
    """An item with maps in a list."""

    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """An item with a time that may be missing."""

    id: int
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cached:
    """An item that expires."""

    id: int
    expires_at: Annotated[datetime, TimeToLive]


@dataclass(frozen=True, slots=True)
class Device:
    """A map with times within an item."""

    name: str
    created: datetime
    seen: Annotated[datetime, EpochSeconds]


@dataclass(frozen=True, slots=True)
class Site:
    """An item with times below its attributes."""

    devices: tuple[Device, ...]
    log: Mapping[str, datetime]


accounts = Table("prod-Account", Account)
anything = Table("prod-Anything", Anything)
labelled = Table("prod-Labelled", Labelled)
jobs = Table("prod-Job", Job)


def test_zeros_at_the_end_of_a_number_are_no_digits_too_many() -> None:
    """DynamoDB stores 38 significant digits, and writes a large number out with all its zeros.

    A decoder that counts the characters refuses such a number with `decimal.Rounded`.

    https://github.com/aws-powertools/powertools-lambda-python/issues/4845
    """
    written = "110111111111111110000000000000000000000"
    assert Success(Account(110111111111111110000000000000000000000)) == accounts.structure(
        {"balance": {"N": written}}
    )
    assert Success(Price(Decimal(written))) == Table("prod-Price", Price).structure(
        {"amount": {"N": written}}
    )


def test_a_number_of_a_hundred_zeros_is_read_and_written() -> None:
    """The value 1E+100 arrives as 101 digits, and a context that traps rounding cannot read it.

    https://github.com/boto/boto3/pull/2913
    """
    prices = Table("prod-Price", Price)
    read = prices.structure({"amount": {"N": "1" + "0" * 100}}).unwrap()
    assert Decimal("1E+100") == read.amount
    assert Success(read) == prices.structure(prices.unstructure(read))


def test_a_whole_number_beyond_what_a_double_holds_is_exact() -> None:
    """A double has no 9007199254740993, so an identifier that goes through one becomes another item's.

    The same is true of the members of a number set.

    https://github.com/KensioSoftware/yulin/issues/253
    """
    number = "9007199254740993"
    assert Success(Account(9007199254740993)) == accounts.structure({"balance": {"N": number}})
    image: Image = {"id": {"N": "1"}, "sizes": {"NS": [number, "9007199254740992"]}}
    assert Success(Labelled(1, sizes=frozenset({9007199254740992, 9007199254740993}))) == (
        labelled.structure(image)
    )


def test_a_number_without_a_fraction_is_an_int_and_not_a_decimal() -> None:
    """DynamoDB has one type for numbers, so a decoder without a model gives a BigDecimal for 123.

    A model says which type is meant.

    https://github.com/aws/aws-sdk-ruby/issues/2037
    """
    read = accounts.structure({"balance": {"N": "1554138543"}}).unwrap()
    assert (int, 1554138543) == (type(read.balance), read.balance)
    assert Success(Account(123)) == accounts.structure({"balance": {"N": "0.123e3"}})


def test_a_number_without_a_type_in_the_model_is_a_decimal() -> None:
    """The documentation of a decoder promised text for an N, and its users got a Decimal.

    https://github.com/aws-powertools/powertools-lambda-python/issues/2462
    """
    read = anything.structure({"value": {"N": "123.45"}}).unwrap()
    assert (Decimal, Decimal("123.45")) == (type(read.value), read.value)


def test_a_float_is_written_as_a_number() -> None:
    """boto3's resources refuse a float and a datetime.

    A model has both, and they come back as they were.

    https://www.tecracer.com/blog/2023/09/teaching-boto3-to-store-floats-and-datetime-objects-in-dynamodb.html
    """
    sensors = Table("prod-Sensor", Sensor)
    assert {"reading": {"N": "3.14159265359"}} == sensors.unstructure(Sensor(3.14159265359))
    assert Success(Sensor(0.1)) == sensors.structure(sensors.unstructure(Sensor(0.1)))
    job = Job(1, datetime(2023, 9, 1, 12, 30, tzinfo=UTC))
    assert Success(job) == jobs.structure(jobs.unstructure(job))


def test_a_fraction_of_json_stays_what_was_written() -> None:
    """The fraction -0.279938 has no exact float.

    A Decimal holds the digits that stand in the record.

    https://steam.place/entry/2016/04/18/000000
    """
    prices = Table("prod-Price", Price)
    read = prices.structure({"amount": {"N": "-0.279938"}}).unwrap()
    assert "-0.279938" == str(read.amount)


def test_a_binary_is_plain_bytes() -> None:
    """boto3 wraps a binary into a class of its own, whose text cannot be shown and whose bytes cannot be taken.

    https://github.com/boto/boto3/issues/846
    """
    image = {"value": {"B": b64encode(b"hello").decode()}}
    read = anything.structure(image).unwrap()
    assert (bytes, b"hello") == (type(read.value), read.value)


def test_base64_text_is_decoded_however_deep_it_stands() -> None:
    """An export and a Lambda event hold a binary as base64 text, and boto3's deserializer takes bytes alone.

    A program that decoded the top level only would fail on a binary within a list or a map.

    https://github.com/Boise-State-Development/agentcore-public-stack/pull/422
    """
    text = b64encode(b"\x00\xff").decode()
    image = {"sessions": {"L": [{"M": {"token": {"B": text}}}, {"M": {"token": {"B": b"\x00\xff"}}}]}}
    expected = User((Session(b"\x00\xff"), Session(b"\x00\xff")))
    assert Success(expected) == Table("prod-User", User).structure(image)


def test_a_binary_set_is_a_set_of_base64_texts() -> None:
    """A binary set was written as a list of lists of numbers, since hardly anybody uses the type.

    https://github.com/rusoto/rusoto/pull/1349
    """
    texts = [b64encode(value).decode() for value in (b"ab", b"\xfe")]
    read = labelled.structure({"id": {"N": "1"}, "digests": {"BS": texts}})
    assert Success(Labelled(1, digests=frozenset({b"ab", b"\xfe"}))) == read
    written = labelled.unstructure(Labelled(1, digests=frozenset({b"ab"})))
    assert {"BS": [b"ab"]} == written["digests"]


def test_binaries_of_the_same_bytes_are_one_member_of_a_set() -> None:
    """Two arrays of the same bytes are different objects, and a set that compares objects keeps both.

    https://github.com/KensioSoftware/yulin/issues/253
    """
    text = b64encode(b"same").decode()
    image: Image = {"id": {"N": "1"}, "digests": {"BS": [text, b"same"]}}
    assert Success(Labelled(1, digests=frozenset({b"same"}))) == labelled.structure(image)


def test_an_empty_set_with_a_default_is_left_out() -> None:
    """DynamoDB refuses an empty SS, NS or BS, so an item with one cannot be stored.

    https://github.com/aws/aws-sdk-net/issues/3297
    """
    assert {"id": {"N": "1"}} == labelled.unstructure(Labelled(1))
    assert Success(Labelled(1)) == labelled.structure({"id": {"N": "1"}})


def test_a_null_in_the_place_of_a_set_is_an_empty_set() -> None:
    """A library stored NULL for an empty set, and the item then had an attribute of another type.

    https://github.com/dynamodb-toolbox/dynamodb-toolbox/issues/566
    """
    tagged = Table("prod-Tagged", Tagged)
    assert Success(Tagged(frozenset())) == tagged.structure({"tags": {"NULL": True}})
    assert {"tags": {"NULL": True}} == tagged.unstructure(Tagged(frozenset()))


def test_empty_text_is_a_member_of_a_set() -> None:
    """An empty set is refused, and empty text within a set is not, though many expect it to be.

    https://github.com/paritysuite/dynamodb-conformance/issues/82
    """
    tagged = Table("prod-Tagged", Tagged)
    assert Success(Tagged(frozenset({"", "a"}))) == tagged.structure({"tags": {"SS": ["", "a"]}})
    assert {"tags": {"SS": [""]}} == tagged.unstructure(Tagged(frozenset({""})))


def test_empty_text_in_a_list_keeps_its_place() -> None:
    """A library left empty texts out of what it wrote, which in a list moves all that comes after.

    https://github.com/guregu/dynamo/issues/102
    """

    @dataclass(frozen=True)
    class Lines:
        lines: Sequence[str]

    texts = Table("prod-Lines", Lines)
    image = {"lines": {"L": [{"S": "hi"}, {"S": ""}, {"S": "there"}]}}
    assert Success(Lines(("hi", "", "there"))) == texts.structure(image)
    assert image == texts.unstructure(Lines(("hi", "", "there")))


def test_empty_lists_and_maps_are_stored() -> None:
    """DynamoDB stores an empty list and an empty map, and no empty set.

    A mapper treated all three alike.

    https://github.com/shiftcode/dynamo-easy/issues/148
    """

    @dataclass(frozen=True)
    class Basket:
        items: list[int] = field(default_factory=list[int])
        notes: Mapping[str, str] = field(default_factory=dict[str, str])
        tags: frozenset[str] = frozenset()

    baskets = Table("prod-Basket", Basket)
    assert {"items": {"L": []}, "notes": {"M": {}}} == baskets.unstructure(Basket())
    assert Success(Basket()) == baskets.structure({"items": {"L": []}, "notes": {"M": {}}})


def test_a_null_in_the_place_of_a_time_is_none() -> None:
    """An optional time was parsed before anybody asked whether the attribute is NULL.

    https://github.com/pynamodb/PynamoDB/issues/824
    """
    assert Success(Job(1)) == jobs.structure({"id": {"N": "1"}, "finished_at": {"NULL": True}})
    assert Success(Job(1)) == jobs.structure({"id": {"N": "1"}})


def test_a_time_of_another_form_is_told_with_its_path() -> None:
    """A time that another program wrote without an offset made the whole read fail with a ValueError.

    https://github.com/pynamodb/PynamoDB/issues/976
    """
    image = {"id": {"N": "1"}, "finished_at": {"S": "2021-09-06 17:04:21.899683"}}
    (problem,) = jobs.structure(image).failure().problems
    assert "$.finished_at" == problem.path
    assert "2021" not in str(problem)


def test_a_time_to_live_is_in_seconds_whatever_the_time_zone() -> None:
    """A time to live was computed by subtracting a time without a zone, which fails for a time with one.

    https://github.com/pynamodb/PynamoDB/pull/631
    """
    cache = Table("prod-Cached", Cached)
    noon = datetime(2019, 6, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    assert {"N": "1559642400"} == cache.unstructure(Cached(1, noon))["expires_at"]
    assert Success(Cached(1, noon)) == cache.structure({"id": {"N": "1"}, "expires_at": {"N": "1559642400"}})


def test_a_time_within_a_list_of_maps_is_written_and_read() -> None:
    """A mapper knew times as attributes of an item, and not within lists and maps.

    https://github.com/pynamodb/PynamoDB/pull/250
    """
    moment = datetime(2017, 3, 28, 7, 30, tzinfo=UTC)
    site = Site((Device("device 1", moment, moment),), {"installed": moment})
    sites = Table("prod-Site", Site)
    written = sites.unstructure(site)
    assert Success(site) == sites.structure(written)
    device = {
        "name": {"S": "device 1"},
        "created": {"S": "2017-03-28T07:30:00+00:00"},
        "seen": {"N": "1490686200"},
    }
    assert {"L": [{"M": device}]} == written["devices"]
