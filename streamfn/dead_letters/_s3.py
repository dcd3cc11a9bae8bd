"""Dead letters in a bucket: an object for each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from typing_extensions import override

from streamfn._aws import LazyClient, S3Client, error_name, keys_under, make_s3
from streamfn._errors import ConfigurationError, checked_bucket, decoded, error_code, kind_of, shown
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter, Received, SigningKeys

if TYPE_CHECKING:
    from streamfn.dead_letters._messages import Signer

_log: Final = logging.getLogger("streamfn")

_LONGEST: Final = 240
"""The greatest length of a part of a key; all of it may have 1,024 bytes ("Naming Amazon S3 objects", User Guide)."""

_LONGEST_PREFIX: Final = 1_024 - 3 * _LONGEST - len("//.json")


class S3DeadLetters:
    """Puts letters into a bucket of S3, and reads them back.

    A letter's key is made of the prefix, its scope, handler and record, so that a second letter of the same handler
    and record replaces the first one. The object carries the record with all its data: make sure that the bucket is
    encrypted and private, and deletes old objects. A function needs ``s3:PutObject``; a reader of letters needs
    ``s3:ListBucket``, ``s3:GetObject`` and ``s3:DeleteObject``, and in a bucket with versions a removed letter lives
    on as an older one.

    `bucket` is its name. `prefix` is the folder in it; a missing slash at its end is added. With `keys`, letters are
    signed (see `SigningKeys`), and `redrive` accepts only signed letters from here. `client` is boto3's, if you need
    one of your own; several threads use it. Otherwise one with short timeouts is made, when the first letter is sent.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        keys: SigningKeys | None = None,
        client: S3Client | None = None,
    ) -> None:
        """Check the arguments; nothing is called yet.

        Raises `ConfigurationError` for an invalid name, prefix or key.
        """
        self.bucket: Final = checked_bucket(bucket)
        if not isinstance(cast("object", prefix), str):
            raise ConfigurationError(f"prefix is text, got {kind_of(prefix)}")
        self.prefix: Final = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
        if len(self.prefix.encode(errors="surrogatepass")) > _LONGEST_PREFIX:
            raise ConfigurationError(
                f"prefix leaves no room in a key for a letter: give it up to {_LONGEST_PREFIX} bytes"
            )
        if any("\ud800" <= each <= "\udfff" for each in prefix):
            raise ConfigurationError("prefix holds half of a surrogate pair, which no key of S3 has")
        self.signer: Final = signer_of(keys)
        self._client = LazyClient(make_s3, client)

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> set[str]:
        """Store letters one by one as long as there is time, and return the ids of the stored ones.

        The reason why one is not stored is logged. Raises the exception of the client if it kept all from being
        stored.
        """
        return self.store(letters, seconds_left, self.signer)

    def store(
        self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, signer: Signer | None
    ) -> set[str]:
        """Store letters as `send` does, signed by another's keys."""
        stored: set[str] = set()
        errors: list[Exception] = []
        for letter in letters:
            if seconds_left() <= 0:
                break
            try:
                self._put(letter, signer)
            except Exception as error:  # noqa: BLE001 (this letter is not stored, and others may be)
                errors.append(error)
                _log.error("dead letter %s was not stored: %s", letter.id, error_name(error))
            else:
                stored.add(letter.id)
        if errors and not stored:
            raise errors[0]
        return stored

    def key_of(self, letter: DeadLetter) -> str:
        """Return the key of a letter's object.

        Characters that may trouble a reader of keys are percent-encoded ("Naming Amazon S3 objects" in the Amazon S3
        User Guide). No two ids lead to the same key.
        """
        handler, record = letter.pair
        return f"{self.prefix}{_part(letter.scope)}/{_part(handler)}/{_part(record)}.json"

    def receive(self) -> Iterator[Received]:
        """Yield all objects under the prefix, in the order of their keys, letters or not.

        An object that S3 does not return, because it has just been deleted or may not be read, is left out, and this
        is logged. Raises the other exceptions of the client.
        """
        for key in keys_under(self._client(), self.bucket, self.prefix):
            if (received := self.take(key)) is not None:
                yield received

    def take(self, key: str) -> Received | None:
        """Return one object; None, and a line in the log, if S3 does not return it."""
        try:
            found = self._client().get_object(Bucket=self.bucket, Key=key)
            content = found["Body"].read()
        except Exception as error:
            if (code := error_code(error)) is None:
                raise
            _log.warning("s3://%s/%s could not be read: %s", self.bucket, shown(key), code)
            return None
        written = found.get("LastModified")
        sent = None if written is None else written.astimezone(UTC)
        return Received(key, _text_of(content), partial(self._remove, key), sent)

    @property
    def location(self) -> str:
        """Name the bucket and the prefix as ``s3://bucket/prefix``, by which ``streamfn graph`` shows the letters."""
        return f"s3://{self.bucket}/{self.prefix}"

    @override
    def __repr__(self) -> str:
        return f"S3DeadLetters({self.bucket!r}, prefix={self.prefix!r})"

    def _put(self, letter: DeadLetter, signer: Signer | None) -> None:
        text = letter.to_json()
        self._client().put_object(
            Bucket=self.bucket,
            Key=self.key_of(letter),
            Body=(text if signer is None else signer.signed(text)).encode(),
            ContentType="application/json",
        )

    def _remove(self, key: str) -> None:
        self._client().delete_object(Bucket=self.bucket, Key=key)


def signer_of(keys: SigningKeys | None) -> Signer | None:
    """Return a signer with these keys, if there are any. Raises `ConfigurationError`."""
    if keys is None:
        return None
    from streamfn.dead_letters._messages import Signer  # few have keys, and each cold start would pay for it

    return Signer(keys)


def _text_of(content: bytes) -> str:
    """Decode an object, whose encoding a tool may have changed."""
    try:
        return decoded(content)
    except UnicodeDecodeError:
        # Content in no such encoding is no JSON either: backslashes keep it from becoming JSON.
        return content.decode(errors="backslashreplace")


def _part(name: str) -> str:
    """Return a part of a key; parentheses, which no encoded name contains, mark a substitute.

    >>> _part("announce"), _part("a/b"), _part(".."), _part("")
    ('announce', 'a%2Fb', '%2E%2E', '(none)')
    """
    encoded = quote(name, safe="", errors="surrogatepass").replace("~", "%7E")
    if not encoded.strip("."):  # S3's clients read names of dots alone as a path
        return encoded.replace(".", "%2E") or "(none)"
    if len(encoded) > _LONGEST:
        return f"(sha256-{sha256(encoded.encode()).hexdigest()})"
    return encoded
