"""Hooks that run the tools which a model calls: it is asked again with what they found, until it has answered.

LiteLLM's documentation of its agentic loop hooks, https://docs.litellm.ai/docs/proxy/agentic_loop_hook, has the names.
What a hook raises is logged, and the model's own answer goes out.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.requests.asked import Asked
from tianji._core.requests.forward import Endpoint
from tianji.gateway.beforehand.again import Again, Answer, Deliver, as_asked, cost_of, with_cost
from tianji.hooks.calling import called, place
from tianji.hooks.roles import LOOP_HOOKS, methods
from tianji.hooks.standins import Node, answer

MOST: Final = 3  # times that a model is asked again for one request
OPERATIONS: Final = {"chat": "messages", "messages": "messages", "responses": "input"}
"""Those whose models call tools, and the member that holds what was said."""
_PARAMS: Final = frozenset({"model", "messages", "input", "tools", "stream", "stream_options"})
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)
Next = Callable[[Asked, Deliver], "asyncio.Task[None] | None"]

log = logging.getLogger("tianji.hooks")


class Runner(Struct, frozen=True):
    """One object with such hooks. `name`: what the configuration calls it; folder: where its file is."""

    name: str
    hooks: Mapping[str, Callable[..., Any]]
    folder: Path

    def hook(self, what: str, operation: str) -> Callable[..., Any] | None:
        """Return its hook for a step: `should_run`, `build_plan` or `run`; that of chats alone goes first for chats."""
        usual, of_chats = (names[what] for names in (_USUAL, _OF_CHATS))
        return (self.hooks.get(of_chats) if operation == "chat" else None) or self.hooks.get(usual)


_USUAL: Final = {
    "should_run": "async_should_run_agentic_loop", "build_plan": "async_build_agentic_loop_plan",
    "run": "async_run_agentic_loop",
}  # fmt: skip
_OF_CHATS: Final = {
    "should_run": "async_should_run_chat_completion_agentic_loop",
    "build_plan": "async_build_chat_completion_agentic_loop_plan",
    "run": "async_run_chat_completion_agentic_loop",
}


class Step(Struct, frozen=True):
    """What follows an answer that calls tools. `patch`: other members of the next question; response: else the end."""

    calls: bytes
    patch: Mapping[str, Any] | None = None
    response: Any = None


class Loops:
    """What the compiled path asks of each request with tools, see Pipeline.searches; `others` are asked first."""

    def __init__(self, runners: Sequence[Runner], others: Next | None) -> None:
        self._runners = runners
        self._others = others
        self._again = Again()

    def __call__(self, asked: Asked, deliver: Deliver) -> "asyncio.Task[None] | None":
        """Return what answers a request in its place; None where nobody looks at its answer."""
        task = None if self._others is None else self._others(asked, deliver)
        if task is not None or asked.exchange in self._again or asked.spans is None:
            return task
        if asked.operation.name not in OPERATIONS:
            return None
        try:
            body = msgspec.json.decode(asked.spans.source, type=dict[str, Any])
        except _UNREADABLE:
            return None  # whoever reads it says what is wrong with it
        return asyncio.get_running_loop().create_task(self._run(asked, body, deliver))

    async def _run(self, asked: Asked, body: dict[str, Any], deliver: Deliver) -> None:
        operation, provider = asked.operation.name, asked.group.deployments[0].provider
        endpoint, client = Endpoint(asked.pipeline, asked.operation), asked.exchange
        stream, options = body.pop("stream", None) is True, body.pop("stream_options", None)
        cost, known = 0.0, set[bytes]()
        for left in reversed(range(MOST + 1)):
            status, headers, raw = await self._again.ask(endpoint, client, msgspec.json.encode(body))
            cost += cost_of(headers)
            step = await self._step(operation, provider, body, raw, stream=stream) if status == 200 else None
            if step is None:
                break
            if step.patch is None:
                raw = msgspec.json.encode(step.response)
                break
            if not left or step.calls in known:
                log.warning("a model calls the same tools over and over, and is asked no more")
                break
            known.add(step.calls)
            body = {**body, **step.patch}
        told: Answer = (status, with_cost(headers, cost) if known else headers, raw)
        deliver(*as_asked(operation, told, stream=stream, options=options))

    async def _step(
        self, operation: str, provider: str, body: dict[str, Any], raw: bytes, *, stream: bool
    ) -> Step | None:
        """Return what the first hook says that wants to go on after an answer; None where none does."""
        try:
            tree = msgspec.json.decode(raw)
        except _UNREADABLE:
            return None
        said = OPERATIONS[operation]
        params = {name: value for name, value in body.items() if name not in _PARAMS}
        given = {
            "response": answer(tree), "model": body.get("model"), "messages": body.get(said), "stream": stream,
            "tools": body.get("tools"), "custom_llm_provider": provider, "kwargs": dict(params),
        }  # fmt: skip
        for runner in self._runners:
            try:
                step = await _asked(runner, operation, given, params)
            except Exception as error:  # boundary: somebody else's code
                log.exception("the hook %s failed at %s", runner.name, place(error, runner.folder))
                continue
            if step is not None:
                return step
        return None


async def _asked(runner: Runner, operation: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> Step | None:
    should, plan, run = (runner.hook(what, operation) for what in ("should_run", "build_plan", "run"))
    if should is None:
        return None
    wants, tools = await called(should, given)
    if not wants:
        return None
    further = {
        **given, "tools": tools, "optional_params": dict(params), "logging_obj": Node(),
        "anthropic_messages_provider_config": None, "anthropic_messages_optional_request_params": dict(params),
    }  # fmt: skip
    calls = repr(tools).encode()
    if plan is not None:
        return _planned(await called(plan, further), calls, OPERATIONS[operation])
    return None if run is None else Step(calls, response=await called(run, further))


def _planned(plan: Any, calls: bytes, said: str) -> Step | None:
    """Return what a plan means: another question, an answer in the place of the model's, or nothing."""
    if plan is None or plan.terminate or not (plan.run_agentic_loop or plan.response_override):
        return None
    if plan.response_override is not None:
        return Step(calls, response=plan.response_override)
    patch: Any = plan.request_patch or Node()
    members = {said: patch.messages, "model": patch.model, "tools": patch.tools, "max_tokens": patch.max_tokens}
    found = {name: value for name, value in members.items() if value is not None}
    return Step(calls, patch={**(patch.optional_params or {}), **found})


def runners(targets: Iterable[tuple[str, Any]], folder: Path) -> tuple[Runner, ...]:
    """Return those of objects that have such hooks, in their order."""
    found = (Runner(name, methods(target, LOOP_HOOKS), folder) for name, target in targets)
    return tuple(one for one in found if one.hooks)
