"""How Lambda takes the answer of a function: as a success, as a partial one, or as the failure of the whole batch.

A reader of streams and the simulator take answers so, too.

The shapes are those of "Reporting batch item failures" in "Using AWS Lambda with Amazon DynamoDB", AWS Lambda Developer
Guide. What is not described there, an answer that is neither an object nor empty say, is taken for a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from streamfn._wire import is_map


def settled_by(answer: object, numbers: Sequence[str]) -> int | str:
    """Count the records, from the first on, that an answer settles, or say why it fails the whole batch.

    `numbers` are the sequence numbers of the batch, in its order.

    >>> settled_by({"batchItemFailures": [{"itemIdentifier": "8"}, {"itemIdentifier": "7"}]}, ["6", "7", "8"])
    1
    >>> settled_by({"batchItemFailures": [{"itemIdentifier": "9"}]}, ["6", "7", "8"])
    'the answer names a record that is not in the batch'
    """
    if answer is None or answer == []:
        return len(numbers)
    if not is_map(answer):
        return "the answer is no object"
    failures = answer.get("batchItemFailures")
    if failures is None:
        return len(numbers)
    if not isinstance(failures, list):
        return "batchItemFailures is no list"
    places = {number: place for place, number in enumerate(numbers)}
    settled = len(numbers)
    for failure in cast("list[object]", failures):  # isinstance drops the type
        place = _place(failure, places)
        if isinstance(place, str):
            return place
        settled = min(settled, place)
    return settled


def _place(failure: object, places: Mapping[str, int]) -> int | str:
    identifier = failure.get("itemIdentifier") if is_map(failure) else None
    if not isinstance(identifier, str) or not identifier:
        return "the answer has an entry without itemIdentifier"
    return places.get(identifier, "the answer names a record that is not in the batch")
