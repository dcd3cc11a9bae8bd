"""The edge where boto3 hands requests to the network: there they are counted, and may be answered in place of AWS."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

if TYPE_CHECKING:
    from boto3 import HookedDynamoDBClient, HookedSQSClient

    Client: TypeAlias = HookedDynamoDBClient | HookedSQSClient


@dataclass(frozen=True, slots=True)
class _Body:
    content: bytes

    def stream(self) -> Iterator[bytes]:
        """Give it as a connection would."""
        yield self.content


@dataclass(slots=True)
class Edge:
    """Counts requests by operation, each try for itself.

    If it `answers`, none goes out: a table is empty whatever is written to it, and a queue takes everything.
    """

    answers: bool
    requests: Counter[str] = field(default_factory=Counter[str])

    def watch(self, client: Client) -> None:
        """Count what this client sends: botocore's event before-send is the last one before a connection."""
        client.meta.events.register("before-send", self._sent)

    def take(self) -> dict[str, int]:
        """Tell what was counted since the last time that somebody asked."""
        taken, self.requests = dict(self.requests), Counter()
        return taken

    def _sent(self, *, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self.requests[operation] += 1
        if not self.answers:
            return None
        answer: object = {}
        if operation == "Query":
            answer = {"Items": []}
        if operation == "SendMessageBatch":
            entries = json.loads(request.body)["Entries"]
            answer = {"Successful": [{"Id": entry["Id"]} for entry in entries]}
        return AWSResponse(request.url, 200, {}, _Body(json.dumps(answer).encode()))
