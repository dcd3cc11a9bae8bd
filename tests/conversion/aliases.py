"""Type aliases in both of their forms: by the statement, where Python has it, and by a call."""

from __future__ import annotations

import sys
import typing
from types import ModuleType
from typing import Final

_BEGINNING: Final = """
from __future__ import annotations
import typing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Generic, Literal, Self
from typing_extensions import TypeAliasType, TypeVar
from streamfn import Attribute, EpochSeconds, PartitionKey, TimeToLive

A = TypeVar("A")
B = TypeVar("B")
"""

_STATEMENTS: Final = """
type Id = str
type Key = Annotated[str, PartitionKey, Attribute("PK")]
type Expiry = Annotated[datetime, TimeToLive] | None
type Twice[A] = tuple[A, A]
type Maybe[A] = A | None
type Named[A, B] = dict[A, B]
type Json = str | int | bool | None | list[Json] | dict[str, Json]
type Nested[A] = A | list[Nested[A]]
type Shape = Circle | Square
type Loop = int | Loop
type Longer[A] = int | list[Longer[list[A]]]
type Lost = list[Nowhere]
type Absent = typing.Nowhere
type Broken = list[1 / 0]

@dataclass(frozen=True)
class Page[A]:
    items: list[A]
    next: Maybe[Page[A]] = None
"""

_CALLS: Final = """
Id = TypeAliasType("Id", str)
Key = TypeAliasType("Key", Annotated[str, PartitionKey, Attribute("PK")])
Expiry = TypeAliasType("Expiry", Annotated[datetime, TimeToLive] | None)
Twice = TypeAliasType("Twice", tuple[A, A], type_params=(A,))
Maybe = TypeAliasType("Maybe", A | None, type_params=(A,))
Named = TypeAliasType("Named", dict[A, B], type_params=(A, B))
Json = TypeAliasType("Json", "str | int | bool | None | list[Json] | dict[str, Json]")
Nested = TypeAliasType("Nested", "A | list[Nested[A]]", type_params=(A,))
Shape = TypeAliasType("Shape", "Circle | Square")
Loop = TypeAliasType("Loop", "int | Loop")
Longer = TypeAliasType("Longer", "int | list[Longer[list[A]]]", type_params=(A,))
Lost = TypeAliasType("Lost", "list[Nowhere]")
Absent = TypeAliasType("Absent", "typing.Nowhere")
Broken = TypeAliasType("Broken", "list[1 / 0]")

@dataclass(frozen=True)
class Page(Generic[A]):
    items: list[A]
    next: Maybe[Page[A]] = None
"""

_MODELS: Final = """
@dataclass(frozen=True)
class Circle:
    kind: Literal["circle"]
    key: Key

@dataclass(frozen=True)
class Square:
    kind: Literal["square"]
    key: Key
    within: tuple[Shape, ...] = ()

@dataclass(frozen=True)
class Card:
    key: Key
    id: Id
    owner: Annotated[Id, Attribute("ownerName")]
    size: Twice[int]
    next: Maybe[Id]
    votes: Named[Id, Twice[Json]]
    document: Json
    numbers: Nested[int]
    shapes: list[Shape]
    tags: frozenset[Id] = frozenset()
    expiry: Expiry = None
    page: Page[Id] | None = None
    final: Annotated[Final[int], "which type checkers refuse, and Python does not"] = 0
"""


def _module(name: str, aliases: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module
    exec(_BEGINNING + aliases + _MODELS, vars(module))  # noqa: S102 (Python 3.11 cannot read the statements)
    return module


_FORMS: Final = {
    "tests_aliases_of_calls": _CALLS,
    **({"tests_aliases_of_statements": _STATEMENTS} if hasattr(typing, "TypeAliasType") else {}),
}

MODULES: Final[list[ModuleType]] = [_module(name, aliases) for name, aliases in _FORMS.items()]
"""A module for each form that this Python has: with the same aliases, and models that use them."""
