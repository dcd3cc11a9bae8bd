"""Probes: each sees what a process does in one invocation, and ends it where a test wishes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Condition
from typing import Final

from streamfn._events import Change
from streamfn.testing._mapping.clock import Clock, ProcessDied, TimedOut
from streamfn.testing._mapping.faults import Crash
from streamfn.testing._mapping.invocations import Effect, HandlerCall, Letter, StoreFailure

_DIED: Final[Effect] = "died"
_FAILED: Final[Effect] = "failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe has seen: the calls of handlers, the dead letters that were stored, and what stores failed to do."""

    calls: tuple[HandlerCall, ...] = ()
    letters: tuple[Letter, ...] = ()
    store_failures: tuple[StoreFailure, ...] = ()


class Probe:
    """Follows the handlers and stores of one invocation, and ends the process where a crash is due.

    Handlers may run in several threads, so each step holds a lock.
    """

    def __init__(self, crash: Crash | None, clock: Clock) -> None:
        """Begin with no call; the process also ends when that of `clock` does."""
        self._crash = crash
        self._clock = clock
        self._calls: list[HandlerCall] = []
        self._letters: list[Letter] = []
        self._store_failures: dict[StoreFailure, None] = {}
        self._running = 0
        self._ended = 0
        self._dead = False
        self._changed = Condition()

    def end(self) -> Seen:
        """Let nothing begin any more, wait for what still runs, and tell what happened, calls as they began."""
        with self._changed:
            self._dead = True
            self._changed.wait_for(lambda: self._running == 0)
            return Seen(tuple(self._calls), tuple(self._letters), tuple(self._store_failures))

    def begin(self, handler: str, events: Sequence[Change]) -> int:
        """Note that a call begins. Fails with `ProcessDied` if the process is dead, or dies now."""
        with self._changed:
            self._die_if_due()
            self._running += 1
            ids = tuple(event.event_id for event in events)
            self._calls.append(HandlerCall(handler, ids, (_DIED,) * len(ids)))
            return len(self._calls) - 1

    def returned(self, call: int, effects: Sequence[Effect]) -> None:
        """Note what came of a call. Fails with `ProcessDied` if the process dies before anyone else learns of it."""
        with self._changed:
            self._stop()
            self._ends(call, effects)

    def raised(self, call: int) -> None:
        """Note that a call raised. Fails with `ProcessDied` where it did so because the process is dead."""
        with self._changed:
            self._stop()
            self._die_if_due()
            self._ends(call, (_FAILED,) * len(self._calls[call].event_ids))

    def settle(self) -> None:
        """Note that all calls have been made. Fails with `ProcessDied` if the process dies now."""
        with self._changed:
            self._dead = self._dead or self._crash is not None
            self._die_if_due()

    def stay_alive(self) -> None:
        """Fail with `ProcessDied` if the process is dead: it can do nothing any more."""
        with self._changed:
            self._die_if_due()

    def stored(self, letter: Letter) -> None:
        """Note that a dead letter is stored."""
        with self._changed:
            self._letters.append(letter)

    def store_failed(self, failure: StoreFailure) -> None:
        """Note what a store failed to do."""
        with self._changed:
            self._store_failures[failure] = None

    def _ends(self, call: int, effects: Sequence[Effect]) -> None:
        self._calls[call] = replace(self._calls[call], effects=tuple(effects))
        self._ended += 1
        self._die_if_due()

    def _stop(self) -> None:
        self._running -= 1
        self._changed.notify_all()

    def _die_if_due(self) -> None:
        last = None if self._crash is None else self._crash.after_calls
        self._dead = self._dead or self._clock.process_ended or (last is not None and self._ended >= last)
        if not self._dead:
            return
        self._clock.call_all_off()
        if self._clock.is_up:
            raise TimedOut("the function's timeout is reached")
        raise ProcessDied("the process died, as the test wished")
