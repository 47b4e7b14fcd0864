"""A gateway without a network: configured groups, upstreams that answer by a script, and a clock that is told."""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection
from tianji.config import Loaded, load
from tianji.errors import (
    Header,
    TianjiError,
    UnknownModel,
    UpstreamConnectFailed,
    UpstreamDisconnected,
    UpstreamTimeout,
)
from tianji.protocol.openai_errors import refused
from tianji.routing.abilities import OPERATION
from tianji.routing.attempts import Attempts, Send, Wait
from tianji.routing.failure import Failure, failure_of, filtered
from tianji.routing.resolution import Alias, Resolution, Resolver
from tianji.routing.router import Request, Router
from tianji.routing.selections import Offer, Selections, compile_selections
from tianji.routing.settings import compile_router

Answer = int | str | tuple[Any, ...]
"""A status; X: cut off, Z: timeout, N: no connection, ctx, cp, cf as in the conformance table; or (answer, options)."""

BODIES = {
    "ctx": (400, {"message": "This model's maximum context length is 8192 tokens", "code": "context_length_exceeded"}),
    "cp": (400, {"message": "Your request was rejected", "code": "content_policy_violation"}),
    "credit": (400, {"message": "Your credit balance is too low to access the API", "type": "invalid_request_error"}),
    "gone": (404, {"message": "The model `x` does not exist", "code": "model_not_found"}),
    "quota": (403, {"message": "Quota exceeded for this project"}),
}


@dataclass
class Group:
    """A model group of the simulation."""

    name: str
    selection: Selection


@dataclass
class Result:
    """How a request ended."""

    calls: list[str] = field(default_factory=list)
    status: int = 0
    group: str = ""
    error: TianjiError | None = None
    waits: list[float] = field(default_factory=list)
    retries: int = 0
    fallbacks: int = 0
    overrides: Mapping[str, object] = field(default_factory=dict)
    trail: str = ""


class World:
    """One gateway. `groups` is the table's notation: `a:[a1,a2] b:[b1]`; the ids are those of deployments."""

    def __init__(
        self,
        folder: Path,
        groups: str,
        *,
        router: Mapping[str, object] = {},
        settings: Mapping[str, object] = {},
        general: Mapping[str, object] = {},
        params: Mapping[str, Mapping[str, object]] = {},
        infos: Mapping[str, Mapping[str, object]] = {},
        seed: int = 1,
        table: HealthTable | None = None,
        now: float = 1000.0,
    ) -> None:
        self.now = now
        self.dice = Dice(seed)
        self.table = table or HealthTable(256)
        self.scripts: dict[str, deque[Answer]] = {}
        self.loaded = write(folder, groups, {"num_retries": 0, **router}, settings, general, params, infos)
        self._compile()

    def _compile(self) -> None:
        config = self.loaded.config
        members: dict[str, list[Offer]] = {}
        for entry in config.model_list:
            members.setdefault(entry.model_name, []).append(Offer(entry, frozenset(OPERATION)))
        self.selections: Selections = compile_selections(config, members, self.table, self.dice)
        aliases = {
            name: Alias(target if isinstance(target, str) else str(target["model"]))
            for name, target in config.router_settings.model_group_alias.items()
        }
        self.homes = {entry.id: entry.model_name for entry in config.model_list}
        self.resolver = Resolver(self.selections.groups, aliases, deployments=self.homes)
        self.router: Router = compile_router(config, {}, self.selections, self.resolve, self.dice, self.table)

    def resolve(self, name: str) -> tuple[Group, Resolution | None]:
        found = self.resolver.resolve(name)
        if found is None:
            raise UnknownModel(name)
        if found.deployment is not None:
            return Group(self.homes[found.deployment], self.selections.single[found.deployment]), found
        return Group(found.group, self.selections.groups[found.group]), found

    def script(self, **answers: Iterable[Answer] | Answer) -> "World":
        """Say what deployments answer, the last for ever."""
        for name, answer in answers.items():
            self.scripts[name] = deque(answer if isinstance(answer, list) else [answer])
        return self

    def cooled(self) -> set[str]:
        return {name for name in self.homes if self.table.health(name).cooled_for(self.now) > 0}

    def in_flight(self) -> int:
        return sum(self.table.health(name).in_flight for name in self.homes)

    def ask(self, model: str = "a", *, needs: Needs | None = None, **request: Any) -> Result:
        """Send one request and drive it to its end; waits pass at once."""
        result = Result()
        needs = needs or Needs()
        asked = Request(model=model, **request)
        attempts = Attempts(self.router, asked, needs, *self.resolve(model))
        for _ in range(1000):
            step = attempts.next(self.now)
            if isinstance(step, Wait):
                result.waits.append(step.seconds)
                self.now += step.seconds
            elif isinstance(step, Send):
                answered = self._send(step, needs, attempts, result)
                if answered:
                    break
            else:
                result.status, result.error = step.error.status, step.error
                break
        else:
            raise AssertionError("the request does not end")
        attempts.close()
        result.retries, result.fallbacks = attempts.retries, attempts.fallbacks
        result.trail = attempts.trail.header().decode()
        return result

    def _send(self, step: Send, needs: Needs, attempts: Attempts, result: Result) -> bool:
        name = step.group.selection.healths[step.position].id
        result.calls.append(name)
        answer, options = self._answer(name)
        self.now += options.get("takes", 0.0)
        if answer == "cf" and not attempts.takes_filtered():
            answer = 200
        if answer == 200:
            needs.succeeded(self.now, options.get("takes", -1.0))
            result.status, result.group, result.overrides = 200, step.group.name, step.overrides
            return True
        attempts.failed(failed(answer, options), self.now)
        return False

    def _answer(self, name: str) -> tuple[Answer, Mapping[str, Any]]:
        script = self.scripts.get(name, deque([200]))
        answer = script.popleft() if len(script) > 1 else script[0]
        return (answer[0], answer[1]) if isinstance(answer, tuple) else (answer, {})


def failed(answer: Answer, options: Mapping[str, Any]) -> Failure:
    """Return the failure that an answer of a script is."""
    headers: list[Header] = [(b"retry-after", str(options["ra"]).encode())] if "ra" in options else []
    by_caller = bool(options.get("by_caller", False))
    plain = {
        "X": lambda: UpstreamDisconnected("cut off"),
        "Z": lambda: UpstreamTimeout("too slow", "total"),
        "N": lambda: UpstreamConnectFailed("nobody there"),
    }
    if answer == "cf":
        return filtered()
    if isinstance(answer, str) and answer in plain:
        return failure_of(plain[answer](), headers, by_caller=by_caller)
    status, error = BODIES[answer] if isinstance(answer, str) else (int(str(answer)), {"message": "no"})
    body = json.dumps({"error": error}).encode()
    return failure_of(refused(status, body, provider="openai"), headers, now=0.0, by_caller=by_caller)


def write(
    folder: Path,
    groups: str,
    router: Mapping[str, object],
    settings: Mapping[str, object],
    general: Mapping[str, object],
    params: Mapping[str, Mapping[str, object]],
    infos: Mapping[str, Mapping[str, object]],
) -> Loaded:
    """Write the configuration and load it as a gateway does."""
    entries = []
    for text in groups.split():
        name, _, ids = text.rpartition(":")
        for one in ids.strip("[]").split(","):
            model = {"model": f"openai/{one}" if "*" not in name else "openai/*", **params.get(one, {})}
            info = {"id": one, **infos.get(one, {})}
            entries.append({"model_name": name, "litellm_params": model, "model_info": info})
    config = {
        "model_list": entries,
        "router_settings": router,
        "litellm_settings": settings,
        "general_settings": general,
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    return load(file, {}, directory=folder)


Make = Callable[..., World]
FOREVER = math.inf
