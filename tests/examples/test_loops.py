"""The loops that are written by hand do the jobs that the pipeline does, and differ in what a failure does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from returns.primitives.exceptions import UnwrapFailedError

from examples.cards.app import Card, process
from examples.demo.loops import naive, swallowing
from streamfn import LambdaContext
from streamfn.testing import insert_event, lambda_context, lambda_event, modify_event, remove_event
from tests.examples.outside import Asked, Outside

HELLO, BYE = Card(1, "hello"), Card(2, "bye")
BATCH = lambda_event(
    insert_event(HELLO), modify_event(BYE, replace(BYE, owner="ada")), remove_event(BYE), {"eventID": "7"}
)
CONTEXT = lambda_context(timedelta(minutes=1))


def asked(outside: Outside) -> list[Asked]:
    """Say what was asked of each service, and have it forgotten."""
    services = (outside.slack, outside.s3, outside.search)
    told = [service.asked() for service in services]
    for service in services:
        service.requests.clear()
    return told


@pytest.mark.parametrize("loop", [naive, swallowing])
def test_where_nothing_fails_a_loop_does_what_the_pipeline_does(
    loop: Callable[[object, LambdaContext], None], outside: Outside
) -> None:
    """The comparison is one of what failures do, and of nothing else."""
    process(BATCH)
    by_the_pipeline = asked(outside)

    loop(BATCH, CONTEXT)

    assert by_the_pipeline == asked(outside)
    assert all(by_the_pipeline)


def test_the_naive_loop_ends_at_the_first_failure(outside: Outside) -> None:
    """What it raises fails the invocation."""
    outside.search.status = 503

    with pytest.raises(UnwrapFailedError):
        naive(BATCH, CONTEXT)

    assert [1, 0, 1] == [len(requests) for requests in asked(outside)]


def test_the_swallowing_loop_goes_on(outside: Outside) -> None:
    """Lambda is told nothing, whatever failed."""
    outside.search.status = 503

    swallowing(BATCH, CONTEXT)

    assert [1, 1, 3] == [len(requests) for requests in asked(outside)]
