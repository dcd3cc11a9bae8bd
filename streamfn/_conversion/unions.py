"""Unions: which member an attribute value is meant for.

Members are told apart by their type tags. Models, which all go by M, are told apart by a field that is a
Literal in each of them, or else by a required attribute that no other one has, or by several such fields, one
after the other. What cannot be told apart is an error when it is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from typing_extensions import override

from streamfn._conversion.attribute_values import SCALAR_TAGS, TAGS, is_binary, read_plain, tagged
from streamfn._conversion.composites import ReadChoice, choice_key, entries, levels_of
from streamfn._conversion.hints import (
    SETS,
    UNTYPED,
    Hint,
    bare,
    is_model,
    is_typed_dict,
    members,
    name_of_type,
    origin,
)
from streamfn._conversion.hooks import Composite, Part, Place, StructureHook, Unfit, UnstructureHook
from streamfn._conversion.models import ModelField
from streamfn._errors import Misuse
from streamfn._failures import Problem


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
        return name_of_type(bare(self.hint))


class ReadUnion(Composite):
    """Structures an attribute value as the member of a union that it is meant for."""

    __slots__ = ("by_tag", "choices", "levels", "models")

    def __init__(self, members: Sequence[Member]) -> None:
        """Find out what tells the members apart. Fails with `Misuse` where nothing does."""
        self.levels = max((levels_of(member.read) for member in members), default=0)
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
        empty = _forms_of_empty_set(members)
        for member in members:
            if origin(bare(member.hint)) in SETS:
                self.by_tag = dict.fromkeys(empty, member) | self.by_tag
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
    def parts(self, value: object, place: Place) -> Iterator[Part | Problem]:
        try:
            member = self._member_for(value)
        except Undecided as undecided:
            yield place.attribute(undecided.attribute).problem(str(undecided), undecided.found)
        else:
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
        for member in self.choices:
            if isinstance(member.read, ReadChoice) and member.read.may_have(tag):
                return member
        expected = {*self.by_tag, *(tag for member in self.choices for tag in member.tags)}
        if self.models is not None:
            expected.add("M")
        raise Unfit(
            f"expected {' or '.join(sorted(expected))}, got {'another value' if tag in expected else tag}"
        )


class Undecided(Unfit):
    """An attribute that tells models apart is absent, or no attribute value."""

    def __init__(self, message: str, attribute: str, found: object) -> None:
        """Begin with what is wrong with the attribute."""
        super().__init__(message)
        self.attribute, self.found = attribute, found


class ByLiteral:
    """Tells models apart by the value of an attribute that is a Literal in each of them.

    `members`: what each value tells, which may be several models that another attribute tells apart. `absent`: what
    it tells that there is no such attribute, if that tells anything.
    """

    __slots__ = ("absent", "attribute", "members")

    def __init__(
        self, attribute: str, members: Mapping[tuple[str, object], Decision], absent: Decision | None = None
    ) -> None:
        self.attribute, self.members, self.absent = attribute, members, absent

    def __call__(self, image: Mapping[str, object]) -> Member:
        if self.attribute not in image:
            if self.absent is None:
                raise Undecided("missing", self.attribute, None)
            return _decided(self.absent, image)
        value = image[self.attribute]
        try:
            tag, _ = tagged(value)
            decision = self.members.get((tag, read_plain(value))) if tag in SCALAR_TAGS else None
        except Unfit as unfit:
            raise Undecided(str(unfit), self.attribute, value) from None
        if decision is not None:
            return _decided(decision, image)
        raise Unfit(f"the attribute {self.attribute!r} tells of none of the models which one this is")

    def found(self) -> Iterator[Member]:
        """Give each model that may be told, once for each way to it."""
        for each in (*self.members.values(), self.absent):
            yield from _found(each)


class ByAttribute:
    """Tells models apart by required attributes that only one of them has; `other`: what it is where none is there."""

    __slots__ = ("members", "other")

    def __init__(self, members: Mapping[str, Member], other: Decision | None) -> None:
        self.members, self.other = members, other

    def __call__(self, image: Mapping[str, object]) -> Member:
        for attribute, member in self.members.items():
            if attribute in image:
                return member
        if self.other is None:
            raise Unfit(f"expected one of the attributes {', '.join(self.members)}, got none")
        return _decided(self.other, image)

    def found(self) -> Iterator[Member]:
        """Give each model that may be told, once for each way to it."""
        yield from self.members.values()
        yield from _found(self.other)


Choose: TypeAlias = ByLiteral | ByAttribute
"""What tells which of several models an image is meant for."""

Decision: TypeAlias = Member | Choose
"""The model that an image is meant for, or what to ask next."""


def _decided(decision: Decision, image: Mapping[str, object]) -> Member:
    return decision if isinstance(decision, Member) else decision(image)


def _found(decision: Decision | None) -> Iterator[Member]:
    if isinstance(decision, Member):
        yield decision
    elif decision is not None:
        yield from decision.found()


def choice_among(models: Sequence[Member]) -> Choose:
    """Find what tells models apart. Fails with `Misuse` if nothing does."""
    for attribute in (field.attribute for field in models[0].fields):
        if (by_value := _by_one_literal(attribute, models)) is not None:
            return by_value
    for attribute in (field.attribute for field in models[0].fields):
        # A Literal that all have goes before attributes, which an item may hold though its model does not have them.
        if (
            _Groups(attribute, models).are_of_all
            and (found := _tree_by_literal(attribute, models)) is not None
        ):
            return found
    unique, others = _by_attribute(models)
    if len(others) > 1:
        tree = _tree(models)
        if isinstance(tree, Member | None):
            raise Misuse(
                f"nothing tells {others[0].name} and {others[1].name} apart: give both a field of one name "
                'and of the types Literal["…"], or each a required field of its own'
            )
        return tree
    return ByAttribute(unique, others[0] if others else None)


def _by_one_literal(attribute: str, models: Sequence[Member]) -> ByLiteral | None:
    """Sort models by the values of their Literal of this attribute; None if it does not tell them all apart."""
    groups = _Groups(attribute, models)
    if groups.are_of_all and all(len(each) == 1 for each in groups.by_value.values()):
        absent = groups.absent[0] if len(groups.absent) == 1 else None
        return ByLiteral(attribute, {key: group[0] for key, group in groups.by_value.items()}, absent)
    return None


def _by_attribute(models: Sequence[Member]) -> tuple[dict[str, Member], list[Member]]:
    """Find a required attribute of each model that no other has, and the models that have none."""
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
    return unique, others


def _tree(models: Sequence[Member]) -> Decision | None:
    """Find what tells models apart step by step: each step parts them into fewer; None if nothing does."""
    if len(models) == 1:
        return models[0]
    for attribute in dict.fromkeys(field.attribute for model in models for field in model.fields):
        if (by_literal := _tree_by_literal(attribute, models)) is not None:
            return by_literal
    unique, others = _by_attribute(models)
    if not others:
        return ByAttribute(unique, None)
    rest = _tree(others) if unique else None
    return None if rest is None else ByAttribute(unique, rest)


def _tree_by_literal(attribute: str, models: Sequence[Member]) -> ByLiteral | None:
    """Part models by their Literal of this attribute, and each part by what tells it apart."""
    groups = _Groups(attribute, models)
    if not groups.by_value or any(len(each) == len(models) for each in groups.by_value.values()):
        return None
    parts = {key: _tree(group) for key, group in groups.by_value.items()}
    found = {key: part for key, part in parts.items() if part is not None}
    absent = _tree(groups.absent) if 0 < len(groups.absent) < len(models) else None
    if len(found) < len(parts) or (absent is None and not groups.are_of_all):
        return None
    return ByLiteral(attribute, found, absent)


class _Groups:
    """Models by what one attribute may be in them, where that is a Literal or not there.

    `absent` are those whose image may lack the attribute, and `are_of_all` says that no model is without it. There are
    no groups where the attribute is something else in one of the models.
    """

    def __init__(self, attribute: str, models: Sequence[Member]) -> None:
        self.by_value: dict[tuple[str, object], list[Member]] = {}
        self.absent: list[Member] = []
        self.are_of_all = True
        for model in models:
            field = next((each for each in model.fields if each.attribute == attribute), None)
            values = () if field is None else _literals(field)
            if values is None:
                self.by_value, self.are_of_all = {}, False
                return
            self.are_of_all = self.are_of_all and field is not None
            for key in dict.fromkeys(map(choice_key, values)):
                self.by_value.setdefault(key, []).append(model)
            if field is None or not field.required or None in values:
                self.absent.append(model)


def _literals(field: ModelField) -> tuple[object, ...] | None:
    """The values that a field may have, if it is a Literal, which may be optional; None if it may have others."""
    hints = list(map(bare, members(field.hint)))
    if field.read is not None or not any(origin(each) is Literal for each in hints):
        return None
    if not all(origin(each) is Literal or each is NoneType for each in hints):
        return None
    return tuple(value for each in hints for value in (get_args(each) or (None,)))


def write_union(members: Sequence[Member]) -> UnstructureHook:
    """Make the hook that unstructures a value as the member of a union that it is an instance of."""
    empty = _forms_of_empty_set(members)

    def write(value: object) -> object:
        for fits in (_is_exactly, _is_instance, _is_of_its_class):
            for member in members:
                if fits(value, member.hint, member.fields):
                    written = member.write(value)
                    is_set = origin(bare(member.hint)) in SETS
                    return _empty_set(empty) if is_set and written == {"NULL": True} else written
        raise ValueError(f"{type(value).__name__} is not a member of the union")

    return write


def _forms_of_empty_set(members: Sequence[Member]) -> tuple[str, ...]:
    """The tags that an empty set, which DynamoDB does not store as one, may go by: those of no other member."""
    taken = {tag for member in members if origin(bare(member.hint)) not in SETS for tag in member.tags}
    return tuple(tag for tag in ("L", "NULL") if tag not in taken)


def _empty_set(forms: Sequence[str]) -> object:
    if not forms:
        raise ValueError(
            "DynamoDB stores no empty set, and another member of the union has all that it may go by"
        )
    return {"L": []} if forms[0] == "L" else {"NULL": True}


def _is_exactly(value: object, hint: Hint, fields: Sequence[ModelField]) -> bool:
    """Whether a value is of a type, and of no subclass of it; `fields` are those of a model."""
    inner = bare(hint)
    if origin(inner) is Literal:
        return any(type(each) is type(value) and each == value for each in get_args(inner))
    if is_typed_dict(origin(inner)):
        return isinstance(value, dict) and _is_typed_dict(cast("dict[str, object]", value), fields)
    cls = origin(inner)
    return isinstance(cls, type) and type(value) is cls and _has_parts(value, inner, fields)


def _is_instance(value: object, hint: Hint, fields: Sequence[ModelField]) -> bool:
    """Whether a value is of a type, or is what type checkers take for it."""
    return bare(hint) in UNTYPED or (
        _is_of_its_class(value, hint, fields) and _has_parts(value, bare(hint), fields)
    )


def _is_of_its_class(value: object, hint: Hint, _: Sequence[ModelField]) -> bool:
    """Whether a value is of the class of a type, whatever is in it; a set's type is known by what is in it."""
    inner = bare(hint)
    cls = origin(inner)
    if not isinstance(cls, type) or is_typed_dict(cls):
        return False
    is_one = (
        isinstance(value, cls)
        or (cls is float and isinstance(value, int))
        or (cls is bytes and is_binary(value))
    )
    return is_one and (cls not in SETS or _has_parts(value, inner, ()))


def _has_parts(value: object, hint: Hint, fields: Sequence[ModelField]) -> bool:
    """Whether a set has elements of its type, and a model the values that its Literals ask for."""
    if origin(hint) in SETS:
        (element,) = get_args(hint) or (object,)
        return all(_fits(each, element) for each in cast("AbstractSet[object]", value))  # it is one of SETS
    return all(
        getattr(value, field.name) in values for field in fields if (values := _literals(field)) is not None
    )


def _fits(value: object, hint: Hint) -> bool:
    return any(fits(value, each, ()) for each in members(hint) for fits in (_is_exactly, _is_instance))


def _is_typed_dict(value: Mapping[str, object], fields: Sequence[ModelField]) -> bool:
    """Whether a dict has the keys of a TypedDict, and the values that its Literals ask for."""
    names = {field.name for field in fields}
    required = {field.name for field in fields if field.required}
    return required <= value.keys() <= names and all(
        value[field.name] in values
        for field in fields
        if field.name in value and (values := _literals(field)) is not None
    )


def _alike(one: Member, other: Member, tag: str) -> Misuse:
    return Misuse(f"{one.name} and {other.name} are both stored as {tag}: nothing tells them apart")
