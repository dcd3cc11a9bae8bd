"""Dead letters: what cannot succeed, put aside with all that a later attempt needs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol
from urllib.parse import quote

from typing_extensions import override

from streamfn._ledger import Pair
from streamfn._time import SecondsLeft
from streamfn._wire import as_text, is_map, json_type

VERSION: Final = 1
"""The form of a letter's JSON. A reader refuses a version that it does not know, and leaves the letter where it is."""

TRUNCATED: Final = 2
"""The version of a truncated letter: a reader that does not know such would run a handler on half a record."""


class NotADeadLetter(ValueError):
    """A text that is no dead letter of a known version; the message says why, without the text."""


@dataclass(frozen=True, slots=True, repr=False)
class DeadLetter:
    """A record that a handler gave up.

    `record` is the raw record as JSON, with binaries as base64 text as in Lambda's events. `reason` and
    `detail` are those of the failure that gave it up, without data. `since` is when it first failed, if it
    was tried before; `at` is when the letter was written, in UTC. `stream` is the stream's ARN, or empty. `location`
    is the place in code where that failure came about, such as ``app.py:12 in announce``, and `exception` describes
    what was raised by types and frames, without a text; both are None where nobody knows, as in older letters.

    A letter `is_truncated` whose record no store takes: `record` has no images then, but its place in the stream and,
    if they fit, its keys. The stream remembers the whole record for 24 hours ("Change data capture for DynamoDB
    Streams" in the Amazon DynamoDB Developer Guide), and `redrive` reads it there.
    """

    scope: str
    pair: Pair
    stream: str
    record: object
    reason: str
    detail: str | None
    attempts: int
    since: datetime | None
    at: datetime
    location: str | None = None
    exception: Mapping[str, object] | None = None
    is_truncated: bool = False

    @property
    def id(self) -> str:
        """What the letter goes by: scope, handler and record, the same each time the pair is given up.

        It is plain ASCII, and no two pairs have the same: whatever a name holds besides letters, digits and
        ``_.-~`` is percent-encoded.
        """
        names = (self.scope, self.pair.handler, self.pair.record)
        return "/".join(quote(name, safe="", errors="surrogatepass") for name in names)

    @property
    def digest(self) -> str:
        """The SHA-256 of the record's JSON, in hexadecimal, the same however its members are ordered.

        Empty for a record that no such JSON can be made of.
        """
        from hashlib import sha256  # few batches have letters, and each cold start would pay for it

        try:
            text = json.dumps(self.record, sort_keys=True, default=_plain)
        except (TypeError, ValueError, RecursionError):
            return ""
        return sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Write the letter as a line of JSON, with its version, in ASCII alone, so that any store takes it.

        A record that never was JSON, or is nested too deep to be written, is truncated.
        """
        try:
            return self._json()
        except (TypeError, ValueError, RecursionError):
            return self.truncated()._json()  # noqa: SLF001 (its own)

    def truncated(self, level: int = 1) -> DeadLetter:
        """Make the letter without the images of its record; at level 2 also without keys and places in code."""
        from streamfn._truncation import LAST, truncated  # few letters are

        record, is_last = truncated(self.record, level), level >= LAST
        return replace(
            self,
            record=record,
            location=None if is_last else self.location,
            exception=None if is_last else self.exception,
            is_truncated=True,
        )

    def _json(self) -> str:
        return json.dumps(
            {
                "version": TRUNCATED if self.is_truncated else VERSION,
                "id": self.id,
                "scope": self.scope,
                "handler": self.pair.handler,
                "identity": self.pair.record,
                "stream": self.stream,
                "reason": self.reason,
                "detail": self.detail,
                "attempts": self.attempts,
                "since": None if self.since is None else self.since.isoformat(),
                "at": self.at.isoformat(),
                **self.places,
                **({"truncated": True} if self.is_truncated else {}),
                "record": self.record,
            },
            default=_plain,
        )

    @property
    def places(self) -> dict[str, object]:
        """What the letter knows of places in code: ``location`` and ``exception``, each if it has it."""
        known: dict[str, object] = {"location": self.location, "exception": self.exception}
        return {name: place for name, place in known.items() if place is not None}

    @override
    def __repr__(self) -> str:
        return f"DeadLetter({self.id!r}, reason={self.reason!r}, attempts={self.attempts})"


class DeadLetters(Protocol):
    """A place for dead letters."""

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
        """Store letters, and give the ids of those that are stored; the others stay failures.

        Whatever it raises, none counts as stored. A letter of an id that is there already may replace it or
        stand beside it.
        """
        ...


def read_letter(text: str) -> DeadLetter:
    """Read a letter from its JSON. Fails with `NotADeadLetter`."""
    from streamfn._texts import read_json  # a function writes letters, and reads none

    try:
        told = read_json(text)
    except (ValueError, RecursionError):
        raise NotADeadLetter("expected JSON") from None
    if not is_map(told):
        raise NotADeadLetter(f"expected an object, got {json_type(told)}")
    if (version := _count(told.get("version"))) not in {VERSION, TRUNCATED}:
        got = "something else" if version is None else version
        raise NotADeadLetter(f"expected a dead letter of version {VERSION} or {TRUNCATED}, got {got}")
    names = ("scope", "handler", "identity", "stream", "reason")
    texts = {name: found for name in names if (found := as_text(told.get(name))) is not None}
    exception = told.get("exception")
    attempts, at = _count(told.get("attempts")), _moment(told.get("at"))
    if len(texts) < len(names) or attempts is None or at is None or "record" not in told:
        raise NotADeadLetter("a part of the letter is missing, or is not what it should be")
    return DeadLetter(
        scope=texts["scope"],
        pair=Pair(texts["handler"], texts["identity"]),
        stream=texts["stream"],
        record=told["record"],
        reason=texts["reason"],
        detail=as_text(told.get("detail")),
        attempts=attempts,
        since=_moment(told.get("since")),
        at=at,
        location=as_text(told.get("location")),
        exception=exception if is_map(exception) else None,
        is_truncated=version == TRUNCATED,
    )


def _plain(value: object) -> object:
    """Write what boto3 makes of a record as Lambda would have sent it."""
    from streamfn._get_records import as_json_value  # records of Lambda have nothing of the kind

    try:
        return as_json_value(value)
    except LookupError:
        return repr(type(value))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
