"""Finding a pipeline by its name, and what is said where there is none."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from streamfn import ConfigurationError, LambdaFunction, Pipeline
from streamfn._lambda import load_function, load_pipeline

MODULE = """
    from dataclasses import dataclass

    from returns.result import Result, Success

    from streamfn import InsertEvent, Table, acknowledge, lambda_handler, on_insert, pipeline

    @dataclass(frozen=True)
    class Card:
        id: int

    def announce(event: InsertEvent[Card]) -> Result[int, str]:
        return Success(event.new_image.id)

    process = pipeline(Table("prod-Card", Card), on_insert(announce))
    handler = lambda_handler(process, acknowledge())

    class Jobs:
        process = process

    class Around:
        # what a decorator leaves of a function
        def __init__(self, wrapped: object) -> None:
            self.__wrapped__ = wrapped

    traced = Around(Around(handler))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder in which Python looks for modules, and forget afterwards what was found there."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("cards_to_load", "needs_more", "breaks"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "cards_to_load.py").write_text(dedent(MODULE))
    (tmp_path / "needs_more.py").write_text("import no_such_dependency\n")
    (tmp_path / "breaks.py").write_text("int('somebody@example.com')\n")
    return tmp_path


def test_a_pipeline_is_found_by_its_module_and_name() -> None:
    process = load_pipeline("cards_to_load:process")
    assert isinstance(process, Pipeline)
    assert process is load_pipeline("cards_to_load:process")
    assert process is load_pipeline("cards_to_load:Jobs.process")


def test_a_function_stands_for_its_pipeline_and_a_pipeline_for_a_function() -> None:
    handler = load_function("cards_to_load:handler")
    assert isinstance(handler, LambdaFunction)
    assert handler.process is load_pipeline("cards_to_load:handler")
    made = load_function("cards_to_load:process")
    assert (made.process, made.delivery == handler.delivery) == (handler.process, False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cards_to_load", "expected a module and a name in it, as in app:process, got 'cards_to_load'"),
        ("cards_to_load.py:process", "expected a module, not its file: cards_to_load:process"),
        ("cards_to_load:", "expected a module and a name in it"),
        ("./cards_to_load:process", "expected a module and a name in it"),
        (
            "no_such_module:process",
            "there is no module no_such_module: call this from the folder that holds it",
        ),
        ("cards_to_load:Jobs.nothing", "cards_to_load has no Jobs.nothing: name a pipeline in it"),
        ("cards_to_load:announce", "is a function: name what pipeline(), router() or lambda_handler() made"),
        ("cards_to_load:MODULE", "cards_to_load has no MODULE"),
        ("needs_more:process", "there is no module no_such_dependency, which it needs"),
        ("breaks:process", "breaks could not be imported: it raised ValueError"),
    ],
)
def test_what_is_no_pipeline_is_told_in_one_sentence(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_pipeline(name)
    assert message in str(raised.value)
    assert "somebody" not in str(raised.value)


def test_an_integer_is_named_with_its_article() -> None:
    with pytest.raises(ConfigurationError, match="is an int: name what"):
        load_pipeline("sys:maxsize")


def test_a_function_within_decorators_is_found() -> None:
    assert load_function("cards_to_load:traced") is load_function("cards_to_load:handler")
    assert load_pipeline("cards_to_load:traced") is load_pipeline("cards_to_load:process")


def test_names_that_are_near_and_all_others_are_told() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_pipeline("cards_to_load:handlers")
    assert str(raised.value).endswith("did you mean handler? there is handler, process, traced")
    with pytest.raises(ConfigurationError) as raised:
        load_pipeline("cards_to_load:announce")
    assert str(raised.value).endswith("; there is handler, process, traced")
    with pytest.raises(ConfigurationError) as raised:
        load_pipeline("sys:nothing")
    assert str(raised.value) == "sys has no nothing: name a pipeline in it, as in app:process"


def test_modules_that_are_near_are_told() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean cards_to_load\?$"):
        load_pipeline("cards_to_laod:process")
    with pytest.raises(ConfigurationError, match=r"did you mean json\.decoder\?$"):
        load_pipeline("json.decodre:process")
    with pytest.raises(ConfigurationError, match=r"call this from the folder that holds it$"):
        load_pipeline("no_such_parent.at_all:process")


def test_a_module_that_raises_is_told_by_its_place(folder: Path) -> None:
    (folder / "breaks_twice.py").write_text("import breaks\n")
    with pytest.raises(ConfigurationError) as raised:
        load_pipeline("breaks_twice:process")
    assert str(raised.value) == "breaks_twice could not be imported: it raised ValueError (breaks.py, line 1)"
