"""Marks: what a process keeps of the batch that it has begun where its successor finds it, and no request is needed.

Shards share processes: a new one may begin with the batch of another shard than that which the one before died of. So
each batch is marked in the folder for temporary files. "Lambda does not clear the /tmp directory content prior to the
next init phase", says "Understanding the Lambda execution environment lifecycle" in the AWS Lambda Developer Guide of
a process that has died. Whoever takes its place tells the ledger, before anything else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from typing_extensions import override

from streamfn._ledger import Stretch

_PREFIX: Final = "streamfn-begun-"


Begun: TypeAlias = tuple[str, Stretch, Sequence[str]]
"""A batch that a process has begun: the process' name, the stretch, and the identities of its first and last record."""


class Marks:
    """Keeps the mark of the batch that a process has begun for the process after it.

    This one keeps none: outside of Lambda nobody knows where a successor would look.
    """

    def begin(self, batch: Begun, /) -> None:
        """Mark that a batch begins."""

    def end(self) -> None:
        """Take the mark away: the batch has ended."""

    def left(self, process: str, /) -> list[Begun]:  # noqa: ARG002 (for those that keep some)
        """Find the batches that other processes than this one have died of."""
        return []

    def forget(self, process: str, /) -> None:
        """Take away the marks of these."""


class FileMarks(Marks):
    """Keeps a small file for each process; a folder that cannot be written costs the marks and nothing else."""

    def __init__(self, folder: str) -> None:
        """Take a folder that outlives the process."""
        self._folder = folder

    @override
    def begin(self, batch: Begun, /) -> None:
        process, stretch, ends = batch
        text = json.dumps([process, [stretch.scope, stretch.stream, stretch.lowest, stretch.highest], ends])
        with suppress(OSError), open(self._path, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not loaded)
            file.write(text)

    @override
    def end(self) -> None:
        with suppress(OSError):
            os.remove(self._path)  # noqa: PTH107 (pathlib is not loaded)

    @override
    def left(self, process: str, /) -> list[Begun]:
        return [batch for _, batch in self._of_dead(process)]

    @override
    def forget(self, process: str, /) -> None:
        for path, _ in self._of_dead(process):
            with suppress(OSError):
                os.remove(path)  # noqa: PTH107 (pathlib is not loaded)

    @property
    def _path(self) -> str:
        return f"{self._folder}/{_PREFIX}{os.getpid()}"

    def _of_dead(self, process: str) -> Iterator[tuple[str, Begun]]:
        with suppress(OSError):
            for name in os.listdir(self._folder):  # noqa: PTH208 (pathlib is not loaded)
                path = f"{self._folder}/{name}"
                if name.startswith(_PREFIX) and not _is_alive(name.removeprefix(_PREFIX)):
                    batch = _read(path)
                    if batch is not None and batch[0] != process:
                        yield path, batch


def _is_alive(number: str) -> bool:
    """Whether another process has this number. One with this process' own had it before."""
    if not number.isdecimal() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _read(path: str) -> Begun | None:
    """Read a mark; one that was cut short says nothing."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is not loaded)
            process, (scope, stream, lowest, highest), ends = json.load(file)
    except (OSError, ValueError, TypeError):
        return None
    return process, Stretch(scope, stream, lowest, highest), ends
