"""A Runtime API, as Lambda offers it to the runtime client inside a function's sandbox.

The paths and headers are those of "Using the Lambda runtime API for custom runtimes" in the AWS Lambda Developer Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeAlias, cast

from typing_extensions import override

_PATH: Final = re.compile(
    r"/2018-06-01/runtime/(invocation/(?P<id>[^/]+)/)?(?P<what>next|response|error|init/error)"
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the function is to be called with, and how long it has from then on."""

    request_id: str
    event: str
    within: timedelta


@dataclass(frozen=True, slots=True)
class Taken:
    """The function has taken an invocation, and has until this moment."""

    deadline: datetime


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned, and this is the JSON of it."""

    request_id: str
    value: object


@dataclass(frozen=True, slots=True)
class Errored:
    """The function raised; without a request if that was before the first one, at its import."""

    request_id: str | None
    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The function's process ended."""

    code: int


Answer: TypeAlias = Returned | Errored | Exited


@dataclass(slots=True)
class RuntimeApi:
    """The server's two queues: what the function shall be called with, and what it took and answered."""

    invocations: SimpleQueue[Invocation | None] = field(default_factory=SimpleQueue)
    answers: SimpleQueue[Taken | Answer] = field(default_factory=SimpleQueue)

    def invoke(self, request_id: str, event: object, within: timedelta) -> None:
        """Have the function called, with a deadline this far away from when it takes the call."""
        self.invocations.put(Invocation(request_id, json.dumps(event), within))

    def taken(self, invocation: Invocation) -> datetime:
        """Take note that the function takes an invocation, and say what its deadline is."""
        deadline = datetime.now(UTC) + invocation.within
        self.answers.put(Taken(deadline))
        return deadline

    def answered(self, request_id: str | None, what: str, body: bytes) -> None:
        """Keep an answer."""
        value: object = json.loads(body)
        if what == "response":
            self.answers.put(Returned(request_id or "", value))
        else:
            # The runtime client writes errors in this shape.
            error = cast("dict[str, str]", value)
            self.answers.put(Errored(request_id, error["errorType"], error["errorMessage"]))


@contextmanager
def serving(api: RuntimeApi) -> Generator[str]:
    """Serve for as long as the block lasts, on a free port of 127.0.0.1, and give host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _answering(api)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            api.invocations.put(None)
            server.shutdown()
            thread.join()


def _answering(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without this each answer waits 40 ms for the caller's delayed acknowledgement.
        disable_nagle_algorithm = True

        @override
        def handle(self) -> None:
            """Answer for as long as the function's process lives, which it need not tell when it ends."""
            with suppress(ConnectionError):
                super().handle()

        def do_GET(self) -> None:
            """Give the next invocation, as soon as there is one; none ends the connection."""
            invocation = api.invocations.get()
            if invocation is None:
                self.close_connection = True
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(api.taken(invocation).timestamp() * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:cards",
            }
            self._answer(200, invocation.event.encode(), headers)

        def do_POST(self) -> None:
            """Take what the function answered."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = _PATH.fullmatch(self.path)
            if asked is None:
                self._answer(404, b"", {})
                return
            api.answered(asked["id"], asked["what"], body)
            self._answer(202, b"{}", {})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    return Answering
