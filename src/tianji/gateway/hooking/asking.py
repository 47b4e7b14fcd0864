"""Asks the hooks of one request, one after another, and says what came of it."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji._core.requests.asked import Asked
from tianji.errors import TianjiError
from tianji.gateway.guarding.guards import shape_of
from tianji.gateway.guarding.request import Instead
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.registered import HookFailed, HookRefused, Registered, refusal
from tianji.guardrails.slots.answers import answered
from tianji.hooks.standins import HTTPException, answer

BEFORE: Final = "async_pre_call_hook"
BESIDE: Final = "async_moderation_hook"
AFTER: Final = "async_post_call_success_hook"
FAILURES: Final = "async_post_call_failure_hook"
HEADERS: Final = "async_post_call_response_headers_hook"

log = logging.getLogger("tianji.hooks")


class Hooks:
    """Those of one request. What refuses it raises HookRefused, what fails HookFailed."""

    def __init__(self, registered: Registered, case: Case) -> None:
        self.of = registered.of
        self.case = case
        self._registered = registered

    async def before(self, asked: Asked) -> Instead | None:
        """Let the request go on as hooks leave it, or return the text of one as the answer in the model's place."""
        case = self.case
        if not self.of(BEFORE):
            return None
        as_it_came = case.body()
        said = await self.leave(as_it_came)
        if isinstance(said, str):
            return instead(asked, as_it_came, said)
        if said != as_it_came:
            asked.replace(said)
            if case.data.get("model", case.model) != case.model:
                asked.reroute(str(case.data["model"]))
        return None

    async def leave(self, body: bytes) -> str | bytes:
        """Return the body as hooks leave it, or the text of one in the model's place. `body`: as it came."""
        case, hooks = self.case, self.of(BEFORE)
        for hook in hooks:
            said = await hook(case.given(cache=self._registered.cache))
            if isinstance(said, BaseException):
                raise refusal(said) or HookFailed(hook.name)
            if isinstance(said, str):
                return said
            if isinstance(said, dict):
                case.data = said
        return hooks[-1].encoded(case.body) if hooks else body

    async def beside(self) -> None:
        """Have those look at the request that do so during the call, all together. Raises a group of errors."""
        async with asyncio.TaskGroup() as group:
            for hook in self.of(BESIDE):
                group.create_task(hook(self.case.given()))

    async def after(self, body: bytes) -> tuple[bytes, Any]:
        """Return (answer, the same as hooks see it), as they leave it; what is no JSON object they do not see."""
        try:
            tree = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return body, None  # sound, or a picture
        if not isinstance(tree, dict):
            return body, tree
        response = answer(tree)
        for hook in self.of(AFTER):
            said = await hook(self.case.given(response=response))
            response = said if isinstance(said, Mapping) else response
        if response != tree:
            final = response
            body = self.of(AFTER)[-1].encoded(lambda: msgspec.json.encode(final))
        return body, response

    async def headers(self, response: Any) -> list[tuple[str, object]]:
        """Return the headers that hooks add to an answer. One that fails adds none."""
        found: list[tuple[str, object]] = []
        for hook in self.of(HEADERS):
            try:
                said = await hook(self.case.given(response=response, litellm_call_info={}))
            except TianjiError as error:
                log.warning("the hook %s added no headers: %s", hook.name, error.message)
                continue
            found += [(str(name), value) for name, value in said.items()] if isinstance(said, Mapping) else []
        return found

    def complain(self, unsendable: list[str]) -> None:
        """Say of headers, once each, that they cannot be sent."""
        for name in set(unsendable) - self._registered.unsendable:
            self._registered.unsendable.add(name)
            log.warning("a hook sets the header %r, which cannot be sent", name)

    async def replacement(self, status: int, message: str) -> TianjiError | None:
        """Show an error to hooks, and return the first that one puts in its place; None where nobody does."""
        original = HTTPException(status, message)
        for hook in self.of(FAILURES):
            try:
                said = await hook(self.case.given(original_exception=original, traceback_str=None))
            except HookRefused as error:
                return error
            except TianjiError:
                continue  # it has failed, and that is logged
            found = refusal(said) if isinstance(said, BaseException) else None
            if found is not None:
                return found
        return None


def instead(asked: Asked, body: bytes, text: str) -> Instead:
    """Return a text in the model's place. Raises HookRefused where no answer is a text."""
    said = answered(asked.operation.name, body, asked.model, text, shape_of(asked))
    if said is None:
        raise HookRefused(text)
    return Instead(HookRefused(text), said.content_type.encode(), said.body)
