"""No private part of cattrs is used: neither a private attribute of its objects, nor a private module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import cattrs
import cattrs.dispatch
import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "streamfn").rglob("*.py"))
OBJECTS = [
    cattrs.BaseConverter,
    cattrs.Converter,
    cattrs.dispatch.MultiStrategyDispatch,
    type(cattrs.override()),
]
PRIVATE = {name for cls in OBJECTS for name in dir(cls) if re.match("_(?!_)", name)}
"""The private attributes of cattrs' objects, by its installed version."""

MARKS = {"overrides"}
"""The attributes of the functions that cattrs generates, which its documentation names: one function may read them."""


def private_parts(text: str) -> Iterator[str]:
    """Find each use of a private part of cattrs in a program."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PRIVATE:
            # What a class calls its own is its own, unless it is a converter.
            if not (
                isinstance(node.value, ast.Name) and node.value.id == "self" and "Converter)" not in text
            ):
                yield node.attr
        elif isinstance(node, ast.Constant) and node.value in PRIVATE:
            yield str(node.value)  # for getattr, say
        elif isinstance(node, ast.ImportFrom | ast.Import):
            modules = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [each.name for each in node.names]
            )
            names = [f"{module}.{each.name}" for module in modules for each in node.names]
            yield from (name for name in names if name.startswith("cattrs") and "._" in name)


@pytest.mark.parametrize("path", LIBRARY, ids=[str(path.relative_to(ROOT)) for path in LIBRARY])
def test_no_private_part_of_cattrs_is_used(path: Path) -> None:
    assert [] == list(private_parts(path.read_text()))


def test_the_overrides_of_a_function_are_read_in_one_place() -> None:
    """There is no public function that tells what cattrs has generated."""
    found = [
        (path.name, node.lineno)
        for path in LIBRARY
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in MARKS
    ]
    assert ["converter.py"] == [name for name, _ in found if name != "composites.py"]


@pytest.mark.parametrize(
    "text",
    [
        'getattr(converter, "_union_struct_registry", {})',
        "converter._union_struct_registry",
        "class Own(Converter):\n    def hook(self):\n        return self._structure_func",
        "from cattrs._compat import is_union_type",
        "from cattrs import _compat",
        "import cattrs.gen._shared",
    ],
)
def test_a_private_part_is_found(text: str) -> None:
    """So the test can tell."""
    assert list(private_parts(text))
