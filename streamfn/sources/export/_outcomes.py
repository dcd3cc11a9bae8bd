"""Outcomes: what came of a replay, in rows that say no more than what identifies."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of records of a data file: how many a handler handled, or one that it did not.

    `outcome` is ``"handled"``, or the name of the reason of a failure, such as ``Refused``; `detail` says more of
    that, without data. Of a failure, `line` counts from 1 in the file, and `event_id` is that of its record. `handler`
    is None for a record that reached none. ``"DamagedExport"`` is a file that could not be read, with `detail` saying
    why, and with neither handler nor line. `location` is the place in code where a failure came about, such as
    ``app.py:12 in announce``, as far as that is known.
    """

    data_file: str
    handler: str | None
    outcome: str
    detail: str | None = None
    line: int | None = None
    event_id: str | None = None
    count: int = 1
    location: str | None = field(default=None, compare=False)
