"""Overrides: what cattrs' ``override(…)`` says of a field, where it stands in the field's type.

cattrs has known ``Annotated[int, override(rename="n")]`` since its version 26.1, for the functions that it makes.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, cast, get_args, get_origin

from streamfn._conversion.hooks import StructureHook, UnstructureHook
from streamfn._conversion.types import Hint, peeled
from streamfn._misuse import Misuse


class Override(NamedTuple):
    """What cattrs' own ``AttributeOverride`` has, of which no instance is made here, as that would load cattrs."""

    omit_if_default: bool | None = None
    rename: str | None = None
    omit: bool | None = None
    struct_hook: StructureHook | None = None
    unstruct_hook: UnstructureHook | None = None


def without_overrides(place: str, hint: Hint) -> tuple[Hint, Override]:
    """Take the override of a field off its type. Fails with `Misuse`, naming the place, if there are two."""
    rest, found = _split(hint)
    if len(found) > 1:
        raise Misuse(f"{place} has two overrides: write one")
    return rest, found[0] if found else Override()


def is_override_within(hint: Hint) -> bool:
    """Whether an override stands somewhere within a type: on an element of a list, or a member of a union."""
    if get_origin(hint) is Annotated and any(map(_is_override, get_args(hint)[1:])):
        return True
    return any(map(is_override_within, get_args(hint)))


def _split(hint: Hint) -> tuple[Hint, list[Override]]:
    """Part a type from the overrides in its outer layers."""
    if (inner := peeled(hint)) is hint:
        return hint, []
    rest, found = _split(inner)
    if get_origin(hint) is not Annotated:
        # What is left of an alias, or of Required, is what it stands for.
        return (rest, found) if found else (hint, found)
    said = get_args(hint)[1:]
    own = [cast("Override", each) for each in said if _is_override(each)]
    if not own and not found:
        return hint, found
    kept = [each for each in said if not _is_override(each)]
    return Annotated[(rest, *kept)] if kept else rest, [*own, *found]


def _is_override(said: object) -> bool:
    cls = type(said)
    return cls.__name__ == "AttributeOverride" and cls.__module__.partition(".")[0] == "cattrs"
