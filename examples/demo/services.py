"""Slack and the search index, as far as the cards function knows them. Both keep what arrived, to be counted."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from examples.demo.loopback import Request

REFUSALS: Final = 2
"""How often the search index refuses each change of an awkward card before it takes it."""

Document: TypeAlias = dict[str, object]


@dataclass(slots=True)
class Slack:
    """Slack's incoming webhook: takes every message, in order of arrival."""

    messages: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> int:
        """Keep a message."""
        self.messages.append(str(json.loads(request.body)["text"]))
        return 200


@dataclass(slots=True)
class SearchIndex:
    """A search index with bad moments: it answers 503 to the first two tries of each change of an awkward card.

    `awkward` says by its path which document is one. A change that it takes clears the count, so that the card's next
    change meets two refusals as well.
    """

    awkward: Callable[[str], bool]
    documents: dict[str, Document] = field(default_factory=dict)
    accepted: int = 0
    refused: int = 0
    _tries: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: Request) -> int:
        """Take a change, or refuse it for now."""
        if self.awkward(request.path) and self._tries[request.path] < REFUSALS:
            self._tries[request.path] += 1
            self.refused += 1
            return 503
        del self._tries[request.path]
        self.accepted += 1
        if request.method == "DELETE":
            return 404 if self.documents.pop(request.path, None) is None else 200
        self.documents[request.path] = json.loads(request.body)
        return 200
