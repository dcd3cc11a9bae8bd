"""The exception for programs that cannot work, raised when they are put together and not when a record comes."""

from __future__ import annotations


class Misuse(TypeError):
    """A table, handler, pipeline or delivery that cannot work as it was put together; the message says what to do."""
