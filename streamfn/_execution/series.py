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

    Batched handlers follow chunk by chunk: a chunk is called when it is full, when its next event is of an
    item that it holds already, or at the end of the batch, each time after the single handlers of the records
    in it.
    """

    def run(self, tasks: Iterable[Task], gate: Gate) -> Iterator[Settled]:
        """Run tasks in their order, and settle each that is wanted."""
        chunks: dict[int, Chunk] = {}
        for task in tasks:
            if not task.handler.batched:
                if isinstance(prepared := prepare(task, gate), Settled):
                    yield prepared
                elif prepared is not None:
                    call = Call(task.handler, (prepared,))
                    yield from call.settle(call.run(), gate)
                continue
            chunk = chunks.setdefault(task.order, Chunk(task.handler))
            if not chunk.takes(task.images.record):
                yield from _flush(chunk, gate)
            if isinstance(prepared := prepare(task, gate), Settled):
                yield prepared
            elif prepared is not None:
                chunk.add(prepared)
                if chunk.full:
                    yield from _flush(chunk, gate)
        for chunk in chunks.values():
            yield from _flush(chunk, gate)


def _flush(chunk: Chunk, gate: Gate) -> Iterator[Settled]:
    barred, call = chunk.release(gate)
    yield from barred
    if call is not None:
        yield from call.settle(call.run(), gate)


series: Final = Series()
"""Record by record, and within a record handler by handler, in the order declared. The default."""
