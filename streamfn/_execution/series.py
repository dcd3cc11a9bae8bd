"""The strategy `series`: record by record, and within a record handler by handler, in the order declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from streamfn._execution.chunks import Chunk
from streamfn._execution.gate import Gate
from streamfn._execution.tasks import Call, Settled, Task, prepare


@dataclass(frozen=True, slots=True)
class Series:
    """One handler at a time; its one instance is `series`.

    Batched handlers follow chunk by chunk, each time after the single handlers of the records in the chunk. It
    is called when it is full, when its next event is of an item that it holds already, when time runs short, and
    at the end of the batch.
    """

    def run(self, tasks: Iterable[Task], gate: Gate) -> Iterator[Settled]:
        """Run tasks in their order, and settle each that is wanted."""
        chunks: dict[int, Chunk] = {}  # by handler, in the order of their first events
        for task in tasks:
            if chunks and gate.hurries(len(chunks)):
                yield from _release_all(chunks, gate)
            if task.handler.batched:
                yield from _gather(task, chunks, gate)
            elif isinstance(prepared := prepare(task, gate), Settled):
                yield prepared
            elif prepared is not None:
                yield from _called(Call(task.handler, (prepared,)), gate)
        yield from _release_all(chunks, gate)


def _gather(task: Task, chunks: dict[int, Chunk], gate: Gate) -> Iterator[Settled]:
    """Put a task into its handler's chunk, which is called before if it has no room, and after if it is full then."""
    if task.order in chunks and not chunks[task.order].takes(task):
        yield from _release(chunks.pop(task.order), gate)
    if isinstance(prepared := prepare(task, gate), Settled):
        yield prepared
    elif prepared is not None:
        chunk = chunks.setdefault(task.order, Chunk(task.handler, gate))
        chunk.add(prepared)
        if chunk.full:
            yield from _release(chunks.pop(task.order), gate)


def _release_all(chunks: dict[int, Chunk], gate: Gate) -> Iterator[Settled]:
    while chunks:
        yield from _release(chunks.pop(next(iter(chunks))), gate)


def _release(chunk: Chunk, gate: Gate) -> Iterator[Settled]:
    barred, call = chunk.release()
    yield from barred
    if call is not None:
        yield from _called(call, gate)


def _called(call: Call, gate: Gate) -> list[Settled]:
    call.begin(gate)
    return call.settle(call.run(), gate)


series: Final = Series()
"""Record by record, and within a record handler by handler, in the order declared. The default."""
