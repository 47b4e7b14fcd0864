"""From configured deployments to the packed groups that a choice reads."""

from array import array
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import Health, HealthTable
from tianji._core.routing.selection import Selection
from tianji.accounting.prices.deployments import token_price
from tianji.config.decode import number
from tianji.config.schema import Config, ModelEntry
from tianji.config.schema.router import RouterSettings
from tianji.routing.abilities import lacks
from tianji.routing.eligibility import Eligibility, Member, TagRules
from tianji.routing.hedging import hedge_of
from tianji.routing.strategy import LIMITED, Strategy, strategy_of

UNPRICED = 5.0  # dollars a token where nobody knows the price: such a deployment comes last
_REQUESTS_A_SECOND = 6  # of a thousand tokens a minute, LiteLLM's guess at how much runs at a time


class Offer(Struct, frozen=True):
    """A deployment and the operations it offers."""

    entry: ModelEntry
    operations: frozenset[str]


class Selections(Struct, frozen=True):
    """The selections of one Snapshot.

    groups: by the name of a model group or a routing group, `offers` the deployments in the same order
    single: by deployment id, for requests that name one
    window: tokens that fit into the smallest context that is checked, 0 when none is
    meters: tokens matter to some choice, so that they are reserved
    limits: requests and tokens a minute of each deployment that has any, 0 for none; by id
    """

    groups: Mapping[str, Selection]
    offers: Mapping[str, Sequence[Offer]]
    single: Mapping[str, Selection]
    window: int = 0
    meters: bool = False
    limits: Mapping[str, tuple[int, int]] = {}

    def siblings(self) -> dict[str, tuple[Health, ...]]:
        """Return for each deployment id the deployments that serve a group beside it."""
        found: dict[str, dict[str, Health]] = {}
        for selection in self.groups.values():
            for health in selection.healths:
                others = {other.id: other for other in selection.healths if other.id != health.id}
                found.setdefault(health.id, {}).update(others)
        return {name: tuple(others.values()) for name, others in found.items()}


def compile_selections(
    config: Config, members: Mapping[str, Sequence[Offer]], table: HealthTable, dice: Dice
) -> Selections:
    """Compile the groups of `members`, by model name, and the routing groups over them."""
    router = config.router_settings
    if config.general_settings.enable_health_check_routing:  # the usual place of the two
        router = msgspec.structs.replace(router, enable_health_check_routing=True)
    usual = strategy_of(router.routing_strategy, router.routing_strategy_args)
    groups: dict[str, Selection] = {}
    offers: dict[str, Sequence[Offer]] = {}
    for name, offered in members.items():
        offers[name] = offered
        groups[name] = _selection(router, offered, usual, table, dice)
    for group in router.routing_groups:
        merged = [(offer, group.model_priorities.get(name)) for name in group.models for offer in members.get(name, ())]
        if group.group_name in groups or not merged:
            continue
        ranked = group.routing_strategy == "priority"
        strategy = usual
        if group.routing_strategy is not None:
            strategy = strategy_of(group.routing_strategy, group.routing_strategy_args)
        offers[group.group_name] = [_ranked(offer, rank) if ranked else offer for offer, rank in merged]
        groups[group.group_name] = _selection(router, offers[group.group_name], strategy, table, dice)
    single = {
        offer.entry.id: Selection(
            "shuffle",
            dice,
            [_candidate(router, offer, usual, table)],
            admit=Eligibility([_member(offer.entry)]),  # tags say who is preferred, and that is said already
            heeds_rests=False,
        )
        for offered in members.values()
        for offer in offered
    }
    entries = [offer.entry for offered in members.values() for offer in offered]
    return Selections(
        groups,
        offers,
        single,
        window=min((window for entry in entries if (window := checked_window(router, entry))), default=0),
        meters=any(group.strategy == "usage" for group in groups.values())
        or any(entry.params.tpm for entry in entries if limited(router, usual)),
        limits={entry.id: limits for entry in entries if any(limits := minute_limits(router, entry, usual))},
    )


def weights_of(selection: Selection, weights: Mapping[str, float]) -> bytes:
    """Return `Needs.weights` for a key's or team's own weights by deployment id; who is not named has none."""
    return array("d", [max(0.0, weights.get(health.id, 0.0)) for health in selection.healths]).tobytes()


def _ranked(offer: Offer, rank: object) -> Offer:
    order = number(rank)
    entry = offer.entry
    params = msgspec.structs.replace(entry.params, order=None if order is None else int(order))
    return Offer(msgspec.structs.replace(entry, params=params), offer.operations)


def _selection(
    router: RouterSettings, offers: Sequence[Offer], strategy: Strategy, table: HealthTable, dice: Dice
) -> Selection:
    return Selection(
        strategy.core,
        dice,
        [_candidate(router, offer, strategy, table) for offer in offers],
        admit=Eligibility([_member(offer.entry) for offer in offers], _tag_rules(router, offers)),
        heeds_checks=router.enable_health_check_routing,
        last_resort=router.allow_cooled_when_exhausted,
        **strategy.arguments(),
    )


def _candidate(router: RouterSettings, offer: Offer, strategy: Strategy, table: HealthTable) -> Candidate:
    params, info = offer.entry.params, offer.entry.info
    requests, tokens = _minute_limits(router, offer.entry, strategy)
    return Candidate(
        table.health(offer.entry.id),
        lacks=lacks(info.written, offer.operations),
        window=checked_window(router, offer.entry),
        parallel=parallel_limit(offer.entry, router.default_max_parallel_requests),
        requests=requests,
        tokens=tokens,
        price=price(offer.entry) if strategy.core == "cost" else 0,  # looked up only where it decides
        weight=float(params.weight or 0),
        rpm=float(params.rpm or 0),
        tpm=float(params.tpm or 0),
        order=info.order if params.order is None else params.order,
        budgeted=offer.entry.params.max_budget is not None or bool(router.provider_budget_config),
        adaptive=router.adaptive_concurrency if params.adaptive_concurrency is None else params.adaptive_concurrency,
        timed=hedge_of(offer.entry, router) is not None,
    )


def limited(router: RouterSettings, strategy: Strategy) -> bool:
    """Whether `rpm` and `tpm` are limits and no mere shares."""
    return strategy.core in LIMITED or "enforce_model_rate_limits" in router.optional_pre_call_checks


def limits_of(config: Config) -> dict[str, tuple[int, int]]:
    """Return by deployment id the requests and tokens a minute that it is limited to in any group, 0 for no limit."""
    router = config.router_settings
    found: dict[str, tuple[int, int]] = {}
    for entry in config.model_list:
        strategies = [strategy_of(router.routing_strategy, router.routing_strategy_args)] + [
            strategy_of(group.routing_strategy, group.routing_strategy_args)
            for group in router.routing_groups
            if group.routing_strategy is not None and entry.model_name in group.models
        ]
        limits = [_minute_limits(router, entry, strategy) for strategy in strategies]
        found[entry.id] = (max(requests for requests, _ in limits), max(tokens for _, tokens in limits))
    return found


def _minute_limits(router: RouterSettings, entry: ModelEntry, strategy: Strategy) -> tuple[int, int]:
    params, bounded = entry.params, limited(router, strategy)
    requests = (params.rpm or 0) if bounded or router.enable_pre_call_checks else 0
    return requests, (params.tpm or 0) if bounded else 0


def minute_limits(router: RouterSettings, entry: ModelEntry, strategy: Strategy) -> tuple[int, int]:
    """Return how many requests and tokens a minute a deployment takes, 0 for any number."""
    bounded = limited(router, strategy)
    requests = (entry.params.rpm or 0) if bounded or router.enable_pre_call_checks else 0
    return requests, (entry.params.tpm or 0) if bounded else 0


def checked_window(router: RouterSettings, entry: ModelEntry) -> int:
    """Return how many input tokens a deployment takes, 0 where nobody looks."""
    return (entry.info.max_input_tokens or 0) if router.enable_pre_call_checks else 0


def parallel_limit(entry: ModelEntry, default: int | None) -> int:
    """Return how many requests may be under way, 0 for no limit.

    LiteLLM's rule: what is written, else one for each request or six for each thousand tokens a minute. An explicit 0
    switches it off.
    """
    params = entry.params
    if params.max_parallel_requests is not None:
        return params.max_parallel_requests
    if params.rpm:
        return params.rpm
    if params.tpm:
        return max(1, int(params.tpm / 1000 * _REQUESTS_A_SECOND))
    return default or 0


def price(entry: ModelEntry) -> float:
    """US dollars for an input and an output token together. Nothing is a price too; what is not known is dear."""
    known = token_price(entry)
    return 2 * UNPRICED if known is None else known


def _member(entry: ModelEntry) -> Member:
    return Member(
        id=entry.id,
        blocked=entry.info.blocked or entry.extra.get("blocked") is True,
        team=entry.info.team_id,
        region=entry.params.region_name,
        tags=frozenset(entry.params.tags),
        tag_regex=entry.params.tag_regex,
        fails_open=entry.info.allow_fail_open is True,
    )


def _tag_rules(router: RouterSettings, offers: Sequence[Offer]) -> TagRules:
    said = (offer.entry.info.enable_tag_filtering for offer in offers)
    own = next((flag for flag in said if flag is not None), None)
    return TagRules(
        enabled=router.enable_tag_filtering if own is None else own,
        match_any=router.tag_filtering_match_any,
        prefix=router.tag_routing_prefix,
    )
