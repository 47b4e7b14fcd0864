"""Local guardrails as the framework builds and asks them, without the framework."""

from pathlib import Path
from typing import Any

import msgspec

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import Hook, Look, Occasion, Surroundings, Type
from tianji.guardrails.verdict import Verdict

OCCASION = Occasion(name="mine", hook=Hook.PRE_CALL)


def built(kind: Type[Any], params: dict[str, Any], folder: Path = Path(), **environ: str) -> Look:
    """Return what judges by these parameters."""
    assert kind.look is not None
    look = kind.look(msgspec.convert(params, kind.params), Surroundings(folder, environ))
    assert look is not None
    return look


def asked(*texts: str) -> Content:
    """Return a request that says these texts."""
    return Content(Direction.REQUEST, tuple(Text(text, message=at) for at, text in enumerate(texts)))


def answered(*texts: str) -> Content:
    """Return an answer of these texts."""
    said = tuple(Text(text, "assistant", message=at) for at, text in enumerate(texts))
    return Content(Direction.RESPONSE, said)


def verdict(kind: Type[Any], params: dict[str, Any], *texts: str, **more: Any) -> Verdict:
    """Return what is said of a request."""
    return built(kind, params, **more)(asked(*texts), OCCASION)
