"""Signals that end a replay: a second one ends it at once, and what has been done is kept."""

from __future__ import annotations

import os
import signal
from collections import Counter
from multiprocessing import Pipe

import pytest

from streamfn._time import stopped_by_signals
from streamfn.exports._replay import interrupts
from tests.cli.commands import streamfn
from tests.sources.export.waiting import Waiting


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once_and_keeps_what_was_done(
    waiting: Waiting, processes: int, first: signal.Signals, second: signal.Signals
) -> None:
    """The card that a handler was at is run again, and no other."""
    with waiting.begin(processes) as running:
        assert running.stderr is not None
        running.send_signal(first)
        while "no handler is started any more" not in running.stderr.readline():
            pass
        running.send_signal(second)
        assert running.wait() == 130
    again = streamfn(*waiting.arguments(1), "--json", cwd=waiting.folder)
    assert (again.code, again.document["handled"]) == (0, {"announce": 7})
    called = Counter(waiting.calls())
    repeated = [event_id for event_id, count in called.items() if count > 1]
    assert [each.rpartition("/")[2] for each in repeated] == ["4"]
    assert len(called) == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_to_all_processes_lets_the_handlers_end(
    waiting: Waiting, number: signal.Signals
) -> None:
    """A terminal sends Ctrl-C so, and a service manager SIGTERM. No card is run again."""
    with waiting.begin(2) as running:
        assert running.stderr is not None
        os.killpg(running.pid, number)
        while "no handler is started any more" not in running.stderr.readline():
            pass
        waiting.go_on_or_end(running)
        assert running.wait() in {0, 130}, "it may be done before all processes have heard"
    again = streamfn(*waiting.arguments(1), "--json", cwd=waiting.folder)
    assert (again.code, again.document["handled"]) == (0, {"announce": 7})
    assert set(Counter(waiting.calls()).values()) == {1}


def test_a_worker_is_interrupted_by_who_began_it_alone() -> None:
    stop, until_stopped = Pipe(duplex=False)
    handle = interrupts(stop)  # pyright: ignore[reportArgumentType] (on Windows, pipes are of another class)
    handle(signal.SIGTERM, None)
    until_stopped.close()
    with pytest.raises(KeyboardInterrupt):
        handle(signal.SIGTERM, None)
    stop.close()


def ask_twice() -> None:
    """Ask this process twice to end."""
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_signal_is_for_who_handled_it_before() -> None:
    told: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda _, __: told.append("before"))
    try:
        with stopped_by_signals(lambda: told.append("stop"), unwinds=True):
            ask_twice()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == ["stop", "before"]


def test_a_second_sigterm_unwinds_what_can_keep_what_it_has_done() -> None:
    """And no longer than the block lasts."""
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), stopped_by_signals(lambda: told.append("stop"), unwinds=True):
        ask_twice()
    assert told == ["stop"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
