"""Unions: the member to which an attribute value belongs.

A type tag selects the member. Models, which are all stored as M, are selected by a discriminator: a field that is a
Literal in each of them, or else a required attribute that no other model has, or several of those in turn. Members that
nothing distinguishes raise `ConfigurationError` when the union is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from typing_extensions import override

from streamfn._conversion.attribute_values import SCALAR_TAGS, TAGS, is_binary, split_tag, structure_plain
from streamfn._conversion.composites import StructureChoice, choice_key, entries, levels_of
from streamfn._conversion.hints import (
    SETS,
    UNTYPED,
    Hint,
    is_model,
    is_typed_dict,
    origin,
    type_name,
    union_members,
    unwrap,
)
from streamfn._conversion.hooks import Child, Composite, Path, StructureError, StructureHook, UnstructureHook
from streamfn._conversion.models import ModelField
from streamfn._errors import ConfigurationError
from streamfn._failures import Problem


class UnionMember(NamedTuple):
    """A member of a union: its type, its hooks, its type tags, and a model's fields.

    A member without tags has a hook of the user's own, which may structure any value.
    """

    hint: Hint
    structure_hook: StructureHook
    unstructure_hook: UnstructureHook
    tags: AbstractSet[str]
    fields: Sequence[ModelField] = ()

    @property
    def name(self) -> str:
        """The name of the type in messages."""
        return type_name(unwrap(self.hint))


class StructureUnion(Composite):
    """Structures an attribute value as the member of a union to which it belongs."""

    __slots__ = ("by_tag", "choices", "levels", "models")

    def __init__(self, members: Sequence[UnionMember]) -> None:
        """Raise `ConfigurationError` for members that nothing distinguishes."""
        self.levels = max((levels_of(member.structure_hook) for member in members), default=0)
        self.choices = [member for member in members if isinstance(member.structure_hook, StructureChoice)]
        models = [member for member in members if member.tags and is_model(unwrap(member.hint))]
        self.models = find_discriminator(models) if len(models) > 1 else None
        self.by_tag: dict[str, UnionMember] = {}
        rest = [member for member in members if not member.tags or unwrap(member.hint) in UNTYPED]
        if len(rest) > 1:
            raise ConfigurationError(
                f"{rest[0].name} and {rest[1].name} cannot both be in a union: nothing tells what is meant for which"
            )
        apart = {*map(id, self.choices), *map(id, rest), *map(id, models if self.models else ())}
        for member in members:
            if id(member) not in apart:
                self._claim(member)
        if self.models and "M" in self.by_tag:
            raise _indistinguishable(self.by_tag["M"], models[0], "M")
        empty = _tags_of_empty_set(members)
        for member in members:
            if origin(unwrap(member.hint)) in SETS:
                self.by_tag = dict.fromkeys(empty, member) | self.by_tag
        for member in rest:
            self.by_tag = dict.fromkeys(TAGS, member) | self.by_tag

    def _claim(self, member: UnionMember) -> None:
        for tag in member.tags:
            if (other := self.by_tag.setdefault(tag, member)) is not member:
                raise _indistinguishable(other, member, tag)

    @override
    def __call__(self, value: object, hint: object = None, /) -> object:
        member = self._member_for(value)
        return member.structure_hook(value, member.hint)

    @override
    def children(self, value: object, path: Path) -> Iterator[Child | Problem]:
        try:
            member = self._member_for(value)
        except DiscriminatorError as error:
            yield path.attribute(error.attribute).problem(str(error), error.value)
        else:
            yield Child(member.structure_hook, member.hint, value, path)

    def _member_for(self, value: object) -> UnionMember:
        tag, _ = split_tag(value)
        for member in self.choices:
            if isinstance(member.structure_hook, StructureChoice) and member.structure_hook.has(value):
                return member
        if tag == "M" and self.models is not None:
            return self.models(entries(value))
        if tag in self.by_tag:
            return self.by_tag[tag]
        for member in self.choices:
            if isinstance(member.structure_hook, StructureChoice) and member.structure_hook.may_have(tag):
                return member
        expected = {*self.by_tag, *(tag for member in self.choices for tag in member.tags)}
        if self.models is not None:
            expected.add("M")
        raise StructureError(
            f"expected {' or '.join(sorted(expected))}, got {'another value' if tag in expected else tag}"
        )


class DiscriminatorError(StructureError):
    """An attribute that distinguishes models is absent, or no attribute value."""

    def __init__(self, message: str, attribute: str, value: object) -> None:
        super().__init__(message)
        self.attribute, self.value = attribute, value


class LiteralDiscriminator:
    """Selects a model by the value of an attribute that is a Literal in each model.

    `members` holds a model for each value, or the discriminator of several models. `absent` is the one for an image
    without the attribute; without it, such an image fits no model.
    """

    __slots__ = ("absent", "attribute", "members")

    def __init__(
        self, attribute: str, members: Mapping[tuple[str, object], Decision], absent: Decision | None = None
    ) -> None:
        self.attribute, self.members, self.absent = attribute, members, absent

    def __call__(self, image: Mapping[str, object]) -> UnionMember:
        if self.attribute not in image:
            if self.absent is None:
                raise DiscriminatorError("missing", self.attribute, None)
            return _decide(self.absent, image)
        value = image[self.attribute]
        try:
            tag, _ = split_tag(value)
            decision = self.members.get((tag, structure_plain(value))) if tag in SCALAR_TAGS else None
        except StructureError as error:
            raise DiscriminatorError(str(error), self.attribute, value) from None
        if decision is not None:
            return _decide(decision, image)
        raise StructureError(
            f"the attribute {self.attribute!r} tells of none of the models which one this is"
        )

    def models(self) -> Iterator[UnionMember]:
        """Yield the models, each once for each way to it."""
        for each in (*self.members.values(), self.absent):
            yield from _models_of(each)


class AttributeDiscriminator:
    """Selects a model by a required attribute that no other model has; `other` is for an image with none of those."""

    __slots__ = ("members", "other")

    def __init__(self, members: Mapping[str, UnionMember], other: Decision | None) -> None:
        self.members, self.other = members, other

    def __call__(self, image: Mapping[str, object]) -> UnionMember:
        for attribute, member in self.members.items():
            if attribute in image:
                return member
        if self.other is None:
            raise StructureError(f"expected one of the attributes {', '.join(self.members)}, got none")
        return _decide(self.other, image)

    def models(self) -> Iterator[UnionMember]:
        """Yield the models, each once for each way to it."""
        yield from self.members.values()
        yield from _models_of(self.other)


Discriminator: TypeAlias = LiteralDiscriminator | AttributeDiscriminator
"""Selects the model of an image, out of several."""

Decision: TypeAlias = UnionMember | Discriminator
"""The model of an image, or the next discriminator."""


def _decide(decision: Decision, image: Mapping[str, object]) -> UnionMember:
    return decision if isinstance(decision, UnionMember) else decision(image)


def _models_of(decision: Decision | None) -> Iterator[UnionMember]:
    if isinstance(decision, UnionMember):
        yield decision
    elif decision is not None:
        yield from decision.models()


def find_discriminator(models: Sequence[UnionMember]) -> Discriminator:
    """Return the discriminator of models. Raises `ConfigurationError` for models that nothing distinguishes."""
    for attribute in (field.attribute for field in models[0].fields):
        if (by_value := _by_one_literal(attribute, models)) is not None:
            return by_value
    for attribute in (field.attribute for field in models[0].fields):
        # A Literal of all models goes first: an item may have an attribute that its model does not have.
        if (
            _Groups(attribute, models).are_of_all
            and (by_literal := _tree_by_literal(attribute, models)) is not None
        ):
            return by_literal
    unique, others = _by_attribute(models)
    if len(others) > 1:
        tree = _tree(models)
        if isinstance(tree, UnionMember | None):
            raise ConfigurationError(
                f"nothing tells {others[0].name} and {others[1].name} apart: give both a field of one name "
                'and of the types Literal["…"], or each a required field of its own'
            )
        return tree
    return AttributeDiscriminator(unique, others[0] if others else None)


def _by_one_literal(attribute: str, models: Sequence[UnionMember]) -> LiteralDiscriminator | None:
    """Return the discriminator by one Literal; None if its values do not distinguish all models."""
    groups = _Groups(attribute, models)
    if groups.are_of_all and all(len(each) == 1 for each in groups.by_value.values()):
        absent = groups.absent[0] if len(groups.absent) == 1 else None
        return LiteralDiscriminator(
            attribute, {key: group[0] for key, group in groups.by_value.items()}, absent
        )
    return None


def _by_attribute(models: Sequence[UnionMember]) -> tuple[dict[str, UnionMember], list[UnionMember]]:
    """Return the models by a required attribute that no other has, and the models without one."""
    unique: dict[str, UnionMember] = {}
    others: list[UnionMember] = []
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


def _tree(models: Sequence[UnionMember]) -> Decision | None:
    """Return a tree of discriminators, each of which splits the models; None if there is none."""
    if len(models) == 1:
        return models[0]
    for attribute in dict.fromkeys(field.attribute for model in models for field in model.fields):
        if (by_literal := _tree_by_literal(attribute, models)) is not None:
            return by_literal
    unique, others = _by_attribute(models)
    if not others:
        return AttributeDiscriminator(unique, None)
    rest = _tree(others) if unique else None
    return None if rest is None else AttributeDiscriminator(unique, rest)


def _tree_by_literal(attribute: str, models: Sequence[UnionMember]) -> LiteralDiscriminator | None:
    """Return the tree that first splits the models by their Literal of this attribute; None if there is none."""
    groups = _Groups(attribute, models)
    if not groups.by_value or any(len(each) == len(models) for each in groups.by_value.values()):
        return None
    trees = {key: _tree(group) for key, group in groups.by_value.items()}
    decisions = {key: tree for key, tree in trees.items() if tree is not None}
    absent = _tree(groups.absent) if 0 < len(groups.absent) < len(models) else None
    if len(decisions) < len(trees) or (absent is None and not groups.are_of_all):
        return None
    return LiteralDiscriminator(attribute, decisions, absent)


class _Groups:
    """Models by the values of one attribute, which is a Literal in them or no field of theirs.

    `absent` are the models whose image may lack the attribute. `are_of_all` says whether all models have the field.
    There are no groups if the attribute is of another type in one of the models.
    """

    def __init__(self, attribute: str, models: Sequence[UnionMember]) -> None:
        self.by_value: dict[tuple[str, object], list[UnionMember]] = {}
        self.absent: list[UnionMember] = []
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
    """Return the values of a field that is a Literal, optional or not; None for a field of another type."""
    hints = list(map(unwrap, union_members(field.hint)))
    if field.structure_hook is not None or not any(origin(each) is Literal for each in hints):
        return None
    if not all(origin(each) is Literal or each is NoneType for each in hints):
        return None
    return tuple(value for each in hints for value in (get_args(each) or (None,)))


def unstructure_union(members: Sequence[UnionMember]) -> UnstructureHook:
    """Return the hook that unstructures a value as the member of a union of which it is an instance."""
    empty = _tags_of_empty_set(members)

    def unstructure(value: object) -> object:
        for fits in (_is_exactly, _is_instance, _is_of_its_class):
            for member in members:
                if fits(value, member.hint, member.fields):
                    stored = member.unstructure_hook(value)
                    is_set = origin(unwrap(member.hint)) in SETS
                    return _empty_set(empty) if is_set and stored == {"NULL": True} else stored
        raise ValueError(f"{type(value).__name__} is not a member of the union")

    return unstructure


def _tags_of_empty_set(members: Sequence[UnionMember]) -> tuple[str, ...]:
    """Return the tags for an empty set, which DynamoDB does not store as a set: those of no other member."""
    taken = {tag for member in members if origin(unwrap(member.hint)) not in SETS for tag in member.tags}
    return tuple(tag for tag in ("L", "NULL") if tag not in taken)


def _empty_set(tags: Sequence[str]) -> object:
    if not tags:
        raise ValueError(
            "DynamoDB stores no empty set, and another member of the union has all that it may go by"
        )
    return {"L": []} if tags[0] == "L" else {"NULL": True}


def _is_exactly(value: object, hint: Hint, fields: Sequence[ModelField]) -> bool:
    """Whether a value is of a type, and of no subclass of the type; `fields` are those of a model."""
    inner = unwrap(hint)
    if origin(inner) is Literal:
        return any(type(each) is type(value) and each == value for each in get_args(inner))
    if is_typed_dict(origin(inner)):
        return isinstance(value, dict) and _is_typed_dict(cast("dict[str, object]", value), fields)
    cls = origin(inner)
    return isinstance(cls, type) and type(value) is cls and _has_parts(value, inner, fields)


def _is_instance(value: object, hint: Hint, fields: Sequence[ModelField]) -> bool:
    """Whether a value is of a type, or of another type that type checkers accept for that type."""
    return unwrap(hint) in UNTYPED or (
        _is_of_its_class(value, hint, fields) and _has_parts(value, unwrap(hint), fields)
    )


def _is_of_its_class(value: object, hint: Hint, _: Sequence[ModelField]) -> bool:
    """Whether a value is of the class of a type, and a set also of the type of its elements."""
    inner = unwrap(hint)
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
    """Whether a set has elements of its type, and a model has values of its Literals."""
    if origin(hint) in SETS:
        (element,) = get_args(hint) or (object,)
        return all(_fits(each, element) for each in cast("AbstractSet[object]", value))  # it is one of SETS
    return all(
        getattr(value, field.name) in values for field in fields if (values := _literals(field)) is not None
    )


def _fits(value: object, hint: Hint) -> bool:
    return any(fits(value, each, ()) for each in union_members(hint) for fits in (_is_exactly, _is_instance))


def _is_typed_dict(value: Mapping[str, object], fields: Sequence[ModelField]) -> bool:
    """Whether a dict has the keys of a TypedDict, and values of its Literals."""
    names = {field.name for field in fields}
    required = {field.name for field in fields if field.required}
    return required <= value.keys() <= names and all(
        value[field.name] in values
        for field in fields
        if field.name in value and (values := _literals(field)) is not None
    )


def _indistinguishable(one: UnionMember, other: UnionMember, tag: str) -> ConfigurationError:
    return ConfigurationError(
        f"{one.name} and {other.name} are both stored as {tag}: nothing tells them apart"
    )
