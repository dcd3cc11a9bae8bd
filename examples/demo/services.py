"""Slack and the search index, as far as the cards function knows them. Both keep what arrived, to be counted."""

import json
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from examples.demo.loopback import Request

REFUSALS: Final = 2
"""How often the search index refuses each change of an awkward card before it takes it."""

Document: TypeAlias = Mapping[str, object]


@dataclass(slots=True)
class Slack:
    """Slack's incoming webhook: takes every message, in order of arrival."""

    messages: list[str] = field(default_factory=list[str])

    def __call__(self, request: Request) -> int:
        """Keep a message."""
        self.messages.append(str(json.loads(request.body)["text"]))
        return 200

    def begin_anew(self) -> None:
        """Forget all, and leave the list of messages to whoever has it."""
        self.messages = []


@dataclass(slots=True)
class SearchIndex:
    """A search index that refuses some cards, which it knows by their ids.

    It answers 503 to the first two tries of each change of an `awkward` card, and takes it from the third on. It
    answers 400 to every document of a `hopeless` one, for ever. Changes are kept as `told` writes them down.
    """

    awkward: Container[int] = ()
    hopeless: Container[int] = ()
    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    taken: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])

    def __call__(self, request: Request) -> int:
        """Take a change, or refuse it."""
        document = json.loads(request.body) if request.method == "PUT" else None
        change = told(request.path, document)
        if refusal := self._refusal(request.path, change, deletes=document is None):
            self.refused.append(change)
            return refusal
        self.taken.append(change)
        if document is None:
            return 404 if self.documents.pop(request.path, None) is None else 200
        self.documents[request.path] = document
        return 200

    def begin_anew(self) -> None:
        """Forget all, and leave what was counted to whoever has it."""
        self.documents, self.taken, self.refused = {}, [], []

    def _refusal(self, path: str, change: str, *, deletes: bool) -> int | None:
        card = int(path.split("/")[2])
        if card in self.hopeless and not deletes:
            return 400
        if card in self.awkward and Counter(self.refused)[change] < REFUSALS:
            return 503
        return None


def told(path: str, document: Document | None) -> str:
    """Write a change to the index down, so that equal changes are equal texts; without a document it deletes one.

    >>> told("/cards/1/a", {"title": "a", "owner": None}), told("/cards/1/a", None)
    ('PUT /cards/1/a {"owner": null, "title": "a"}', 'DELETE /cards/1/a')
    """
    return f"DELETE {path}" if document is None else f"PUT {path} {json.dumps(document, sort_keys=True)}"
