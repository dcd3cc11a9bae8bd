"""Leaves out the contenders whose libraries only the benchmark's own lock holds, where they are missing."""

from importlib.util import find_spec

from tests.benchmarks.field import APART

collect_ignore_glob = [
    f"peers/{module.partition('_')[0]}*" for module, package in APART.items() if find_spec(package) is None
]
