"""Writing which of several models an image is read as."""

from __future__ import annotations

from collections.abc import Mapping

from streamfn._conversion.choices import ReadChoice
from streamfn._conversion.classes import ReadModel
from streamfn._conversion.hooks import StructureHook
from streamfn._conversion.unions import ByAttribute, ByLiteral, Choose, Member
from streamfn._decoding.source import Give, Source, quoted


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
