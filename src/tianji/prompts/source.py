"""What a source of prompts is made of, and what it raises."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tianji.egress.errands import Answer, Errand
from tianji.errors import ConfigurationError, ObjectNotFound, UpstreamFailure, UpstreamProtocolError
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


class Given(Struct, frozen=True):
    """What a source is built of. `params`: its part of the configuration; folder: where the configuration lies."""

    name: str
    params: Mapping[str, Any]
    environ: Mapping[str, str]
    ask: Errand
    folder: Path

    def text(self, name: str, *variables: str, default: str = "") -> str:
        """Return a parameter, else the first variable that is set. Raises ConfigurationError for what is no text."""
        value = self.params.get(name)
        if value is None:
            return next((self.environ[variable] for variable in variables if self.environ.get(variable)), default)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ConfigurationError(f"prompts of {self.name}: {name} must be text")
        return str(value)

    def need(self, name: str, *variables: str) -> str:
        """Return what must be there. Raises ConfigurationError without it."""
        found = self.text(name, *variables)
        if not found:
            also = f" (or {' or '.join(variables)})" if variables else ""
            raise ConfigurationError(f"prompts of {self.name} need {name}{also}")
        return found

    def base(self, name: str, *variables: str, default: str = "") -> str:
        """Return an address without a slash at its end."""
        found = self.text(name, *variables, default=default) or self.need(name, *variables)
        return (found if "://" in found else f"http://{found}").rstrip("/")


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
