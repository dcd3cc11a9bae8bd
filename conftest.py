"""Makes tests of the documents: pytest runs each Python block of README.md and docs/, and what tests it defines.

It stands here and not in tests/ because pytest asks a conftest.py only about the files below it.
"""

import builtins

from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

_python = PythonEvaluator()


def _run(example: Example) -> None:
    """Run a block in its document's namespace, then each `test_…` function that the block brought."""
    known = set(example.namespace)
    _python(example)
    example.namespace["__builtins__"] = builtins  # sybil takes them away, and a test is yet to use them
    for name in [name for name in example.namespace if name.startswith("test_") and name not in known]:
        example.namespace[name]()


pytest_collect_file = Sybil(
    parsers=[CodeBlockParser(language="python", evaluator=_run), SkipParser()],
    pattern="*.md",
    # Classes take their __module__ from here, and whoever resolves their hints looks it up.
    setup=lambda namespace: namespace.update(__name__="__main__"),
).pytest()
