"""Places in code, and the Results of handlers: `Handled`, and `Failed` with its reason."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from errno import errorcode
from functools import lru_cache, partial
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, cast

from typing_extensions import TypeVar, override

from streamfn._dataclasses import Value
from streamfn._errors import error_code
from streamfn._records import ImageName, MalformedRecord, StreamRecord, StreamViewType

if TYPE_CHECKING:
    from pathlib import Path

# Places in code: where an exception was raised, and where a function begins.
#
# A place is a file, a line and a function, all of which are code. The text of an exception and local variables are
# never read here, so that places can go where people's data cannot. `pathlib` is loaded after a failure only.

_MOST_OWN: Final = 5
"""The number of frames of the user's own code in a description, the innermost ones."""

_MOST_INNER: Final = 5
"""The number of innermost frames in a description, own or not: the last one raised the exception."""

_MOST_EXCEPTIONS: Final = 8
"""The number of exceptions of a chain in a description."""

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


class Frame(NamedTuple):
    """A frame of a traceback. `own` says that its file is the user's: of no installed package, nor of Python itself."""

    file: str
    line: int
    function: str
    own: bool

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def function_location(function: object) -> str | None:
    """Return where a function begins, within wrappers and `chain`; None for functions without Python code.

    >>> def announce() -> None: ...
    >>> function_location(announce)
    '<doctest ...>:1 in announce'
    >>> function_location(print) is None
    True
    """
    try:
        code = _code_of(function)
    except Exception:  # noqa: BLE001 (an attribute of the user's own object may raise any exception)
        return None
    return (
        None
        if code is None
        else str(Frame(_shown(code.co_filename), code.co_firstlineno, code.co_qualname, own=True))
    )


def raised_at(exception: BaseException) -> str | None:
    """Return the line of the user's code that raised, or called the code that raised; None if there is none.

    For a group this is the line of its first member: a group is raised where tasks are awaited.
    """
    return _raised_at(_first_member(exception)) or _raised_at(exception)


def _first_member(exception: BaseException) -> BaseException:
    for _ in range(_MOST_EXCEPTIONS):
        if not isinstance(exception, BaseExceptionGroup):
            break
        exception = cast("BaseException", exception.exceptions[0])  # isinstance drops the type of the members
    return exception


def _raised_at(exception: BaseException) -> str | None:
    frames = frames_of(exception)
    if not frames or all(_is_of_this_library(frame.file) for frame in frames):
        return None
    return str(next((frame for frame in reversed(frames) if frame.own), frames[-1]))


def frames_of(exception: BaseException) -> list[Frame]:
    """List the most telling frames, the innermost last: the user's own, and those that led to the raise."""
    own: deque[tuple[int, Frame]] = deque(maxlen=_MOST_OWN)
    inner: deque[tuple[int, Frame]] = deque(maxlen=_MOST_INNER)
    library: deque[tuple[int, Frame]] = deque(maxlen=1)
    for number, (code, line) in enumerate(_lines(_traceback_in(exception))):
        file, is_own = _shown(code.co_filename), _is_own(code.co_filename)
        numbered = number, Frame(file, line, code.co_qualname, is_own)
        if _is_of_this_library(file):
            library.append(numbered)
            continue
        inner.append(numbered)
        if is_own:
            own.append(numbered)
    return [frame for _, frame in sorted({*own, *inner} or library)]


def described(exception: BaseException, *, errors: bool = False) -> dict[str, object]:
    """Describe an exception and its chain for JSON: types, frames, error codes, and with `errors` their texts.

    ``cause`` is the exception it was raised from, ``context`` the exception that was being handled, as in Python's own
    tracebacks, and ``members`` are those of a group.
    """
    try:
        return _described(exception, errors=errors, seen=set())
    except Exception:  # noqa: BLE001 (an attribute of the user's own exception may raise any exception)
        return {"type": qualified_name(type(exception)), "frames": []}


def traceback_of(exception: BaseException) -> str:
    """Write an exception as Python does, from the first frame outside of this library on, with all texts."""
    from traceback import TracebackException

    whole = first = _traceback_in(exception)
    try:
        while first is not None and _is_of_this_library(_shown(first.tb_frame.f_code.co_filename)):
            first = first.tb_next
        traceback = TracebackException(type(exception), exception, first or whole)
        return "".join(traceback.format())
    except Exception as error:  # noqa: BLE001 (an attribute of the user's own exception may raise any exception)
        return f"{qualified_name(type(exception))}, whose traceback raised {type(error).__name__}\n"


def show_value(value: object) -> str:
    """Show a value by its `repr`, or by its fields where it has none of its own; this may show people's data."""
    try:
        if type(value).__repr__ is object.__repr__:
            fields = ", ".join(f"{name}={field!r}" for name, field in _fields(value))
            text = f"{type(value).__name__}({fields})"
        else:
            text = repr(value)
    except Exception as error:  # noqa: BLE001 (a `repr` of the user's may raise whatever it likes)
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST: Final = 10_000
"""The greatest length of an error's text, in characters: CloudWatch accepts events of 256 KB."""


def _described(exception: BaseException, *, errors: bool, seen: set[int]) -> dict[str, object]:
    seen.add(id(exception))
    told: dict[str, object] = {"type": qualified_name(type(exception))}
    if (code := code_of(exception)) is not None:
        told["code"] = code
    if errors:
        told["error"] = show_value(exception)
        if notes := getattr(exception, "__notes__", None):
            told["notes"] = show_value(notes)
    told["frames"] = [frame._asdict() for frame in frames_of(exception)]
    for relation, others in _related(exception):
        shown = [
            _described(each, errors=errors, seen=seen)
            for each in others
            if id(each) not in seen and len(seen) < _MOST_EXCEPTIONS
        ]
        if shown:
            told[relation] = shown if relation == "members" else shown[0]
    return told


def _related(exception: BaseException) -> Iterator[tuple[str, tuple[BaseException, ...]]]:
    if isinstance(exception, BaseExceptionGroup):
        yield (
            "members",
            cast("tuple[BaseException, ...]", exception.exceptions),
        )  # isinstance knows no type of them
    if exception.__cause__ is not None:
        yield "cause", (exception.__cause__,)
    elif exception.__context__ is not None and not exception.__suppress_context__:
        yield "context", (exception.__context__,)


def code_of(exception: BaseException) -> str | None:
    """Find the code of an error: the one of the AWS service that refused a call, or the operating system's."""
    if isinstance(exception, OSError):
        return errorcode.get(exception.errno) if isinstance(exception.errno, int) else None
    return error_code(exception)


def qualified_name(kind: type) -> str:
    """Name a class, with its module unless it is built in.

    >>> from json import JSONDecodeError
    >>> qualified_name(KeyError), qualified_name(JSONDecodeError)
    ('KeyError', 'json.decoder.JSONDecodeError')
    """
    return (
        kind.__qualname__
        if kind.__module__ in {"builtins", "__main__", None}  # some generated classes have None
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _traceback_in(exception: BaseException) -> TracebackType | None:
    try:
        return exception.__traceback__
    except Exception:  # noqa: BLE001 (an attribute of the user's own exception may raise whatever it likes)
        return None


def _lines(traceback: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code, traceback.tb_lineno or 0
        traceback = traceback.tb_next


def _fields(value: object) -> Iterator[tuple[str, object]]:
    slots = [slot for each in type(value).__mro__ for slot in each.__dict__.get("__slots__", ())]
    for name in (*slots, *getattr(value, "__dict__", ())):
        if hasattr(value, name):
            yield name, getattr(value, name)


def _code_of(function: object) -> CodeType | None:
    """Return the code of the user's function, inside all wrappers."""
    for _ in range(100):  # a wrapper that leads to itself has no end
        if isinstance(code := getattr(function, "__code__", None), CodeType):
            steps: object = getattr(function, "__dict__", {}).get("steps")
            inner: object = getattr(function, "__wrapped__", None)
            if inner is None and isinstance(steps, tuple) and _is_of_this_library(_shown(code.co_filename)):
                inner = cast("tuple[object, ...]", steps)[0]  # the steps of `chain`
            if inner is None:
                return code
            function = inner
        elif isinstance(function, partial):
            function = cast("partial[object]", function).func  # isinstance drops the type
        elif (inner := getattr(function, "__wrapped__", None)) is not None:
            function = inner
        else:
            function = _called_by(function)
    return None


def _called_by(value: object) -> object:
    """Return the function that a call of an object runs: its method, or the argument of `batched`."""
    method: object = type(value).__call__ if callable(value) else None
    code: object = getattr(method, "__code__", None)
    is_made_here = isinstance(code, CodeType) and _is_of_this_library(_shown(code.co_filename))
    return getattr(value, "function", method) if is_made_here else method


def _is_of_this_library(file: str) -> bool:
    return file.startswith(("streamfn/", "<streamfn"))


def _shown(filename: str) -> str:
    return _placed(filename, tuple(sys.path))[0]


def _is_own(filename: str) -> bool:
    return _placed(filename, tuple(sys.path))[1]


@lru_cache(maxsize=1024)
def _placed(filename: str, path: tuple[str, ...]) -> tuple[str, bool]:
    """Shorten the name of a file, and say whether the file is the user's.

    A file is named as seen from the folder in which Python found it, as `app.py` is in Lambda's task root, and by its
    last parts where it was found in none.
    """
    if filename.startswith("<"):  # made at run time
        return filename, False
    file, library = _absolute(filename), _absolute(__file__).parent
    if file.is_relative_to(library):
        return f"streamfn/{file.relative_to(library).as_posix()}", False
    folders = map(_absolute, (*path, os.environ.get("LAMBDA_TASK_ROOT", "")))
    roots = [each for each in folders if each.parent != each and file.is_relative_to(each)]
    if not roots:
        return type(file)(*file.parts[-3:]).as_posix(), not _is_installed(file)
    root = max(roots, key=lambda each: len(each.parts))
    shown = file.relative_to(root)
    return shown.as_posix(), not (_is_installed(file) or _is_of_a_package(root, shown.parts[0]))


def _absolute(path: str) -> Path:
    from pathlib import Path

    try:
        return Path(path).absolute()
    except OSError:  # the folder that the process works in is gone
        return Path(path)


def _is_installed(file: Path) -> bool:
    return file.is_relative_to(_absolute(os.__file__).parent) or not _INSTALLED.isdisjoint(file.parts)


def _is_of_a_package(root: Path, name: str) -> bool:
    """Return whether a folder or module was installed: a deployment package holds them beside the user's own."""
    return name.removesuffix(".py").lower() in _packages(root)


@lru_cache(maxsize=64)
def _packages(root: Path) -> frozenset[str]:
    # A wheel's folder is named so: "The .dist-info directory" in "Recording installed projects", PyPA specifications.
    try:
        return frozenset(each.name.partition("-")[0].lower() for each in root.glob("*.dist-info"))
    except OSError:
        return frozenset()


# The outcomes of a record and a handler: the values in a `Success` and in a `Failure`.
#
# A pipeline returns `Result[Handled[A], Failed[E]]`, and the `reason` of a `Failed` is one of these::
#
#     Reason[E]
#     ├── Refused[E]     the handler returned a Failure
#     ├── Raised         the handler, or its `where`, raised
#     ├── Undecodable    an image does not fit the model
#     ├── MissingImage   the stream's view type leaves out an image that the handler needs
#     ├── Malformed      the entry is no stream record
#     ├── Unrouted       no pipeline is there for the record's table
#     ├── TimedOut       not started: it was running when time was up too often
#     ├── ProcessDied    not started: the process died while it ran, too often
#     ├── Unwanted       failed or waited before, and no handler wants it any more
#     ├── OutOfTime      not started: the function's time was nearly up
#     ├── HeldBack       not started: an earlier record of its item failed for the same handler
#     ├── Stopped        not started: an earlier record or call after call failed, and Lambda sends this one again
#     └── LedgerUnavailable   not started: the ledger could not be read
#
# All are frozen. Their `repr` shows identifiers and never an image, a value or an error's text, because logs leak; the
# values themselves are in the fields.

A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
E = TypeVar("E")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Problem(Value):
    """One defect of an image: its path, such as ``$.owner.age``, and the problem: ``expected N, got S``."""

    path: str
    message: str

    @override
    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Refused(Value, Generic[E_co]):
    """The handler returned ``Failure(error)``."""

    error: E_co

    @override
    def __repr__(self) -> str:
        return f"Refused({type(self.error).__name__})"


class NotAResult(TypeError):
    """A handler returned something else than a Result; the message names types alone, and so holds no data."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Raised(Value):
    """The handler or its `where` raised `exception`, or the handler returned something that is no finished Result."""

    exception: BaseException

    @override
    def __repr__(self) -> str:

        name, place = name_of_exception(self.exception), raised_at(self.exception)
        return f"Raised({name})" if place is None else f"Raised({name} at {place})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Undecodable(Value):
    """An image does not fit the model; `problems` are all that was found, in the model's order.

    `image` says which part of the record it was, None where an image was structured outside of a record.
    """

    problems: tuple[Problem, ...]
    image: ImageName | None = None

    @override
    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MissingImage(Value):
    """The record lacks an image that the handler needs: the stream's view type, `view_type`, leaves it out."""

    image: ImageName
    view_type: StreamViewType | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Malformed(Value):
    """The entry of the batch is no stream record, and `problem` says why."""

    problem: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unrouted(Value):
    """No pipeline is there for the table.

    `event_source_arn` is the ARN of the stream, `table_name` the table's name; each is None if the record has none.
    `declared` names the tables that there are pipelines for, and does not count when reasons are compared.
    """

    event_source_arn: str | None
    table_name: str | None = None
    declared: tuple[str, ...] = field(default=(), compare=False)

    @override
    def __str__(self) -> str:
        arn, table = self.event_source_arn, self.table_name
        if table is not None:
            problem = f"no pipeline is for the table {_shortened(table)}"
        elif arn is None:
            problem = "the record names neither a stream nor a table"
        elif ":dynamodb:" in arn and ":table/" in arn and "/stream/" not in arn:
            problem = f"eventSourceARN is the ARN of a table, not of a stream: {_shortened(arn)}"
        else:
            problem = f"eventSourceARN is no ARN of a DynamoDB stream: {_shortened(arn)}"
        return f"{problem}; declared: {_listed(self.declared)}" if self.declared else problem


def name_of_exception(exception: BaseException) -> str:
    """Name the type of an exception as users know it."""
    return TypeError.__name__ if isinstance(exception, NotAResult) else type(exception).__name__


def _shortened(text: str) -> str:
    """Show a name of the record's: one that a stream would have is not so long."""
    return repr(text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…")


_LONGEST_NAME: Final = 300
_MOST_NAMES: Final = 10


def _listed(names: tuple[str, ...]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NothingMore(Value):
    """A reason that its name says all of."""


class OutOfTime(NothingMore):
    """The handler was not started, because too little was left of the function's time."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TooOften(Value):
    """A reason that its name and the `attempts` that the handler had say all of."""

    attempts: int


class TimedOut(TooOften):
    """The handler was not started: it was running on this record when the time was up, too often.

    `attempts` counts all attempts.
    """

    __slots__ = ()


class ProcessDied(TooOften):
    """The handler was not started: the function's process ended while it ran on this record, too often.

    For example, the process exited, ran out of memory or crashed. `attempts` counts all attempts of the handler.
    """

    __slots__ = ()


class Unwanted(NothingMore):
    """The record was open for the handler after an earlier delivery, and is no longer wanted: it is dropped.

    Its `where` no longer wants the record; or, in another version of the function, the handler is for other kinds of
    change, its table has another pattern, or there is no handler of its name.
    """

    __slots__ = ()


class HeldBack(NothingMore):
    """The handler was not started, because it has yet to succeed on an earlier record of the same item."""

    __slots__ = ()


class Stopped(NothingMore):
    """The handler was not started, since an earlier record failed, or call after call; Lambda sends this one again."""

    __slots__ = ()


class LedgerUnavailable(NothingMore):
    """The handler was not started, because the records that it has settled could not be read."""

    __slots__ = ()


Reason: TypeAlias = (
    Refused[E]
    | Raised
    | Undecodable
    | MissingImage
    | Malformed
    | Unrouted
    | TimedOut
    | ProcessDied
    | Unwanted
    | OutOfTime
    | HeldBack
    | Stopped
    | LedgerUnavailable
)
"""The reason why a handler has no success on a record."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Handled(Value, Generic[A_co]):
    """The handler named `handler` succeeded on `record` with `value`."""

    record: StreamRecord
    handler: str
    value: A_co

    @override
    def __repr__(self) -> str:
        return f"Handled({self.handler!r}, {self.record!r}, {type(self.value).__name__})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Failed(Value, Generic[E_co]):
    """The handler named `handler` has no success on `record`, for `reason`.

    `handler` is None where the record failed before any handler was asked: `Malformed` and `Unrouted`, and `Unwanted`
    of a record that failed so and that no handler wants now. `location` is the place in code where the handler begins,
    such as ``app.py:12 in announce``, if it was called; it does not count when failures are compared.
    """

    record: StreamRecord | MalformedRecord
    handler: str | None
    reason: Reason[E_co]
    location: str | None = field(default=None, compare=False)

    @override
    def __repr__(self) -> str:
        place = "" if self.location is None else f", location={self.location!r}"
        return f"Failed(record={self.record!r}, handler={self.handler!r}, reason={self.reason!r}{place})"
