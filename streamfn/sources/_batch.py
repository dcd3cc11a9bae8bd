"""A batch: records of one shard in their order, which a consumer settles or gets again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

from typing_extensions import override

from streamfn._delivery.taking import settled_by
from streamfn._misuse import Misuse


class Payload(TypedDict):
    """What Lambda would hand to a function: JSON, in Lambda's names, whatever boto3 made of the records."""

    Records: list[Mapping[str, object]]


class Batch:
    """Some records of a shard, the oldest that are not settled. `StreamReader.batches` gives them.

    `settle` says what became of it, before the next batch is asked for. A batch of which nothing is said comes again.
    """

    def __init__(
        self,
        stream_arn: str,
        shard_id: str,
        records: Sequence[Mapping[str, object]],
        numbers: Sequence[str],
        settled: Callable[[int, str], None],
    ) -> None:
        """Take records with their sequence numbers, and whom to tell how many are settled and why no more."""
        self.stream_arn = stream_arn
        self.shard_id = shard_id
        self.records = records
        self._numbers = numbers
        self._settled = settled
        self._is_open = True

    @property
    def payload(self) -> Payload:
        """What Lambda would hand to a function: for a pipeline, or for what `lambda_handler` makes."""
        return {"Records": [dict(record) for record in self.records]}

    def settle(self, answer: object = None) -> int:
        """Take an answer as Lambda does, and save the checkpoint; give how many records are settled by it.

        The answer is what a function gives to Lambda: `{"batchItemFailures": [...]}`, or None if all succeeded. The
        rest comes again after a while. It raises what saving the checkpoint raises, and fails with `Misuse` if
        something has been said of the batch before, or another one has been asked for.
        """
        taken = settled_by(answer, self._numbers)
        count, reason = (taken, "the answer names it") if isinstance(taken, int) else (0, taken)
        self._close(count, reason)
        return count

    def refuse(self, reason: str = "it was refused") -> None:
        """Have all of it come again after a while; the reason is reported, and should hold no data.

        It fails with `Misuse` as `settle` does.
        """
        self._close(0, reason)

    def give_up(self) -> None:
        """Have it come again if nothing was said of it: the next batch is asked for."""
        if self._is_open:
            self._close(0, "nothing was said of it")

    def _close(self, count: int, reason: str) -> None:
        if not self._is_open:
            raise Misuse("a batch is settled once, and before the next one is asked for")
        self._is_open = False
        self._settled(count, reason)

    @override
    def __repr__(self) -> str:
        return f"Batch({self.shard_id!r}, {len(self.records)} records from {self._numbers[0]} on)"
