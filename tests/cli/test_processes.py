"""Each command as a process, as people and scripts call it."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands import streamfn

ITEM = '{"id": {"N": "1"}}\n'


@pytest.mark.parametrize(
    ("arguments", "code", "key"),
    [
        (("invoke", "tests.cli.app:process", "PAYLOAD"), 1, "results"),
        (("graph", "tests.cli.app:handler"), 0, "routes"),
        (("filter", "tests.cli.app:process"), 0, "Filters"),
        (("model", "--table", "t", "--file", "ITEMS"), 0, "source"),
        (("check-mapping", "nowhere", "--endpoint-url", "http://127.0.0.1:1"), 2, None),
        (("redrive", "tests.cli.app:handler", "nowhere"), 2, None),
        (("tail", "tests.cli.app:joined"), 2, None),
    ],
)
def test_a_command_is_a_process(
    payload: str,
    tmp_path_factory: pytest.TempPathFactory,
    arguments: tuple[str, ...],
    code: int,
    key: str | None,
) -> None:
    items = tmp_path_factory.mktemp("items") / "items.jsonl"
    items.write_text(ITEM)
    files = {"PAYLOAD": payload, "ITEMS": str(items)}
    given = [files.get(each, each) for each in arguments]
    told, shown = streamfn(*given, "--json", AWS_MAX_ATTEMPTS="1"), streamfn(*given, AWS_MAX_ATTEMPTS="1")
    assert (told.code, shown.code) == (code, code)
    if key is None:
        assert told.out == shown.out == ""
        assert told.err.startswith("streamfn: ")
        assert told.err.count("\n") == 1
    else:
        assert key in json.loads(told.out)
        assert shown.out
        assert told.err == ""
