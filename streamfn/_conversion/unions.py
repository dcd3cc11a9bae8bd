"""Unions: which member an attribute value is meant for.

Members are told apart by their type tags. Models, which all go by M, are told apart by a field that is a
Literal in each of them, or else by a required attribute that no other one has. What cannot be told apart is
an error when it is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from typing_extensions import override

from streamfn._conversion.choices import ReadChoice, choice_key
from streamfn._conversion.containers import entries
from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.models import ModelField
from streamfn._conversion.plain import read_plain
from streamfn._conversion.problems import Composite, Part, Place, Unfit
from streamfn._conversion.tags import SCALAR_TAGS, TAGS, tagged
from streamfn._conversion.types import SETS, UNTYPED, Hint, bare, is_model, is_typed_dict, origin
from streamfn._misuse import Misuse


class Member(NamedTuple):
    """A member of a union: its type, its hooks, the type tags that are meant for it, and a model's fields.

    A member without tags has a hook of the user's own, which may read anything.
    """

    hint: Hint
    read: StructureHook
    write: UnstructureHook
    tags: AbstractSet[str]
    fields: Sequence[ModelField] = ()

    @property
    def name(self) -> str:
        """How messages call it."""
        return str(getattr(self.hint, "__name__", self.hint))


class ReadUnion(Composite):
    """Structures an attribute value as the member of a union that it is meant for."""

    __slots__ = ("by_tag", "choices", "models")

    def __init__(self, members: Sequence[Member]) -> None:
        """Find out what tells the members apart. Fails with `Misuse` where nothing does."""
        self.choices = [member for member in members if isinstance(member.read, ReadChoice)]
        models = [member for member in members if member.tags and is_model(bare(member.hint))]
        self.models = choice_among(models) if len(models) > 1 else None
        self.by_tag: dict[str, Member] = {}
        rest = [member for member in members if not member.tags or bare(member.hint) in UNTYPED]
        if len(rest) > 1:
            raise Misuse(
                f"{rest[0].name} and {rest[1].name} cannot both be in a union: nothing tells what is meant for which"
            )
        apart = {*map(id, self.choices), *map(id, rest), *map(id, models if self.models else ())}
        for member in members:
            if id(member) not in apart:
                self._claim(member)
        if self.models and "M" in self.by_tag:
            raise _alike(self.by_tag["M"], models[0], "M")
        for member in members:
            if origin(bare(member.hint)) in SETS:
                self.by_tag = {"NULL": member, "L": member} | self.by_tag  # both are forms of an empty set
        for member in rest:
            self.by_tag = dict.fromkeys(TAGS, member) | self.by_tag

    def _claim(self, member: Member) -> None:
        for tag in member.tags:
            if (other := self.by_tag.setdefault(tag, member)) is not member:
                raise _alike(other, member, tag)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        member = self._member_for(value)
        return member.read(value, member.hint)

    @override
    def parts(self, value: object, place: Place) -> Iterator[Part]:
        member = self._member_for(value)
        yield Part(member.read, member.hint, value, place)

    def _member_for(self, value: object) -> Member:
        tag, _ = tagged(value)
        for member in self.choices:
            if isinstance(member.read, ReadChoice) and member.read.has(value):
                return member
        if tag == "M" and self.models is not None:
            return self.models(entries(value))
        if tag in self.by_tag:
            return self.by_tag[tag]
        expected = {*self.by_tag, *(tag for member in self.choices for tag in member.tags)}
        if self.models is not None:
            expected.add("M")
        raise Unfit(
            f"expected {' or '.join(sorted(expected))}, got {'another value' if tag in expected else tag}"
        )


class ByLiteral:
    """Tells models apart by the value of an attribute that is a Literal in each of them."""

    __slots__ = ("attribute", "members")

    def __init__(self, attribute: str, members: Mapping[tuple[str, object], Member]) -> None:
        self.attribute, self.members = attribute, members

    def __call__(self, image: Mapping[str, object]) -> Member:
        value = image.get(self.attribute)
        tag, _ = tagged(value)
        member = self.members.get((tag, read_plain(value))) if tag in SCALAR_TAGS else None
        if member is not None:
            return member
        raise Unfit(f"the attribute {self.attribute!r} tells of none of the models which one this is")


class ByAttribute:
    """Tells models apart by required attributes that only one of them has; one model may have none."""

    __slots__ = ("members", "other")

    def __init__(self, members: Mapping[str, Member], other: Member | None) -> None:
        self.members, self.other = members, other

    def __call__(self, image: Mapping[str, object]) -> Member:
        for attribute, member in self.members.items():
            if attribute in image:
                return member
        if self.other is None:
            raise Unfit(f"expected one of the attributes {', '.join(self.members)}, got none")
        return self.other


Choose: TypeAlias = ByLiteral | ByAttribute
"""What tells which of several models an image is meant for."""


def choice_among(models: Sequence[Member]) -> Choose:
    """Find what tells models apart. Fails with `Misuse` if nothing does."""
    for attribute in (field.attribute for field in models[0].fields):
        if (by_value := _by_literal(attribute, models)) is not None:
            return ByLiteral(attribute, by_value)
    unique: dict[str, Member] = {}
    others: list[Member] = []
    for model in models:
        elsewhere = {field.attribute for other in models if other is not model for field in other.fields}
        own = [
            field.attribute for field in model.fields if field.required and field.attribute not in elsewhere
        ]
        if own:
            unique[own[0]] = model
        else:
            others.append(model)
    if len(others) > 1:
        raise Misuse(
            f"nothing tells {others[0].name} and {others[1].name} apart: give both a field of one name "
            'and of the types Literal["…"], or each a required field of its own'
        )
    return ByAttribute(unique, others[0] if others else None)


def _by_literal(attribute: str, models: Sequence[Member]) -> dict[tuple[str, object], Member] | None:
    """Sort models by the values of their Literal of this attribute; None if it does not tell them all apart."""
    found: dict[tuple[str, object], Member] = {}
    for model in models:
        hints = [bare(field.hint) for field in model.fields if field.attribute == attribute]
        if not hints or origin(hints[0]) is not Literal:
            return None
        for key in map(choice_key, get_args(hints[0])):
            if key in found:
                return None
            found[key] = model
    return found


def write_union(members: Sequence[Member]) -> UnstructureHook:
    """Make the hook that unstructures a value as the member of a union that it is an instance of."""

    def write(value: object) -> object:
        for fits in (_is_exactly, _is_instance):
            for member in members:
                if fits(value, member):
                    written = member.write(value)
                    is_set = origin(bare(member.hint)) in SETS
                    return {"L": []} if is_set and written == {"NULL": True} else written
        raise ValueError(f"{type(value).__name__} is not a member of the union")

    return write


def _is_exactly(value: object, member: Member) -> bool:
    inner = bare(member.hint)
    if origin(inner) is Literal:
        return any(type(each) is type(value) and each == value for each in get_args(inner))
    if is_typed_dict(origin(inner)) and isinstance(value, dict):
        return _is_typed_dict(cast("dict[str, object]", value), member)
    cls = origin(inner)
    return isinstance(cls, type) and type(value) is cls


def _is_instance(value: object, member: Member) -> bool:
    cls = origin(bare(member.hint))
    return isinstance(cls, type) and not is_typed_dict(cls) and isinstance(value, cls)


def _is_typed_dict(value: Mapping[str, object], member: Member) -> bool:
    """Whether a dict has the keys of a TypedDict, and the values that its Literals ask for."""
    names = {field.name for field in member.fields}
    required = {field.name for field in member.fields if field.required}
    literals = {
        field.name: get_args(bare(field.hint))
        for field in member.fields
        if origin(bare(field.hint)) is Literal
    }
    return required <= value.keys() <= names and all(
        value[name] in allowed for name, allowed in literals.items() if name in value
    )


def _alike(one: Member, other: Member, tag: str) -> Misuse:
    return Misuse(f"{one.name} and {other.name} are both stored as {tag}: nothing tells them apart")
