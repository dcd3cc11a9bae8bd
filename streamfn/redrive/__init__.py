"""Redriving: runs the letters of a queue or a bucket again, each with an outcome.

`_contents` parses messages and decides whether they are trusted, `_documents` reads OnFailure documents and their
records, `_letters` runs letters through the pipeline under a policy that admits only due records, and `_redrive` has
`redrive`.
"""

from streamfn.redrive._letters import Redriven
from streamfn.redrive._redrive import redrive

__all__ = ["Redriven", "redrive"]
