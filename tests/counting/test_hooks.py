"""An image is structured once, however many handlers read it: counted by a hook of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import pytest
from returns.result import Result, Success

from streamfn import (
    Event,
    InsertEvent,
    ModifyEvent,
    PartitionKey,
    RemoveEvent,
    Strategy,
    Table,
    UpsertEvent,
    batched,
    concurrent,
    make_converter,
    on_event,
    on_insert,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
    router,
    series,
)
from tests.cards import event, record


@dataclass(frozen=True, slots=True)
class Title:
    """What the hook makes."""

    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """An item with a field that the hook is asked for."""

    id: Annotated[int, PartitionKey]
    title: Title


class Counted:
    """A table whose hook counts how often it is asked, which is once each time that an image is structured."""

    def __init__(self) -> None:
        """Begin with no call."""
        self.calls = 0
        converter = make_converter()
        converter.register_structure_hook(Title, self._title)
        self.table = Table("prod-Card", Card, converter=converter)

    def _title(self, value: dict[str, str], _: object) -> Title:
        self.calls += 1
        return Title(value["S"])


@pytest.fixture
def counted() -> Counted:
    """Begin with no call."""
    return Counted()


def _inserted(_: InsertEvent[Card]) -> Result[None, str]:
    return Success(None)


def _modified(_: ModifyEvent[Card]) -> Result[None, str]:
    return Success(None)


def _removed(_: RemoveEvent[Card]) -> Result[None, str]:
    return Success(None)


def _upserted(_: UpsertEvent[Card]) -> Result[None, str]:
    return Success(None)


def _happened(_: Event[Card]) -> Result[None, str]:
    return Success(None)


def _happened_together(_: Sequence[Event[Card]]) -> Result[None, str]:
    return Success(None)


@pytest.mark.parametrize("strategy", [series, concurrent(workers=2)], ids=["series", "concurrent"])
@pytest.mark.parametrize(("kind", "images"), [("INSERT", 1), ("MODIFY", 2), ("REMOVE", 1)])
def test_an_image_is_structured_once_for_all_handlers(
    counted: Counted, kind: str, images: int, strategy: Strategy
) -> None:
    process = pipeline(
        counted.table,
        on_insert(_inserted),
        on_modify(_modified),
        on_remove(_removed),
        on_upsert(_upserted),
        on_event(_happened),
        on_event(batched(_happened_together)),
        strategy=strategy,
    )
    process(event(*(record(number, kind) for number in range(3))))
    assert 3 * images == counted.calls


def test_an_image_that_nobody_handles_is_not_structured(counted: Counted) -> None:
    process = pipeline(counted.table, on_insert(_inserted))
    process(event(record(1, "MODIFY"), record(2, "REMOVE")))
    assert counted.calls == 0


def test_handlers_of_joined_pipelines_share_what_is_structured(counted: Counted) -> None:
    process = router(
        pipeline(counted.table, on_insert(_inserted)), pipeline(counted.table, on_event(_happened))
    )
    process(event(record(1)))
    assert counted.calls == 1


def test_an_image_that_does_not_fit_costs_the_same_for_many_handlers(counted: Counted) -> None:
    other = Counted()
    misfit = event(record(1, change={"NewImage": {"id": {"S": "one"}, "title": {"S": "hello"}}}))
    pipeline(counted.table, on_insert(_inserted))(misfit)
    pipeline(other.table, on_insert(_inserted), on_upsert(_upserted), on_event(_happened))(misfit)
    assert 0 < counted.calls == other.calls
