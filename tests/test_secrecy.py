"""Logs leak: no `repr`, message or report shows what is in an item, only what identifies it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from returns.result import Failure, Result, Success, safe

from streamfn import (
    BatchFailed,
    ConfigurationError,
    Delivery,
    Event,
    Failed,
    InsertEvent,
    KeysEvent,
    MissingImage,
    RemoveEvent,
    Stopped,
    Table,
    Unrouted,
    acknowledge,
    batched,
    chain,
    lambda_handler,
    log_failure,
    log_failures,
    on_insert,
    on_keys,
    on_remove,
    pipeline,
    retry,
    router,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.testing import (
    EventSourceMapping,
    insert_event,
    keys_event,
    lambda_event,
    modify_event,
    remove_event,
    upsert_event,
)
from streamfn.windows import Window, window_handler
from tests.cards import STREAM, Card, CardKey, Refusal, cards, event, record
from tests.cli.commands import call

SECRET = "hunter2"  # noqa: S105 (it stands for a person's data)
ITEM = Card(1, SECRET, owner=SECRET)
GIVEN = insert_event(ITEM, event_id="id-1", sequence_number="1")


def refuse(event: InsertEvent[Card]) -> Result[str, str]:
    """Fail with what is in the item."""
    return Failure(event.new_image.title)


def raise_it(event: InsertEvent[Card]) -> Result[str, str]:
    """Raise what is in the item."""
    raise ValueError(event.new_image.title)


def hand_back(event: InsertEvent[Card]) -> Result[Card, str]:
    """Succeed with the item."""
    return Success(event.new_image)


def keyed(_: KeysEvent[CardKey]) -> Result[None, Refusal]:
    """Fail."""
    return Failure(Refusal(1))


def hand_on(event: InsertEvent[Card]) -> Result[InsertEvent[Card], str]:
    """Succeed with the event."""
    return Success(event)


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of a window."""

    title: str = ""


process = pipeline(
    cards, on_insert(refuse), on_insert(raise_it), on_insert(hand_back), on_keys(CardKey, keyed)
)

BROKEN = event(
    record(1, change={"NewImage": {"id": {"S": SECRET}, "title": {"N": SECRET}, SECRET: {"S": SECRET}}}),
    record(2, eventName=SECRET),
    record(3, dynamodb=SECRET),
    record(4, change={"Keys": SECRET}),
    {SECRET: SECRET},
    SECRET,
)


def test_results_show_no_data() -> None:
    results = [*process(lambda_event(GIVEN)), *process(BROKEN)]
    assert len(results) == 13
    assert SECRET not in repr(results)
    assert SECRET not in str([str(result) for result in results])


def test_a_success_shows_what_identifies_it() -> None:
    (handled,) = pipeline(cards, on_insert(hand_back))(lambda_event(GIVEN))
    assert repr(handled.unwrap()) == f"Handled('hand_back', {GIVEN.record!r}, Card)"


@pytest.mark.parametrize(
    "given",
    [
        GIVEN,
        modify_event(ITEM, ITEM),
        remove_event(ITEM),
        upsert_event(ITEM),
        keys_event(CardKey(1, SECRET)),
    ],
)
def test_events_show_no_data(given: object) -> None:
    assert SECRET not in repr(given)


@pytest.mark.parametrize("delivery", [retry(), acknowledge()], ids=["retry", "acknowledge"])
def test_the_log_shows_no_data(delivery: Delivery[object], caplog: pytest.LogCaptureFixture) -> None:
    handler = lambda_handler(process, delivery)
    with caplog.at_level(logging.DEBUG):
        handler(lambda_event(GIVEN, insert_event(ITEM)), None)
    assert len(caplog.records) >= 3
    assert SECRET not in caplog.text


def test_the_log_has_a_line_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    for reason in (Stopped(), Unrouted(None), MissingImage("NewImage", None)):
        log_failure(Failed(GIVEN.record, "refuse", reason))
    assert [type(each.msg) for each in caplog.records] == [str] * 3


def test_values_are_shown_to_those_who_ask_for_them() -> None:
    open_cards = Table("prod-Card", Card, include_values=True)
    reason = open_cards.structure({"id": {"S": SECRET}, "title": {"S": "hello"}}).failure()
    assert str(reason) == "$.id: expected N, got S: {'S': 'hunter2'}"


def test_an_expired_removal_is_told_from_another() -> None:
    def expired(event: RemoveEvent[Card]) -> Result[bool, str]:
        return Success(event.expired)

    results = pipeline(cards, on_remove(expired))(
        lambda_event(remove_event(ITEM), remove_event(ITEM, expired=True))
    )
    assert [result.unwrap().value for result in results] == [False, True]


def test_misuse_is_a_type_error() -> None:
    """So that those who expect Python's own find it."""
    assert issubclass(ConfigurationError, TypeError)


@dataclass(frozen=True)
class Complaint:
    """An error that quotes what it is about."""

    title: str


class ComplaintRaised(Exception):
    """The same as an exception, with a note and an attribute."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.title = title
        self.add_note(title)


def complain(event: InsertEvent[Card]) -> Result[str, Complaint]:
    """Fail with an error that has the title in a field."""
    return Failure(Complaint(event.new_image.title))


def raise_from(event: InsertEvent[Card]) -> Result[str, str]:
    """Raise from what was raised, each with the title, its note, its attribute and a local variable."""
    title = event.new_image.title
    try:
        raise ComplaintRaised(title)  # noqa: TRY301 (it is to have a cause)
    except ComplaintRaised as error:
        raise KeyError(title) from error


def raise_while(event: InsertEvent[Card]) -> Result[str, str]:
    """Raise while another exception is handled."""
    title = event.new_image.title
    try:
        return Success({"a": "b"}[title])
    except KeyError:
        raise ComplaintRaised(title)  # noqa: B904 (that is the point)


def raise_many(event: InsertEvent[Card]) -> Result[str, str]:
    """Raise a group, of which each member and the group itself has the title."""
    title = event.new_image.title
    raise ExceptionGroup(title, [ValueError(title), ExceptionGroup(title, [ComplaintRaised(title)])])


@safe
def catch(event: InsertEvent[Card]) -> str:
    """Have `returns` catch what is raised."""
    raise ComplaintRaised(event.new_image.title)


async def raise_later(event: InsertEvent[Card]) -> Result[str, str]:
    """Raise once it is awaited."""
    raise ComplaintRaised(event.new_image.title)


def raise_together(events: Sequence[InsertEvent[Card]]) -> Result[str, str]:
    """Raise about a chunk."""
    raise ComplaintRaised(events[0].new_image.title)


def wants_none(event: InsertEvent[Card]) -> bool:
    """Raise where it is asked whether it wants an event."""
    raise ComplaintRaised(event.new_image.title)


every_way = router(
    pipeline(
        cards,
        on_insert(complain),
        on_insert(raise_from),
        on_insert(raise_while),
        on_insert(raise_many),
        on_insert(catch),
        on_insert(raise_later),
        on_insert(batched(raise_together)),
        on_insert(chain(hand_on, complain)),
        on_insert(complain, name="unwanted", where=wants_none),
    ),
    process,
)


def broken_report(failed: Failed[object]) -> None:
    """Raise with what it was told."""
    raise ComplaintRaised(repr(failed.record.raw))


@pytest.mark.parametrize(
    "report", [log_failure, log_failures(), broken_report], ids=["default", "made", "broken"]
)
def test_neither_log_nor_letter_nor_history_shows_data_however_a_handler_fails(
    report: Callable[[Failed[object]], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Places in code are told by default: with them must come nothing that a handler was reading."""
    letters = MemoryDeadLetters()
    handler = lambda_handler(
        every_way,
        retry(
            ledger=MemoryLedger(), dead_letters=letters, max_attempts=1, patience=timedelta(), report=report
        ),
    )
    mapping = EventSourceMapping(handler)
    with caplog.at_level(logging.DEBUG):
        history = mapping.deliver(GIVEN)
    assert 12 == len(letters.letters)
    places = [letter.location for letter in letters.letters]
    assert all(place is not None and place.startswith("tests/test_secrecy.py:") for place in places)
    for letter in letters.letters:
        written = cast("dict[str, object]", json.loads(letter.to_json()))
        del written["record"]  # which is there to be run again, and said to be data
        assert SECRET not in json.dumps(written)
        assert SECRET not in repr(letter)
    assert len(caplog.records) >= 24
    assert SECRET not in caplog.text
    assert SECRET not in str(history) + history.html()
    assert SECRET not in repr(every_way(lambda_event(GIVEN)))


@pytest.mark.parametrize("options", [(), ("--json",), ("--answer",), ("--answer", "--json")], ids=" ".join)
def test_the_command_line_shows_no_data_unless_it_is_asked_to(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    payload = tmp_path / "event.json"
    payload.write_text(json.dumps(lambda_event(GIVEN)))
    ran = call("invoke", "tests.test_secrecy:every_way", str(payload), *options, COLUMNS="400")
    assert 1 == ran.code
    assert "tests/test_secrecy.py:" in ran.out
    assert SECRET not in ran.out + ran.err
    shown = call(
        "invoke", "tests.test_secrecy:every_way", str(payload), "--show-values", "--traceback", COLUMNS="400"
    )
    assert f"Complaint(title='{SECRET}')" in shown.out
    assert f"ComplaintRaised: {SECRET}" in shown.out


def test_a_window_that_cannot_be_folded_shows_no_data(caplog: pytest.LogCaptureFixture) -> None:
    def fold(state: Seen, event: Event[Card]) -> Result[Seen, str]:
        raise ComplaintRaised(repr((state, event.record.raw)))

    def emit(_: Window, state: Seen) -> Result[str, Seen]:
        return Failure(state)

    payload = {
        **lambda_event(GIVEN),
        "window": {"start": "2024-01-01T00:00:00Z", "end": "2024-01-01T00:01:00Z"},
        "state": {},
        "shardId": "shard",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    for given in (payload, payload | {"Records": []}):
        with pytest.raises(BatchFailed) as failed:
            window_handler(cards, fold, Seen(SECRET), emit)(given, None)
        assert SECRET not in str(failed.value)
    assert "tests/test_secrecy.py" in caplog.text
    assert SECRET not in caplog.text
