"""`check_mapping`: the checks of filters, and the check of a function with its mappings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple, Protocol, cast

from typing_extensions import TypeIs

from streamfn._delivery.descriptions import STRICTEST, MappingNeeds, needs_of
from streamfn._errors import ConfigurationError
from streamfn._execution.run import series
from streamfn._handlers import Handler
from streamfn._patterns.domains import Transport
from streamfn._patterns.matching import Matcher, compile_pattern
from streamfn._patterns.possible import ReadableField, check_possible
from streamfn._pipeline import Pipeline, Route
from streamfn._records import (
    EVENT_NAMES,
    EventName,
    RawRecord,
    StreamViewType,
    is_map,
    table_of,
    text_or_none,
)
from streamfn._tables import Table, compiled_table
from streamfn.mappings._filters import filter_patterns, without_event_name
from streamfn.mappings._rules import FOLDS, Finding, MappingConfiguration, is_of_kinesis, judge, service_of
from streamfn.mappings._witness import RecordOrigin, Witness, witness_of

# The filters of a mapping: whether Lambda can read them, whether any record matches, and which records they drop.

SETTING: Final = "FilterCriteria"


class _Filter(NamedTuple):
    """A parsed pattern; `inner` is its part about the change, None if it has other parts as well."""

    matcher: Matcher
    inner: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class _Passes:
    """Tells whether some filter passes a record, for a stream of any view type."""

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


def findings_of_filters(settings: MappingConfiguration, routes: Sequence[Route] | None) -> Iterator[Finding]:
    """List the defects of a mapping's filters; if handlers are known, also the records that the filters drop."""
    mapping = text_or_none(settings.get("UUID"))
    if (error := settings.get("FilterCriteriaError")) is not None:
        told = text_or_none(error.get("ErrorCode")) if is_map(error) else None
        why = "Lambda cannot read the filters, calls nothing, and what the stream holds is forgotten"
        yield Finding(mapping, "FilterCriteriaError", told or "set", "none: see the key of KMSKeyArn", why)
    texts = list(_texts(settings.get(SETTING)))
    read: list[_Filter] = []
    for text in texts:
        try:
            read.append(_read(text, through_kinesis=is_of_kinesis(settings)))
        except (ConfigurationError, ValueError, RecursionError) as problem:
            told = str(problem) if isinstance(problem, ConfigurationError) else "the pattern is no JSON"
            yield Finding(
                mapping, SETTING, text, "one that can be judged", f"nobody can tell what it drops: {told}"
            )
    yield from _findings_of_read(settings, texts, read, routes)


def _findings_of_read(
    settings: MappingConfiguration,
    texts: Sequence[str],
    read: Sequence[_Filter],
    routes: Sequence[Route] | None,
) -> Iterator[Finding]:
    mapping, arn = text_or_none(settings.get("UUID")), text_or_none(settings.get("EventSourceArn")) or ""
    ways: list[Transport] = ["data"] if is_of_kinesis(settings) else ["stream"]
    own = table_of(arn)
    followed = list(dict.fromkeys(route.table.name for route in routes or ()))
    tables = followed if own is None else [own]
    alternatives: list[list[ReadableField]] = []
    for each in read:
        try:
            alternatives += check_possible(each.matcher.pattern, tables, _keys(routes or (), tables), ways)
        except ConfigurationError as problem:
            text = json.dumps(each.matcher.pattern)
            wanted = "a pattern of what records have"
            yield Finding(
                mapping, SETTING, text, wanted, f"a part of it matches no record, or says nothing: {problem}"
            )
    if routes is None or not read or len(read) < len(texts) or any(each.inner is None for each in read):
        return
    dropped: list[EventName] = [
        name
        for name in EVENT_NAMES
        if all(without_event_name(each.inner or {}, name) is None for each in read)
    ]
    passes = _Passes([each.matcher for each in read], is_of_kinesis(settings))
    for table in tables:
        of_table = [route for route in routes if route.table.name == table]
        if found := list(witness_of(of_table, RecordOrigin(arn, table), alternatives, passes, dropped)):
            computed = filter_patterns(of_table, table, through_kinesis=is_of_kinesis(settings))
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
    """Parse a pattern.

    Raises `ConfigurationError` for text that is no pattern here, and ValueError for text that is no JSON.
    """
    told: object = json.loads(text)
    if not is_map(told):
        raise ConfigurationError("the pattern is no object")
    matcher = compile_pattern(told)
    if not through_kinesis:
        return _Filter(matcher, matcher.pattern)
    inner = matcher.pattern.get("data")
    return _Filter(matcher, inner if len(matcher.pattern) == 1 and is_map(inner) else None)


def _keys(routes: Sequence[Route], tables: Sequence[str]) -> Mapping[str, str]:
    """Return the keys of a table if all routes agree on them; an empty map otherwise."""
    found = [
        {key.name: key.tag for key in compiled_table(route.table).keys.attributes}
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


# The check: reads a function's event source mappings and its timeout, and judges them.

_MARGIN: Final = timedelta(seconds=1)
"""The margin of an unknown function: the default of `lambda_handler`."""

_TIMEOUT: Final = 3
"""Lambda's default timeout, in seconds."""


class LambdaClient(Protocol):
    """The methods of boto3's Lambda client that are used here."""

    def get_function_configuration(self, *, FunctionName: str) -> Mapping[str, object]:  # noqa: N803 (AWS's own)
        """Return the settings of a function."""
        ...

    def list_event_source_mappings(
        self,
        *,
        FunctionName: str,  # noqa: N803 (AWS's own)
        Marker: str = ...,  # noqa: N803 (AWS's own)
    ) -> Mapping[str, object]:
        """Return a page of the event source mappings of a function."""
        ...


class Delivering(Protocol):
    """The attributes of a function made by `lambda_handler` that are used here."""

    @property
    def delivery(self) -> object:
        """The delivery of failures."""
        ...

    @property
    def margin(self) -> timedelta:
        """The time before Lambda's timeout in which no handler starts."""
        ...


class Folding(Protocol):
    """The attribute of a function made by `window_handler` that is used here."""

    @property
    def fold(self) -> object:
        """The function that folds an event into the state."""
        ...


def check_mapping(
    client: LambdaClient, function_name: str, handler: Delivering | Folding | None = None
) -> list[Finding]:
    """List the settings of a function's event source mappings that defeat its delivery; an empty list if none does.

    `client` is ``boto3.client("lambda")``, which needs the permissions ``lambda:GetFunctionConfiguration`` and
    ``lambda:ListEventSourceMappings``. `function_name` is the function's name or ARN, with the version or the alias if
    its mappings name one. `handler` is the function made by `lambda_handler` or `window_handler`; without it, the
    settings are judged by the strictest delivery, which is `retry` with a ledger and dead letters.

    Only mappings of DynamoDB streams and of Kinesis streams are judged. A disabled mapping is judged as well, because
    it may be enabled next, unless another mapping reads the same stream.

    With a handler, its tables are compared with the mapped streams, and the records that handlers want with the
    filters. For this, the check makes records that a handler wants: it asks the table's pattern, its model and the
    handler's `where`, and calls no handler. A filter that drops such a record is a finding; a check without findings
    proves the filters no more than any test would. ``filter_criteria`` computes filters that fit.

    Raises the exceptions of the client, such as ``ResourceNotFoundException`` for a function that does not exist.
    """
    if handler is None:
        return findings_of(client, function_name, STRICTEST, _MARGIN)
    if _folds(handler):
        return findings_of(client, function_name, FOLDS, timedelta(), _routes_of(handler))
    return findings_of(client, function_name, needs_of(handler.delivery), handler.margin, _routes_of(handler))


def _folds(handler: Delivering | Folding) -> TypeIs[Folding]:
    return hasattr(handler, "fold")


def _routes_of(handler: object) -> Sequence[Route] | None:
    """Return the routes of a function of this library; None for any other function."""
    process = getattr(handler, "process", None)
    if isinstance(process, Pipeline):
        return cast("Pipeline[object, object]", process).routes  # isinstance drops the types
    table, fold = getattr(handler, "table", None), getattr(handler, "fold", None)
    if isinstance(table, Table) and callable(fold):
        name = text_or_none(getattr(handler, "name", None)) or "fold"
        every: Handler[object, object, object] = Handler(name, "event", fold, None)
        return (Route(cast("Table[object]", table), (every,), series),)  # series only reads the table
    return None


def findings_of(
    client: LambdaClient,
    function_name: str,
    needs: MappingNeeds,
    margin: timedelta,
    routes: Sequence[Route] | None = None,
) -> list[Finding]:
    """List the settings that defeat a delivery with these needs, those of the function as a whole first.

    `routes` are the tables and handlers of the function, if they are known.
    """
    configuration = client.get_function_configuration(FunctionName=function_name)
    mappings = [each for each in _listed(client, function_name) if _is_of_a_stream(each)]
    enabled = [each for each in mappings if _is_enabled(each)]
    read = {_stream(each) for each in enabled}
    idle = [each for each in mappings if not _is_enabled(each) and _stream(each) not in read]
    return [
        *_of_timeout(configuration, margin),
        *_of_number(mappings),
        *_of_repetition(enabled, needs),
        *_of_tables(mappings, routes),
        *map(_of_state, idle),
        *(found for each in [*enabled, *idle] for found in _judged(each, needs, routes)),
    ]


def _judged(
    mapping: MappingConfiguration, needs: MappingNeeds, routes: Sequence[Route] | None
) -> Iterator[Finding]:
    """Judge one mapping: its stream, its settings, and its filters if its stream is one that the function follows."""
    if (stranger := _of_stream(mapping, routes)) is not None:
        yield stranger
    yield from judge(mapping, needs)
    yield from findings_of_filters(mapping, routes if stranger is None else None)


def _of_stream(mapping: MappingConfiguration, routes: Sequence[Route] | None) -> Finding | None:
    """Return the finding for a mapping whose stream belongs to a table that the function does not follow."""
    table = table_of(_stream(mapping))
    if routes is None or table is None or table in (known := _names(routes)):
        return None
    return Finding(
        text_or_none(mapping.get("UUID")),
        "EventSourceArn",
        _stream(mapping),
        f"a stream of {' or '.join(known)}",
        f"no handler is there for the table {table}, and each of its records is Unrouted",
    )


def _of_tables(mappings: Sequence[MappingConfiguration], routes: Sequence[Route] | None) -> Iterator[Finding]:
    """Yield a finding for each table whose stream nobody reads; a Kinesis stream may carry the changes of any table."""
    if routes is None or not mappings or any(map(is_of_kinesis, mappings)):
        return
    read = {table_of(_stream(mapping)) for mapping in mappings}
    for table in _names(routes):
        if table not in read:
            yield Finding(
                None,
                "EventSourceMappings",
                f"without a stream of {table}",
                "one for each stream",
                f"no handler of {table} is ever called, and the stream forgets its records after 24 hours",
            )


def _names(routes: Sequence[Route]) -> list[str]:
    return list(dict.fromkeys(route.table.name for route in routes))


def _listed(client: LambdaClient, function_name: str) -> Iterator[MappingConfiguration]:
    """Ask for page after page: Lambda gives 100 mappings at most in one (`ListEventSourceMappings`)."""
    page = client.list_event_source_mappings(FunctionName=function_name)
    while True:
        # A list of objects, says the AWS Lambda API Reference.
        yield from filter(is_map, cast("Iterable[object]", page["EventSourceMappings"]))
        if not (marker := text_or_none(page.get("NextMarker"))):
            return
        page = client.list_event_source_mappings(FunctionName=function_name, Marker=marker)


def _stream(mapping: MappingConfiguration) -> str:
    return text_or_none(mapping.get("EventSourceArn")) or ""


def _is_of_a_stream(mapping: MappingConfiguration) -> bool:
    """Return whether a mapping reads a stream, or could: one on its way out never will."""
    return service_of(mapping) in {"dynamodb", "kinesis"} and mapping.get("State") != "Deleting"


def _is_enabled(mapping: MappingConfiguration) -> bool:
    """Return whether a mapping reads its stream, or is about to."""
    return mapping.get("State") not in {"Disabled", "Disabling"}


def _of_timeout(configuration: Mapping[str, object], margin: timedelta) -> Iterator[Finding]:
    told = configuration.get("Timeout")
    seconds = told if isinstance(told, int) else _TIMEOUT
    if timedelta(seconds=seconds) <= margin:
        yield Finding(
            None,
            "Timeout",
            str(seconds),
            f"well above {margin.total_seconds():g}",
            "nothing is started with no more than the margin left, so that every invocation fails and all "
            "records are given up in the end",
        )


def _of_number(mappings: Sequence[MappingConfiguration]) -> Iterator[Finding]:
    if not mappings:
        yield Finding(
            None,
            "EventSourceMappings",
            "empty of streams",
            "one for each stream",
            "nothing calls the function, and what a stream holds is forgotten, by DynamoDB after 24 hours",
        )


def _of_repetition(enabled: Sequence[MappingConfiguration], needs: MappingNeeds) -> Iterator[Finding]:
    by_stream: dict[str, list[str]] = {}
    for mapping in enabled:
        by_stream.setdefault(_stream(mapping), []).append(text_or_none(mapping.get("UUID")) or "unnamed")
    mixed = ", and in one ledger they would mix up what they record" if needs.remembers else ""
    for stream, mappings in by_stream.items():
        if len(mappings) > 1:
            yield Finding(
                None,
                "EventSourceArn",
                f"{stream} in {' and '.join(mappings)}",
                "one enabled mapping for each stream",
                f"every handler runs on each record once for each of them{mixed}",
            )


def _of_state(mapping: MappingConfiguration) -> Finding:
    return Finding(
        text_or_none(mapping.get("UUID")),
        "State",
        str(mapping.get("State")),
        "Enabled",
        "nothing calls the function with what the stream holds, which is forgotten after 24 hours",
    )
