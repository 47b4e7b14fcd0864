"""From the names in a configuration to the hooks that are called."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tianji._core.requests.asked import Asked
from tianji.config.checks.subject import Subject
from tianji.config.loader import Loaded
from tianji.config.problems import Findings, InvalidConfiguration, Problem
from tianji.config.schema import Config
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.guarding.guards import UNWATCHED
from tianji.gateway.hooking.listing import Narrow, narrowing
from tianji.gateway.hooking.loops import Loops, Next, runners
from tianji.gateway.hooking.lots import HOOKS, Lots
from tianji.gateway.hooking.overhearing import Listeners
from tianji.gateway.hooking.placing import Stock
from tianji.gateway.hooking.prompters import Prompters
from tianji.gateway.hooking.registered import Registered, registered
from tianji.gateway.hooking.rules import PostCallRule, PreCallRule
from tianji.gateway.hooking.watch import HookWatch, Means
from tianji.hooks.code import Unusable
from tianji.hooks.naming import RULES, own_callbacks, own_judges, own_rules
from tianji.hooks.roles import LISTING_HOOKS, PROMPT_HOOKS, RESULT_HOOKS, callback, judge, rule
from tianji.lazy import load

Guards = Callable[[Asked], Any]


def require(loaded: Loaded, folder: Path) -> None:
    """Load all code that a configuration names. Raises InvalidConfiguration where some cannot be.

    folder: in which the files of the configuration lie
    """
    found = problems(loaded, folder)
    if found:
        raise InvalidConfiguration(f"{len(found)} name{'s' * (len(found) > 1)} of code cannot be loaded", found)


def problems(loaded: Loaded, folder: Path) -> tuple[Problem, ...]:
    """Load all code that the configuration names; say what cannot be."""
    subject = Subject(
        config=loaded.config, tree=loaded.tree, environ=loaded.environment, directory=folder, findings=Findings()
    )
    found = [(where, name, callback) for name, where in own_callbacks(loaded.config).items()]
    for key in RULES:
        found += [(where, name, rule) for where, name in own_rules(loaded.config, key)]
    found += [(where, name, judge) for name, where in own_judges(loaded.config).items()]
    for where, name, read in found:
        try:
            read(folder, name)
        except Unusable as fault:
            subject.error(where, f"{name}: {fault.said}", fault.remedy)
    return subject.findings.problems


def around(snapshot: Snapshot, guards: Guards | None, folder: Path) -> Guards | None:
    """Return who watches a request, guardrails and hooks together. Raises Unusable for code that cannot be loaded."""
    hooks = registered(_targets(snapshot.config, folder), folder.resolve())
    if not hooks:
        return guards
    means = Means(Stock(snapshot), Listeners(snapshot.config), snapshot.table.compat)
    return lambda asked: watch(asked, hooks, guards, means)


def lots(config: Config, folder: Path, guards: Any) -> Any:
    """Return who judges requests that come many at a time, hooks and guardrails together. Raises Unusable."""
    hooks = registered(_targets(config, folder), folder.resolve(), HOOKS)
    return Lots(hooks, guards) if hooks else guards


def results(config: Config, folder: Path) -> Any:
    """Return the hooks that look at what tools say, see hooking.results; None where there are none. Raises Unusable."""
    found = registered(_callbacks(config, folder), folder.resolve(), RESULT_HOOKS)
    return load("tianji.gateway.hooking.results").ResultHooks(found) if found else None


def prompters(config: Config, folder: Path) -> Prompters | None:
    """Return the hooks that put prompts into requests; None where there are none. Raises Unusable."""
    found = registered(_callbacks(config, folder), folder.resolve(), PROMPT_HOOKS)
    return Prompters(found) if found else None


def listing(config: Config, folder: Path) -> Narrow | None:
    """Return the hooks that hide models; None where there are none. Raises Unusable."""
    found = registered(_callbacks(config, folder), folder.resolve(), LISTING_HOOKS)
    return narrowing(found) if found else None


def looping(config: Config, folder: Path, others: Next | None) -> Next | None:
    """Return who answers requests with tools in turns: hooks that run these, beside `others`. Raises Unusable."""
    found = runners(_callbacks(config, folder), folder.resolve())
    return Loops(found, others) if found else others


def watch(asked: Asked, hooks: Registered, guards: Guards | None, means: Means) -> Any:
    """Return who watches one request; None where nobody does."""
    if asked.bound or asked.operation.name in UNWATCHED or (asked.exchange.silent and not asked.exchange.path):
        return None if guards is None else guards(asked)
    return HookWatch(asked, hooks, guards, means)


def _targets(config: Config, folder: Path) -> Iterator[tuple[str, Any]]:
    for _, name in own_rules(config, "pre_call_rules"):
        yield name, PreCallRule(name, rule(folder, name))
    yield from _callbacks(config, folder)
    for _, name in own_rules(config, "post_call_rules"):
        yield name, PostCallRule(name, rule(folder, name))


def _callbacks(config: Config, folder: Path) -> Iterator[tuple[str, Any]]:
    for name in own_callbacks(config):
        yield name, callback(folder, name)
