"""What functions leave behind for their next invocation is written exactly so, and read exactly so.

Lambda keeps the state of a window between two invocations, and the folder for temporary files when a process dies; a
ledger keeps the notes of processes. A function that is deployed anew finds in all three what the version before wrote.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from returns.result import Failure, Result, Success
from typing_extensions import override

from streamfn import (
    BatchFailed,
    Event,
    Failed,
    InsertEvent,
    batched,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    retry,
)
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import Entry, Key, MemoryLedger, SequenceRange
from streamfn.windows import Window, window_handler
from tests.cards import STREAM, Card, cards, event, record


class Kept(MemoryLedger):
    """A ledger that outlives its process, and keeps each write."""

    needs_scope = True

    def __init__(self) -> None:
        """Begin with no entry."""
        super().__init__()
        self.writes: list[tuple[SequenceRange, list[Entry]]] = []

    @override
    def write(self, sequence_range: SequenceRange, entries: Sequence[Entry], seconds_left: object, /) -> None:
        self.writes.append((sequence_range, [replace(entry, since=None) for entry in entries]))
        super().write(sequence_range, entries, lambda: 60.0)

    def told(self) -> list[tuple[str, str, str, int, str, bool]]:
        """Give the entries, but for the moments."""
        return [
            (entry.pair.handler, entry.pair.record, entry.state, entry.attempts, entry.reason, entry.alone)
            for _, entries in self.writes
            for entry in entries
        ]


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a process of a function on Lambda, which has a folder for temporary files."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "follow-cards")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(os, "urandom", one)
    return tmp_path


def one(size: int) -> bytes:
    return (1).to_bytes(size, "big")


def test_a_process_marks_its_batch_so(temporary: Path) -> None:
    """The function's name is the scope where no other is given."""
    marks: dict[str, str] = {}

    def look(_: Event[Card]) -> Result[None, None]:
        marks.update({each.name: each.read_text() for each in temporary.iterdir()})
        return Success(None)

    handler = lambda_handler(pipeline(cards, on_event(look)), retry(ledger=Kept(), report=quiet))
    handler(event(record(9), record(10), record(11)), None)
    assert marks == {
        f"streamfn-begun-{os.getpid()}": (
            f'["0000000000000001", ["follow-cards", "{STREAM}", "9", "11"], ["id-9", "id-11"]]'
        )
    }
    assert list(temporary.iterdir()) == []


def test_the_mark_of_a_process_that_has_died_is_read(temporary: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mark = temporary / f"streamfn-begun-{dead.pid}"
    mark.write_text('["00000000000000a7", ["follow-cards", "arn", "1", "9"], ["id-1", "id-9"]]')
    ledger = Kept()
    handler = lambda_handler(pipeline(cards, on_insert(succeed)), retry(ledger=ledger, report=quiet))
    handler(event(record(20)), None)
    sequence_range, entries = ledger.writes[0]
    assert sequence_range == SequenceRange("follow-cards", "arn", "1", "9")
    assert entries == [
        Entry(Key("", "process-00000000000000a7.0/id-1"), "open", reason="Begun"),
        Entry(Key("", "process-00000000000000a7.0/id-9"), "open", reason="Begun"),
    ]
    assert not mark.exists()


def succeed(_: InsertEvent[Card]) -> Result[None, None]:
    """Take whatever comes."""
    return Success(None)


def refuse(_: InsertEvent[Card]) -> Result[None, str]:
    """Refuse whatever comes."""
    return Failure("no")


def test_a_process_notes_its_batch_and_what_it_settles_so() -> None:
    """Names of processes, handlers, records, states and reasons are all that tells two versions what is settled."""
    ledger = Kept()
    delivery = retry(ledger=ledger, scope="follow-cards", report=quiet)
    process = pipeline(cards, on_insert(succeed), on_insert(refuse))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", one)
        lambda_handler(process, delivery)(event(record(1)), None)
    assert ledger.told() == [
        ("", "process-0000000000000001.1/id-1", "open", 0, "Begun", False),
        ("succeed", "id-1", "handled", 0, "", False),
        ("refuse", "id-1", "open", 1, "Refused", False),
        ("", "process-0000000000000001.1/id-1", "handled", 0, "Begun", False),
    ]


def test_the_notes_of_a_process_that_has_died_are_read() -> None:
    """Of a batch, after which each call is noted; and of a call, which the process has died of."""
    ledger = Kept()
    sequence_range = SequenceRange("follow-cards", STREAM, "1", "1")
    since = datetime.now(UTC) - timedelta(minutes=1)
    notes = [
        Entry(Key("", "process-00000000000000a7.1/id-1"), "open", 0, since, "Begun"),
        Entry(Key("refuse", "process-00000000000000a7.2/id-1"), "open", 0, since, "Begun", alone=True),
    ]
    ledger.write(sequence_range, notes, lambda: 60.0)
    ledger.writes.clear()
    delivery = retry(ledger=ledger, scope="follow-cards", report=quiet)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", one)
        lambda_handler(pipeline(cards, on_insert(refuse)), delivery)(event(record(1)), None)
    assert ("refuse", "id-1", "open", 1, "ProcessDied", True) in ledger.told()
    assert ("refuse", "process-00000000000000a7.2/id-1", "handled", 0, "Begun", True) in ledger.told()


def test_a_letter_is_in_a_ledger_with_the_digest_of_its_record() -> None:
    ledger, letters = Kept(), MemoryDeadLetters()
    delivery = retry(
        ledger=ledger,
        dead_letters=letters,
        scope="follow-cards",
        max_attempts=1,
        patience=timedelta(),
        report=quiet,
    )
    lambda_handler(pipeline(cards, on_insert(refuse)), delivery)(event(record(1)), None)
    dead = [entry for _, entries in ledger.writes for entry in entries if entry.state == "dead"]
    assert dead == [
        Entry(
            Key("refuse", "id-1"),
            "dead",
            1,
            None,
            "Refused",
            letter="7ada312884a91617394a0731432889b009a8f6d75a2e45c899032883d9652bf0",
        )
    ]
    ((letter,),) = (letters.letters,)
    assert (letter.scope, letter.pair, letter.reason, letter.detail, letter.attempts) == (
        "follow-cards",
        ("refuse", "id-1"),
        "Refused",
        "str",
        1,
    )


@pytest.mark.parametrize("reason", ["TimedOut", "ProcessDied"])
def test_what_took_the_run_along_too_often_is_not_called_again(reason: str) -> None:
    """An earlier version wrote the reason by its name, when time was up or its process died."""
    ledger, letters, called = Kept(), MemoryDeadLetters(), list[str]()
    since = datetime.now(UTC) - timedelta(days=1)
    known = Entry(Key("hang", "id-1"), "open", 5, since, reason, alone=True)
    worked = Entry(Key("hang", "id-0"), "handled")
    ledger.write(SequenceRange("follow-cards", STREAM, "1", "1"), [known, worked], lambda: 60.0)

    def hang(given: InsertEvent[Card]) -> Result[None, None]:
        called.append(given.event_id)
        return Success(None)

    delivery = retry(ledger=ledger, dead_letters=letters, scope="follow-cards", report=quiet)
    lambda_handler(pipeline(cards, on_insert(hang)), delivery)(event(record(1)), None)
    assert called == []
    assert [(each.reason, each.attempts) for each in letters.letters] == [(reason, 5)]


def test_without_letters_what_hung_is_passed_over_in_every_other_run() -> None:
    """A run notes so in the ledger, and the next one, of whichever version, calls the handler once more."""
    ledger, called = Kept(), list[str]()
    since = datetime.now(UTC) - timedelta(days=1)
    known = Entry(Key("hang", "id-1"), "open", 5, since, "TimedOut", alone=True)
    worked = Entry(Key("hang", "id-0"), "handled")
    ledger.write(SequenceRange("follow-cards", STREAM, "1", "1"), [known, worked], lambda: 60.0)

    def hang(given: InsertEvent[Card]) -> Result[None, None]:
        called.append(given.event_id)
        return Success(None)

    function = lambda_handler(
        pipeline(cards, on_insert(hang)), retry(ledger=ledger, scope="follow-cards", report=quiet)
    )
    function(event(record(1)), None)
    assert called == []
    assert ("hang", "process-passed-5/id-1", "handled", 0, "", False) in ledger.told()
    function(event(record(1)), None)
    assert called == ["id-1"]


@pytest.mark.parametrize("reason", ["Undecodable", "MissingImage"])
def test_what_failed_untried_and_is_not_wanted_any_more_is_told_and_dropped(reason: str) -> None:
    """An earlier version wrote the reason by its name; nothing else says that the pair has failed."""
    ledger, reported = Kept(), list[str]()
    sequence_range, pair = SequenceRange("follow-cards", STREAM, "1", "1"), Key("succeed", "id-1")
    ledger.write(sequence_range, [Entry(pair, "open", reason=reason)], lambda: 60.0)

    def note(failed: Failed[object]) -> None:
        reported.append(type(failed.reason).__name__)

    delivery = retry(ledger=ledger, scope="follow-cards", report=note)
    process = pipeline(cards, on_insert(succeed, where=lambda _: False))
    lambda_handler(process, delivery)(event(record(1)), None)
    assert reported == ["Unwanted"]
    assert ("succeed", "id-1", "dropped", 0, reason, False) in ledger.told()


@pytest.mark.parametrize(
    ("raw", "identity"),
    [
        (record(1), "id-1"),
        (record(1, without="eventID"), "sequence-number-1"),
        (
            {"eventSource": "aws:dynamodb"},
            "sha256-2bb097f67454492afbc642eeabd9766b601c92b6ed83e0de655e1c78bab906a9",
        ),
        (
            record(1, eventID="x" * 1_001),
            "sha256-cbe4a2e86e808c9b51174c17d56b401791a6282036247a95c3fb2098f098ff79",
        ),
    ],
    ids=["eventID", "sequence number", "nothing", "a long eventID"],
)
def test_a_record_goes_by_this_identity(raw: object, identity: str) -> None:
    """Ledgers and letters know a record by that."""
    ledger = Kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_LAMBDA_FUNCTION_NAME", "follow-cards")
        function = lambda_handler(pipeline(cards, on_insert(refuse)), retry(ledger=ledger, report=quiet))
        with suppress(BatchFailed):  # no answer can name an entry without identifiers
            function(event(raw), None)
    assert identity in {entry.pair.record for _, entries in ledger.writes for entry in entries}


class Announcer:
    """Handlers that are no plain functions."""

    def announce(self, _: Event[Card]) -> Result[None, None]:
        """Do nothing."""
        return Success(None)

    def each(self, _: Sequence[Event[Card]]) -> Result[None, None]:
        """Do nothing."""
        return Success(None)


def test_handlers_go_by_these_names() -> None:
    """Ledgers and letters know a handler by that."""
    process = pipeline(
        cards,
        on_event(succeed_at_all),
        on_event(Announcer().announce),
        on_event(partial(with_more, more=1)),
        on_event(batched(Announcer().each)),
        on_event(Announcer().announce, name="given"),
    )
    ledger = Kept()
    lambda_handler(process, retry(ledger=ledger, scope="x", write="always", report=quiet))(
        event(record(1)), None
    )
    handled = {entry.pair.handler for _, entries in ledger.writes for entry in entries} - {""}
    assert handled == {"succeed_at_all", "announce", "with_more", "each", "given"}


def succeed_at_all(_: Event[Card]) -> Result[None, None]:
    """Take whatever comes."""
    return Success(None)


def with_more(_: Event[Card], more: int) -> Result[int, None]:
    """Take whatever comes."""
    return Success(more)


def test_an_event_has_this_idempotency_key() -> None:
    """Services of others keep it: another one has an effect happen twice."""
    keys: list[str] = []

    def charge(given: Event[Card]) -> Result[None, None]:
        keys.append(given.idempotency_key)
        return Success(None)

    pipeline(cards, on_event(charge))(event(record(1)))
    assert keys == ["charge:id-1"]


@dataclass(frozen=True, slots=True)
class Tally:
    """A state with values of each kind."""

    count: int = 0
    titles: frozenset[str] = frozenset()
    weights: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    last: datetime | None = None
    seal: bytes = b""


def tally(state: Tally, given: Event[Card]) -> Result[Tally, str]:
    """Count a new card."""
    if not isinstance(given, InsertEvent):
        return Success(state)
    title = given.new_image.title
    last = datetime(2024, 1, 1, tzinfo=UTC)
    weights = {**state.weights, title: Decimal("0.1")}
    return Success(Tally(state.count + 1, state.titles | {title}, weights, last, b"\x00\xff"))


STATE: Final = (
    '{"form": 1, "state": {"count": {"N": "2"}, "titles": {"SS": ["hello"]}, '
    '"weights": {"M": {"hello": {"N": "0.1"}}}, "last": {"S": "2024-01-01T00:00:00+00:00"}, '
    '"seal": {"B": "AP8="}}, "watermark": "10"}'
)


def of_window(state: Mapping[str, object], *records: object, ends: bool = False) -> dict[str, object]:
    """Make the event of a window."""
    return {
        "Records": list(records),
        "window": {"start": "2024-01-01T00:00:00Z", "end": "2024-01-01T00:05:00Z"},
        "state": state,
        "shardId": "shardId-1",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": ends,
        "isWindowTerminatedEarly": False,
    }


def test_the_state_of_a_window_is_kept_so() -> None:
    follow = window_handler(cards, tally, Tally(), lambda _, __: Success(None))
    assert json.dumps(follow(of_window({}, record(9), record(10)), None)["state"]) == STATE


def test_the_state_of_a_window_is_read() -> None:
    """And what is in it already, up to the watermark, is not folded again."""
    emitted: list[tuple[Window, Tally]] = []

    def emit(window: Window, state: Tally) -> Result[None, None]:
        emitted.append((window, state))
        return Success(None)

    follow = window_handler(cards, tally, Tally(), emit)
    follow(of_window(json.loads(STATE), record(10), record(11), ends=True), None)
    ((window, state),) = emitted
    assert state == Tally(
        3,
        frozenset({"hello"}),
        {"hello": Decimal("0.1")},
        datetime(2024, 1, 1, tzinfo=UTC),
        b"\x00\xff",
    )
    assert window.idempotency_key == f"{STREAM}/shardId-1/2024-01-01T00:00:00+00:00"
    early = replace(window, terminated_early=True)
    assert early.idempotency_key == f"{STREAM}/shardId-1/2024-01-01T00:00:00+00:00/11"
