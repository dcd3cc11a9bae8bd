"""A function behind a stream whose handlers nobody sees, and the records and answers to try it with."""

from __future__ import annotations

from streamfn import read
from tests.cards import Json, record


class Function:
    """A function that keeps the sequence numbers that it was given, and answers as it is told to."""

    def __init__(self, *answers: object) -> None:
        self.batches: list[list[int]] = []
        self._answers = list(answers)

    def __call__(self, event: object, _: object) -> object:
        self.batches.append([int(each.sequence_number or "") for each in read(event)])
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def records(*numbers: int) -> list[Json]:
    return [record(number) for number in numbers]


def failing(*numbers: int) -> object:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}
