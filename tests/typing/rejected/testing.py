"""Events of tests that no table could make."""

from streamfn.testing import Identity, insert_event, keys_event, lambda_event, modify_event, remove_event
from streamfn.testing.strategies import images, items
from tests.typing.cards import Card, CardKey, Deck, announce, cards, decks, rename

card = Card(1, "hello")


def make() -> None:
    insert_event(card, table=decks)  # misc, reportArgumentType
    insert_event(card, expired=True)  # call-arg, reportCallIssue
    insert_event(card, sequence_number=7)  # arg-type, reportArgumentType
    remove_event(card, expired="yes")  # arg-type, reportArgumentType
    keys_event(CardKey(1), table=cards)  # call-arg, reportCallIssue
    lambda_event(card)  # arg-type, reportArgumentType
    lambda_event(insert_event(card), view_type="KEYS_ONLY")  # arg-type, reportArgumentType
    images(Card)  # arg-type, reportArgumentType
    items(cards)  # arg-type, reportArgumentType


def hand_over() -> None:
    announce(insert_event(Deck("a")))  # arg-type, reportArgumentType
    announce(modify_event(card, card))  # arg-type, reportArgumentType
    rename(modify_event(card, Deck("a")))  # arg-type, reportArgumentType
    announce(card)  # arg-type, reportArgumentType
    known: Identity = {"id": "7"}  # typeddict-unknown-key, reportAssignmentType
    repr(known)
