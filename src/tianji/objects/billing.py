"""What a batch has cost, once it is over: each of its answers at the price of a batch, in one entry of the ledger.

A client hears of its answers by the batch, so it is paid for before they can be read. Runs of assistants (`runs`) and
models that were tuned (`tuning`) are paid for in the same way: by whoever had them made, for the customer and the tags
that were named then.
"""

import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Rates, cost
from tianji._core.sharing.shm import SharedCounters
from tianji._core.streams.usage import TIERS_BY_NUMBER, Usage, read_usage
from tianji.auth.identity import Identity
from tianji.errors import AuthenticationFailed, MalformedJSON, TianjiError
from tianji.gateway.admission.admissions import Admissions
from tianji.ledger.entry import Entry, Factor, Item
from tianji.ledger.names import name
from tianji.objects.places import Place
from tianji.objects.relay import Relay, Request

BATCH: Final = TIERS_BY_NUMBER.index("batch")
MILLION: Final = 1_000_000
log = logging.getLogger(__name__)


class Payer(Struct, frozen=True):
    """Who had something made, and for whom."""

    key: str
    key_alias: str | None
    user_id: str | None
    team_id: str | None
    organization_id: str | None
    agent_id: str | None
    customer: str | None = None
    tags: tuple[str, ...] = ()
    project_id: str | None = None
    bare: bool = False  # nobody is to be told what was said


class Bill(Struct):
    """What answers come to, at the prices of a service tier. call_type: what the ledger calls them.

    model: which gave the last of them, where that is known; priced: whether a price is known for one of them
    items, factors: what the cost comes of, where that is one price; estimated: tokens or their price are a guess
    """

    tier: int = BATCH
    call_type: str = "abatch"
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    nano: int = 0
    model: str = ""
    priced: bool = False
    items: tuple[Item, ...] = ()
    factors: tuple[Factor, Factor] | None = None
    estimated: bool = False

    def add(self, usage: Usage, rates: Rates | None, when: int, model: str | None = None) -> None:
        """Count one answer, of this model."""
        self.model = model or self.model
        self.prompt += max(0, usage.prompt_tokens)
        self.completion += max(0, usage.completion_tokens)
        self.cached += max(0, usage.cached_tokens)
        if rates is not None:
            self.priced = True
            self.nano += cost(rates, usage, when, None, self.tier)


class Till(Struct, frozen=True):
    """Where bills are paid, and what is made is counted.

    keep: takes entries for the ledger; None: there is none; holder: says who has a key; counters: of all workers
    hushed: says whether nobody is to be told what is said in a request
    """

    admissions: Admissions
    keep: Callable[[Entry], None] | None
    holder: Callable[[str], Identity | Coroutine[None, None, Identity]]
    counters: SharedCounters
    hushed: Callable[[Exchange], bool]


class Billing:
    """Bills what is paid for when it is over."""

    def __init__(self, relay: Relay, till: Till) -> None:
        self._relay = relay
        self._till = till

    def payer(self, exchange: Exchange, caller: Identity) -> str:
        """Return who pays for what a request has made, as JSON, which `paying` reads."""
        customer, tags = self._till.admissions.parties(exchange)
        who = Payer(
            caller.key, caller.key_alias, caller.user_id, caller.team_id, caller.organization_id, caller.agent_id,
            customer or None, tags, caller.project_id, self._till.hushed(exchange),
        )  # fmt: skip
        return msgspec.json.encode(who).decode()

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

    async def charge(self, exchange: Exchange, place: Place, who: Payer, bill: Bill) -> None:
        """Count a bill that is in the ledger, and take it from the budgets of whoever pays, whoever calls."""
        if place.deployment is not None:
            place.deployment.stats.bill(bill.prompt, bill.completion, bill.nano)
        caller = exchange.identity
        try:
            if not isinstance(caller, Identity) or caller.key != who.key:
                found = self._till.holder(who.key)
                caller = found if isinstance(found, Identity) else await found
            await self._till.admissions.spend(caller, place.group or "", bill.nano, who.customer, who.tags)
        except AuthenticationFailed:
            log.info("the key that a batch was made with is gone; what it cost is in the books of those above it")
        except TianjiError as error:
            log.warning("what a batch cost counts when it is in the database: %s", error.message)

    def book(self, exchange: Exchange, place: Place, who: Payer, batch_id: str, bill: Bill) -> None:
        """Write a bill into the ledger, where there is one. What it is called is the same each time."""
        if self._till.keep is None:
            return
        deployment, now = place.deployment, time.time_ns() // 1000
        self._till.keep(
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
                project_id=who.project_id,
                end_user=None if who.customer is None else name(who.customer),
                tags=tuple(map(name, who.tags)),
                prompt_tokens=bill.prompt,
                completion_tokens=bill.completion,
                cached_tokens=bill.cached,
                cost=bill.nano,
                items=bill.items or ((("reported", bill.nano * 1000, MILLION),) if bill.priced else ()),
                factors=bill.factors,
                reported=not bill.items,
                estimated=bill.estimated,
            )
        )


def paying(text: str) -> Payer:
    """Read what `Billing.payer` returned."""
    return msgspec.json.decode(text, type=Payer)


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
