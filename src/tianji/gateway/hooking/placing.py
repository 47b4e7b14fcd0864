"""Hooks that have a say in where a request goes: in its model, in who of a group may serve it, and in each attempt.

Who may serve is asked once, for every group that the request may come to. An attempt waits for its hooks as it waits
for credentials; so does a second one beside the first (`hedge_after`), unless that one answers first.
"""

import asyncio
import copy
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from tianji._core.requests.asked import Asked
from tianji._core.routing.router import Deployment, Group
from tianji.errors import TianjiError
from tianji.gateway.admission.caller import groups_of
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.registered import HookFailed, Method
from tianji.ledger.credentials import without_secrets
from tianji.routing.eligibility import Scope

ROUTING: Final = "async_pre_routing_hook"
FILTERS: Final = "async_filter_deployments"
CHECKS: Final = ("async_pre_call_check", "pre_call_check")
SENDING: Final = "async_pre_call_deployment_hook"
SENT: Final = "async_pre_request_hook"
_WELL: Final = frozenset({"kept", "tried", "order", "affinity"})  # reasons of who is left out for this choice alone

Of = Callable[[str], tuple[Method, ...]]


class Stock:
    """The deployments of a configuration as hooks are shown them: as they are written, without credentials."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._written = {entry.id: entry for pairs in snapshot.members.values() for entry, _ in pairs}

    def shown(self, deployment: Deployment) -> dict[str, Any]:
        """Return one, which is the caller's own."""
        entry = self._written.get(deployment.id)
        params = {} if entry is None else without_secrets(dict(entry.params.written))
        info = {} if entry is None else dict(entry.info.written)
        return {
            "model_name": deployment.id if entry is None else entry.model_name,
            "litellm_params": {
                **copy.deepcopy(params),
                "model": f"{deployment.provider}/{deployment.model}",
                "api_base": deployment.api_base,
            },
            "model_info": {**copy.deepcopy(info), "id": deployment.id},
        }


class Placing:
    """What hooks say of one request."""

    def __init__(self, of: Of, case: Case, stock: Stock) -> None:
        """`of`: the hooks of a method."""
        self._of = of
        self._case = case
        self._stock = stock
        self._readied: tuple[str, int] | None = None
        self._plain = self._sent = b""  # the body before hooks looked at the last attempt, and after that
        self.places = bool(of(ROUTING) or of(FILTERS))
        self.readies = any(map(of, (*CHECKS, SENDING, SENT)))

    # -- before the first attempt -------------------------------------------------------------------------------------

    async def place(self, asked: Asked) -> None:
        """Let hooks name the model, then leave deployments out. Raises HookRefused, HookFailed and UnknownModel."""
        data = self._case.data
        for hook in self._of(ROUTING):
            said = await hook(
                self._case.given(
                    model=asked.routed,
                    request_kwargs=data,
                    messages=data.get("messages"),
                    input=data.get("input"),
                    specific_deployment=False,
                )
            )
            self._follow(asked, hook, said)
        if self._of(FILTERS):
            left_out: set[str] = set()
            for group in groups_of(asked):
                left_out |= await self._left_out(asked, group)
            if left_out:
                known = asked.needs.scope
                scope = known if isinstance(known, Scope) else Scope()
                asked.narrow(replace(scope, left_out=frozenset(left_out)))

    def _follow(self, asked: Asked, hook: Method, said: Any) -> None:
        """Do what a hook says of routing: it may name another model, and put other messages into the request."""
        messages, model = _member(said, "messages"), _member(said, "model")
        if messages is not None and messages != self._case.data.get("messages"):
            self._case.data["messages"] = messages
            asked.replace(hook.encoded(self._case.body))
        if isinstance(model, str) and model != asked.routed:
            asked.reroute(model)

    async def _left_out(self, asked: Asked, group: Group) -> set[str]:
        """Return the ids of those deployments of a group that hooks do not let serve."""
        _, verdicts = group.selection.explain(asked.needs, time.monotonic())
        well = [one for one, (reason, _) in zip(group.deployments, verdicts, strict=True) if reason in _WELL]
        shown = [self._stock.shown(one) for one in well or group.deployments]
        for hook in self._of(FILTERS):
            said = await hook(
                self._case.given(
                    model=group.name,
                    healthy_deployments=shown,
                    messages=self._case.data.get("messages"),
                    request_kwargs=self._case.data,
                    parent_otel_span=None,
                )
            )
            shown = list(said) if isinstance(said, list | tuple) else shown
        allowed = {_member(_member(one, "model_info"), "id") for one in shown}
        return {one.id for one in group.deployments} - allowed

    # -- before each attempt ------------------------------------------------------------------------------------------

    def ready(
        self, asked: Asked, deployment: Deployment, number: int, refuse: Callable[[TianjiError], None]
    ) -> "asyncio.Task[None] | None":
        """Have hooks look at the attempt of this number; None once they have.

        What they refuse it with is the attempt's failure; `refuse` ends the request where one of them fails.
        """
        if self._readied == (deployment.id, number):
            return None
        return asyncio.get_running_loop().create_task(self._ready(asked, deployment, number, refuse))

    async def _ready(
        self, asked: Asked, deployment: Deployment, number: int, refuse: Callable[[TianjiError], None]
    ) -> None:
        try:
            for name in CHECKS:
                for hook in self._of(name):
                    shown = self._stock.shown(deployment)
                    await hook(self._case.given(deployment=shown, parent_otel_span=None))
            await self._send(asked, deployment)
        except HookFailed as error:
            refuse(error)
        self._readied = deployment.id, number

    async def _send(self, asked: Asked, deployment: Deployment) -> None:
        """Send what hooks make of the body. The model stays the deployment's, and a stream the client's to ask for."""
        hooks = (*self._of(SENDING), *self._of(SENT))
        if asked.spans is None or not hooks:
            return
        plain = asked.spans.source
        if plain is self._sent:  # of an attempt that is still under way: this one begins with what the request says
            plain = self._plain
        body: dict[str, Any] = msgspec.json.decode(plain)
        said = body.get("metadata")
        own: Mapping[str, Any] = said if isinstance(said, dict) else {}
        about, place = _about(asked, deployment), _place(asked, deployment)
        kwargs: Mapping[str, Any] = {**copy.deepcopy(body), **about, "metadata": {**copy.deepcopy(own), **place}}
        for hook in hooks:
            changed = await hook(self._case.given(kwargs=kwargs, model=about["model"], messages=kwargs.get("messages")))
            kwargs = changed if isinstance(changed, Mapping) else kwargs
        kept = {*about, "stream", "metadata"}
        sent = {name: one for name, one in kwargs.items() if name not in kept}
        sent |= {name: body[name] for name in kept & body.keys()}
        metadata = kwargs.get("metadata")
        if isinstance(metadata, Mapping):
            changed = {name: one for name, one in metadata.items() if name not in place}
            changed |= {name: own[name] for name in place.keys() & own.keys()}
            sent |= {"metadata": changed} if changed or "metadata" in body else {}
        self._plain = self._sent = plain
        if sent != body:
            self._sent = hooks[-1].encoded(lambda: msgspec.json.encode(sent))
        if self._sent is not asked.spans.source:
            asked.revise(self._sent)


def _about(asked: Asked, deployment: Deployment) -> dict[str, Any]:
    """Return the members of an attempt that no hook changes."""
    return {
        "model": f"{deployment.provider}/{deployment.model}",
        "custom_llm_provider": deployment.provider,
        "api_base": deployment.api_base,
        "litellm_call_id": asked.call_id.decode(),
    }


def _place(asked: Asked, deployment: Deployment) -> dict[str, Any]:
    """Return what `metadata` says of an attempt."""
    return {
        "model_group": asked.group.name,
        "deployment": f"{deployment.provider}/{deployment.model}",
        "model_info": {"id": deployment.id},
    }


def _member(value: Any, name: str) -> Any:
    """Return a member of what hooks return: an object, or what has attributes."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
