"""Places in code: which frames are told, how their files are named, and that nothing else of an exception is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial, wraps
from json import loads
from pathlib import Path
from typing import Final, cast

import pytest
from botocore.exceptions import ClientError
from returns.result import Failure, Result
from typing_extensions import override

from streamfn import Raised, chain
from streamfn._execution.calls import call
from streamfn._failures import described, frames_of, function_location, raised_at, show_value, traceback_of

HERE: Final = "tests/test_tracebacks.py"
SECRET: Final = "hunter2"  # noqa: S105 (it stands for a person's data)


def raised_by(function: Callable[[], object]) -> BaseException:
    """Give what a function raises."""
    try:
        function()
    except BaseException as exception:  # noqa: BLE001 (whatever it is)
        return exception
    raise AssertionError


def deeper(levels: int) -> None:
    """Raise at the end of many calls."""
    if levels == 0:
        raise ValueError(SECRET)
    deeper(levels - 1)


def parse() -> object:
    """Raise within Python's own library."""
    return loads(SECRET)


def step(text: str) -> Result[str, str]:
    """Fail."""
    return Failure(text)


class Job:
    """A callable object, and a method."""

    def __call__(self) -> None:
        """Do it."""

    def do(self) -> None:
        """Do it."""


class Odd:
    """A callable whose attributes cannot be looked at."""

    def __call__(self) -> None:
        """Do it."""

    def __getattr__(self, name: str) -> object:
        raise ValueError(name)


def line_of(function: Callable[..., object]) -> int:
    """Count the line on which a function begins."""
    return function.__code__.co_firstlineno


def decorated(function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function as decorators do."""

    @wraps(function)
    def wrapper() -> object:
        return function()

    return wrapper


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (step, f"{line_of(step)} in step"),
        (partial(step, "a"), f"{line_of(step)} in step"),
        (decorated(decorated(step)), f"{line_of(step)} in step"),
        (chain(step, step), f"{line_of(step)} in step"),
        (lru_cache(step), f"{line_of(step)} in step"),
        (Job(), f"{line_of(Job.__call__)} in Job.__call__"),
        (Job().do, f"{line_of(Job.do)} in Job.do"),
    ],
    ids=["function", "partial", "decorated", "chain", "cached", "object", "method"],
)
def test_a_function_is_found_within_what_is_around_it(function: object, place: str) -> None:
    assert f"{HERE}:{place}" == function_location(function)


def test_what_has_no_code_has_no_place() -> None:
    circle = decorated(step)
    circle.__dict__["__wrapped__"] = circle
    assert [None, None, None, None] == [function_location(each) for each in (len, 7, circle, Odd())]


def test_the_user_s_own_line_comes_first_and_what_raised_is_there_too() -> None:
    exception = raised_by(parse)
    assert f"{HERE}:{line_of(parse) + 2} in parse" == raised_at(exception)
    frames = frames_of(exception)
    assert ("json/decoder.py", "JSONDecoder.raw_decode", False) == (
        frames[-1].file,
        frames[-1].function,
        frames[-1].own,
    )
    assert [f"{HERE}:{line_of(raised_by) + 3} in raised_by", raised_at(exception)] == [
        str(frame) for frame in frames if frame.own
    ]


def test_deep_calls_are_told_by_their_innermost_frames() -> None:
    frames = frames_of(raised_by(lambda: deeper(500)))
    assert 5 == len(frames)
    assert {f"{HERE}:{line_of(deeper) + 4} in deeper", f"{HERE}:{line_of(deeper) + 3} in deeper"} == set(
        map(str, frames)
    )


def test_what_was_raised_within_this_library_has_no_place_of_the_user_s() -> None:
    raised = call(chain(nothing, step), SECRET)
    assert isinstance(raised, Raised)
    assert raised_at(raised.exception) is None
    (frame,) = frames_of(raised.exception)
    assert ("streamfn/_handlers.py", False) == (frame.file, frame.own)
    assert "Raised(TypeError)" == repr(raised)
    assert (
        "NotAResult: a step of chain(), function nothing, returned None, expected a Result"
        in traceback_of(raised.exception)
    )


def nothing(_: object) -> Result[str, str]:
    """Return no Result, which `chain` stumbles over."""
    return cast("Result[str, str]", cast("object", None))


def members_of(told: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """Take the members of a group."""
    return cast("Sequence[Mapping[str, object]]", told["members"])


def test_a_chain_is_told_as_python_shows_it() -> None:
    def with_context() -> None:
        try:
            parse()
        except ValueError:
            raise KeyError(SECRET)  # noqa: B904 (that is the point)

    def without() -> None:
        try:
            parse()
        except ValueError:
            raise KeyError(SECRET) from None

    told = described(raised_by(with_context))
    assert "json.decoder.JSONDecodeError" == cast("Mapping[str, object]", told["context"])["type"]
    assert {"type", "frames"} == set(described(raised_by(without)))
    assert SECRET not in str(told)


def test_groups_tell_their_members_and_circles_end() -> None:
    first, second = raised_by(parse), raised_by(lambda: deeper(1))
    second.__cause__ = second
    group = ExceptionGroup(SECRET, [cast("Exception", first), cast("Exception", second)])
    group.add_note(SECRET)
    told = described(group)
    assert ["json.decoder.JSONDecodeError", "ValueError"] == [each["type"] for each in members_of(told)]
    assert SECRET not in str(told)
    many = described(ExceptionGroup("many", [ValueError(str(number)) for number in range(100)]))
    assert 7 == len(members_of(many))


def test_texts_and_notes_are_told_by_choice_alone() -> None:
    exception = raised_by(lambda: deeper(0))
    exception.add_note("at the till")
    told = described(exception, errors=True)
    assert ("ValueError('hunter2')", "['at the till']") == (told["error"], told["notes"])


def test_codes_of_services_and_of_the_system_are_told() -> None:
    refused = ClientError({"Error": {"Code": "ThrottlingException", "Message": SECRET}}, "PutItem")
    missing = raised_by(lambda: Path("/nowhere", SECRET).read_text(encoding="utf-8"))
    assert ["ThrottlingException", "ENOENT"] == [described(each)["code"] for each in (refused, missing)]
    assert "code" not in described(OSError(SECRET))
    assert SECRET not in str([described(refused), described(missing)])


class Plain:
    """An error without a repr of its own, in slots and without one that is empty."""

    __slots__ = ("status", "unset")

    def __init__(self, status: int) -> None:
        self.status = status


class Loud:
    """An error whose repr raises."""

    @override
    def __repr__(self) -> str:
        raise ValueError(SECRET)


def test_an_error_is_shown_by_its_repr_or_its_fields() -> None:
    assert "Plain(status=422)" == show_value(Plain(422))
    assert "<Loud, whose repr raised ValueError>" == show_value(Loud())
    assert 10_001 == len(show_value("a" * 20_000))


def test_a_traceback_is_python_s_own_without_the_frames_of_this_library() -> None:
    text = traceback_of(raised_by(lambda: chain(step, step)(cast("str", object()) + SECRET)))
    assert text.startswith("Traceback (most recent call last):\n")
    assert "TypeError: unsupported operand" in text
    bare = ValueError(SECRET)
    assert "ValueError: hunter2\n" == traceback_of(bare)


def compiled(
    filename: str, text: str = "def announce():\n    raise ValueError('hunter2')\n"
) -> Callable[[], object]:
    """Make a function that seems to be of some file."""
    names: dict[str, object] = {}
    exec(compile(text, filename, "exec"), names)  # noqa: S102 (it is written above)
    return cast("Callable[[], object]", names["announce"])


@pytest.mark.parametrize(
    ("filename", "file", "own"),
    [
        ("/var/task/app.py", "app.py", True),
        ("/var/task/cards/app.py", "cards/app.py", True),
        ("/var/task/slack_sdk/client.py", "slack_sdk/client.py", False),
        ("/opt/python/lib/python3.11/site-packages/requests/api.py", "site-packages/requests/api.py", False),
        ("/home/somebody/work/cards/app.py", "work/cards/app.py", True),
        ("app.py", "app.py", True),
        ("<string>", "<string>", False),
    ],
)
def test_files_are_named_as_python_finds_them(
    filename: str, file: str, *, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "var" / "task"
    (root / "slack_sdk-3.27.dist-info").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(root))
    frame = frames_of(raised_by(compiled(filename.replace("/var/task", str(root)))))[-1]
    assert (file, 2, "announce", own) == frame


def test_folders_that_are_gone_keep_nobody_from_telling_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError

    exception = raised_by(compiled("gone.py"))
    monkeypatch.setattr(sys, "path", ["/gone", *sys.path])
    with monkeypatch.context() as broken:
        broken.setattr(Path, "absolute", gone)
        broken.setattr(Path, "glob", gone)
        assert "gone.py:2 in announce" == raised_at(exception)
        assert "app.py:2 in announce" == raised_at(raised_by(compiled("/gone/app.py")))


def test_exceptions_without_notes_have_none_among_their_texts() -> None:
    assert "notes" not in described(raised_by(parse), errors=True)


def test_nothing_has_the_code_of_a_service_where_boto3_was_never_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "botocore.exceptions")
    assert "code" not in described(raised_by(lambda: loads("{")))
