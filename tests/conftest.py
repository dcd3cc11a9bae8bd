"""What holds for every test: no AWS but a local one, and no test that fails by the clock or by chance."""

import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import settings

from streamfn._execution.event_loop import submit

# Wrong programs, which tests/typing shows to the type checkers, and functions that tests/runtime runs as Lambda does.
collect_ignore = ["typing/rejected", "runtime/functions"]

# SAM's transform and cfn-lint do not support Python 3.15 yet; these tests of templates, and what they share, need both.
if find_spec("cfnlint") is None:
    collect_ignore += [
        "examples/test_deployed.py",
        "examples/test_template.py",
        "examples/test_template_stores.py",
        "ledgers/test_template.py",
        "mappings/test_template.py",
    ]

# A slow machine is no failure, and one commit gives one verdict; `make fuzz` is where chance has its place.
settings.register_profile("streamfn", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("streamfn")


@pytest.fixture(autouse=True, scope="session")
def _no_account() -> Iterator[None]:
    """Hide the developer's own AWS account, so that no client can change anything there."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        environment.setenv("AWS_CONFIG_FILE", "/dev/null")
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(autouse=True)
def _covered_event_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have coverage look at the event loop's thread again: after a `no_cover` test it sees new threads alone."""
    yield
    if request.node.get_closest_marker("no_cover") is not None:
        submit(_traced()).result()


async def _traced() -> None:
    sys.settrace(threading.gettrace())
