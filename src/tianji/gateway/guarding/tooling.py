"""Calls of tools that the gateway makes: what of them goes to a server, and what of its answers comes back."""

import functools
from typing import Any

import msgspec

from tianji.gateway.guarding import forms
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.request import Request
from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.records import information
from tianji.guardrails.running import is_empty
from tianji.guardrails.vendor import Hook

Result = dict[str, Any]


class ToolTrial:
    """Judges one call. `body`: see tianji.guardrails.slots.tools."""

    def __init__(self, judging: Judging, request: Request, body: bytes) -> None:
        self._judging = judging
        self._request = request
        self._body = body

    @property
    def notes(self) -> bytes:
        """What the ledger has of the runs, JSON; empty where there were none."""
        runs = [information(outcome) for outcome in self._judging.outcomes]
        return msgspec.json.encode(runs) if runs else b""

    async def arguments(self) -> dict[str, Any]:
        """Return what the tool is called with. Raises GuardrailBlocked and GuardrailUnavailable."""
        read = functools.partial(forms.read_request, self._request.form)
        document = read(self._body)
        if not is_empty(document.content):
            found = await self._judging.judge(Hook.PRE_MCP_CALL, self._request.plan, document, read)
            if found.answer is not None:
                raise GuardrailBlocked(found.answer.text, self._judging.outcomes[-1].guardrail.name)
            self._body = self._body if found.body is None else found.body
        arguments: dict[str, Any] = msgspec.json.decode(self._body)["arguments"]
        return arguments

    async def during(self) -> None:
        """Judge while the tool is called. Raises as `arguments` does."""
        document = forms.read_request(self._request.form, self._body)
        if not is_empty(document.content):
            await self._judging.judge(Hook.DURING_MCP_CALL, self._request.plan, document, lambda _: document)

    async def result(self, result: Result) -> Result:
        """Return what is left of a result. Raises as `arguments` does."""
        read = functools.partial(forms.read_answer, self._request.form)
        document = read(msgspec.json.encode(result))
        if is_empty(document.content):
            return result
        found = await self._judging.judge(Hook.POST_MCP_CALL, self._request.plan, document, read)
        if found.answer is not None:
            raise GuardrailBlocked(found.answer.text, self._judging.outcomes[-1].guardrail.name)
        return result if found.body is None else msgspec.json.decode(found.body, type=Result)
