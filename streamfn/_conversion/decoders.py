"""Decoders: functions that are generated from hooks, as cattrs generates its own."""

from __future__ import annotations

import linecache
import re
from binascii import a2b_base64
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from keyword import iskeyword
from typing import Final, NamedTuple, TypeAlias, cast
from weakref import ref

from streamfn._conversion.attribute_values import (
    EXACT,
    LONGEST,
    SCALARS_BY_TYPE,
    read_none,
    read_text,
    read_uuid,
)
from streamfn._conversion.composites import (
    EPOCHS,
    ReadByCattrs,
    ReadChoice,
    ReadField,
    ReadList,
    ReadMap,
    ReadModel,
    ReadSet,
    ReadTuple,
)
from streamfn._conversion.dispatch import ReadAlias, is_ours
from streamfn._conversion.hints import EpochMilliseconds, Hint, is_typed_dict, name_of_type
from streamfn._conversion.hooks import StructureHook, Unfit
from streamfn._conversion.models import default_of, fills_all, is_fillable
from streamfn._conversion.unions import ByAttribute, ByLiteral, Choose, Member, ReadUnion
from streamfn._dataclasses import new_twin
from streamfn._errors import shown

# Source: the text of a module that is being written, and the objects that it finds under its names.

Give: TypeAlias = Callable[[str], str]
"""Makes the statement that takes the value of an expression."""

_INDENT = "    "
_HEAD = """\
# How images are read. The usual form of each value is read inline; any other is left to the hook of its type. Where
# anything raises, the hooks read the image again, and find out all that is wrong with it.
#"""
_BUILTINS = (bool, dict, float, int, len, list, str, type)
_OF_FUNCTIONS = re.compile(r"(image|made|fields|value|held|found|each|key|part|told|moment)(_\d+)*")
"""The variables of the functions."""


class Source:
    """Takes lines at the current indentation, and gives objects names that are not taken.

    `models` are those that functions are called for, in the order in which they were named; each is to have one.
    `aliases` are those of which the hooks are being written.
    """

    def __init__(self) -> None:
        """Begin with an empty module."""
        self.models: list[ReadModel] = []
        self.aliases: list[ReadAlias] = []
        self._names: dict[str, object] = {"Unfit": Unfit, **{each.__name__: each for each in _BUILTINS}}
        self._meanings: dict[str, str] = {}
        self._lines: list[str] = []
        self._last: list[str] = []
        self._depth = 0

    @property
    def text(self) -> str:
        """The module as it stands, with what its names mean where they do not say it.

        A meaning may hold the name of a class, which is any text: an end of a line in it would end the comment.
        """
        meanings = [f"# {name}: {shown(meaning)}" for name, meaning in sorted(self._meanings.items())]
        return "\n".join([_HEAD, *meanings, *self._lines, *self._last, ""])

    def line(self, text: str = "") -> None:
        """Add a line."""
        self._lines.append(_INDENT * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Add a line that what is added meanwhile is indented under."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def refuse_if(self, condition: str) -> None:
        """Add that an image does not fit under a condition, or has a form that is left to the hooks."""
        with self.block(f"if {condition}:"):
            self.line("raise Unfit")

    def last(self, text: str) -> None:
        """Add a line at the end of the module, where all functions are known."""
        self._last.append(text)

    def name(self, wish: str, thing: object, meaning: str = "") -> str:
        """Give an object the name that is wished for, or one like it; the same object keeps its name."""
        stem = re.sub(r"\W", "_", wish, flags=re.ASCII)
        # Two underscores begin names that Python keeps for itself, such as __builtins__.
        is_taken = _OF_FUNCTIONS.fullmatch(stem) or iskeyword(stem) or stem.startswith("__")
        if is_taken or not stem.isidentifier():
            stem = f"the_{stem}"
        number, name = 1, stem
        while self._names.setdefault(name, thing) is not thing:
            number += 1
            name = f"{stem}_{number}"
        if meaning:
            self._meanings[name] = meaning
        return name

    def function_of(self, model: ReadModel) -> str:
        """Name the function that makes a model of an image."""
        if model not in self.models:
            self.models.append(model)
        return self.name(f"read_{model.cls.__name__}", model)

    def run(self, title: str, entry: str) -> Mapping[str, Callable[[object], object]]:
        """Run the module and give what it defines; by its title it goes in tracebacks, which show its lines.

        They are kept for as long as the function that goes by `entry` is.
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
        exec(compile(text, file, "exec"), space)  # noqa: S102 (what is not of this package's making is a literal)
        _forgetting[file] = ref(space[entry], lambda _: _forget(file))
        return cast("Mapping[str, Callable[[object], object]]", space)  # the functions are of one argument


_forgetting: dict[str, object] = {}
"""References that have the lines of a file forgotten with what was made of them; nobody else keeps them."""


_emptied: list[str] = []
"""Files of which the lines are forgotten; the next module that runs takes their names away."""


def _forget(file: str) -> None:
    """Forget the lines of a file, and leave its name.

    Garbage is collected at any moment, also while `linecache.checkcache` goes through the names, which have to stay.
    """
    _forgetting.pop(file, None)
    linecache.cache[file] = 0, None, [], file
    _emptied.append(file)


def quoted(text: str) -> str:
    """Write text as a literal, and no more of a text that has more, a member of an Enum say, than its characters.

    >>> print(quoted("title"), quoted("unit price"), quoted("it's"))
    "title" 'unit price' "it's"
    """
    plain = str.__str__(text)
    return f'"{plain}"' if plain.isidentifier() else repr(plain)


def assign(target: str) -> Give:
    """Take the value of an expression by assigning it."""
    return lambda expression: f"{target} = {expression}"


def append_to(target: str) -> Give:
    """Take the value of an expression by appending it to a list."""
    return lambda expression: f"{target}.append({expression})"


# Writing which of several models an image is read as.


def can_be_chosen(choose: Choose) -> bool:
    """Whether the choice can be written: it is among models of ours."""
    return all(isinstance(member.read, ReadModel) for member in choose.found())


def write_choice(source: Source, choose: Choose, image: str, give: Give) -> None:
    """Write the statements that find out which model an image is meant for, and read it as that."""
    if isinstance(choose, ByLiteral) and _is_by_text(choose):
        _write_by_literal(source, choose, image, give)
    elif isinstance(choose, ByAttribute) and isinstance(choose.other, Member | None):
        _write_by_attribute(source, choose.members, choose.other, image, give)
    else:
        _write_by_hook(source, choose, image, give)


def _is_by_text(choose: ByLiteral) -> bool:
    """Whether the text of one attribute, which is always there, tells one model from others."""
    told = choose.members.values()
    return (choose.absent is None or choose.absent in told) and all(
        tag == "S" and isinstance(member, Member) and _reads_choice(member.read, choose.attribute)
        for (tag, _), member in choose.members.items()
    )


def _write_by_literal(source: Source, choose: ByLiteral, image: str, give: Give) -> None:
    table = source.name(f"by_{choose.attribute}", choose)
    entries = (
        f"{quoted(str(text))}: {_read(source, member)}"
        for (_, text), member in choose.members.items()
        if isinstance(member, Member)
    )
    source.last(f"{table} = {{{', '.join(entries)}}}")
    # That nothing else stands in the attribute is checked where it is read as a field.
    source.line(give(f'{table}[{image}[{quoted(choose.attribute)}]["S"]]({image})'))


def _write_by_attribute(
    source: Source, members: Mapping[str, Member], other: Member | None, image: str, give: Give
) -> None:
    head = "if"
    for attribute, member in members.items():
        with source.block(f"{head} {quoted(attribute)} in {image}:"):
            source.line(give(f"{_read(source, member)}({image})"))
        head = "elif"
    with source.block("else:"):
        source.line("raise Unfit" if other is None else give(f"{_read(source, other)}({image})"))


def _write_by_hook(source: Source, choose: Choose, image: str, give: Give) -> None:
    """Have the hook choose, where that takes several steps or other values than text."""
    found = list(choose.found())
    numbers = {id(member): number for number, member in enumerate(found)}

    def number_of(image: Mapping[str, object]) -> int:
        return numbers[id(choose(image))]

    number = source.name(
        "number_of_model", number_of, "the number, in the table below, of the model that it is meant for"
    )
    table = source.name("models_by_number", found)
    source.last(f"{table} = ({', '.join(_read(source, member) for member in found)},)")
    source.line(give(f"{table}[{number}({image})]({image})"))


def _read(source: Source, member: Member) -> str:
    assert isinstance(member.read, ReadModel)  # noqa: S101 (can_be_chosen has said so)
    return source.function_of(member.read)


def _reads_choice(hook: StructureHook, attribute: str) -> bool:
    return isinstance(hook, ReadModel) and any(
        isinstance(read.hook, ReadChoice) for read in hook.fields if read.field.attribute == attribute
    )


# Inline: how the usual form of a scalar is read in one expression, with every check that its hook would make.


class Named(NamedTuple):
    """An object that an expression needs, and what it means where its name does not say it."""

    thing: object
    meaning: str = ""


class Inline(NamedTuple):
    """An expression that reads what an attribute value with this tag holds, written ``{0}``, if `usual` is true.

    Where it is not, the hook is called by its `name`. `names` are what the expressions need, by what stands for
    their names there.
    """

    tag: str
    name: str
    usual: str
    expression: str
    names: Mapping[str, Named] = {}


# They let through some text that is no number, such as 1-2, and of what is no text nothing: that raises, and so is
# left to the hooks.
_WHOLE: Final = "{0}.isdecimal() and {0}.isascii()"
_WHOLE_OR_NEGATIVE: Final = '({0}.isdecimal() or {0}.lstrip("-").isdecimal()) and {0}.isascii()'
_WITHOUT_EXPONENT: Final = 'not {0}.strip("0123456789.-")'

_BY_TYPE: Final[Mapping[type, Inline]] = {
    str: Inline("S", "read_text", "type({0}) is str", "{0}"),
    bool: Inline("BOOL", "read_bool", "type({0}) is bool", "{0}"),
    int: Inline("N", "read_int", _WHOLE_OR_NEGATIVE, "int({0})"),
    float: Inline(
        "N",
        "read_float",
        f"len({{0}}) <= 300 and {_WITHOUT_EXPONENT}",  # no number so short is too large for a float
        "float({0})",
    ),
    Decimal: Inline(
        "N",
        "read_decimal",
        f"len({{0}}) <= {LONGEST} and {_WITHOUT_EXPONENT}",
        "{Decimal}({0}, {EXACT})",
        {"Decimal": Named(Decimal), "EXACT": Named(EXACT, "the context that refuses what is no number")},
    ),
    bytes: Inline(
        "B",
        "read_bytes",
        "type({0}) is str",
        "{a2b_base64}({0}, strict_mode=True)",
        {"a2b_base64": Named(a2b_base64)},
    ),
    datetime: Inline(
        "S",
        "read_datetime",
        "(moment := {fromisoformat}({0})).tzinfo is not None",
        "moment",
        {"fromisoformat": Named(datetime.fromisoformat, "that of datetime")},
    ),
    date: Inline(
        "S",
        "read_date",
        "type({0}) is str",
        "{date_from}({0})",
        {"date_from": Named(date.fromisoformat, "date.fromisoformat")},
    ),
}

_SECONDS: Final = Inline(
    "N",
    "read_epoch_seconds",
    _WHOLE,
    "{fromtimestamp}(int({0}), {UTC})",
    {"fromtimestamp": Named(datetime.fromtimestamp, "that of datetime"), "UTC": Named(UTC)},
)

_INLINE: Final[Sequence[tuple[StructureHook, Inline]]] = (
    *((SCALARS_BY_TYPE[cls].read, inline) for cls, inline in _BY_TYPE.items()),
    *((scalar.read, _SECONDS) for marker, scalar in EPOCHS if marker is not EpochMilliseconds),
)


def inline_of(hook: StructureHook) -> Inline | None:
    """Find how to do inline what a hook does; None where it is to be called, as those of the user are."""
    if hook is read_uuid:
        from uuid import UUID  # loaded by the model's module; many models have none

        return Inline("S", "read_uuid", "type({0}) is str", "{UUID}({0})", {"UUID": Named(UUID)})
    return next((inline for known, inline in _INLINE if known is hook), None)


# Writing how one attribute value is read: the usual form inline, any other by the value's hook.

_DEEPEST: Final = 16
"""How deep lists and maps are read inline within one another: Python takes 20 loops, and 100 levels of indentation."""


class Spot(NamedTuple):
    """A place in a decoder where an attribute value is read.

    `value` is the variable that holds it, and `field` the field that it is in. `hook` and `hint` are what reads
    it, and `give` makes the statement that takes what was read. `level` counts the values around it, so that
    each has variables of its own.
    """

    value: str
    field: str
    hook: StructureHook
    hint: Hint
    give: Give
    level: int = 0

    def local(self, name: str) -> str:
        """A variable of this level."""
        return f"{name}_{self.level}" if self.level else name

    def within(self, value: str, hook: StructureHook, hint: Hint, give: Give) -> Spot:
        """The place of a value within this one."""
        return Spot(value, self.field, hook, hint, give, self.level + 1)


def write_value(source: Source, spot: Spot) -> None:
    """Write the statements that read a value."""
    if spot.level < _DEEPEST:
        _write_inline_value(source, spot)
    else:
        source.line(spot.give(_call_of_hook(source, spot)))


def _write_inline_value(source: Source, spot: Spot) -> None:
    hook = spot.hook
    inline = inline_of(hook)
    if inline is not None:
        _write_scalar(source, spot, inline)
    elif isinstance(hook, ReadModel):
        source.refuse_if(f"len({spot.value}) != 1")
        source.line(spot.give(f'{source.function_of(hook)}({spot.value}["M"])'))
    elif isinstance(hook, ReadChoice) and _is_of_text(hook):
        choices: dict[object, object] = OpenChoices(hook) if hook.is_open else {}
        choices |= {text: choice for (_, text), choice in hook.choices.items()}
        table = source.name(f"choices_of_{spot.field}", choices, "what it may be, by its text")
        source.refuse_if(f"len({spot.value}) != 1")
        source.line(spot.give(f'{table}[{spot.value}["S"]]'))
    elif isinstance(hook, ReadList):
        _write_list(source, spot, hook)
    elif isinstance(hook, ReadTuple):
        _write_tuple(source, spot, hook)
    elif isinstance(hook, ReadSet) and (inline := inline_of(hook.hook)) is not None:
        _write_set(source, spot, hook, inline)
    elif isinstance(hook, ReadMap) and hook.key_hook is read_text:
        _write_map(source, spot, hook)
    elif isinstance(hook, ReadUnion):
        _write_union(source, spot, hook)
    elif isinstance(hook, ReadAlias) and hook not in source.aliases:
        source.aliases.append(hook)  # where it leads back to itself, the hook goes on
        write_value(source, spot._replace(hook=hook.hook, hint=hook.hint))
        source.aliases.remove(hook)
    else:
        source.line(spot.give(_call_of_hook(source, spot)))


class OpenChoices(dict[object, object]):
    """The members of an Enum by their text, where the Enum itself is asked for other text."""

    def __init__(self, hook: ReadChoice) -> None:
        """Begin with no member."""
        super().__init__()
        self._hook = hook

    def __missing__(self, text: object) -> object:
        """Have the hook call the Enum."""
        return self._hook({"S": text})


def _call_of_hook(source: Source, spot: Spot) -> str:
    """Have the hook itself read a value."""
    read = source.name(f"read_{spot.field}", spot.hook, "the hook of its type")
    if is_ours(spot.hook) and not isinstance(spot.hook, ReadByCattrs):
        return f"{read}({spot.value})"
    return f"{read}({spot.value}, {source.name(f'type_of_{spot.field}', spot.hint)})"


def _write_scalar(source: Source, spot: Spot, inline: Inline) -> None:
    held = spot.local("held")
    source.line(f'{held} = {spot.value}["{inline.tag}"]')
    _write_inline(source, spot, inline, f"len({spot.value}) == 1 and {inline.usual}", held)


def _write_inline(source: Source, spot: Spot, inline: Inline, usual: str, held: str) -> None:
    """Read what is held inline if it is of the usual form, and have the hook read the value if not."""
    names = {wish: source.name(wish, thing, meaning) for wish, (thing, meaning) in inline.names.items()}
    with source.block(f"if {usual.format(held, **names)}:"):
        source.line(spot.give(inline.expression.format(held, **names)))
    with source.block("else:"):
        source.line(spot.give(f"{source.name(inline.name, spot.hook)}({spot.value})"))


def _hold(source: Source, spot: Spot, tag: str, kind: str) -> str:
    """Put what a value holds into a variable, and see that it is of a kind."""
    held = spot.local("held")
    source.line(f'{held} = {spot.value}["{tag}"]')
    source.refuse_if(f"len({spot.value}) != 1 or type({held}) is not {kind}")
    return held


def _made(source: Source, make: Callable[[Iterable[object]], object], found: str) -> str:
    """Make what is wanted of a list that was found."""
    return found if make is list else f"{source.name(getattr(make, '__name__', 'make'), make)}({found})"


def _write_list(source: Source, spot: Spot, hook: ReadList) -> None:
    held, found, each = _hold(source, spot, "L", "list"), spot.local("found"), spot.local("each")
    source.line(f"{found} = []")
    with source.block(f"for {each} in {held}:"):
        write_value(source, spot.within(each, hook.hook, hook.element, append_to(found)))
    source.line(spot.give(_made(source, hook.make, found)))


def _write_tuple(source: Source, spot: Spot, hook: ReadTuple) -> None:
    held = _hold(source, spot, "L", "list")
    parts = [spot.local(f"part_{index}") for index in range(len(hook.hooks))]
    source.line(f"{', '.join(parts)}, = {held}")
    for part, (hint, read) in zip(parts, hook.hooks, strict=True):
        write_value(source, spot.within(part, read, hint, assign(part)))
    source.line(spot.give(f"({', '.join(parts)},)"))


def _write_set(source: Source, spot: Spot, hook: ReadSet, inline: Inline) -> None:
    """Write how a set is read; the forms of an empty one are left to the hook."""
    tag = f"{inline.tag}S"
    with source.block(f'if "{tag}" in {spot.value}:'):
        held, found, each = _hold(source, spot, tag, "list"), spot.local("found"), spot.local("each")
        if hook.hook is read_text:
            source.line(f'"".join({held})  # which all have to be text')
            found = held
        else:
            source.line(f"{found} = []")
            with source.block(f"for {each} in {held}:"):
                element = Spot(
                    f'{{"{inline.tag}": {each}}}', spot.field, hook.hook, hook.element, append_to(found)
                )
                _write_inline(source, element, inline, inline.usual, each)
        source.line(spot.give(_made(source, hook.make, found)))
    with source.block("else:"):
        source.line(spot.give(_call_of_hook(source, spot)))


def _write_map(source: Source, spot: Spot, hook: ReadMap) -> None:
    held, found = _hold(source, spot, "M", "dict"), spot.local("found")
    key, each = spot.local("key"), spot.local("each")
    source.line(f'"".join({held})  # whose keys all have to be text')
    source.line(f"{found} = {{}}")
    with source.block(f"for {key}, {each} in {held}.items():"):
        write_value(source, spot.within(each, hook.hook, hook.entry, assign(f"{found}[{key}]")))
    source.line(spot.give(found))


def _write_union(source: Source, spot: Spot, hook: ReadUnion) -> None:
    """Write a branch for each type tag that tells a member, and leave the rest to the union's hook."""
    head = "if"
    for tag, member in _told_by_tag(hook).items():
        with source.block(f'{head} "{tag}" in {spot.value}:'):
            if member.read is read_none:
                source.line(f'{spot.value}["NULL"]  # whatever it is')
                source.refuse_if(f"len({spot.value}) != 1")
                source.line(spot.give("None"))
            else:
                write_value(source, spot._replace(hook=member.read, hint=member.hint))
        head = "elif"
    if hook.models is not None and can_be_chosen(hook.models):
        with source.block(f'{head} "M" in {spot.value}:'):
            source.refuse_if(f"len({spot.value}) != 1")
            source.line(f'{spot.local("held")} = {spot.value}["M"]')
            write_choice(source, hook.models, spot.local("held"), spot.give)
        head = "elif"
    if head == "if":
        return source.line(spot.give(_call_of_hook(source, spot)))
    with source.block("else:"):
        source.line(spot.give(_call_of_hook(source, spot)))
    return None


def _told_by_tag(union: ReadUnion) -> dict[str, Member]:
    """The members that a type tag is enough to tell, by that tag; a fixed choice of values may share it."""
    told = {tag: member for tag, member in union.by_tag.items() if tag in member.tags}
    for choice in union.choices:
        for tag in choice.tags:
            if told.pop(tag, None) is None and len(union.choices) == len(choice.tags) == 1:
                told[tag] = choice
    if union.models is not None:
        told.pop("M", None)
    return told


def _is_of_text(choice: ReadChoice) -> bool:
    return all(tag == "S" for tag, _ in choice.choices)


# Writing the function that makes a model of an image.


def write_model(source: Source, model: ReadModel) -> None:
    """Write the function of a model.

    A plain dataclass is made empty and filled. Any other class is called, with the fields that are there.
    """
    cls = model.cls
    name = source.function_of(model)
    source.line()
    source.line()
    with source.block(f"def {name}(image):"):
        source.line(f'"""Read an image as {name.removeprefix("read_")}."""')
        source.refuse_if("type(image) is not dict")
        if model.forbids:
            known = source.name(f"attributes_of_{cls.__name__}", model.attributes)
            source.refuse_if(f"not {known}.issuperset(image)")
        if is_fillable(cls) and fills_all(cls, (read.field.name for read in model.fields)):
            _write_filling(source, model)
        else:
            _write_calling(source, model)


def _write_filling(source: Source, model: ReadModel) -> None:
    cls = model.cls
    meaning = f"has fields that can be set, and becomes {cls.__name__} once they are"
    source.line(f"made = {source.name(f'Thawed{cls.__name__}', new_twin(cls), meaning)}()")
    for field in model.fields:
        _write_field(source, field, f"made.{field.field.name}", cls)
    source.line(f"made.__class__ = {source.name(cls.__name__, cls)}")
    source.line("return made")


def _write_calling(source: Source, model: ReadModel) -> None:
    cls = model.cls
    source.line("fields = {}")
    for field in model.fields:
        _write_field(source, field, f"fields[{quoted(field.field.parameter)}]", None)
    called = f"{source.name(cls.__name__, cls)}(**fields)"
    source.line("return fields" if is_typed_dict(cls) else f"return {called}")


def _write_field(source: Source, read: ReadField, target: str, filled: type | None) -> None:
    """Write how a field is read; where its attribute is absent, one that is `filled` has to be given its default."""
    field = read.field
    absent = None
    if field.required:
        absent = "None" if read.optional else None
    elif filled is not None:
        absent = _default(source, filled, field.name)
    if field.required and absent is None:
        source.line(f"value = image[{quoted(field.attribute)}]")
        write_value(source, Spot("value", field.name, read.hook, field.hint, assign(target)))
        return
    with source.block(f"if {quoted(field.attribute)} in image:"):
        source.line(f"value = image[{quoted(field.attribute)}]")
        write_value(source, Spot("value", field.name, read.hook, field.hint, assign(target)))
    if absent is not None:
        with source.block("else:"):
            source.line(f"{target} = {absent}")


def _default(source: Source, cls: type, field: str) -> str:
    """Write a field's default, or how it is made."""
    default, is_factory = default_of(cls, field)
    if default is None or isinstance(default, bool):
        return repr(default)
    name = source.name(f"default_{field}", default, "what it is, or calls, where its attribute is absent")
    return f"{name}()" if is_factory else name


# Decoders: the functions from an image to an item, written for a model and run as a module of their own.

Decode: TypeAlias = Callable[[object], object]
"""A function of an image. It raises if the image does not fit, or has a form that is left to the hooks."""


class Decoder(NamedTuple):
    """How images become items of a model: the function for it, the text of its module, and the model's hook."""

    decode: Decode
    source: str
    hook: StructureHook
    hint: Hint


def decoder_of(hook: StructureHook, hint: Hint) -> Decoder:
    """Write the decoder of a model, or of a union of models, whose hook is given.

    A hook of the user's own is called as it is.
    """
    source = Source()
    outer = hook
    while isinstance(hook, ReadAlias):
        hook = hook.hook
    if isinstance(hook, ReadModel):
        entry = source.function_of(hook)
    elif isinstance(hook, ReadUnion) and hook.models is not None and can_be_chosen(hook.models):
        entry = source.name("read_one_of", hook)
        source.line()
        source.line()
        with source.block(f"def {entry}(image):"):
            source.line('"""Read an image as the model that it is meant for."""')
            write_choice(source, hook.models, "image", "return {}".format)
    else:
        return calling(outer, hint)
    for model in source.models:  # which grows by the models within
        write_model(source, model)
    return Decoder(source.run(name_of_type(hint), entry)[entry], source.text, outer, hint)


def calling(hook: StructureHook, hint: Hint) -> Decoder:
    """Make a decoder that calls the hook, and has no text."""

    def decode(image: object) -> object:
        return hook({"M": image}, hint)

    return Decoder(decode, "", hook, hint)
