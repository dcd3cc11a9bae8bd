"""``streamfn graph``: draws a pipeline, as a flowchart in Mermaid's language."""

from __future__ import annotations

from streamfn.cli._exits import ExitCode
from streamfn.cli._pipelines import Name, named
from streamfn.cli._printing import AsJson, print_json, write


def graph(pipeline: Name, *, as_json: AsJson = False) -> int:
    """Draw a pipeline as a flowchart: tables, models, handlers and delivery.

    It is text in Mermaid's language, which GitHub and many sites draw within a
    block ```mermaid. The delivery is drawn for a function, as in app:handler.

    Examples:
      streamfn graph app:handler > follow-cards.mmd
      streamfn graph app:process --json

    With --json, one document of the same:
      {"routes": [{"table", "model", "pattern", "strategy",
        "handlers": [{"name", "kinds": [...], "where", "batched"}]}],
       "delivery": {"name", "ledger", "dead_letters"} or null}

    Exit code:
      0  it was drawn
      2  the call was wrong; standard error says why
    """
    from streamfn.cli._mermaid import flowchart
    from streamfn.cli._outline import outline_of

    outline = outline_of(*named(pipeline))
    if as_json:
        print_json(outline)
    else:
        write(flowchart(outline))
    return ExitCode.FINE
