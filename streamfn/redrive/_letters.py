"""Letters: the policy of a redrive, one run of the pipeline, outcomes, truncated letters, and the replay of letters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Generic, Literal, Never, TypeAlias

from returns.result import Failure
from typing_extensions import TypeVar, override

from streamfn._aws import error_name
from streamfn._delivery.attempts import Health, Limits
from streamfn._delivery.ledger import LedgerContext, LedgerPolicy
from streamfn._delivery.plain import Report, failures_among, report_failures
from streamfn._delivery.session import LedgerSession, key_of
from streamfn._errors import shown
from streamfn._execution.policy import SKIP, OrderingKey, Skip, Task
from streamfn._failures import Failed, HeldBack, LedgerUnavailable, OutOfTime, Reason, Unwanted
from streamfn._pipeline import Pipeline, handler_names
from streamfn._records import MalformedRecord, Record, is_one_change, sequence_number_or_none, sequence_order
from streamfn._time import MACHINE_CLOCK, Deadline
from streamfn.dead_letters._protocol import Received, stream_position
from streamfn.ledgers._protocol import Entry, Key, Ledger, SequenceRange, merge, record_id, record_key
from streamfn.redrive._contents import LetterMessage, Trust
from streamfn.redrive._documents import RecordsExpired, Shards, StreamUnreachable

# The policy of a redrive, which admits the due tasks in their order, and writes successes to the ledger.
#
# A redrive writes no new letters: a failure has a letter or a document already, which stays.

RecordPosition: TypeAlias = tuple[str, tuple[int, str]]
"""The position of a record: its stream, and its number there. A later stream of the same table sorts later."""


class BlockedKeys:
    """The items on which a handler has failed in a redrive, so that later records of these items wait."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, OrderingKey], RecordPosition] = {}

    def add(self, scope: str, task: Task) -> None:
        """Block the records of a task's item from this one on."""
        key, position = (scope, task.ordering_key), _position(task)
        self._first[key] = min(position, self._first.get(key, position))

    def blocks(self, scope: str, task: Task) -> bool:
        """Return whether a task has to wait."""
        first = self._first.get((scope, task.ordering_key))
        return first is not None and _position(task) >= first


class RedrivePolicy(LedgerPolicy):
    """Counts every task as settled except the due ones; all are due if `due` is None.

    The records of letters were given up one by one, so each runs alone: in a batched handler, a record would make the
    other records of its chunk fail.
    """

    def __init__(
        self,
        deadline: Deadline,
        context: LedgerContext,
        session: LedgerSession,
        holds: BlockedKeys,
        due: Collection[Key] | None,
    ) -> None:
        """Store the session with the ledger's entries, the blocked items, and the due keys."""
        super().__init__(deadline, context, session, None)
        self._holds = holds
        self._due = due

    @property
    def expected(self) -> list[Key]:
        """The keys of all planned tasks, before `where` decides."""
        return [key_of(task) for task in self._in_flight.expected]

    @override
    def is_settled(self, task: Task, /) -> bool:
        is_due = self._due is None or not task.name or key_of(task) in self._due
        return not is_due or super().is_settled(task)

    @override
    def admit(self, task: Task, /) -> Reason[Never] | Skip | None:
        if self.is_settled(task):
            return SKIP
        return (
            HeldBack()
            if self._holds.blocks(self._context.sequence_range.scope, task)
            else super().admit(task)
        )

    @override
    def _puts_off(self, task: Task, entry: Entry) -> bool:
        return False  # a redrive has as much time as it needs

    @override
    def isolated(self, task: Task, /) -> bool:
        return self._due is not None or super().isolated(task)

    @override
    def tries(self, task: Task, /) -> bool:
        return True  # a redrive gives up no record, so that the first failure would block all others for ever

    @override
    def finished(
        self, task: Task, reason: Reason[object] | None, /, *, alone: bool = True, isolated: bool = False
    ) -> None:
        super().finished(task, reason, alone=alone, isolated=isolated)
        if reason is not None and not isinstance(reason, Unwanted):
            self._holds.add(self._context.sequence_range.scope, task)


def _position(task: Task) -> RecordPosition:
    record = task.record
    arn = None if isinstance(record, MalformedRecord) else record.event_source_arn
    return arn or "", sequence_order(record.sequence_number or "")


# One run of the pipeline on records from letters or documents.

A = TypeVar("A")
E = TypeVar("E")

_log: Final = logging.getLogger("streamfn")

_NO_LIMITS: Final = Limits(0, timedelta(), timedelta())
"""The limits, which the policy uses only for letters: a redrive writes none."""

_NO_ATTEMPTS: Final = 0
"""A redrive counts no attempt of the function."""


@dataclass(frozen=True, slots=True)
class RunOutcome(Generic[E]):
    """The outcome of a run.

    `results` has a failure, or None for a success, for each key that ran, or that failed before it could run.
    `skipped` has the keys that were settled before.
    """

    results: Mapping[Key, Failed[E] | None]
    skipped: Sequence[Key]


@dataclass(slots=True)
class RedriveRunner(Generic[A, E]):
    """The settings and the state that all runs of a redrive share.

    `is_over` is set after the ledger could not be read: the records that stay then may have to run before any others.
    """

    process: Pipeline[A, E]
    ledger: Ledger
    deadline: Deadline
    trust: Trust
    report: Report[E]
    holds: BlockedKeys = field(default_factory=BlockedKeys)
    is_over: bool = False

    @property
    def handlers(self) -> list[str]:
        """The names of the pipeline's handlers, in the declared order."""
        return handler_names(self.process.routes)

    def known(self, sequence_range: SequenceRange) -> list[Entry] | None:
        """Return the ledger's entries of a range; None if the ledger cannot be read, which is logged once."""
        if self.is_over:
            return None
        try:
            return list(self.ledger.read(sequence_range, self.deadline.seconds_left))
        except Exception as error:  # noqa: BLE001 (a failure of any kind: the settled records are unknown)
            _log.error("the ledger could not be read, nothing more is redriven: %s", error_name(error))
            self.is_over = True
            return None

    def run(
        self,
        sequence_range: SequenceRange,
        records: Sequence[Record],
        entries: Iterable[Entry],
        due: Collection[Key] | None = None,
    ) -> RunOutcome[E]:
        """Run the due records for the handlers that have not settled them by the entries.

        Each success is written to the ledger at once; a failed write is logged.
        """
        session = LedgerSession(entries, _NO_ATTEMPTS)
        context = LedgerContext(
            sequence_range,
            self.ledger,
            MACHINE_CLOCK,
            _NO_LIMITS,
            writes_always=True,
            records=len(records),
            health=Health(),
        )
        policy = RedrivePolicy(self.deadline, context, session, self.holds, due)
        results = self.process.run(records, policy)
        failures = failures_among(results)
        dropped = policy.dropped(records, failures)
        policy.finish()
        report_failures(self.report, [*failures, *dropped], self.deadline.seconds_for_stores)
        found: dict[Key, Failed[E] | None] = {}
        for result in results:
            if isinstance(result, Failure):
                failed = result.failure()
                found.setdefault(record_key(failed.handler, failed.record), failed)
            else:
                handled = result.unwrap()
                found.setdefault(record_key(handled.handler, handled.record), None)
        found |= {record_key(failed.handler, failed.record): failed for failed in dropped}
        skipped = (
            pair for pair in dict.fromkeys(policy.expected) if pair not in found and session.settled(pair)
        )
        return RunOutcome(found, list(skipped))


# Outcomes of letters and documents in a redrive.

E_co = TypeVar("E_co", covariant=True)

RedriveOutcome: TypeAlias = Literal[
    "handled",
    "skipped",
    "failed",
    "held back",
    "out of time",
    "not wanted",
    "unknown handler",
    "another function",
    "another stream",
    "unproved",
    "unreadable",
    "forgotten",
    "unreachable",
    "ambiguous",
    "ledger unavailable",
]
"""The outcome of a record for a handler::

    handled              the handler succeeded now
    skipped              the ledger says that it had succeeded already, or nothing is left to do
    failed               it failed again
    held back            not started: an earlier record of its item has yet to succeed
    out of time          not started: time was up
    not wanted           its `where` refuses the record, or the handler is no longer for records of this kind
    unknown handler      the pipeline has no handler of this name
    another function     the letter is another function's
    another stream       the letter is of a stream that the function does not follow
    unproved             neither the ledger nor a signature proves the letter
    ledger unavailable   the ledger could not be read

    ambiguous            another letter has the same id, and another record

Some outcomes are those of a document as a whole, or of a truncated letter::

    unreadable           neither a letter of a known version nor a document that Lambda wrote of a DynamoDB stream, or a
                         letter without a record and without the place of one
    another stream       the function does not follow the stream that the document is about
    forgotten            the stream no longer has the records that the document or the letter is about
    unreachable          the stream could not be read
    ambiguous            the records of the range that were in the batch cannot be determined
"""


@dataclass(frozen=True, slots=True)
class Redriven(Generic[E_co]):
    """The outcome of a record and a handler in a redrive; its `repr` shows identifiers alone.

    `name` is the identifier of the letter or document in its source: a message's id, an object's key. `pair` is the
    key, with an empty handler for a record that reached none; None if the record is unknown. `failed` is the failure,
    if there was one, and `detail` describes other outcomes. `removed` says whether the message was removed from the
    source. A document is removed when none of its records is open any more, so that a `handled` record may be in a
    document that stays.
    """

    name: str
    pair: Key | None
    outcome: RedriveOutcome
    failed: Failed[E_co] | None = None
    detail: str = ""
    removed: bool = False


def outcome_of(reason: Reason[object]) -> RedriveOutcome:
    """Return the outcome for a failure's reason."""
    match reason:
        case HeldBack():
            return "held back"
        case OutOfTime():
            return "out of time"
        case Unwanted():
            return "not wanted"
        case LedgerUnavailable():
            return "ledger unavailable"
        case _:
            return "failed"


def conclude(
    received: Received, redriven: Sequence[Redriven[E]], done: Collection[RedriveOutcome]
) -> list[Redriven[E]]:
    """Remove a received message if all its outcomes are in `done`, and return the outcomes with `removed` set.

    A failed removal is logged: the next redrive finds the records settled.
    """
    if any(each.outcome not in done for each in redriven):
        return list(redriven)
    try:
        received.remove()
    except Exception as error:  # noqa: BLE001 (a failure of any kind: the other letters still run)
        _log.error("%s is done with, and was not removed: %s", shown(received.name), error_name(error))
        return list(redriven)
    return [replace(each, removed=True) for each in redriven]


# Truncated letters: their records are read from the stream, as long as the stream keeps them.

_PLACELESS: Final = "the letter was truncated, and names no place in a stream of DynamoDB"


@dataclass(frozen=True, slots=True)
class Lost:
    """A letter that cannot run, its outcome, and the reason."""

    found: LetterMessage
    outcome: RedriveOutcome
    detail: str


@dataclass(frozen=True, slots=True)
class Rereading:
    """Reads the records of truncated letters from `shards`, in one redrive.

    If the stream cannot be read, later letters of the same handler wait: the item of the record is unknown, and a later
    change of the item must not run first.
    """

    shards: Shards
    _unreached: dict[tuple[str, str], dict[str, tuple[int, str]]] = field(default_factory=dict)

    def read(
        self, letters: Iterable[LetterMessage], has_to_run: Callable[[LetterMessage], bool]
    ) -> tuple[list[LetterMessage], list[Lost]]:
        """Return the letters in order, with whole records where they have to run, and the letters that cannot run."""
        whole: list[LetterMessage] = []
        lost: list[Lost] = []
        for found in letters:
            read = self._whole(found) if has_to_run(found) else found
            if isinstance(read, Lost):
                lost.append(read)
            else:
                whole.append(read)
        return whole, lost

    def _whole(self, found: LetterMessage) -> LetterMessage | Lost:
        if self._has_to_wait(found):
            return Lost(
                found, "held back", "the stream could not be read for an earlier letter of the handler"
            )
        if not found.letter.is_truncated:
            return found
        handler, (arn, number) = found.letter.pair.handler, stream_position(found.letter.record)
        stream = found.letter.stream or arn or ""
        if number is None or sequence_number_or_none(number) is None or ":dynamodb:" not in stream:
            return Lost(found, "unreadable", _PLACELESS)
        try:
            record = self.shards.find(stream, number)
        except RecordsExpired as problem:
            return Lost(found, "forgotten", str(problem))
        except StreamUnreachable as problem:
            self._unreached.setdefault(_follower(found), {}).setdefault(handler, sequence_order(number))
            return Lost(found, "unreachable", str(problem))
        if record_id(record) != found.letter.pair.record:
            return Lost(found, "ambiguous", "the stream has another record at the letter's place")
        return replace(found, record=record)

    def _has_to_wait(self, found: LetterMessage) -> bool:
        handler, place = found.letter.pair.handler, sequence_order(found.record.sequence_number or "")
        return any(
            place > unreached and (not handler or not other or handler == other)  # without a handler: for all
            for other, unreached in self._unreached.get(_follower(found), {}).items()
        )


def _follower(found: LetterMessage) -> tuple[str, str]:
    return found.letter.scope, found.letter.stream


# The replay of letters: each runs for its handler, or for all handlers if its record had reached none.

_DONE: Final[frozenset[RedriveOutcome]] = frozenset({"handled", "skipped"})
_NAMESAKE: Final = "another letter has its id, and another record"


def run_letters(
    found: Sequence[LetterMessage], replay: RedriveRunner[A, E], rereading: Rereading
) -> list[Redriven[E]]:
    """Run letters of one scope and one stream, in their order, and remove the finished ones.

    Only a `handled` entry prevents a run; a `dead` entry is the reason for the letter. A letter without proof does not
    run. The record of a truncated letter that has to run is read from the stream.
    """
    names = replay.handlers
    known = [each for each in found if each.letter.pair.handler in {"", *names}]
    redriven: list[Redriven[E]] = [
        Redriven(each.received.name, each.letter.pair, "unknown handler")
        for each in found
        if each.letter.pair.handler not in {"", *names}
    ]
    known, unsigned = _divided(known, replay.trust.unsigned)
    redriven += _refused(unsigned, "unproved")
    if not known:
        return redriven
    sequence_range = _range_of(known)
    entries = replay.known(sequence_range)
    if entries is None:
        return redriven + _unavailable(known, replay)
    known, refused = _trusted(known, names, entries, replay.trust)
    redriven += refused
    known, namesakes = _parted(known)
    redriven += _refused([(each, _NAMESAKE) for each in namesakes], "ambiguous")
    asked = frozenset(pair for each in known for pair in _asked(each, names))
    settled = [entry for entry in entries if entry.state == "handled" and entry.pair in asked]
    handled = frozenset(entry.pair for entry in settled)

    def has_to_run(each: LetterMessage) -> bool:
        return not handled.issuperset(_asked(each, names))

    known, lost = rereading.read(known, has_to_run)
    redriven += [
        Redriven(each.found.received.name, each.found.letter.pair, each.outcome, detail=each.detail)
        for each in lost
    ]
    due = frozenset(pair for each in known for pair in _asked(each, names))
    records = {each.letter.pair.record: each.record for each in known if has_to_run(each)}
    replayed = replay.run(sequence_range, list(records.values()), settled, due)
    for each in known:
        redriven += conclude(each.received, _outcomes(each, names, replayed, handled), _DONE)
    return redriven


def _divided(
    found: Iterable[LetterMessage], problem_of: Callable[[LetterMessage], str | None]
) -> tuple[list[LetterMessage], list[tuple[LetterMessage, str]]]:
    """Return the letters without a problem, and the others with their problems."""
    sound: list[LetterMessage] = []
    unsound: list[tuple[LetterMessage, str]] = []
    for each in found:
        if (problem := problem_of(each)) is None:
            sound.append(each)
        else:
            unsound.append((each, problem))
    return sound, unsound


def _refused(found: Iterable[tuple[LetterMessage, str]], outcome: RedriveOutcome) -> list[Redriven[Never]]:
    return [
        Redriven(each.received.name, each.letter.pair, outcome, detail=problem) for each, problem in found
    ]


def _trusted(
    found: Sequence[LetterMessage], names: Sequence[str], entries: Iterable[Entry], trust: Trust
) -> tuple[list[LetterMessage], list[Redriven[Never]]]:
    """Return the trusted letters, and the outcomes of the others. A handled letter needs no proof: it does not run."""
    known = merge(entries)

    def is_handled(each: LetterMessage) -> bool:
        return all((entry := known.get(pair)) and entry.state == "handled" for pair in _asked(each, names))

    proved, unproved = _divided(
        found, lambda each: None if is_handled(each) else trust.unproved_by(each, known)
    )
    followed, unfollowed = _divided(
        proved, lambda each: None if is_handled(each) else trust.unfollowed(each, known)
    )
    return followed, [*_refused(unproved, "unproved"), *_refused(unfollowed, "another stream")]


def _parted(found: Sequence[LetterMessage]) -> tuple[list[LetterMessage], list[LetterMessage]]:
    """Return the letters, without and with an id that an earlier letter has for another record."""
    first: dict[str, Record] = {}
    own: list[LetterMessage] = []
    namesakes: list[LetterMessage] = []
    for each in found:
        # A truncated record differs from the whole one. The whole record is compared later, when the stream is read.
        is_own = each.letter.is_truncated or is_one_change(
            first.setdefault(each.letter.pair.record, each.record), each.record
        )
        (own if is_own else namesakes).append(each)
    return own, namesakes


def _asked(found: LetterMessage, names: Sequence[str]) -> list[Key]:
    """Return the keys that a letter asks for."""
    handler, record = found.letter.pair
    return [Key(name, record) for name in ([handler] if handler else names)]


def _range_of(found: Sequence[LetterMessage]) -> SequenceRange:
    sequence_ranges = [each.sequence_range for each in found]
    numbers = [sequence_range.lowest for sequence_range in sequence_ranges]
    return SequenceRange(
        sequence_ranges[0].scope,
        sequence_ranges[0].stream,
        min(numbers, key=sequence_order),
        max(numbers, key=sequence_order),
        tuple(dict.fromkeys(each.letter.pair.record for each in found)),
    )


def _unavailable(found: Sequence[LetterMessage], replay: RedriveRunner[A, E]) -> list[Redriven[E]]:
    failures: list[tuple[LetterMessage, Failed[E]]] = [
        (each, Failed(each.record, each.letter.pair.handler or None, LedgerUnavailable())) for each in found
    ]
    report_failures(replay.report, [failed for _, failed in failures])
    return [
        Redriven(each.received.name, each.letter.pair, outcome_of(failed.reason), failed)
        for each, failed in failures
    ]


def _outcomes(
    found: LetterMessage, names: Sequence[str], replayed: RunOutcome[E], handled: Collection[Key]
) -> list[Redriven[E]]:
    """Return the outcomes of a letter after its run.

    A letter with a handler has one outcome. A letter without a handler has one for each handler that now wants its
    record.
    """
    name, pair = found.received.name, found.letter.pair
    redriven: list[Redriven[E]] = []
    for asked in _asked(found, names):
        if asked in replayed.results:
            failed = replayed.results[asked]
            outcome = "handled" if failed is None else outcome_of(failed.reason)
            redriven.append(Redriven(name, asked, outcome, failed))
        elif asked in handled:
            redriven.append(Redriven(name, asked, "skipped"))
    if redriven:
        return redriven
    if (stray := replayed.results.get(Key("", pair.record))) is not None:
        return [Redriven(name, pair, outcome_of(stray.reason), stray)]
    return [Redriven(name, pair, "not wanted" if pair.handler else "skipped")]
