"""Calls to deployments that only ask whether they answer."""

import asyncio
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.exchange import Exchange
from tianji._core.http1 import Timeouts
from tianji._core.pool import Pool
from tianji._core.router import Deployment, Plan, Table
from tianji._core.silent import SilentExchange
from tianji._core.spans import ObjectSpans, scan
from tianji.config.schema import ModelEntry
from tianji.egress.pool import Answer, fetch
from tianji.errors import TianjiError
from tianji.gateway.checkups import AT_ONCE, Verdict
from tianji.gateway.snapshot import Snapshot
from tianji.protocol.openai_errors import refused

TIMEOUT: Final = 60.0  # seconds, as users of `/health` know it
QUESTIONS: Final[dict[str, tuple[str, dict[str, object]]]] = {  # mode: operation, and the cheapest body for it
    "chat": ("chat", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}),
    "completion": ("completions", {"prompt": "hi", "max_tokens": 1}),
    "embedding": ("embeddings", {"input": "hi"}),
    "moderation": ("moderations", {"input": "hi"}),
}


async def probe(
    snapshot: Snapshot, pool: Pool, model: str | None, model_id: str | None, at_once: int = AT_ONCE
) -> list[Verdict]:
    """Ask every deployment, or those of `model` and with id `model_id`; patterns are left out, they name no model."""
    gate = asyncio.Semaphore(at_once)
    chosen = [
        (entry, deployment)
        for name, pairs in snapshot.members.items()
        for entry, deployment in pairs
        if "*" not in deployment.model and model in (None, name) and model_id in (None, entry.id)
    ]
    return list(
        await asyncio.gather(*(_ask(snapshot.table, entry, deployment, pool, gate) for entry, deployment in chosen))
    )


async def _ask(table: Table, entry: ModelEntry, deployment: Deployment, pool: Pool, gate: asyncio.Semaphore) -> Verdict:
    operation, body = QUESTIONS.get(entry.info.mode or "chat", QUESTIONS["chat"])
    plan = deployment.plans.get(operation)
    if deployment.unready is not None:
        return Verdict(deployment, deployment.unready, {}, 503)
    if plan is None:
        return Verdict(deployment, f"it does not offer {operation}", {}, 404)
    if plan.canned is not None:
        return Verdict(deployment, None, {})
    try:
        async with gate:
            answer = await _call(table, plan, {**body, "model": deployment.model}, pool)
    except TianjiError as error:
        return Verdict(deployment, error.message, {}, error.status)
    if answer.status >= 300:
        said = refused(answer.status, answer.body, provider=deployment.provider, secrets=deployment.secrets)
        return Verdict(deployment, said.message, {}, answer.status)
    limits = {n.decode(): v.decode("latin-1") for n, v in answer.headers if n.startswith(b"x-ratelimit-remaining")}
    return Verdict(deployment, None, limits)


class Question(Struct, frozen=True):
    """What a passage has to know of a request; see `passages.Sought`."""

    table: Table
    exchange: Exchange
    spans: ObjectSpans
    model: str
    model_json: bytes
    stream: bool = False


async def _call(table: Table, plan: Plan, body: dict[str, object], pool: Pool) -> Answer:
    text = msgspec.json.encode(body)
    request = b"%b%d\r\n\r\n%b" % (plan.head, len(text), text)
    if plan.passage is not None:
        credentials = None if plan.passage.place.awaits is None else plan.passage.place.awaits()
        if credentials is not None:
            await credentials
        model = str(body["model"])
        name = msgspec.json.encode(model)
        question = Question(table, SilentExchange("", text, None), scan(text), model, name)
        written = plan.passage.begin(plan, question, name, plan.head).request
        request = written if isinstance(written, bytes) else b"".join(written)
    return await fetch(pool, plan.origin, request, Timeouts(connect=10, total=TIMEOUT))
