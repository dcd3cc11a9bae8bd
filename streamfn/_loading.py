"""Finding a pipeline by its name, ``app:process``, for processes that are started from elsewhere.

That is how a command line and the workers of a replay come to it, as servers come to the applications that they run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from streamfn._lambda import LambdaFunction, lambda_handler
from streamfn._misuse import Misuse
from streamfn._pipeline import Pipeline


class NotImported(Misuse):
    """The module of a pipeline could not be imported; what it raised is the cause, and the message says where."""


def load_pipeline(name: str) -> Pipeline[object, object]:
    """Import a module and give its pipeline: ``app:process`` is the one that `app` calls `process`.

    A function that `lambda_handler` has made stands for its pipeline, also within decorators that keep it as
    ``__wrapped__``, as those of `functools.wraps` do. The module is looked for where Python looks for modules.

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
    module = found = _module(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = _listed(path, _names_in(module))
            raise Misuse(
                f"{module_name} has no {path}: name a pipeline in it, as in app:process{known}"
            ) from None
    found = _unwrapped(found)
    if not isinstance(found, LambdaFunction | Pipeline):
        known = _listed(path, _names_in(module))
        kind = _article(type(found).__name__)
        raise Misuse(f"{name} is {kind}: name what pipeline(), router() or lambda_handler() made{known}")
    # isinstance knows what it is, not of which types.
    return cast("LambdaFunction[object, object] | Pipeline[object, object]", found)


def _unwrapped(found: object) -> object:
    """Take what this library made out of the decorators that it was given to."""
    seen: set[int] = set()
    while not _is_made_here(found) and id(found) not in seen:
        seen.add(id(found))
        found = getattr(found, "__wrapped__", found)
    return found


def _is_made_here(found: object) -> bool:
    return isinstance(found, LambdaFunction | Pipeline)


def _names_in(module: object) -> list[str]:
    """Name the pipelines and functions of a module, which are what could have been meant."""
    members = cast("dict[str, object]", vars(module))
    return [name for name, each in members.items() if _is_made_here(_unwrapped(each))]


def _listed(wrong: str, names: Iterable[str]) -> str:
    """Say which names there are, the most similar one first."""
    from difflib import get_close_matches

    there = sorted(names)
    close = get_close_matches(wrong, there, n=1)
    listed = [*close, *(name for name in there if name not in close)]
    if not listed:
        return ""
    return (
        f"; did you mean {listed[0]}? there is {', '.join(listed)}"
        if close
        else f"; there is {', '.join(listed)}"
    )


def _module(name: str) -> object:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise Misuse(
                f"there is no module {error.name}: call this from the folder that holds it{_similar(error.name)}"
            ) from None
        raise NotImported(
            f"{name} could not be imported: there is no module {error.name}, which it needs{_place(error)}"
        ) from error
    except Misuse as error:
        raise NotImported(
            f"{name} could not be imported: it raised Misuse: {error}{_place(error)}"
        ) from error
    except SystemExit as error:
        raise NotImported(
            f"{name} could not be imported: it ended the process{_place(error)}: call what ends it under "
            'if __name__ == "__main__"'
        ) from error
    except Exception as error:
        # The text of an exception may quote whatever the module was reading.
        raise NotImported(
            f"{name} could not be imported: it raised {type(error).__name__}{_place(error)}"
        ) from error


def _similar(name: str) -> str:
    """Name the module that was meant, if one with a similar name is there."""
    from difflib import get_close_matches

    parent, _, last = name.rpartition(".")
    path: object = sys.path[:1]
    if parent:
        path = getattr(sys.modules.get(parent), "__path__", [])
    there = [each.name for each in iter_modules(list(cast("Iterable[str]", path)))]
    close = get_close_matches(last, there, n=1)
    return f"; did you mean {'.'.join(filter(None, (parent, *close)))}?" if close else ""


def _place(error: BaseException) -> str:
    """Say in which file and line a module raised, if that is known."""
    from streamfn._tracebacks import frames_of

    if isinstance(error, SyntaxError) and error.filename is not None:
        return f" ({error.filename.rpartition(os.sep)[2]}, line {error.lineno})"
    frames = [frame for frame in frames_of(error) if not frame.file.startswith(("<", "streamfn/"))]
    own = [frame for frame in frames if frame.own] or frames
    return f" ({own[-1].file}, line {own[-1].line})" if own else ""


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0].lower() in "aeiou" else f"a {kind}"
