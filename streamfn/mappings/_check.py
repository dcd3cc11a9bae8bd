"""The check: reads a function's event source mappings and its timeout, and judges them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol, cast

from typing_extensions import TypeIs

from streamfn._execution.series import series
from streamfn._handlers.registration import Handler
from streamfn._pipeline import Pipeline
from streamfn._records import table_of
from streamfn._routes import Route
from streamfn._tables import Table
from streamfn._wire import as_text, is_map
from streamfn.mappings._filtering import findings_of_filters
from streamfn.mappings._finding import Finding
from streamfn.mappings._needs import FOLDS, STRICTEST, Needs, needs_of
from streamfn.mappings._rules import Settings, is_of_kinesis, judge, service_of

_MARGIN: Final = timedelta(seconds=1)
"""The margin of a function that is not given: the one that `lambda_handler` keeps by default."""

_TIMEOUT: Final = 3
"""Lambda's default timeout, in seconds."""


class LambdaClient(Protocol):
    """What is asked of boto3's client of Lambda."""

    def get_function_configuration(self, *, FunctionName: str) -> Mapping[str, object]:  # noqa: N803 (AWS's own)
        """Give the settings of a function."""
        ...

    def list_event_source_mappings(
        self,
        *,
        FunctionName: str,  # noqa: N803 (AWS's own)
        Marker: str = ...,  # noqa: N803 (AWS's own)
    ) -> Mapping[str, object]:
        """Give a page of the event source mappings of a function."""
        ...


class Delivering(Protocol):
    """What is asked of the function that `lambda_handler` makes."""

    @property
    def delivery(self) -> object:
        """What becomes of failures."""
        ...

    @property
    def margin(self) -> timedelta:
        """How long before Lambda's timeout nothing is started any more."""
        ...


class Folding(Protocol):
    """What is asked of the function that `window_handler` makes."""

    @property
    def fold(self) -> object:
        """What puts an event into the state."""
        ...


def check_mapping(
    client: LambdaClient, function_name: str, handler: Delivering | Folding | None = None
) -> list[Finding]:
    """List what in a function's event source mappings defeats its delivery; an empty list says that they fit.

    `client` is ``boto3.client("lambda")``, which needs the permissions ``lambda:GetFunctionConfiguration`` and
    ``lambda:ListEventSourceMappings``. `function_name` is the function's name or ARN, with the version or the
    alias if its mappings name one. `handler` is what `lambda_handler` or `window_handler` made; without it, the
    settings are judged by what the strictest delivery needs, which is `retry` with a ledger and dead letters.

    Mappings of DynamoDB streams and of Kinesis streams alone are judged. One that is disabled is judged too, as it
    may be enabled next, unless another mapping reads the same stream.

    With a handler, its tables are compared with the streams that are mapped, and what the handlers want with the
    filters. For that, records are made that a handler wants: the table's pattern, its model and the handler's `where`
    are asked, and no handler is called. A filter that drops such a record is found; that nothing is found proves the
    filters no more than any test would. ``filter_criteria`` computes filters that fit.

    It fails with what the client raises, such as ``ResourceNotFoundException`` for a function that is not
    there.
    """
    if handler is None:
        return findings_of(client, function_name, STRICTEST, _MARGIN)
    if _folds(handler):
        return findings_of(client, function_name, FOLDS, timedelta(), _routes_of(handler))
    return findings_of(client, function_name, needs_of(handler.delivery), handler.margin, _routes_of(handler))


def _folds(handler: Delivering | Folding) -> TypeIs[Folding]:
    return hasattr(handler, "fold")


def _routes_of(handler: object) -> Sequence[Route] | None:
    """Find out what a function of this library follows; None of one that is somebody else's."""
    process = getattr(handler, "process", None)
    if isinstance(process, Pipeline):
        return cast("Pipeline[object, object]", process).routes  # isinstance drops the types
    table, fold = getattr(handler, "table", None), getattr(handler, "fold", None)
    if isinstance(table, Table) and callable(fold):
        name = as_text(getattr(handler, "name", None)) or "fold"
        every: Handler[object, object, object] = Handler(name, "event", fold, None)
        return (Route(cast("Table[object]", table), (every,), series),)  # which only reads
    return None


def findings_of(
    client: LambdaClient,
    function_name: str,
    needs: Needs,
    margin: timedelta,
    routes: Sequence[Route] | None = None,
) -> list[Finding]:
    """List what defeats a delivery of these needs, that of the function as a whole first.

    `routes` are the tables that the function follows and its handlers, if they are known.
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


def _judged(mapping: Settings, needs: Needs, routes: Sequence[Route] | None) -> Iterator[Finding]:
    """Judge one mapping: its stream, its settings, and its filters if its stream is one that the function follows."""
    if (stranger := _of_stream(mapping, routes)) is not None:
        yield stranger
    yield from judge(mapping, needs)
    yield from findings_of_filters(mapping, routes if stranger is None else None)


def _of_stream(mapping: Settings, routes: Sequence[Route] | None) -> Finding | None:
    """Find fault with the mapping of the stream of a table that the function does not follow."""
    table = table_of(_stream(mapping))
    if routes is None or table is None or table in (known := _names(routes)):
        return None
    return Finding(
        as_text(mapping.get("UUID")),
        "EventSourceArn",
        _stream(mapping),
        f"a stream of {' or '.join(known)}",
        f"no handler is there for the table {table}, and each of its records is Unrouted",
    )


def _of_tables(mappings: Sequence[Settings], routes: Sequence[Route] | None) -> Iterator[Finding]:
    """Find the tables whose streams nobody reads; a Kinesis stream may carry the changes of any."""
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


def _listed(client: LambdaClient, function_name: str) -> Iterator[Settings]:
    """Ask for page after page: Lambda gives 100 mappings at most in one (`ListEventSourceMappings`)."""
    page = client.list_event_source_mappings(FunctionName=function_name)
    while True:
        # A list of objects, says the AWS Lambda API Reference.
        yield from filter(is_map, cast("Iterable[object]", page["EventSourceMappings"]))
        if not (marker := as_text(page.get("NextMarker"))):
            return
        page = client.list_event_source_mappings(FunctionName=function_name, Marker=marker)


def _stream(mapping: Settings) -> str:
    return as_text(mapping.get("EventSourceArn")) or ""


def _is_of_a_stream(mapping: Settings) -> bool:
    """Whether a mapping reads a stream, or could: one on its way out never will."""
    return service_of(mapping) in {"dynamodb", "kinesis"} and mapping.get("State") != "Deleting"


def _is_enabled(mapping: Settings) -> bool:
    """Whether a mapping reads its stream, or is about to."""
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


def _of_number(mappings: Sequence[Settings]) -> Iterator[Finding]:
    if not mappings:
        yield Finding(
            None,
            "EventSourceMappings",
            "empty of streams",
            "one for each stream",
            "nothing calls the function, and what a stream holds is forgotten, by DynamoDB after 24 hours",
        )


def _of_repetition(enabled: Sequence[Settings], needs: Needs) -> Iterator[Finding]:
    by_stream: dict[str, list[str]] = {}
    for mapping in enabled:
        by_stream.setdefault(_stream(mapping), []).append(as_text(mapping.get("UUID")) or "unnamed")
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


def _of_state(mapping: Settings) -> Finding:
    return Finding(
        as_text(mapping.get("UUID")),
        "State",
        str(mapping.get("State")),
        "Enabled",
        "nothing calls the function with what the stream holds, which is forgotten after 24 hours",
    )
