"""Possible patterns: whether a pattern can match any record of a table, and where the pattern is wrong if not.

`compile_pattern` refuses the patterns that AWS would refuse. This module refuses patterns that AWS accepts but that
match nothing, or have no effect: a name that no record has at this place, an attribute without its type tag, an
impossible value, and fields that no record has together. A name of a pattern may contain dots, which belong to an
attribute's name, or lead to the next name, as in event-ruler. The names of an attribute do not extend from one object
of the pattern into the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Final, NamedTuple, TypeAlias, cast

from streamfn._errors import ConfigurationError
from streamfn._patterns.domains import (
    BY_TIME_TO_LIVE,
    DATA,
    DYNAMODB,
    EVENT_NAME,
    KEY_TAG_DOMAINS,
    TAG_DOMAINS,
    TRANSPORTS,
    VIEW_TYPE,
    Fields,
    ItemAttributes,
    Leaf,
    Node,
    Transport,
    Variant,
    kinesis_entry_fields,
    record_fields,
    variants,
)
from streamfn._patterns.syntax import OR, FieldMatcher, comparable, parse_conditions, pattern_error
from streamfn._records import ImageName, is_map

KeyTypes: TypeAlias = Mapping[str, str]
"""The type tags of a table's key attributes by their names; empty where they are not known."""

AttributePath: TypeAlias = tuple[str, ...]
"""The path of an attribute value: the part of the record, the attribute, and the names and tags below."""

_MOST_KEYS: Final = 2
_DEEPEST: Final = 32
"""The depth to which DynamoDB nests lists and maps ("Quotas" in the Amazon DynamoDB Developer Guide)."""

_MOST_READINGS: Final = 1_000
"""The number of ways to read dots that are tried."""


class PatternField(NamedTuple):
    """A field of a pattern: the names that lead to it, the path of each in the pattern, and the wanted values."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    array: list[object]


class FieldReading(NamedTuple):
    """One way to read the names of a field.

    `leaf` is the field at their end. For an attribute, `part` is the image or the keys that contain it, and `tags` are
    the tags that attribute values need, by their paths.
    """

    leaf: Leaf
    part: ImageName | None = None
    tags: tuple[tuple[AttributePath, str], ...] = ()

    @property
    def attribute(self) -> str:
        """The name of the attribute."""
        return self.tags[0][0][1]


class UnreadableField(NamedTuple):
    """The reason why names cannot be read: the index of the name, and advice."""

    name: int
    why: str


class ReadableField(NamedTuple):
    """A field with the ways to read it, and the wanted values."""

    field: PatternField
    readings: Sequence[FieldReading]
    wanted: FieldMatcher


def check_possible(
    pattern: Mapping[str, object],
    table_names: Sequence[str],
    keys: KeyTypes,
    ways: Sequence[Transport] = TRANSPORTS,
) -> list[list[ReadableField]]:
    """Refuse a pattern that AWS accepts, if a part of it matches no record of the tables, or has no effect.

    `keys` are the type tags of the table's keys, if its model marks them; `ways` are those in which records arrive. A
    pattern of the way `data` is for Kinesis's entries, which have the record in their ``data``. Returns the fields of
    each alternative that a record can match.
    """
    possible, impossible = _parted(pattern, table_names, keys, ways)
    # Of two `$or`, each choice of the one need not go with each of the other.
    useful = {each.field.places[-1] for asked in possible for each in asked}
    for asked in impossible:
        if not useful.issuperset(each.field.places[-1] for each in asked):
            raise _never_together(asked, keys, ways)
    return possible


def possible_alternatives(
    pattern: Mapping[str, object], table_names: Sequence[str], keys: KeyTypes
) -> list[list[ReadableField]]:
    """Return the fields of each alternative of a pattern that a record can match."""
    possible, _ = _parted(pattern, table_names, keys, TRANSPORTS)
    return possible


def _parted(
    pattern: Mapping[str, object], table_names: Sequence[str], keys: KeyTypes, ways: Sequence[Transport]
) -> tuple[list[list[ReadableField]], list[list[ReadableField]]]:
    """Return the alternatives that a record can match, and those whose fields no record has together."""
    record = record_fields(table_names, ways)
    reader = _Reader(kinesis_entry_fields(record) if DATA in ways else record, keys)
    known: dict[str, ReadableField] = {}
    possible: list[list[ReadableField]] = []
    impossible: list[list[ReadableField]] = []
    for alternative in _alternatives(pattern, (), ("$",)):
        asked: list[ReadableField] = []
        for field in alternative:
            place = field.places[-1]
            if place not in known:
                known[place] = reader.asked(field)
            asked.append(known[place])
        (possible if _is_possible(asked, keys, ways) else impossible).append(asked)
    return possible, impossible


def _alternatives(
    pattern: Mapping[str, object], names: tuple[str, ...], places: tuple[str, ...]
) -> list[list[PatternField]]:
    """Multiply `$or` out. The compilation of the pattern has checked the types of its parts."""
    so_far: list[list[PatternField]] = [[]]
    for name, content in pattern.items():
        at = f"{places[-1]}.{name}"
        choices: list[list[PatternField]] = []
        if name == OR:
            for index, choice in enumerate(cast("list[Mapping[str, object]]", content)):
                choices += _alternatives(choice, names, (*places[:-1], f"{at}[{index}]"))
        elif is_map(content):
            choices = _alternatives(content, (*names, name), (*places, at))
        else:
            array = cast("list[object]", content)
            choices = [[PatternField((*names, name), (*places[1:], at), array)]]
        so_far = [[*some, *more] for some in so_far for more in choices]
    return so_far


class _Reader:
    """Reads the names of fields."""

    def __init__(self, record: Fields, keys: KeyTypes) -> None:
        self._record = record
        self._keys = keys
        self._pieces: list[tuple[int, str]] = []
        """The names of a field, taken apart at their dots, each with which name it is of."""

    def asked(self, field: PatternField) -> ReadableField:
        """Read a field.

        Raises `ConfigurationError` where that is not possible, or where no value is as it is wanted.
        """
        self._pieces = [
            (number, piece) for number, name in enumerate(field.names) for piece in name.split(".")
        ]
        found = list(islice(self._fields(self._record, 0), _MOST_READINGS))
        readings = [reading for reading in found if isinstance(reading, FieldReading)]
        if not readings:
            wrong = max((each for each in found if isinstance(each, UnreadableField)), key=_name)
            raise pattern_error(field.places[wrong.name], wrong.why)
        for index, element in enumerate(field.array):
            problems = [_problem(reading.leaf, element) for reading in readings]
            if None not in problems:
                raise pattern_error(f"{field.places[-1]}[{index}]", str(problems[0]))
        return ReadableField(field, readings, parse_conditions(field.places[-1], field.array))

    def _at(self, at: int) -> tuple[int, str] | None:
        return self._pieces[at] if at < len(self._pieces) else None

    def _fields(self, node: Node, at: int) -> Iterator[FieldReading | UnreadableField]:
        """Read on within a field of a record."""
        here = self._at(at)
        number = self._pieces[at - 1][0] if at else 0
        if isinstance(node, ItemAttributes):
            yield from self._attributes(node.part, (node.part,), (), at)
        elif isinstance(node, Leaf):
            yield (
                FieldReading(node)
                if here is None
                else UnreadableField(number, f"holds {node.domain.told}, and no fields")
            )
        elif here is None:
            told = (
                f"is an object, of which an array says nothing; name a field in it: {', '.join(node.fields)}"
            )
            yield UnreadableField(number, told) if node.leaf is None else FieldReading(node.leaf)
        elif here[1] in node.fields:
            yield from self._fields(node.fields[here[1]], at + 1)
        else:
            yield UnreadableField(here[0], _unknown(here[1], node.fields, is_top=at == 0))

    def _attributes(
        self, part: ImageName, place: AttributePath, tags: tuple[tuple[AttributePath, str], ...], at: int
    ) -> Iterator[FieldReading | UnreadableField]:
        """Read on where attributes are, whose names may have dots."""
        here = self._at(at)
        if here is None:
            yield UnreadableField(
                self._pieces[at - 1][0], "holds attributes, of which an array says nothing; name one of them"
            )
            return
        number, name = here
        while True:
            at += 1
            if place == ("Keys",) and self._keys and name not in self._keys:
                yield UnreadableField(
                    number, f"no key of the table is {name!r}; its keys are {', '.join(self._keys)}"
                )
            elif not name:
                yield UnreadableField(number, "no attribute has an empty name; name one")
            else:
                yield from self._value(part, (*place, name), tags, at)
            following = self._at(at)
            if following is None or following[0] != number:
                return
            name = f"{name}.{following[1]}"

    def _value(
        self, part: ImageName, place: AttributePath, tags: tuple[tuple[AttributePath, str], ...], at: int
    ) -> Iterator[FieldReading | UnreadableField]:
        """Read on where an attribute value is, at its type tag."""
        here = self._at(at)
        if here is None:
            told = 'an attribute value has a type tag, which is a field; write such as {"S": ["…"]} or {"N": ["1"]}'
            yield UnreadableField(self._pieces[at - 1][0], told)
            return
        number, tag = here
        known = self._tags_of(place)
        if tag not in {*TAG_DOMAINS, "L", "M"}:
            yield UnreadableField(number, _no_tag(tag))
        elif tag not in known:
            yield UnreadableField(
                number, f"the key {place[1]!r} is of the type {' or '.join(known)}; write that"
            )
        elif len(tags) > _DEEPEST:
            yield UnreadableField(
                number, f"DynamoDB nests lists and maps {_DEEPEST} levels deep; shorten the path"
            )
        else:
            yield from self._content(part, tag, place, (*tags, (place, tag)), at + 1)

    def _content(
        self,
        part: ImageName,
        tag: str,
        place: AttributePath,
        tags: tuple[tuple[AttributePath, str], ...],
        at: int,
    ) -> Iterator[FieldReading | UnreadableField]:
        """Read the names below a type tag."""
        here = self._at(at)
        number = self._pieces[at - 1][0]
        if tag == "M":
            yield from self._attributes(part, (*place, "M"), tags, at)
        elif tag == "L" and here is None:
            yield UnreadableField(
                number, 'holds attribute values; write the type tag of one, such as {"L": {"S": ["…"]}}'
            )
        elif tag == "L":
            yield from self._value(part, (*place, "L"), tags, at)
        elif here is not None:
            yield UnreadableField(number, f"holds {TAG_DOMAINS[tag].told}, and no fields; write an array")
        else:
            is_key = place[0] == "Keys" or (len(place) == 2 and place[1] in self._keys)
            yield FieldReading(Leaf(KEY_TAG_DOMAINS[tag] if is_key else TAG_DOMAINS[tag]), part, tags)

    def _tags_of(self, place: AttributePath) -> tuple[str, ...]:
        """List the type tags that an attribute value can have at its place."""
        if len(place) == 2 and place[1] in self._keys:
            return (self._keys[place[1]],)
        return tuple(KEY_TAG_DOMAINS) if place[0] == "Keys" else (*TAG_DOMAINS, "L", "M")


def _name(wrong: UnreadableField) -> int:
    return wrong.name


def _problem(leaf: Leaf, element: object) -> str | None:
    """Return why no value of a field satisfies an element."""
    if element is None and leaf.nothing:
        return None
    if element == {"exists": False}:
        return (
            None
            if not set(leaf.always).issuperset(TRANSPORTS)
            else "the field is in every record; leave it out, or list values"
        )
    return leaf.domain.lacks(element)


def _unknown(name: str, fields: Mapping[str, Node], *, is_top: bool) -> str:
    """Describe the missing field, and list the fields that records have there."""
    for known in fields:
        if known.casefold() == name.casefold().replace("_", ""):
            return f"no record has a field {name!r} here; write {known}"
    if is_top and DATA in fields:
        return f"no entry of Kinesis has a field {name!r}; write what is asked of a change within data"
    if is_top and name == DATA:
        return (
            "a table's pattern is of the change itself; leave data out, which filter_criteria(through_kinesis=True) "
            "writes for a filter of Kinesis"
        )
    if is_top and name == "body":
        return "body is of the messages of SQS; name the fields of a stream record at the top"
    if is_top:
        for known in DYNAMODB:
            if known.casefold() == name.casefold():
                return f"no record has a field {name!r} at its top; write it within dynamodb, as {known}"
    return f"no record has a field {name!r} here; write one of {', '.join(fields)}"


def _no_tag(name: str) -> str:
    tags = [*TAG_DOMAINS, "L", "M"]
    instead = name.upper() if name.upper() in tags else f"one of {', '.join(tags)}"
    return f'{name!r} is no type tag; write {instead}, or {{"M": {{"{name}": …}}}} for an attribute of a map'


# Fields together


def _never_together(
    asked: Sequence[ReadableField], keys: KeyTypes, ways: Sequence[Transport]
) -> ConfigurationError:
    """Return an error for an alternative that no record satisfies, at the first field that makes it impossible."""
    count = next(count for count in range(1, len(asked) + 1) if not _is_possible(asked[:count], keys, ways))
    *others, last = asked[:count]
    told = ", ".join(other.field.places[-1] for other in others)
    with_others = f" together with what it wants at {told}" if told else ""
    return pattern_error(
        last.field.places[-1],
        f"no record has what is wanted here{with_others}; a REMOVE has no new image, an INSERT no old one, only a "
        "REMOVE by time to live has a userIdentity, an attribute value has one type tag, and a key does not change; "
        "write alternatives with $or",
    )


def _is_possible(asked: Sequence[ReadableField], keys: KeyTypes, ways: Sequence[Transport]) -> bool:
    return any(_is_possible_in(asked, variant, keys) for variant in variants() if variant.way in ways)


def _is_possible_in(asked: Sequence[ReadableField], variant: Variant, keys: KeyTypes) -> bool:
    """Return whether a record of a kind can have all that is wanted, its names read in some way."""
    choices = product(
        *(
            [
                reading
                for reading in each.readings
                if _can_lack(each.wanted, reading, variant, keys) or _can_have(each, reading, variant)
            ]
            for each in asked
        )
    )
    if any(_go_together(asked, readings, variant, keys) for readings in islice(choices, _MOST_READINGS)):
        return True
    return next(choices, None) is not None  # there are more ways to read the names than are tried


def _go_together(
    asked: Sequence[ReadableField], readings: Sequence[FieldReading], variant: Variant, keys: KeyTypes
) -> bool:
    """Return whether fields, each of which a record can have or lack as is wanted, do not contradict each other."""
    tags: dict[AttributePath, str] = {}
    of_keys: dict[str, list[FieldMatcher]] = {}
    for each, reading in zip(asked, readings, strict=True):
        if _can_lack(each.wanted, reading, variant, keys):
            continue
        for place, tag in reading.tags:
            if tags.setdefault(place, tag) != tag:
                return False
        if reading.part and len(reading.tags) == 1 and (reading.part == "Keys" or reading.attribute in keys):
            of_keys.setdefault(reading.attribute, []).append(each.wanted)
    names = {place[1] for place in tags if place[0] == "Keys"}
    return len(names) <= _MOST_KEYS and all(map(_have_a_value_in_common, of_keys.values()))


def _can_lack(wanted: FieldMatcher, reading: FieldReading, variant: Variant, keys: KeyTypes) -> bool:
    """Return whether the field may be absent from such a record, and is wanted so."""
    if not wanted.absent:
        return False
    if reading.part is None:
        return variant.way not in reading.leaf.always
    is_key = len(reading.tags) == 1 and reading.attribute in keys
    return not (is_key and reading.part in variant.parts)


def _can_have(asked: ReadableField, reading: FieldReading, variant: Variant) -> bool:
    """Return whether the field of such a record can have a value that is wanted."""
    leaf = reading.leaf
    if reading.part is not None:
        return reading.part in variant.parts and _has_a_value(leaf, asked.field.array)
    if variant.way not in leaf.ways:
        return False
    if variant.way in leaf.nothing and asked.wanted.holds(comparable(None)):
        return True
    if leaf is EVENT_NAME:
        return asked.wanted.holds(comparable(variant.event_name))
    if leaf is BY_TIME_TO_LIVE:
        return variant.event_name == "REMOVE" and _has_a_value(leaf, asked.field.array)
    if leaf is VIEW_TYPE:
        return variant.view is not None and asked.wanted.holds(comparable(variant.view.value))
    return _has_a_value(leaf, asked.field.array)


def _has_a_value(leaf: Leaf, array: Sequence[object]) -> bool:
    """Return whether a value satisfies an element of an array."""
    return any(element != {"exists": False} and leaf.domain.lacks(element) is None for element in array)


def _have_a_value_in_common(wanted: Sequence[FieldMatcher]) -> bool:
    """Return whether one value satisfies all conditions; this is known if one of them lists values alone."""
    for each in wanted:
        if not (each.starts or each.ends or each.tests or each.absent):
            return any(all(other.holds(value) for other in wanted) for value in each.values)
    return True
