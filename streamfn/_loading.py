"""Finding a pipeline by its name, ``app:process``, for processes that are started from elsewhere.

That is how a command line and the workers of a replay come to it, as servers come to the applications that they run.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from streamfn._lambda import LambdaFunction, lambda_handler
from streamfn._misuse import Misuse
from streamfn._pipeline import Pipeline


def load_pipeline(name: str) -> Pipeline[object, object]:
    """Import a module and give its pipeline: ``app:process`` is the one that `app` calls `process`.

    A function that `lambda_handler` has made stands for its pipeline. The module is looked for where Python looks
    for modules.

    Fails with `Misuse` where there is no such module, no such name in it, or no pipeline by that name. What the
    module itself raises when it is imported is the cause of that.
    """
    found = load(name)
    return found.process if isinstance(found, LambdaFunction) else found


def load_function(name: str) -> LambdaFunction[object, object]:
    """Do the same for the function that Lambda calls, with its delivery; a pipeline stands for one with `retry`."""
    found = load(name)
    return found if isinstance(found, LambdaFunction) else lambda_handler(found)


def load(name: str) -> LambdaFunction[object, object] | Pipeline[object, object]:
    """Do the same, and give whichever of the two goes by the name."""
    module_name, separator, path = name.partition(":")
    if module_name.endswith(".py"):
        raise Misuse(
            f"expected a module, not its file: {module_name.removesuffix('.py')}:{path or 'process'}"
        )
    if not separator or not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise Misuse(f"expected a module and a name in it, as in app:process, got {name!r}")
    found: object = _module(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Misuse(f"{module_name} has no {path}: name a pipeline in it, as in app:process") from None
    if not isinstance(found, LambdaFunction | Pipeline):
        raise Misuse(
            f"{name} is {_article(type(found).__name__)}: name what pipeline(), router() or lambda_handler() made"
        )
    # isinstance knows what it is, not of which types.
    return cast("LambdaFunction[object, object] | Pipeline[object, object]", found)


def _module(name: str) -> object:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise Misuse(
                f"there is no module {error.name}: call this from the folder that holds it"
            ) from None
        raise Misuse(
            f"{name} could not be imported: there is no module {error.name}, which it needs"
        ) from error
    except Exception as error:
        # The text of an exception may quote whatever the module was reading.
        raise Misuse(f"{name} could not be imported: it raised {type(error).__name__}") from error


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"
