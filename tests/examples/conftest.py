"""A ministack, and the services that the cards function talks to."""

from collections.abc import Generator
from contextlib import ExitStack

import pytest

from examples.demo import ministack
from examples.demo.loopback import serving
from tests.examples.outside import Outside, fresh_clients


@pytest.fixture(scope="session")
def aws() -> Generator[str]:
    """Run a ministack, and give its URL."""
    with ministack.running() as url:
        yield url


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Generator[Outside]:
    """Run the services, and point the function's environment at them."""
    services = Outside()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as running:
        monkeypatch.setenv("SLACK_WEBHOOK_URL", running.enter_context(serving(services.slack)))
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.enter_context(serving(services.s3)))
        monkeypatch.setenv("SEARCH_URL", running.enter_context(serving(services.search)))
        monkeypatch.setenv("BACKUP_BUCKET", "backups")
        running.enter_context(fresh_clients())
        yield services
