"""The machine's clock: an alarm rings as whoever set it would have done it."""

from __future__ import annotations

from contextvars import ContextVar
from threading import Event, current_thread, main_thread

from streamfn._time import MACHINE_CLOCK

request: ContextVar[str] = ContextVar("request")


def test_an_alarm_sees_the_context_variables_of_whoever_set_it() -> None:
    """A log filter that adds a request's id, or a ledger that looks for a tenant, works in the alarm's thread, too."""
    rung, seen = Event(), list[str]()

    def ring() -> None:
        assert current_thread() is not main_thread()
        seen.append(request.get("none"))
        rung.set()

    token = request.set("id-1")
    try:
        MACHINE_CLOCK.alarm(0.0, ring)
        request.set("id-2")
    finally:
        request.reset(token)
    assert rung.wait(30)
    assert seen == ["id-1"]
