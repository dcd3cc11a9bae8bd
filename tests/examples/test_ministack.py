"""The demo's ministack is there for as long as it is needed, and says why if it is not."""

import socket
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from examples.demo import ministack

opener = build_opener(ProxyHandler({}))


def test_it_answers_inside_the_block_and_is_gone_after_it() -> None:
    with ministack.running() as url:
        with opener.open(f"{url}/_ministack/health", timeout=10) as answer:
            assert 200 == answer.status
        assert url.startswith("http://127.0.0.1:")

    with pytest.raises(URLError):
        opener.open(url, timeout=10)


def test_what_keeps_it_from_starting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of its log is in the message, here about a port that somebody else has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        monkeypatch.setattr(ministack, "free_port", lambda: port)

        with pytest.raises(ministack.MinistackDidNotStart, match="already in use"), ministack.running():
            pass
