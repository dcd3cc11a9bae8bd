"""For scale: the standard library's JSON parser, which has done its work on a payload before any function sees it."""

from __future__ import annotations

import json
from typing import Final

from tests.benchmarks.contenders import Contender, Sink, WholeBatch, Work
from tests.benchmarks.loads import Chunk, Load


def _make(_: Sink) -> Work:
    def loads(chunk: Chunk) -> object:
        return json.loads(chunk.text)

    return loads


def _prepare(_: Load) -> WholeBatch:
    return WholeBatch(_make)


CONTENDER: Final = Contender("json.loads", "`json.loads` of the payload, for scale", _prepare, checked=False)
