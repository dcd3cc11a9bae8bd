"""Whose something is at AWS: the account and the region that a queue, a function or a stream says it is of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_ARN: Final = re.compile(r"arn:[^:]+:[^:]+:(?P<region>[^:]+):(?P<account>[^:]+):.+", re.DOTALL)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


@dataclass(frozen=True, slots=True)
class Home:
    """An account, and a region of it; None where only the account is known."""

    account: str
    region: str | None

    def has(self, other: Home) -> bool:
        """Whether another is here."""
        return self.account == other.account and self.region in {None, other.region}


def home_of_queue(url: str) -> Home | None:
    """Read off a queue's URL whose it is; None where it does not say that.

    >>> home_of_queue("https://sqs.eu-west-1.amazonaws.com/123456789012/letters")
    Home(account='123456789012', region='eu-west-1')
    >>> home_of_queue("https://sqs.example/letters")
    """
    parts = urlsplit(url)
    account = parts.path.split("/")[1]
    if _ACCOUNT.fullmatch(account) is None:
        return None
    labels = (parts.hostname or "").split(".")
    return Home(account, next((label for label in labels if _REGION.fullmatch(label)), None))


def home_of_arn(arn: str) -> Home | None:
    """Read off an ARN whose it is; None where it does not say that.

    >>> home_of_arn("arn:aws:lambda:eu-west-1:123456789012:function:follow-cards")
    Home(account='123456789012', region='eu-west-1')
    >>> home_of_arn("arn:aws:s3:::letters")
    """
    found = _ARN.fullmatch(arn)
    return None if found is None else Home(found["account"], found["region"])
