"""Instances that a decoder fills are what the class itself would make; a class that does more is called."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, make_dataclass
from typing import ClassVar, Final, Generic, Self, cast

import pytest
from typing_extensions import TypeVar, override

from streamfn import Table
from streamfn._tables import compiled_table

T = TypeVar("T")
IMAGE: Final = {"name": {"S": "ada"}}


@dataclass(frozen=True, slots=True)
class Slotted:
    """A model as the documents recommend it."""

    name: str
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Open:
    """One without slots."""

    name: str
    kind: str = "open"


@dataclass
class Mutable:
    """One that can be changed."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Slotted):
    """One with a base, whose own fields are keywords."""

    age: int = 0


@dataclass(frozen=True, slots=True, weakref_slot=True, order=True)
class Ordered:
    """One with all that a dataclass may generate."""

    name: str


@dataclass(frozen=True, slots=True)
class Holding(Generic[T]):
    """A generic one."""

    name: T


FILLED: Final[list[tuple[type, type, object]]] = [
    (Slotted, Slotted, Slotted("ada")),
    (Open, Open, Open("ada")),
    (Mutable, Mutable, Mutable("ada")),
    (Derived, Derived, Derived("ada")),
    (Ordered, Ordered, Ordered("ada")),
    (Holding, cast("type", cast("object", Holding[str])), Holding("ada")),
]


@pytest.mark.parametrize(("cls", "model", "expected"), FILLED, ids=[cls.__name__ for cls, _, _ in FILLED])
def test_an_instance_is_as_the_class_makes_it(cls: type, model: type, expected: object) -> None:
    """It is of the class and no other, equal, copied, pickled and shown like one that was called for."""
    table: Table[object] = Table("prod-Card", model)
    assert "= Unguarded" in compiled_table(table).source
    made = compiled_table(table).decode(IMAGE)
    assert type(made) is cls
    assert (expected, repr(expected)) == (made, repr(made))
    assert expected == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))  # noqa: S301 (of our own making)
    assert dict(getattr(expected, "__dict__", {})) == dict(getattr(made, "__dict__", {}))


@pytest.mark.parametrize("model", [Slotted, Open, Derived, Ordered, Holding[str]], ids=str)
def test_an_instance_of_a_frozen_class_stays_frozen(model: type) -> None:
    table: Table[object] = Table("prod-Card", model)
    made = compiled_table(table).decode(IMAGE)
    with pytest.raises(FrozenInstanceError):
        made.name = "eve"  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue] (it cannot be set)
    with pytest.raises(FrozenInstanceError):
        del made.name  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue] (nor deleted)


def test_each_instance_has_defaults_of_its_own() -> None:
    table = Table("prod-Card", Slotted)
    compiled_table(table).decode(IMAGE).tags.append("first")
    assert [] == compiled_table(table).decode(IMAGE).tags


seen: list[str] = []


class Upper:
    """A descriptor, which looks at what is set."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, instance: object, owner: type) -> str:
        return getattr(instance, self._name, "")

    def __set__(self, instance: object, value: str) -> None:
        seen.append(value)
        setattr(instance, self._name, value)


def logged(cls: type[T]) -> type[T]:
    """Decorate a class with an ``__init__`` that notes each call."""
    init: Callable[..., None] = cls.__init__

    def noting(self: T, name: str) -> None:
        seen.append(name)
        init(self, name)

    setattr(cls, "__init__", noting)  # noqa: B010 (the checkers would not have it set, as decorators do)
    return cls


@dataclass(frozen=True)
class AfterInit:
    """It looks at what it was given."""

    name: str

    def __post_init__(self) -> None:
        seen.append(self.name)


@dataclass
class OwnInit:
    """It takes its fields itself."""

    name: str

    def __init__(self, name: str) -> None:
        seen.append(name)
        self.name = name


@dataclass
class OwnNew:
    """It makes its instances itself."""

    name: str

    def __new__(cls, name: str) -> Self:
        seen.append(name)
        return super().__new__(cls)


@dataclass
class OwnSetattr:
    """It looks at what is set."""

    name: str

    @override
    def __setattr__(self, name: str, value: str) -> None:
        seen.append(value)
        super().__setattr__(name, value)


@dataclass
class Computing:
    """It keeps a field in a form of its own."""

    name: str = Upper()  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]


@logged
@dataclass
class Decorated:
    """Somebody else looks at what it is given."""

    name: str


class CallsNoted(type):
    """A metaclass that notes each call of a class."""

    @override
    def __call__(cls, name: str) -> object:
        seen.append(name)
        return super().__call__(name)


@dataclass
class Meta(metaclass=CallsNoted):
    """A class of a metaclass."""

    name: str


class Base:
    """It knows its subclasses."""

    known: ClassVar[list[type]] = []

    @override
    def __init_subclass__(cls) -> None:
        seen.append("ada")
        Base.known.append(cls)


@dataclass
class Registered(Base):
    """One of them."""

    name: str


@dataclass
class Ending:
    """It says when it ends."""

    name: str

    def __del__(self) -> None:
        seen.append(self.name)


class Undecorated(Mutable):
    """A subclass that is no dataclass of its own."""

    def __init__(self, name: str) -> None:
        seen.append(name)
        super().__init__(name)


@dataclass
class WithRest:
    """A field that nobody gives."""

    name: str
    rest: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        seen.append(self.name)


@dataclass(frozen=True)
class Silent:
    """A field that nobody gives, and no more than that."""

    name: str
    rest: int = field(init=False, default=0)


CALLED: Final[list[type]] = [
    AfterInit,
    OwnInit,
    OwnNew,
    OwnSetattr,
    Computing,
    Decorated,
    Meta,
    Registered,
    Ending,
    Undecorated,
    WithRest,
]


@pytest.mark.parametrize("cls", CALLED, ids=[cls.__name__ for cls in CALLED])
def test_a_class_that_does_more_than_to_set_its_fields_is_called(cls: type) -> None:
    """So that what it does is done."""
    table: Table[object] = Table("prod-Card", cls)
    assert "Unguarded" not in compiled_table(table).source
    seen.clear()
    made = compiled_table(table).decode(IMAGE)
    assert type(made) is cls
    del made
    assert cls is Registered or ["ada"] == list(dict.fromkeys(seen))


def test_a_class_that_was_made_of_text_is_called_where_it_has_methods_of_its_own() -> None:
    """As in ``python -c``; what `dataclass` makes is made of text as well."""
    space: dict[str, type] = {"dataclass": dataclass}  # type: ignore[dict-item] # pyright: ignore[reportAssignmentType] (a function)
    text = "@dataclass\nclass Stripped:\n  name: str\n  def __init__(self, name): self.name = name.strip()"
    exec(text, space)  # noqa: S102 (the point of the test)
    table: Table[object] = Table("prod-Card", space["Stripped"])
    assert {"name": "ada"} == vars(compiled_table(table).decode({"name": {"S": " ada "}}))


def test_a_class_whose_init_knows_less_than_its_fields_is_called() -> None:
    @dataclass(init=False)
    class Longer(Mutable):
        age: int = 0

    found = Table("prod-Card", Longer).structure({**IMAGE, "age": {"N": "7"}})
    assert "$: refused with TypeError" == str(found.failure())


def test_no_table_keeps_its_model_alive() -> None:
    """Nor what it has made of it."""
    model = make_dataclass("Passing", [("name", str)], frozen=True)
    known = weakref.ref(model)
    table: Table[object] = Table("prod-Card", model)
    assert "Passing(name='ada')" == repr(compiled_table(table).decode(IMAGE))
    del model, table
    gc.collect()
    assert known() is None


def test_no_subclass_of_the_decoder_is_registered() -> None:
    Table("prod-Card", Registered)
    assert [Registered] == Base.known


def test_a_field_that_nobody_gives_has_its_default() -> None:
    assert Silent("ada") == compiled_table(Table("prod-Card", Silent)).decode(IMAGE)


def test_nothing_is_made_of_an_image_that_does_not_fit() -> None:
    """Whatever ends would not have begun."""
    seen.clear()
    assert "$.name: expected S, got N" == str(
        Table("prod-Card", Ending).structure({"name": {"N": "1"}}).failure()
    )
    assert [] == seen
