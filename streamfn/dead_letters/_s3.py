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

from streamfn._aws import OnFirstUse, S3Client, error_code, error_name, keys_under, make_s3
from streamfn._errors import Misuse, checked_bucket, decoded, kind_of, shown
from streamfn._time import SecondsLeft
from streamfn.dead_letters._protocol import DeadLetter, Received, SigningKeys

if TYPE_CHECKING:
    from streamfn.dead_letters._messages import Signer

_log: Final = logging.getLogger("streamfn")

_LONGEST: Final = 240
"""How long a part of a key may be; all of it may have 1,024 bytes ("Naming Amazon S3 objects", User Guide)."""

_LONGEST_PREFIX: Final = 1_024 - 3 * _LONGEST - len("//.json")


class S3DeadLetters:
    """Puts letters into a bucket of S3, and reads them back.

    A letter's key is made of the prefix, its scope, handler and record, so that a second letter of the same
    pair replaces the first one. The object carries the record with all its data: see that the bucket is
    encrypted, private, and forgets what nobody needs any more. A function needs ``s3:PutObject``; who reads
    letters back needs ``s3:ListBucket``, ``s3:GetObject`` and ``s3:DeleteObject``, and in a bucket with
    versions a removed letter lives on as an older one.

    `bucket` is its name. `prefix` is the folder in it, to which a slash is added where it ends without one. With
    `keys`, letters are signed (see `SigningKeys`), and `redrive` takes from here no letter that is not.
    `client` is boto3's, if you need one of your own; it is used by several threads. Otherwise one with short
    timeouts is made, when the first letter is sent.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        keys: SigningKeys | None = None,
        client: S3Client | None = None,
    ) -> None:
        """Name the place; nothing is called yet. Fails with `Misuse` for a name, a prefix or keys that cannot be."""
        self.bucket: Final = checked_bucket(bucket)
        if not isinstance(cast("object", prefix), str):
            raise Misuse(f"prefix is text, got {kind_of(prefix)}")
        self.prefix: Final = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
        if len(self.prefix.encode(errors="surrogatepass")) > _LONGEST_PREFIX:
            raise Misuse(
                f"prefix leaves no room in a key for a letter: give it up to {_LONGEST_PREFIX} bytes"
            )
        if any("\ud800" <= each <= "\udfff" for each in prefix):
            raise Misuse("prefix holds half of a surrogate pair, which no key of S3 has")
        self.signer: Final = signer_of(keys)
        self._client = OnFirstUse(make_s3, client)

    def send(self, letters: Sequence[DeadLetter], seconds_left: SecondsLeft, /) -> set[str]:
        """Store letters one by one as long as there is time, and give the ids of those that are stored.

        Why one is not stored is logged. It raises what the client raised where none is stored for that.
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
            except Exception as error:  # noqa: BLE001 (whatever it is, this letter is not stored, and others may be)
                errors.append(error)
                _log.error("dead letter %s was not stored: %s", letter.id, error_name(error))
            else:
                stored.add(letter.id)
        if errors and not stored:
            raise errors[0]
        return stored

    def key_of(self, letter: DeadLetter) -> str:
        """Make the key of a letter's object.

        What may trouble a reader of keys is percent-encoded ("Naming Amazon S3 objects" in the Amazon S3 User
        Guide). No two ids lead to the same key.
        """
        handler, record = letter.pair
        return f"{self.prefix}{_part(letter.scope)}/{_part(handler)}/{_part(record)}.json"

    def receive(self) -> Iterator[Received]:
        """Give all objects under the prefix, in the order of their keys, letters or not.

        One that S3 does not hand over, because it has just been deleted or may not be read, is left out, and
        that is logged. It raises what the client raises besides.
        """
        for key in keys_under(self._client(), self.bucket, self.prefix):
            if (received := self.take(key)) is not None:
                yield received

    def take(self, key: str) -> Received | None:
        """Give one object; None, and a line in the log, where S3 does not hand it over."""
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
    """Make what signs with these keys, if there are any. Fails with `Misuse`."""
    if keys is None:
        return None
    from streamfn.dead_letters._messages import Signer  # few have keys, and each cold start would pay for it

    return Signer(keys)


def _text_of(content: bytes) -> str:
    """Decode an object, which a tool may have saved in another encoding than it had."""
    try:
        return decoded(content)
    except UnicodeDecodeError:
        # What is in no such encoding is no JSON either: backslashes keep it from becoming some.
        return content.decode(errors="backslashreplace")


def _part(name: str) -> str:
    """Make a part of a key; parentheses, which no name keeps, are around what stands in for one.

    >>> _part("announce"), _part("a/b"), _part(".."), _part("")
    ('announce', 'a%2Fb', '%2E%2E', '(none)')
    """
    encoded = quote(name, safe="", errors="surrogatepass").replace("~", "%7E")
    if not encoded.strip("."):  # S3's clients take dots alone for a way through folders
        return encoded.replace(".", "%2E") or "(none)"
    if len(encoded) > _LONGEST:
        return f"(sha256-{sha256(encoded.encode()).hexdigest()})"
    return encoded
