"""Filters of a mapping: whether Lambda can read them, whether they match anything, and what they drop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from streamfn._filters.criteria import patterns_for
from streamfn._filters.wanted import for_kind
from streamfn._misuse import Misuse
from streamfn._patterns.matchers import Matcher, compiled
from streamfn._patterns.possible import Asked, check_possible
from streamfn._patterns.shapes import Way
from streamfn._records import table_of
from streamfn._routes import Route
from streamfn._wire import EVENT_NAMES, EventName, RawRecord, StreamViewType, as_text, is_map
from streamfn.mappings._finding import Finding
from streamfn.mappings._rules import Settings, is_of_kinesis
from streamfn.mappings._witness import Source, Witness, witness_of

SETTING: Final = "FilterCriteria"


class _Filter(NamedTuple):
    """A pattern that was read; `inner` is the part of it that is about the change, None if it is about more."""

    matcher: Matcher
    inner: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class _Passes:
    """Tells whether some filter lets a record through, of a stream of whichever view type."""

    matchers: Sequence[Matcher]
    through_kinesis: bool

    def __call__(self, record: RawRecord) -> bool:
        if self.through_kinesis:
            return self._lets_through({"data": _as_data(record)})
        plain = {name: value for name, value in record.items() if name != "tableName"}
        changes = ({**record["dynamodb"], "StreamViewType": view.value} for view in StreamViewType)
        return any(self._lets_through({**plain, "dynamodb": change}) for change in changes)

    def _lets_through(self, told: Mapping[str, object]) -> bool:
        return any(matcher(told) for matcher in self.matchers)


def findings_of_filters(settings: Settings, routes: Sequence[Route] | None) -> Iterator[Finding]:
    """List what is wrong with the filters of a mapping, as far as handlers are known also what they drop."""
    mapping = as_text(settings.get("UUID"))
    if (error := settings.get("FilterCriteriaError")) is not None:
        told = as_text(error.get("ErrorCode")) if is_map(error) else None
        why = "Lambda cannot read the filters, calls nothing, and what the stream holds is forgotten"
        yield Finding(mapping, "FilterCriteriaError", told or "set", "none: see the key of KMSKeyArn", why)
    texts = list(_texts(settings.get(SETTING)))
    read: list[_Filter] = []
    for text in texts:
        try:
            read.append(_read(text, through_kinesis=is_of_kinesis(settings)))
        except (Misuse, ValueError, RecursionError) as problem:
            told = str(problem) if isinstance(problem, Misuse) else "the pattern is no JSON"
            yield Finding(
                mapping, SETTING, text, "one that can be judged", f"nobody can tell what it drops: {told}"
            )
    yield from _findings_of_read(settings, texts, read, routes)


def _findings_of_read(
    settings: Settings, texts: Sequence[str], read: Sequence[_Filter], routes: Sequence[Route] | None
) -> Iterator[Finding]:
    mapping, arn = as_text(settings.get("UUID")), as_text(settings.get("EventSourceArn")) or ""
    ways: list[Way] = ["data"] if is_of_kinesis(settings) else ["stream"]
    own = table_of(arn)
    followed = list(dict.fromkeys(route.table.name for route in routes or ()))
    tables = followed if own is None else [own]
    alternatives: list[list[Asked]] = []
    for each in read:
        try:
            alternatives += check_possible(each.matcher.pattern, tables, _keys(routes or (), tables), ways)
        except Misuse as problem:
            text = json.dumps(each.matcher.pattern)
            wanted = "a pattern of what records have"
            yield Finding(
                mapping, SETTING, text, wanted, f"a part of it matches no record, or says nothing: {problem}"
            )
    if routes is None or not read or len(read) < len(texts) or any(each.inner is None for each in read):
        return
    dropped: list[EventName] = [
        name for name in EVENT_NAMES if all(for_kind(each.inner or {}, name) is None for each in read)
    ]
    passes = _Passes([each.matcher for each in read], is_of_kinesis(settings))
    for table in tables:
        of_table = [route for route in routes if route.table.name == table]
        if found := list(witness_of(of_table, Source(arn, table), alternatives, passes, dropped)):
            computed = patterns_for(of_table, table, through_kinesis=is_of_kinesis(settings))
            yield Finding(
                mapping,
                SETTING,
                ", ".join(texts),
                ", ".join(computed) or "none",
                f"they drop what handlers want, and nothing brings it back: {', '.join(map(_told, found))}",
            )


def _texts(criteria: object) -> Iterator[str]:
    filters = criteria.get("Filters") if is_map(criteria) else None
    for each in (
        cast("list[object]", filters) if isinstance(filters, list) else []
    ):  # isinstance drops the type
        pattern = each.get("Pattern") if is_map(each) else None
        yield pattern if isinstance(pattern, str) else ""


def _read(text: str, *, through_kinesis: bool) -> _Filter:
    """Read a pattern. Fails with `Misuse` for what is none here, and with ValueError for what is no JSON."""
    told: object = json.loads(text)
    if not is_map(told):
        raise Misuse("the pattern is no object")
    matcher = compiled(told)
    if not through_kinesis:
        return _Filter(matcher, matcher.pattern)
    inner = matcher.pattern.get("data")
    return _Filter(matcher, inner if len(matcher.pattern) == 1 and is_map(inner) else None)


def _keys(routes: Sequence[Route], tables: Sequence[str]) -> Mapping[str, str]:
    """Give the keys of a table if all who know them agree."""
    found = [
        {key.name: key.tag for key in route.table.key_attributes.attributes}
        for route in routes
        if route.table.name in tables
    ]
    return found[0] if found and all(each == found[0] for each in found) else {}


def _told(witness: Witness) -> str:
    return f"{witness.event_name} for {witness.handler}"


def _as_data(record: RawRecord) -> Mapping[str, object]:
    """Write a record as DynamoDB does for Kinesis."""
    change = {
        name: value
        for name, value in record["dynamodb"].items()
        if name not in {"SequenceNumber", "StreamViewType"}
    }
    known = {name: value for name, value in record.items() if name not in {"eventVersion", "eventSourceARN"}}
    return {"userIdentity": None, **known, "recordFormat": "application/json", "dynamodb": change}
