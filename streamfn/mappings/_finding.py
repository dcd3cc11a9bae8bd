"""What a check finds: a setting, what it is, what it should be, and why."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Finding:
    """A setting that defeats a delivery.

    `mapping` is the UUID of the event source mapping, or None where it is about the function as a whole.
    `setting` goes by AWS's name. `found` and `wanted` are text, for people to read; `why` says what would be
    lost or repeated.

    >>> print(Finding("7f6c", "MaximumRetryAttempts", "3", "-1", "records would be lost"))
    mapping 7f6c: MaximumRetryAttempts is 3, wanted -1: records would be lost
    >>> print(Finding(None, "Timeout", "1", "more than 1", "nothing would start"))
    the function: Timeout is 1, wanted more than 1: nothing would start
    """

    mapping: str | None
    setting: str
    found: str
    wanted: str
    why: str

    @override
    def __str__(self) -> str:
        where = "the function" if self.mapping is None else f"mapping {self.mapping}"
        return f"{where}: {self.setting} is {self.found}, wanted {self.wanted}: {self.why}"
