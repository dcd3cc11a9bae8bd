"""What handlers want of one table, as patterns: for each kind of change, what its pattern asks for besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias, cast

from streamfn._patterns.matchers import compiled
from streamfn._patterns.plain import is_array
from streamfn._wire import EventName, is_map

Pattern: TypeAlias = Mapping[str, object]
"""A pattern in EventBridge's syntax, as plain JSON; one without fields matches everything."""

OR: Final = "$or"
EVENT_NAME: Final = "eventName"
TABLE_NAME: Final = "tableName"

# What is in the data of Kinesis's entries, and there in the part that tells the change.
_IN_DATA: Final = frozenset({"dynamodb", "eventID", EVENT_NAME, "userIdentity"})
_IN_CHANGE: Final = frozenset({"Keys", "NewImage", "OldImage"})


def of_table(wants: Iterable[tuple[EventName, Pattern]]) -> list[Pattern]:
    """Make patterns that together match what is wanted: for each kind of change, what matches its pattern."""
    patterns: list[Pattern] = []
    for name, pattern in wants:
        rest = for_kind(pattern, name)
        if rest is not None:
            patterns.append({EVENT_NAME: [name], **rest})
    return patterns


def for_kind(pattern: Pattern, name: EventName) -> Pattern | None:
    """Give what a pattern asks for besides a kind of change, of which it may say something; None if it is not for it.

    >>> for_kind({"eventName": ["INSERT", "REMOVE"], "dynamodb": {"Keys": {"pk": {"S": ["a"]}}}}, "REMOVE")
    {'dynamodb': {'Keys': {'pk': {'S': ['a']}}}}
    """
    rest: dict[str, object] = {}
    for field, content in pattern.items():
        if field == EVENT_NAME:
            if not compiled({EVENT_NAME: content})({EVENT_NAME: name}):
                return None
        elif field == OR:
            chosen = [for_kind(choice, name) for choice in choices_of(pattern)]
            left = [choice for choice in chosen if choice is not None]
            if not left:
                return None
            if all(left):
                # An `$or` takes two choices at least, which may be the same.
                rest[OR] = left if len(left) > 1 else left * 2
            elif asks_for_absence(pattern):
                # A choice asks for nothing more, and whether a field is absent depends on what else is asked for.
                return {}
        else:
            rest[field] = content
    return rest


def choices_of(pattern: Pattern) -> Sequence[Pattern]:
    """Give the choices of a pattern's `$or`, or none."""
    return cast("Sequence[Pattern]", pattern.get(OR, ()))  # whoever compiled the pattern has checked that


def of_table_in_kinesis(table_name: str, wants: Iterable[tuple[EventName, Pattern]]) -> list[Pattern]:
    """Make such patterns of a table's changes as Kinesis carries them, among those of other tables.

    What its entries do not tell, the place in a shard of the table's stream say, is not asked for.
    """
    return [{TABLE_NAME: [table_name], **_in_data(pattern)} for pattern in of_table(wants)]


def for_a_pipe(pattern: Pattern) -> Pattern:
    """Widen a pattern of one kind of change until a pipe of EventBridge takes it.

    "Comparison operators" in the Amazon EventBridge User Guide marks these as not supported by pipes: `anything-but`
    with `prefix`, with `suffix` and with `equals-ignore-case`.

    >>> keys = {"pk": {"S": [{"anything-but": {"prefix": "x"}}]}, "sk": {"S": ["a"]}}
    >>> for_a_pipe({"eventName": ["INSERT"], "dynamodb": {"Keys": keys}})
    {'eventName': ['INSERT'], 'dynamodb': {'Keys': {'sk': {'S': ['a']}}}}
    """
    widened = _within_pipes(pattern)
    if widened != pattern and asks_for_absence(pattern):
        return {name: pattern[name] for name in (TABLE_NAME, EVENT_NAME) if name in pattern}
    return widened


def _within_pipes(pattern: Pattern) -> Pattern:
    """Leave out the fields that a pipe cannot judge, and alternatives of which one asks for nothing then."""
    kept: dict[str, object] = {}
    for field, content in pattern.items():
        if field == OR:
            choices = [_within_pipes(choice) for choice in choices_of(pattern)]
            if all(choices):
                kept[OR] = choices
        elif is_map(content):
            if within := _within_pipes(content):
                kept[field] = within
        elif not any(
            map(_is_beyond_pipes, cast("list[object]", content))
        ):  # an array, as the pattern was compiled
            kept[field] = content
    return kept


def _is_beyond_pipes(element: object) -> bool:
    return is_map(element) and is_map(element.get("anything-but"))


def asks_for_absence(part: object) -> bool:
    """Whether a part of a pattern asks for a field not to be there.

    Within an array, that is judged among the elements that the other fields leave open. So a pattern of fewer fields
    need not match more.
    """
    if is_map(part):
        return part.get("exists") is False or any(map(asks_for_absence, part.values()))
    return is_array(part) and any(map(asks_for_absence, part))


def _in_data(pattern: Pattern) -> Pattern:
    known = _known(pattern, _IN_DATA)
    if known != pattern and asks_for_absence(pattern):
        return {EVENT_NAME: pattern[EVENT_NAME]}
    return known


def _known(pattern: Pattern, names: frozenset[str]) -> Pattern:
    known: dict[str, object] = {}
    for field, content in pattern.items():
        if field == OR:
            if all(_known(choice, names) == choice for choice in choices_of(pattern)):
                known[OR] = content
        elif field == "dynamodb" and is_map(content):
            if within := _known(content, _IN_CHANGE):
                known[field] = within
        elif field in names:
            known[field] = content
    return known
