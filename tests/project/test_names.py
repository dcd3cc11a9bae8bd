"""No name at the top of a module means two things: a reader who has met it once knows it everywhere."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import streamfn

ROOT: Final = Path(streamfn.__file__).parent

ONE_THING: Final = {
    "replay": {"streamfn.exports._replay", "streamfn.spark"},  # the same, on this machine and on a cluster
}
"""Public names that stand in several modules and mean the same in each."""


def is_type_variable(statement: ast.stmt) -> bool:
    """Whether a statement declares a variable of types, which is named `T` or `E` wherever there is one."""
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and ast.unparse(statement.value.func) in {"TypeVar", "ParamSpec", "TypeVarTuple"}
    )


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """List the statements of a module, those within `if` and `try` too."""
    for each in body:
        yield each
        for inner in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(each, ast.If | ast.Try | ast.With):
                yield from statements(
                    [found for found in getattr(each, inner, []) if isinstance(found, ast.stmt)]
                )


def names_of(module: ast.Module) -> Iterator[str]:
    """Name what a module defines at its top, and not what it imports."""
    for each in statements(module.body):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id
        elif isinstance(each, ast.Assign) and not is_type_variable(each):
            for target in each.targets:
                yield from (found.id for found in ast.walk(target) if isinstance(found, ast.Name))


def definitions() -> dict[str, set[str]]:
    """Find the modules that define each name without an underscore."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        for name in names_of(ast.parse(path.read_text(encoding="utf-8"))):
            if not name.startswith("_"):
                found[name].add(module)
    return found


def test_no_name_at_the_top_of_a_module_means_two_things() -> None:
    shared = {name: modules for name, modules in definitions().items() if len(modules) > 1}
    assert shared == ONE_THING


def test_definitions_of_each_kind_are_found() -> None:
    """A test of a list that is empty would hold for any names."""
    found = definitions()
    for name in ("StreamReader", "pipeline", "EVENTS", "SecondsLeft"):
        assert len(found[name]) == 1
    assert "T" not in found
