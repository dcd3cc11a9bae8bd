"""Dead letters and OnFailure documents, run again once their cause is mended.

`redrive` receives the letters and documents of a queue or a bucket, runs each for the handlers that it concerns,
removes those that succeed, and returns a `Redriven` for each outcome. A letter runs only if the ledger or a signature
proves it.
"""

# `_contents` parses messages and decides whether they are trusted, `_documents` reads OnFailure documents and their
# records, `_letters` runs letters through the pipeline under a policy that admits only due records, and `_redrive` has
# `redrive`.

from streamfn.redrive._letters import Redriven
from streamfn.redrive._redrive import redrive

__all__ = ["Redriven", "redrive"]
