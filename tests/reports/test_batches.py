"""Reports about batches: what is answered, what comes again, and what a failure does to the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from json import dumps
from typing import get_type_hints

import pytest
from returns.result import Failure, Result, Success, safe

from streamfn import (
    BatchFailed,
    BatchItemFailure,
    BatchResponse,
    ConfigurationError,
    Event,
    InsertEvent,
    Raised,
    Refused,
    Undecodable,
    acknowledge,
    batched,
    batched_each,
    concurrent,
    lambda_handler,
    on_event,
    on_insert,
    pipeline,
    read,
    retry,
)
from streamfn.ledgers import MemoryLedger
from streamfn.testing import (
    Crash,
    EventSourceMapping,
    failures,
    insert_event,
    kinesis_event,
    lambda_event,
    modify_event,
    pipe_event,
    values,
)
from streamfn.windows import Window, window_handler
from tests.cards import Card, Json, Refusal, cards, event, record


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of a window."""

    cards: int = 0


def refuse_untitled(event: InsertEvent[Card]) -> Result[str, Refusal]:
    """Refuse cards that have no title."""
    return Success(event.new_image.title) if event.new_image.title else Failure(Refusal(422))


def three(*titles: str) -> list[InsertEvent[Card]]:
    """Make new cards, numbered from 1 on."""
    return [
        insert_event(Card(number, title), event_id=f"card-{number}", sequence_number=str(100 + number))
        for number, title in enumerate(titles, 1)
    ]


process = pipeline(cards, on_insert(refuse_untitled))


# Coroutines


def test_a_decorator_for_plain_functions_on_a_coroutine_function_is_refused() -> None:
    """`safe` takes no coroutine functions: what it makes of one holds a coroutine that never runs.

    https://github.com/dry-python/returns/issues/60
    """

    @safe
    async def announce(event: InsertEvent[Card]) -> str:
        await asyncio.sleep(0)
        return event.new_image.title

    with pytest.raises(ConfigurationError, match="future_safe instead of safe"):
        pipeline(cards, on_insert(announce))


# Which number is answered


def test_the_lowest_number_is_the_checkpoint() -> None:
    """Lambda goes back to the lowest number of the answer.

    An emulator did not look at the answer, so that what had failed was taken as done.

    https://github.com/floci-io/floci/issues/3262
    """
    handler = lambda_handler(process, retry(ledger=MemoryLedger(), scope="cards"))
    answer = handler(lambda_event(*three("a", "", "")), None)
    assert {"batchItemFailures": [{"itemIdentifier": "102"}]} == answer


def test_numbers_are_compared_as_numbers() -> None:
    """A sequence number has no fixed count of digits, so one that begins with a 9 may come before one with a 1.

    https://github.com/awslabs/amazon-kinesis-client/issues/458
    """
    before, after = "9900000000002513012315", "10000000000002513012315"
    batch = lambda_event(
        insert_event(Card(1, ""), sequence_number=before), insert_event(Card(2, ""), sequence_number=after)
    )
    handler = lambda_handler(process, retry(ledger=MemoryLedger(), scope="cards"))
    assert {"batchItemFailures": [{"itemIdentifier": before}]} == handler(batch, None)
    batch["Records"].reverse()
    assert {"batchItemFailures": [{"itemIdentifier": before}]} == handler(batch, None)


def test_numbers_need_not_follow_each_other() -> None:
    """The next sequence number is larger, and not larger by one.

    Nothing may count on a gapless row.

    https://github.com/aws/aws-sdk-java/issues/1798
    """
    numbers = ["6200000000002513011398", "6300000000002513012315", "6300000000002513013001"]
    batch = lambda_event(
        *(
            insert_event(Card(index, text), sequence_number=number)
            for index, (text, number) in enumerate(zip(["a", "", "c"], numbers, strict=True))
        )
    )
    answer = lambda_handler(process, retry())(batch, None)
    assert {"batchItemFailures": [{"itemIdentifier": numbers[1]}]} == answer


def test_the_answer_has_a_type_of_its_own() -> None:
    """There was no type for the answer, so its keys could be misspelt, which AWS takes for a failed batch.

    https://github.com/mousabaker/aws-lambda-typing/issues/70
    """
    assert {"itemIdentifier": str} == get_type_hints(BatchItemFailure)
    assert {"batchItemFailures": list[BatchItemFailure]} == get_type_hints(BatchResponse)
    answer = lambda_handler(process, retry())(lambda_event(*three("")), None)
    assert '{"batchItemFailures": [{"itemIdentifier": "101"}]}' == dumps(answer)


def test_a_failed_record_without_a_number_fails_the_batch() -> None:
    """An emulator sent records without `SequenceNumber`.

    They are handled, and where one fails, no answer could name it, so that the whole batch has to come
    again.

    https://github.com/localstack/localstack/issues/5018
    """
    handler = lambda_handler(process, retry())
    sound, untitled = (
        record(1, without="SequenceNumber", change={"NewImage": {"id": {"N": "1"}, "title": {"S": text}}})
        for text in ("a", "")
    )
    assert {"batchItemFailures": []} == handler(event(sound), None)
    with pytest.raises(BatchFailed):
        handler(event(untitled), None)


def test_a_pipe_is_answered_with_the_identifiers_of_records() -> None:
    """A pipe hands over a bare list of records, each with an `eventID`, by which its answers go.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
    """
    answer = lambda_handler(process, retry())(pipe_event(*three("a", "")), None)
    assert {"batchItemFailures": [{"itemIdentifier": "card-2"}]} == answer


def test_a_change_through_kinesis_has_its_number_outside() -> None:
    """The change lies encoded within an entry of Kinesis, so that neither schema of a library fitted it.

    https://github.com/aws-powertools/powertools-lambda-typescript/issues/3193
    """
    answer = lambda_handler(process, retry())(kinesis_event(*three("a", "")), None)
    assert {"batchItemFailures": [{"itemIdentifier": "102"}]} == answer


def test_a_typed_event_knows_its_number() -> None:
    """A parser gave the models alone.

    Without the sequence numbers nobody could tell which of them had failed.

    https://github.com/aws-powertools/powertools-lambda-python/issues/2850
    """

    def number(event: InsertEvent[Card]) -> Result[str | None, str]:
        return Success(event.record.sequence_number)

    assert ["101", "102"] == values(pipeline(cards, on_insert(number))(lambda_event(*three("a", "b"))))


# What a failure does to the rest


def test_an_ordered_stream_stops_at_the_first_failure() -> None:
    """A batch processor went on after a failure, though all that follows it comes again anyway.

    https://github.com/aws-powertools/powertools-lambda-java/issues/1820
    """
    called: list[str] = []

    def note(event: InsertEvent[Card]) -> Result[str, Refusal]:
        called.append(event.new_image.title)
        return refuse_untitled(event)

    answer = lambda_handler(pipeline(cards, on_insert(note)), retry())(
        lambda_event(*three("a", "", "c")), None
    )
    assert (["a", ""], {"batchItemFailures": [{"itemIdentifier": "102"}]}) == (called, answer)


def test_records_after_the_checkpoint_come_again_and_before_it_do_not() -> None:
    """The answer sets a checkpoint in a stream, and does not pick records as it does in a queue.

    What succeeded after the checkpoint is delivered a second time.

    https://github.com/KensioSoftware/yulin/issues/342
    """
    attempts: list[str] = []

    def flaky(event: InsertEvent[Card]) -> Result[str, str]:
        attempts.append(event.new_image.title)
        return Failure("busy") if attempts == ["a", "b"] else Success(event.new_image.title)

    mapping = EventSourceMapping(lambda_handler(pipeline(cards, on_insert(flaky)), retry()))
    mapping.deliver(*three("a", "b", "c"))
    assert ["a", "b", "b", "c"] == attempts


def test_a_batch_that_failed_as_a_whole_is_answered_and_not_raised() -> None:
    """A batch processor raised where every record had failed.

    With small batches that happens at each failure, and counts as an error of the function.

    https://github.com/aws-powertools/powertools-lambda-python/issues/4691
    """
    handler = lambda_handler(process, retry())
    assert {"batchItemFailures": [{"itemIdentifier": "101"}]} == handler(lambda_event(*three("", "")), None)


def test_each_failure_is_in_the_results_where_all_failed() -> None:
    """Where all records failed, the list of failures was empty, as if nothing had.

    https://github.com/aws-powertools/powertools-lambda-python/issues/3716
    """
    found = failures(process(lambda_event(*three("", ""))))
    assert [("card-1", Refused(Refusal(422))), ("card-2", Refused(Refusal(422)))] == [
        (failed.record.event_id, failed.reason) for failed in found
    ]


def test_an_item_that_does_not_fit_its_model_fails_by_itself() -> None:
    """A parser expected plain values in the images, so no model of plain types fitted a real record.

    Here the type tags are read, and an attribute of another type is told with its path.

    https://github.com/aws-powertools/powertools-lambda-python/issues/2851
    """
    wrong = record(2, change={"NewImage": {"id": {"S": "key1"}, "title": {"S": "b"}}})
    results = process(event(record(1), wrong))
    assert ["hello"] == values(results)
    (failed,) = failures(results)
    assert isinstance(failed.reason, Undecodable)
    assert ["$.id: expected N, got S"] == [str(problem) for problem in failed.reason.problems]


def test_a_handler_that_raises_fails_for_its_record_alone() -> None:
    """An example logged the error of a write and ended, and its readers asked what comes again and what is lost.

    https://github.com/aws-samples/lambda-refarch-streamprocessing/issues/1
    """

    def save(event: InsertEvent[Card]) -> Result[str, str]:
        if event.new_image.title == "b":
            raise TimeoutError
        return Success(event.new_image.title)

    results = pipeline(cards, on_insert(save))(lambda_event(*three("a", "b", "c")))
    assert ["a", "c"] == values(results)
    assert [("card-2", True)] == [
        (failed.record.event_id, isinstance(failed.reason, Raised)) for failed in failures(results)
    ]


def test_records_are_handled_one_by_one_where_nothing_else_is_asked_for() -> None:
    """After a change of the processor, records ran side by side without a word, and work was lost.

    https://github.com/aws-powertools/powertools-lambda-typescript/issues/4760
    """
    running: list[str] = []
    most: list[int] = []

    async def step(event: InsertEvent[Card]) -> Result[str, str]:
        running.append(event.new_image.title)
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(event.new_image.title)
        return Success(event.new_image.title)

    titles = ["a", "b", "c"]
    assert titles == values(pipeline(cards, on_insert(step))(lambda_event(*three(*titles))))
    assert [1, 1, 1] == most


def test_a_handler_may_take_all_events_at_once() -> None:
    """A processor knew handlers of single records only, so one request for a whole batch was not possible.

    https://github.com/aws-powertools/powertools-lambda-typescript/issues/1658
    """

    def count(events: Sequence[InsertEvent[Card]]) -> Result[int, str]:
        return Success(len(events))

    assert [3, 3, 3] == values(
        pipeline(cards, on_insert(batched(count)))(lambda_event(*three("a", "b", "c")))
    )


def test_a_handler_of_a_batch_may_fail_for_some_of_it() -> None:
    """Someone wanted to check a batch first and send what was left, and to report both kinds of failure.

    https://github.com/aws-powertools/powertools-lambda-python/issues/5722
    """

    def send(events: Sequence[InsertEvent[Card]]) -> list[Result[str, Refusal]]:
        return [refuse_untitled(each) for each in events]

    results = pipeline(cards, on_insert(batched_each(send)))(lambda_event(*three("a", "", "c")))
    assert (["a", "c"], ["card-2"]) == (
        values(results),
        [failed.record.event_id for failed in failures(results)],
    )


# Coroutines


def test_coroutines_keep_their_loop_from_one_invocation_to_the_next() -> None:
    """A processor made a loop for each invocation, so that a client that a module keeps belonged to a loop of the past.

    https://github.com/aws-powertools/powertools-lambda-python/pull/7798
    """
    loops: set[asyncio.AbstractEventLoop] = set()

    async def call(event: InsertEvent[Card]) -> Result[str, str]:
        loops.add(asyncio.get_running_loop())
        return Success(event.new_image.title)

    handler = lambda_handler(pipeline(cards, on_insert(call)), retry())
    for _ in range(3):
        assert {"batchItemFailures": []} == handler(lambda_event(*three("a")), None)
    assert 1 == len(loops)


def test_a_loop_that_the_module_closed_is_no_obstacle() -> None:
    """A processor took the thread's own loop, and failed with "Event loop is closed" once somebody had closed that.

    https://github.com/aws-powertools/powertools-lambda-python/pull/1724
    """

    async def call(event: InsertEvent[Card]) -> Result[str, str]:
        await asyncio.sleep(0)
        return Success(event.new_image.title)

    asyncio.run(asyncio.sleep(0))  # leaves a closed loop behind
    assert ["a"] == values(pipeline(cards, on_insert(call))(lambda_event(*three("a"))))


def test_slow_calls_of_different_items_run_side_by_side() -> None:
    """Requests that take long were made one after the other, though they have nothing to do with each other.

    https://github.com/aws-powertools/powertools-lambda-python/issues/1708
    """
    meeting = asyncio.Event()
    waiting: list[str] = []

    async def call(event: InsertEvent[Card]) -> Result[str, str]:
        waiting.append(event.new_image.title)
        if len(waiting) == 3:
            meeting.set()
        async with asyncio.timeout(60):  # a call that waits for those after it fails rather than hangs
            await meeting.wait()
        return Success(event.new_image.title)

    side_by_side = pipeline(cards, on_insert(call), strategy=concurrent(workers=3))
    assert ["a", "b", "c"] == values(side_by_side(lambda_event(*three("a", "b", "c"))))


# What Lambda makes of an answer


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"foo": 123}]},
        {"batchItemFailures": [{"itemIdentifier": "of another batch"}]},
    ],
    ids=str,
)
def test_an_answer_that_names_nothing_of_the_batch_fails_all_of_it(answer: Json) -> None:
    """Lambda takes an identifier that it does not know for a failure of the whole batch.

    https://github.com/localstack/localstack/pull/11505
    """
    batches: list[int] = []

    def function(payload: object, _context: object) -> object:
        batches.append(len(read(payload)))
        return answer if len(batches) == 1 else None

    history = EventSourceMapping(function).deliver(*three("a", "b"))
    assert ([2, 2], []) == (batches, history.discarded)


@pytest.mark.parametrize(
    "answer", [None, {}, [], {"batchItemFailures": []}, {"batchItemFailures": None}], ids=str
)
def test_an_answer_that_names_nothing_is_a_success(answer: object) -> None:
    """An empty answer, a null and an empty list all say that the batch is done.

    https://github.com/floci-io/floci/pull/3466
    """
    batches: list[int] = []

    def function(payload: object, _context: object) -> object:
        batches.append(len(read(payload)))
        return answer

    EventSourceMapping(function).deliver(*three("a", "b"))
    assert [2] == batches


def test_an_answer_with_failures_uses_an_attempt_up() -> None:
    """The limit of attempts counts an invocation that answered with a failure like one that raised.

    An emulator counted only the latter, and delivered a poison record for ever.

    https://github.com/floci-io/floci/pull/3428
    """
    handler = lambda_handler(process, retry())
    mapping = EventSourceMapping(handler, maximum_retry_attempts=2, on_failure="S3")
    history = mapping.deliver(*three("", "b"))
    assert {"card-1": 3} == dict(history.failures("refuse_untitled"))
    assert ["card-1", "card-2"] == [each.event_id for each in history.discarded]
    assert 1 == len(mapping.documents)


def test_a_poison_record_alone_is_lost_where_the_batch_is_bisected() -> None:
    """With `BisectBatchOnFunctionError` a batch is halved until the record in error is by itself.

    https://github.com/aws/aws-cdk/pull/5929
    """

    def function(payload: object, _context: object) -> None:
        if any(each.event_id == "card-3" for each in read(payload)):
            raise RuntimeError

    mapping = EventSourceMapping(function, bisect_batch_on_function_error=True, maximum_retry_attempts=1)
    history = mapping.deliver(*three("a", "b", "c", "d"))
    assert ["card-3"] == [each.event_id for each in history.discarded]


# Repeated deliveries


def test_a_record_that_comes_twice_has_the_same_key_both_times() -> None:
    """A stream has each change once, and Lambda may deliver it more than once.

    A service that takes an idempotency key then does the work once.

    https://repost.aws/questions/QUpi6vdsnXQFCi3zGcoPKI3Q/can-there-be-duplicate-events-if-we-increase-parallelization-factor-for-processing-ddb-stream-events-by-lambda
    """
    charged: dict[str, str] = {}

    def charge(event: InsertEvent[Card]) -> Result[str, str]:
        charged.setdefault(event.idempotency_key, event.new_image.title)
        return Success(event.new_image.title)

    handler = lambda_handler(pipeline(cards, on_insert(charge)), retry())
    batch = lambda_event(*three("a", "b"))
    for _ in range(2):
        handler(batch, None)
    assert ["a", "b"] == list(charged.values())


def test_two_changes_of_one_item_are_no_duplicates() -> None:
    """Two quick updates of one item are two records with the same keys.

    Whoever tells records by their keys loses the second of them.

    https://twelvescompany.co.uk/post/duplicate-overlapping-events-for-dynamodb-lambda-streams
    """

    def note(event: Event[Card]) -> Result[str, str]:
        return Success(f"{event.record.event_name} {event.event_id}")

    handler = pipeline(cards, on_event(note))
    batch = lambda_event(
        modify_event(Card(1, "a", "ada"), Card(1, "a", "bob"), event_id="id-1"),
        modify_event(Card(1, "a", "bob"), Card(1, "a", "eve"), event_id="id-2"),
    )
    assert ["MODIFY id-1", "MODIFY id-2"] == values(handler(batch))


def test_a_process_that_dies_leaves_nothing_locked() -> None:
    """A function that ran into its timeout left its idempotency record in progress, and each retry was refused.

    https://github.com/aws-powertools/powertools-lambda/issues/53
    """
    handler = lambda_handler(process, retry(ledger=MemoryLedger(), scope="cards"))
    mapping = EventSourceMapping(handler, faults=[Crash(invocation=1, after_calls=1)])
    history = mapping.deliver(*three("a", "b"))
    assert {"card-1", "card-2"} == set(history.successes("refuse_untitled"))
    assert [] == history.discarded


def test_a_handler_that_succeeded_is_not_repeated_for_the_failure_of_another() -> None:
    """A batch with one failed record comes again as a whole, so that the work on the others is done twice.

    With a ledger each handler is called again for what it failed on, and for nothing else.

    https://github.com/Ditectrev/Amazon-Web-Services-AWS-Developer-Associate-DVA-C02-Practice-Tests-Exams-Questions-Answers/pull/65
    """
    busy = {"b"}

    def store(event: InsertEvent[Card]) -> Result[str, str]:
        if event.new_image.title in busy:
            busy.clear()
            return Failure("busy")
        return Success("stored")

    def announce(event: InsertEvent[Card]) -> Result[str, str]:
        return Success(event.new_image.title)

    both = pipeline(cards, on_insert(store), on_insert(announce))
    handler = lambda_handler(both, retry(ledger=MemoryLedger(), scope="cards"))
    history = EventSourceMapping(handler).deliver(*three("a", "b", "c"))
    once = {"card-1": 1, "card-2": 1, "card-3": 1}
    assert (once, once) == (dict(history.successes("store")), dict(history.successes("announce")))


def test_a_failure_that_is_dropped_is_reported_first() -> None:
    """A failure that is caught and not answered is gone.

    `acknowledge` hands each to a report before it is dropped.

    https://kloudvin.com/learn/aws-zero-to-hero/dynamodb-streams-change-data-capture-event-driven-pipelines/
    """
    told: list[str | None] = []
    handler = lambda_handler(process, acknowledge(lambda failed: told.append(failed.record.event_id)))
    assert {"batchItemFailures": []} == handler(lambda_event(*three("a", "", "c")), None)
    assert ["card-2"] == told


# Windows


def test_the_answer_to_a_window_carries_its_state() -> None:
    """An event of a tumbling window has members that others lack, and its answer must carry the state.

    The first event of a window has an empty state, or none.

    https://github.com/aws-powertools/powertools-lambda-python/pull/6658
    """
    emitted: list[int] = []

    def add(state: Total, _event: Event[Card]) -> Result[Total, str]:
        return Success(Total(state.cards + 1))

    def tell(_window: Window, state: Total) -> Result[None, str]:
        emitted.append(state.cards)
        return Success(None)

    handler = window_handler(cards, add, Total(), tell)
    mapping = EventSourceMapping(handler, batch_size=2, tumbling_window=timedelta(minutes=5))
    mapping.deliver(*three("a", "b", "c"))
    assert [3] == emitted
