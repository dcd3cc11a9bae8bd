"""The way back: letters are received from where they lie, and removed once they are done with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from typing_extensions import override

SigningKeys: TypeAlias = bytes | Sequence[bytes] | Callable[[], bytes | Sequence[bytes]]
"""A secret key of 16 bytes or more, or several, of which the first signs and all are accepted, so that keys can change.

A function that returns them is called whenever letters are sent or redriven: have it keep what it has fetched.
"""


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """A text that was received. It stays where it lies until it is removed.

    `name` is what it goes by there: a message's id, an object's key. `body` is a letter's JSON, wherever that
    lay, or a document that Lambda itself put there ("OnFailure"), or whatever else somebody did: `read_letter`
    tells. `sent` is when the place itself took it, which no sender can choose; None where the place does not say.
    """

    name: str
    body: str
    _remove: Callable[[], None]
    sent: datetime | None = None

    def remove(self) -> None:
        """Delete it for good. It raises what the client raises, and then it may still be there."""
        self._remove()

    @override
    def __repr__(self) -> str:
        return f"Received({self.name!r})"


class LetterSource(Protocol):
    """A place that letters are read back from."""

    def receive(self) -> Iterator[Received]:
        """Give all that lies there now, each once, and come to an end.

        What is not removed stays there for the next time. It raises what the client raises.
        """
        ...
