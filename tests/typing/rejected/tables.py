"""Tables, items and images of the wrong type."""

from streamfn import StreamRecord, Table, make_converter, structure
from tests.typing.cards import Card, CardKey, Deck, cards

Table(Card, "Card")  # arg-type, reportArgumentType
Table("Card")  # call-arg, reportCallIssue
Table("Card", Card(1, "hello"))  # arg-type, reportArgumentType
Table("Card", Card, converter=Card)  # arg-type, reportArgumentType
Table("Card", Card, forbid_unknown_attributes="yes")  # arg-type, reportArgumentType
Table("Card", Card, make_converter())  # call-arg, reportCallIssue
of_decks: Table[Deck] = Table("Card", Card)  # arg-type, reportAssignmentType
cards.unstructure(Deck("hello"))  # arg-type, reportArgumentType
cards.unstructure(Card)  # arg-type, reportArgumentType
cards.keys(CardKey(1))  # arg-type, reportArgumentType
cards.structure({"id": 1, "title": "hello"})  # dict-item, reportArgumentType
card: Card = cards.structure({})  # assignment, reportAssignmentType
deck: Deck = cards.structure({}).unwrap()  # assignment, reportAssignmentType
repr(cards.structure({}).failure().title)  # attr-defined, reportAttributeAccessIssue


def read(record: StreamRecord) -> None:
    structure(record, cards)  # arg-type, reportArgumentType
    repr(structure(cards, record).unwrap().new_image)  # union-attr, reportAttributeAccessIssue
    structure(cards, "record")  # arg-type, reportArgumentType
    repr(structure(cards, record).failure().problems)  # union-attr, reportAttributeAccessIssue
