"""What the cards function talks to, played by servers in this process that keep what they are asked."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from examples.cards import app
from examples.demo.loopback import Request

Asked: TypeAlias = list[tuple[str, str]]


@dataclass
class Server:
    """A fake service: answers every request with its status, and keeps it."""

    status: int = 200
    requests: list[Request] = field(default_factory=list[Request])

    def __call__(self, request: Request) -> int:
        """Keep the request."""
        self.requests.append(request)
        return self.status

    def asked(self) -> Asked:
        """Say by method and path what was asked of it."""
        return [(request.method, request.path) for request in self.requests]

    def bodies(self) -> list[object]:
        """Give what was sent to it as JSON."""
        return [json.loads(request.body) for request in self.requests]


@dataclass
class Outside:
    """The three services that the function talks to."""

    slack: Server = field(default_factory=Server)
    s3: Server = field(default_factory=Server)
    search: Server = field(default_factory=Server)


@contextmanager
def fresh_clients() -> Generator[None]:
    """Have the function make its clients anew, for the environment inside the block, and close them after it."""
    for client in (app.slack, app.s3, app.search):
        client.cache_clear()
    yield
    app.search().clear()
    app.s3().close()
    for client in (app.slack, app.s3, app.search):
        client.cache_clear()
