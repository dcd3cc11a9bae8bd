"""Writing which of several models an image is read as."""

from __future__ import annotations

from collections.abc import Iterable

from streamfn._conversion.choices import ReadChoice
from streamfn._conversion.classes import ReadModel
from streamfn._conversion.unions import ByAttribute, ByLiteral, Choose, Member
from streamfn._decoding.source import Give, Source, quoted


def can_be_chosen(choose: Choose) -> bool:
    """Whether the choice can be written: by the text of a Literal, or by attributes, among models of ours."""
    if isinstance(choose, ByLiteral):
        return all(
            tag == "S" and isinstance(member.read, ReadModel) and _reads_choice(member.read, choose.attribute)
            for (tag, _), member in choose.members.items()
        )
    return _are_ours(choose.members.values()) and (choose.other is None or _are_ours([choose.other]))


def write_choice(source: Source, choose: Choose, image: str, give: Give) -> None:
    """Write the statements that find out which model an image is meant for, and read it as that."""
    if isinstance(choose, ByLiteral):
        _write_by_literal(source, choose, image, give)
    else:
        _write_by_attribute(source, choose, image, give)


def _write_by_literal(source: Source, choose: ByLiteral, image: str, give: Give) -> None:
    table = source.name(f"by_{choose.attribute}", choose)
    entries = (
        f"{quoted(str(text))}: {_read(source, member)}" for (_, text), member in choose.members.items()
    )
    source.last(f"{table} = {{{', '.join(entries)}}}")
    # That nothing else stands in the attribute is checked where it is read as a field.
    source.line(give(f'{table}[{image}[{quoted(choose.attribute)}]["S"]]({image})'))


def _write_by_attribute(source: Source, choose: ByAttribute, image: str, give: Give) -> None:
    head = "if"
    for attribute, member in choose.members.items():
        with source.block(f"{head} {quoted(attribute)} in {image}:"):
            source.line(give(f"{_read(source, member)}({image})"))
        head = "elif"
    with source.block("else:"):
        source.line(
            "raise Unfit" if choose.other is None else give(f"{_read(source, choose.other)}({image})")
        )


def _read(source: Source, member: Member) -> str:
    assert isinstance(member.read, ReadModel)  # noqa: S101 (can_be_chosen has said so)
    return source.function_of(member.read)


def _reads_choice(model: ReadModel, attribute: str) -> bool:
    return any(
        isinstance(read.hook, ReadChoice) for read in model.fields if read.field.attribute == attribute
    )


def _are_ours(members: Iterable[Member]) -> bool:
    return all(isinstance(member.read, ReadModel) for member in members)
