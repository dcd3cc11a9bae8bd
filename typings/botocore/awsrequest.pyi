from collections.abc import Iterator, Mapping
from typing import Protocol

class _Raw(Protocol):
    def stream(self) -> Iterator[bytes]: ...

class AWSPreparedRequest:
    url: str
    body: bytes

class AWSResponse:
    def __init__(self, url: str, status_code: int, headers: Mapping[str, str], raw: _Raw) -> None: ...
