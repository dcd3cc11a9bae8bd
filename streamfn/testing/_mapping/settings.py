"""The settings of an event source mapping, within the bounds that Lambda sets them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

from streamfn._misuse import Misuse

Destination: TypeAlias = Literal["SQS", "SNS", "S3"]
"""Where Lambda sends what it gives up: a queue and a topic get the range of the shard, a bucket the records as well."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set, by Lambda's names; None is Lambda's -1, without a limit."""

    batch_size: int
    maximum_batching_window: timedelta
    report_batch_item_failures: bool
    bisect_batch_on_function_error: bool
    maximum_retry_attempts: int | None
    maximum_record_age: timedelta | None
    parallelization_factor: int
    on_failure: Destination | None
    shards: int
    timeout: timedelta
    tumbling_window: timedelta

    def __post_init__(self) -> None:
        """Check the bounds: those of `CreateEventSourceMapping` in the AWS Lambda API Reference."""
        _check("batch_size", self.batch_size, 1, 10_000)
        _check("maximum_batching_window", self.maximum_batching_window, timedelta(), timedelta(minutes=5))
        _check("parallelization_factor", self.parallelization_factor, 1, 10)
        _check("shards", self.shards, 1, 10_000)
        _check("tumbling_window", self.tumbling_window, timedelta(), timedelta(minutes=15))
        if self.tumbling_window % timedelta(seconds=1):
            raise Misuse(f"tumbling_window={self.tumbling_window} should be of whole seconds")
        if self.tumbling_window and self.parallelization_factor > 1:
            raise Misuse("a window has one state for a shard: leave parallelization_factor at 1")
        _check("timeout", self.timeout, timedelta(seconds=1), timedelta(minutes=15))
        if self.maximum_retry_attempts is not None:
            _check("maximum_retry_attempts", self.maximum_retry_attempts, 0, 10_000)
        if self.maximum_record_age is not None:
            _check("maximum_record_age", self.maximum_record_age, timedelta(minutes=1), timedelta(days=7))
        if self.on_failure is not None and self.on_failure not in get_args(Destination):
            raise Misuse(f"on_failure={self.on_failure!r} should be one of {get_args(Destination)}")


def _check(name: str, value: int | timedelta, least: int | timedelta, most: int | timedelta) -> None:
    # Each is of the type of its bounds, which __post_init__ has made alike.
    if not least <= value <= most:  # type: ignore[operator] # pyright: ignore[reportOperatorIssue]
        raise Misuse(f"{name}={value} should be from {least} to {most}")
