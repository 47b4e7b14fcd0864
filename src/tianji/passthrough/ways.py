"""Makes what a request needs on its way through: the place it goes to, the prices that hold there, who may go.

Loaded by the first request that goes through; a worker that has none never holds any of it.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Rates
from tianji._core.requests.carry import Carry
from tianji._core.requests.lane import Filter, Lane, Way
from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.routing.router import Deployment, Group
from tianji._core.routing.selection import Selection
from tianji._core.routing.stats import DeploymentStats
from tianji._core.upstreams.http1 import Timeouts
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import PriceBook
from tianji.accounting.prices.tables import compile_rates
from tianji.config.problems import Place
from tianji.config.schema import ModelEntry
from tianji.config.schema.general import PassThroughEndpoint
from tianji.config.schema.model import ModelInfo, ModelParams
from tianji.errors import ConfigurationError, Overloaded
from tianji.gateway.compiled.plans import CONNECT_TIMEOUT, Origins
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot, markup_of
from tianji.passthrough.confining import confine
from tianji.passthrough.places import Around, Find, finder
from tianji.passthrough.rows import Row
from tianji.passthrough.targets import Query
from tianji.providers.deployment import Deployment as Params
from tianji.providers.deployment import read
from tianji.providers.names import parse
from tianji.routing.resolution import Resolution

LOG: Final = logging.getLogger("tianji.gateway")
_NOWHERE: Final = Place(Path("pass-through"), 0)


class Wishes(Struct, frozen=True):
    """Whom the headers of a request name, as `gateway.admission.steering` gives it for requests that steer more."""

    fields: Mapping[bytes, bytes]
    members: Mapping[str, object] = {}
    explains: bool = False


def wishes(exchange: Exchange) -> Wishes:
    """Return what the headers say."""
    return Wishes(dict(exchange.headers))


class Leading(Struct, frozen=True, kw_only=True):
    """Where something leads. label: what metrics call it; base: the address that answers name; timeout: seconds.

    flat: what each request costs; grant, confine: raise where a caller may not come, or not with this model
    entry: of the configuration, which leads there; None: it is the API of a provider
    """

    label: str
    provider: str
    base: str
    find: Find
    headers: Filter
    query: Query | None
    timeout: float
    flat: Rates | None = None
    grant: Callable[[Exchange], None] | None = None
    confine: Callable[[Carry], None] | None = None
    entry: PassThroughEndpoint | None = None


class Maker:
    """Makes ways under one configuration."""

    def __init__(self, snapshot: Snapshot, shared: Shared) -> None:
        config = snapshot.config
        self._snapshot = snapshot
        self._counters = shared.counters
        self._book = PriceBook(Catalogue.current(snapshot.environ), markup_of(config))
        self.origins = Origins(config.litellm_settings.ssl_verify, config.litellm_settings.ssl_certificate)
        health = HealthTable(2).health("pass-through")  # nothing is chosen where there is one place
        self._selection = Selection("shuffle", Dice(0), [Candidate(health)])
        header = config.general_settings.litellm_key_header_name
        self.hidden = frozenset({header.lower().encode()} if header else ())

    def of_row(self, row: Row) -> Way:
        """Return the way to a provider. Raises ConfigurationError and Overloaded where it cannot be called."""
        config = self._snapshot.config
        around = Around(
            environ=self._snapshot.environ,
            origins=self.origins,
            lent=self._lent(row),
            groups=self._groups(row),
            vertex=config.default_vertex_config,
            agents=not config.general_settings.disable_bedrock_agent_runtime_passthrough,
        )
        return self.way(
            Leading(
                label=row.prefixes[0],
                provider=row.provider,
                base=around.lent.api_base or around.lent.variable(row.bases) or row.base,
                find=finder(row, around),
                headers=Filter(takes=row.takes, drops=self.hidden),
                query=Query(without=row.key_in_query) if row.key_in_query else None,
                timeout=config.general_settings.pass_through_request_timeout,
                confine=confine,
            )
        )

    def way(self, leading: "Leading") -> Way:
        """Return a way."""
        provider, timeout, flat = leading.provider, leading.timeout, leading.flat
        price = functools.partial(self._price, provider)
        shown = leading.base.encode("latin-1", "replace")
        deployment = Deployment(
            id="",
            group=leading.label,
            provider=provider,
            model="",
            api_base=leading.base,
            plans={},
            secrets=(),
            unready=None,
            answer_headers=[(b"x-litellm-model-api-base", shown)] if shown else [],
            stats=DeploymentStats(self._counters, leading.label, provider),
            rates=flat,
            prices=None if flat is not None else lambda model: price(model)[1],
            hedge=None,
            silent=None,
        )
        return Way(
            group=Group(leading.label, [deployment], self._selection, (b"x-litellm-model-group", b"")),
            filter=leading.headers,
            timeouts=Timeouts(
                connect=min(CONNECT_TIMEOUT, timeout), first_byte=timeout, between_chunks=timeout, total=0
            ),
            find=served(leading.label, leading.find),
            price=price,
            wishes=wishes,
            flat=flat,
            query=leading.query,
            grant=leading.grant,
            confine=leading.confine,
            entry=leading.entry,
        )

    def _price(self, provider: str, model: str) -> tuple[Resolution, Rates]:
        """(how a model is resolved, its prices)."""
        known = Resolution(group=model, how="exact", name=model, captures=(model,))
        entry = ModelEntry(
            model_name=model,
            params=ModelParams(model=f"{provider}/{model}"),
            info=ModelInfo(),
            id=model,
            place=_NOWHERE,
        )
        return known, self._book.of(entry, provider, model).rates

    def _lent(self, row: Row) -> Params:
        """Return the deployment that lends its credentials for a provider, else one without params."""
        found = (entry for entry in self._snapshot.config.model_list if entry.params.use_in_pass_through)
        lent = (params_of(entry, self._snapshot.environ) for entry in found)
        none = read({}, self._snapshot.environ, (row.provider, ""), drop_params=False)
        return next((one for one in lent if one is not None and one.provider in (row.provider, *row.also)), none)

    def _groups(self, row: Row) -> dict[str, Params]:
        """Return the first deployment of each model group that is served by a provider alone."""
        groups = {}
        for name, pairs in self._snapshot.members.items():
            first = params_of(pairs[0][0], self._snapshot.environ)
            if first is not None and first.provider in (row.provider, *row.also) and "*" not in name:
                groups[name] = first
        return groups


def params_of(entry: ModelEntry, environ: Mapping[str, str]) -> Params | None:
    """Return what a deployment is configured with; None for one that nobody serves."""
    written = entry.params.written
    try:
        name = parse(
            entry.params.model,
            provider=entry.params.custom_llm_provider,
            api_base=entry.params.api_base or entry.params.base_url,
        )
        return read(written, environ, name, drop_params=False)
    except ConfigurationError:
        return None


def served(label: str, find: Find) -> Find:
    """Return `find` so that what is wrong with the configuration goes into the log, and not to clients."""

    def found(raw: bytes) -> Lane:
        try:
            return find(raw)
        except ConfigurationError as error:
            raise unusable(label, error) from error

    return found


def unusable(label: str, error: ConfigurationError) -> Overloaded:
    """Tell the log what is wrong with a path's configuration; return what the client is told."""
    LOG.error("%s cannot be called: %s", label, error.message)
    return Overloaded(f"{label} cannot be called as it is configured; the operator's log says why")


def flat_rates(dollars: float) -> Rates:
    """Return the prices of requests that cost the same each, in US dollars."""
    return compile_rates({"input_cost_per_request": str(dollars)}, "", custom=True)
