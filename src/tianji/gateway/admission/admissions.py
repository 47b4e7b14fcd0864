"""How a request is let in: held against the limits of its caller, of whom it names, and of the model it asks for.

What this worker knows already is judged at once. Names and budgets that it hears of for the first time are read from
the database first; while that is away, what was known of a budget last holds, and nobody is refused for it. Where
machines share limits, more of them is asked for when this machine's lease is used up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES
from tianji._core.requests.asked import Asked
from tianji._core.requests.silent import SilentExchange
from tianji._core.routing.health import HealthTable
from tianji._core.routing.router import Group
from tianji.auth.identity import ANYONE, MASTER, Identity, Scope
from tianji.auth.limits import Limits as Figures
from tianji.config.lines import items
from tianji.config.schema import Config
from tianji.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ModelRefused,
    Overloaded,
    RateLimited,
    StoreUnavailable,
)
from tianji.gateway.admission.caller import stand_ins
from tianji.gateway.admission.certainty import Certainty
from tianji.gateway.admission.parties import MOST_TAGS, Parties, Source, beside
from tianji.gateway.compiled.estimates import Estimates
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Members, Snapshot
from tianji.limiting.easing import Troubles, throttled
from tianji.limiting.holding import Held
from tianji.limiting.limiter import Limiter, Limits, NotLeased, NotLoaded, NotReady
from tianji.limiting.named import Name, Named, Names
from tianji.limiting.parts import Parts, Spent
from tianji.limiting.priorities import priorities_of
from tianji.limiting.rows import Holder
from tianji.limiting.rules import COUNTED, rules_of
from tianji.limiting.sharing import Lack
from tianji.limiting.tag_budgets import tag_budgets, with_budgets
from tianji.money import to_nanos

PROXY: Final = "litellm-proxy-budget"  # what LiteLLM calls the one that spends for all
USUAL_FAILURES: Final = 1  # of a model in a minute; with more of them, rates of the type `dynamic` hold
_BUDGET: Final = KIND_NAMES.index("budget")

MOST_QUESTIONS: Final = 50  # for one request: others may take what was granted for it

Lend = Callable[[list[Lack]], Awaitable[None]]
log = logging.getLogger(__name__)


class Admissions:
    """Lets requests in. One per worker; `adopt` gives it another configuration."""

    def __init__(self, shared: Shared, names: Names, spent: Spent, lend: Lend, snapshot: Snapshot) -> None:
        """Count in what the workers share.

        spent: reads what was spent of a budget until a moment, seconds since 1970
        lend: has more granted of limits that machines share
        """
        self._table = shared.limits
        self._health = shared.health
        self._names = names
        self._spent = spent
        self._lend = lend
        self.parts = Parts(self._table, spent)
        self.adopt(snapshot)

    def adopt(self, snapshot: Snapshot) -> None:
        """Judge by this configuration from now on. Raises ZoneInfoNotFoundError for a time zone that there is not."""
        config = snapshot.config
        for everybodys in (MASTER, ANYONE):  # these outlive the configuration that their terms were made from
            everybodys.terms.clear()
        self._rules = rules_of(config)
        self.counted = KIND_NAMES.index(COUNTED[self._rules.counted])
        self._limiter = Limiter(self._table, self._rules, _troubles(snapshot, self._health), group_of=snapshot.group_of)
        self._estimates = Estimates(snapshot.members)
        self._groups = snapshot.groups
        self._parties = Parties(config)
        self._priorities = priorities_of(self._table, self._rules, config, _capacities(snapshot.members))
        self._proxy = _of_proxy(config)
        self._usual = config.litellm_settings.max_end_user_budget_id
        self._banished = frozenset(items(config.litellm_settings.blocked_user_list))
        self._tag_budgets = tag_budgets(config)
        self._unpriced_refused = config.litellm_settings.block_requests_for_models_without_pricing
        self._certainty = Certainty(config.general_settings, self._table)
        self._slowed = config.litellm_settings.budget_exceeded_throttle_percentage
        self._stays = config.general_settings.disable_fallbacks_on_per_model_rate_limits
        self._checks_fallbacks = config.general_settings.enforce_fallback_budget
        self._reserves = not config.general_settings.disable_budget_reservation
        for_all = (self._proxy, self._rules.usual, self._banished, self._tag_budgets, self._unpriced_refused)
        self.counts_all = any(for_all) or self._priorities is not None

    def enter(self, asked: Asked) -> "Admission | asyncio.Task[Admission | None] | None":
        """Let a request in, at once or later; None where nothing limits it.

        Raises, at once or later, RateLimited, BudgetExceeded, and what a named customer or tag is refused with.
        """
        exchange = asked.exchange
        if asked.spans is None or (isinstance(exchange, SilentExchange) and exchange.copied):
            return None  # a copy is the operator's own doing
        body = asked.spans
        customer, tags = self._parties.customer(asked, body), self._parties.tags(asked, body)[:MOST_TAGS]
        found = self._find(_caller(asked), customer, tags)
        if not isinstance(found, tuple):
            return asyncio.get_running_loop().create_task(self._enter_later(asked, body, found, tags))
        try:
            return self._admit(asked, body, found)
        except NotReady as missing:
            return asyncio.get_running_loop().create_task(self._ask_and_admit(asked, body, found, missing))

    async def others(self, exchange: Exchange) -> tuple[Holder, ...]:
        """Return whom a request beside the pipeline names beside its caller, as far as they have limits of their own.

        Raises MalformedJSON, AuthenticationFailed for one that is blocked, and StoreUnavailable as `enter` does.
        """
        named = await self._found(_caller(beside(exchange)), *self.parties(exchange))
        for one in named:
            one.enter()
        return tuple(one.holder for one in named)

    def parties(self, exchange: Exchange) -> tuple[str | None, tuple[str, ...]]:
        """Return the customer and the tags that a request beside the pipeline names.

        Raises MalformedJSON, and InvalidRequest for tags that no client may have.
        """
        asked, body = beside(exchange), scan(exchange.body or b"{}")
        self._parties.require_lawful(asked, body)
        return self._parties.customer(asked, body), self._parties.tags(asked, body)[:MOST_TAGS]

    async def hold(
        self,
        identity: Identity,
        group: str,
        requests: int,
        tokens: int,
        nano: int = -1,
        others: tuple[Holder, ...] = (),
    ) -> "Hold":
        """Take so many requests and tokens of prompts at once from what a caller may have, for a model group.

        nano: nano-dollars; below zero no budget is asked. others: whom the request names, held against their limits too

        Raises RateLimited and BudgetExceeded where it does not fit.
        """
        limits = self._limiter.limits(identity, group, group, (*others, *self._proxy))
        self._certainty.require(limits.held)
        return Hold(await self._taken(limits, lambda: Admission(limits.asked, tokens, 0, nano, requests)))

    async def spend(
        self, identity: Identity, group: str, nano: int, customer: str | None = None, tags: tuple[str, ...] = ()
    ) -> None:
        """Take what was spent beside the pipeline from the budgets of a caller, a customer and tags, used up or not.

        nano: nano-dollars; the ledger has them, too

        Raises StoreUnavailable and Overloaded where it cannot be known which budgets those are.
        """
        named = await self._found(identity, customer, tags)
        limits = self._limiter.purses(identity, group, (*(one.holder for one in named), *self._proxy))
        admission = await self._taken(limits, lambda: Admission(limits.asked, 0, 0, 0, 0))
        admission.settle(time.monotonic(), -1, -1, nano)

    def free(self, name: str) -> bool:
        """Whether a model group costs nothing, so that no budget is to be asked."""
        group = self._groups.get(name)
        return group is not None and self._estimates.free(group)

    def refuses(self, identity: Identity, group: Group) -> str | None:
        """Say why a caller's budgets do not allow a fallback to `group`; None when they do. Nothing is reserved."""
        if not (self._checks_fallbacks and identity.limited) or self._estimates.free(group):
            return None
        now = time.monotonic()
        for held in self._limiter.limits(identity, group.name, group.name).held:
            budget = held.limit.ceiling(_BUDGET)
            if budget is None or held.kind not in ("key", "user", "team_member") or held.part == "window":
                continue
            known = held.limit.money(now)
            if (known[0] if known else held.spent) >= budget:
                return f"the budget of the {held.kind} is used up"
        return None

    # -- whom it is for ------------------------------------------------------------------------------------------------

    def _find(
        self, identity: Identity, customer: str | None, tags: tuple[str, ...]
    ) -> "tuple[Named, ...] | Awaitable[tuple[Named, ...]]":
        if customer in self._banished:
            raise AuthenticationFailed(f"the customer {customer!r} is blocked; the configuration says so")
        names: list[Name] = [] if customer is None else [("customer", customer)]
        names += [("tag", tag) for tag in tags]
        if not names:
            return ()
        own = identity.metadata.get("end_user_budget_id")
        found = self._names.find(names, own if isinstance(own, str) and own else self._usual)
        return with_budgets(found, tags, self._tag_budgets) if isinstance(found, tuple) else found

    async def _found(self, identity: Identity, customer: str | None, tags: tuple[str, ...]) -> tuple[Named, ...]:
        found = self._find(identity, customer, tags)
        return found if isinstance(found, tuple) else await self._looked_up(found, tags)

    async def _enter_later(
        self, asked: Asked, body: ObjectSpans, named: Awaitable[tuple[Named, ...]], tags: tuple[str, ...]
    ) -> Admission | None:
        found = await self._looked_up(named, tags)
        try:
            return self._admit(asked, body, found)
        except NotReady as missing:
            return await self._ask_and_admit(asked, body, found, missing)

    async def _looked_up(self, named: Awaitable[tuple[Named, ...]], tags: tuple[str, ...]) -> tuple[Named, ...]:
        try:
            found = await named
        except StoreUnavailable:
            if self._certainty:
                raise
            log.warning("customers and tags are not looked up: the database does not answer")
            found = ()
        return with_budgets(found, tags, self._tag_budgets)

    # -- what it may have ----------------------------------------------------------------------------------------------

    def _admit(self, asked: Asked, body: ObjectSpans, named: tuple[Named, ...]) -> Admission | None:
        """Let it in as it is, or as a request for another model where only what it may have of its own is used up.

        A key that shall go on when its budget is used up is held to a part of its rates.
        """
        caller = _caller(asked)
        try:
            return self._admit_as(caller, asked, body, named)
        except (BudgetExceeded, RateLimited) as refused:
            slowed = _slow(caller, refused, self._slowed)
            if slowed is not None:
                return self._admit_as(slowed, asked, body, named)
            if not refused.of_model:
                raise
            for name in _elsewhere(asked, refused, stays=self._stays):
                asked.reroute(name)
                try:
                    return self._admit_as(caller, asked, body, named)
                except (BudgetExceeded, RateLimited):
                    continue
            raise

    def _admit_as(
        self, identity: Identity, asked: Asked, body: ObjectSpans, named: tuple[Named, ...]
    ) -> Admission | None:
        for one in named:
            one.admit(asked.routed)
        if self._unpriced_refused and not self._estimates.priced(asked):
            raise ModelRefused(
                f"the model {asked.routed[:128]!r} has no price, and this gateway serves none without: give its "
                "deployment input_cost_per_token and output_cost_per_token, which may be 0",
                "model_cost_map_missing",
            )
        limits = self._limits(identity, asked, named)
        terms = self._estimates.terms(
            asked, limits, smallest=limits.asked.smallest(self.counted), reserves=self._reserves
        )
        if not (named or limits.pools or self._certainty) and identity is _caller(asked):
            identity.terms[asked.group, asked.operation.name] = terms
        if not limits.held:
            return None
        self._certainty.require(limits.held)
        admission = terms.ask(body, time.monotonic())
        if admission.refused_by is not None:
            raise self._limiter.refusal(limits, admission)
        return admission

    def _limits(self, identity: Identity, asked: Asked, named: tuple[Named, ...]) -> Limits:
        others = (*(one.holder for one in named), *self._proxy)
        group = asked.group.name
        pools = self._priorities.pools(group, identity, time.monotonic()) if self._priorities is not None else ()
        limits = self._limiter.limits(identity, group, asked.model, others, pools)
        for held in limits.parts:
            self.parts.watch(held)
        return limits

    async def _taken(self, limits: Limits, make: Callable[[], Admission]) -> Admission:
        """Return what `make` makes, once it was admitted. Raises what it is refused with, and Overloaded."""
        for _ in range(MOST_QUESTIONS):
            admission = make()
            if admission.admit(time.monotonic()):
                return admission
            refusal = self._limiter.refusal(limits, admission)
            if not isinstance(refusal, NotReady):
                raise refusal
            await self._make_ready(refusal)
        raise Overloaded("the limits of this caller cannot be looked up at the moment: try again")

    async def _ask_and_admit(
        self, asked: Asked, body: ObjectSpans, named: tuple[Named, ...], missing: NotReady
    ) -> Admission | None:
        for _ in range(MOST_QUESTIONS):
            await self._make_ready(missing)
            try:
                return self._admit(asked, body, named)
            except NotReady as still:
                missing = still
        # what was loaded gave way each time, or others had what was granted: the table or the limit is crowded
        raise Overloaded("the limits of this caller cannot be looked up at the moment: try again")

    async def _make_ready(self, missing: NotReady) -> None:
        """Ask whoever knows what is not known here."""
        if isinstance(missing, NotLoaded):
            for held in missing.held:
                asked = time.monotonic()
                spent, period_end = await self._spent_of(held)
                self._limiter.load(held, max(spent, held.told), period_end, asked)
        elif isinstance(missing, NotLeased):
            await self._lend(missing.lacking)

    async def _spent_of(self, held: Held) -> tuple[int, float | None]:
        now = time.monotonic() + self._table.shift
        try:
            return await self._spent(held, now)
        except StoreUnavailable:
            if self._certainty.of_budgets:
                raise
            log.warning("a budget begins with what was known last: the database does not answer")
            return held.spent, held.period_end


class Hold:
    """What was taken of limits beside a request of the pipeline."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def settle(self, nano: int = 0) -> None:
        """Let it count as used, and `nano` nano-dollars as spent."""
        self._admission.settle(time.monotonic(), -1, -1, nano)

    def release(self) -> None:
        """Give it back."""
        self._admission.release(time.monotonic())


def _caller(asked: Source) -> Identity:
    identity = asked.exchange.identity
    return identity if isinstance(identity, Identity) else ANYONE


def _slow(caller: Identity, refused: BudgetExceeded | RateLimited, share: float | None) -> Identity | None:
    """Return the caller as one that goes on more slowly, where his key is to do so without a budget."""
    if share is None or not isinstance(refused, BudgetExceeded) or not refused.of_key:
        return None
    key = caller.scopes[0]
    limits = throttled(key.limits, share) if key.limits.throttles else None
    if limits is None:
        return None
    return msgspec.structs.replace(caller, scopes=(Scope("key", key.id, limits), *caller.scopes[1:]))


def _elsewhere(asked: Asked, refused: BudgetExceeded | RateLimited, *, stays: bool) -> list[str]:
    """Name the models that stand in for one whose limit is used up, as far as the caller may use them."""
    if asked.bound:
        return []
    identity = _caller(asked)
    if isinstance(refused, BudgetExceeded):
        written = identity.budget_fallbacks.get(asked.model, identity.budget_fallbacks.get(asked.routed, ()))
        names = [name for name in written if isinstance(name, str)] if isinstance(written, list | tuple) else []
    else:
        names = [] if stays else stand_ins(asked)
    known = asked.table.groups
    return [name for name in names if name in known and identity.admits(name) is None]


def _troubles(snapshot: Snapshot, health: HealthTable) -> Troubles:
    """Return what tells which model groups fail."""
    members = {name: [health.health(entry.id) for entry, _ in pairs] for name, pairs in snapshot.members.items()}
    written = snapshot.environ.get("DYNAMIC_RATE_LIMIT_ERROR_THRESHOLD_PER_MINUTE", "")
    return Troubles(members, int(written) if written.isdecimal() else USUAL_FAILURES, time.monotonic)


def _of_proxy(config: Config) -> tuple[Holder, ...]:
    """Return who calls and spends for all, where the settings say how often at a time or how much; $0 says nothing."""
    settings, most = config.litellm_settings, config.general_settings.global_max_parallel_requests
    if settings.max_budget <= 0 and most is None:
        return ()
    budget = to_nanos(settings.max_budget) if settings.max_budget > 0 else None
    figures = Figures(max_budget=budget, budget_duration=settings.budget_duration, max_parallel_requests=most)
    return (Holder("proxy", PROXY, figures),)


def _capacities(members: Members) -> dict[str, tuple[int, int]]:
    """Return what the deployments of a group can do together in a minute, by group; 0 where none has a figure."""
    found = {}
    for name, pairs in members.items():
        requests = sum(entry.params.rpm or 0 for entry, _ in pairs)
        tokens = sum(entry.params.tpm or 0 for entry, _ in pairs)
        if requests or tokens:
            found[name] = (requests, tokens)
    return found
