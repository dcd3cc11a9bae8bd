"""A function as Lambda runs it: in a process of its own, under AWS's runtime client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from queue import Empty
from threading import Thread
from typing import Final

from tests.runtime.api import Answer, Exited, Returned, RuntimeApi, Taken, serving

ROOT: Final = Path(__file__).parents[2]

PATIENCE: Final = 60
"""Seconds after which a function counts as hanging."""


@dataclass(frozen=True, slots=True)
class Function:
    """A running function; `log` is where its output goes."""

    log: Path
    _api: RuntimeApi
    _process: subprocess.Popen[bytes]
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def invoke(self, event: object, *, within: timedelta = timedelta(seconds=30)) -> object:
        """Call the function, and give what it returned; fails with `AssertionError` if it did not return."""
        answer = self.attempt(event, within=within)
        assert isinstance(answer, Returned), f"{answer}\n{self.log.read_text()}"
        return answer.value

    def attempt(self, event: object, *, within: timedelta = timedelta(seconds=30)) -> Answer:
        """Call the function, and wait for what comes of it."""
        request_id = f"request-{next(self._numbers)}"
        self._api.invoke(request_id, event, within)
        answer = self.answer()
        assert isinstance(answer, Exited) or answer.request_id == request_id, self.log.read_text()
        return answer

    def attempt_until_deadline(self, event: object, *, within: timedelta) -> Answer:
        """Call the function, and kill its process when its time is up, as Lambda does."""
        self._api.invoke(f"request-{next(self._numbers)}", event, within)
        taken = self._next()
        assert isinstance(taken, Taken), f"{taken}\n{self.log.read_text()}"
        left = (taken.deadline - datetime.now(UTC)).total_seconds()
        try:
            said = self._api.answers.get(timeout=max(left, 0))
        except Empty:
            self.kill()
            return self.answer()
        assert not isinstance(said, Taken)
        return said

    def answer(self) -> Answer:
        """Wait for what comes next: an answer, that the function cannot be imported, or that its process ends."""
        while isinstance(said := self._next(), Taken):
            pass
        return said

    def kill(self) -> None:
        """End its process in the middle of whatever it does."""
        self._process.kill()

    def _next(self) -> Taken | Answer:
        try:
            return self._api.answers.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"no answer\n{self.log.read_text()}") from None


@contextmanager
def running(handler: str, code: Path, folder: Path, environment: Mapping[str, str]) -> Generator[Function]:
    """Run a function for as long as the block lasts.

    `handler` is its name in Lambda's settings, such as ``app.handler``, and `code` the folder with the module. `folder`
    takes its log, after that of earlier processes.
    """
    api = RuntimeApi()
    log = folder / "function.log"
    with log.open("ab") as output, serving(api) as address:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=code,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(ROOT),  # which is how Lambda makes layers known
                "PYTHONWARNINGS": "error",
                "AWS_LAMBDA_RUNTIME_API": address,
                "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
                "AWS_LAMBDA_FUNCTION_NAME": "cards",
                "TMPDIR": str(folder),
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        watch = Thread(target=lambda: api.answers.put(Exited(process.wait())))
        watch.start()
        try:
            yield Function(log, api, process)
        finally:
            process.terminate()
            watch.join()
