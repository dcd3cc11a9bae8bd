"""The function that Lambda calls, and how a program finds one by its name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, cast

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

# The function that Lambda calls: a pipeline, a delivery, and the time that is left.

A = TypeVar("A")
E = TypeVar("E")


OnResult: TypeAlias = "Callable[[Result[Handled[A], Failed[E]]], Awaitable[None] | None]"
"""A function that is told of a Result; a coroutine function is awaited."""


class LambdaContext(Protocol):
    """What is asked of the context that Lambda hands to a function."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LambdaFunction(Value, Wrappable, Generic[A, E]):
    """A function that Lambda calls with each batch; `lambda_handler` makes it, and says what the fields are.

    `clock` is that of the machine, or a simulation's.
    """

    process: Pipeline[A, E]
    delivery: Delivery[E]
    margin: timedelta
    clock: AlarmClock = MACHINE_CLOCK
    on_result: OnResult[A, E] | None = None

    def __call__(self, event: object, context: LambdaContext | None, /) -> BatchResponse:
        """Run the handlers on a batch, and answer what Lambda has to send again.

        A context of None, in a test say, means that there is time enough. Fails with `NotAStreamEvent` and
        `BatchFailed`.
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
        run = self.process.run if self.on_result is None else self._run
        still_open = self.delivery.deliver(payload, partial(run, payload), deadline, self.clock)
        return payload.answer(still_open)

    def _run(self, records: Sequence[Record], policy: Policy) -> Sequence[Result[Handled[A], Failed[E]]]:
        """Run the pipeline, and tell of each Result."""
        results = self.process.run(records, policy)
        if self.on_result is not None:
            for result in results:
                call_report(self.on_result, result, who="on_result")
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
    """Make the function that Lambda calls with each batch, of a pipeline and of what becomes of failures.

    The batch may come from a DynamoDB stream, from a Kinesis stream that carries the changes of tables, from a pipe of
    EventBridge, or from a document that an OnFailure destination keeps in S3; see `read`. The answer names what has to
    come again as each expects it. A document's sender expects none: `BatchFailed` tells it of failures.

    Nothing is started with less than `margin` left until Lambda's timeout, so that the answer still gets out:
    what has not started is `OutOfTime` and comes again.

    `on_result` is told of each Result of a batch, of successes too, in the order in which the pipeline gives them: for
    metrics, say. This is when all handlers have run, before the delivery reports failures. A coroutine function is
    awaited. What it raises is logged, and changes nothing else.

    The function fails with `NotAStreamEvent` if the event is none of a DynamoDB stream, and with
    `BatchFailed` if it was called with less than `margin` left or if no answer can say what has to come
    again. Lambda then sends the whole batch again. `lambda_handler` itself fails with `ConfigurationError` if the
    margin is negative, or an argument is none of what it should be.
    """
    _check_types(process, delivery, margin)
    if on_result is not None:
        check_listener(on_result, "on_result", "count")
    if margin < timedelta():
        raise ConfigurationError(f"margin={margin} should not be negative")
    return LambdaFunction(process, delivery, margin, on_result=on_result)


def _check_types(process: object, delivery: object, margin: object) -> None:
    """Tell those who work without a type checker what it would have told them."""
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


# Finding a pipeline by its name, ``app:process``, for processes that are started from elsewhere.
#
# That is how a command line and the workers of a replay come to it, as servers come to the applications that
# they run.


class NotImported(ConfigurationError):
    """The module of a pipeline could not be imported; what it raised is the cause, and the message says where."""


def load_pipeline(name: str) -> Pipeline[object, object]:
    """Import a module and give its pipeline: ``app:process`` is the one that `app` calls `process`.

    A function that `lambda_handler` has made stands for its pipeline, also within decorators that keep it as
    ``__wrapped__``, as those of `functools.wraps` do. The module is looked for where Python looks for modules.

    Fails with `ConfigurationError` where there is no such module, no such name in it, or no pipeline by that name. What
    the module itself raises when it is imported is the cause of that.
    """
    found = load(name)
    return found.process if isinstance(found, LambdaFunction) else found


def load_function(name: str) -> LambdaFunction[object, object]:
    """Do the same for the function that Lambda calls, with its delivery; a pipeline stands for one with `retry`."""
    found = load(name)
    return found if isinstance(found, LambdaFunction) else lambda_handler(found)


def load(name: str) -> LambdaFunction[object, object] | Pipeline[object, object]:
    """Do the same, and give whichever of the two goes by the name."""
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
    # isinstance knows what it is, not of which types.
    return cast("LambdaFunction[object, object] | Pipeline[object, object]", found)


def _unwrapped(found: object) -> object:
    """Take what this library made out of the decorators that it was given to."""
    seen: set[int] = set()
    while not _is_made_here(found) and id(found) not in seen:
        seen.add(id(found))
        found = getattr(found, "__wrapped__", found)
    return found


def _is_made_here(found: object) -> bool:
    return isinstance(found, LambdaFunction | Pipeline)


def _names_in(module: object) -> list[str]:
    """Name the pipelines and functions of a module, which are what could have been meant."""
    members = cast("dict[str, object]", vars(module))
    return [name for name, each in members.items() if _is_made_here(_unwrapped(each))]


def _listed(wrong: str, names: Iterable[str]) -> str:
    """Say which names there are, the most similar one first."""
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
        # The text of an exception may quote whatever the module was reading.
        raise NotImported(
            f"{name} could not be imported: it raised {type(error).__name__}{_place(error)}"
        ) from error


def _similar(name: str) -> str:
    """Name the module that was meant, if one with a similar name is there."""
    from difflib import get_close_matches

    parent, _, last = name.rpartition(".")
    path: object = sys.path[:1]
    if parent:
        path = getattr(sys.modules.get(parent), "__path__", [])
    there = [each.name for each in iter_modules(list(cast("Iterable[str]", path)))]
    close = get_close_matches(last, there, n=1)
    return f"; did you mean {'.'.join(filter(None, (parent, *close)))}?" if close else ""


def _place(error: BaseException) -> str:
    """Say in which file and line a module raised, if that is known."""
    from streamfn._failures import frames_of

    if isinstance(error, SyntaxError) and error.filename is not None:
        return f" ({error.filename.rpartition(os.sep)[2]}, line {error.lineno})"
    frames = [frame for frame in frames_of(error) if not frame.file.startswith(("<", "streamfn/"))]
    own = [frame for frame in frames if frame.own] or frames
    return f" ({own[-1].file}, line {own[-1].line})" if own else ""


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"
