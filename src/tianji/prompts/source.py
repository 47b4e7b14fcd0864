"""What a source of prompts is made of, and what it raises."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from tianji.config.given import Given as Parameters
from tianji.egress.errands import Answer, Errand
from tianji.errors import ObjectNotFound, UpstreamFailure, UpstreamProtocolError
from tianji.prompts.naming import Wanted
from tianji.prompts.template import Template

MINUTE: Final = 60.0
FOR_EVER: Final = float("inf")


class Source(Struct, frozen=True):
    """Fetches prompts. `fresh`: seconds for which what it said holds; FOR_EVER: until the next reload.

    fetch raises ObjectNotFound for a prompt that there is not, and UpstreamFailure where nobody can say.
    """

    fetch: Callable[[Wanted], Awaitable[Template]]
    fresh: float = FOR_EVER


class Given(Parameters, frozen=True):
    """What a source is built of: `folder` is where the configuration lies."""

    ask: Errand
    folder: Path


def found(answer: Answer, wanted: Wanted, source: str) -> Answer:
    """Return a good answer. Raises ObjectNotFound where there is no such prompt, and UpstreamFailure for any other."""
    if answer.status == 404:
        raise ObjectNotFound(f"{source} has no prompt {wanted.id!r} as it is asked for")
    if answer.status != 200:
        raise UpstreamFailure(f"{source} does not give the prompt {wanted.id!r}: it answered {answer.status}")
    return answer


def unreadable(wanted: Wanted, source: str, why: object) -> UpstreamProtocolError:
    """Return the error for a prompt of a form that nobody knows."""
    return UpstreamProtocolError(f"the prompt {wanted.id!r} of {source} cannot be read: {why}")
