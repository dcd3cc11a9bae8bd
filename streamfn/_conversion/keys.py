"""The keys and the time to live of a table, as its model marks them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

from streamfn._conversion.models import ModelField
from streamfn._conversion.tags import KEY_TAGS, KeyTag
from streamfn._conversion.types import annotations_in, says, tags_of
from streamfn._markers import PartitionKey, SortKey, TimeToLive
from streamfn._misuse import Misuse


class KeyAttribute(NamedTuple):
    """An attribute that is a key, by its name and its type tag: S, N or B."""

    name: str
    tag: KeyTag


class TableKeys(NamedTuple):
    """What a model marks: its partition key, its sort key and its time to live, each None if it marks none."""

    partition: KeyAttribute | None
    sort: KeyAttribute | None
    time_to_live: str | None

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        """The key attributes, the partition key first."""
        return tuple(key for key in (self.partition, self.sort) if key is not None)


def keys_of(model: str, fields: Iterable[ModelField]) -> TableKeys:
    """Find the marked fields of a model.

    Fails with `Misuse`, naming the field, if a mark stands twice, or on a type that DynamoDB does not allow
    there.
    """
    fields = tuple(fields)
    partition, sort = (_key(model, fields, marker) for marker in (PartitionKey, SortKey))
    if sort is not None and partition is None:
        raise Misuse(f"{model} marks a SortKey and no PartitionKey: a table has a partition key first")
    expiry = _marked(model, fields, TimeToLive)
    if expiry is not None and tags_of(expiry.hint) - {"NULL"} != frozenset({"N"}):
        raise Misuse(f"{model}.{expiry.name} is marked TimeToLive: make it a datetime or an int")
    return TableKeys(partition, sort, expiry.attribute if expiry else None)


def _key(model: str, fields: Iterable[ModelField], marker: type) -> KeyAttribute | None:
    field = _marked(model, fields, marker)
    if field is None:
        return None
    tags = tags_of(field.hint)
    if len(tags & KEY_TAGS) != 1 or tags - KEY_TAGS:
        raise Misuse(
            f"{model}.{field.name} is marked {marker.__name__}: a key is text, a number or binary, and no other"
        )
    (tag,) = tags
    return KeyAttribute(field.attribute, cast("KeyTag", tag))  # one of KEY_TAGS, as was checked


def _marked(model: str, fields: Iterable[ModelField], marker: type) -> ModelField | None:
    marked = [field for field in fields if says(annotations_in(field.hint), marker)]
    if len(marked) > 1:
        raise Misuse(
            f"{model}.{marked[0].name} and .{marked[1].name} are both marked {marker.__name__}: mark one"
        )
    return marked[0] if marked else None
