"""Two loops around the same jobs, as they are written by hand: to be compared with what streamfn does."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from returns.primitives.exceptions import UnwrapFailedError
from returns.result import Result

from examples.cards.app import S3Error, SearchError, SlackError, announce, back_up, cards, index
from streamfn import InsertEvent, LambdaContext, RemoveEvent, StreamRecord, read, structure

Job: TypeAlias = Callable[[], Result[str, SlackError | S3Error | SearchError]]
"""Something to be done for a record; what `unwrap` raises of its failure is what a client would have raised."""


def naive(payload: object, _: LambdaContext) -> None:
    """Do one job after the other, and raise at the first that fails: Lambda then sends the whole batch again."""
    for job in jobs(payload):
        job().unwrap()


def swallowing(payload: object, _: LambdaContext) -> None:
    """Do one job after the other, and go on where one fails: Lambda sends nothing again."""
    for job in jobs(payload):
        with suppress(UnwrapFailedError):
            job().unwrap()


def jobs(payload: object) -> Iterator[Job]:
    """Give the jobs that a batch asks for, in the order in which the pipeline of `app.py` does them."""
    # What is no stream record would be a failure to streamfn; a loop passes over it.
    for record in (each for each in read(payload) if isinstance(each, StreamRecord)):
        event = structure(cards, record).unwrap()
        if isinstance(event, InsertEvent):
            yield partial(announce, event)
        if isinstance(event, RemoveEvent):
            yield partial(back_up, event)
        yield partial(index, event)
