"""Start ministack, which plays DynamoDB, S3 and SQS, and end it again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.request import ProxyHandler, build_opener

LOOPBACK: Final = "127.0.0.1"
READY_WITHIN: Final = 30.0
"""How long ministack may take to answer, in seconds; a fraction of one is usual."""


class MinistackDidNotStart(RuntimeError):
    """ministack ended, or did not answer in time; the message holds the last lines of its log."""


@contextmanager
def running() -> Generator[str]:
    """Run ministack for as long as the block lasts, and give its URL.

    It listens on 127.0.0.1 alone, keeps everything in memory, and writes its log into a folder that goes away with it.
    Fails with `MinistackDidNotStart`.
    """
    with TemporaryDirectory(prefix="cards-demo-") as folder:
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        log = Path(folder) / "ministack.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "ministack"]
            server = subprocess.Popen(
                command, cwd=folder, env=_settings(folder, port), stdout=out, stderr=out
            )
        try:
            _wait_until_ready(server, url, log)
            yield url
        finally:
            _end(server)


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _settings(folder: str, port: int) -> dict[str, str]:
    """Make ministack's whole environment, so that no setting of the caller's shell reaches it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": folder,
        "HOME": folder,
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": LOOPBACK,
        "SERVICES": "dynamodb,dynamodbstreams,iam,lambda,s3,secretsmanager,sqs,sts",
        # It would otherwise listen for SFTP and MQTT as well, and look for containers to clean up.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
    }


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        try:
            with opener.open(f"{url}/_ministack/health", timeout=1):
                return
        except OSError:  # not there yet, or not answering yet
            if _ended(server, within=0.05):
                break
    raise MinistackDidNotStart("ministack did not start; the end of its log:\n" + _tail(log))


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-10:])


def _ended(server: subprocess.Popen[bytes], *, within: float) -> bool:
    try:
        server.wait(within)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    if not _ended(server, within=10):
        server.kill()
        server.wait()
