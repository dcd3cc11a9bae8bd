"""Keep what the function logs, as CloudWatch would, and count the failures that it reports there."""

import json
import logging
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from typing_extensions import override


class Log(logging.Handler):
    """A log that keeps its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def failures(lines: Iterable[str]) -> Counter[tuple[str, str]]:
    """Count the failures that a log reports by handler and event; a line that tells of a dead letter reports none.

    >>> failures(['{"handler": "index", "eventID": "id-1"}', '{"deadLetter": "follow-cards/index/id-1"}'])
    Counter({('index', 'id-1'): 1})
    """
    told = (json.loads(line) for line in lines)
    return Counter((line["handler"], line["eventID"]) for line in told if "deadLetter" not in line)


@contextmanager
def kept() -> Generator[Log]:
    """Keep what streamfn logs for as long as the block lasts, and print none of it."""
    logger, log = logging.getLogger("streamfn"), Log()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.propagate = propagate
