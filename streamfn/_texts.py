"""Text that people's tools saved: with a byte order mark, in UTF-8 or in UTF-16, as those of Windows do.

``json.loads`` tells the encoding of bytes (RFC 4627, section 3), and so do these for what is more than one document.
"""

from __future__ import annotations

import json
from json import detect_encoding  # what `json.loads` itself calls
from typing import Final

_MARK: Final = "\ufeff"


def encoding_of(content: bytes) -> str:
    """Tell the encoding of text by its first four bytes: a byte order mark, or where it has zeros.

    >>> encoding_of(b"{}"), encoding_of("{}".encode("utf-16"))
    ('utf-8', 'utf-16')
    """
    return detect_encoding(content)


def decoded(content: bytes) -> str:
    """Decode text by its byte order mark, or else by where it has zeros, as JSON in UTF-16 and UTF-32 does.

    Fails with `UnicodeDecodeError`.

    >>> decoded("[1]".encode("utf-16")), decoded("[1]".encode("utf-16-le")), decoded("[1]".encode("utf-8-sig"))
    ('[1]', '[1]', '[1]')
    """
    return content.decode(encoding_of(content))


def shown(text: str) -> str:
    r"""Write what no terminal and no line of a log can show as Python would: control characters, and ends of lines.

    >>> print(shown("announce\x1b[31m\nERROR"))
    announce\x1b[31m\nERROR
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def read_json(text: str | bytes) -> object:
    r"""Read a document of JSON, with or without a byte order mark. Fails with `ValueError` and `RecursionError`.

    >>> read_json("\ufeff[1]"), read_json("[1]".encode("utf-16"))
    ([1], [1])
    """
    read: object = json.loads(text.removeprefix(_MARK) if isinstance(text, str) else text)
    return read
