"""The function of a window: it folds each record once, emits where the window ends, and loses nothing in between."""

# A kept state is read back by what wrote it.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pytest
from returns.result import Failure, Result, Success, safe
from typing_extensions import TypeVar

from streamfn import (
    BatchFailed,
    ConfigurationError,
    Event,
    Failed,
    InsertEvent,
    Malformed,
    MissingImage,
    NotAStreamEvent,
    Refused,
    StreamViewType,
    Table,
    Undecodable,
    Unrouted,
)
from streamfn.testing import insert_event, kinesis_event, lambda_event, modify_event, remove_event
from streamfn.windows import UnusableState, Window, WindowFunction, window_handler
from tests.cards import STREAM, Card, Json, cards

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many cards came, whose titles, and what they weigh."""

    count: int = 0
    titles: frozenset[str] = frozenset()
    weights: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    last: datetime | None = None
    seal: bytes = b""


def tally(state: Tally, event: Event[Card]) -> Result[Tally, str]:
    """Count a change, and refuse the titles that say so."""
    if not isinstance(event, InsertEvent):
        return Success(state)
    title = event.new_image.title
    if title == "refuse":
        return Failure("no")
    if title == "raise":
        raise ValueError(title)
    return Success(
        Tally(
            state.count + 1,
            state.titles | {title},
            {**state.weights, title: Decimal("0.1")},
            datetime(2024, 1, 1, tzinfo=UTC),
            b"\x00seal",
        )
    )


class Sink:
    """What was emitted."""

    def __init__(self) -> None:
        """Begin with nothing, and take whatever comes."""
        self.emitted: list[tuple[Window, Tally]] = []
        self.outcome: Result[None, str] = Success(None)

    def emit(self, window: Window, state: Tally) -> Result[None, str]:
        """Take a state."""
        self.emitted.append((window, state))
        return self.outcome


def quiet(_: Failed[object]) -> None:
    """Report nothing."""


WINDOW: Final = {"start": "2024-01-01T00:00:00Z", "end": "2024-01-01T00:05:00Z"}


def of_window(payload: Mapping[str, object], state: object = None, **more: object) -> Json:
    """Make the event of a window."""
    return {
        **payload,
        "window": WINDOW,
        "state": {} if state is None else state,
        "shardId": "shardId-1",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
        **more,
    }


def card(title: str, number: str, identifier: int = 1) -> InsertEvent[Card]:
    """Make the event of a new card."""
    return insert_event(Card(identifier, title), sequence_number=number, event_id=f"id-{number}")


NO_RECORDS: Final[Mapping[str, object]] = {"Records": []}


def test_a_state_goes_from_invocation_to_invocation_and_is_emitted_at_the_end() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(), sink.emit)
    first = follow(of_window(lambda_event(card("a", "9"), card("b", "10"))), None)
    assert first["batchItemFailures"] == []
    assert json.loads(json.dumps(first)) == first
    last = follow(of_window(lambda_event(card("c", "11")), first["state"], isFinalInvokeForWindow=True), None)
    assert last == {"state": {}, "batchItemFailures": []}
    ((window, state),) = sink.emitted
    expected = Tally(
        3,
        frozenset("abc"),
        dict.fromkeys("abc", Decimal("0.1")),
        datetime(2024, 1, 1, tzinfo=UTC),
        b"\x00seal",
    )
    assert state == expected
    assert window == Window(
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 0, 5, tzinfo=UTC),
        "shardId-1",
        STREAM,
        watermark="11",
    )
    assert window.idempotency_key == f"{STREAM}/shardId-1/2024-01-01T00:00:00+00:00"


def test_a_window_is_in_utc_and_has_one_key_however_its_times_are_written() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(), sink.emit)
    elsewhere = {"start": "2024-01-01T02:00:00+02:00", "end": "2024-01-01T02:05:00+02:00"}
    for window in (WINDOW, elsewhere):
        follow(of_window(NO_RECORDS, window=window, isFinalInvokeForWindow=True), None)
    (first, _), (second, _) = sink.emitted
    assert first == second
    assert first.idempotency_key == second.idempotency_key


def test_a_window_may_end_without_records_and_without_any_state() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(count=7), sink.emit)
    assert follow(of_window(NO_RECORDS, isFinalInvokeForWindow=True), None)["state"] == {}
    assert [state for _, state in sink.emitted] == [Tally(count=7)]


def test_all_kinds_of_change_are_folded() -> None:
    kinds: list[str] = []

    def note(state: Tally, event: Event[Card]) -> Result[Tally, str]:
        kinds.append(type(event).__name__)
        return Success(state)

    follow = window_handler(cards, note, Tally(), Sink().emit)
    hello = Card(1, "hello")
    follow(
        of_window(lambda_event(insert_event(hello), modify_event(hello, hello), remove_event(hello))), None
    )
    assert kinds == ["InsertEvent", "ModifyEvent", "RemoveEvent"]


def test_a_batch_that_comes_again_is_not_folded_twice() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(), sink.emit)
    batch = lambda_event(card("a", "9"), card("b", "10"))
    once = follow(of_window(batch), None)["state"]
    assert follow(of_window(batch, once), None)["state"] == once
    more = lambda_event(card("b", "10"), card("c", "11"))
    follow(of_window(more, once, isFinalInvokeForWindow=True), None)
    assert [state.count for _, state in sink.emitted] == [3]


def test_changes_that_came_through_kinesis_are_folded_as_well() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(), sink.emit)
    follow(of_window(kinesis_event(card("a", "9"), card("b", "10")), isFinalInvokeForWindow=True), None)
    assert [state.count for _, state in sink.emitted] == [2]


def test_of_a_table_with_a_pattern_only_what_matches_is_folded() -> None:
    sink = Sink()
    only = Table("prod-Card", Card, pattern={"dynamodb": {"NewImage": {"title": {"S": ["b"]}}}})
    follow = window_handler(only, tally, Tally(), sink.emit)
    events = lambda_event(card("a", "9"), card("b", "10"))
    follow(of_window(events, isFinalInvokeForWindow=True), None)
    assert [state.titles for _, state in sink.emitted] == [frozenset("b")]


def test_a_record_too_odd_for_a_pattern_is_not_passed_over() -> None:
    deep: object = "a"
    for _ in range(3_000):
        deep = [deep]
    only = Table("prod-Card", Card, pattern={"dynamodb": {"NewImage": {"deck": {"L": {"S": ["b"]}}}}})
    odd = insert_event(Card(1, "a")).record.raw
    image = {"id": {"N": "1"}, "title": {"S": "a"}, "deck": {"L": deep}}
    sink = Sink()
    follow = window_handler(only, tally, Tally(), sink.emit)
    payload = {"Records": [{**odd, "dynamodb": {**odd["dynamodb"], "NewImage": image}}]}
    follow(of_window(payload, isFinalInvokeForWindow=True), None)
    assert [state.titles for _, state in sink.emitted] == [frozenset("a")]


BROKEN: Final[Mapping[str, tuple[Mapping[str, object], object]]] = {
    "refused": (lambda_event(card("refuse", "7")), Refused("no")),
    "no image": (
        lambda_event(card("a", "7"), view_type=StreamViewType.KEYS_ONLY),
        MissingImage("NewImage", StreamViewType.KEYS_ONLY),
    ),
    "no record": (
        {"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "7"}}]},
        Malformed("eventID is missing"),
    ),
    "another table": (
        json.loads(json.dumps(lambda_event(card("a", "7"))).replace("table/prod-Card", "table/prod-Deck")),
        Unrouted(STREAM.replace("prod-Card", "prod-Deck"), "prod-Deck"),
    ),
}


@pytest.mark.parametrize(("payload", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_folded_has_the_batch_come_again_or_is_reported(
    payload: Mapping[str, object], reason: object
) -> None:
    reported: list[Failed[str]] = []
    follow = window_handler(cards, tally, Tally(), Sink().emit, report=reported.append)
    with pytest.raises(BatchFailed, match="1 failures; the first: Failed"):
        follow(of_window(payload), None)
    skipping = window_handler(cards, tally, Tally(), Sink().emit, on_failure="skip", report=reported.append)
    state = skipping(of_window(payload), None)["state"]
    assert state["watermark"] == "7"
    assert [(failed.handler, failed.reason) for failed in reported] == [("tally", reason)] * 2


@dataclass(frozen=True)
class Weight:
    """A state that DynamoDB may not store."""

    total: Decimal = Decimal(0)


def test_a_record_after_which_the_state_cannot_be_kept_is_the_one_that_fails() -> None:
    def weigh(state: Weight, event: Event[Card]) -> Result[Weight, str]:
        assert isinstance(event, InsertEvent)
        added = {"heavy": Decimal("nan")}
        return Success(Weight(state.total + added.get(event.new_image.title, Decimal(1))))

    def store(_: Window, __: Weight) -> Result[None, str]:
        return Success(None)

    reported: list[Failed[str]] = []
    batch = of_window(lambda_event(card("a", "7"), card("heavy", "8"), card("b", "9")))
    skipping = window_handler(cards, weigh, Weight(), store, on_failure="skip", report=reported.append)
    state = skipping(batch, None)["state"]
    assert skipping._states.read(state).state == Weight(Decimal(2))
    assert [failed.record.event_id for failed in reported] == ["id-8"]
    with pytest.raises(BatchFailed, match="event_id='id-8'"):
        window_handler(cards, weigh, Weight(), store, report=reported.append)(batch, None)


def test_a_success_of_something_else_is_no_state() -> None:
    def forget(_: Tally, __: Event[Card]) -> Result[Tally, str]:
        return Success(None)  # type: ignore[arg-type] # pyright: ignore[reportReturnType] (the mistake)

    with pytest.raises(BatchFailed, match=r"Raised\(TypeError\)"):
        window_handler(cards, forget, Tally(), Sink().emit, report=quiet)(
            of_window(lambda_event(card("a", "7"))), None
        )


def test_a_malformed_record_that_the_pattern_leaves_out_blocks_no_window() -> None:
    only = Table("prod-Card", Card, pattern={"dynamodb": {"NewImage": {"title": {"S": ["b"]}}}})
    follow = window_handler(only, tally, Tally(), Sink().emit, report=quiet)
    odd = {"eventName": "INSERT", "eventSourceARN": STREAM, "dynamodb": {"SequenceNumber": "7"}}
    assert follow(of_window({"Records": [odd]}), None)["state"]["watermark"] == "7"
    for unsure in ({**odd, "eventName": "UPSERT"}, {**odd, "eventSourceARN": None}):
        with pytest.raises(BatchFailed, match="Malformed"):
            follow(of_window({"Records": [unsure]}), None)


def test_a_state_of_an_items_own_model_is_no_table_of_it() -> None:
    @dataclass(frozen=True)
    class Note:
        id: int = 0

    def latest(_: Note, event: Event[Note]) -> Result[Note, str]:
        return Success(event.new_image if isinstance(event, InsertEvent) else Note())

    def store(_: Window, __: Note) -> Result[None, str]:
        return Success(None)

    handler = window_handler(Table("prod-Note", Note), latest, Note(), store)
    assert handler.name == "latest"
    assert insert_event(Note(1)).record.table_name == "prod-Note"


def test_an_image_that_does_not_fit_and_a_fold_that_raises_are_failures_too() -> None:
    reported: list[Failed[str]] = []
    follow = window_handler(cards, tally, Tally(), Sink().emit, on_failure="skip", report=reported.append)
    odd = insert_event(Card(1, "a")).record.raw
    odd["dynamodb"]["NewImage"] = {"id": {"S": "one"}, "title": {"S": "a"}}
    state = follow(of_window(lambda_event(odd, card("raise", "7"), card("b", "8"))), None)["state"]
    assert [type(failed.reason).__name__ for failed in reported] == [Undecodable.__name__, "Raised"]
    assert follow._states.read(state).state.titles == frozenset("b")


def test_what_has_no_number_leaves_the_watermark_where_it_is() -> None:
    follow = window_handler(cards, tally, Tally(), Sink().emit, on_failure="skip", report=quiet)
    batch = lambda_event(card("a", "7"), {"eventSource": "aws:dynamodb"})
    assert follow(of_window(batch), None)["state"]["watermark"] == "7"


def test_after_a_failure_nothing_more_is_folded_of_the_batch() -> None:
    seen: list[str] = []

    def note(state: Tally, event: Event[Card]) -> Result[Tally, str]:
        seen.append(event.event_id)
        return tally(state, event)

    follow = window_handler(cards, note, Tally(), Sink().emit, report=quiet)
    with pytest.raises(BatchFailed):
        follow(of_window(lambda_event(card("a", "7"), card("refuse", "8"), card("b", "9"))), None)
    assert seen == ["id-7", "id-8"]


def test_an_emit_that_fails_has_the_last_batch_come_again() -> None:
    sink = Sink()
    sink.outcome = Failure("no")
    follow = window_handler(cards, tally, Tally(), sink.emit)
    place = rf"tests/windows/test_window_handler\.py:{Sink.emit.__code__.co_firstlineno} in Sink\.emit$"
    with pytest.raises(
        BatchFailed, match=rf"emit failed for the window .*2024-01-01.*: Refused\(str\) at {place}"
    ):
        follow(of_window(NO_RECORDS, isFinalInvokeForWindow=True), None)

    def broken(_: Window, __: Tally) -> Result[None, str]:
        raise ValueError("somebody@example.com")

    raising = window_handler(cards, tally, Tally(), broken)
    with pytest.raises(BatchFailed, match="ValueError") as raised:
        raising(of_window(NO_RECORDS, isFinalInvokeForWindow=True), None)
    assert "somebody" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_emit_may_be_a_coroutine_function() -> None:
    emitted: list[int] = []

    async def emit(_: Window, state: Tally) -> Result[None, str]:
        emitted.append(state.count)
        return Success(None)

    window_handler(cards, tally, Tally(3), emit)(of_window(NO_RECORDS, isFinalInvokeForWindow=True), None)
    assert emitted == [3]


def test_a_state_that_lambda_would_not_keep_is_emitted_and_the_window_goes_on_with_a_new_one() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(seal=b"x" * 800_000), sink.emit)
    early = follow(of_window(lambda_event(*(card(f"{'y' * 300_000}{n}", f"{n}") for n in range(7, 9)))), None)
    ((window, _),) = sink.emitted
    assert window.terminated_early
    assert window.idempotency_key == f"{STREAM}/shardId-1/2024-01-01T00:00:00+00:00/8"
    again = follow(of_window(lambda_event(card("a", "8"), card("b", "9")), early["state"]), None)
    sink.emitted.clear()
    follow(of_window(NO_RECORDS, again["state"], isFinalInvokeForWindow=True), None)
    assert [(window.terminated_early, state.titles) for window, state in sink.emitted] == [
        (False, frozenset("b"))
    ]


def test_a_window_that_lambda_ends_early_is_emitted() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(), sink.emit)
    follow(of_window(lambda_event(card("a", "7")), isWindowTerminatedEarly=True), None)
    ((window, state),) = sink.emitted
    assert (window.terminated_early, state.count) == (True, 1)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"count": 7}, "the window's state was not written by window_handler"),
        ({"form": 2, "state": {}}, "or by a newer one"),
        ({"form": 1, "state": [], "watermark": None}, "was not written by window_handler"),
        (
            {"form": 1, "state": {"count": {"S": "secret"}}, "watermark": None},
            r"does not fit Table\('state', Tally\) any more: \$.count: expected N, got S",
        ),
    ],
)
def test_a_state_of_another_function_is_not_begun_anew(state: Json, message: str) -> None:
    follow = window_handler(cards, tally, Tally(), Sink().emit)
    with pytest.raises(UnusableState, match=message):
        follow(of_window(NO_RECORDS, state), None)


def test_a_state_may_gain_fields_with_defaults() -> None:
    @dataclass(frozen=True)
    class Before:
        count: int = 0

    def count(state: Before, _: Event[Card]) -> Result[Before, str]:
        return Success(Before(state.count + 1))

    def ignore(_: Window, __: Before) -> Result[None, str]:
        return Success(None)

    kept = window_handler(cards, count, Before(), ignore)(of_window(lambda_event(card("a", "7"))), None)
    sink = Sink()
    after = window_handler(cards, tally, Tally(), sink.emit)
    after(of_window(lambda_event(card("b", "8")), kept["state"], isFinalInvokeForWindow=True), None)
    assert [state.count for _, state in sink.emitted] == [2]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (lambda_event(), "set TumblingWindowInSeconds on the event source mapping"),
        ([], "got the list of a pipe, which has no windows"),
        ({"detail-type": "x"}, "got an event of EventBridge"),
        (of_window(NO_RECORDS, window=None), "without its window or its state"),
        (of_window(NO_RECORDS, window={"start": "now", "end": "2024-01-01T00:00:00Z"}), "without its window"),
        (of_window(NO_RECORDS, window={"start": 1, "end": "2024-01-01T00:00:00"}), "without its window"),
        (of_window(NO_RECORDS, state=[]), "without its window or its state"),
    ],
)
def test_whatever_is_no_event_of_a_window_is_refused(event: object, message: str) -> None:
    with pytest.raises(NotAStreamEvent, match=message):
        window_handler(cards, tally, Tally(), Sink().emit)(event, None)


def test_names_that_an_event_leaves_out_are_empty_and_no_state_is_the_initial_one() -> None:
    sink = Sink()
    follow = window_handler(cards, tally, Tally(), sink.emit)
    event = of_window(NO_RECORDS, isFinalInvokeForWindow=True, shardId=None, eventSourceARN=None) | {
        "state": None
    }
    follow(event, None)
    assert [(window.shard_id, window.event_source_arn) for window, _ in sink.emitted] == [("", "")]


def nothing(_: Window, __: object) -> Result[None, str]:
    """Emit nothing."""
    return Success(None)


def unchanged(state: S, _: Event[Card]) -> Result[S, str]:
    """Fold nothing."""
    return Success(state)


@dataclass(frozen=True)
class Sum:
    """A state that holds what DynamoDB does not store, or loses something on the way."""

    total: float = 0.0


@dataclass
class Loose:
    """A state that can be changed."""

    count: int = 0


@dataclass(frozen=True)
class Odd:
    """A state that does not come back as it was."""

    count: int = 0
    noise: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Be another one each time."""
        object.__setattr__(self, "noise", id(self))


ODD: Final = Odd()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: window_handler(cards, unchanged, "text", nothing), "a frozen dataclass, got str"),
        (
            lambda: window_handler(cards, unchanged, Sum(float("nan")), nothing),
            "the initial state cannot be kept",
        ),
        (lambda: window_handler(cards, unchanged, ODD, nothing), "it comes back as another one"),
    ],
)
def test_a_state_that_cannot_be_kept_is_a_mistake_when_the_function_is_made(
    make: Callable[[], WindowFunction[Card, object, None, str, str]], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_on_failure_is_one_of_two() -> None:
    with pytest.raises(ConfigurationError, match='on_failure is "raise" or "skip", got \'drop\''):
        window_handler(cards, tally, Tally(), Sink().emit, on_failure="drop")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] (the mistake)


def test_functions_whose_success_would_hold_unfinished_work_are_refused() -> None:
    @safe
    async def store(_: Window, state: Tally) -> int:
        await asyncio.sleep(0)
        return state.count

    with pytest.raises(ConfigurationError, match="the handler emit would return a Success of a coroutine"):
        window_handler(cards, tally, Tally(), store)


def test_an_emit_that_succeeds_with_unfinished_work_has_failed() -> None:
    def store(_: Window, state: Tally) -> Result[object, str]:
        return Success(str(each) for each in range(state.count))

    function = window_handler(cards, tally, Tally(), store)
    with pytest.raises(BatchFailed, match=r"emit failed for the window .*: Raised\(TypeError\)"):
        function(of_window(lambda_event(card("a", "9")), isFinalInvokeForWindow=True), None)
