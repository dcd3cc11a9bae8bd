"""The inputs of the second model: the mapping's settings, the records of a stream, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """The event source mapping's settings, by the meaning that the documents give them; -1 is without limit."""

    batch_size: int = 100
    parallelization_factor: int = 1
    maximum_retry_attempts: int = -1
    maximum_record_age: float = -1
    bisect: bool = False
    report_batch_item_failures: bool = True
    timeout: float = 60.0
    longest_wait: float = 64.0
    """The seconds that Lambda waits at most before a batch comes again: a choice that the documents leave open."""
    function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:second"


@dataclass(frozen=True, slots=True)
class Change:
    """A record of a shard: its sequence number, its item's key, when it was written, and its JSON."""

    number: int
    item: str
    written: float
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of an invocation, each at the so-manieth time that the invocation spends time; -1 is never.

    The process is killed at `dies_at`. At `freezes_at` it stands still for `frozen_for` seconds, with the clock of its
    machine if `clock_stands`. Lambda gives the invocation up at once if `connection_fails`, and otherwise at the
    timeout. The clock moves by `jump` seconds at `jumps_at`. The answer gets lost on its way if `answer_is_lost`.
    """

    dies_at: int = -1
    freezes_at: int = -1
    frozen_for: float = 0.0
    clock_stands: bool = False
    connection_fails: bool = False
    jumps_at: int = -1
    jump: float = 0.0
    answer_is_lost: bool = False
