"""Source: the text of a module that is being written, and the objects that it finds under its names."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from keyword import iskeyword
from typing import TypeAlias, cast
from weakref import ref

from streamfn._conversion.aliases import ReadAlias
from streamfn._conversion.classes import ReadModel
from streamfn._conversion.problems import Unfit
from streamfn._texts import shown

Give: TypeAlias = Callable[[str], str]
"""Makes the statement that takes the value of an expression."""

_INDENT = "    "
_HEAD = """\
# How images are read. The usual form of each value is read inline; any other is left to the hook of its type. Where
# anything raises, the hooks read the image again, and find out all that is wrong with it.
#"""
_BUILTINS = (bool, dict, float, int, len, list, str, type)
_OF_FUNCTIONS = re.compile(r"(image|made|fields|value|held|found|each|key|part|told|moment)(_\d+)*")
"""The variables of the functions."""


class Source:
    """Takes lines at the current indentation, and gives objects names that are not taken.

    `models` are those that functions are called for, in the order in which they were named; each is to have one.
    `aliases` are those of which the hooks are being written.
    """

    def __init__(self) -> None:
        """Begin with an empty module."""
        self.models: list[ReadModel] = []
        self.aliases: list[ReadAlias] = []
        self._names: dict[str, object] = {"Unfit": Unfit, **{each.__name__: each for each in _BUILTINS}}
        self._meanings: dict[str, str] = {}
        self._lines: list[str] = []
        self._last: list[str] = []
        self._depth = 0

    @property
    def text(self) -> str:
        """The module as it stands, with what its names mean where they do not say it.

        A meaning may hold the name of a class, which is any text: an end of a line in it would end the comment.
        """
        meanings = [f"# {name}: {shown(meaning)}" for name, meaning in sorted(self._meanings.items())]
        return "\n".join([_HEAD, *meanings, *self._lines, *self._last, ""])

    def line(self, text: str = "") -> None:
        """Add a line."""
        self._lines.append(_INDENT * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Add a line that what is added meanwhile is indented under."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def refuse_if(self, condition: str) -> None:
        """Add that an image does not fit under a condition, or has a form that is left to the hooks."""
        with self.block(f"if {condition}:"):
            self.line("raise Unfit")

    def last(self, text: str) -> None:
        """Add a line at the end of the module, where all functions are known."""
        self._last.append(text)

    def name(self, wish: str, thing: object, meaning: str = "") -> str:
        """Give an object the name that is wished for, or one like it; the same object keeps its name."""
        stem = re.sub(r"\W", "_", wish, flags=re.ASCII)
        # Two underscores begin names that Python keeps for itself, such as __builtins__.
        is_taken = _OF_FUNCTIONS.fullmatch(stem) or iskeyword(stem) or stem.startswith("__")
        if is_taken or not stem.isidentifier():
            stem = f"the_{stem}"
        number, name = 1, stem
        while self._names.setdefault(name, thing) is not thing:
            number += 1
            name = f"{stem}_{number}"
        if meaning:
            self._meanings[name] = meaning
        return name

    def function_of(self, model: ReadModel) -> str:
        """Name the function that makes a model of an image."""
        if model not in self.models:
            self.models.append(model)
        return self.name(f"read_{model.cls.__name__}", model)

    def run(self, title: str, entry: str) -> Mapping[str, Callable[[object], object]]:
        """Run the module and give what it defines; by its title it goes in tracebacks, which show its lines.

        They are kept for as long as the function that goes by `entry` is.
        """
        text, title = self.text, shown(title)
        while _emptied:
            linecache.cache.pop(_emptied.pop(), None)
        number, file = 1, f"<streamfn: {title}>"
        lines = len(text), None, text.splitlines(keepends=True), file
        while linecache.cache.setdefault(file, lines) is not lines:  # two models may have one name
            number += 1
            file = f"<streamfn: {title} {number}>"
        space = dict(self._names)
        exec(compile(text, file, "exec"), space)  # noqa: S102 (what is not of this package's making is a literal)
        _forgetting[file] = ref(space[entry], lambda _: _forget(file))
        return cast("Mapping[str, Callable[[object], object]]", space)  # the functions are of one argument


_forgetting: dict[str, object] = {}
"""References that have the lines of a file forgotten with what was made of them; nobody else keeps them."""


_emptied: list[str] = []
"""Files of which the lines are forgotten; the next module that runs takes their names away."""


def _forget(file: str) -> None:
    """Forget the lines of a file, and leave its name.

    Garbage is collected at any moment, also while `linecache.checkcache` goes through the names, which have to stay.
    """
    _forgetting.pop(file, None)
    linecache.cache[file] = 0, None, [], file
    _emptied.append(file)


def quoted(text: str) -> str:
    """Write text as a literal, and no more of a text that has more, a member of an Enum say, than its characters.

    >>> print(quoted("title"), quoted("unit price"), quoted("it's"))
    "title" 'unit price' "it's"
    """
    plain = str.__str__(text)
    return f'"{plain}"' if plain.isidentifier() else repr(plain)


def assign(target: str) -> Give:
    """Take the value of an expression by assigning it."""
    return lambda expression: f"{target} = {expression}"


def append_to(target: str) -> Give:
    """Take the value of an expression by appending it to a list."""
    return lambda expression: f"{target}.append({expression})"
