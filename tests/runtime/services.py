"""A service that a function's jobs talk to: it counts what it did, and does not always do it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from examples.demo.loopback import Request


@dataclass(slots=True)
class Service:
    """Has an effect for each request, by its path, but where it is told otherwise.

    `refuses` and `breaks` say how many requests for a path are answered with 503 and 500, `silent` are paths that are
    never answered. `after` is called for a path once it has had its effect and before anybody is told of it.
    """

    effects: Counter[str] = field(default_factory=Counter[str])
    refuses: Counter[str] = field(default_factory=Counter[str])
    breaks: Counter[str] = field(default_factory=Counter[str])
    silent: set[str] = field(default_factory=set[str])
    after: dict[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])
    _hung_up: Event = field(default_factory=Event)

    def __call__(self, request: Request) -> int:
        """Answer a request, or wait until whoever asks has hung up."""
        path = request.path
        if path in self.silent:
            self._hung_up.wait()
            return 500
        for status, times in ((503, self.refuses), (500, self.breaks)):
            if times[path]:
                times[path] -= 1
                return status
        self.effects[path] += 1
        self.after.pop(path, _nothing)()
        return 200

    def hang_up(self) -> None:
        """Wait no longer for those who asked what is never answered: they are gone."""
        self._hung_up.set()
        self._hung_up = Event()

    def repeated(self) -> list[str]:
        """List the paths that had their effect more often than once, in the order in which they first had it."""
        return [path for path, times in self.effects.items() if times > 1]


def _nothing() -> None:
    """Do nothing."""
