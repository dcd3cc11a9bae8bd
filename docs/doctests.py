"""Has the site show the doctests of docstrings as code: Markdown would take their prompts for quotations."""

from collections.abc import Iterator

from griffe import Extension, Object
from typing_extensions import override


class Doctests(Extension):
    """Puts each doctest of the API's docstrings into a block of code."""

    @override
    def on_object(self, *, obj: Object, **_: object) -> None:
        """Rewrite a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = "\n".join(_fenced(obj.docstring.value.splitlines()))


def _fenced(lines: list[str]) -> Iterator[str]:
    within = False
    for line in lines:
        if line.startswith(">>> ") and not within:
            within = True
            yield "```pycon"
        if within and not line:
            within = False
            yield "```"
        yield line
    if within:
        yield "```"
