"""Calls to deployments that only ask whether they answer."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from tianji._core.routing.router import Deployment, Plan, Table
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.pool import Pool
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import listed_facts
from tianji.config.schema import ModelEntry
from tianji.config.schema.model import ModelInfo
from tianji.egress.pool import Answer, fetch
from tianji.errors import TianjiError
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.gateway.translation.rehearsal import question, written
from tianji.gateway.upkeep.checkups import AT_ONCE, Verdict
from tianji.protocol.openai_errors import refused
from tianji.providers.upstream import Operation

TIMEOUT: Final = 60.0  # seconds, as users of `/health` know it
FEW: Final = 16  # tokens that are asked for: models that reason refuse fewer
QUESTIONS: Final[dict[str, tuple[Operation, dict[str, object]]]] = {  # mode: operation, and the cheapest body for it
    "chat": ("chat", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": FEW}),
    "completion": ("completions", {"prompt": "hi", "max_tokens": FEW}),
    "responses": ("responses", {"input": "hi", "max_output_tokens": FEW}),
    "embedding": ("embeddings", {"input": "hi"}),
    "moderation": ("moderations", {"input": "hi"}),
    "rerank": ("rerank", {"query": "hi", "documents": ["hi"]}),
    "audio_speech": ("audio_speech", {"input": "hi", "voice": "alloy"}),
    "image_generation": ("image_generation", {"prompt": "a dot"}),
}
CHAT: Final = QUESTIONS["chat"]
Stands = Callable[[Snapshot, ModelEntry, Deployment], str | None]
"""Gives the model that a deployment is asked for; None: it is not asked."""


def named(_: Snapshot, entry: ModelEntry, deployment: Deployment) -> str | None:
    """Return what is asked for, without provider: the deployment's own model, or the one that it says stands for it."""
    stands = entry.info.health_check_model
    if stands is not None:
        return stands.removeprefix(f"{deployment.provider}/")
    return None if "*" in deployment.model else deployment.model


async def probe(
    snapshot: Snapshot,
    pool: Pool,
    model: str | None,
    model_id: str | None,
    at_once: int = AT_ONCE,
    *,
    spared: frozenset[str] = frozenset(),
    stands: Stands = named,
) -> list[Verdict]:
    """Ask every deployment, or those of `model` and with id `model_id`; none whose id is `spared`.

    Patterns are left out for which no model `stands`.
    """
    gate = asyncio.Semaphore(at_once)
    wanted = [
        (name, entry, deployment)
        for name, pairs in snapshot.members.items()
        for entry, deployment in pairs
        if model in (None, name) and model_id in (None, entry.id) and entry.id not in spared
    ]

    def choose() -> list[tuple[ModelEntry, Deployment, str, str | None]]:
        found = ((name, entry, deployment, stands(snapshot, entry, deployment)) for name, entry, deployment in wanted)
        return [
            (entry, deployment, asked, entry.info.mode or snapshot.listed.facts(name).mode)
            for name, entry, deployment, asked in found
            if asked is not None
        ]

    chosen = await asyncio.to_thread(choose)
    return list(await asyncio.gather(*(_ask(snapshot.table, *one, pool, gate) for one in chosen)))


async def look(snapshot: Snapshot, pool: Pool, model: str | None, model_id: str | None) -> list[Verdict]:
    """Ask likewise, for a pattern at a vendor's own address the cheapest model of chat that the catalogue knows there.

    A model that stands for others says little of them, so background checks, which choices heed, do not do so.
    """
    return await probe(snapshot, pool, model, model_id, stands=cheapest)


async def ask(snapshot: Snapshot, pool: Pool, model_id: str, mode: str | None) -> Verdict | None:
    """Ask one deployment, as `look` does, what `mode` says, or what it can do; None for a pattern without a model."""
    pairs = (pair for found in snapshot.members.values() for pair in found if pair[0].id == model_id)
    entry, deployment = next(pairs)
    asked = await asyncio.to_thread(cheapest, snapshot, entry, deployment)
    if asked is None:
        return None
    mode = mode or entry.info.mode or snapshot.listed.facts(entry.model_name).mode
    return await _ask(snapshot.table, entry, deployment, asked, mode, pool, asyncio.Semaphore(1))


def cheapest(snapshot: Snapshot, entry: ModelEntry, deployment: Deployment) -> str | None:
    """Return the same, and for a pattern that says nothing the cheapest model of chat at the vendor's."""
    found = named(snapshot, entry, deployment)
    if found is not None or entry.params.api_base or entry.params.base_url:
        return found
    catalogue, today = Catalogue.current(snapshot.environ), datetime.now(UTC).date().isoformat()
    priced: list[tuple[float, str]] = []
    for name in snapshot.listed.behind(entry.model_name):
        model = snapshot.resolve(name)[1].upstream_model(deployment.model)
        facts = listed_facts(entry, deployment.provider, model, catalogue)
        price = facts.get("input_cost_per_token")
        if price is not None and facts.get("mode") == "chat" and str(facts.get("deprecation_date") or "~") > today:
            priced.append((float(str(price)), model))
    return min(priced, default=(0.0, None))[1]


def question_of(
    info: ModelInfo, mode: str | None, deployment: Deployment
) -> tuple[Operation, dict[str, object]] | None:
    """Return what a deployment of this mode is asked; None where no question is cheap, such as for a recording.

    What the catalogue says does not count where the deployment cannot do it.
    """
    known = QUESTIONS.get(mode or "chat")
    if known is None:
        return None
    if info.mode is None and known[0] not in deployment.plans:
        known = next((other for other in QUESTIONS.values() if other[0] in deployment.plans), known)
    operation, body = known[0], dict(known[1])
    if "max_tokens" in body and info.health_check_max_tokens is not None:
        body["max_tokens"] = info.health_check_max_tokens
    if "voice" in body and info.health_check_voice is not None:
        body["voice"] = info.health_check_voice
    return operation, body | dict(info.health_check_params)


async def _ask(
    table: Table,
    entry: ModelEntry,
    deployment: Deployment,
    model: str,
    mode: str | None,
    pool: Pool,
    gate: asyncio.Semaphore,
) -> Verdict:
    if deployment.unready is not None:
        return Verdict(deployment, deployment.unready, {}, 503)
    question = question_of(entry.info, mode, deployment)
    if question is None:
        return Verdict(deployment, None, {})
    operation, body = question
    plan = deployment.plans.get(operation)
    if plan is None or plan.canned is not None:
        lacking = None if plan else f"it does not offer {operation}"
        return Verdict(deployment, lacking, {}, 404 if lacking else 200)
    asked = {plan.renames.get(name.encode(), name.encode()).decode(): value for name, value in body.items()}
    asked["model"] = model
    total = entry.info.health_check_timeout or TIMEOUT
    try:
        async with gate:
            answer = await _call(table, plan, asked, pool, total)
    except TianjiError as error:
        return Verdict(deployment, error.message, {}, error.status)
    if answer.status >= 300:
        said = refused(answer.status, answer.body, provider=deployment.provider, secrets=deployment.secrets)
        return Verdict(deployment, said.message, {}, answer.status)
    limits = {n.decode(): v.decode("latin-1") for n, v in answer.headers if n.startswith(b"x-ratelimit-remaining")}
    return Verdict(deployment, None, limits)


async def _call(table: Table, plan: Plan, body: dict[str, object], pool: Pool, total: float) -> Answer:
    text = msgspec.json.encode(body)
    if plan.passage is None:  # the names are those of the upstream already
        request = b"%b%d\r\n\r\n%b" % (plan.head, len(text), text)
    else:
        request = await written(plan, question(table, str(body["model"]), text))
    return await fetch(pool, plan.origin, request, Timeouts(connect=10, total=total))
