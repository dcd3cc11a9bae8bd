"""What may still start, and who is told how it went: a delivery's part in a run.

A gate is made for one run and asked in one thread. This one, of a pipeline that is called without a delivery
or with one that drops failures, bars nothing but for lack of time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Never, Protocol

from typing_extensions import override

from streamfn._execution.deadline import Deadline
from streamfn._execution.items import Place
from streamfn._failures import OutOfTime, Reason, Stopped
from streamfn._records import Record

if TYPE_CHECKING:  # few functions have a ledger
    from streamfn._ledger import Pair


class Turn(Protocol):
    """A handler's turn on a record of the batch.

    `pair` is what ledgers call it, from when on a gate that has a ledger has found out.
    """

    pair: Pair | None

    @property
    def position(self) -> int:
        """The record's index in the batch."""
        ...

    @property
    def name(self) -> str:
        """The handler's name; empty for a record that reaches none."""
        ...

    @property
    def record(self) -> Record:
        """The record."""
        ...

    @property
    def place(self) -> Place:
        """The handler and the item: of one place, nothing overtakes what came before."""
        ...

    @property
    def function(self) -> object:
        """The handler's function; None for a record that reaches none."""
        ...


class Turns(Protocol):
    """Turns that are going to come, which can be gone through again and again."""

    def __iter__(self) -> Iterator[Turn]:
        """Give each turn."""
        ...

    def by_record(self) -> Iterator[tuple[Record, tuple[str, ...]]]:
        """Give each record with the names of the handlers that have a turn on it, which costs less than the turns."""
        ...


class Gate:
    """Says of each turn whether it may start, and learns what came of it.

    `is_due` says that there are turns to try again in this run.
    """

    is_due: bool = False

    def __init__(self, deadline: Deadline | None = None) -> None:
        """Take a deadline, or let time have no end."""
        self.deadline: Deadline = Deadline() if deadline is None else deadline

    def expects(self, turns: Turns, /) -> None:
        """Learn of turns that are going to come."""

    def settled(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether the pair is settled already: then it does not run, and has no Result."""
        return False

    def bars(self, turn: Turn, /) -> Reason[Never] | None:  # noqa: ARG002 (for those that tell turns apart)
        """Say why nothing may start on a turn, or None if it may."""
        return OutOfTime() if self.deadline.reached else None

    def alone(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a turn is to have a call of its own, and that nothing beside it."""
        return False

    def exclusive(self, turn: Turn, /) -> bool:
        """Whether nothing is to run beside the call that a turn leads to."""
        return self.alone(turn)

    def hurries(self, chunks: int, /) -> bool:
        """Whether so many chunks should not wait for more events, because time runs short."""
        return self.deadline.hurries(chunks)

    def began(self, call: int, turns: Iterable[Turn], /) -> None:  # noqa: ARG002 (for those that tell turns apart)
        """Learn that a call begins, by a number that no other running one has."""
        self.deadline.began(call)

    def ended(self, call: int, /) -> None:
        """Learn that a call has ended."""
        self.deadline.ended(call)

    def returned(self) -> None:
        """Learn that the turn which may start since last has been called, by itself, and that this has ended."""
        self.deadline.returned()

    def succeeded(self, turn: Turn, /) -> None:
        """Learn that a handler has succeeded."""

    def failed(
        self, turn: Turn, reason: Reason[object], /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        """Learn that a turn failed, `alone` or together with others in a chunk; one that is `isolated` stays alone."""

    def fails(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a turn of a batched handler has failed alone so often that its attempts are used up."""
        return False

    def answered(self, handler: str, /, *, succeeded: bool, fails: bool) -> None:
        """Learn whether a batched handler has succeeded, on one event at least, and if it is one that `fails`."""

    def isolates(self, handler: str, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a batched handler is called again, within the run, to find out which event of a chunk has failed."""
        return False

    def tries(self, turn: Turn, /) -> bool:  # noqa: ARG002 (for those that remember)
        """Whether a batched handler is called with a turn and those in its chunk, or they wait for the next run."""
        return True

    def due(self) -> Sequence[Turn]:
        """Take the turns that are to be tried again now, before any other of their places."""
        return ()

    def rests(self) -> bool:
        """Learn that all turns have been tried; say whether none is to be tried again."""
        return True

    def unwanted(self, turn: Turn, /) -> Reason[Never] | None:  # noqa: ARG002 (for those that remember)
        """Learn that `where` does not want a turn; say why that is a failure, if it is one."""
        return None


class StoppingGate(Gate):
    """Starts nothing on the records after one that failed, since Lambda sends them again anyway."""

    first_failure: int | None = None

    @override
    def bars(self, turn: Turn, /) -> Reason[Never] | None:
        if self.first_failure is not None and turn.position > self.first_failure:
            return Stopped()
        return OutOfTime() if self.deadline.reached else None

    @override
    def failed(
        self, turn: Turn, reason: Reason[object], /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        if self.first_failure is None or turn.position < self.first_failure:
            self.first_failure = turn.position
