"""Trust of a redrive: in the streams that the function follows, and in letters that something proves.

Whoever may send to a queue or put an object may write what looks like a letter or a document. A letter is proved by
its signature, or by the ledger, which knows what became a letter and the digest of its record. A document is proved by
the stream that its records are read from, if that is one of the function's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from streamfn._clients import OnFirstUse, named
from streamfn._ledger import Entry, Pair
from streamfn._misuse import Misuse, kind_of
from streamfn._records import table_of
from streamfn._time import Clock
from streamfn.dead_letters._clients import CallerClient
from streamfn.dead_letters._redriving.contents import FoundLetter
from streamfn.dead_letters._redriving.homes import Home, home_of_arn
from streamfn.dead_letters._signing import Signer
from streamfn.ledgers._table import LIFETIME

_NAME_IT: Final = "if the function follows it, name it with stream_arns="

_STREAM: Final = re.compile(r"arn:[^:]+:(?P<service>dynamodb|kinesis):[^:]+:[^:]+:(table|stream)/.+")


class Followed:
    """The streams that the function follows.

    They are those of `stream_arns`, where streams and tables may be named, or else those of the pipeline's tables in
    the account and the region at home. That is where the queue is, or where the `caller` works; where neither is
    known, because the source is nothing of AWS, it is where a document says that its function is.
    """

    def __init__(
        self,
        tables: Collection[str],
        stream_arns: Collection[str] | None,
        home: Home | None,
        caller: OnFirstUse[CallerClient] | None,
    ) -> None:
        """Take what is known. Fails with `Misuse` for what is no ARN of a stream or a table."""
        self._tables = tables
        self._arns = None if stream_arns is None else _checked(stream_arns)
        self._home = home
        self._caller = caller

    def problem_of(self, stream: str, *, owner: str | None = None, is_proved: bool = False) -> str | None:
        """Say why a stream is none of them; None where it is.

        `owner` is the ARN of a document's function or pipe. A proved letter may be of any account and region.
        """
        at, found = home_of_arn(stream), _STREAM.fullmatch(stream)
        if at is None or found is None:
            return f"{stream!r} is not the ARN of a stream"
        if found["service"] == "dynamodb" and table_of(stream) not in self._tables:
            return f"the pipeline has no table of {stream!r}"
        if self._arns is not None:
            is_named = any(stream == arn or stream.startswith(f"{arn}/stream/") for arn in self._arns)
            return None if is_named else f"{stream!r} is none of stream_arns"
        return None if is_proved else self._outside(stream, at, owner)

    def _outside(self, stream: str, at: Home, owner: str | None) -> str | None:
        if self._home is None and self._caller is not None:
            try:
                self._home = _home_of(self._caller())
            except Exception as error:  # noqa: BLE001 (whatever it is, nobody knows the account)
                return f"STS does not say whose {stream!r} would have to be ({named(error)}): {_NAME_IT}"
        home = home_of_arn(owner or "") if self._home is None else self._home
        if home is None or home.has(at):
            return None
        where = home.account if home.region is None else f"{home.account} in {home.region}"
        return f"{stream!r} is not of the account {where}: {_NAME_IT}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Trusts streams that are followed, and letters that `signer` has signed, or else those that the ledger knows.

    With `unproved`, letters are trusted that nothing proves.
    """

    followed: Followed
    signer: Signer | None
    unproved: bool
    clock: Clock

    def unsigned(self, found: FoundLetter) -> str | None:
        """Say why a letter is not signed; None where it is, or need not be."""
        return None if self.signer is None else self.signer.problem_of(found.received.body)

    def unproved_by(self, found: FoundLetter, entries: Mapping[Pair, Entry]) -> str | None:
        """Say why nothing proves a letter; None where the ledger or a signature does, or nobody asks for it.

        The ledger forgets. A letter that the source has kept for longer than that is taken without it.
        """
        if self.signer is not None or self.unproved:
            return None
        entry = entries.get(found.letter.pair)
        if entry is None or entry.state != "dead":
            if entry is None and self._is_forgotten(found):
                return None
            return "the ledger knows of no such letter; unproved=True runs it all the same"
        # What is left of a truncated record proves nothing, but for its place: it is read again from the stream.
        if entry.letter and entry.letter != found.letter.digest and not found.letter.is_truncated:
            return "the ledger knows a letter of this id with another record"
        return None

    def unfollowed(self, found: FoundLetter, entries: Mapping[Pair, Entry]) -> str | None:
        """Say why a letter is of a stream that the function does not follow; None where it does.

        A letter that is for no handler, because its record reached none, finds in the pipeline what its table is.
        """
        is_proved = self.signer is not None or self.unproved or found.letter.pair in entries
        if not found.letter.pair.handler and is_proved:
            return None
        streams = (found.letter.stream, found.record.event_source_arn)
        problems = (self.followed.problem_of(each, is_proved=is_proved) for each in streams if each)
        return next((problem for problem in problems if problem is not None), None)

    def _is_forgotten(self, found: FoundLetter) -> bool:
        sent = found.received.sent
        return sent is not None and self.clock.now - sent > LIFETIME


def _home_of(caller: CallerClient) -> Home:
    return Home(caller.get_caller_identity()["Account"], caller.meta.region_name)


def _checked(stream_arns: object) -> tuple[str, ...]:
    if isinstance(stream_arns, str) or not isinstance(stream_arns, Collection):
        raise Misuse(f"stream_arns is a list of ARNs, got {kind_of(stream_arns)}: write stream_arns=[arn]")
    arns: list[object] = [*stream_arns]
    for arn in arns:
        if not isinstance(arn, str) or _STREAM.fullmatch(arn) is None:
            raise Misuse(
                "stream_arns are the ARNs of streams or of tables, as "
                f"arn:aws:dynamodb:eu-west-1:123456789012:table/cards is, got {arn!r}"
            )
    return tuple(map(str, arns))
