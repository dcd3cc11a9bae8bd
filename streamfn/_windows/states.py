"""States: what a window was folded into so far, as the JSON that Lambda keeps for the next invocation.

Beside the state proper it carries the watermark: Lambda may deliver a batch again that it had taken for done, and what
lies at or below the highest sequence number that was folded is in the state already.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Final, Generic, NamedTuple, cast

from returns.result import Failure
from typing_extensions import TypeVar

from streamfn._conversion.models import is_frozen
from streamfn._misuse import Misuse
from streamfn._tables import Table, undeclare
from streamfn._wire import Image, as_sequence_number, is_map

S = TypeVar("S")

MOST_BYTES: Final = 1024 * 1024
"""How large a state gets before Lambda ends its window early: 1 MB a shard, says the Developer Guide."""

FORM: Final = 1
"""The form in which a state is kept. One that is not known is refused."""


class UnusableState(ValueError):
    """The state that Lambda kept is none of this function's, or does not fit its model any more; says how.

    It is raised, so that the batch comes again: to begin anew would lose what had been folded.
    """


class Folded(NamedTuple, Generic[S]):
    """A state, and the highest sequence number in it; None if nothing was folded."""

    state: S
    watermark: str | None


class States(Generic[S]):
    """Makes states of what Lambda kept, and the other way round."""

    def __init__(self, initial: S) -> None:
        """Take the state that a window begins with. Fails with `Misuse` for one that cannot be kept."""
        if not is_dataclass(initial) or not is_frozen(type(initial)):
            raise Misuse(f"the state of a window is a frozen dataclass, got {type(initial).__name__}")
        self._table: Table[S] = Table("state", type(initial))
        undeclare(self._table)
        try:
            # The text, not the value: what can be changed is made anew for each window.
            self._initial = self.kept(Folded(initial, None))
        except ValueError as problem:
            raise Misuse(f"the initial state cannot be kept: {problem}") from None
        if self.read({}).state != initial:
            raise Misuse("the initial state cannot be kept: it comes back as another one")

    def read(self, kept: Mapping[str, object]) -> Folded[S]:
        """Make a state of what Lambda kept; nothing is what a window begins with. Fails with `UnusableState`."""
        told = kept or self._initial
        image, watermark = told.get("state"), as_sequence_number(told.get("watermark"))
        if told.get("form") != FORM or not is_map(image):
            raise UnusableState("the window's state was not written by window_handler(), or by a newer one")
        structured = self._table.structure(cast("Image", image))  # what is no attribute value does not fit
        if isinstance(structured, Failure):
            raise UnusableState(
                f"the window's state does not fit {self._table!r} any more: {structured.failure()}"
            )
        return Folded(structured.unwrap(), watermark)

    def kept(self, folded: Folded[S]) -> Mapping[str, object]:
        """Make what Lambda keeps of a state, plain JSON. Fails with `ValueError` for what DynamoDB would not store."""
        told = {"form": FORM, "state": self._table.unstructure(folded.state), "watermark": folded.watermark}
        plain: dict[str, object] = json.loads(json.dumps(told, default=_text))
        return plain

    @staticmethod
    def is_too_large(kept: Mapping[str, object]) -> bool:
        """Whether Lambda would not keep it."""
        return len(json.dumps(kept).encode()) > MOST_BYTES


def _text(value: object) -> object:
    """Write a binary as attribute values in JSON do; nothing else is left."""
    return b64encode(cast("bytes", value)).decode()
