"""Serve HTTP on 127.0.0.1 in a thread, for the services that the cards function talks to."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TypeAlias
from urllib.parse import unquote

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class Request:
    """What a service was asked: `path` is decoded, `body` may be empty."""

    method: str
    path: str
    body: bytes


Service: TypeAlias = Callable[[Request], int]
"""A service answers each request with an HTTP status. It is called by one thread at a time."""


@contextmanager
def serving(service: Service) -> Generator[str]:
    """Serve for as long as the block lasts, on a free port, and give the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _answering(service)) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _answering(service: Service) -> type[BaseHTTPRequestHandler]:
    one_at_a_time = Lock()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without this each answer waits 40 ms for the caller's delayed acknowledgement.
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with one_at_a_time:
                status = service(Request(self.command, unquote(self.path), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = do_DELETE = answer

        @override
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: the demo's output is its own."""

    return Answering
