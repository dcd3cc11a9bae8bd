"""`streamfn graph`: what it draws, and that Mermaid can read it whatever the names are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfn import lambda_handler, retry
from streamfn.cli._common import load_named
from streamfn.cli.graph import (
    Outline,
    OutlinedDelivery,
    OutlinedHandler,
    OutlinedRoute,
    flowchart,
    outline_of,
)
from streamfn.ledgers import MemoryLedger
from tests.cli import app
from tests.cli.commands import call

LABEL = r'"[\w _.,/|()\[\]{}=*…-]*(?:(?:#(?:quot|\d+);|<br>)[\w _.,/|()\[\]{}=*…-]*)*"'
"""What may stand in quotes: nothing that ends them, and nothing that Mermaid or HTML would read."""

LINE = re.compile(
    rf"flowchart LR|    (?:table\d+\[\({LABEL}\)\]|model\d+\({LABEL}\)|(?:    )?handler\d+\[{LABEL}\]"
    rf"|(?:ledger|letters)\[\({LABEL}\)\]|delivery\{{\{{{LABEL}\}}\}}|subgraph strategy\d+\[{LABEL}\]|end"
    rf"|\w+ <?-->(?:\|{LABEL}\|)? \w+)"
)
"""The lines of a flowchart, as far as this project writes them."""

NAMES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(
        ["end", 'style a:b#"', "%%{init: {}}%%", "`md`", "<br>", "#quot;", "-->", "x\ny", "]", "|"]
    ),
)


def handlers() -> st.SearchStrategy[OutlinedHandler]:
    return st.builds(
        OutlinedHandler,
        name=NAMES,
        kinds=st.just(["INSERT"]),
        where=st.none() | NAMES,
        batched=st.none() | NAMES,
    )


def outlines() -> st.SearchStrategy[Outline]:
    routes = st.builds(
        OutlinedRoute,
        table=NAMES,
        model=NAMES,
        pattern=st.none() | st.dictionaries(NAMES, st.lists(NAMES)),
        strategy=NAMES,
        handlers=st.lists(handlers(), max_size=3),
    )
    delivery = st.builds(
        OutlinedDelivery, name=NAMES, ledger=st.none() | NAMES, dead_letters=st.none() | NAMES
    )
    return st.builds(Outline, routes=st.lists(routes, max_size=3), delivery=st.none() | delivery)


@given(outlines())
def test_names_of_whatever_kind_do_not_break_the_language(outline: Outline) -> None:
    for line in flowchart(outline).removesuffix("\n").split("\n"):
        assert LINE.fullmatch(line), line


def test_a_pipeline_is_drawn() -> None:
    ran = call("graph", "tests.cli.app:process")
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == """\
flowchart LR
    table1[("prod-Card")]
    model1("Card")
    table1 --> model1
    subgraph strategy1["series"]
        handler1["announce"]
        handler2["back_up"]
    end
    model1 -->|"INSERT"| handler1
    model1 -->|"INSERT"| handler2
    model1 -->|"REMOVE"| handler2
"""
    )


def test_a_function_is_drawn_with_what_becomes_of_failures() -> None:
    assert call("graph", "tests.cli.app:handler").out.endswith(
        """\
    delivery{{"retry, 1 attempt"}}
    strategy1 --> delivery
    ledger[("card-ledger")]
    delivery <-->|"what is settled"| ledger
    letters[("https#58;//sqs.example/letters")]
    delivery -->|"what cannot succeed"| letters
"""
    )


def test_patterns_conditions_batches_and_strategies_are_drawn() -> None:
    drawn = flowchart(outline_of(app.joined))
    for part in (
        'table2 -->|"{#quot;dynamodb#quot;#58;{#quot;Keys#quot;#58;',
        'model1 -->|"INSERT where …"|',
        'model1 -->|"MODIFY where changed(…)"|',
        'model1 -->|"MODIFY where is_due"|',
        '["count<br>batched, up to 10"]',
        '["end #quot;of#quot; #60;invoices#62;<br>batched_each"]',
        '["concurrent, 3 workers"]',
    ):
        assert part in drawn


def test_a_strategy_of_ones_own_goes_by_its_type() -> None:
    assert flowchart(outline_of(app.own_way)).count('subgraph strategy1["OwnWay"]') == 1


def test_json_has_the_same() -> None:
    ran = call("graph", "tests.cli.app:to_bucket", "--json")
    delivery = {"name": "retry, 5 attempts", "ledger": "MemoryLedger", "dead_letters": "s3://letters/cards/"}
    assert ran.document["delivery"] == delivery
    assert call("graph", "tests.cli.app:process", "--json").document["delivery"] is None


def test_deliveries_are_named() -> None:
    names = [
        outline_of(*load_named(f"tests.cli.app:{name}"))["delivery"]
        for name in ("plain", "dropping", "remembering", "in_memory", "own")
    ]
    assert names == [
        {"name": "retry", "ledger": None, "dead_letters": None},
        {"name": "acknowledge", "ledger": None, "dead_letters": None},
        {"name": "retry", "ledger": "MemoryLedger", "dead_letters": None},
        {"name": "retry, 5 attempts", "ledger": "MemoryLedger", "dead_letters": "MemoryDeadLetters"},
        {"name": "Own", "ledger": None, "dead_letters": None},
    ]


class Elsewhere(MemoryLedger):
    """A ledger of a user's own that says where it is kept, as far as anybody can read that."""

    def __init__(self, location: object) -> None:
        super().__init__()
        self.location = location


@pytest.mark.parametrize(
    ("location", "shown"), [("redis://ledger", "redis://ledger"), (7, "Elsewhere"), ("", "Elsewhere")]
)
def test_a_store_of_ones_own_is_drawn_by_its_location(
    location: object, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = lambda_handler(app.process, retry(ledger=Elsewhere(location)))
    monkeypatch.setattr(app, "remembering", function)
    ran = call("graph", "tests.cli.app:remembering", "--json")
    assert ran.document["delivery"] == {"name": "retry", "ledger": shown, "dead_letters": None}


def test_a_mistake_is_a_line() -> None:
    ran = call("graph", "app.py")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "streamfn: expected a module, not its file: app:process\n"
