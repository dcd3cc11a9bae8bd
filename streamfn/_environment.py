"""The environment of a function, and what Lambda sets in it.

See "Defined runtime environment variables" in the Lambda Developer Guide.
"""

from __future__ import annotations

import os


def function_name() -> str | None:
    """Give the name of the function that this process is of, or None outside of Lambda."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
