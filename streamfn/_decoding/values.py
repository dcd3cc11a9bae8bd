"""Writing how one attribute value is read: the usual form inline, any other by the value's hook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from streamfn._conversion.aliases import ReadAlias
from streamfn._conversion.choices import ReadChoice
from streamfn._conversion.classes import ReadByCattrs, ReadModel
from streamfn._conversion.containers import ReadList, ReadMap, ReadSet, ReadTuple
from streamfn._conversion.hooks import StructureHook
from streamfn._conversion.lookup import is_ours
from streamfn._conversion.scalars import read_none, read_text
from streamfn._conversion.types import Hint
from streamfn._conversion.unions import Member, ReadUnion
from streamfn._decoding.choosing import can_be_chosen, write_choice
from streamfn._decoding.inline import Inline, inline_of
from streamfn._decoding.source import Give, Source, append_to, assign

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
