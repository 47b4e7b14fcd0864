"""One configuration, compiled: what requests read. Immutable; a reload makes another one and swaps it."""

import functools
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.router import Deployment, Group, Table
from tianji._core.routing.stats import escape_label
from tianji._core.sharing.shm import SharedCounters
from tianji.accounting.prices.adjustments import Markup
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import PriceBook
from tianji.config.deployments import Accepts
from tianji.config.inherit import drops_params
from tianji.config.loader import Loaded
from tianji.config.schema import Config, ModelEntry, ModelParams
from tianji.dialects.forbidden import NESTED_IN, REJECTED, TEST_FAULTS
from tianji.errors import ConfigurationError, Header, UnknownModel
from tianji.gateway.admission.demands import demanded, demanded_of_accounts
from tianji.gateway.admission.forwarding import Forwarding
from tianji.gateway.admission.steering import STEERING_MEMBERS
from tianji.gateway.attempts.waiting_room import WaitingRoom
from tianji.gateway.compiled.listed import Listed
from tianji.gateway.compiled.plans import Compiler, DefaultTimeouts, Origins, Switches
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.upkeep.budgets import Account, purses, standings
from tianji.lazy import load
from tianji.providers import build
from tianji.providers.custom import customs_of
from tianji.providers.names import infer
from tianji.routing.auto import AutoRouter, Surroundings
from tianji.routing.auto.school import School
from tianji.routing.queue import patience_of
from tianji.routing.resolution import Alias, Resolution, Resolver
from tianji.routing.selections import Offer, Selections, compile_selections
from tianji.routing.settings import compile_router

if TYPE_CHECKING:
    from tianji.routing.auto.distant import AsyncEmbed

LOG = logging.getLogger("tianji.gateway")
MIB: Final = 1024 * 1024
MAX_BODY: Final = 100 * MIB  # bytes of a request body where the configuration does not say
MAX_UPLOAD: Final = 1024 * MIB  # bytes of a body that is kept in a file
MAX_ANSWER: Final = 256 * MIB  # bytes of an answer that is held whole
# body members that steer the gateway, or that a client may not send unless the operator allows it
WATCHED: Final = frozenset(name.encode() for name in REJECTED | TEST_FAULTS | NESTED_IN | STEERING_MEMBERS)
Members = Mapping[str, list[tuple[ModelEntry, Deployment]]]


class Snapshot:
    """The compiled configuration. Everything a request or a management route reads hangs here."""

    def __init__(self, loaded: Loaded, shared: Shared, dice: Dice, asks: "Callable[[str], AsyncEmbed]") -> None:
        """Compile. `asks` gives the way to embed texts by a model group, for auto routers."""
        self.config = config = loaded.config
        general = config.general_settings
        self.environ = loaded.environment
        self.lent = loaded.lent
        self.max_body = bytes_of(general.max_request_size_mb, MAX_BODY)
        self.members, self.dropped = compile_members(loaded, shared.counters)
        self.listed = Listed(config, self.members, Catalogue.current(self.environ))
        self.accounts = give_purses(config, self.members, shared.health)
        self.provider_budgets = functools.partial(standings, config, shared.health)
        offers = {
            name: [Offer(entry, frozenset(deployment.plans)) for entry, deployment in pairs]
            for name, pairs in self.members.items()
        }
        owned = owned_by_teams(self.members)
        for key, pairs in owned.items():
            offers[inner_name(*key)] = [Offer(entry, frozenset(deployment.plans)) for entry, deployment in pairs]
        selections = compile_selections(config, offers, shared.health, dice)
        self.limits = selections.limits
        self.groups = compile_groups(config, self.members, selections, shared.counters)
        self._singles = single_groups(self.members, selections)
        self.resolver = make_resolver(config, self.members, self.groups)
        router = compile_router(config, loaded.environment, selections, self.find, dice, shared.health)
        self.school = School(shared.learnt, shared.answered)
        autos = self._compile_autos(loaded, dice, asks)
        aliases = aliases_of(config)
        self.autos = with_aliases(autos, aliases)
        forwarding = Forwarding(config, aliases)
        self.table = Table(
            autos=self.autos,
            teams={
                key: Group(key[1], [one for _, one in pairs], selections.groups[inner_name(*key)], label(key[1]))
                for key, pairs in owned.items()
            },
            groups=reachable(self.groups, self._singles, aliases),
            resolve=self.resolve,
            watched=WATCHED | tier_members(config),
            default_model=general.completion_model,
            shows_usage=general.always_include_stream_usage is True,
            tells_cost=config.litellm_settings.include_cost_in_streaming_usage,
            compat=True,
            trusts_clients=general.allow_client_side_credentials,
            forwarding=forwarding,
            max_answer=bytes_of(general.max_response_size_mb, MAX_ANSWER),
            router=router,
            steers_all=forwarding.reads or reads_headers(config),
            scoped=is_scoped(config),
            affine=router.switches.affinity.on,
            recovers=config.router_settings.stream_recovery or config.router_settings.mid_stream_continuation,
            meters=selections.meters,
            heeds_filter=router.fallbacks.heeds_filter,
            window=selections.window,
            total_timeout=config.router_settings.total_timeout or 0.0,
            enforced=demanded(general),
            enforced_of_accounts=demanded_of_accounts(general),
        )

    def _compile_autos(
        self, loaded: Loaded, dice: Dice, asks: "Callable[[str], AsyncEmbed]"
    ) -> Mapping[str, AutoRouter]:
        if not self.config.auto_routers:
            return {}
        surroundings = Surroundings(
            directory=loaded.files[0].parent,
            environ=self.environ,
            serves=self._leads,
            dice=dice,
            school=self.school,
            asks=asks,
        )
        autos: Mapping[str, AutoRouter] = load("tianji.routing.auto.compile").compile_auto_routers(
            self.config, surroundings
        )
        return autos

    def find(self, name: str) -> tuple[Group, Resolution | None]:
        """(group, how it was found), None for a name that needs no search. Raises UnknownModel."""
        found = self.table.groups.get(name)
        return self.resolve(name) if found is None else (found, None)

    def resolve(self, name: str) -> tuple[Group, Resolution]:
        """(group, how it was found). Raises UnknownModel with the nearest names."""
        found = self.resolver.resolve(name)
        if found is None:
            raise self.resolver.unknown(name)
        if found.deployment is not None:
            return self._singles[found.deployment], found
        return self.groups[found.group], found

    def deployment(self, ident: str) -> Deployment | None:
        """Return the deployment that has this id, if any has it."""
        found = self._singles.get(ident)
        return None if found is None else found.deployments[0]

    def group_of(self, name: str) -> str:
        """Return the name of the group that serves a name; the name itself where nothing does."""
        try:
            return self.find(name)[0].name
        except UnknownModel:
            return name

    def serves(self, name: str) -> bool:
        """Whether a request may name it."""
        return name in self.autos or self._leads(name)

    def _leads(self, name: str) -> bool:
        return self.resolver.resolve(name) is not None

    @property
    def max_upload(self) -> int:
        """Bytes that a body may have which is kept in a file."""
        return bytes_of(self.config.general_settings.max_file_size_mb, MAX_UPLOAD)

    def models(self) -> list[str]:
        """Return the public model names, in the order of the file; a pattern's are those that the catalogue knows."""
        return list(dict.fromkeys([*self.resolver.listed(self.listed.behind), *self.autos]))


def acceptable(environ: Mapping[str, str]) -> Accepts:
    """Judge a deployment while the configuration is read: why its provider cannot be served, or None."""

    def judge(params: ModelParams) -> str | None:
        organization = params.organization
        one = organization if isinstance(organization, str) or not organization else organization[0]
        try:  # a list of organizations becomes a deployment each, but only once it is accepted
            build({**params.written, "organization": one}, environ, drop_params=True)
        except ConfigurationError as error:
            return error.message
        return None

    return judge


def compile_members(loaded: Loaded, counters: SharedCounters) -> tuple[Members, list[str]]:
    """(deployments by model name, what was left out and why).

    A deployment that cannot be compiled is left out, the log says so, and the others serve.
    """
    config = loaded.config
    router = config.router_settings
    request_timeout = config.litellm_settings.request_timeout
    compiler = Compiler(
        counters,
        DefaultTimeouts(
            timeout=router.timeout if router.timeout is not None else request_timeout,
            stream_timeout=router.stream_timeout,
            connect=router.connect_timeout,
            first_byte=router.ttft_timeout,
            between_chunks=router.idle_timeout,
        ),
        Origins(
            config.litellm_settings.ssl_verify,
            config.litellm_settings.ssl_certificate,
            http2=config.litellm_settings.http2,
        ),
        config.router_settings,
        PriceBook(Catalogue.current(loaded.environment), markup_of(config)),
        compat=True,
        switches=Switches(
            asks_usage=config.general_settings.always_include_stream_usage is not False,
            modifies=config.litellm_settings.modify_params is True,
        ),
    )
    inherited = {"enable_azure_ad_token_refresh": True} if config.litellm_settings.enable_azure_ad_token_refresh else {}
    customs = customs_of(config.litellm_settings.custom_provider_map, loaded.files[0].parent)
    members: dict[str, list[tuple[ModelEntry, Deployment]]] = defaultdict(list)
    dropped: list[str] = []
    for entry in config.model_list:
        try:
            upstream = build(
                inherited | asked_by(entry) | entry.params.written,
                loaded.environment,
                drop_params=drops_params(config, loaded.environment),
                customs=customs,
            )
            members[entry.model_name].append((entry, compiler.deployment(entry, upstream)))
        except ConfigurationError as error:
            dropped.append(f"{entry.place}: model {entry.model_name} is left out: {error.message}")
            LOG.error("%s", dropped[-1])
    return dict(members), dropped


def asked_by(entry: ModelEntry) -> dict[str, bool]:
    """Return what a deployment's `mode` says of the API that it is asked by."""
    return {"use_chat_completions_api": False} if entry.info.mode == "responses" else {}


def label(name: str, otherwise: str = "") -> Header:
    """Return the header that says which model group an answer is from; a name that no header can hold is left out."""
    shown = name if name.isascii() and name.isprintable() else otherwise
    return b"x-litellm-model-group", shown.encode("ascii", "replace")


def compile_groups(
    config: Config, members: Members, selections: Selections, counters: SharedCounters
) -> dict[str, Group]:
    """Return the groups by name: those of the model list, then the routing groups over them."""
    patience = patience_of(config.router_settings)

    def group(name: str, deployments: list[Deployment]) -> Group:
        line = None
        if patience.seconds:
            slot = counters.slot(f'tianji_queued_requests{{model="{escape_label(name)}"}}')
            line = WaitingRoom(patience, functools.partial(counters.add, slot))
        limits = group_limits([selections.limits.get(deployment.id, (0, 0)) for deployment in deployments])
        return Group(name, deployments, selections.groups[name], label(name), line, limits)

    groups = {name: group(name, [deployment for _, deployment in pairs]) for name, pairs in members.items()}
    for routing in config.router_settings.routing_groups:
        name = routing.group_name
        merged = [deployment for model in routing.models for _, deployment in members.get(model, ())]
        if name not in groups and name in selections.groups:
            groups[name] = group(name, merged)
    return groups


def tier_members(config: Config) -> frozenset[bytes]:
    """Return the member that says the service tier of a request, where some deployment has timeouts by tier."""
    params = [entry.params for entry in config.model_list]
    looks = any(one.timeout_by_service_tier or one.stream_timeout_by_service_tier for one in params)
    return frozenset({b"service_tier"} if looks else ())


def group_limits(limits: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the sums; 0 where a deployment has no limit of a kind, None where there is none at all."""
    sums = [sum(kind) if all(kind) else 0 for kind in zip(*limits, strict=True)]
    return (sums[0], sums[1]) if any(sums) else None


def reads_headers(config: Config) -> bool:
    """Whether headers of the client mean something that only the configuration knows."""
    general = config.general_settings
    return bool(
        general.user_header_name or general.user_header_mappings or config.litellm_settings.extra_spend_tag_headers
    )


def is_scoped(config: Config) -> bool:
    """Whether some deployment is there for some callers only, or lies where not all may go."""
    router = config.router_settings
    return (
        router.enable_tag_filtering
        or router.allowed_model_region is not None
        or any(
            entry.info.team_id or entry.params.tag_regex or entry.info.enable_tag_filtering
            for entry in config.model_list
        )
    )


def give_purses(config: Config, members: Members, table: HealthTable) -> tuple[Account, ...]:
    """Tell deployments which budgets they spend from, and return all of those."""
    kept = [(entry, deployment) for pairs in members.values() for entry, deployment in pairs]
    owners = purses(config, [(entry, deployment.provider) for entry, deployment in kept], table)
    for entry, deployment in kept:
        deployment.purse = owners.get(entry.id)
    return tuple(dict.fromkeys(account for purse in owners.values() for account in purse.accounts))


def owned_by_teams(members: Members) -> dict[tuple[str, str], list[tuple[ModelEntry, Deployment]]]:
    """Return what belongs to teams: by the team and the name that its members call it by."""
    found: dict[tuple[str, str], list[tuple[ModelEntry, Deployment]]] = defaultdict(list)
    for pairs in members.values():
        for entry, deployment in pairs:
            if entry.info.team_id and entry.info.team_public_model_name:
                found[entry.info.team_id, entry.info.team_public_model_name].append((entry, deployment))
    return dict(found)


def markup_of(config: Config) -> Markup:
    """Return what is taken off the prices of providers, and what is added."""
    settings = config.litellm_settings
    return Markup(settings.cost_discount_config, settings.cost_margin_config)


def inner_name(team: str, public: str) -> str:
    """Return the name of a team's group, which no request can ask for."""
    return f"\0{team}\0{public}"


def single_groups(members: Members, selections: Selections) -> dict[str, Group]:
    """Return a group of one for each deployment, by its id."""
    found: dict[str, Group] = {}
    for name, pairs in members.items():
        for entry, deployment in pairs:
            single = Group(name, [deployment], selections.single[entry.id], label(entry.id, name))
            found.setdefault(entry.id, single)
    return found


def reachable(
    groups: Mapping[str, Group], singles: Mapping[str, Group], aliases: Mapping[str, Alias]
) -> dict[str, Group]:
    """Return what a request may name without a search: groups without a pattern in their name, and deployment ids.

    An alias hides a group of the same name.
    """
    found = {name: group for name, group in groups.items() if "*" not in name and name not in aliases}
    return {**{name: group for name, group in singles.items() if "*" not in group.name}, **found}


def with_aliases(autos: Mapping[str, AutoRouter], aliases: Mapping[str, Alias]) -> dict[str, AutoRouter]:
    """Return the auto routers by all their names."""
    named = {name: autos[alias.target] for name, alias in aliases.items() if alias.target in autos}
    return {**autos, **named}


def make_resolver(config: Config, members: Members, groups: Mapping[str, Group]) -> Resolver:
    """Build the search behind names that are not in the table: aliases, patterns, upstream names."""
    pairs = [(name, entry, deployment) for name, found in members.items() for entry, deployment in found]
    unknown = config.router_settings.default_fallbacks or config.litellm_settings.default_fallbacks or ()
    return Resolver(
        groups,
        aliases_of(config),
        deployments={entry.id: name for name, entry, _ in reversed(pairs)},
        upstreams={entry.params.model: name for name, entry, _ in reversed(pairs)},
        infer=infer,
        otherwise=next((target for target in unknown if isinstance(target, str)), None),
    )


def aliases_of(config: Config) -> dict[str, Alias]:
    """Both kinds of alias; `model_group_alias` wins where a name stands in both."""
    found = {name: Alias(str(target), hidden=True) for name, target in config.litellm_settings.model_alias_map.items()}
    for name, target in config.router_settings.model_group_alias.items():
        if isinstance(target, str):
            found[name] = Alias(target)
        else:
            found[name] = Alias(str(target.get("model", "")), hidden=target.get("hidden") is True)
    return found


def bytes_of(megabytes: float | None, usual: int) -> int:
    """Return a size of the configuration in bytes; `usual` where it says none."""
    return int(megabytes * MIB) if megabytes else usual
