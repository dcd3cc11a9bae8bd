"""Makes tests of the documents: pytest runs the examples of README.md and docs/, and what tests they define.

It stands here and not in tests/ because pytest asks a conftest.py only about the files below it.
"""

from sybil import Sybil
from sybil.parsers.markdown import SkipParser

from tests.documents import begin, blocks

pytest_collect_file = Sybil(parsers=[blocks, SkipParser()], pattern="*.md", setup=begin).pytest()

collect_ignore = ["streamfn/sources/export.py"]  # it is there to raise, for who imports the old name
