"""A function with a ledger and dead letters, run by AWS's own runtime client, and killed at its worst moments.

Lambda's part is the test's: it calls, takes answers, kills a process whose time is up, starts another one, and delivers
again from the record on that the answer names. Ledger and queue are ministack's, over HTTP.
"""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import pytest

from examples.demo import ministack
from examples.demo.loopback import serving
from tests.chain import lines
from tests.runtime.api import Exited
from tests.runtime.sandbox import Function, running
from tests.runtime.services import Service
from tests.runtime.shards import number_of, shard
from tests.runtime.stores import Stores, made

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has wheels for Linux alone")

FUNCTIONS: Final = Path(__file__).parent / "functions"
JOBS: Final = ("announce", "index", "back_up")
MAX_ATTEMPTS: Final = 2
KILLED: Final = Exited(-signal.SIGKILL)


class Start(Protocol):
    """Starts a process of the function, in one mode of writing the ledger or in the other."""

    def __call__(self, *, writes_always: bool = False, **more: str) -> AbstractContextManager[Function]:
        """Start one; `more` goes into its environment."""
        ...


def paths(*ids: int) -> Counter[str]:
    """List what there is to do for cards, in the order in which it is done."""
    return Counter(f"/{job}/{each}" for each in ids for job in JOBS)


@pytest.fixture(scope="module")
def aws() -> Generator[str]:
    with ministack.running() as url:
        yield url


@pytest.fixture
def stores(aws: str) -> Generator[Stores]:
    with made(aws) as stores:
        yield stores


@pytest.fixture
def service() -> Generator[Service]:
    service = Service()
    yield service
    service.hang_up()


@pytest.fixture
def start(service: Service, stores: Stores, tmp_path: Path) -> Generator[Start]:
    with serving(service) as url:

        def start(*, writes_always: bool = False, **more: str) -> AbstractContextManager[Function]:
            environment = {
                **stores.environment,
                "SERVICE_URL": url,
                "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
                "WRITES_ALWAYS": "yes" if writes_always else "",
                **more,
            }
            return running("errands.handler", FUNCTIONS, tmp_path, environment)

        yield start


def test_each_effect_happens_once_while_jobs_are_refused_and_raise(
    start: Start, service: Service, stores: Stores
) -> None:
    service.refuses = Counter({"/announce/2": 1, "/index/5": 1, "/index/7": 1_000, "/index/8": 1})
    service.breaks = Counter({"/back_up/3": 1, "/announce/4": 1_000})
    batch = shard(1, 2, 3, 4, 5, 6, 7, 8)
    doomed = [batch.events[3].event_id, batch.events[6].event_id]
    with start() as function:
        first = function.invoke(batch.batch)
        # All but the last two were tried again in this run, while their jobs went well for others.
        assert first == {"batchItemFailures": [{"itemIdentifier": number_of(batch.events[6])}]}
        batch.events = batch.events[6:]
        assert function.invoke(batch.batch) == {"batchItemFailures": []}
        log = function.log.read_text()
    assert service.effects == paths(1, 2, 3, 4, 5, 6, 7, 8) - Counter({"/announce/4", "/index/7"})
    assert {(*letter.pair, letter.reason, letter.attempts) for letter in stores.letters()} == {
        ("announce", doomed[0], "Raised", MAX_ATTEMPTS),
        ("index", doomed[1], "Refused", MAX_ATTEMPTS),
    }
    assert doomed[0] in log
    assert "secret" not in log


def test_a_job_that_hangs_is_given_up_and_the_shard_goes_on(
    start: Start, service: Service, stores: Stores
) -> None:
    """Lambda ends the process at each timeout; what the alarm has written before is all that the next one knows."""
    service.silent = {"/index/2"}
    batch = shard(1, 2, 3)
    hanging = batch.events[1].event_id
    others: list[int] = []
    while batch.events and len(batch.answers) < 10:
        others.append(100 + len(others))
        with start() as function:
            # A batch of another shard is first, so that boto3 is loaded: that takes time which the test has not.
            assert function.invoke(shard(others[-1]).batch) == {"batchItemFailures": []}
            batch.take(function.attempt_until_deadline(batch.batch, within=timedelta(seconds=3)))
            service.hang_up()
    assert batch.answers.count(KILLED) >= MAX_ATTEMPTS
    assert service.effects == paths(1, 2, 3, *others) - Counter({"/index/2"})
    (letter,) = stores.letters()
    assert (*letter.pair, letter.reason, letter.attempts) == ("index", hanging, "TimedOut", MAX_ATTEMPTS)


@pytest.mark.parametrize("writes_always", [False, True])
def test_a_process_that_is_killed_amid_a_batch_costs_what_is_not_recorded_yet(
    start: Start, service: Service, *, writes_always: bool
) -> None:
    """That is all of this run, since nothing has failed in it; or, written at once, the job that was under way."""
    batch = shard(1, 2, 3, 4)
    with start(writes_always=writes_always) as function:
        service.after = {"/index/3": function.kill}
        batch.take(function.attempt(batch.batch))
    assert batch.answers == [KILLED]
    done = list(service.effects)
    with start(writes_always=writes_always) as function:
        assert function.invoke(batch.batch) == {"batchItemFailures": []}
    assert set(service.effects) == set(paths(1, 2, 3, 4))
    assert set(service.effects.values()) == {1, 2}
    assert service.repeated() == (["/index/3"] if writes_always else done)
    assert done == [*paths(1, 2), "/announce/3", "/index/3"]


def test_a_process_that_is_killed_does_not_take_along_what_an_earlier_one_recorded(
    start: Start, service: Service
) -> None:
    service.refuses = Counter({"/back_up/4": 1})
    batch = shard(1, 2, 3, 4)
    with start() as function:
        batch.take(function.attempt(batch.batch))
        service.after = {"/back_up/4": function.kill}
        batch.take(function.attempt(batch.batch))
    assert batch.answers[1] == KILLED
    with start() as function:
        assert function.invoke(batch.batch) == {"batchItemFailures": []}
    assert service.effects == paths(1, 2, 3, 4) + Counter({"/back_up/4"})


@pytest.mark.parametrize(
    ("way", "code"), [("exit", 9), ("segfault", -signal.SIGSEGV), ("memory", -signal.SIGSEGV)]
)
def test_a_record_that_ends_its_process_becomes_a_letter_and_the_shard_goes_on(
    start: Start, service: Service, stores: Stores, way: str, code: int
) -> None:
    """The first process notes the batch; the others note each call, so that nothing is repeated any more."""
    batch = shard(1, 2, 3)
    fatal = batch.events[1].event_id
    while batch.events and len(batch.answers) < 10:
        with start(FATAL="/index/2", FATAL_WAY=way) as function:
            batch.take(function.attempt(batch.batch))
    assert batch.answers[:-1] == [Exited(code)] * (1 + MAX_ATTEMPTS)
    before = paths(1) + Counter({"/announce/2"})
    assert service.effects == paths(1, 2, 3) - Counter({"/index/2"}) + before
    (letter,) = stores.letters()
    assert (*letter.pair, letter.reason, letter.attempts) == ("index", fatal, "ProcessDied", MAX_ATTEMPTS)


def test_a_process_that_has_begun_other_batches_dies_once_without_a_note(
    start: Start, service: Service, stores: Stores
) -> None:
    """Each process is in another sandbox, so that there is nothing on disk of the one before."""
    batch = shard(1, 2)
    with start(FATAL="/announce/2", FATAL_WAY="exit", TMPDIR="/nowhere") as function:
        assert function.invoke(shard(3).batch) == {"batchItemFailures": []}
        batch.take(function.attempt(batch.batch))
    while batch.events and len(batch.answers) < 10:
        with start(FATAL="/announce/2", FATAL_WAY="exit", TMPDIR="/nowhere") as function:
            batch.take(function.attempt(batch.batch))
    assert batch.answers[:-1] == [Exited(9)] * (2 + MAX_ATTEMPTS)
    assert service.effects == paths(1, 2, 3) - Counter({"/announce/2"}) + paths(1) + paths(1)
    (letter,) = stores.letters()
    assert (letter.reason, letter.attempts) == ("ProcessDied", MAX_ATTEMPTS)


def test_a_process_that_begins_with_another_shard_each_time_is_found_out_as_well(
    start: Start, service: Service, stores: Stores
) -> None:
    """The next process in the sandbox finds the mark of the batch that the one before has died of."""
    batch, others = shard(1, 2), list[int]()
    while batch.events and len(batch.answers) < 10:
        others.append(100 + len(others))
        with start(FATAL="/announce/2", FATAL_WAY="exit") as function:
            assert function.invoke(shard(others[-1]).batch) == {"batchItemFailures": []}
            batch.take(function.attempt(batch.batch))
    assert batch.answers[:-1] == [Exited(9)] * (1 + MAX_ATTEMPTS)
    assert service.effects == paths(1, 2, *others) - Counter({"/announce/2"}) + paths(1)
    (letter,) = stores.letters()
    assert (letter.reason, letter.attempts) == ("ProcessDied", MAX_ATTEMPTS)


def test_memory_that_python_does_without_is_raised_and_ends_no_process(
    start: Start, service: Service, stores: Stores
) -> None:
    batch = shard(1, 2)
    with start(FATAL="/index/2", FATAL_WAY="MemoryError") as function:
        while batch.events and len(batch.answers) < 10:
            batch.take(function.attempt(batch.batch))
    assert len(batch.answers) == MAX_ATTEMPTS
    assert service.effects == paths(1, 2) - Counter({"/index/2"})
    (letter,) = stores.letters()
    assert (letter.reason, letter.detail, letter.attempts) == ("Raised", "MemoryError", MAX_ATTEMPTS)


def test_a_process_that_is_killed_between_a_letter_and_the_note_of_it_leaves_a_second_letter(
    start: Start, aws: str, service: Service, stores: Stores
) -> None:
    """Both go by one id, and nothing else is repeated: all that went well before had been written."""
    service.refuses = Counter({"/index/3": 1_000})
    batch = shard(1, 2, 3)
    with lines.leading_to("127.0.0.1", urlsplit(aws).port or 0) as (line, queue_url):
        with start(AWS_ENDPOINT_URL_SQS=queue_url) as function:
            batch.take(function.attempt(batch.batch))
            line.when_lost = function.kill
            line.go_deaf()
            batch.take(function.attempt(batch.batch))
        assert batch.answers[1] == KILLED
        (first,) = stores.letters()
        line.mend()
        with start(AWS_ENDPOINT_URL_SQS=queue_url) as function:
            assert function.invoke(batch.batch) == {"batchItemFailures": []}
    (second,) = stores.letters()
    assert first.id == second.id
    assert service.effects == paths(1, 2, 3) - Counter({"/index/3"})
