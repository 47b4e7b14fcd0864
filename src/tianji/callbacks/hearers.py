"""Who is told of the audit log: destinations, and loggers that are code of the operator's own."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from tianji.callbacks.settings import audit_sink
from tianji.callbacks.sink import BATCH, Sink
from tianji.config.schema import Config
from tianji.errors import ConfigurationError
from tianji.hooks.naming import own_listeners
from tianji.hooks.roles import AUDIT_HOOKS, callback, methods


class Hearer(Struct, frozen=True):
    """One of them: a destination that is sent requests, or the method of a logger."""

    name: str
    sink: Sink | None = None
    hook: Callable[..., Awaitable[Any]] | None = None

    @property
    def batch(self) -> int:
        """How many entries are told in one go."""
        return BATCH if self.sink is None else self.sink.batch * self.sink.at_once


def hearers(config: Config, environ: Mapping[str, str], folder: Path) -> tuple[list[Hearer], list[str]]:
    """Return whom `audit_log_callbacks` names, and what is to be said of others. `folder`: of the configuration."""
    found: list[Hearer] = []
    problems: list[str] = []
    own = own_listeners(config)
    for name in dict.fromkeys(config.litellm_settings.audit_log_callbacks):
        try:
            if name in own:
                found.append(_logger(name, folder))
            else:
                found.append(Hearer(name, sink=audit_sink(name, config, environ)))
        except ConfigurationError as error:
            problems.append(error.message)
    return found, problems


def _logger(name: str, folder: Path) -> Hearer:
    """Return a logger. Raises ConfigurationError for code that cannot be used."""
    try:
        hooks = methods(callback(folder, name), AUDIT_HOOKS)
    except ConfigurationError as error:
        raise ConfigurationError(f"callback {name}: {error.message}") from error
    if not hooks:
        raise ConfigurationError(f"callback {name}: override {AUDIT_HOOKS[0]} to be told of the audit log")
    return Hearer(name, hook=hooks[AUDIT_HOOKS[0]])
