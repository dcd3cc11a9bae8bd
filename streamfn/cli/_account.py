"""The AWS account that a command works in: its options, and the one place where clients are made.

The options become AWS's own environment variables, so that they hold for every client in the process: those that the
user's module makes, its ledger and its dead letters included, and those of processes that are started for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import MutableMapping

EndpointUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="Where AWS is; a local stand-in for it, say."),
]
Region: TypeAlias = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The AWS region.")]
Profile: TypeAlias = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="The profile of AWS's configuration.")
]

_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""What botocore takes rather than a profile."""

_ENDPOINT: Final = "AWS_ENDPOINT_URL"


def use_account(
    endpoint_url: str | None,
    region: str | None,
    profile: str | None,
    environment: MutableMapping[str, str] = os.environ,
) -> None:
    """Have all clients from now on work there; None leaves it to what the environment and AWS's configuration say."""
    if profile is not None:
        for name in _KEYS:
            environment.pop(name, None)
        environment["AWS_PROFILE"] = profile
        environment.pop("AWS_DEFAULT_PROFILE", None)  # which would come first
    if region is not None:
        environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"] = region
    if endpoint_url is not None:
        for name in [name for name in environment if name.startswith(_ENDPOINT)]:
            del environment[name]  # a variable for a single service would come first
        environment.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
        environment[_ENDPOINT] = endpoint_url


def client(service: Literal["dynamodb", "dynamodbstreams", "lambda", "s3"]) -> object:
    """Make boto3's client of a service; who asks for it knows the calls that it has.

    Fails with what botocore raises, which `attempt` makes a line of.
    """
    import boto3

    return boto3.client(service)
