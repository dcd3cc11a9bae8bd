"""Windows whose parts do not fit together."""

from __future__ import annotations

from dataclasses import dataclass

from returns.result import Result, Success

from streamfn import Event, InsertEvent
from streamfn.windows import Window, window_handler
from tests.typing.cards import Card, Deck, SlackError, cards


@dataclass(frozen=True)
class Count:
    cards: int = 0


def add(state: Count, event: Event[Card]) -> Result[Count, SlackError]:
    return Success(Count(state.cards + len(event.event_id)))


def add_decks(state: Count, event: Event[Deck]) -> Result[Count, SlackError]:
    return Success(Count(state.cards + len(event.event_id)))


def add_new_ones(state: Count, event: InsertEvent[Card]) -> Result[Count, SlackError]:
    return Success(Count(state.cards + len(event.event_id)))


def forget(state: Count, event: Event[Card]) -> Result[None, SlackError]:
    repr((state, event))
    return Success(None)


def store(window: Window, state: Count) -> Result[int, str]:
    return Success(state.cards + window.start.year)


def store_text(window: Window, state: str) -> Result[int, str]:
    return Success(len(state) + window.start.year)


window_handler(cards, add_decks, Count(), store)  # arg-type, reportArgumentType
window_handler(cards, add_new_ones, Count(), store)  # arg-type, reportArgumentType
window_handler(cards, forget, Count(), store)  # arg-type, reportArgumentType
window_handler(cards, add, Count(), store_text)  # arg-type, reportArgumentType
window_handler(cards, add, 7, store)  # arg-type, reportArgumentType
window_handler(cards, add, Count(), store, on_failure="drop")  # arg-type, reportArgumentType
