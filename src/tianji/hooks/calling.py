"""How code of the operator's own is called, and what is said of it when it fails."""

import traceback
from collections.abc import Callable, Mapping
from inspect import Parameter, isawaitable, signature
from pathlib import Path
from typing import Any


async def called(hook: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Call a hook with those arguments that it names, and wait for what it returns. Raises what it raises."""
    said = hook(**wanted(hook, given))
    return await said if isawaitable(said) else said


async def spoken(hook: Callable[..., Any], *given: Any) -> Any:
    """Call code by position, whatever it calls its arguments, and wait for what it returns. Raises what it raises."""
    said = hook(*given)
    return await said if isawaitable(said) else said


def wanted(hook: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments that a hook names."""
    parameters = signature(hook).parameters
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(given)
    return {name: value for name, value in given.items() if name in parameters}


def place(error: BaseException, folder: Path) -> str:
    """Say where code failed: the innermost line of a file below `folder`, else the innermost of all; "" for none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)] or frames
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""
