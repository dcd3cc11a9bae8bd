"""Names that earlier versions had elsewhere: who imports one is told where it is now."""

import re
from importlib import import_module

import pytest

MOVED = {
    "streamfn": {
        "Filter": "streamfn.mappings",
        "FilterCriteria": "streamfn.mappings",
        "UnusableState": "streamfn.windows",
        "Window": "streamfn.windows",
        "WindowFunction": "streamfn.windows",
        "WindowResponse": "streamfn.windows",
        "filter_criteria": "streamfn.mappings",
        "window_handler": "streamfn.windows",
    },
    "streamfn.dead_letters": {"Redriven": "streamfn.redrive", "redrive": "streamfn.redrive"},
}


RENAMED = {
    "streamfn": {"Misuse": "ConfigurationError"},
    "streamfn.exports": {"Outcome": "OutcomeRow"},
    "streamfn.ledgers": {"LedgerBusy": "LedgerThrottled", "Pair": "Key", "Stretch": "SequenceRange"},
    "streamfn.sources": {
        "Finished": "ShardFinished",
        "Reading": "ShardStarted",
        "Report": "NoticeReport",
        "TurnedAway": "RequestThrottled",
    },
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in RENAMED for name in RENAMED[module]]
)
def test_an_old_name_says_what_it_is_called_now(module: str, name: str) -> None:
    new = RENAMED[module][name]
    assert hasattr(import_module(module), new)
    line = f"{module}.{name} is now {module}.{new}: write `from {module} import {new}`"
    with pytest.raises(ImportError, match=f"^{re.escape(line)}$"):
        exec(f"from {module} import {name}")  # noqa: S102 (the line that a user has)


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in MOVED for name in MOVED[module]])
def test_an_old_name_says_where_it_is_now(module: str, name: str) -> None:
    home = MOVED[module][name]
    assert hasattr(import_module(home), name)
    line = f"{module}.{name} is now {home}.{name}: write `from {home} import {name}`"
    with pytest.raises(ImportError, match=f"^{re.escape(line)}$"):
        exec(f"from {module} import {name}")  # noqa: S102 (the line that a user has)


def test_the_old_module_of_exports_says_where_it_is_now() -> None:
    with pytest.raises(ImportError, match=r"streamfn\.sources\.export is now streamfn\.exports"):
        import_module("streamfn.sources.export")


def test_a_name_that_never_was_is_missing_as_in_any_module() -> None:
    for module in MOVED | RENAMED:
        assert not hasattr(import_module(module), "never")
