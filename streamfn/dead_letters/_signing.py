"""Signatures of letters: who has no key can write no letter that a redrive takes.

A signature is an HMAC with SHA-256 (RFC 2104) of the letter's JSON with its members sorted and no spaces, after a line
that says what it is of. The letter carries it as its member ``signature``, in hexadecimal.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from typing_extensions import override

from streamfn._misuse import Misuse, kind_of
from streamfn._texts import read_json
from streamfn._wire import as_text, is_map

if TYPE_CHECKING:
    from streamfn.dead_letters._sources import SigningKeys

_SHORTEST: Final = 16
"""How many bytes a key has at least. RFC 2104 discourages fewer than the hash has, 32, and 16 resist any search."""

_OF: Final = b"streamfn dead letter\n"
"""So that no signature that the same key makes of something else is one of a letter."""

_MEMBER: Final = "signature"


class Signer:
    """Signs letters, and tells whether a letter is signed; its `repr` shows no key."""

    def __init__(self, keys: SigningKeys) -> None:
        """Take the keys. Fails with `Misuse` for what cannot be any, and for one that is too short."""
        self.keys: Final = keys
        if not callable(keys):
            _checked(keys)

    def signed(self, text: str) -> str:
        """Give the JSON of a letter with its signature. Raises what the function of the keys raises."""
        told = cast("dict[str, object]", json.loads(text))  # the JSON that a letter has just been written as
        told[_MEMBER] = _signature(self._current()[0], told)
        return json.dumps(told)

    def problem_of(self, text: str) -> str | None:
        """Say why the JSON of a letter is not signed by any of the keys; None where it is."""
        keys = self._current()
        try:
            return _problem_of(text, keys)
        except RecursionError:  # what is nested so deep that it can just be read, nobody has written
            return "the letter is nested too deep to be signed"

    @override
    def __repr__(self) -> str:
        return "Signer()"

    def _current(self) -> Sequence[bytes]:
        return _checked(self.keys() if callable(self.keys) else self.keys)


def _checked(keys: object) -> Sequence[bytes]:
    if isinstance(keys, str) or not isinstance(keys, bytes | Sequence):
        raise Misuse(f"keys are bytes, got {kind_of(keys)}: encode text, as in os.environ[name].encode()")
    found: list[object] = [keys] if isinstance(keys, bytes) else [*keys]
    if not found:
        raise Misuse("keys are at least one, got none")
    checked: list[bytes] = []
    for key in found:
        if not isinstance(key, bytes):
            raise Misuse(f"a key is bytes, got {kind_of(key)}: encode text, as in os.environ[name].encode()")
        if len(key) < _SHORTEST:
            raise Misuse(
                f"a key has {_SHORTEST} bytes or more, got {len(key)}: make one with secrets.token_bytes(32)"
            )
        checked.append(key)
    return checked


def _problem_of(text: str, keys: Sequence[bytes]) -> str | None:
    told = read_json(text)
    found = as_text(told.get(_MEMBER)) if is_map(told) else None
    if not is_map(told) or found is None:
        return "the letter is not signed"
    body = {name: value for name, value in told.items() if name != _MEMBER}
    # Bytes, because compare_digest takes no text beyond ASCII.
    given = found.encode(errors="surrogatepass")
    matches = [hmac.compare_digest(_signature(key, body).encode(), given) for key in keys]
    return None if any(matches) else "the letter is signed with none of the keys"


def _signature(key: bytes, told: object) -> str:
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, _OF + text.encode(), "sha256").hexdigest()
