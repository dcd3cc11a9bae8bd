"""Witnesses: records that a pipeline handles and that the filters of a mapping drop."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime
from enum import Enum
from itertools import chain, islice, product
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args
from uuid import UUID

from streamfn._conversion.dispatch import model_fields
from streamfn._conversion.hints import Hint, is_enum, is_model, origin, tags_of, union_members, unwrap
from streamfn._events import EVENTS, ImageDecoder, Unstructured, event_factory
from streamfn._execution.calls import wants
from streamfn._handlers import AnyHandler
from streamfn._patterns.possible import ReadableField, possible_alternatives
from streamfn._patterns.syntax import comparable, is_array
from streamfn._pipeline import Route, may_match
from streamfn._records import (
    EVENT_NAMES,
    EVENT_SOURCE,
    AttributeValue,
    EventName,
    ImageName,
    RawRecord,
    StreamViewType,
    is_map,
    stream_record,
)
from streamfn._tables import Table, compiled_table
from streamfn.mappings._filters import EVENT_NAME_FIELD, without_event_name

# Items: images that fit a model, as parts of records that a handler would want.

MutableImage = dict[str, AttributeValue]
"""An image that may be changed."""

FRESH: Final[dict[str, tuple[object, ...]]] = {
    "S": ("~", ""),
    "N": ("0", "1", "-7", "987654321"),
    "B": (base64.b64encode(b"~").decode(),),
    "BOOL": (True, False),
    "NULL": (True,),
    "SS": (["~"],),
    "NS": (["987654321"],),
    "BS": ([base64.b64encode(b"~").decode()],),
    "L": ([],),
    "M": ({},),
}
"""Contents for each type tag, as plain as can be."""

_TEXTS: Final[dict[object, str]] = {
    datetime: "2024-01-01T00:00:00+00:00",
    date: "2024-01-01",
    UUID: "00000000-0000-4000-8000-000000000000",
}
"""Example texts of these types."""


def samples_of(table: Table[object]) -> list[MutableImage]:
    """Return images that fit the table's model: one with the required attributes, and one with all, if possible."""
    found: list[MutableImage] = []
    for model in union_members(table.model):
        for required in (True, False):
            item = _item(table, model, required=required)
            if table.structure(item).value_or(None) is not None and item not in found:
                found.append(item)
    return found


def values_of(table: Table[object], attribute: str) -> list[AttributeValue]:
    """Return values of an attribute that the model may know."""
    return [
        value
        for model in union_members(table.model)
        for field in model_fields(model, compiled_table(table).hooks)
        if field.attribute == attribute
        for value in _values(table, field.hint)
    ]


def _item(table: Table[object], model: Hint, *, required: bool) -> MutableImage:
    return {
        field.attribute: value
        for field in model_fields(model, compiled_table(table).hooks)
        if field.required or not required
        for value in [next(_values(table, field.hint), None)]
        if value is not None
    }


def _values(table: Table[object], hint: Hint) -> Iterator[AttributeValue]:
    """Make values of a type, the simplest first."""
    inner = unwrap(hint)
    # A model last: one that may hold another of itself has an end then.
    for member in sorted(union_members(inner), key=lambda each: is_model(unwrap(each))):
        plain = unwrap(member)
        if is_model(plain):
            yield {"M": _item(table, plain, required=True)}
        elif origin(plain) is Literal:
            yield from map(_of_value, get_args(plain))
        elif is_enum(plain):
            yield from (_of_value(each.value) for each in cast("type[Enum]", plain))
        elif origin(plain) is tuple and Ellipsis not in get_args(plain):
            yield {"L": [next(_values(table, each), None) for each in get_args(plain)]}
        else:
            for tag in sorted(tags_of(hint if plain is inner else member)):
                contents = (_TEXTS[plain],) if tag == "S" and plain in _TEXTS else FRESH[tag]
                yield from ({tag: content} for content in contents)


def _of_value(value: object) -> AttributeValue:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


# Witnesses: records that a handler wants and that the filters of a mapping drop, found by making them.
#
# A record is made of an image that fits the table's model. Then it is changed so that a pattern of the table matches
# and no filter does, and the result is checked again by the pattern, the model, each handler's `where`, and the
# filters. So a witness proves that the filters drop a wanted record. A search without a witness proves nothing.

Passes: TypeAlias = Callable[[RawRecord], bool]
"""Tells whether the filters of a mapping pass a record."""

_MOST: Final = 3_000
"""The number of changes that are tried for each kind of record."""

_CHOICES: Final = 4
"""The number of values that are tried for each field of a pattern."""

_INDEX: Final[Mapping[ImageName, int]] = {"Keys": 0, "NewImage": 1, "OldImage": 2}
_PARTS: Final[Mapping[EventName, tuple[ImageName, ...]]] = {
    "INSERT": ("NewImage",),
    "MODIFY": ("OldImage", "NewImage"),
    "REMOVE": ("OldImage",),
}
_BY_TTL: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class Witness(NamedTuple):
    """A handler, and the kind of a record that it wants and the filters drop."""

    handler: str
    event_name: EventName


class Edit(NamedTuple):
    """A value for a path in a part of a record; None removes the value."""

    part: ImageName
    place: tuple[str, ...]
    tag: str
    content: object


class RecordOrigin(NamedTuple):
    """The source of records: the ARN of the stream, and its table."""

    arn: str
    table_name: str


def witness_of(
    routes: Sequence[Route],
    source: RecordOrigin,
    filters: Sequence[Sequence[ReadableField]],
    passes: Passes,
    dropped: Collection[EventName],
) -> Iterator[Witness]:
    """Yield, for each handler of a table and each of its event names, a wanted record that the filters drop.

    `filters` holds the fields of each alternative of the filters, and `dropped` the event names that the filters drop
    altogether: there, `where` need not want the record.
    """
    for route in routes:
        keys = {key.name: key.tag for key in compiled_table(route.table).keys.attributes}
        matcher = compiled_table(route.table).matcher
        pattern: Mapping[str, object] = {} if matcher is None else matcher.pattern
        for event_name in EVENT_NAMES:
            wanted = _wanted(pattern, event_name, source.table_name, keys)
            handlers = [each for each in route.handlers if wanted and event_name in EVENTS[each.kind]]
            for handler in handlers:
                made = _records(route, source, event_name, wanted, filters)
                if event_name in dropped or any(
                    not passes(raw) and _is_wanted(route, handler, raw) for raw in made
                ):
                    yield Witness(handler.name, event_name)


def _wanted(
    pattern: Mapping[str, object], event_name: EventName, table_name: str, keys: Mapping[str, str]
) -> list[list[ReadableField]]:
    """Return the fields of each alternative of a pattern for one event name; none if it is excluded."""
    rest = without_event_name(pattern, event_name)
    if rest is None:
        return []
    return possible_alternatives({EVENT_NAME_FIELD: [event_name], **rest}, [table_name], keys)


def _is_wanted(route: Route, handler: AnyHandler, raw: RawRecord) -> bool:
    """Return whether a handler would get a record."""
    matcher = compiled_table(route.table).matcher
    if matcher is not None and not may_match(matcher, raw):
        return False

    def part(name: ImageName) -> ImageDecoder:
        return ImageDecoder(route.table, name, _INDEX[name], handler.keys)

    event = event_factory(handler.kind, raw["eventName"], handler.name, part)(stream_record(raw), [None] * 3)
    if isinstance(event, Unstructured):
        return False
    where = cast("Callable[[object], object] | None", handler.where)  # of that kind of event
    return where is None or wants(where, event) is True


def _records(
    route: Route,
    source: RecordOrigin,
    event_name: EventName,
    wanted: Sequence[Sequence[ReadableField]],
    filters: Sequence[Sequence[ReadableField]],
) -> Iterator[RawRecord]:
    """Make records of one kind that some alternative of the table's pattern may match, and no filter."""
    samples = samples_of(route.table)
    changed = [_changed(route, each) for each in samples]
    pairs = chain(
        product(samples, [*samples, *changed] if event_name == "MODIFY" else samples[:1]),
        zip(changed, samples, strict=True),
    )
    for sample, before in pairs:
        for alternative in wanted:
            satisfying = [_satisfying(route, each) for each in alternative]
            evading = [
                [*(change for each in asked for change in _evading(route, each)), None] for asked in filters
            ]
            as_it_is = product(*satisfying, *([None] for _ in filters))
            for changes in islice(chain(as_it_is, product(*satisfying, *evading)), _MOST):
                parts: dict[str, MutableImage] = {part: deepcopy(sample) for part in _PARTS[event_name]}
                if event_name == "MODIFY":
                    parts["OldImage"] = deepcopy({**before, **_keys(route, sample, [])})
                keys = _keys(route, sample, [*alternative, *(each for asked in filters for each in asked)])
                for change in filter(None, changes):
                    _apply(change, parts, keys)
                yield from _raw(source, event_name, parts, keys)


def _changed(route: Route, sample: MutableImage) -> MutableImage:
    """Change the values of an item, if its model knows others."""
    return {name: (values_of(route.table, name) or [value])[-1] for name, value in sample.items()}


def _keys(route: Route, sample: MutableImage, asked: Sequence[ReadableField]) -> MutableImage:
    """Return the keys of an item: the marked ones, or else those that a pattern asks for."""
    names = [key.name for key in compiled_table(route.table).keys.attributes] or [
        reading.attribute for each in asked for reading in each.readings[:1] if reading.part == "Keys"
    ]
    return {name: sample[name] for name in names if name in sample}


def _raw(
    source: RecordOrigin, event_name: EventName, parts: Mapping[str, MutableImage], keys: MutableImage
) -> Iterator[RawRecord]:
    """Yield a raw record; for a removal, also one by time to live."""
    identities: list[Mapping[str, object]] = [{}, {"userIdentity": _BY_TTL}]
    for identity in identities if event_name == "REMOVE" else identities[:1]:
        yield cast(
            "RawRecord", _written(source, event_name, {**parts, "Keys": keys}, identity)
        )  # which it is


def _written(
    source: RecordOrigin,
    event_name: EventName,
    parts: Mapping[str, MutableImage],
    identity: Mapping[str, object],
) -> object:
    return {
        "eventID": "0",
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": EVENT_SOURCE,
        "awsRegion": source.arn.split(":")[3],
        "eventSourceARN": source.arn,
        "tableName": source.table_name,
        **identity,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_000,
            **parts,
            "SequenceNumber": "100000000000000000001",
            "SizeBytes": 100,
            "StreamViewType": StreamViewType.NEW_AND_OLD_IMAGES.value,
        },
    }


def _apply(change: Edit, parts: Mapping[str, MutableImage], keys: MutableImage) -> None:
    """Put a value into a part of a record; a key into all parts, as it is the same in each."""
    name = change.place[0]
    if change.part == "Keys" or name in keys:
        if len(change.place) > 1 or change.content is None:
            return
        for item in (keys, *parts.values()):
            item[name] = {change.tag: change.content}
    elif change.part in parts:
        _put(parts[change.part], change)


def _put(item: MutableImage, change: Edit) -> None:
    """Put a value at its path; a value on the way that is no map or list becomes one."""
    here = cast("dict[str, object]", item)  # attribute values are put into it
    steps = iter(change.place)
    while True:
        name, tag = next(steps), next(steps, None)
        if tag is None:
            here.pop(name, None)
            here |= {} if change.content is None else {name: {change.tag: change.content}}
            return
        known = here.get(name)
        value: dict[str, object] = dict(known) if is_map(known) else {}
        here[name] = value
        while tag == "L":
            value.clear()
            element: dict[str, object] = {}
            value["L"] = [element]
            tag, value = next(steps, None), element
        if tag is None:
            value |= {} if change.content is None else {change.tag: change.content}
            return
        within = value.get("M")
        here = dict(within) if is_map(within) else {}
        value.clear()
        value["M"] = here


def _satisfying(route: Route, asked: ReadableField) -> list[Edit | None]:
    """Yield changes that satisfy a field; None changes nothing."""
    return _some([change for change in _candidates(route, asked) if _holds(asked, change)]) or [None]


def _evading(route: Route, asked: ReadableField) -> list[Edit | None]:
    """Yield changes that do not satisfy a field."""
    return _some([change for change in _candidates(route, asked) if not _holds(asked, change)])


def _some(changes: Sequence[Edit]) -> list[Edit | None]:
    """Choose some, the last of which is nothing at all where that will do."""
    return [*changes[:_CHOICES], *changes[_CHOICES:][-1:]]


def _holds(asked: ReadableField, change: Edit) -> bool:
    wanted = asked.wanted
    return wanted.absent if change.content is None else wanted.holds(comparable(_member(change.content)))


def _member(content: object) -> object:
    """Return the member of a set of one, or the value itself if it is no set."""
    return content[0] if is_array(content) else content


def _candidates(route: Route, asked: ReadableField) -> Iterator[Edit]:
    """Yield values of an attribute, and its absence: the model's values, the wanted values, and others."""
    reading = asked.readings[0]
    if reading.part is None:
        return
    place, tag = reading.tags[-1]
    contents: list[object] = []
    if len(place) == 2:
        contents += [value[tag] for value in values_of(route.table, place[1]) if tag in value]
    contents += [each for element in asked.field.array for each in _near(element, tag)]
    contents += [*FRESH[tag], None]
    for content in contents:
        yield Edit(reading.part, place[1:], tag, content)


def _near(element: object, tag: str) -> Iterator[object]:
    """Make values that have to do with an element of a pattern's array."""
    if is_map(element):
        for operand in element.values():
            for each in operand if is_array(operand) else [operand]:
                yield from _near(each, tag)
    elif isinstance(element, bool) or element is None:
        if tag in {"BOOL", "NULL"} and element is not None:
            yield element
    else:
        texts = (str(element), f"{element}~")
        yield from ([text] for text in texts) if tag in {"SS", "NS", "BS"} else texts
