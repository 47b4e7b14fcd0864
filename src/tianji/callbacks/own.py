"""Loggers that are code of the operator's own: told of events like any destination, and never waited for."""

import contextlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.settings import wanted
from tianji.callbacks.sink import BATCH, Delivery, Sift, Sink
from tianji.config.schema import Config
from tianji.hooks.apart import apart
from tianji.hooks.calling import place, spoken
from tianji.hooks.code import Unusable
from tianji.hooks.naming import own_callbacks
from tianji.hooks.roles import LOG_HOOKS, callback, is_bare, is_function, methods
from tianji.hooks.telling import PATIENCE, Telling

AT_ONCE: Final = 0.5  # seconds that an event waits where nothing is collected
DATASETS: Final = "async_dataset_hook"
_SHORTEST: Final = 0.05  # seconds

log = logging.getLogger("tianji.hooks")


def own_sinks(config: Config, folder: Path) -> tuple[list[Sink], list[str]]:
    """Return them, and what is to be said of those that cannot be loaded. `folder`: of the configuration."""
    sinks: list[Sink] = []
    problems: list[str] = []
    hears = wanted(config)
    groups = {entry.id: entry.model_name for entry in config.model_list}
    infos = {entry.id: entry.info.written for entry in config.model_list}
    for name in own_callbacks(config):
        try:
            target = callback(folder, name)
        except Unusable as error:
            problems.append(f"callback {name}: {error.message}")
            continue
        if is_function(target) or methods(target, LOG_HOOKS):
            sinks.append(_sink(Telling(name, target, folder.resolve(), groups, infos=infos), name, target, hears[name]))
    return sinks, problems


def sifting(config: Config, folder: Path) -> Sift | None:
    """Return what has records of datasets looked at by code of the operator's; None where none does so.

    A record that it fails on is not written.
    """
    hooks = []
    for name in own_callbacks(config):
        with contextlib.suppress(Unusable):  # which `own_sinks` says
            hooks += [(name, hook) for hook in methods(callback(folder, name), (DATASETS,)).values()]

    def sift(item: dict[str, Any], event: LogEvent) -> dict[str, Any] | None:
        found: dict[str, Any] | None = item
        for name, hook in hooks:
            try:
                found = apart().begin(spoken(hook, found, event.members())).result(PATIENCE)
            except Exception as error:  # boundary: somebody else's code
                log.exception("callback %s failed at %s", name, place(error, folder))
                return None
            if found is None:
                return None
        return found

    return sift if hooks else None


def _sink(telling: Telling, name: str, target: Any, hears: frozenset[str]) -> Sink:
    async def tell(events: Sequence[LogEvent]) -> int:
        return await telling.tell((event.members(), event.failed) for event in events)

    collects = "async_send_batch" in methods(target, LOG_HOOKS)
    return Sink(
        name,
        _nothing,
        hears=hears,
        batch=target.batch_size if collects else BATCH,
        interval=max(_SHORTEST, target.flush_interval) if collects else AT_ONCE,
        bare=is_bare(target),
        tell=tell,
    )


def _nothing(_: Sequence[LogEvent]) -> Iterable[Delivery]:
    return ()
