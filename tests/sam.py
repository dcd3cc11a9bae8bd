"""SAM templates, turned into what CloudFormation gets, as a deployment does, and looked through by cfn-lint.

Tests take both tools from here. Where a tool is not there, the modules that import this one are skipped.
"""

from __future__ import annotations

import logging

import pytest

for _tool in ("samtranslator", "cfnlint"):
    pytest.importorskip(_tool, reason="SAM's transform and cfn-lint do not support Python 3.15 yet")

# They can be imported from here on.
from cfnlint.api import lint  # noqa: E402
from cfnlint.config import ManualArgs  # noqa: E402
from samtranslator.model.exceptions import InvalidDocumentException  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

__all__ = ["InvalidDocumentException", "ManualArgs", "NoManagedPolicies", "lint", "transform", "yaml_parse"]

# The transform counts its calls of AWS for itself, and complains at exit that nobody asked for the numbers.
logging.getLogger("samtranslator.metrics").addHandler(logging.NullHandler())


class NoManagedPolicies:
    """Stands in for IAM, which the transform would ask for managed policies by name; the templates name none."""

    def load(self) -> dict[str, str]:
        """Give none."""
        return {}
