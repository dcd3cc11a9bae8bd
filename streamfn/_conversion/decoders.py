"""Decoders: functions that are compiled from hooks, as cattrs compiles its own."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from keyword import iskeyword
from typing import Final, NamedTuple, TypeAlias, cast
from weakref import ref

from streamfn._conversion.attribute_values import (
    InlineForm,
    Scalar,
    scalar_of_hook,
    structure_none,
    structure_str,
)
from streamfn._conversion.composites import (
    FieldHook,
    StructureByCattrs,
    StructureChoice,
    StructureList,
    StructureMap,
    StructureModel,
    StructureSet,
    StructureTuple,
)
from streamfn._conversion.dispatch import StructureAlias, is_builtin_hook
from streamfn._conversion.hints import Hint, is_typed_dict, type_name
from streamfn._conversion.hooks import StructureError, StructureHook
from streamfn._conversion.models import can_skip_init, default_of, sets_all_fields
from streamfn._conversion.unions import (
    AttributeDiscriminator,
    Discriminator,
    LiteralDiscriminator,
    StructureUnion,
    UnionMember,
)
from streamfn._dataclasses import new_unguarded
from streamfn._errors import shown

# The text of a module, and the objects that its names refer to.

Emit: TypeAlias = Callable[[str], str]
"""A function of an expression that returns the statement for its value: ``{}.append`` of a list, or an assignment."""

_INDENT = "    "
_HEAD = """\
# How images are read. The usual form of each value is read inline; any other is left to the hook of its type. Where
# anything raises, the hooks read the image again, and list all its problems.
#"""
_BUILTINS = (bool, dict, float, int, len, list, str, type)
_LOCALS = re.compile(r"(image|made|fields|value|content|elements|each|key|part|moment)(_\d+)*")
"""The variables of the functions."""


class ModuleWriter:
    """The text of a module, line by line, and unique names for the objects that it uses.

    `models` are the models whose functions are called, in the order of their first call. `aliases` are the recursive
    aliases that are being written.
    """

    def __init__(self) -> None:
        self.models: list[StructureModel] = []
        self.aliases: list[StructureAlias] = []
        self._names: dict[str, object] = {
            "StructureError": StructureError,
            **{each.__name__: each for each in _BUILTINS},
        }
        self._meanings: dict[str, str] = {}
        self._lines: list[str] = []
        self._last: list[str] = []
        self._depth = 0

    @property
    def text(self) -> str:
        """The text of the module, with the meanings of its names.

        A meaning may hold the name of a class, which is any text: the end of a line in it would end the comment.
        """
        meanings = [f"# {name}: {shown(meaning)}" for name, meaning in sorted(self._meanings.items())]
        return "\n".join([_HEAD, *meanings, *self._lines, *self._last, ""])

    def line(self, text: str = "") -> None:
        """Add a line."""
        self._lines.append(_INDENT * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Add a line, and indent the lines that are added within the context."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def refuse_if(self, condition: str) -> None:
        """Add the statement that raises under a condition: the image does not fit, or has a form for the hooks."""
        with self.block(f"if {condition}:"):
            self.line("raise StructureError")

    def last(self, text: str) -> None:
        """Add a line at the end of the module, after all functions."""
        self._last.append(text)

    def name(self, wish: str, thing: object, meaning: str = "") -> str:
        """Return the name of an object: `wish`, or a similar name if that is taken. An object keeps its name."""
        stem = re.sub(r"\W", "_", wish, flags=re.ASCII)
        # Two underscores begin names that Python keeps for itself, such as __builtins__.
        is_taken = _LOCALS.fullmatch(stem) or iskeyword(stem) or stem.startswith("__")
        if is_taken or not stem.isidentifier():
            stem = f"the_{stem}"
        number, name = 1, stem
        while self._names.setdefault(name, thing) is not thing:
            number += 1
            name = f"{stem}_{number}"
        if meaning:
            self._meanings[name] = meaning
        return name

    def function_of(self, model: StructureModel) -> str:
        """Return the name of the function of a model."""
        if model not in self.models:
            self.models.append(model)
        return self.name(f"structure_{model.cls.__name__}", model)

    def run(self, title: str, entry: str) -> Mapping[str, Callable[[object], object]]:
        """Run the module and return its namespace. Tracebacks show its lines under the title.

        The lines are kept for as long as the function of the name `entry` lives.
        """
        text, title = self.text, shown(title)
        while _emptied:
            linecache.cache.pop(_emptied.pop(), None)
        number, file = 1, f"<streamfn: {title}>"
        lines = len(text), None, text.splitlines(keepends=True), file
        while linecache.cache.setdefault(file, lines) is not lines:  # two models may have one name
            number += 1
            file = f"<streamfn: {title} {number}>"
        space = dict(self._names)
        exec(compile(text, file, "exec"), space)  # noqa: S102 (all text of users is in literals)
        _forgetting[file] = ref(space[entry], lambda _: _forget(file))
        return cast("Mapping[str, Callable[[object], object]]", space)  # the functions are of one argument


_forgetting: dict[str, object] = {}
"""Weak references to functions, whose callbacks forget the lines of their files."""


_emptied: list[str] = []
"""Files without lines; the next module that runs removes their names."""


def _forget(file: str) -> None:
    """Forget the lines of a file, and keep its name.

    Garbage is collected at any moment, also while `linecache.checkcache` iterates over the names.
    """
    _forgetting.pop(file, None)
    linecache.cache[file] = 0, None, [], file
    _emptied.append(file)


def quoted(text: str) -> str:
    """Return the literal of a text; of a subclass of str, such as an Enum, of its characters alone.

    >>> print(quoted("title"), quoted("unit price"), quoted("it's"))
    "title" 'unit price' "it's"
    """
    plain = str.__str__(text)
    return f'"{plain}"' if plain.isidentifier() else repr(plain)


def assign(target: str) -> Emit:
    """Return the `Emit` that assigns to a target."""
    return lambda expression: f"{target} = {expression}"


def append_to(target: str) -> Emit:
    """Return the `Emit` that appends to a list."""
    return lambda expression: f"{target}.append({expression})"


# Discriminators: the statements that select one of several models.


def can_discriminate(discriminator: Discriminator) -> bool:
    """Whether the discriminator can be written: no model has a hook of the user or of cattrs."""
    return all(isinstance(member.structure_hook, StructureModel) for member in discriminator.models())


def write_discriminator(writer: ModuleWriter, discriminator: Discriminator, image: str, emit: Emit) -> None:
    """Write the statements that select the model of an image, and call its function."""
    if isinstance(discriminator, LiteralDiscriminator) and _is_by_text(discriminator):
        _write_by_literal(writer, discriminator, image, emit)
    elif isinstance(discriminator, AttributeDiscriminator) and isinstance(
        discriminator.other, UnionMember | None
    ):
        _write_by_attribute(writer, discriminator.members, discriminator.other, image, emit)
    else:
        _write_by_hook(writer, discriminator, image, emit)


def _is_by_text(discriminator: LiteralDiscriminator) -> bool:
    """Whether the text of one attribute, which is always present, selects the model."""
    members = discriminator.members.values()
    return (discriminator.absent is None or discriminator.absent in members) and all(
        tag == "S"
        and isinstance(member, UnionMember)
        and _reads_choice(member.structure_hook, discriminator.attribute)
        for (tag, _), member in discriminator.members.items()
    )


def _write_by_literal(
    writer: ModuleWriter, discriminator: LiteralDiscriminator, image: str, emit: Emit
) -> None:
    table = writer.name(f"by_{discriminator.attribute}", discriminator)
    entries = (
        f"{quoted(str(text))}: {_function_of(writer, member)}"
        for (_, text), member in discriminator.members.items()
        if isinstance(member, UnionMember)
    )
    writer.last(f"{table} = {{{', '.join(entries)}}}")
    # The function of the model checks the attribute, as a field.
    writer.line(emit(f'{table}[{image}[{quoted(discriminator.attribute)}]["S"]]({image})'))


def _write_by_attribute(
    writer: ModuleWriter,
    members: Mapping[str, UnionMember],
    other: UnionMember | None,
    image: str,
    emit: Emit,
) -> None:
    head = "if"
    for attribute, member in members.items():
        with writer.block(f"{head} {quoted(attribute)} in {image}:"):
            writer.line(emit(f"{_function_of(writer, member)}({image})"))
        head = "elif"
    with writer.block("else:"):
        writer.line(
            "raise StructureError" if other is None else emit(f"{_function_of(writer, other)}({image})")
        )


def _write_by_hook(writer: ModuleWriter, discriminator: Discriminator, image: str, emit: Emit) -> None:
    """Write a call of the discriminator, where the selection takes several steps or other values than text."""
    models = list(discriminator.models())
    numbers = {id(member): number for number, member in enumerate(models)}

    def number_of(image: Mapping[str, object]) -> int:
        return numbers[id(discriminator(image))]

    number = writer.name(
        "number_of_model", number_of, "the number, in the table below, of the model of an image"
    )
    table = writer.name("models_by_number", models)
    writer.last(f"{table} = ({', '.join(_function_of(writer, member) for member in models)},)")
    writer.line(emit(f"{table}[{number}({image})]({image})"))


def _function_of(writer: ModuleWriter, member: UnionMember) -> str:
    assert isinstance(member.structure_hook, StructureModel)  # noqa: S101 (can_discriminate holds)
    return writer.function_of(member.structure_hook)


def _reads_choice(hook: StructureHook, attribute: str) -> bool:
    return isinstance(hook, StructureModel) and any(
        isinstance(each.hook, StructureChoice) for each in hook.fields if each.field.attribute == attribute
    )


# Values: the usual form is structured inline, and any other form by the hook.

_MAX_DEPTH: Final = 16
"""The most lists and maps within one another inline: Python has 20 loops, and 100 levels of indentation."""


class ValueSlot(NamedTuple):
    """A place in a decoder where an attribute value is structured.

    `value` is the variable of the attribute value, and `field` the name of its field. `hook` and `hint` are those of
    its type, and `emit` returns the statement for the result. `level` counts the values around it, so that each has
    variables of its own.
    """

    value: str
    field: str
    hook: StructureHook
    hint: Hint
    emit: Emit
    level: int = 0

    def local(self, name: str) -> str:
        """Return the name of a variable of this level."""
        return f"{name}_{self.level}" if self.level else name

    def within(self, value: str, hook: StructureHook, hint: Hint, emit: Emit) -> ValueSlot:
        """Return the slot of a value within this one."""
        return ValueSlot(value, self.field, hook, hint, emit, self.level + 1)


def inline_scalar(hook: StructureHook) -> tuple[Scalar, InlineForm] | None:
    """Return the row of a hook with an inline form; None for a hook that decoders call, as those of users."""
    scalar = scalar_of_hook(hook)
    return None if scalar is None or scalar.inline is None else (scalar, scalar.inline)


def write_value(writer: ModuleWriter, slot: ValueSlot) -> None:
    """Write the statements that structure a value."""
    if slot.level < _MAX_DEPTH:
        _write_inline_value(writer, slot)
    else:
        writer.line(slot.emit(_call_of_hook(writer, slot)))


def _write_inline_value(writer: ModuleWriter, slot: ValueSlot) -> None:
    hook = slot.hook
    if (row := inline_scalar(hook)) is not None:
        _write_scalar(writer, slot, *row)
    elif isinstance(hook, StructureModel):
        writer.refuse_if(f"len({slot.value}) != 1")
        writer.line(slot.emit(f'{writer.function_of(hook)}({slot.value}["M"])'))
    elif isinstance(hook, StructureChoice) and _is_of_text(hook):
        choices: dict[object, object] = OpenChoices(hook) if hook.is_open else {}
        choices |= {text: choice for (_, text), choice in hook.choices.items()}
        table = writer.name(f"choices_of_{slot.field}", choices, "its values, by their text")
        writer.refuse_if(f"len({slot.value}) != 1")
        writer.line(slot.emit(f'{table}[{slot.value}["S"]]'))
    elif isinstance(hook, StructureList):
        _write_list(writer, slot, hook)
    elif isinstance(hook, StructureTuple):
        _write_tuple(writer, slot, hook)
    elif isinstance(hook, StructureSet) and (row := inline_scalar(hook.hook)) is not None:
        _write_set(writer, slot, hook, *row)
    elif isinstance(hook, StructureMap) and hook.key_hook is structure_str:
        _write_map(writer, slot, hook)
    elif isinstance(hook, StructureUnion):
        _write_union(writer, slot, hook)
    elif isinstance(hook, StructureAlias) and hook not in writer.aliases:
        writer.aliases.append(hook)  # where it refers to itself, the hook is called
        write_value(writer, slot._replace(hook=hook.hook, hint=hook.hint))
        writer.aliases.remove(hook)
    else:
        writer.line(slot.emit(_call_of_hook(writer, slot)))


class OpenChoices(dict[object, object]):
    """The members of an Enum by their text; the Enum is called with any other text."""

    def __init__(self, hook: StructureChoice) -> None:
        super().__init__()
        self._hook = hook

    def __missing__(self, text: object) -> object:
        """Return the member that the Enum's ``_missing_`` returns."""
        return self._hook({"S": text})


def _call_of_hook(writer: ModuleWriter, slot: ValueSlot) -> str:
    """Return the expression that calls the hook."""
    name = writer.name(f"structure_{slot.field}", slot.hook, "the hook of its type")
    if is_builtin_hook(slot.hook) and not isinstance(slot.hook, StructureByCattrs):
        return f"{name}({slot.value})"
    return f"{name}({slot.value}, {writer.name(f'type_of_{slot.field}', slot.hint)})"


def _write_scalar(writer: ModuleWriter, slot: ValueSlot, scalar: Scalar, inline: InlineForm) -> None:
    content = slot.local("content")
    writer.line(f'{content} = {slot.value}["{scalar.tag}"]')
    _write_inline(writer, slot, inline, f"len({slot.value}) == 1 and {inline.usual}", content)


def _write_inline(
    writer: ModuleWriter, slot: ValueSlot, inline: InlineForm, usual: str, content: str
) -> None:
    """Write the expression for a content of the usual form, and a call of the hook for any other."""
    names = {wish: writer.name(wish, load(), meaning) for wish, (load, meaning) in inline.symbols.items()}
    with writer.block(f"if {usual.format(content, **names)}:"):
        writer.line(slot.emit(inline.expression.format(content, **names)))
    with writer.block("else:"):
        hook = writer.name(getattr(slot.hook, "__name__", "structure"), slot.hook)
        writer.line(slot.emit(f"{hook}({slot.value})"))


def _check_kind(writer: ModuleWriter, slot: ValueSlot, tag: str, kind: str) -> str:
    """Write the check that the content is of a kind, and return its variable."""
    content = slot.local("content")
    writer.line(f'{content} = {slot.value}["{tag}"]')
    writer.refuse_if(f"len({slot.value}) != 1 or type({content}) is not {kind}")
    return content


def _build(writer: ModuleWriter, make: Callable[[Iterable[object]], object], elements: str) -> str:
    """Return the expression for the container of a list of elements."""
    return elements if make is list else f"{writer.name(getattr(make, '__name__', 'make'), make)}({elements})"


def _write_list(writer: ModuleWriter, slot: ValueSlot, hook: StructureList) -> None:
    content = _check_kind(writer, slot, "L", "list")
    elements, each = slot.local("elements"), slot.local("each")
    writer.line(f"{elements} = []")
    with writer.block(f"for {each} in {content}:"):
        write_value(writer, slot.within(each, hook.hook, hook.element, append_to(elements)))
    writer.line(slot.emit(_build(writer, hook.make, elements)))


def _write_tuple(writer: ModuleWriter, slot: ValueSlot, hook: StructureTuple) -> None:
    content = _check_kind(writer, slot, "L", "list")
    parts = [slot.local(f"part_{index}") for index in range(len(hook.hooks))]
    writer.line(f"{', '.join(parts)}, = {content}")
    for part, (hint, element_hook) in zip(parts, hook.hooks, strict=True):
        write_value(writer, slot.within(part, element_hook, hint, assign(part)))
    writer.line(slot.emit(f"({', '.join(parts)},)"))


def _write_set(
    writer: ModuleWriter, slot: ValueSlot, hook: StructureSet, scalar: Scalar, inline: InlineForm
) -> None:
    """Write the statements for a set; the hook structures an empty set."""
    tag = f"{scalar.tag}S"
    with writer.block(f'if "{tag}" in {slot.value}:'):
        content = _check_kind(writer, slot, tag, "list")
        elements, each = slot.local("elements"), slot.local("each")
        if hook.hook is structure_str:
            writer.line(f'"".join({content})  # which all have to be text')
            elements = content
        else:
            writer.line(f"{elements} = []")
            with writer.block(f"for {each} in {content}:"):
                element = ValueSlot(
                    f'{{"{scalar.tag}": {each}}}', slot.field, hook.hook, hook.element, append_to(elements)
                )
                _write_inline(writer, element, inline, inline.usual, each)
        writer.line(slot.emit(_build(writer, hook.make, elements)))
    with writer.block("else:"):
        writer.line(slot.emit(_call_of_hook(writer, slot)))


def _write_map(writer: ModuleWriter, slot: ValueSlot, hook: StructureMap) -> None:
    content = _check_kind(writer, slot, "M", "dict")
    elements, key, each = slot.local("elements"), slot.local("key"), slot.local("each")
    writer.line(f'"".join({content})  # whose keys all have to be text')
    writer.line(f"{elements} = {{}}")
    with writer.block(f"for {key}, {each} in {content}.items():"):
        write_value(writer, slot.within(each, hook.hook, hook.entry, assign(f"{elements}[{key}]")))
    writer.line(slot.emit(elements))


def _write_union(writer: ModuleWriter, slot: ValueSlot, hook: StructureUnion) -> None:
    """Write a branch for each type tag that selects a member, and leave any other value to the union's hook."""
    head = "if"
    for tag, member in _members_by_tag(hook).items():
        with writer.block(f'{head} "{tag}" in {slot.value}:'):
            if member.structure_hook is structure_none:
                writer.line(f'{slot.value}["NULL"]  # of any value')
                writer.refuse_if(f"len({slot.value}) != 1")
                writer.line(slot.emit("None"))
            else:
                write_value(writer, slot._replace(hook=member.structure_hook, hint=member.hint))
        head = "elif"
    if hook.models is not None and can_discriminate(hook.models):
        content = slot.local("content")
        with writer.block(f'{head} "M" in {slot.value}:'):
            writer.refuse_if(f"len({slot.value}) != 1")
            writer.line(f'{content} = {slot.value}["M"]')
            write_discriminator(writer, hook.models, content, slot.emit)
        head = "elif"
    if head == "if":
        return writer.line(slot.emit(_call_of_hook(writer, slot)))
    with writer.block("else:"):
        writer.line(slot.emit(_call_of_hook(writer, slot)))
    return None


def _members_by_tag(union: StructureUnion) -> dict[str, UnionMember]:
    """Return the members that a type tag alone selects; an Enum or a Literal may share the tag of another member."""
    members = {tag: member for tag, member in union.by_tag.items() if tag in member.tags}
    for choice in union.choices:
        for tag in choice.tags:
            if members.pop(tag, None) is None and len(union.choices) == len(choice.tags) == 1:
                members[tag] = choice
    if union.models is not None:
        members.pop("M", None)
    return members


def _is_of_text(choice: StructureChoice) -> bool:
    return all(tag == "S" for tag, _ in choice.choices)


# Models.


def write_model(writer: ModuleWriter, model: StructureModel) -> None:
    """Write the function of a model.

    The fields of a plain dataclass are set one by one. Any other class is called with the fields of the image.
    """
    cls = model.cls
    name = writer.function_of(model)
    writer.line()
    writer.line()
    with writer.block(f"def {name}(image):"):
        writer.line(f'"""Structure an image as {name.removeprefix("structure_")}."""')
        writer.refuse_if("type(image) is not dict")
        if model.forbid_extra_keys:
            known = writer.name(f"attributes_of_{cls.__name__}", model.attributes)
            writer.refuse_if(f"not {known}.issuperset(image)")
        if can_skip_init(cls) and sets_all_fields(cls, (each.field.name for each in model.fields)):
            _write_assignments(writer, model)
        else:
            _write_call(writer, model)


def _write_assignments(writer: ModuleWriter, model: StructureModel) -> None:
    cls = model.cls
    meaning = f"has fields that can be set, and becomes {cls.__name__} once they are"
    writer.line(f"made = {writer.name(f'Unguarded{cls.__name__}', new_unguarded(cls), meaning)}()")
    for field in model.fields:
        _write_field(writer, field, f"made.{field.field.name}", cls)
    writer.line(f"made.__class__ = {writer.name(cls.__name__, cls)}")
    writer.line("return made")


def _write_call(writer: ModuleWriter, model: StructureModel) -> None:
    cls = model.cls
    writer.line("fields = {}")
    for field in model.fields:
        _write_field(writer, field, f"fields[{quoted(field.field.parameter)}]", None)
    called = f"{writer.name(cls.__name__, cls)}(**fields)"
    writer.line("return fields" if is_typed_dict(cls) else f"return {called}")


def _write_field(writer: ModuleWriter, field_hook: FieldHook, target: str, filled: type | None) -> None:
    """Write the statements of a field; `filled` is the class whose default replaces an absent attribute."""
    field = field_hook.field
    absent = None
    if field.required:
        absent = "None" if field_hook.optional else None
    elif filled is not None:
        absent = _default(writer, filled, field.name)
    if field.required and absent is None:
        writer.line(f"value = image[{quoted(field.attribute)}]")
        write_value(writer, ValueSlot("value", field.name, field_hook.hook, field.hint, assign(target)))
        return
    with writer.block(f"if {quoted(field.attribute)} in image:"):
        writer.line(f"value = image[{quoted(field.attribute)}]")
        write_value(writer, ValueSlot("value", field.name, field_hook.hook, field.hint, assign(target)))
    if absent is not None:
        with writer.block("else:"):
            writer.line(f"{target} = {absent}")


def _default(writer: ModuleWriter, cls: type, field: str) -> str:
    """Return the expression for a field's default."""
    default, is_factory = default_of(cls, field)
    if default is None or isinstance(default, bool):
        return repr(default)
    name = writer.name(f"default_{field}", default, "the default, or its factory")
    return f"{name}()" if is_factory else name


# Decoders: functions from an image to an item, each compiled as a module of its own.

Decode: TypeAlias = Callable[[object], object]
"""A function of an image that returns the item, and raises if the image does not fit or has a form for the hooks."""


class Decoder(NamedTuple):
    """The function from images to items of a model, the text of its module, and the hook and the type of the model."""

    decode: Decode
    source: str
    hook: StructureHook
    hint: Hint


def compile_decoder(hook: StructureHook, hint: Hint) -> Decoder:
    """Return the decoder of a model, or of a union of models, with this hook.

    A decoder for a hook of the user's own calls the hook.
    """
    writer = ModuleWriter()
    outer = hook
    while isinstance(hook, StructureAlias):
        hook = hook.hook
    if isinstance(hook, StructureModel):
        entry = writer.function_of(hook)
    elif isinstance(hook, StructureUnion) and hook.models is not None and can_discriminate(hook.models):
        entry = writer.name("structure_one_of", hook)
        writer.line()
        writer.line()
        with writer.block(f"def {entry}(image):"):
            writer.line('"""Structure an image as the model to which it belongs."""')
            write_discriminator(writer, hook.models, "image", "return {}".format)
    else:
        return hook_decoder(outer, hint)
    for model in writer.models:  # to which each model adds the models within
        write_model(writer, model)
    return Decoder(writer.run(type_name(hint), entry)[entry], writer.text, outer, hint)


def hook_decoder(hook: StructureHook, hint: Hint) -> Decoder:
    """Return a decoder that calls a hook, and has no text."""

    def decode(image: object) -> object:
        return hook({"M": image}, hint)

    return Decoder(decode, "", hook, hint)
