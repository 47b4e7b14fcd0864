"""One request that is watched: what goes on to the model, and what of the answer goes out.

It is the gate of a GuardedExchange. An answer waits until every guardrail that looks at it, or at the request beside
the call, has let it pass; what refuses it ends the call upstream as well.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from tianji._core.asked import Asked
from tianji._core.guarded import GuardedExchange
from tianji._core.headers import begin_answer
from tianji.errors import GuardrailBlocked, Header, TianjiError, UpstreamProtocolError
from tianji.gateway.guarding import forms
from tianji.gateway.guarding.judging import Document, Found, Judging
from tianji.gateway.guarding.request import Instead, Request
from tianji.guardrails.records import headers, information
from tianji.guardrails.running import Runner
from tianji.guardrails.selection import Plan
from tianji.guardrails.vendor import Hook

LOG: Final = logging.getLogger("tianji.guardrails")
_OF_BODY: Final = frozenset({b"content-type", b"content-length", b"transfer-encoding", b"content-encoding"})
Keep = Callable[[list[Any]], object]


class Rules(msgspec.Struct, frozen=True):
    """What all watches of a worker go by.

    after: the plan for an answer, by the id of the deployment that gave it; retold: an answer as the ledger keeps it
    """

    runner: Runner
    after: Callable[[Request, str | None], Plan]
    retold: Callable[[bytes], bytes]
    block_status: int = 400
    compat: bool = True


class Watch:
    """The gate of one request. Nothing of it points in a circle any more once it is closed."""

    def __init__(self, request: Request, asked: Asked, rules: Rules) -> None:
        self._request = request
        self._rules = rules
        self._asked: Asked | None = asked
        self._client = asked.exchange
        self._largest = asked.table.max_answer
        self.exchange = GuardedExchange(self._client, self)
        self.deployment_id: str | None = None  # which answered
        self._judging = Judging(rules.runner, request.occasion, request.session, rules.block_status)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._beside: asyncio.Task[Any] | None = None  # what looks at the request during the call
        self._restore: dict[str, str] = {}
        # of the answer
        self._status = 0
        self._headers: list[Header] = []
        self._after: Plan | None = None  # None: nobody looks at it
        self._passes = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._whole = False
        self._told: bytes | None = None  # what went out, where that is not what came
        # of the ledger
        self._entries: list[list[Any]] = []
        self._keep: Keep | None = None
        self._closed = False

    # -- the request --------------------------------------------------------------------------------------------------

    def before(self) -> asyncio.Task[Instead | None] | None:
        """Have the request looked at; None where nobody does before it goes on."""
        if not self._request.plan.judges:
            self._passes = True
            return None
        return asyncio.get_running_loop().create_task(self._look_at_request())

    async def _look_at_request(self) -> Instead | None:
        request = self._request
        read = functools.partial(forms.read_request, request.form)
        document = read(forms.body_of(self.exchange))
        found = await self._judging.judge(Hook.PRE_CALL, request.plan, request.turn, document, read)
        if found.answer is not None:
            self._passes = True
            return instead(request, found)
        self._change(found)
        self._judging.asked = found.document.content.texts
        self._restore = found.restore
        if request.plan.meets(Hook.DURING_CALL):
            self._beside = self._begin(self._look_beside(found.document))
        return None

    def _change(self, found: Found) -> None:
        """Let the request go on as guardrails left it."""
        body = found.body
        if found.advice:
            body = forms.advised(self._request.form, body or forms.body_of(self.exchange), found.advice)
        if self._asked is None:
            return
        if body is not None:
            self._asked.replace(body)
        if found.route is not None:
            self._asked.reroute(found.route.model)

    async def _look_beside(self, document: Document) -> None:
        request = self._request
        await self._judging.judge(Hook.DURING_CALL, request.plan, request.turn, document, lambda _: document)

    # -- the answer ---------------------------------------------------------------------------------------------------

    def head(self, status: int, fields: list[Header]) -> None:
        """Hear how the answer begins."""
        self._status, self._headers = status, fields
        self.deployment_id = getattr(self._asked, "deployment_id", None)
        if status >= 300 or self._passes:
            self._passes = True
            return
        plan = self._rules.after(self._request, self.deployment_id)
        if plan.meets(Hook.POST_CALL) or self._restore:
            self._after = plan
        self._passes = self._after is None and (self._beside is None or self._beside.done())

    def body(self, chunk: bytes, last: bool) -> None:
        """Take a piece of the answer."""
        if self._passes:
            self._hand_on(chunk, last=last)
            return
        self._pieces.append(chunk)
        self._size += len(chunk)
        self._whole = last
        if self._size > self._largest:
            self._refuse(UpstreamProtocolError("the answer is longer than what can be held to be judged"))
        elif last:
            self._begin(self._look_at_answer())

    async def _look_at_answer(self) -> None:
        if self._beside is not None:
            await self._beside
        body = b"".join(self._pieces)
        if self._after is not None:
            body = await self._judged(self._after, body)
        self._release(body)

    async def _judged(self, plan: Plan, body: bytes) -> bytes:
        """Return a whole answer as guardrails leave it."""
        request = self._request
        read = functools.partial(forms.read_answer, request.form)
        found = await self._judging.judge(Hook.POST_CALL, plan, request.turn, read(body), read)
        changed = found.body
        if found.answer is not None:
            changed = forms.answer(request, found.answer.text, streamed=False)
        elif self._restore:
            changed = forms.restored(read(changed or body), self._restore) or changed
        if changed is not None:
            self._told = changed
        return body if changed is None else changed

    def _release(self, body: bytes) -> None:
        """Let the client have what was held."""
        if not self._closed:
            self._pieces = []
            self._passes = True
            self._hand_on(body, last=self._whole)

    def _hand_on(self, chunk: bytes, *, last: bool) -> None:
        client = self._client
        if not client.status:
            fields = [*self._headers, *self._own_headers()]
            if last and chunk:
                client.respond(self._status, fields, chunk)
            else:
                client.start(self._status, fields)
                client.write(chunk)
                if last:
                    client.finish()
        elif last:
            client.finish(chunk)
        else:
            client.write(chunk)
        if last:
            self._close()

    def _own_headers(self) -> list[Header]:
        plan = self._request.plan
        return headers(plan.names, plan.sources, self._judging.outcomes, self._rules.compat)

    def abort(self) -> None:
        """Cut the answer off, as it came: the client notices."""
        self._client.abort()
        self._close()

    # -- the client ---------------------------------------------------------------------------------------------------

    def client_gone(self) -> None:
        """Let go of everything: nobody wants an answer any more."""
        self.exchange.leave()
        self._close()

    def client_full(self) -> None:
        """Have whoever answers wait: the client reads slowly."""
        self.exchange.hold()

    def client_ready(self) -> None:
        """Have whoever answers go on: the client takes more."""
        self.exchange.go_on()

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Hear that somebody has judged: what he raised is the answer."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if self._closed or task.cancelled():
            return
        if isinstance(error, TianjiError):
            self._refuse(error)
        elif error is not None:
            LOG.error("a guardrail's verdict could not be followed", exc_info=error)
            self._refuse(TianjiError("Internal server error"))
        elif task is self._beside and self._after is None and self._status:
            self._flow()

    def _flow(self) -> None:
        """Let pass what nobody has to look at any more."""
        self._passes = True
        if self._pieces and not self._whole:
            held, self._pieces = self._pieces, []
            self._hand_on(b"".join(held), last=False)

    def _refuse(self, error: TianjiError) -> None:
        """Answer with an error, whatever the upstream has said so far, and end the call."""
        if self._asked is not None:
            self._asked.stop(error)
        if self._closed:
            return
        client, request = self._client, self._request
        self._told = b""
        if client.status:
            client.write(forms.cut(request, error))
            client.finish()
        else:
            fields = [pair for pair in self._headers if pair[0] not in _OF_BODY]
            if not fields:
                fields = begin_answer(False, request.call_id, self._rules.compat)[1:]
            kind = (b"content-type", b"application/json")
            body = forms.error_body(request, error)
            client.respond(error.status, [kind, *fields, *error.headers, *self._own_headers()], body)
        self._close()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self.exchange.close()
        self._asked = self._beside = None
        self._pieces = []
        entries, self._entries = self._entries, []
        for entry in entries[:-1]:
            self._kept(entry)
        for entry in entries[-1:]:
            self._kept(self._noted(entry))

    # -- the ledger ---------------------------------------------------------------------------------------------------

    def note(self, entry: list[Any], keep: Keep) -> None:
        """Take an entry of the ledger, and hand it on with what guardrails have done when that is known."""
        self._keep = keep
        if self._closed:
            self._kept(self._noted(entry))
        else:
            self._entries.append(entry)

    def _kept(self, entry: list[Any]) -> None:
        if self._keep is not None:
            self._keep(entry)

    def _noted(self, entry: list[Any]) -> list[Any]:
        payload = entry[-1]
        if payload is not None and self._told is not None:
            messages, _, request, quiet = payload
            entry[-1] = (messages, self._rules.retold(self._told), request, quiet)
        entry.append(msgspec.json.encode([information(outcome) for outcome in self._judging.outcomes]))
        return entry


def instead(request: Request, found: Found) -> Instead:
    """Return the answer of a guardrail in the model's place."""
    text = "" if found.answer is None else found.answer.text
    name = "" if found.answered_by is None else found.answered_by.name
    return Instead(
        error=GuardrailBlocked(text, guardrail=name),
        streamed=request.streamed,
        body=forms.answer(request, text, streamed=request.streamed),
    )
