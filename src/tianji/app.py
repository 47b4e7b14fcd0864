"""The composition root: the only file that sees all."""

import asyncio
import functools
import itertools
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from tianji import lazy
from tianji._core.edges.exchange import Exchange
from tianji._core.limits.limiter import LimitTable
from tianji._core.requests.forward import Endpoint
from tianji._core.requests.pipeline import Pipeline
from tianji._core.requests.silent import SilentExchange
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import Health as DeploymentHealth
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.accounting.counter import TokenCounter
from tianji.accounting.vocabularies import Vocabularies
from tianji.auth.arrivals import Arrival
from tianji.auth.calls import CallSeal
from tianji.auth.entrance import Entrance
from tianji.auth.identity import MASTER, Identity
from tianji.auth.models import Groups, access_groups
from tianji.cache.caches import Caches
from tianji.config.additions import Additions
from tianji.config.environment import lookup
from tianji.config.loader import Loaded, load
from tianji.config.problems import Problem
from tianji.config.secrets import NO_MANAGERS, Managers
from tianji.dialects.openai import Dialect
from tianji.edge.access_log import AccessLog, Format, write_log
from tianji.edge.control import Control
from tianji.edge.routes import Route, RouteTable
from tianji.edge.settings import edge_settings
from tianji.egress.ways import ways_out
from tianji.endpoints import model_routes, telemetry
from tianji.endpoints.google_methods import GoogleMethods
from tianji.endpoints.mcp import Mcp
from tianji.endpoints.mcp_rest import McpRest
from tianji.endpoints.search import Search
from tianji.endpoints.tokens import Tokens
from tianji.errors import ConfigurationError, UnknownModel
from tianji.gateway.additions.admitting import compose, nobody, objection, tried_settings
from tianji.gateway.additions.destinations import Destinations
from tianji.gateway.additions.following import Following, follows, keeps
from tianji.gateway.admission.admissions import Admissions
from tianji.gateway.admission.doorkeeping import Doorkeeping
from tianji.gateway.admission.steering import read_steering
from tianji.gateway.attempts import canned
from tianji.gateway.attempts.course import Courses
from tianji.gateway.attempts.explanation import Explanation, explained
from tianji.gateway.attempts.failures import Failures
from tianji.gateway.beforehand.own_requests import embed
from tianji.gateway.beforehand.preface import Preface
from tianji.gateway.bookkeeping import Bookkeeping, keeps_books
from tianji.gateway.compiled.operations import endpoints
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot, acceptable
from tianji.gateway.guarding import Guarding, judged
from tianji.gateway.traces import tracing
from tianji.gateway.upkeep.jobs import Jobs
from tianji.gateway.upkeep.renewal import Renewal
from tianji.gateway.upkeep.sweeping import Sweeping
from tianji.gateway.vectors import VectorsOf
from tianji.limiting.holding import Held
from tianji.limiting.named import Kind, Named, Names
from tianji.management.administration import Administration
from tianji.management.models.hub import Hub
from tianji.management.models.listing import Model, Models, Narrow, listed_models
from tianji.management.models.routing import Routing, State
from tianji.management.office import Fleet, Office
from tianji.management.schedule import Schedule
from tianji.management.settings.guardrail_trials import Trials
from tianji.management.settings.prompt_trials import PromptTrials
from tianji.management.spend.costs import Costs
from tianji.management.status.cache import CacheRoutes
from tianji.management.status.documentation import Documentation
from tianji.management.status.health import Health, Probe
from tianji.management.status.metrics import Metrics
from tianji.management.status.series import METRICS, samples
from tianji.metrics.socket import ask as ask_metrics
from tianji.metrics.text import Sample
from tianji.objects.routes import Objects
from tianji.passthrough import routes as passthrough
from tianji.providers.names import infer
from tianji.realtime.means import Means
from tianji.realtime.routes import Realtime
from tianji.scim.routes import Provisioning
from tianji.secrets import open_source
from tianji.sso.routes import SignIn
from tianji.storage.location import data_folder, journals, locate
from tianji.storage.store import Store


def read(path: Path, environ: Mapping[str, str], known: Mapping[str, str] = NO_MANAGERS.known) -> Loaded:
    """Read a configuration for this gateway: deployments that it cannot serve are dropped and reported.

    `known`: what its secret manager said before. Raises ConfigurationError with every problem when it cannot be used.
    """
    return judged(load(path, environ, accepts=acceptable(environ), managers=Managers(open_source, known)), path.parent)


def rehearse(loaded: Loaded) -> list[str]:
    """Compile a configuration without serving it; return what would be left out, one line each."""
    return Snapshot(loaded, Shared(SharedCounters(), HealthTable(), LimitTable(16)), Dice(0), nobody).dropped


def collisions(path: Path, environ: Mapping[str, str], loaded: Loaded) -> tuple[Problem, ...]:
    """Name the endpoints of a configuration that the gateway answers itself: they have no route."""
    if not loaded.config.general_settings.pass_through_endpoints:
        return ()
    core = core_routes(path, environ)
    found: tuple[Problem, ...] = lazy.load("tianji.passthrough.judging").problems(loaded, path.parent, core)
    return found


def core_routes(path: Path, environ: Mapping[str, str]) -> RouteTable:
    """Return what a gateway answers itself, whatever leads elsewhere."""
    shared = Shared(SharedCounters(), HealthTable(), LimitTable(16))
    with asyncio.Runner() as runner:
        runner.get_loop()  # which the gateway is made for, before it runs
        gateway = Gateway(path, environ, None, shared, Vocabularies(), Control(1))
        runner.run(gateway.close())
    return gateway.core


def explain(loaded: Loaded, body: bytes, operation: str) -> Explanation:
    """Explain a request under a configuration that nobody serves; raises what the request would meet with."""
    snapshot = Snapshot(loaded, Shared(SharedCounters(), HealthTable(), LimitTable(16)), Dice(0), nobody)
    courses = Courses(TokenCounter(Vocabularies()).count, Dice(0), lambda _identity, _group: None)
    exchange = SilentExchange("", body, MASTER)
    return asyncio.run(explained(snapshot.table, courses, exchange, operation, time.monotonic()))


class Gateway:
    """One worker: the pipeline, its connections, and the routes in front of them."""

    _additions = Additions()
    _office: Office

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        access_log: Format | None,
        shared: Shared,
        vocabularies: Vocabularies,
        control: Control,
    ) -> None:
        self._path, self._environ, self._shared, self._control = path, environ, shared, control
        self._dice, self._tokens = Dice(int.from_bytes(os.urandom(8), "big")), TokenCounter(vocabularies)
        # what the edge asks of each request; it keeps both, so a reload changes them in place
        self.closed = None if access_log is None else AccessLog(access_log, write_log, asyncio.get_event_loop())
        self._loaded = read(path, environ, shared.known)
        self.snapshot = self._compile(self._loaded)
        self._destinations, self._swapping = Destinations(), asyncio.Lock()
        general, environment = self.snapshot.config.general_settings, self.snapshot.environ
        where = locate(general.database_url, environment, path)
        self._store = Store(where, shared.revisions, shared.counters, pool=general.database_connection_pool_limit)
        self._salt = lookup(environment, "SALT_KEY") or general.master_key
        self._people = open_entrance(self._store, lambda: self.snapshot, lambda: self._office, path.parent)
        self._connector, self._pool = ways_out(asyncio.get_event_loop(), self._destinations.check)
        self._jobs = Jobs(shared, self._pool, self._store)
        self._names = Names(self._look_up, self._store.revisions, lambda: self._store.empty)
        self._admissions = Admissions(shared, self._names, self._spent, self._jobs.sharing.ask, self.snapshot)
        self._courses = Courses(self._tokens.count, self._dice, self._admissions.refuses)
        self._books = Bookkeeping(journals(environment, path), self.snapshot.config)
        self._renewal = Renewal(lambda: self._loaded.secrets, control.ask_reload, shared.counters)
        self._sweeping = Sweeping(shared, self._books.journal.settle, self._renewal.look, self._admissions.parts.look)
        self._pipeline = Pipeline(
            table=self.snapshot.table,
            pool=self._pool,
            failures=Failures(self._renewal.doubt),
            steering=read_steering,
            canned=canned,
            courses=self._courses,
            admissions=self._admissions,
            call_prefix=os.urandom(8).hex().encode(),
            entries=self._books.entries if keeps_books(self.snapshot.config, environment) else None,
        )
        vectors = VectorsOf(self._embed, lambda: self.snapshot, path.parent, environ)
        self._caches = Caches(shared.answers, shared.counters, path, vectors)
        self._endpoints = list(endpoints(self._pipeline))
        self._guarding = Guarding(path.parent, shared, self._pool, self._books, self._endpoints)
        self._preface = Preface(path.parent, self._admissions, self._books, lambda: self._guarding.found)
        self._go_by_snapshot()
        self.authorize = self._people.ring(general, self._hear)
        self.edge_settings = edge_settings(self.snapshot, environ, shared.counters)
        self._following = Following(
            self._store, lambda: follows(self._loaded), lambda: self._salt, functools.partial(self._swap, None)
        )
        self._office = open_office(
            self._store, self._following, lambda: self.snapshot, lambda: self._loaded, self._salt, lambda: self.core,
            lambda: self._guarding.narrow,
        )  # fmt: skip
        self._schedule, self._talks = Schedule(self._office), Realtime(self._means())
        self.core = RouteTable(self._routes())
        knows, lead = self._people.knows, self._talks.lead
        self._table = functools.partial(passthrough.route_table, self._pipeline, shared, knows, lead, self.core)
        self.route_table = self._table(self.snapshot)

    def _compile(self, loaded: Loaded) -> Snapshot:
        return Snapshot(loaded, self._shared, self._dice, lambda group: functools.partial(self._embed, group))

    def _go_by_snapshot(self) -> None:
        """Have requests go by the configuration in force from now on."""
        self._pipeline.table = self.snapshot.table
        self._pipeline.cache = self._caches.adopt(self.snapshot.config, self.snapshot.environ)
        self._pipeline.tracing = tracing(self.snapshot.config, self.snapshot.environ)
        self._pipeline.guards = self._guarding.guards(self.snapshot)
        self._preface.adopt(self._pipeline, self.snapshot, self._books.keeper(self.snapshot))
        self._hear(None)

    def _hear(self, tags: Collection[int] | None) -> None:
        """Forget what changed of customers and tags, and look whether there may be any."""
        self._names.forget(tags)
        self._pipeline.counted = self._admissions.counted
        self._pipeline.limits_all = self._admissions.counts_all or not self._store.empty

    async def _look_up(self, kind: Kind, name: str, usual: str | None) -> Named | None:
        groups = access_groups(self.snapshot.config)
        reader = lazy.load("tianji.limiting.lookup")
        found: Named | None = await reader.look_up(await self._store.open(), kind, name, usual, groups, infer)
        return found

    async def _spent(self, held: Held, now: float) -> tuple[int, float | None]:
        if self._store.empty:
            return 0, held.period_end
        found: tuple[int, float | None] = await lazy.load("tianji.limiting.history").spent(
            await self._store.open(), held, now
        )
        return found

    async def _embed(self, group: str, texts: list[str]) -> list[list[float]]:
        return await embed(endpoint_of(self._endpoints, "embeddings"), group, MASTER, texts)

    def _routes(self) -> Iterator[Route]:
        most, guards = self.edge_settings.limits.max_body, lambda: self._guarding.found
        objects = Objects(
            lambda: lazy.load("tianji.objects.desk").Desk(
                self._store,
                lambda: self.snapshot,
                self._salt,
                self._pool,
                lazy.load("tianji.objects.billing").Till(
                    self._admissions,
                    self._books.keeper(self.snapshot),
                    functools.partial(self._people.holder, self.authorize),
                    self._shared.counters,
                    self._books.hushed_beside,
                ),
                lambda: self._guarding.lots,
                self._office.folder,
            ),
            self._endpoints,
        )
        yield from model_routes.routes(self._endpoints, self._store, self._caches, most, guards, objects.given)
        yield from Health(
            lambda: self._control.draining,
            lambda: self._store.connected,
            self._probe,
            lambda body: lazy.load("tianji.management.status.probing").tried(
                body, self._loaded, self._additions, self.snapshot, self._pool
            ),
            lambda: self._control.load,
        ).routes()
        yield from Hub(lambda: self._office).routes()
        yield from Models(self._list_models, lambda: self._guarding.narrow).routes()
        yield from Tokens(self._tokens.count, self._upstream_model).routes()
        yield from itertools.chain(telemetry.routes(), self._metrics().routes())
        yield from GoogleMethods(
            self._tokens.count, self._upstream_model, functools.partial(endpoint_of, self._endpoints, "embeddings")
        ).routes()
        yield from CacheRoutes(self._caches).routes()
        yield from Routing(self._explain, self._states, functools.partial(weigh, self._shared.health)).routes()
        yield from objects.routes()
        yield from Costs(self._tokens.count, lambda: self.snapshot).routes()
        yield from Administration(self._office).routes()
        yield from Trials(guards).routes()
        yield from PromptTrials(functools.partial(endpoint_of, self._endpoints, "chat")).routes()
        yield from Search(lambda: self._preface.searches, guards).routes()
        yield from Mcp(lambda: self._preface.tools, lambda: self.snapshot.environ).routes()
        yield from McpRest(lambda: self._preface.tools).routes()
        yield from Provisioning(lambda: self._office).routes()
        yield from SignIn(lambda: self._office, self._shared.attempts, self._path.parent).routes()
        yield from self._talks.routes()
        yield from Documentation(lambda: self.route_table).routes()

    def _means(self) -> Means:
        return Means(
            pipeline=self._pipeline,
            courses=self._courses,
            pool=self._pool,
            connector=self._connector,
            settings=lambda: self.snapshot.config.general_settings,
            tickets=self._people.tickets,
            calls=CallSeal(self._salt),
            deployment=lambda ident: self.snapshot.deployment(ident),  # noqa: PLW0108 - of the one in force
            draining=lambda: self._control.draining or self._control.retiring,
            talk=self._guarding.talk,
            authorize=self.authorize,
            holder=functools.partial(self._people.holder, self.authorize),
            respond=lambda: self.core.match("POST", b"/v1/responses"),
            revision=lambda: (self._store.revisions.head, id(self.snapshot)),
            surprise=self._control.surprise,
        )

    async def startup(self) -> None:
        """Begin what is done every now and then. Connections are made when they are needed."""
        self._books.recover()
        self._sweeping.begin()
        self._jobs.begin(self.snapshot)
        self._schedule.start()
        await self._following.begin()

    async def reload(self) -> None:
        """Compile the configuration again and swap it in; running requests keep what they began with.

        Raises ConfigurationError, and the old one goes on, when the new one cannot be used.
        """
        known = self._loaded.secrets.values
        await self._swap(await asyncio.to_thread(read, self._path, self._environ, known), None)

    async def _swap(self, loaded: Loaded | None, additions: Additions | None) -> None:
        """Put another file in place, or other additions; None leaves what there is.

        Raises ConfigurationError, and everything stays, when nothing of a file can be used.
        """
        async with self._swapping:
            file, more = loaded or self._loaded, additions or self._additions
            snapshot = await asyncio.to_thread(compose, file, more, self._compile)
            if loaded is not None and self.snapshot.members and not snapshot.members:
                raise ConfigurationError("no deployment of the new configuration can be used")
            self._loaded, self._additions, self.snapshot = file, more, snapshot
        self._destinations.renew(snapshot.config, snapshot.members)
        general = snapshot.config.general_settings
        self._people.renew(general, snapshot.environ)
        self.authorize.adopt(self._people.ring(general, self._hear))
        self.route_table.adopt(self._table(snapshot))
        self._admissions.adopt(snapshot)
        self.edge_settings = edge_settings(snapshot, self._environ, self._shared.counters)
        self._go_by_snapshot()
        self._books.adopt(snapshot.config)
        self._jobs.begin(snapshot)

    async def close(self) -> None:
        """Close idle connections, the journal and the database, and write what the log still holds."""
        self._sweeping.stop()
        self._renewal.stop()
        self._jobs.end()
        await self._talks.close()
        await self._caches.close()
        await self._preface.close()
        self._guarding.close()
        self._people.close()
        self._pool.close()
        await asyncio.to_thread(self._books.close)
        await self._schedule.stop()
        self._following.end()
        await self._store.close()
        if self.closed is not None:
            self.closed.flush()

    def _list_models(self, caller: object, query: Mapping[str, str]) -> Iterator[Model]:
        return listed_models(self.snapshot, caller, query)

    def _upstream_model(self, name: str) -> str:
        """Name the model behind a public name; a name that nothing serves may still be a model's own."""
        try:
            group, found = self.snapshot.resolve(name)
        except UnknownModel:
            return name
        first = group.deployments[0]
        bases = [
            entry.info.base_model for entry, deployment in self.snapshot.members[group.name] if deployment is first
        ]
        return (bases[0] if bases else None) or found.upstream_model(first.model)

    async def _explain(self, exchange: Exchange, operation: str) -> Explanation:
        return await explained(self.snapshot.table, self._courses, exchange, operation, time.monotonic())

    def _states(self) -> list[State]:
        now = time.monotonic()
        return [
            state_of(name, self._shared.health.health(entry.id), now)
            for name, pairs in self.snapshot.members.items()
            for entry, _ in pairs
        ]

    def _metrics(self) -> Metrics:
        def counted() -> Iterator[Sample]:
            return samples(counters, self.snapshot.provider_budgets(time.time()), self.snapshot.config)

        counters = self._shared.counters
        more = functools.partial(ask_metrics, data_folder(self.snapshot.environ, self._path))
        closed = self.snapshot.config.litellm_settings.require_auth_for_metrics_endpoint
        return Metrics(METRICS, counted, more, closed=closed)

    async def _probe(self, caller: Identity, model: str | None, model_id: str | None) -> list[Probe]:
        asking = lazy.load("tianji.management.status.probing")
        found: list[Probe] = await asking.probed(self.snapshot, self._pool, caller, model, model_id)
        return found


def open_entrance(
    store: Store, snapshot: Callable[[], Snapshot], office: Callable[[], Office], folder: Path
) -> Entrance:
    """Return who lets in; whom a token names and nobody knows is put into the database as management does it."""

    async def welcome(arrival: Arrival) -> str | None:
        found: str | None = await lazy.load("tianji.management.people.arrivals").greet(office(), arrival)
        return found

    def groups() -> Groups:
        return access_groups(snapshot().config)

    general, environ = snapshot().config.general_settings, snapshot().environ
    return Entrance(general, environ, store, groups, welcome, Doorkeeping(folder, store, groups))


def endpoint_of(known: Iterable[tuple[Dialect, Endpoint]], operation: str) -> Endpoint:
    """Return the handler of an operation."""
    return next(endpoint for dialect, endpoint in known if dialect.operation == operation)


def state_of(model: str, health: DeploymentHealth, now: float) -> State:
    """Return what is known of a deployment. `now` is monotonic seconds."""
    requests, tokens = health.usage(now)
    return State(
        model=model,
        id=health.id,
        weight=health.weight,
        in_flight=health.in_flight,
        cooled_for=round(health.cooled_for(now), 3),
        sick_for=round(health.sick_for(now), 3),
        failure_rate=round(health.failure_rate, 4),
        requests=requests,
        tokens=tokens,
        pace=round(health.pace, 1),
    )


def weigh(table: HealthTable, name: str, weight: float | None) -> None:
    """Set the weight of a deployment, by its id."""
    table.health(name).weight = weight


def open_office(
    store: Store,
    following: Following,
    snapshot: Callable[[], Snapshot],
    loaded: Callable[[], Loaded],
    salt: str | None,
    core: Callable[[], RouteTable],
    narrow: Callable[[], Narrow | None],
) -> Office:
    """Return what management works with."""
    return Office(
        store=store,
        config=lambda: snapshot().config,
        groups=lambda: access_groups(snapshot().config),
        salt=lambda: salt,
        environ=lambda: snapshot().environ,
        secrets=lambda: loaded().secrets,
        folder=lambda: loaded().files[0].parent,
        fleet=Fleet(
            snapshot=snapshot,
            file=lambda: loaded().config,
            keeps=lambda: keeps(loaded(), "models"),
            objection=lambda additions, stored: objection(loaded(), additions, stored),
            catch_up=following.catch_up,
            narrow=narrow,
            lent=lambda: snapshot().lent,
            loaded=loaded,
            keeps_settings=lambda: keeps(loaded(), "settings"),
            tried_settings=lambda stored: tried_settings(loaded(), stored),
            keeps_endpoints=lambda: keeps(loaded(), "pass_through_endpoints"),
            keeps_guardrails=lambda: keeps(loaded(), "guardrails"),
            guardrail_objection=lambda one: lazy.load("tianji.gateway.guarding.stored").objection(one, loaded()),
            keeps_prompts=lambda: keeps(loaded(), "prompts"),
            prompt_objection=lambda one: lazy.load("tianji.gateway.beforehand.prompting").objection(one, loaded()),
            keeps_tool_servers=lambda: keeps(loaded(), "mcp"),
            tool_server_objection=lambda one: lazy.load("tianji.gateway.tools.stored").objection(one, loaded()),
            keeps_cache=lambda: keeps(loaded(), "cache_settings"),
            keeps_coordination=lambda: keeps(loaded(), "coordination_redis"),
            tried_coordination=lambda said: lazy.load("tianji.gateway.additions.stored_coordination").tried(
                loaded(), said
            ),
            tried_cache=lambda said: lazy.load("tianji.gateway.additions.stored_cache").tried(loaded(), said),
            endpoint_objection=lambda one: lazy.load("tianji.passthrough.judging").objection(one, loaded(), core()),
        ),
    )
