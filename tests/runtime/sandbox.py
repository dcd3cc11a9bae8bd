"""A function as Lambda runs it: in a process of its own, under AWS's runtime client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from queue import Empty
from threading import Thread
from typing import Final

from tests.runtime.api import Answer, Exited, Returned, RuntimeApi, serving

ROOT: Final = Path(__file__).parents[2]

PATIENCE: Final = 60
"""Seconds after which a function counts as hanging."""


@dataclass(frozen=True, slots=True)
class Function:
    """A running function; `log` is where its output goes."""

    log: Path
    _api: RuntimeApi
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

    def answer(self) -> Answer:
        """Wait for what the function says without being called: that it cannot be imported."""
        try:
            return self._api.answers.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"no answer\n{self.log.read_text()}") from None


@contextmanager
def running(handler: str, code: Path, folder: Path, environment: Mapping[str, str]) -> Generator[Function]:
    """Run a function for as long as the block lasts.

    `handler` is its name in Lambda's settings, such as ``app.handler``, and `code` the folder with the module. `folder`
    takes its log.
    """
    api = RuntimeApi()
    log = folder / "function.log"
    with log.open("wb") as output, serving(api) as address:
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
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        watch = Thread(target=lambda: api.answers.put(Exited(process.wait())))
        watch.start()
        try:
            yield Function(log, api)
        finally:
            process.terminate()
            watch.join()
