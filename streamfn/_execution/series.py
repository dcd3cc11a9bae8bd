"""The strategy `series`: record by record, and within a record handler by handler, in the order declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from streamfn._execution.chunks import Chunk
from streamfn._execution.gate import Gate
from streamfn._execution.tasks import Call, Passage, Results, Task, Tasks, due_again, prepare, settle
from streamfn._execution.verdicts import call, verdict


class Series:
    """One handler at a time; its one instance is `series`.

    Batched handlers follow chunk by chunk, each time after the single handlers of the records in the chunk. It
    is called when it is full, when its next event is of an item that it holds already, when time runs short, and
    at the end of the batch.
    """

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return "Series()"

    def run(self, passages: Sequence[Passage], gate: Gate, results: Results) -> None:
        """Run tasks in their order, and settle each that is wanted."""
        chunks: dict[int, Chunk] = {}  # by handler, in the order of their first events
        for task in Tasks(passages):
            if chunks and gate.hurries(len(chunks)):
                _release_all(chunks, gate, results)
            if task.stop.batched:
                _gather(task, chunks, gate, results)
            else:
                _run(task, gate, results)
            if gate.is_due:
                _run_again(gate, results)
        _release_all(chunks, gate, results)
        _run_again(gate, results)
        while not gate.rests():
            _run_again(gate, results)


def _run_again(gate: Gate, results: Results) -> None:
    """Run what is to be tried again, and what that leads to."""
    while gate.is_due:
        chunks: dict[int, Chunk] = {}
        for task in due_again(gate, results):
            if task.stop.batched:
                _gather(task, chunks, gate, results)
            else:
                _run(task, gate, results)
        _release_all(chunks, gate, results)


def _run(task: Task, gate: Gate, results: Results) -> None:
    """Call a handler of single events, if it is due."""
    if (event := prepare(task, gate, results)) is None:
        return
    found = verdict(call(task.stop.function, event))
    gate.returned()  # not before: what is meant for the process leaves the handler running
    settle(task, found, gate, results)


def _gather(task: Task, chunks: dict[int, Chunk], gate: Gate, results: Results) -> None:
    """Put a task into its handler's chunk, which is called before if it has no room, and after if it is full then."""
    order = task.stop.order
    if order in chunks and not chunks[order].takes(task):
        _release(chunks.pop(order), gate, results)
    if (event := prepare(task, gate, results)) is not None:
        chunk = chunks.setdefault(order, Chunk(task.stop, gate))
        chunk.add(task, event)
        if chunk.full:
            _release(chunks.pop(order), gate, results)


def _release_all(chunks: dict[int, Chunk], gate: Gate, results: Results) -> None:
    while chunks:
        _release(chunks.pop(next(iter(chunks))), gate, results)


def _release(chunk: Chunk, gate: Gate, results: Results) -> None:
    if (due := chunk.release(results)) is not None:
        _call(due, gate, results)


def _call(due: Call, gate: Gate, results: Results) -> None:
    """Call a handler with a chunk, and with the halves of it where they are asked for."""
    due.begin(gate)
    for half in due.settle(due.run(), gate, results):
        if (again := half.release(gate, results)) is not None:
            _call(again, gate, results)


series: Final = Series()
"""Record by record, and within a record handler by handler, in the order declared. The default."""
