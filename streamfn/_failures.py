"""What can come of a record and a handler: the values in a `Success` and in a `Failure`.

A pipeline answers `Result[Handled[A], Failed[E]]`, and a `Failed` says why in its `reason`::

    Reason[E]
    ├── Refused[E]     the handler returned a Failure
    ├── Raised         the handler, or its `where`, raised
    ├── Undecodable    an image does not fit the model
    ├── MissingImage   the stream's view type leaves out an image that the handler needs
    ├── Malformed      the entry is no stream record
    ├── Unrouted       no pipeline is there for the record's table
    ├── TimedOut       not started: it was running when time was up too often
    ├── ProcessDied    not started: the process died while it ran, too often
    ├── Unwanted       failed or waited before, and nothing wants it any more
    ├── OutOfTime      not started: the function's time was nearly up
    ├── HeldBack       not started: an earlier record of its item failed for the same handler
    ├── Stopped        not started: an earlier record or call after call failed, and Lambda sends this one again
    └── LedgerUnavailable   not started: the ledger could not be read

All are frozen. Their `repr` names what failed by its identifiers and never shows an image, a value or an
error's text, because logs leak; the values themselves are in the fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, TypeAlias

from typing_extensions import TypeVar, override

from streamfn._records import MalformedRecord, StreamRecord
from streamfn._values import Value
from streamfn._wire import ImageName, StreamViewType

A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
E = TypeVar("E")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Problem(Value):
    """One thing wrong with an image: where, as a path such as ``$.owner.age``, and what: ``expected N, got S``."""

    path: str
    message: str

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Refused(Value, Generic[E_co]):
    """The handler returned ``Failure(error)``."""

    error: E_co

    @override
    def __repr__(self) -> str:
        return f"Refused({type(self.error).__name__})"


class NotAResult(TypeError):
    """A handler returned something else than a Result; the message names types alone, and so holds no data."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Raised(Value):
    """The handler or its `where` raised `exception`, or the handler returned something that is no finished Result."""

    exception: BaseException

    @override
    def __repr__(self) -> str:
        from streamfn._tracebacks import raised_at  # here, because a cold start would pay for it

        name, place = name_of_exception(self.exception), raised_at(self.exception)
        return f"Raised({name})" if place is None else f"Raised({name} at {place})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Undecodable(Value):
    """An image does not fit the model; `problems` are all that was found, in the model's order.

    `image` says which part of the record it was, None where an image was structured outside of a record.
    """

    problems: tuple[Problem, ...]
    image: ImageName | None = None

    @override
    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MissingImage(Value):
    """The record lacks an image that the handler needs: the stream's view type, `view_type`, leaves it out."""

    image: ImageName
    view_type: StreamViewType | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Malformed(Value):
    """The entry of the batch is no stream record, and `problem` says why."""

    problem: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unrouted(Value):
    """No pipeline is there for the table.

    `event_source_arn` is the ARN of the stream, `table_name` the table's name; each is None if the record does not
    tell it. `declared` names the tables that there are pipelines for, and does not count when reasons are compared.
    """

    event_source_arn: str | None
    table_name: str | None = None
    declared: tuple[str, ...] = field(default=(), compare=False)

    @override
    def __str__(self) -> str:
        arn, table = self.event_source_arn, self.table_name
        if table is not None:
            problem = f"no pipeline is for the table {_shortened(table)}"
        elif arn is None:
            problem = "the record names neither a stream nor a table"
        elif ":dynamodb:" in arn and ":table/" in arn and "/stream/" not in arn:
            problem = f"eventSourceARN is the ARN of a table, not of a stream: {_shortened(arn)}"
        else:
            problem = f"eventSourceARN is no ARN of a DynamoDB stream: {_shortened(arn)}"
        return f"{problem}; declared: {_listed(self.declared)}" if self.declared else problem


def name_of_exception(exception: BaseException) -> str:
    """Name the type of an exception as users know it."""
    return TypeError.__name__ if isinstance(exception, NotAResult) else type(exception).__name__


def _shortened(text: str) -> str:
    """Show a name of the record's: one that a stream would have is not so long."""
    return repr(text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…")


_LONGEST_NAME: Final = 300
_MOST_NAMES: Final = 10


def _listed(names: tuple[str, ...]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NothingMore(Value):
    """A reason that its name says all of."""


class OutOfTime(NothingMore):
    """The handler was not started, because too little was left of the function's time."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TooOften(Value):
    """A reason that its name and the `attempts` that the handler had say all of."""

    attempts: int


class TimedOut(TooOften):
    """The handler was not started: it ran on this record when time was up, too often.

    `attempts` counts all that it had.
    """

    __slots__ = ()


class ProcessDied(TooOften):
    """The handler was not started: the function's process ended while it ran on this record, too often.

    The process exited, ran out of memory or crashed, say. `attempts` counts all that the handler had.
    """

    __slots__ = ()


class Unwanted(NothingMore):
    """The record was owed to the handler after an earlier delivery, and is no longer wanted: the pair is dropped.

    Its `where` no longer wants the record; or, in another version of the function, the handler is for other kinds of
    change, its table has another pattern, or there is no handler of its name.
    """

    __slots__ = ()


class HeldBack(NothingMore):
    """The handler was not started, because it has yet to succeed on an earlier record of the same item."""

    __slots__ = ()


class Stopped(NothingMore):
    """The handler was not started, since an earlier record failed, or call after call; Lambda sends this one again."""

    __slots__ = ()


class LedgerUnavailable(NothingMore):
    """The handler was not started, because what it has settled could not be read."""

    __slots__ = ()


Reason: TypeAlias = (
    Refused[E]
    | Raised
    | Undecodable
    | MissingImage
    | Malformed
    | Unrouted
    | TimedOut
    | ProcessDied
    | Unwanted
    | OutOfTime
    | HeldBack
    | Stopped
    | LedgerUnavailable
)
"""Why a handler has no success on a record."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Handled(Value, Generic[A_co]):
    """The handler named `handler` succeeded on `record` with `value`."""

    record: StreamRecord
    handler: str
    value: A_co

    @override
    def __repr__(self) -> str:
        return f"Handled({self.handler!r}, {self.record!r}, {type(self.value).__name__})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Failed(Value, Generic[E_co]):
    """The handler named `handler` has no success on `record`, for `reason`.

    `handler` is None where the record failed before any handler was asked: `Malformed` and `Unrouted`, and `Unwanted`
    of a record that failed so and that no handler wants now. `location` is the place in code where the handler begins,
    such as ``app.py:12 in announce``, if it was called; it does not count when failures are compared.
    """

    record: StreamRecord | MalformedRecord
    handler: str | None
    reason: Reason[E_co]
    location: str | None = field(default=None, compare=False)

    @override
    def __repr__(self) -> str:
        place = "" if self.location is None else f", location={self.location!r}"
        return f"Failed(record={self.record!r}, handler={self.handler!r}, reason={self.reason!r}{place})"
