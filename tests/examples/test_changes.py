"""The demo's plan is one that a table can follow, and what should arrive is known from it."""

import pytest

from examples.cards.app import Card
from examples.demo.changes import Change, Insert, Modify, Remove, inserted, kept, plan, removed


@pytest.mark.parametrize("seed", range(5))
def test_each_planned_change_makes_one_stream_record_of_its_kind(seed: int) -> None:
    """Inserts are of new cards, updates change something, and deletes know the card as it is."""
    table: dict[int, Card] = {}
    for change in plan(cards=50, seed=seed):
        match change:
            case Insert(card):
                assert card.id not in table
                table[card.id] = card
            case Modify(card):
                assert card != table[card.id]
                assert card.title == table[card.id].title, "the title is part of the key"
                table[card.id] = card
            case Remove(card):
                assert card == table.pop(card.id)

    assert sorted(table.values(), key=lambda card: card.id) == sorted(
        kept(plan(cards=50, seed=seed)), key=lambda card: card.id
    )


def test_the_changes_of_different_cards_are_mixed() -> None:
    """Batches hold several kinds of changes, as those of a busy table do."""
    kinds = [type(change) for change in plan(cards=100, seed=1)[50:150]]

    assert {Insert, Modify, Remove} == set(kinds)


@pytest.mark.parametrize("seed", range(5))
def test_no_card_becomes_again_what_it_was(seed: int) -> None:
    """Each change can be told from every other by what it makes of the card: no loss hides behind a repeat."""
    changes = plan(cards=200, seed=seed)

    assert len(changes) == len({(type(change) is Remove, change.card) for change in changes})


def test_what_should_arrive_follows_from_the_plan() -> None:
    """An updated card was new once, and is backed up as it was at the end."""
    old, new, other = Card(1, "a"), Card(1, "a", owner="ada"), Card(2, "b")
    changes: list[Change] = [Insert(old), Insert(other), Modify(new), Remove(new)]

    assert [old, other] == inserted(changes)
    assert [new] == removed(changes)
    assert [other] == kept(changes)
