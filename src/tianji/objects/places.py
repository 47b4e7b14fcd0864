"""Where objects can lie: at the upstreams of deployments, and at those of the sections for files and fine-tuning."""

import asyncio
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from tianji._core.journal.meter import Rates
from tianji._core.routing.router import Deployment, Plan
from tianji._core.upstreams.origin import Origin
from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.deployments import PriceBook
from tianji.auth.identity import Identity
from tianji.auth.owners import digest
from tianji.config.schema.sections import ProviderSettings
from tianji.errors import ConfigurationError, Header, InvalidRequest, TianjiError
from tianji.gateway.compiled.plans import Origins, head_bytes
from tianji.gateway.compiled.snapshot import Snapshot, markup_of
from tianji.gateway.translation.passages import Native
from tianji.objects.ids import Ref
from tianji.objects.naming import Asking
from tianji.objects.rows import Section
from tianji.objects.videos.places import FILMING, TASKS, Films, base_of_tasks, beside_videos
from tianji.providers.registry import build
from tianji.providers.upstream import PATHS, Operation

KEEPERS: Final = frozenset({
    "openai", "azure", "mock", "custom_openai", "openai_like", "litellm_proxy", "hosted_vllm", "vllm", "groq",
    "mistral",
})  # fmt: skip
"""Providers that have OpenAI's files and what goes with them."""

FILING: Final[Mapping[str, "Keeps"]] = {"anthropic": "anthropic", "gemini": "google"}
"""Providers that keep files in a way of their own, and nothing else."""

BATCHING: Final = frozenset({"anthropic"})
"""Providers that have Anthropic's Message Batches; Bedrock and Vertex AI have Claude without them."""

MESSAGES: Final = "/v1/messages"
_USUAL: Final = "openai"
_VERSION: Final = re.compile(r"/v\d+(?:alpha|beta)?$")
_BODILESS: Final = frozenset({b"content-type", b"content-length", b"accept", b"accept-encoding"})


Keeps = Literal["openai", "anthropic", "google"]


class Place(Struct, frozen=True):
    """One upstream. name: what ids are bound to; model: what a deployment serves, unless it serves several.

    listed: what the catalogue knows of prices, where there is no deployment that has some
    trained: atto-dollars for a token that a model is tuned with; None where nobody knows
    keeps: whose way it keeps files in; only OpenAI's keep more than files
    films: whose way it makes videos in; filmed: what these cost by model and size
    sign: what changes by the request, a token, once the task that `awaits` gives has ended
    """

    name: str
    provider: str
    origin: Origin
    prefix: str
    query: str
    headers: tuple[Header, ...]
    secrets: tuple[str, ...]
    deployment: Deployment | None = None
    model: str | None = None
    unready: str | None = None
    listed: Callable[[str], Rates | None] | None = None
    trained: Callable[[str], int | None] = lambda _model: None
    keeps: Keeps = "openai"
    films: Films = "openai"
    filmed: Callable[[str, str], Rates] | None = None
    sign: Callable[[str, bytes], Iterable[Header]] | None = None
    awaits: Callable[[], asyncio.Task[Any] | None] | None = None

    @property
    def group(self) -> str | None:
        """The model group that lies there."""
        return None if self.deployment is None else self.deployment.group

    @property
    def account(self) -> tuple[object, ...]:
        """What two places have in common at which the same things lie: address and credentials."""
        return self.origin.host, self.origin.port, self.prefix, self.query, self.headers

    @property
    def digest(self) -> bytes:
        """What ids hold of its name."""
        return digest(self.name)

    def head(self, method: str, path: str, query: str, headers: tuple[Header, ...], length: int | None) -> bytes:
        """Return the head of a request; `length` None: it has no body."""
        asked = "&".join(filter(None, (query, self.query)))
        target = f"{self.prefix}{path}" + (f"?{asked}" if asked else "")
        lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
        shown = () if self.sign is None else self.sign(target, b"")
        lines += [b"%b: %b" % pair for pair in {**dict(self.headers), **dict(headers), **dict(shown)}.items()]
        if length is not None:
            lines.append(b"content-length: %d" % length)
        return b"\r\n".join((*lines, b"", b""))


class Places:
    """All places of one configuration."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        config = snapshot.config
        book = PriceBook(Catalogue.current(snapshot.environ), markup_of(config))
        written = config.assistant_settings
        helped = () if written is None else (_as_provider(written.custom_llm_provider, written.litellm_params),)
        self._settled: dict[Section, list[Place]] = {
            "files": [*_settled("files", config.files_settings, snapshot, book)],
            "finetune": [*_settled("finetune", config.finetune_settings, snapshot, book)],
            "assistants": [*_settled("assistants", helped, snapshot, book)],
        }
        origins = Origins(config.litellm_settings.ssl_verify, config.litellm_settings.ssl_certificate)
        self._by_digest: dict[bytes, Place] = {}
        self._by_id: dict[str, Place] = {}
        self._batching: dict[str, Place] = {}
        self._filming: dict[str, Place] = {}
        for pairs in snapshot.members.values():
            for entry, deployment in pairs:
                found = _of_deployment(deployment)
                if found is not None:
                    trained = functools.partial(book.trained, entry, deployment.provider)
                    self._by_id.setdefault(deployment.id, replace(found, trained=trained))
                batching = _of_messages(deployment)
                if batching is not None:
                    self._batching.setdefault(deployment.id, batching)
                filming = _of_videos(deployment, functools.partial(origins.of, ssl_verify=entry.params.ssl_verify))
                if filming is not None:
                    filmed = functools.partial(book.of_video, entry, deployment.provider)
                    self._filming.setdefault(deployment.id, replace(filming, filmed=filmed))
        self._filming_by_digest = {place.digest: place for place in self._filming.values()}
        for place in (*self._by_id.values(), *self._batching.values(), *itertools.chain(*self._settled.values())):
            self._by_digest.setdefault(place.digest, place)

    def known(self, name: bytes) -> Place | None:
        """Return the place whose digest an id holds; None where the configuration has it no more."""
        return self._by_digest.get(name)

    def lying(self, asking: Asking) -> Place:
        """Return a place at which everything lies that a request names. Raises InvalidRequest where there is none."""
        known = [place for place in map(self.known, sorted(asking.places())) if place is not None]
        if not known:
            raise InvalidRequest("the deployment that this lies at is not in the configuration any more")
        if known[0].unready is not None:
            raise TianjiError(f"the place of this cannot be asked: {known[0].unready}")
        return known[0]

    def of_deployment(self, deployment: str) -> Place | None:
        """Return the place of a deployment, by its id; None where its provider keeps nothing."""
        return self._by_id.get(deployment)

    def of_model(self, name: str, caller: Identity, *, files: bool) -> Place:
        """Return the place of a model group. files: one that keeps nothing else will do.

        Raises InvalidRequest where there is none, UnknownModel, and what the caller is refused with.
        """
        routed = caller.target(name)
        caller.require(routed)
        group, _ = self.snapshot.find(routed)
        for deployment in group.deployments:
            found = self._by_id.get(deployment.id)
            if found is not None and found.unready is None and (files or found.keeps == "openai"):
                return found
        kept, keepers = ("files", KEEPERS | FILING.keys()) if files else ("this", KEEPERS)
        raise InvalidRequest(
            f"no deployment of {name[:128]!r} keeps {kept}: {', '.join(sorted(keepers))} do", param="model"
        )

    def holding(
        self,
        name: str,
        caller: Identity,
        refs: Mapping[str, Ref],
        pinned: str | None,
        *,
        speaking: Operation | None = None,
    ) -> tuple[str, dict[str, str]]:
        """Return the deployment of a model group at which all that is named lies, and what it calls that.

        Raises InvalidRequest where they lie at none, UnknownModel, and what the caller is refused with.
        """
        found = self.holder(name, caller, refs, pinned, speaking=speaking)
        if found is None:
            raise InvalidRequest(
                f"what this request names does not lie where {name[:128]!r} is; upload files with target_model_names, "
                "and make the rest with `model`",
                param="file_id",
            )
        return found

    def holder(
        self,
        name: str,
        caller: Identity,
        refs: Mapping[str, Ref],
        pinned: str | None,
        *,
        speaking: Operation | None = None,
    ) -> tuple[str, dict[str, str]] | None:
        """Return the same; None where they lie at none. speaking: only upstreams count that have this operation."""
        routed = caller.target(name)
        caller.require(routed)
        group, _ = self.snapshot.find(routed)
        for deployment in group.deployments:
            place = self._by_id.get(deployment.id)
            if place is None or place.unready is not None or pinned not in (None, deployment.id):
                continue
            if speaking is not None and not _speaks(deployment, speaking):
                continue
            ids = {named: self.called(ref, place) for named, ref in refs.items()}
            if all(ids.values()):
                return deployment.id, ids
        return None

    def called(self, ref: Ref, place: Place) -> str:
        """Return what a place, or another of the same account, calls something; "" where it has it not."""
        for copy in ref.copies:
            other = self.known(copy.place)
            if other is not None and other.account == place.account:
                return copy.id
        return ""

    def batching(self, name: str, caller: Identity) -> list[tuple[Place, str]]:
        """Return the places of a model group at which batches of messages can be made, and what each calls the model.

        Raises InvalidRequest where there is none, UnknownModel, and what the caller is refused with.
        """
        found = self._of_group(name, caller, self._batching)
        if not found:
            raise InvalidRequest(
                f"no deployment of {name[:128]!r} takes batches of messages: those of the provider anthropic do; send "
                "its requests to /v1/messages one by one",
                param="model",
            )
        return found

    def filming(self, name: str, caller: Identity) -> list[tuple[Place, str]]:
        """Return the places of a model group at which videos are made, and what each calls the model.

        Raises InvalidRequest where there is none, UnknownModel, and what the caller is refused with.
        """
        found = self._of_group(name, caller, self._filming)
        if not found:
            raise InvalidRequest(
                f"no deployment of {name[:128]!r} makes videos: {', '.join(sorted(FILMING))} do", param="model"
            )
        return found

    def film(self, name: bytes) -> Place | None:
        """Return the place of a video by the digest that its id holds; None where the configuration has it no more."""
        return self._filming_by_digest.get(name)

    def _of_group(self, name: str, caller: Identity, places: Mapping[str, Place]) -> list[tuple[Place, str]]:
        """Return those of some places, by deployment, that a model group may use, and what each calls the model."""
        routed = caller.target(name)
        caller.require(routed)
        group, resolution = self.snapshot.find(routed)
        return [
            (place, deployment.model if resolution is None else resolution.upstream_model(deployment.model))
            for deployment in group.deployments
            if (place := places.get(deployment.id)) is not None and place.unready is None
        ]

    def of_provider(self, provider: str | None, section: Section) -> Place:
        """Return the place of a provider in the sections of the configuration, `section` first. Raises InvalidRequest.

        Whoever names no provider means that of his section, else OpenAI, as in LiteLLM.
        """
        own = self._settled[section]
        settings = (*own, *itertools.chain(*self._settled.values()))
        wanted = provider or (own[0].provider if section == "assistants" and own else _USUAL)
        for place in settings:
            if place.provider == wanted:
                return place
        raise InvalidRequest(
            "say where it lies: `model` or `target_model_names` name a model of GET /v1/models, `custom_llm_provider` "
            f"a provider of files_settings or finetune_settings, which have none called {wanted[:64]!r}",
            param="model" if provider is None else "custom_llm_provider",
        )


def _as_provider(provider: str | None, params: Mapping[str, object]) -> ProviderSettings:
    """Return the section for assistants as the others are written."""
    told: dict[str, Any] = {
        name: str(params[name]) for name in ("api_key", "api_base", "api_version") if params.get(name)
    }
    return ProviderSettings(custom_llm_provider=provider, **told)


def _speaks(deployment: Deployment, operation: Operation) -> bool:
    """Tell whether the bytes of an operation reach a deployment's upstream as they are."""
    plan = deployment.plans.get(operation)
    return plan is not None and (plan.passage is None or isinstance(plan.passage, Native))


def _of_deployment(deployment: Deployment) -> Place | None:
    """Return the place of a deployment, which lies beside what it serves; None where its provider keeps nothing."""
    if deployment.provider in FILING:
        return _of_files(deployment, FILING[deployment.provider])
    if deployment.provider not in KEEPERS:
        return None
    for operation, suffix in PATHS.items():
        plan = deployment.plans.get(operation)
        if plan is not None and plan.canned is None and plan.path.endswith(suffix):
            return _beside(deployment, plan, plan.path.removesuffix(suffix))
    return None


def _of_files(deployment: Deployment, keeps: Keeps) -> Place | None:
    """Return the place of a deployment whose provider keeps files in its own way, beside what it serves in its form."""
    plan = deployment.plans.get("messages" if keeps == "anthropic" else "gemini")
    if plan is None or plan.canned is not None:
        return None
    prefix, found, _ = plan.path.rpartition(MESSAGES if keeps == "anthropic" else "/models/")
    if keeps == "google":
        prefix = _VERSION.sub("", prefix)
    return replace(_beside(deployment, plan, prefix), keeps=keeps) if found else None


def _of_messages(deployment: Deployment) -> Place | None:
    """Return the place of a deployment of which batches of messages are asked; None where its provider has none."""
    plan = deployment.plans.get("messages")
    if deployment.provider not in BATCHING or plan is None or not plan.path.endswith(MESSAGES):
        return None
    return _beside(deployment, plan, plan.path.removesuffix(MESSAGES))


def _of_videos(deployment: Deployment, origin_of: Callable[[str], tuple[Origin, str, str]]) -> Place | None:
    """Return the place at which a deployment makes videos; None where it makes none.

    origin_of: see Origins.of

    Azure has them only behind its second API, whose paths bear no date:
    https://learn.microsoft.com/azure/foundry/openai/concepts/video-generation
    """
    found = beside_videos(deployment)
    if found is None:
        return None
    place = replace(_beside(deployment, *found), films=FILMING[deployment.provider])
    if place.films in TASKS:
        origin, host, prefix = origin_of(base_of_tasks(place.films, deployment.api_base))
        headers = tuple((name, host.encode() if name == b"host" else value) for name, value in place.headers)
        return replace(place, origin=origin, prefix=prefix, headers=headers)
    if deployment.provider == "azure" and not place.prefix.endswith("/v1"):
        return replace(place, prefix=f"{place.prefix}/v1", query="")
    return place


def _beside(deployment: Deployment, plan: Plan, prefix: str) -> Place:
    line, *lines = plan.head.split(b"\r\n")
    pairs = (tuple(field.split(b": ", 1)) for field in lines[:-1])
    at = None if plan.passage is None else plan.passage.place
    return Place(
        name=f"deployment {deployment.id}",
        provider=deployment.provider,
        origin=plan.origin,
        prefix=_without_deployment(prefix, deployment.model),
        query=line.split(b" ")[1].partition(b"?")[2].decode("ascii"),
        headers=tuple((name, value) for name, value in pairs if name not in _BODILESS),
        secrets=deployment.secrets,
        deployment=deployment,
        model=None if "*" in deployment.model else deployment.model,
        unready=deployment.unready,
        sign=None if at is None else at.sign,
        awaits=None if at is None else at.awaits,
    )


def _without_deployment(prefix: str, model: str) -> str:
    """Return where Azure keeps what is not of one deployment."""
    return prefix.removesuffix(f"/deployments/{quote(model, safe='')}") if "/openai/deployments/" in prefix else prefix


def _settled(
    section: str, entries: tuple[ProviderSettings, ...], snapshot: Snapshot, book: PriceBook
) -> Iterator[Place]:
    """Yield the places of a section. Raises ConfigurationError for one that has no address."""
    settings = snapshot.config.litellm_settings
    origins = Origins(settings.ssl_verify, settings.ssl_certificate)
    for entry in entries:
        provider = entry.custom_llm_provider or _USUAL
        try:
            place = _place(section, provider, _params(section, provider, entry), origins, snapshot.environ)
            trained = functools.partial(book.trained, None, provider)
            yield replace(place, listed=functools.partial(book.listed, provider), trained=trained)
        except TianjiError as error:
            raise ConfigurationError(f"{section}_settings: {provider}: {error.message}") from None


def _place(
    section: str, provider: str, params: Mapping[str, object], origins: Origins, environ: Mapping[str, str]
) -> Place:
    upstream = build(params, environ, drop_params=False)
    origin, host, prefix = origins.of(upstream.base_url, None)
    fixed = head_bytes("/", host, upstream.headers).split(b"\r\n")[1:-1]
    pairs = (tuple(field.split(b": ", 1)) for field in fixed)
    keeps = FILING.get(provider, "openai")
    return Place(
        name=f"{section} {provider} {upstream.base_url}",
        provider=provider,
        origin=origin,
        prefix=_VERSION.sub("", prefix) if keeps == "google" else _without_deployment(prefix, section),
        query=upstream.query,
        headers=tuple((name, value) for name, value in pairs if name not in _BODILESS),
        secrets=upstream.secrets,
        unready=upstream.key_missing,
        keeps=keeps,
        sign=upstream.sign,
        awaits=upstream.awaits,
    )


def _params(section: str, provider: str, entry: ProviderSettings) -> dict[str, object]:
    named = {"api_key": entry.api_key, "api_base": entry.api_base, "api_version": entry.api_version}
    return {"model": f"{provider}/{section}", **{name: value for name, value in named.items() if value is not None}}
