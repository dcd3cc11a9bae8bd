"""The module that `streamfn model` proposes.

In this order: names of fields and classes, samples of items and keys of the table, shapes of attributes, the source of
the module, and proposals that combine all of these.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final, NotRequired, Protocol, TypeAlias, TypedDict, assert_never, cast
from unicodedata import normalize

from typing_extensions import ReadOnly

from streamfn._conversion.attribute_values import (
    split_tag,
    structure_datetime,
    structure_int,
    structure_plain,
)
from streamfn._conversion.composites import MAX_LEVELS
from streamfn._conversion.hooks import StructureError
from streamfn._errors import ConfigurationError, encoding_of
from streamfn._records import AttributeValue, Image, is_map

# Names of fields, which may differ from the names of their attributes, and names of classes.

RESERVED: Final = frozenset(
    {
        *("Annotated", "Attribute", "PartitionKey", "SortKey", "Table", "TimeToLive", "dataclass", "table"),
        *(
            "Decimal",
            "False",
            "None",
            "True",
            "bool",
            "bytes",
            "datetime",
            "dict",
            "frozenset",
            "int",
            "object",
            "str",
            "tuple",
        ),
    }
)
"""Names that the module itself uses; a field of such a name would shadow it within the class."""

_WORD: Final = re.compile(r"[A-Za-z0-9]+")


def field_names(attributes: Iterable[str], taken: Collection[str]) -> Mapping[str, str]:
    """Assign each attribute a field of its own, with the same name where Python allows this.

    >>> field_names(["id", "class", "unit-price", "unit_price"], ())
    {'id': 'id', 'class': 'class_', 'unit-price': 'unit_price_2', 'unit_price': 'unit_price'}
    """
    attributes = list(attributes)
    found = {name: name for name in attributes if _is_field(name) and name not in {*RESERVED, *taken}}
    used = {*found, *RESERVED, *taken}
    for name in attributes:
        if name not in found:
            found[name] = unused(_as_field(name), used)
            used.add(found[name])
    return {name: found[name] for name in attributes}


def class_name(text: str, *, of_many: bool = False) -> str:
    """Derive a class name from the name of an attribute or a table; for a list, the name of one element's class.

    >>> class_name("shipping-address"), class_name("lines", of_many=True), class_name("42")
    ('ShippingAddress', 'Line', 'Item42')
    """
    words = [word[0].upper() + word[1:] for word in _WORD.findall(text)]
    name = "".join(words) or "Item"
    if of_many and name.endswith("s") and not name.endswith("ss") and len(name) > 1:
        name = name[:-1]
    return f"Item{name}" if name[0].isdigit() else name


def unused(name: str, used: Collection[str]) -> str:
    """Number a name if it is taken."""
    number = 2
    candidate = name
    while candidate in used:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _is_field(name: str) -> bool:
    # Python reads names in their NFKC form, and changes those that begin with two underscores within a class. A
    # dataclass takes for a field's default the attribute that each class has of its type, `mro`.
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and normalize("NFKC", name) == name
        and not name.startswith("__")
        and not hasattr(type, name)
    )


def _as_field(name: str) -> str:
    if name in RESERVED or keyword.iskeyword(name):
        return f"{name}_"
    parts = _WORD.findall(name)
    joined = "_".join(parts)
    if not joined:
        return "attribute"
    return (
        joined
        if not joined[0].isdigit() and _is_field(joined) and joined not in RESERVED
        else f"attribute_{joined}"
    )


# Samples of a table's items, from the table or from a file, and the table's description of its keys.


class _KeyElement(TypedDict):
    AttributeName: ReadOnly[str]
    KeyType: ReadOnly[str]


class _AttributeDefinition(TypedDict):
    AttributeName: ReadOnly[str]
    AttributeType: ReadOnly[str]


class _Described(TypedDict):
    KeySchema: ReadOnly[Sequence[_KeyElement]]
    AttributeDefinitions: ReadOnly[Sequence[_AttributeDefinition]]


class DescribeTableKeysOutput(TypedDict):
    """The part of DescribeTable's answer that is read here."""

    Table: ReadOnly[_Described]


class _TimeToLive(TypedDict):
    AttributeName: ReadOnly[NotRequired[str]]
    TimeToLiveStatus: ReadOnly[NotRequired[str]]


class DescribeTimeToLiveOutput(TypedDict):
    """The answer of DescribeTimeToLive."""

    TimeToLiveDescription: ReadOnly[_TimeToLive]


class ScanOutput(TypedDict):
    """A page of items."""

    Items: ReadOnly[Sequence[Image]]
    LastEvaluatedKey: ReadOnly[NotRequired[Image]]


class TableClient(Protocol):
    """The methods of boto3's DynamoDB client that are used here."""

    def describe_table(self, *, TableName: str) -> DescribeTableKeysOutput:  # noqa: N803 (AWS's own)
        """Describe a table."""
        ...

    def describe_time_to_live(self, *, TableName: str) -> DescribeTimeToLiveOutput:  # noqa: N803 (AWS's own)
        """Describe its time to live."""
        ...

    def scan(
        self,
        *,
        TableName: str,  # noqa: N803 (AWS's own)
        Limit: int,  # noqa: N803 (AWS's own)
        ExclusiveStartKey: Image = ...,  # noqa: N803 (AWS's own)
    ) -> ScanOutput:
        """Read a page of items."""
        ...


@dataclass(frozen=True)
class TableAttributes:
    """The attributes that a table knows of; the type tags of its keys, where they are known."""

    partition: str | None
    sort: str | None
    time_to_live: str | None
    tags: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The key attributes."""
        return [name for name in (self.partition, self.sort) if name is not None]


def fetch_table_attributes(client: TableClient, table: str) -> TableAttributes:
    """Ask DynamoDB for a table's keys and its time to live."""
    described = client.describe_table(TableName=table)["Table"]
    by_type = {each["KeyType"]: each["AttributeName"] for each in described["KeySchema"]}
    told = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    expires = told.get("AttributeName") if told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} else None
    tags = {each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]}
    return TableAttributes(by_type.get("HASH"), by_type.get("RANGE"), expires, tags)


def scanned(client: TableClient, table: str, limit: int) -> list[Image]:
    """Read up to so many items, of those that a scan comes to first."""
    items: list[Image] = []
    page = client.scan(TableName=table, Limit=limit)
    items.extend(page["Items"])
    while len(items) < limit and (last := page.get("LastEvaluatedKey")):
        page = client.scan(TableName=table, Limit=limit - len(items), ExclusiveStartKey=last)
        items.extend(page["Items"])
    return items


def read_items(path: Path, limit: int) -> list[Image]:
    """Read up to so many items of a file with one a line, in DynamoDB's JSON, as exports have them.

    Raises `ConfigurationError`, which names the line and quotes nothing of it.
    """
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.read(4))
        with path.open(encoding=encoding) as lines:
            return list(islice(_items(lines, path.name), limit))
    except OSError as error:
        raise ConfigurationError(f"{path} could not be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no text in UTF-8 or UTF-16") from None


def _items(lines: Iterator[str], name: str) -> Iterator[Image]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            item = _item(line)
            if item is None:
                raise ConfigurationError(
                    f'{name}, line {number}: expected an item in DynamoDB\'s JSON, as in {{"id": {{"N": "1"}}}}'
                )
            yield item


def _item(line: str) -> Image | None:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if is_map(found) and is_map(inner := found.get("Item")) and not _is_value(inner):
        found = inner
    if not is_map(found):
        return None
    item = {name: value for name, value in found.items() if is_map(value) and _is_value(value)}
    return item if len(item) == len(found) else None


def _is_value(value: object) -> bool:
    """Return whether it is an attribute value, which nests no deeper than DynamoDB stores and a module could say."""
    try:
        structure_plain(value)
    except (StructureError, RecursionError):
        return False
    return _nests_at_most(MAX_LEVELS, value)


def _nests_at_most(levels: int, value: object) -> bool:
    """Return whether an attribute value has so many lists and maps within one another, or fewer."""
    tag, held = split_tag(value)
    if tag not in {"L", "M"}:
        return True
    # Lists and maps hold attribute values: `structure_plain` has checked them.
    within = held.values() if is_map(held) else cast("Sequence[object]", held)
    return levels > 0 and all(_nests_at_most(levels - 1, each) for each in within)


# Shapes: for each attribute, a type that reads all of its sampled values.

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""A date with a time and an offset from UTC, as in RFC 3339; other forms of ISO 8601 may be chance."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
"""A map's key that a programmer may have chosen as a name."""


@dataclass(frozen=True)
class ScalarShape:
    """A type that its name denotes."""

    name: str


@dataclass(frozen=True)
class CollectionShape:
    """A tuple or a frozenset of one shape; None where no element was ever seen."""

    name: str
    elements: Shape | None


@dataclass(frozen=True)
class DictionaryShape:
    """A map whose keys are data."""

    values: Shape | None


@dataclass(frozen=True)
class StructShape:
    """A map, or an item, whose keys are names, each with its shape and whether all samples have it."""

    fields: Mapping[str, AttributeShape]


@dataclass(frozen=True)
class AttributeShape:
    """The shape of an attribute, and whether every sample has the attribute."""

    shape: Shape
    always: bool


@dataclass(frozen=True)
class Shape:
    """The type of an attribute: members with different type tags; `nullable` adds None."""

    members: tuple[ShapeMember, ...]
    nullable: bool


ShapeMember: TypeAlias = ScalarShape | CollectionShape | DictionaryShape | StructShape

INT: Final = ScalarShape("int")
DECIMAL: Final = ScalarShape("Decimal")
STR: Final = ScalarShape("str")
DATETIME: Final = ScalarShape("datetime")
BYTES: Final = ScalarShape("bytes")

_PLAIN: Final[Mapping[str, ScalarShape]] = {"BOOL": ScalarShape("bool"), "B": BYTES}


def attributes_of(images: Sequence[Image]) -> StructShape:
    """Return the attributes of items, or of maps in the same place of them."""
    found: dict[str, list[AttributeValue]] = {}
    for image in images:
        for name, value in image.items():
            found.setdefault(name, []).append(value)
    return StructShape(
        {
            name: AttributeShape(shape_of(values), len(values) == len(images))
            for name, values in sorted(found.items())
        }
    )


def shape_of(values: Iterable[AttributeValue]) -> Shape:
    """Return the shape of attribute values. Raises `StructureError` for a value that is no attribute value."""
    by_tag: dict[str, list[object]] = {}
    for value in values:
        tag, held = split_tag(value)
        by_tag.setdefault(tag, []).append(held)
    nullable = by_tag.pop("NULL", None) is not None
    return Shape(tuple(_member(tag, held) for tag, held in sorted(by_tag.items())), nullable)


def _member(tag: str, held: Sequence[object]) -> ShapeMember:
    """Return the type for the contents of attribute values that share a tag."""
    match tag:
        case "S":
            return DATETIME if all(map(_is_timestamp, held)) else STR
        case "N":
            return _number(held)
        case "SS" | "NS" | "BS":
            elements = [element for each in held for element in cast("Sequence[object]", each)]
            scalars = {"SS": STR, "NS": _number(elements), "BS": BYTES}
            return CollectionShape("frozenset", Shape((scalars[tag],), nullable=False))
        case "L":
            # The elements of a list are attribute values.
            inner = [value for each in held for value in cast("Sequence[AttributeValue]", each)]
            return CollectionShape("tuple", shape_of(inner) if inner else None)
        case "M":
            return _map(cast("Sequence[Image]", held))  # the values of a map are attribute values
        case _:
            return _PLAIN[tag]


def _number(held: Iterable[object]) -> ScalarShape:
    return INT if all(map(_is_whole, held)) else DECIMAL


def _is_whole(number: object) -> bool:
    try:
        structure_int({"N": number})
    except StructureError:
        return False
    return True


def _is_timestamp(text: object) -> bool:
    if not isinstance(text, str) or _MOMENT.fullmatch(text) is None:
        return False
    try:
        structure_datetime({"S": text})
    except StructureError:
        return False
    return True


def _map(maps: Sequence[Image]) -> StructShape | DictionaryShape:
    if _are_alike(maps):
        return attributes_of(maps)
    values = [value for each in maps for value in each.values()]
    return DictionaryShape(shape_of(values) if values else None)


def _are_alike(maps: Sequence[Image]) -> bool:
    """Return whether the keys of maps are names rather than data, which the module must not contain.

    The keys look like names, and most of them occur in several maps; in a single map, the values have several types.
    """
    keys = {key for each in maps for key in each}
    if not keys or not all(_NAME.fullmatch(key) for key in keys):
        return False
    if len(maps) == 1:
        return len({split_tag(value)[0] for value in maps[0].values()}) > 1
    return 2 * sum(map(len, maps)) >= len(keys) * len(maps)


# The source of the module: frozen dataclasses for the items and for the maps in them, and the table.

_UNKNOWN: Final = "object"
"""The type of values that no sample shows: plain Python values of any kind."""

_HEAD: Final = '''"""Items of {table}, proposed from a sample of {samples}: a beginning, to be read and mended."""
'''

_IMPORTS: Final = (
    ("dataclasses", ("dataclass",)),
    ("datetime", ("datetime",)),
    ("decimal", ("Decimal",)),
    ("typing", ("Annotated",)),
    ("streamfn", ("Attribute", "PartitionKey", "SortKey", "Table", "TimeToLive")),
)


@dataclass(frozen=True)
class Proposal:
    """The facts about a table: its items' attributes, and the markers of some of them, such as PartitionKey."""

    table: str
    model: str
    attributes: StructShape
    markers: Mapping[str, str]
    samples: str


def module_of(proposal: Proposal) -> str:
    """Write the module, which imports nothing that it does not use."""
    writer = _Writer()
    name, table = writer.write(proposal.model, proposal.attributes, proposal.markers), literal(proposal.table)
    body = "\n\n\n".join([*writer.classes, f"table = Table({table}, {name})"])
    writer.uses |= {"dataclass", "Table"}
    head = _HEAD.format(table=table[1:-1], samples=proposal.samples)
    standard: list[str] = []
    own: list[str] = []
    for module, names in _IMPORTS:
        if used := [each for each in names if each in writer.uses]:
            (own if module == "streamfn" else standard).append(f"from {module} import {', '.join(used)}")
    return "\n".join([head, *standard, "", *own, "", "", body, ""])


@dataclass
class _Writer:
    """Writes classes, the inner ones first, and keeps in mind which names are taken and which are used."""

    classes: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)

    def write(self, name: str, attributes: StructShape, markers: Mapping[str, str]) -> str:
        """Write the class for these attributes, after the classes that its fields need, and return its name."""
        name = unused(name, self.names | RESERVED | set(attributes.fields))
        self.names.add(name)
        types = {each: self._type(found.shape, each, name) for each, found in attributes.fields.items()}
        fields = field_names(attributes.fields, self.names)
        lines = [
            line
            for _, line in sorted(
                (
                    self._order(each, found, markers),
                    f"    {fields[each]}: {self._declared(each, fields[each], found, types[each], markers)}",
                )
                for each, found in attributes.fields.items()
            )
        ]
        self.classes.append(
            "\n".join(["@dataclass(frozen=True, slots=True)", f"class {name}:", *(lines or ["    pass"])])
        )
        return name

    @staticmethod
    def _order(attribute: str, found: AttributeShape, markers: Mapping[str, str]) -> tuple[bool, int]:
        """Put fields without a default first, the keys first among them; the rest goes by name."""
        keys = ("PartitionKey", "SortKey")
        marker = markers.get(attribute, "")
        return not _is_required(found), keys.index(marker) if marker in keys else len(keys)

    def _declared(
        self, attribute: str, name: str, found: AttributeShape, written: str, markers: Mapping[str, str]
    ) -> str:
        said = [markers[attribute]] if attribute in markers else []
        if name != attribute:
            said.append(f"Attribute({literal(attribute)})")
        self.uses.update(each.partition("(")[0] for each in said)
        if said:
            self.uses.add("Annotated")
            written = f"Annotated[{', '.join([written, *said])}]"
        if _is_required(found):
            return written
        if _is_set(found):
            return f"{written} = frozenset()"
        return f"{written} = None" if written == _UNKNOWN else f"{written} | None = None"

    def _type(self, shape: Shape, attribute: str, parent: str, *, of_many: bool = False) -> str:
        """Write a type, without the None of a field, which its declaration adds."""
        return (
            " | ".join(self._member(each, attribute, parent, of_many=of_many) for each in shape.members)
            or _UNKNOWN
        )

    def _inner(self, shape: Shape | None, attribute: str, parent: str, *, of_many: bool = True) -> str:
        if shape is None or not shape.members:
            return _UNKNOWN
        return self._type(shape, attribute, parent, of_many=of_many) + (" | None" if shape.nullable else "")

    def _member(self, member: ShapeMember, attribute: str, parent: str, *, of_many: bool) -> str:
        match member:
            case ScalarShape(name):
                self.uses.add(name)
                return name
            case CollectionShape("tuple", elements):
                return f"tuple[{self._inner(elements, attribute, parent)}, ...]"
            case CollectionShape(name, elements):
                return f"{name}[{self._inner(elements, attribute, parent)}]"
            case DictionaryShape(values):
                return f"dict[str, {self._inner(values, attribute, parent)}]"
            case StructShape():
                name = class_name(attribute, of_many=of_many)
                return self.write(f"{parent}{name}" if name in self.names else name, member, {})
            case _:
                assert_never(member)


def _is_required(found: AttributeShape) -> bool:
    return found.always and not found.shape.nullable


def _is_set(found: AttributeShape) -> bool:
    match found.shape:
        case Shape((CollectionShape("frozenset", _),), nullable=False):
            return True
        case _:
            return False


def literal(text: str) -> str:
    r"""Write text as Python does, in double quotes.

    >>> print(literal('unit "price"'))
    "unit \"price\""
    """
    return '"' + "".join(_escaped(text)) + '"'


def _escaped(text: str) -> Iterator[str]:
    for each in text:
        if each in '"\\':
            yield f"\\{each}"
        else:
            yield each if each.isprintable() else each.encode("unicode_escape").decode()


# Proposals: the samples and the table's description of its keys, combined.

_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")
"""A table's name ("Naming rules" in the Amazon DynamoDB Developer Guide, which has it longer than two)."""

_KEYS: Final[Mapping[str, ScalarShape]] = {"S": STR, "N": DECIMAL, "B": BYTES}
"""The types of keys that no sample shows."""

_ENDS: Final = 253_402_300_800
"""The first second, counted from 1970, that no `datetime` reaches."""


def proposed(table: str, items: Sequence[Image], keys: TableAttributes, model: str | None = None) -> Proposal:
    """Propose a model for a table of which these items were sampled; `model` is its name, if not made of the table's.

    Raises `ConfigurationError` where an item lacks a key, or for a name that no table or class has.
    """
    if _TABLE.fullmatch(table) is None:
        raise ConfigurationError(
            "a table's name has letters, digits, hyphens, dots and underscores, and no other characters"
        )
    if model is not None and not (model.isidentifier() and class_name(model) == model):
        raise ConfigurationError(f"expected the name of a class, as in Card, got {model!r}")
    found = dict(attributes_of(items).fields)
    markers: dict[str, str] = dict(zip(keys.names, ("PartitionKey", "SortKey"), strict=False))
    for name in keys.names:
        found[name] = _key(name, found.get(name), keys.tags.get(name), has_items=bool(items))
    expires = keys.time_to_live
    if expires is not None and expires in found and expires not in markers:
        field = found[expires]
        if field.shape.members in ((INT,), (DECIMAL,)):  # no set: a shape may be unhashable
            markers[expires] = "TimeToLive"
        if field.shape.members == (INT,) and all(map(_is_epoch, _values(items, expires))):
            found[expires] = replace(field, shape=replace(field.shape, members=(DATETIME,)))
    return Proposal(table, model or _model(table), StructShape(found), markers, _count(len(items)))


def _key(name: str, field: AttributeShape | None, tag: str | None, *, has_items: bool) -> AttributeShape:
    """Return the field of a key: text stays text, because a key is looked up in its written form."""
    if field is None and not has_items:
        return AttributeShape(Shape((_KEYS.get(tag or "S", STR),), nullable=False), always=True)
    if field is None or not field.always or field.shape.nullable:
        raise ConfigurationError(f"{name} is no key of these items: one of them is without it")
    (member, *others) = field.shape.members
    if member == DATETIME and not others:
        return replace(field, shape=replace(field.shape, members=(STR,)))
    if others or member not in (STR, INT, DECIMAL, BYTES):
        raise ConfigurationError(
            f"{name} is no key of these items: a key is text, a number or binary in all of them"
        )
    return field


def _values(items: Sequence[Image], name: str) -> Iterator[object]:
    for item in items:
        if "N" in (value := item.get(name, {})):
            yield value["N"]


def _is_epoch(number: object) -> bool:
    return isinstance(number, str) and 0 <= structure_int({"N": number}) < _ENDS


def _model(table: str) -> str:
    """Name a model after the last word of its table's name, which often begins with that of the environment."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", table) if word]
    return class_name(words[-1] if words else "", of_many=True)


def _count(number: int) -> str:
    return "1 item" if number == 1 else f"{number:,} items"
