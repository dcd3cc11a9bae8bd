"""A line to a service: TCP connections through this process, which can be cut, or made to lose what is answered."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from typing import Final, Literal, TypeAlias

from typing_extensions import override

State: TypeAlias = Literal["sound", "cut", "deaf"]
"""`cut`: nobody gets through. `deaf`: requests get through and are done, but no answer comes back."""

_AT_ONCE: Final = 65_536


class Line:
    """Passes bytes to a service and back, as long as nobody breaks it."""

    def __init__(self, host: str, port: int) -> None:
        """Lead to a service, which need not be there yet."""
        self.when_lost: Callable[[], object] = _nothing
        """Called when an answer is lost, before anybody can know."""
        self._service = (host, port)
        self._state: State = "sound"
        self._open: set[socket.socket] = set()
        self._lock = Lock()

    def cut(self) -> None:
        """Let nobody through, and end what is under way."""
        self._break("cut")

    def go_deaf(self) -> None:
        """Pass on what is asked, and nothing of what is answered from now on."""
        self._break("deaf")

    def mend(self) -> None:
        """Make it sound again, for new connections."""
        self._state = "sound"

    def connect(self, client: socket.socket) -> None:
        """Pass bytes on for as long as both ends, and the state of the line, permit."""
        # A service that is not there, or ends, and a client that ends: all of it is what a line has to do with.
        with suppress(OSError), socket.create_connection(self._service) as service:
            ends = {client, service}
            if not self._opened(ends):
                return
            asking = Thread(target=self._pass_on, args=(client, service), daemon=True)
            asking.start()
            self._pass_on(service, client, answers=True)
            asking.join()
            with self._lock:
                self._open -= ends

    def _opened(self, ends: set[socket.socket]) -> bool:
        for end in ends:
            # Without this the halves of a message wait 40 ms for one another.
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            if self._state == "cut":
                return False
            self._open |= ends
            return True

    def _break(self, state: State) -> None:
        with self._lock:
            self._state = state
            ends = set(self._open) if state == "cut" else set[socket.socket]()
        for end in ends:
            _end(end)

    def _pass_on(self, source: socket.socket, target: socket.socket, *, answers: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(_AT_ONCE):
                if answers and self._state == "deaf":
                    self.when_lost()
                    break
                target.sendall(data)
        _end(source)
        _end(target)


def _nothing() -> None:
    """Do nothing."""


def _end(end: socket.socket) -> None:
    with suppress(OSError):  # it has ended already
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def leading_to(host: str, port: int) -> Generator[tuple[Line, str]]:
    """Lead a line to a service for as long as the block lasts, and give its own URL on 127.0.0.1."""
    line = Line(host, port)

    class Connecting(BaseRequestHandler):
        request: socket.socket

        @override
        def handle(self) -> None:
            line.connect(self.request)

    with ThreadingTCPServer(("127.0.0.1", 0), Connecting) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield line, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            line.cut()
            server.shutdown()
            thread.join()
