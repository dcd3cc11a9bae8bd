"""Findings, and the rules that compare settings with the needs of a delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple, TypeAlias, cast

from typing_extensions import override

from streamfn._delivery.descriptions import MappingNeeds
from streamfn._records import is_map, text_or_none

# Findings: a setting, its value, the wanted value, and the reason.


@dataclass(frozen=True, slots=True)
class Finding:
    """A setting that defeats a delivery.

    `mapping` is the UUID of the event source mapping, or None for the function as a whole. `setting` is AWS's name.
    `found` and `wanted` are text, for people to read; `why` names the records that would be lost or repeated.

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


# The rules that the settings of an event source mapping have to keep, one function each.
#
# Names and defaults are those of `CreateEventSourceMapping` in the AWS Lambda API Reference, which
# CloudFormation shares; their effects are described under "Using AWS Lambda with Amazon DynamoDB" in the AWS
# Lambda Developer Guide. A delivery states its own needs.

FOLDS: Final = MappingNeeds(partial_answers=False, folds=True)
"""The needs of a window's function, which answers for whole batches alone."""

MappingConfiguration: TypeAlias = Mapping[str, object]
"""The settings of a mapping, by AWS's names."""

STREAM_RETENTION: Final = timedelta(hours=24)
"""The retention of a stream (Amazon DynamoDB Developer Guide, "Change data capture for DynamoDB Streams")."""

REPORT: Final = "ReportBatchItemFailures"
"""The value of FunctionResponseTypes that has Lambda read the answer."""

TRIM_HORIZON: Final = "TRIM_HORIZON"
"""The starting position at the oldest record that the stream holds."""

_UNLIMITED: Final = -1
"""Lambda's number for attempts and ages without a limit, and the default of both."""


class Defect(NamedTuple):
    """A `Finding` before it is known of which mapping."""

    setting: str
    found: str
    wanted: str
    why: str


def judge(settings: MappingConfiguration, needs: MappingNeeds) -> list[Finding]:
    """List the defects in the settings of a mapping, in the order of the rules."""
    mapping = text_or_none(settings.get("UUID"))
    return [Finding(mapping, *defect) for rule in _RULES if (defect := rule(settings, needs)) is not None]


def _answers_are_read(settings: MappingConfiguration, needs: MappingNeeds) -> Defect | None:
    types = settings.get("FunctionResponseTypes")
    listed = (
        cast("list[object]", types) if isinstance(types, list) else []
    )  # the elements are not checked yet
    if not needs.partial_answers or REPORT in listed:
        return None
    lost = "what was not started" if needs.drops else "what failed or was not started"
    return Defect(
        "FunctionResponseTypes",
        ", ".join(map(str, listed)) or "unset",
        REPORT,
        f"without it Lambda takes every answer for a success, and {lost} is lost in silence",
    )


def _attempts_are_unlimited(settings: MappingConfiguration, needs: MappingNeeds) -> Defect | None:
    attempts = _number(settings, "MaximumRetryAttempts", unset=_UNLIMITED)
    progresses = needs.partial_answers or needs.remembers or needs.puts_aside
    if attempts == _UNLIMITED or not progresses:
        return None
    return Defect(
        "MaximumRetryAttempts",
        str(attempts),
        str(_UNLIMITED),
        "each invocation that leaves something open uses an attempt up, whatever progress it made, so that "
        "Lambda gives up records that nothing is wrong with",
    )


def _loss_is_noted(settings: MappingConfiguration, needs: MappingNeeds) -> Defect | None:
    part: object = settings
    for name in ("DestinationConfig", "OnFailure", "Destination"):
        part = part.get(name) if is_map(part) else None
    if needs.drops or part:
        return None
    return Defect(
        "DestinationConfig.OnFailure",
        "unset",
        "a queue, a topic or a bucket",
        "what Lambda gives up is lost in silence",
    )


def _age_ends_before_the_stream_forgets(settings: MappingConfiguration, needs: MappingNeeds) -> Defect | None:
    age = _number(settings, "MaximumRecordAgeInSeconds", unset=_UNLIMITED)
    # How long a Kinesis stream keeps its records is a setting of its own.
    forgets = not is_of_kinesis(settings) and timedelta(seconds=age) >= STREAM_RETENTION
    if needs.drops or (age != _UNLIMITED and not forgets):
        return None
    return Defect(
        "MaximumRecordAgeInSeconds",
        str(age),
        _ages(needs),
        "after 24 hours the stream forgets a record, before Lambda gives it up and sends a note of it to the "
        "destination",
    )


def _age_outlasts_patience(settings: MappingConfiguration, needs: MappingNeeds) -> Defect | None:
    age = _number(settings, "MaximumRecordAgeInSeconds", unset=_UNLIMITED)
    if not needs.puts_aside or age == _UNLIMITED or timedelta(seconds=age) > needs.patience:
        return None
    return Defect(
        "MaximumRecordAgeInSeconds",
        str(age),
        _ages(needs),
        "Lambda gives a record up before it can become a dead letter, and all behind it that grows as old",
    )


def _batches_are_of_windows_or_not(settings: MappingConfiguration, needs: MappingNeeds) -> Defect | None:
    seconds = _number(settings, "TumblingWindowInSeconds", unset=0)
    if needs.folds and seconds == 0:
        return Defect(
            "TumblingWindowInSeconds",
            "unset",
            "the length of the window",
            "the function folds windows, and refuses every event that belongs to none",
        )
    if needs.folds or seconds == 0:
        return None
    return Defect(
        "TumblingWindowInSeconds",
        str(seconds),
        "0",
        "the function's answer carries no state, without which Lambda takes each invocation of a window for "
        "failed, and sends its batch again until it gives it up",
    )


def _reading_begins_with_the_first(settings: MappingConfiguration, _: MappingNeeds) -> Defect | None:
    position = text_or_none(settings.get("StartingPosition")) or TRIM_HORIZON
    if position == TRIM_HORIZON:
        return None
    lost = (
        "what is written while Lambda sets the mapping up, which takes minutes, is never read"
        if position == "LATEST"
        else "what was written before that moment is never read"
    )
    return Defect("StartingPosition", position, TRIM_HORIZON, f"{lost}, nor is what the stream held by then")


def _reading_works(settings: MappingConfiguration, _: MappingNeeds) -> Defect | None:
    told = text_or_none(settings.get("LastProcessingResult")) or ""
    # A call that failed comes again; a problem of any other kind keeps Lambda from reading at all.
    if not told.startswith("PROBLEM") or "Function call failed" in told:
        return None
    return Defect(
        "LastProcessingResult",
        told,
        "OK",
        "what Lambda cannot read, it gives to nobody, and the stream forgets it after its retention",
    )


_RULES: Final[tuple[Callable[[MappingConfiguration, MappingNeeds], Defect | None], ...]] = (
    _answers_are_read,
    _attempts_are_unlimited,
    _loss_is_noted,
    _age_ends_before_the_stream_forgets,
    _age_outlasts_patience,
    _batches_are_of_windows_or_not,
    _reading_begins_with_the_first,
    _reading_works,
)


def is_of_kinesis(settings: MappingConfiguration) -> bool:
    """Return whether a mapping reads a Kinesis stream."""
    return service_of(settings) == "kinesis"


def service_of(settings: MappingConfiguration) -> str:
    """Name the service that a mapping reads, by the ARN of its source."""
    parts = (text_or_none(settings.get("EventSourceArn")) or "").split(":")
    return parts[2] if len(parts) > 2 else ""


def _number(settings: MappingConfiguration, name: str, *, unset: int) -> int:
    value = settings.get(name)
    return value if isinstance(value, int) else unset


def _ages(needs: MappingNeeds) -> str:
    least = f"more than {needs.patience.total_seconds():.0f} and " if needs.puts_aside else ""
    return f"{least}less than {STREAM_RETENTION.total_seconds():.0f}"
