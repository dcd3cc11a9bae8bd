"""Redriving: from the messages of a queue or a bucket to the outcome of each of their letters.

Contents are told apart, documents of Lambda's get their records back, and letters and documents are replayed
through the pipeline, under a gate that lets through nothing but what is due.
"""

from streamfn.redrive._letters import Redriven
from streamfn.redrive._redrive import redrive

__all__ = ["Redriven", "redrive"]
