"""What comes of calling a handler: a `Verdict`, whatever the handler did.

Its Result may have to be awaited, or be taken out of an IOResult. Whatever else comes of a call, an exception
included, is a `Raised`: nothing that a handler does ends the run, save KeyboardInterrupt and SystemExit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from returns.result import Failure, Result, Success

from streamfn._execution.loop import CANNOT_START, submit
from streamfn._execution.unfinished import FINISHED, unfinished
from streamfn._failures import NotAResult, Raised, Refused

if TYPE_CHECKING:
    from returns.io import IO

Verdict: TypeAlias = Result[object, Refused[object] | Raised]
"""A handler's Result, its failure wrapped in the reason that it is."""


def call(function: Callable[[object], object], argument: object) -> object:
    """Call a handler and wait for what it returns; an exception comes back as a `Raised`."""
    try:
        returned = function(argument)
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)
    kind = type(returned)
    return returned if kind is Success else waited(returned)


def waited(returned: object) -> object:
    """Wait for what a handler has returned, if it has to be awaited; an exception comes back as a `Raised`."""
    try:
        if not isinstance(returned, Awaitable):
            return returned
        return _wait(cast("Awaitable[object]", returned))  # isinstance drops the type
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


async def call_async(function: Callable[[object], object], argument: object) -> object:
    """Do what `call` does with a coroutine function, on the event loop itself."""
    try:
        return await cast("Awaitable[object]", function(argument))  # which a coroutine function gives
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


def wants(where: Callable[[object], object], event: object) -> bool | Raised:
    """Ask a `where` whether it wants an event; an exception comes back as a `Raised`."""
    try:
        answer = where(event)
        if answer is True or answer is False:  # as nearly all do
            return answer
        answer = waited(answer)
        if isinstance(answer, Raised):
            return answer
        found = "a Maybe" if type(answer).__module__ == "returns.maybe" else unfinished(answer)
        if found is not None:
            return Raised(NotAResult(f"the where returned {found.partition(':')[0]}, expected True or False"))
        return bool(answer)
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


def kept(raised: Raised) -> Raised:
    """Keep what a call raised, unless it is meant for the process: then raise it again, in the thread that waited."""
    if isinstance(raised.exception, KeyboardInterrupt | SystemExit):
        raise raised.exception
    return raised


def verdict(returned: object, who: str = "the handler") -> Verdict:
    """Read what came of a call that answers for one event, or for a whole chunk of them.

    `who` was called, as messages name it.

    Fails with the KeyboardInterrupt or SystemExit that the handler raised.
    """
    try:
        kind = type(returned)  # a comparison with it narrows nothing, and leaves nothing half known
        plain = returned if kind is Success else _plain(returned)
        if isinstance(plain, Success):
            success = cast("Success[object]", plain)  # isinstance drops the type
            value = success.unwrap()
            if type(value) in FINISHED or (found := unfinished(value)) is None:
                return success
            raised = Raised(NotAResult(f"{who} returned a Success of {found}"))
        elif isinstance(plain, Failure):
            return Failure(Refused(cast("Failure[object]", plain).failure()))  # isinstance drops the type
        else:
            raised = plain if isinstance(plain, Raised) else _not(_kind(returned, plain), "a Result")
    except BaseException as exception:  # noqa: BLE001 (the promise of this module: an answer can raise when looked at)
        raised = Raised(exception)
    return Failure(kept(raised))


def shortcoming(returned: object, who: str) -> Refused[object] | Raised | None:
    """Read what came of a call that need not answer anything: what failed, or is unfinished, and None if nothing is."""
    if returned is None:
        return None
    try:
        plain = _plain(returned)
        if not _is_answer(plain):
            found = unfinished(plain)
            return None if found is None else Raised(NotAResult(f"{who} returned {found}"))
    except Exception as exception:  # noqa: BLE001 (an answer can raise when looked at)
        return Raised(exception)
    outcome = verdict(plain, who)
    return outcome.failure() if isinstance(outcome, Failure) else None


def _is_answer(value: object) -> bool:
    return isinstance(value, Result | Raised)


def verdicts(returned: object, count: int) -> list[Verdict] | Verdict:
    """Read what came of a call for `count` events that answers for each of them; one failure if it did not."""
    try:
        answers = _answers(returned, count)
    except BaseException as exception:  # noqa: BLE001 (the promise of this module: an answer can raise when looked at)
        answers = Raised(exception)
    if isinstance(answers, Raised):
        return verdict(answers)
    return [verdict(answer) for answer in answers]


def _answers(returned: object, count: int) -> tuple[object, ...] | Raised:
    if isinstance(returned, Raised):
        return returned
    if not isinstance(returned, Sequence):
        return _not(type(returned).__name__, "a sequence of Results")
    answers = tuple(cast("Sequence[object]", returned))  # isinstance drops the type
    if len(answers) != count:
        return Raised(NotAResult(f"the handler returned {len(answers)} Results for {count} events"))
    return answers


def _not(kind: str, expected: str) -> Raised:
    return Raised(NotAResult(f"the handler returned {kind}, expected {expected}"))


def _kind(returned: object, plain: object) -> str:
    """Name the type of what a handler returned, and of what that holds if it is an IO."""
    name = type(returned).__name__
    return name if plain is returned else f"{name}[{type(plain).__name__}]"


def _wait(returned: Awaitable[object]) -> object:
    try:
        future = submit(_awaited(returned))
    except CANNOT_START:
        if isinstance(returned, Coroutine):
            returned.close()  # or it would be warned of as never awaited
        raise
    return future.result()


async def _awaited(returned: Awaitable[object]) -> object:
    """Await on the loop's own thread, where an exception that leaves a coroutine could end the loop."""
    try:
        return await returned
    except BaseException as exception:  # noqa: BLE001 (the promise of this module)
        return Raised(exception)


def _plain(returned: object) -> object:
    """Take the Result out of an IOResult; `returns.io` is loaded only where a handler has loaded it."""
    if type(returned).__module__ == "returns.io":
        from returns.unsafe import unsafe_perform_io

        # Everything that the module makes is an IO of something.
        return unsafe_perform_io(cast("IO[object]", returned))
    return returned
