"""What holds for any batch: no exception comes out, no record is lost, and no answer names a stranger."""

from __future__ import annotations

from typing import Final, TypeAlias

from returns.result import Result, Success

from streamfn import (
    BatchFailed,
    Event,
    Failed,
    Handled,
    KeysEvent,
    MalformedRecord,
    Pipeline,
    StreamRecord,
    acknowledge,
    concurrent,
    lambda_handler,
    on_event,
    on_keys,
    pipeline,
    read,
    retry,
    router,
)
from tests.fuzz.models import Card, CardKey, cards
from tests.fuzz.mutations import Json


def see(event: Event[Card]) -> Result[str, None]:
    """Handle any change that could be structured."""
    return Success(type(event).__name__)


def see_keys(event: KeysEvent[CardKey]) -> Result[int, None]:
    """Handle any change whose keys could be structured."""
    return Success(event.keys.version)


Process: TypeAlias = Pipeline[object, object]

in_series: Final[Process] = pipeline(cards, on_event(see), on_keys(CardKey, see_keys))
side_by_side: Final[Process] = router(
    pipeline(cards, on_event(see), on_keys(CardKey, see_keys), strategy=concurrent(workers=4))
)


def check(batch: list[Json], process: Process) -> None:
    """Run a batch, and fail with `AssertionError` if a law does not hold."""
    payload = {"Records": batch}
    found = read(payload)
    assert len(found) == len(batch), "a record is lost in reading"
    for record in found:
        touch(record)
    places = {id(entry): position for position, entry in enumerate(batch)}
    answered = [place_of(result, places) for result in process(payload)]
    assert list(dict.fromkeys(answered)) == list(range(len(batch))), "a record has no Result in its place"
    numbers = {record.sequence_number for record in found}
    for delivery in (retry(report=ignore), acknowledge(ignore)):
        try:
            answer = lambda_handler(process, delivery)(payload, None)
        except BatchFailed:
            assert None in numbers, "an answer was possible"
        else:
            named = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            assert named <= numbers, "the answer names what is not in the batch"


def touch(record: StreamRecord | MalformedRecord) -> None:
    """Ask for each property, of which none may fail."""
    assert repr(record)
    assert {record: record}
    for name, attribute in vars(type(record)).items():
        if isinstance(attribute, property):
            getattr(record, name)


def place_of(result: Result[Handled[object], Failed[object]], places: dict[int, int]) -> int:
    """Find the entry of the batch that a Result is about."""
    record = result.unwrap().record if isinstance(result, Success) else result.failure().record
    return record.position if isinstance(record, MalformedRecord) else places[id(entry_of(record))]


def entry_of(record: StreamRecord) -> object:
    """Take the very entry that a record was made of; its `raw` is a copy."""
    return record._raw  # pyright: ignore[reportPrivateUsage] (nothing else tells two equal entries apart)


def ignore(_: Failed[object]) -> None:
    """Report to nobody."""
