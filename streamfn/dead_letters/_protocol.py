"""Dead letters: truncated records, the format of a letter, sources of letters, and letters in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote

from typing_extensions import override

from streamfn._records import get_member, is_map, iso_moment, json_type, text_or_none
from streamfn._time import MACHINE_CLOCK, SecondsLeft
from streamfn.ledgers._protocol import Key

# Truncated records: the part of a record that a dead letter keeps if no store accepts the whole.
#
# The images make a record large: an item has up to 400 KB ("Quotas in Amazon DynamoDB", Developer Guide), a record two
# images of it, and binaries and text beyond ASCII grow in JSON. The other fields name the record's place.

LAST: Final = 2
"""The level at which a letter keeps the least."""

_LONGEST: Final = 1_000
"""The greatest length of a text that is kept, in characters."""

_LARGEST: Final = 16_384
"""The greatest length of the keys as JSON: DynamoDB accepts keys of up to 3 KB, and JSON may escape each byte."""

_AROUND: Final = (
    "eventID",
    "eventSourceARN",
    "eventName",
    "eventVersion",
    "eventSource",
    "awsRegion",
    "tableName",
)
_WITHIN: Final = ("SequenceNumber", "ApproximateCreationDateTime", "SizeBytes", "StreamViewType")
_PLACE_AROUND: Final = _AROUND[:2]
_PLACE_WITHIN: Final = _WITHIN[:1]


def truncated(raw: object, level: int) -> dict[str, object]:
    """Return a raw record without its images (level 1), or its identifiers and place alone (level 2).

    The result can be written as JSON, even if the record never was JSON.

    >>> change = {"Keys": {"id": {"N": "1"}}, "NewImage": {"id": {"N": "1"}}, "SequenceNumber": "7"}
    >>> truncated({"eventID": "a", "eventName": "INSERT", "dynamodb": change}, 1)
    {'eventID': 'a', 'eventName': 'INSERT', 'dynamodb': {'SequenceNumber': '7', 'Keys': {'id': {'N': '1'}}}}
    >>> truncated({"eventID": "a", "eventName": "INSERT", "dynamodb": change}, 2)
    {'eventID': 'a', 'dynamodb': {'SequenceNumber': '7'}}
    """
    is_last = level >= LAST
    change = get_member(raw, "dynamodb")
    kept: dict[str, object] = _short(raw, _PLACE_AROUND if is_last else _AROUND)
    within: dict[str, object] = _short(change, _PLACE_WITHIN if is_last else _WITHIN)
    if not is_last and is_map(keys := _keys(change)):
        within["Keys"] = keys
    return {**kept, "dynamodb": within} if within else kept


def stream_position(raw: object) -> tuple[str | None, str | None]:
    """Return the ARN of a raw record's stream and its sequence number, each None if the record has none."""
    return text_or_none(get_member(raw, "eventSourceARN")), text_or_none(
        get_member(get_member(raw, "dynamodb"), "SequenceNumber")
    )


def _short(whole: object, names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name in names if _is_short(value := get_member(whole, name))}


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    return isinstance(value, int | float) and abs(value) < 1e18


def _keys(change: object) -> object:
    """Return the keys as JSON has them; None for values that cannot be keys."""
    from streamfn._records import as_json_value

    try:
        text = json.dumps(get_member(change, "Keys"), default=as_json_value)
        return json.loads(text) if len(text) <= _LARGEST else None
    except (LookupError, TypeError, ValueError, RecursionError):
        return None


# Dead letters: records that cannot succeed, stored with all data for a later attempt.

LETTER_VERSION: Final = 1
"""The version of a letter's JSON. A reader refuses an unknown version, and leaves the letter in its store."""

TRUNCATED_LETTER_VERSION: Final = 2
"""The version of a truncated letter: a reader without this version would run a handler on half a record."""


class NotADeadLetter(ValueError):
    """A text that is no dead letter of a known version; the message says why, without the text."""


@dataclass(frozen=True, slots=True, repr=False)
class DeadLetter:
    """A record that a handler gave up.

    `record` is the raw record as JSON, with binaries as base64 text as in Lambda's events. `reason` and `detail` are
    those of the last failure, without data. `since` is the time of the first failure, if there were earlier attempts;
    `at` is the time the letter was written, in UTC. `stream` is the stream's ARN, or empty. `location` is the place in
    code where the failure arose, such as ``app.py:12 in announce``, and `exception` describes the exception by types
    and frames, without a text; both are None if unknown, as in older letters.

    A letter `is_truncated` if no store accepts its record: `record` has no images then, but its place in the stream
    and, if they fit, its keys. The stream keeps the whole record for 24 hours ("Change data capture for DynamoDB
    Streams" in the Amazon DynamoDB Developer Guide), and `redrive` reads it there.
    """

    scope: str
    pair: Key
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
        """The letter's identifier: scope, handler and record, the same each time the handler gives the record up.

        The identifier is plain ASCII and unique: characters of names besides letters, digits and ``_.-~`` are
        percent-encoded.
        """
        names = (self.scope, self.pair.handler, self.pair.record)
        return "/".join(quote(name, safe="", errors="surrogatepass") for name in names)

    @property
    def digest(self) -> str:
        """The SHA-256 of the record's JSON, in hexadecimal, for any order of its members.

        Empty for a record that cannot be written as JSON.
        """
        from hashlib import sha256  # few batches have letters, and each cold start would pay for it

        try:
            text = json.dumps(self.record, sort_keys=True, default=_plain)
        except (TypeError, ValueError, RecursionError):
            return ""
        return sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Write the letter as a line of JSON, with its version, in ASCII alone, so that any store accepts it.

        A record that never was JSON, or is nested too deep to be written, is truncated.
        """
        try:
            return self._json()
        except (TypeError, ValueError, RecursionError):
            return self.truncated()._json()  # noqa: SLF001 (its own)

    def truncated(self, level: int = 1) -> DeadLetter:
        """Return the letter without the images of its record; at level 2 also without keys and places in code."""
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
                "version": TRUNCATED_LETTER_VERSION if self.is_truncated else LETTER_VERSION,
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
        """The letter's places in code: ``location`` and ``exception``, each if known."""
        known: dict[str, object] = {"location": self.location, "exception": self.exception}
        return {name: place for name, place in known.items() if place is not None}

    @override
    def __repr__(self) -> str:
        return f"DeadLetter({self.id!r}, reason={self.reason!r}, attempts={self.attempts})"


class DeadLetters(Protocol):
    """A store of dead letters."""

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> Collection[str]:
        """Store letters, and return the ids of the stored ones; the others stay failures.

        After any exception, none counts as stored. A letter with an existing id may replace the older one or stand
        beside it.
        """
        ...


def read_letter(text: str) -> DeadLetter:
    """Parse the JSON of a letter. Raises `NotADeadLetter`."""
    from streamfn._errors import read_json  # a function writes letters, and reads none

    try:
        told = read_json(text)
    except (ValueError, RecursionError):
        raise NotADeadLetter("expected JSON") from None
    if not is_map(told):
        raise NotADeadLetter(f"expected an object, got {json_type(told)}")
    if (version := _count(told.get("version"))) not in {LETTER_VERSION, TRUNCATED_LETTER_VERSION}:
        got = "something else" if version is None else version
        raise NotADeadLetter(
            f"expected a dead letter of version {LETTER_VERSION} or {TRUNCATED_LETTER_VERSION}, got {got}"
        )
    names = ("scope", "handler", "identity", "stream", "reason")
    texts = {name: found for name in names if (found := text_or_none(told.get(name))) is not None}
    exception = told.get("exception")
    attempts, at = _count(told.get("attempts")), iso_moment(told.get("at"))
    if len(texts) < len(names) or attempts is None or at is None or "record" not in told:
        raise NotADeadLetter("a part of the letter is missing, or is not what it should be")
    return DeadLetter(
        scope=texts["scope"],
        pair=Key(texts["handler"], texts["identity"]),
        stream=texts["stream"],
        record=told["record"],
        reason=texts["reason"],
        detail=text_or_none(told.get("detail")),
        attempts=attempts,
        since=iso_moment(told.get("since")),
        at=at,
        location=text_or_none(told.get("location")),
        exception=exception if is_map(exception) else None,
        is_truncated=version == TRUNCATED_LETTER_VERSION,
    )


def _plain(value: object) -> object:
    """Convert a value of boto3's records to the form in Lambda's events."""
    from streamfn._records import as_json_value  # records of Lambda have no such values

    try:
        return as_json_value(value)
    except LookupError:
        return repr(type(value))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# Sources: letters are received from their store, and removed after they have been handled.

SigningKeys: TypeAlias = bytes | Sequence[bytes] | Callable[[], bytes | Sequence[bytes]]
"""A secret key of 16 bytes or more, or several, of which the first signs and all are accepted, so that keys can
change.

A function that returns keys is called each time letters are sent or redriven: let it cache them.
"""


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """A received text, which stays in its store until it is removed.

    `name` is its identifier there: a message's id, an object's key. `body` is the JSON of a letter, wherever it was
    stored, or a document of Lambda ("OnFailure"), or any other text: `read_letter` decides. `sent` is the time at
    which the store accepted it, which no sender can choose; None if the store does not say.
    """

    name: str
    body: str
    _remove: Callable[[], None]
    sent: datetime | None = None

    def remove(self) -> None:
        """Delete the text for good. Raises the exceptions of the client, and then the text may still be there."""
        self._remove()

    @override
    def __repr__(self) -> str:
        return f"Received({self.name!r})"


class LetterSource(Protocol):
    """A place from which letters are read back."""

    def receive(self) -> Iterator[Received]:
        """Yield all texts that are there now, each once, and end.

        Texts that are not removed stay for the next time. Raises the exceptions of the client.
        """
        ...


# Dead letters in memory, for tests.


class MemoryDeadLetters:
    """Keeps letters for as long as the object exists, in the order of their arrival.

    The object stores JSON, as a queue or a bucket would: later changes of a record have no effect here.

    >>> from datetime import UTC, datetime
    >>> from streamfn._time import unlimited
    >>> from streamfn.ledgers import Key
    >>> pair, now = Key("announce", "id-1"), datetime(2030, 1, 1, tzinfo=UTC)
    >>> dead = MemoryDeadLetters()
    >>> dead.send([DeadLetter("follow-cards", pair, "", {}, "Refused", None, 3, None, now)], unlimited)
    {'follow-cards/announce/id-1'}
    >>> dead.letters
    (DeadLetter('follow-cards/announce/id-1', reason='Refused', attempts=3),)
    """

    def __init__(self) -> None:
        self._sent = 0
        self._texts: dict[int, tuple[str, datetime]] = {}
        self._lock = Lock()

    @property
    def letters(self) -> tuple[DeadLetter, ...]:
        """All current letters, as parsed from their JSON: binaries are base64 text."""
        with self._lock:
            return tuple(read_letter(text) for text, _ in self._texts.values())

    def send(self, letters: Sequence[DeadLetter], _: SecondsLeft, /) -> set[str]:
        """Store letters, all of them."""
        texts = [letter.to_json() for letter in letters]
        with self._lock:
            for text in texts:
                self._sent += 1
                self._texts[self._sent] = text, MACHINE_CLOCK.now
        return {letter.id for letter in letters}

    def receive(self) -> Iterator[Received]:
        """Yield the letters that are there at the start, in the order of their arrival."""
        with self._lock:
            texts = list(self._texts.items())
        for number, (text, sent) in texts:
            yield Received(str(number), text, partial(self._remove, number), sent)

    def _remove(self, number: int) -> None:
        with self._lock:
            self._texts.pop(number, None)
