"""The exception for programs that cannot work, raised when they are put together and not when a record comes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import update_wrapper
from typing import cast

from typing_extensions import TypeVar

F = TypeVar("F", bound=Callable[..., object])


class Misuse(TypeError):
    """A table, handler, pipeline or delivery that cannot work as it was put together; the message says what to do."""


def kind_of(value: object) -> str:
    """Name what stands where something else was expected, without its value.

    >>> kind_of(1), kind_of(None), kind_of(int), kind_of(kind_of)
    ('int', 'None', 'class int', 'function kind_of')
    """
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"class {value.__name__}"
    if isinstance(name := getattr(value, "__name__", None), str) and hasattr(value, "__code__"):
        return f"function {name}"
    return type(value).__name__


def has_methods(value: object, *names: str) -> bool:
    """Whether a value, that is no class, has methods of these names."""
    return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in names)


def check_function(value: object, argument: str, example: str) -> None:
    """Check that an argument can be called, and is no function of this library that makes one. Fails with `Misuse`."""
    if not callable(value):
        raise Misuse(
            f"{argument} is a function, got {kind_of(value)}: pass the function itself, as in {example}"
        )
    name = getattr(value, "__name__", None)
    # Whoever calls this has imported the package.
    if isinstance(name, str) and vars(sys.modules["streamfn"]).get(name) is value:
        raise Misuse(
            f"{argument} is a function, got {name} of streamfn, which makes one: call it, as in {example}"
        )


def check_flag(value: object, argument: str) -> None:
    """Check that an argument is True or False: any text, "false" too, would count as True. Fails with `Misuse`."""
    if not isinstance(value, bool):
        raise Misuse(f"{argument} is True or False, got {kind_of(value)}")


def not_for_lambda(example: str) -> Callable[[F], F]:
    """Have a factory say what to write where Lambda calls the factory itself, because a setting names that.

    `example` is what makes the function that Lambda has to call.
    """

    def decorate(factory: F) -> F:
        def make(*arguments: object, **options: object) -> object:
            if len(arguments) == 2 and not options and _is_an_invocation(*arguments):
                raise Misuse(
                    f"Lambda has called {factory.__name__}() itself with an event: write {example} in a module app, "
                    "and set the function's handler to app.handler"
                )
            return factory(*arguments, **options)

        return cast("F", update_wrapper(make, factory))  # it takes what the factory takes

    return decorate


def _is_an_invocation(event: object, context: object) -> bool:
    return isinstance(event, dict | list) or hasattr(context, "get_remaining_time_in_millis")
