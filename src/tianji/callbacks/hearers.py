"""Who is told of the audit log or of lines of batches: destinations, and loggers that are code of one's own."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tianji.callbacks.settings import audit_sink, lines_sink
from tianji.callbacks.sink import BATCH, Sink
from tianji.config.schema import Config
from tianji.errors import ConfigurationError
from tianji.hooks.naming import own_listeners
from tianji.hooks.roles import AUDIT_HOOKS, LINE_HOOKS, callback, is_bare, methods


class Hearer(Struct, frozen=True):
    """One of them: a destination that is sent requests, or the method of a logger."""

    name: str
    sink: Sink | None = None
    hook: Callable[..., Awaitable[Any]] | None = None
    bare: bool = False  # it is not told what was said

    @property
    def batch(self) -> int:
        """How many entries are told in one go."""
        return BATCH if self.sink is None else self.sink.batch * self.sink.at_once


class Matter(Struct, frozen=True):
    """What they are told of. key: of `litellm_settings`, which names them; hook: the method of loggers that hears."""

    said: str
    key: str
    sink: Callable[[str, Config, Mapping[str, str]], Sink]
    hook: str


AUDITS: Final = Matter("the audit log", "audit_log_callbacks", audit_sink, *AUDIT_HOOKS)
LINES: Final = Matter("lines of batches", "batch_line_item_callbacks", lines_sink, *LINE_HOOKS)


def hearers(matter: Matter, config: Config, environ: Mapping[str, str], folder: Path) -> tuple[list[Hearer], list[str]]:
    """Return whom a configuration names, and what is to be said of others. `folder`: of the configuration."""
    found: list[Hearer] = []
    problems: list[str] = []
    own = own_listeners(config, matter.key)
    for name in dict.fromkeys(getattr(config.litellm_settings, matter.key)):
        try:
            if name in own:
                found.append(_logger(matter, name, folder))
            else:
                found.append(Hearer(name, sink=matter.sink(name, config, environ)))
        except ConfigurationError as error:
            problems.append(error.message)
    return found, problems


def _logger(matter: Matter, name: str, folder: Path) -> Hearer:
    """Return a logger. Raises ConfigurationError for code that cannot be used."""
    try:
        target = callback(folder, name)
    except ConfigurationError as error:
        raise ConfigurationError(f"callback {name}: {error.message}") from error
    hooks = methods(target, (matter.hook,))
    if not hooks:
        raise ConfigurationError(f"callback {name}: override {matter.hook} to be told of {matter.said}")
    return Hearer(name, hook=hooks[matter.hook], bare=is_bare(target))
