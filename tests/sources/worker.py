"""A small worker, run as a process of its own: it writes a line for each record that it has settled.

``python worker.py TABLE CHECKPOINT LOG``
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from returns.result import Result, Success

from streamfn import InsertEvent, lambda_handler, on_insert, pipeline, retry
from streamfn.sources import FileCheckpoints, StreamReader
from tests.sources.notes import Note, table_of_notes


def main(table: str, checkpoint: str, log: str) -> None:
    """Work until somebody ends the process."""
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def settle(event: InsertEvent[Note]) -> Result[None, object]:
        os.write(out, f"{event.new_image.item} {event.new_image.number}\n".encode())
        return Success(None)

    notes = table_of_notes(table)
    reader = StreamReader(
        table=notes, checkpoints=FileCheckpoints(checkpoint), batch_size=7, poll=timedelta(milliseconds=5)
    )
    reader.run(lambda_handler(pipeline(notes, on_insert(settle)), retry()))


if __name__ == "__main__":
    main(*sys.argv[1:])
