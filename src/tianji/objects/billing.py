"""What a batch has cost, once it is over: each of its answers at the price of a batch, in one entry of the ledger.

A client hears of its answers by the batch, so it is paid for before they can be read. Runs of assistants are paid for
in the same way (`runs`).
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.exchange import Exchange
from tianji._core.meter import Rates, cost
from tianji._core.spans import scan
from tianji._core.usage import TIERS_BY_NUMBER, Usage, read_usage
from tianji.auth.identity import Identity
from tianji.errors import MalformedJSON, TianjiError
from tianji.gateway.admissions import Admissions
from tianji.ledger.entry import Entry
from tianji.objects.places import Place
from tianji.objects.relay import Relay, Request

BATCH: Final = TIERS_BY_NUMBER.index("batch")
MILLION: Final = 1_000_000
log = logging.getLogger(__name__)


class Payer(Struct, frozen=True):
    """Who had a batch made."""

    key: str
    key_alias: str | None
    user_id: str | None
    team_id: str | None
    organization_id: str | None
    agent_id: str | None


class Bill(Struct):
    """What answers come to, at the prices of a service tier. call_type: what the ledger calls them.

    model: which gave the last of them, where that is known; priced: whether a price is known for one of them
    """

    tier: int = BATCH
    call_type: str = "abatch"
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    nano: int = 0
    model: str = ""
    priced: bool = False

    def add(self, usage: Usage, rates: Rates | None, when: int, model: str | None = None) -> None:
        """Count one answer, of this model."""
        self.model = model or self.model
        self.prompt += max(0, usage.prompt_tokens)
        self.completion += max(0, usage.completion_tokens)
        self.cached += max(0, usage.cached_tokens)
        if rates is not None:
            self.priced = True
            self.nano += cost(rates, usage, when, None, self.tier)


def payer(caller: Identity) -> Payer:
    """Return who pays for what a caller has made."""
    return Payer(caller.key, caller.key_alias, caller.user_id, caller.team_id, caller.organization_id, caller.agent_id)


class Billing:
    """Bills batches. `keep` takes entries for the ledger; None: there is none."""

    def __init__(self, relay: Relay, admissions: Admissions, keep: Callable[[Entry], None] | None) -> None:
        self._relay = relay
        self._admissions = admissions
        self._keep = keep

    async def reckon(self, place: Place, batch: Mapping[str, Any]) -> Bill:
        """Return what a batch has cost, by its answers, else by what it says itself. `batch`: as its upstream says it.

        Raises what the place refuses with, or why it did not answer.
        """
        bill, now = Bill(), int(time.time())
        output = batch.get("output_file_id")
        if not isinstance(output, str) or not output:
            return bill
        try:
            answers = await self._relay.fetch(place, Request("GET", f"/files/{output}/content"))
        except TianjiError as error:
            log.warning("the answers of a batch cannot be read, so it costs what it says itself: %s", error.message)
            answers = msgspec.json.encode({"response": {"body": {"usage": batch.get("usage")}}})
        for line in answers.splitlines():
            usage, model = used(line)
            if usage is not None:
                bill.add(usage, rates_of(place, model), now, model)
        return bill

    async def book(self, exchange: Exchange, place: Place, who: Payer, batch_id: str, bill: Bill) -> None:
        """Write a bill into the ledger, count it, and take it from the budgets of the one who calls, if it is his."""
        deployment, now = place.deployment, time.time_ns() // 1000
        if deployment is not None:
            deployment.stats.bill(bill.prompt, bill.completion, bill.nano)
        if isinstance(exchange.identity, Identity) and exchange.identity.key == who.key:
            await self._admissions.spend(exchange.identity, place.group or "", bill.nano)
        if self._keep is None:
            return
        self._keep(
            Entry(
                request_id=f"{batch_id[-100:]}-cost",
                call_id=str(exchange.call_id or batch_id[-100:]),
                started_at=now,
                ended_at=now,
                call_type=bill.call_type,
                model_group=place.group or "",
                model=place.model or bill.model,
                provider=place.provider,
                deployment_id="" if deployment is None else deployment.id,
                api_base="" if deployment is None else deployment.api_base,
                key=who.key,
                key_alias=who.key_alias,
                user_id=who.user_id,
                team_id=who.team_id,
                organization_id=who.organization_id,
                agent_id=who.agent_id,
                prompt_tokens=bill.prompt,
                completion_tokens=bill.completion,
                cached_tokens=bill.cached,
                cost=bill.nano,
                items=(("reported", bill.nano * 1000, MILLION),) if bill.priced else (),
                reported=True,
            )
        )


def used(line: bytes) -> tuple[Usage | None, str | None]:
    """Return what one answer of a batch says of usage, and which model gave it."""
    try:
        return usage_of(msgspec.json.decode(line)["response"]["body"])
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        return None, None


def usage_of(body: Any) -> tuple[Usage | None, str | None]:
    """Return what the body of an answer says of usage, in any dialect, and which model gave it."""
    try:
        usage = read_usage(scan(msgspec.json.encode({"usage": body["usage"]})))
    except (MalformedJSON, KeyError, TypeError):
        return None, None
    model = body.get("model")
    return usage, model if isinstance(model, str) else None


def rates_of(place: Place, model: str | None) -> Rates | None:
    """Return the prices of an answer; where a place has no model of its own, those of the one that the answer names.

    Where there is no deployment, the catalogue may know that model at the place's provider. None: nobody knows.
    """
    deployment = place.deployment
    if deployment is None:
        return None if place.listed is None or not model else place.listed(model)
    if deployment.rates is None and deployment.prices is None:
        return None
    if deployment.rates is not None or deployment.prices is None:
        return deployment.rates
    return deployment.prices(model or deployment.model)
