"""What lies in a queue instead of a letter: SNS's envelope around one, and the pointer to a large one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from streamfn._texts import read_json
from streamfn._wire import as_text, is_map

VERSION: Final = 1
"""The form of a pointer. A reader that does not know it leaves the pointer where it is."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Says where in S3 the letter `id` lies, which is too large for a queue."""

    id: str
    bucket: str
    key: str

    def to_json(self) -> str:
        """Write the pointer as a line of JSON, with its version."""
        return json.dumps({"pointer": VERSION, "id": self.id, "bucket": self.bucket, "key": self.key})


def read_pointer(body: str) -> Pointer | None:
    """Read a pointer from its JSON; None for whatever else it is.

    >>> read_pointer(Pointer("follow-cards/announce/id-1", "letters", "id-1.json").to_json())
    Pointer(id='follow-cards/announce/id-1', bucket='letters', key='id-1.json')
    """
    told = _object(body)
    letter, bucket, key = (as_text(told.get(name)) for name in ("id", "bucket", "key"))
    if told.get("pointer") != VERSION or letter is None or bucket is None or key is None:
        return None
    return Pointer(letter, bucket, key)


def unwrapped(body: str) -> str:
    """Take a text out of the envelope that SNS puts around what it passes on to a queue, if it is in one.

    A subscription without raw delivery has one ("Amazon SNS raw message delivery" in the Amazon SNS Developer Guide).

    >>> unwrapped('{"Type": "Notification", "MessageId": "1", "Message": "hello"}')
    'hello'
    """
    told = _object(body)
    message = as_text(told.get("Message"))
    return message if told.get("Type") == "Notification" and message is not None else body


def _object(text: str) -> Mapping[str, object]:
    try:
        told = read_json(text)
    except (ValueError, RecursionError):
        return {}
    return told if is_map(told) else {}
