"""Handlers that a table does not take, and pipelines that a router does not take."""

from returns.result import Result

from streamfn import (
    Failed,
    Handled,
    Pipeline,
    Table,
    concurrent,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    pipeline,
    retry,
    router,
    series,
)
from tests.typing.cards import (
    Card,
    CardKey,
    Deck,
    S3Error,
    SlackError,
    announce,
    audit,
    back_up,
    cards,
    decks,
    follow,
    invalidate,
    open_deck,
    rename,
)

h = on_insert(announce)
m = on_modify(rename)

# Handlers of another table's items.
pipeline(decks, on_insert(announce))  # misc, reportArgumentType
pipeline(cards, on_insert(announce), on_insert(open_deck))  # misc, reportArgumentType
pipeline(cards, h, m, on_insert(open_deck))  # misc, reportArgumentType
pipeline(decks, on_event(audit), on_insert(open_deck))  # misc, reportArgumentType
pipeline(decks, on_modify(follow), on_remove(follow))  # misc, reportArgumentType
pipeline(Table("Either", Card | Deck), on_insert(announce))  # misc, reportArgumentType

# No handlers, or too many.
pipeline(cards)  # call-arg, reportCallIssue
pipeline(cards, h, h, h, h, h, h, h, h, h, h, h)  # arg-type call-arg, reportCallIssue
pipeline(cards, announce)  # arg-type, reportArgumentType
pipeline(cards, [on_insert(announce)])  # arg-type, reportArgumentType
pipeline(cards, h, None)  # arg-type, reportArgumentType

# No table.
pipeline(on_insert(announce), on_remove(back_up))  # arg-type, reportArgumentType
pipeline(Card, on_insert(announce))  # arg-type, reportArgumentType
pipeline("Card", on_insert(announce))  # arg-type, reportArgumentType

# No strategy.
pipeline(cards, h, strategy=concurrent)  # arg-type, reportArgumentType
pipeline(cards, h, strategy="series")  # arg-type, reportArgumentType
pipeline(cards, h, strategy=retry())  # arg-type, reportArgumentType
pipeline(cards, h, series)  # arg-type, reportArgumentType
concurrent(4)  # call-arg, reportCallIssue
concurrent(workers="4")  # arg-type, reportArgumentType

# No pipelines.
router()  # call-arg, reportCallIssue
router(h)  # arg-type, reportArgumentType
router(cards, pipeline(cards, h))  # arg-type, reportArgumentType
router(pipeline(cards, h), strategy=series)  # call-arg, reportCallIssue

# Values and errors that the handlers do not have.
process = pipeline(cards, on_insert(announce), on_remove(back_up), on_keys(CardKey, invalidate))
narrow: Pipeline[str, SlackError | S3Error] = process  # assignment, reportAssignmentType
no_errors: Pipeline[object, SlackError] = process  # assignment, reportAssignmentType
results: list[Result[Handled[str], Failed[object]]] = process({})  # assignment, reportAssignmentType
value: str = process({})[0].unwrap().value  # assignment, reportAssignmentType
error: SlackError = process({})[0].failure()  # assignment, reportAssignmentType
process()  # call-arg, reportCallIssue
process.routes = ()  # misc, reportAttributeAccessIssue
