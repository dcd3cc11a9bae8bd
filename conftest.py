"""Makes tests of the documents: pytest runs the examples of README.md and docs/, and what tests they define.

It stands here and not in tests/ because pytest asks a conftest.py only about the files below it.
"""

import pytest
from sybil import Sybil
from sybil.parsers.markdown import SkipParser

from tests.documents import begin, blocks

pytest_collect_file = Sybil(parsers=[blocks, SkipParser()], pattern="*.md", setup=begin).pytest()

collect_ignore = ["streamfn/sources/export.py"]  # it is there to raise, for who imports the old name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the blocks of a document in one process: each builds on those above."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if item.path.suffix == ".md":
                item.add_marker(pytest.mark.xdist_group(item.path.name))
