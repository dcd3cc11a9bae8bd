"""Events and records for tests.

In this order: attribute values as JSON, items as their table writes them, records as Lambda delivers them, and events.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Final, NamedTuple, Protocol, TypedDict, cast

from typing_extensions import TypeVar, Unpack

from streamfn._conversion.dispatch import LightConverter, unstructure_hook
from streamfn._conversion.hints import Hint, is_model, is_typed_dict, union_members
from streamfn._conversion.models import fields_of
from streamfn._errors import ConfigurationError, kind_of
from streamfn._events import InsertEvent, KeysEvent, ModifyEvent, RemoveEvent, UpsertEvent
from streamfn._records import (
    EVENT_SOURCE,
    AttributeValue,
    EventName,
    Image,
    RawChange,
    RawRecord,
    StreamRecord,
    StreamViewType,
    is_map,
    stream_record,
)
from streamfn._tables import Table, compiled_table, tables_of, tables_of_dicts

# Attribute values as a Lambda event carries them: as JSON, with the size that DynamoDB counts.

_KEY_TAGS: Final = frozenset({"S", "N", "B"})


def as_json(image: Image) -> dict[str, AttributeValue]:
    """Make JSON of an image: a binary becomes base64 text, as in the events that Lambda sends."""
    # Of a map comes a map.
    return cast("dict[str, AttributeValue]", _json(image))


def first_key(image: Image) -> dict[str, AttributeValue]:
    """Return the first attribute that could be a key (text, number or binary), as a dict; empty if none could."""
    return dict([each for each in image.items() if _KEY_TAGS >= each[1].keys()][:1])


def size_of(image: Image) -> int:
    """Count the bytes of an image.

    The rules are those of "DynamoDB Item sizes and formats" in the Amazon DynamoDB Developer Guide, whose
    sizes of numbers are approximate.

    >>> size_of({"id": {"N": "1234"}, "tags": {"L": [{"S": "a"}, {"BOOL": True}]}})
    16
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in image.items())


def _json(value: object) -> object:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if is_map(value):
        return {name: _json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_json(part) for part in cast("list[object]", value)]  # isinstance drops the type
    return value


def _value_size(value: object) -> int:
    ((tag, content),) = cast("Mapping[str, object]", value).items()  # unstructured, so well formed
    match tag:
        case "S":
            return len(cast("str", content).encode())
        case "N":
            return _number_size(cast("str", content))
        case "B":
            return len(cast("bytes", content))
        case "SS" | "NS" | "BS":
            return sum(_value_size({tag[0]: member}) for member in cast("Iterable[object]", content))
        case "L":
            return 3 + sum(1 + _value_size(part) for part in cast("Iterable[object]", content))
        case "M":
            parts = cast("Mapping[str, AttributeValue]", content)
            return 3 + sum(1 + len(name.encode()) + _value_size(part) for name, part in parts.items())
        case _:
            return 1


def _number_size(number: str) -> int:
    """About one byte for two significant digits, and one more."""
    digits = number.lower().partition("e")[0].lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1


# Items as their table writes them: the table's name, the item's attributes and its keys.
#
# A test passes an item and no table; the table is the one declared with the item's model. Without such a table a
# handler can be tested as well: the item is written as by a table with the model's name.

T = TypeVar("T")

_CONVERTER: Final = LightConverter(forbid_extra_keys=False)


class AttrsField(Protocol):
    """A field of an attrs class."""

    @property
    def name(self) -> str:
        """The field's name."""
        ...


class WrittenItem(NamedTuple):
    """An item of a table, as attribute values."""

    table_name: str
    keys: Image
    image: Image


def written(item: T, table: Table[T] | None) -> WrittenItem:
    """Write an item as its table does; without a table, as the table that was declared with its model.

    For a model that marks no keys, the key is the first attribute that could be one.

    An item of a subclass that adds no field counts as an item of the model. A dict counts as an item of each TypedDict
    whose keys it has. Of several tables, only those count that can write the item: G[int], not G[str], writes a G of
    1.

    Raises `ConfigurationError` if several tables can write the item and differ in the result, or if no attribute of the
    item could be its key; and `ValueError`, which names the field, for a value that DynamoDB does not store.
    """
    if table is not None:
        if not isinstance(cast("object", table), Table):
            raise ConfigurationError(
                f"table is a Table, got {kind_of(table)}: pass the one that was declared"
            )
        return _written_by(cast("Table[object]", table), item)  # it only writes, and an item of T
    tables = _tables_for(item)
    if not tables and not is_model(type(item)) and not _is_dict(item):
        raise ConfigurationError(
            f"an item is an instance of a model, got {kind_of(item)}: make one, as in insert_event(Card(1))"
        )
    if not tables:
        return written_bare(item, type(item).__name__)
    if len(tables) == 1:
        return _written_by(tables[0], item)
    found: list[WrittenItem] = []
    problems: list[Exception] = []
    for each in tables:
        try:
            found.append(_written_by(each, item))
        except Exception as problem:  # noqa: BLE001 (a hook of the user may raise any exception for another model)
            problems.append(problem)
    if not found:
        raise next((each for each in problems if isinstance(each, ValueError)), problems[0])
    if any(other != found[0] for other in found):
        names = ", ".join(sorted({each.name for each in tables}))
        raise ConfigurationError(
            f"{type(item).__name__} is the model of several tables ({names}): name one with table="
        )
    return found[0]


def table_name_of(keys: object) -> str:
    """Name the table of an item's keys: the one that has their class for its model, or else by the class."""
    names = {table.name for table in _tables_for(keys)}
    return names.pop() if len(names) == 1 else type(keys).__name__


def _tables_for(item: object) -> Sequence[Table[object]]:
    """Find the tables that have the model of an item."""
    if isinstance(item, dict):
        keys = frozenset(cast("dict[str, object]", item))  # isinstance drops the type
        return [
            table
            for table in tables_of_dicts()
            if any(_fits(keys, model) for model in union_members(table.model))
        ]
    cls = type(item)
    for base in cls.__mro__:
        if (tables := tables_of(base)) and (base is cls or _names(base) == _names(cls)):
            return tables
    return ()


def _is_dict(item: object) -> bool:
    return isinstance(item, dict)


def _fits(keys: frozenset[str], model: Hint) -> bool:
    if not is_typed_dict(model):
        return False
    fields = fields_of(model)
    required = frozenset(field.name for field in fields if field.required)
    return required <= keys <= frozenset(field.name for field in fields)


def _names(model: type) -> frozenset[str]:
    """Return the names of the fields of a dataclass or an attrs class of any types."""
    fields: Mapping[str, object] | Sequence[AttrsField] = getattr(
        model, "__attrs_attrs__", getattr(model, "__dataclass_fields__", {})
    )
    return frozenset(fields if isinstance(fields, Mapping) else (field.name for field in fields))


def written_bare(item: object, table_name: str) -> WrittenItem:
    """Write an item of a model without a table of its own, or keys alone."""
    # A model is written as an M.
    image = cast("dict[str, Image]", unstructure_hook(type(item), _CONVERTER)(item))["M"]
    return WrittenItem(table_name, _unmarked_keys(item, image), image)


def _written_by(table: Table[object], item: object) -> WrittenItem:
    image = table.unstructure(item)
    marked = [key.name for key in compiled_table(table).keys.attributes]
    keys = {name: image[name] for name in marked} if marked else _unmarked_keys(item, image)
    return WrittenItem(table.name, keys, image)


def _unmarked_keys(item: object, image: Image) -> Image:
    if keys := first_key(image):
        return keys
    raise ConfigurationError(
        f"{type(item).__name__} has nothing that could be an item's key: annotate a field with PartitionKey"
    )


# Records for tests, in the shape in which Lambda delivers the records of a stream.
#
# The shape is the one of the sample event in "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda Developer
# Guide: times are seconds since 1970, numbers and sequence numbers are text, binaries are base64.

DEFAULT_TIME: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""The default time of a change."""

DEFAULT_REGION: Final = "eu-west-1"

_changes: Final = count(1)
_BEFORE_THE_FIRST: Final = 99_999_999_999_999_999_997
"""Sequence numbers grow by a digit at the third record, so that a comparison as text shows up in tests."""


class Identity(TypedDict, total=False):
    """The identifiers of a record; a test passes those that it compares.

    `at` is the time of the change, by default the start of 2024. `event_id` and `sequence_number` are new for each
    event by default, and the sequence numbers ascend.
    """

    at: datetime
    event_id: str
    sequence_number: str


def record(
    event_name: EventName,
    item: WrittenItem,
    identity: Identity,
    *,
    old_image: Image | None = None,
    new_image: Image | None = None,
    expired: bool = False,
) -> StreamRecord:
    """Make the record of a change to an item, of a stream of the view type NEW_AND_OLD_IMAGES.

    Raises `ValueError` if the change is said to be made at a time without a time zone.
    """
    at = identity.get("at", DEFAULT_TIME)
    if at.tzinfo is None:
        raise ValueError("at= should have a time zone, as datetime(2024, 1, 1, tzinfo=UTC) has")
    number = next(_changes)
    parts = {"Keys": item.keys} | {
        name: image for name, image in (("NewImage", new_image), ("OldImage", old_image)) if image is not None
    }
    change: RawChange = {
        "ApproximateCreationDateTime": at.timestamp(),
        "Keys": as_json(item.keys),
        "SequenceNumber": identity.get("sequence_number", str(_BEFORE_THE_FIRST + number)),
        "SizeBytes": sum(map(size_of, parts.values())),
        "StreamViewType": StreamViewType.NEW_AND_OLD_IMAGES.value,
    }
    if new_image is not None:
        change["NewImage"] = as_json(new_image)
    if old_image is not None:
        change["OldImage"] = as_json(old_image)
    made: RawRecord = {
        "eventID": identity.get("event_id", f"{number:032x}"),
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": EVENT_SOURCE,
        "awsRegion": DEFAULT_REGION,
        "eventSourceARN": _arn(item.table_name),
        "dynamodb": change,
    }
    if expired:
        made["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return stream_record(made)


def _arn(table_name: str) -> str:
    stream = f"{DEFAULT_TIME:%Y-%m-%dT%H:%M:%S}.000"
    return f"arn:aws:dynamodb:{DEFAULT_REGION}:123456789012:table/{table_name}/stream/{stream}"


# Events of a user's own items, for the tests of handlers.
#
# Each event carries the record of the stream, so that a test can pass it to a handler directly or, by `lambda_event`,
# through a whole pipeline.

K = TypeVar("K")


def insert_event(item: T, *, table: Table[T] | None = None, **identity: Unpack[Identity]) -> InsertEvent[T]:
    """Make the event of an item that is inserted into the table.

    `table` is the table that was declared with the item's model; pass it if there are several. `identity` holds the
    identifiers of the record: see `Identity`.

    Raises `ConfigurationError` if several tables were declared with the model and none is passed, or if no attribute of
    the item could be its key; and `ValueError`, which names the field, for a value that DynamoDB does not store.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Card:
    ...     id: int
    >>> event = insert_event(Card(1))
    >>> event.new_image, event.record.new_image
    (Card(id=1), {'id': {'N': '1'}})
    """
    new = written(item, table)
    return InsertEvent(record("INSERT", new, identity, new_image=new.image), item)


def modify_event(
    old: T, new: T, *, table: Table[T] | None = None, **identity: Unpack[Identity]
) -> ModifyEvent[T]:
    """Make the event of an item that changes from `old` to `new`; see `insert_event`.

    Raises `ValueError` besides if the keys differ: DynamoDB would see two items.
    """
    before, after = written(old, table), written(new, table)
    if before.keys != after.keys:
        raise ValueError(
            "an item keeps its keys: make a remove_event of the one and an insert_event of the other"
        )
    made = record("MODIFY", after, identity, old_image=before.image, new_image=after.image)
    return ModifyEvent(made, old, new)


def remove_event(
    item: T, *, expired: bool = False, table: Table[T] | None = None, **identity: Unpack[Identity]
) -> RemoveEvent[T]:
    """Make the event of an item that leaves the table, `expired` by its time to live or removed; see `insert_event`."""
    old = written(item, table)
    return RemoveEvent(record("REMOVE", old, identity, old_image=old.image, expired=expired), item)


def upsert_event(item: T, *, table: Table[T] | None = None, **identity: Unpack[Identity]) -> UpsertEvent[T]:
    """Make the event for an `on_upsert` handler, here of an inserted item; see `insert_event`."""
    new = written(item, table)
    return UpsertEvent(record("INSERT", new, identity, new_image=new.image), item)


def keys_event(keys: K, *, table_name: str = "", **identity: Unpack[Identity]) -> KeysEvent[K]:
    """Make the event for an `on_keys` handler, here of an inserted item.

    `keys` is an instance of the model that the handler was registered with. `table_name` is by default the name of the
    table with this model, or else the name of the model. `identity` is as for `insert_event`.

    For a whole pipeline, make the event of an item and send it with ``lambda_event(…,
    view_type=StreamViewType.KEYS_ONLY)``.
    """
    item = written_bare(keys, table_name or table_name_of(keys))
    return KeysEvent(record("INSERT", item._replace(keys=item.image), identity), keys)
