"""SAM templates, turned into what CloudFormation gets, as a deployment does."""

from __future__ import annotations

import logging

# The transform counts its calls of AWS for itself, and complains at exit that nobody asked for the numbers.
logging.getLogger("samtranslator.metrics").addHandler(logging.NullHandler())


class NoManagedPolicies:
    """Stands in for IAM, which the transform would ask for managed policies by name; the templates name none."""

    def load(self) -> dict[str, str]:
        """Give none."""
        return {}
