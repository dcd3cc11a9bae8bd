"""The function that Lambda calls: a pipeline, a delivery and a deadline; and the search of a pipeline by its name."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, cast

from typing_extensions import TypeVar, override

from streamfn._dataclasses import Value, Wrappable
from streamfn._delivery import retry
from streamfn._delivery.plain import Delivery, call_report, check_listener
from streamfn._errors import ConfigurationError, has_methods, kind_of, not_for_lambda
from streamfn._payloads import BatchFailed, BatchResponse, NotAStreamEvent, open_payload
from streamfn._pipeline import Pipeline
from streamfn._records import is_map
from streamfn._time import MACHINE_CLOCK, AlarmClock, Deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from returns.result import Result

    from streamfn._execution.policy import Policy
    from streamfn._failures import Failed, Handled
    from streamfn._records import Record

# The function that Lambda calls.

_log: Final = logging.getLogger("streamfn")

A = TypeVar("A")
E = TypeVar("E")


OnResult: TypeAlias = "Callable[[Result[Handled[A], Failed[E]]], Awaitable[None] | None]"
"""A function that receives a Result; a coroutine function is awaited."""


class LambdaContext(Protocol):
    """The part of Lambda's context object that a function needs."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LambdaFunction(Value, Wrappable, Generic[A, E]):
    """A function that Lambda calls with each batch; see `lambda_handler`, which makes it, for the fields.

    `clock` is the machine's, or a simulator's.
    """

    process: Pipeline[A, E]
    delivery: Delivery[E]
    margin: timedelta
    clock: AlarmClock = MACHINE_CLOCK
    on_result: OnResult[A, E] | None = None

    def __call__(self, event: object, context: LambdaContext | None, /) -> BatchResponse:
        """Run the handlers on a batch, and return the answer, which names the records that have to come again.

        Without a context, as in a test, there is no deadline. Raises `NotAStreamEvent` and `BatchFailed`.
        """
        payload = open_payload(event)
        if is_map(event) and "isFinalInvokeForWindow" in event:
            raise NotAStreamEvent(
                "the mapping has a tumbling window, which waits for a state: make the function with window_handler()"
            )
        deadline = self._deadline(context)
        if payload.entries and deadline.reached:
            raise BatchFailed(
                f"called with less than the margin of {self.margin} left: raise the function's timeout"
            )
        run = self.process.run if self.on_result is None else partial(self._run, self.on_result, deadline)
        still_open = self.delivery.deliver(payload, partial(run, payload), deadline, self.clock)
        return payload.answer(still_open)

    def _run(
        self, on_result: OnResult[A, E], deadline: Deadline, records: Sequence[Record], policy: Policy
    ) -> Sequence[Result[Handled[A], Failed[E]]]:
        """Run the pipeline, and call `on_result` with each Result. The margin is left to the stores and the answer."""
        results = self.process.run(records, policy)
        for number, result in enumerate(results):
            if deadline.seconds_left() <= 0:
                left, count = len(results) - number, len(results)
                _log.error(
                    "time ran out for on_result, which is not called with %d of %d Results", left, count
                )
                break
            call_report(on_result, result, who="on_result")
        return results

    @override
    def _called(self) -> str:
        return "lambda_handler"

    def _deadline(self, context: LambdaContext | None) -> Deadline:
        if context is None:
            return Deadline()
        return Deadline(
            lambda: context.get_remaining_time_in_millis() / 1000, margin=self.margin.total_seconds()
        )


@not_for_lambda("handler = lambda_handler(process)")
def lambda_handler(
    process: Pipeline[A, E],
    delivery: Delivery[E] = retry(),  # noqa: B008 (frozen)
    *,
    margin: timedelta = timedelta(seconds=1),
    on_result: OnResult[A, E] | None = None,
) -> LambdaFunction[A, E]:
    """Make the function that Lambda calls with each batch, from a pipeline and a delivery.

    The batch comes from a DynamoDB stream, from a Kinesis stream with the changes of tables, from a pipe of
    EventBridge, or from an OnFailure document with its records in S3; see `read`. The answer names the records that
    have to come again, in the form that the sender expects. The sender of a document expects no answer: failures raise
    `BatchFailed`.

    No call starts with less than `margin` left until Lambda's timeout, so that the answer is still sent. A task that
    has not started has the reason `OutOfTime`, and its record comes again.

    `on_result` is called with each Result of a batch, also with successes, in the order of the pipeline's list: for
    metrics, for example. The calls come after all handlers have run, and before the delivery reports failures. A
    coroutine function is awaited. An exception of `on_result` is logged, and has no other effect. No call starts with
    less than `margin` left: the log has the number of the Results that are left out.

    The function raises `NotAStreamEvent` if the event is not of a DynamoDB stream. The function raises `BatchFailed` if
    less than `margin` is left when it is called, or if no answer can name the records that have to come again. Lambda
    then sends the whole batch again. `lambda_handler` itself raises `ConfigurationError` for a negative margin, and
    for an argument of a wrong type.
    """
    _check_types(process, delivery, margin)
    if on_result is not None:
        check_listener(on_result, "on_result", "count")
    if margin < timedelta():
        raise ConfigurationError(f"margin={margin} should not be negative")
    return LambdaFunction(process, delivery, margin, on_result=on_result)


def _check_types(process: object, delivery: object, margin: object) -> None:
    """Raise `ConfigurationError` for arguments that a type checker would reject."""
    if not isinstance(process, Pipeline):
        raise ConfigurationError(
            f"lambda_handler() takes a pipeline first, got {kind_of(process)}: make one, as in "
            "pipeline(table, on_insert(announce))"
        )
    if not has_methods(delivery, "deliver"):
        raise ConfigurationError(
            f"lambda_handler() takes a delivery, got {kind_of(delivery)}: call retry() or acknowledge(), as in "
            "lambda_handler(process, retry())"
        )
    if not isinstance(margin, timedelta):
        raise ConfigurationError(f"margin is a timedelta, got {kind_of(margin)}: write timedelta(seconds=1)")


# The search of a pipeline by its name, ``app:process``, for the command line and for the workers of a replay.


class NotImported(ConfigurationError):
    """The import of a pipeline's module failed. The message has the place; the cause is the module's exception."""


def load_pipeline(name: str) -> Pipeline[object, object]:
    """Import a module and return its pipeline: ``app:process`` is the pipeline `process` of the module `app`.

    The name may also be that of a function that `lambda_handler` has made, within decorators too, if they set
    ``__wrapped__`` as `functools.wraps` does. The module is imported from Python's search path.

    Raises `ConfigurationError` if the module is missing, if its import fails, or if it has no pipeline of this name.
    An exception of the module is the cause of the `ConfigurationError`.
    """
    found = load(name)
    return found.process if isinstance(found, LambdaFunction) else found


def load_function(name: str) -> LambdaFunction[object, object]:
    """Import a module and return its function for Lambda; a pipeline gets the delivery `retry`."""
    found = load(name)
    return found if isinstance(found, LambdaFunction) else lambda_handler(found)


def load(name: str) -> LambdaFunction[object, object] | Pipeline[object, object]:
    """Import a module and return its pipeline or function of this name; see `load_pipeline`."""
    module_name, separator, path = name.partition(":")
    if module_name.endswith(".py"):
        raise ConfigurationError(
            f"expected a module, not its file: {module_name.removesuffix('.py')}:{path or 'process'}"
        )
    if not separator or not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise ConfigurationError(f"expected a module and a name in it, as in app:process, got {name!r}")
    module = found = _module(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = _listed(path, _names_in(module))
            raise ConfigurationError(
                f"{module_name} has no {path}: name a pipeline in it, as in app:process{known}"
            ) from None
    found = _unwrapped(found)
    if not isinstance(found, LambdaFunction | Pipeline):
        known = _listed(path, _names_in(module))
        kind = _article(type(found).__name__)
        raise ConfigurationError(
            f"{name} is {kind}: name what pipeline(), router() or lambda_handler() made{known}"
        )
    # isinstance drops the type arguments.
    return cast("LambdaFunction[object, object] | Pipeline[object, object]", found)


def _unwrapped(found: object) -> object:
    """Return the pipeline or function that decorators wrap; the innermost object if they wrap neither."""
    seen: set[int] = set()
    while not _is_made_here(found) and id(found) not in seen:
        seen.add(id(found))
        found = getattr(found, "__wrapped__", found)
    return found


def _is_made_here(found: object) -> bool:
    return isinstance(found, LambdaFunction | Pipeline)


def _names_in(module: object) -> list[str]:
    """Return the names of a module's pipelines and functions: one of them may be meant."""
    members = cast("dict[str, object]", vars(module))
    return [name for name, each in members.items() if _is_made_here(_unwrapped(each))]


def _listed(wrong: str, names: Iterable[str]) -> str:
    """Return the end of a message that lists names, the most similar one first."""
    from difflib import get_close_matches

    there = sorted(names)
    close = get_close_matches(wrong, there, n=1)
    listed = [*close, *(name for name in there if name not in close)]
    if not listed:
        return ""
    return (
        f"; did you mean {listed[0]}? there is {', '.join(listed)}"
        if close
        else f"; there is {', '.join(listed)}"
    )


def _module(name: str) -> object:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"there is no module {error.name}: call this from the folder that holds it{_similar(error.name)}"
            ) from None
        raise NotImported(
            f"{name} could not be imported: there is no module {error.name}, which it needs{_place(error)}"
        ) from error
    except ConfigurationError as error:
        raise NotImported(
            f"{name} could not be imported: it raised ConfigurationError: {error}{_place(error)}"
        ) from error
    except SystemExit as error:
        raise NotImported(
            f"{name} could not be imported: it ended the process{_place(error)}: call what ends it under "
            'if __name__ == "__main__"'
        ) from error
    except Exception as error:
        # The text of the exception may quote data, so it stays out of the message.
        raise NotImported(
            f"{name} could not be imported: it raised {type(error).__name__}{_place(error)}"
        ) from error


def _similar(name: str) -> str:
    """Return the end of a message that proposes a module with a similar name; empty if there is none."""
    from difflib import get_close_matches
    from pkgutil import iter_modules

    parent, _, last = name.rpartition(".")
    path: object = sys.path[:1]
    if parent:
        path = getattr(sys.modules.get(parent), "__path__", [])
    there = [each.name for each in iter_modules(list(cast("Iterable[str]", path)))]
    close = get_close_matches(last, there, n=1)
    return f"; did you mean {'.'.join(filter(None, (parent, *close)))}?" if close else ""


def _place(error: BaseException) -> str:
    """Return the file and line where a module raised, in parentheses; empty if unknown."""
    from streamfn._failures import frames_of

    if isinstance(error, SyntaxError) and error.filename is not None:
        return f" ({error.filename.rpartition(os.sep)[2]}, line {error.lineno})"
    frames = [frame for frame in frames_of(error) if not frame.file.startswith(("<", "streamfn/"))]
    own = [frame for frame in frames if frame.own] or frames
    return f" ({own[-1].file}, line {own[-1].line})" if own else ""


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"
