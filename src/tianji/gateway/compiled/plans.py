"""From a configured deployment to the bytes that reach it."""

import functools
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tianji import __version__
from tianji._core.bodies.frames import Frames
from tianji._core.routing.router import Deployment, Plan
from tianji._core.routing.stats import DeploymentStats
from tianji._core.sharing.shm import SharedCounters
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.accounting.prices.deployments import PriceBook
from tianji.config.schema import ModelEntry
from tianji.config.schema.router import RouterSettings
from tianji.dialects.rows import CODECS, ROWS
from tianji.egress.tls import client_context
from tianji.errors import ConfigurationError, Header
from tianji.gateway.beforehand.shadows import silent_of
from tianji.gateway.compiled.reshaping import shaping_arguments
from tianji.gateway.translation.embedding_passage import Embedding
from tianji.gateway.translation.media import Media
from tianji.gateway.translation.passages import ALOUD, CHAT, Aloud, Native, Place, Signed, codec
from tianji.gateway.translation.retelling import LINES, Teller
from tianji.gateway.translation.translating import Pair, Prefixes, Translation
from tianji.lazy import load
from tianji.providers.responses import PROTOCOL as RESPONSES
from tianji.providers.responses import only_responses
from tianji.providers.upstream import PATHS, OwnForm, Shaping, Upstream
from tianji.routing.hedging import hedge_of

CONNECT_TIMEOUT: Final = 10.0
DEFAULT_TIMEOUT: Final = 6000.0
INFILLING: Final = {"completions": "tianji.dialects.infilling"}
"""The module that reads requests for an upstream which has no other operation."""
MEDIA: Final = frozenset(row.operation for row in ROWS if row.media)
USER_AGENT: Final = f"tianji/{__version__}".encode()


class DefaultTimeouts(msgspec.Struct, frozen=True):
    """Seconds that hold where a deployment says nothing; None: not set."""

    timeout: float | None
    stream_timeout: float | None
    connect: float | None = None
    first_byte: float | None = None  # of a stream, as the next
    between_chunks: float | None = None


class Switches(msgspec.Struct, frozen=True):
    """What holds for all requests: whether streams are asked for their usage, whether messages may be changed."""

    asks_usage: bool
    modifies: bool


def head_bytes(target: str, host: str, headers: Iterable[Header]) -> bytes:
    """Build a POST's request head up to and with `content-length: `; only the number and a blank line are missing."""
    fixed: dict[bytes, bytes] = {
        b"host": host.encode("ascii"),
        b"user-agent": USER_AGENT,
        b"accept": b"application/json, text/event-stream",
        b"accept-encoding": b"identity",
        b"content-type": b"application/json",
    }
    fixed.update(headers)
    lines = [b"POST %b HTTP/1.1" % target.encode("ascii"), *(b"%b: %b" % pair for pair in fixed.items())]
    return b"\r\n".join(lines) + b"\r\ncontent-length: "


class Origins:
    """Addresses of upstreams, one object each, so that deployments of one host share connections."""

    def __init__(
        self, ssl_verify: bool | str = True, ssl_certificate: str | None = None, *, http2: bool = False
    ) -> None:
        """Take what holds for all: whether to verify, or against which file; a PEM file with certificate and key.

        `http2`: whether upstreams are offered it where their deployment does not say.
        """
        self._verify = ssl_verify
        self._certificate = ssl_certificate
        self._http2 = http2
        self._contexts: dict[tuple[bool | str, bool], ssl.SSLContext] = {}

    def of(self, base_url: str, ssl_verify: bool | str | None, http2: bool | None = None) -> tuple[Origin, str, str]:
        """(origin, host header, path prefix) of a base URL. Raises ConfigurationError when it is not http(s)."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"api_base {base_url!r} is not an http:// or https:// address")
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        host = parts.hostname.encode("idna").decode("ascii") if not parts.hostname.isascii() else parts.hostname
        shown = f"[{host}]" if ":" in host else host
        header = shown if port == (443 if tls else 80) else f"{shown}:{port}"
        origin = Origin(host, port, self._context(ssl_verify, http2=False), host) if tls else Origin(host, port)
        if tls and (self._http2 if http2 is None else http2):
            origin = Origin(host, port, self._context(ssl_verify, http2=True), host, http1=origin)
        return origin, header, parts.path.rstrip("/")

    def _context(self, ssl_verify: bool | str | None, *, http2: bool) -> ssl.SSLContext:
        verify = self._verify if ssl_verify is None else ssl_verify
        context = self._contexts.get((verify, http2))
        if context is None:
            pair = None if self._certificate is None else (self._certificate, self._certificate)
            try:
                context = client_context(verify if isinstance(verify, str) else None, certificate=pair, http2=http2)
            except OSError as error:  # ssl.SSLError is one
                raise ConfigurationError(f"ssl_verify or ssl_certificate: the file cannot be used: {error}") from error
            if verify is False:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._contexts[verify, http2] = context
        return context


def timeouts_of(entry: ModelEntry, defaults: DefaultTimeouts, tier: str | None = None) -> tuple[Timeouts, Timeouts]:
    """(for whole answers, for streams) in seconds; config fact sheet: a stream's own setting wins, then the plain one.

    A stream's timeout bounds the wait for its first byte and between chunks, not its whole length. `tier` is the
    `service_tier` of a request, for which a deployment may have timeouts of its own.
    """
    params = entry.params
    own, own_stream = params.timeout_by_service_tier, params.stream_timeout_by_service_tier
    plain = _first(own.get(tier or ""), params.timeout, params.request_timeout, defaults.timeout, DEFAULT_TIMEOUT)
    stream = _first(own_stream.get(tier or ""), params.stream_timeout, defaults.stream_timeout, plain)
    connect = min(_first(defaults.connect, CONNECT_TIMEOUT), plain)
    return (
        Timeouts(connect=connect, first_byte=0, between_chunks=0, total=plain),
        Timeouts(
            connect=connect,
            first_byte=_first(defaults.first_byte, stream),
            between_chunks=_first(defaults.between_chunks, stream),
            total=0,
        ),
    )


def tiers_of(entry: ModelEntry, defaults: DefaultTimeouts) -> dict[str, tuple[Timeouts, Timeouts]]:
    """Return the timeouts of each service tier that has its own."""
    names = {*entry.params.timeout_by_service_tier, *entry.params.stream_timeout_by_service_tier}
    return {name: timeouts_of(entry, defaults, name) for name in names}


def _first(*written: float | None) -> float:
    """Return the first that is set; the last one is."""
    return next(seconds for seconds in written if seconds is not None)


def answer_headers(entry: ModelEntry, upstream: Upstream, *, compat: bool) -> list[Header]:
    """Return what every answer of this deployment says of it.

    With `compat` each fact stands under the name that clients of LiteLLM read, and only the id under ours as well: a
    header costs a quarter of a microsecond, and saying everything twice cost a tenth of the whole request.
    """
    facts = {
        "model-id": entry.id,
        "model-name": f"{upstream.provider}/{upstream.model}",
        "model-api-base": upstream.base_url,
        "version": __version__,
        "attempted-retries": "0",
        "attempted-fallbacks": "0",
    }
    prefix = "x-litellm-" if compat else "x-tianji-"
    names = {f"{prefix}{name}": value for name, value in facts.items()} | {"x-tianji-model-id": entry.id}
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in names.items() if value.isprintable()]


class Compiler:
    """Makes deployments out of model entries."""

    def __init__(
        self,
        counters: SharedCounters,
        defaults: DefaultTimeouts,
        origins: Origins,
        router: RouterSettings,
        book: PriceBook,
        *,
        compat: bool,
        switches: Switches,
    ) -> None:
        self._counters = counters
        self._defaults = defaults
        self._compat = compat
        self._asks_usage = switches.asks_usage
        self._modifies = switches.modifies
        self._origins = origins
        self._router = router
        self._book = book
        self._frames, self._streams = Frames(), Frames(LINES)  # of all deployments

    def deployment(self, entry: ModelEntry, upstream: Upstream) -> Deployment:
        """Compile one entry. Raises ConfigurationError when its address is unusable."""
        return Deployment(
            id=entry.id,
            group=entry.model_name,
            provider=upstream.provider,
            model=upstream.model,
            api_base=upstream.base_url,
            plans=self._plans(entry, upstream),
            secrets=upstream.secrets,
            unready=upstream.key_missing,
            answer_headers=answer_headers(entry, upstream, compat=self._compat),
            stats=DeploymentStats(self._counters, entry.model_name, upstream.provider),
            **self._prices(entry, upstream),
            hedge=hedge_of(entry, self._router),
            silent=silent_of(entry),
        )

    def _prices(self, entry: ModelEntry, upstream: Upstream) -> dict[str, Any]:
        """Return what tells a deployment's prices; behind a pattern they depend on the model that it captures."""
        book, provider = self._book, upstream.provider
        if "*" in upstream.model:
            return {"rates": None, "prices": lambda model: book.of(entry, provider, model).rates}
        return {"rates": book.of(entry, provider, upstream.model).rates, "prices": None}

    def _defaults_of(self, group: str) -> DefaultTimeouts:
        """Return what holds for a group that has a timeout of its own in `model_group_retry_policy`."""
        timeout = self._router.model_group_retry_policy.get(group, {}).get("timeout")
        return self._defaults if timeout is None else msgspec.structs.replace(self._defaults, timeout=timeout)

    def _plans(self, entry: ModelEntry, upstream: Upstream) -> dict[str, Plan]:
        inside = None if upstream.answers is None else Origin("inside.invalid", 1, answers=upstream.answers)
        if inside is not None and upstream.answered is None:
            origin, host, prefix = inside, "inside.invalid", ""
        else:
            origin, host, prefix = self._origins.of(upstream.base_url, entry.params.ssl_verify, entry.params.http2)
        defaults = self._defaults_of(entry.model_name)
        timeouts, stream_timeouts = timeouts_of(entry, defaults)
        canned = _canned(entry)
        signs = (upstream.sign, upstream.awaits) if canned is None else (None, None)
        place = Place(prefix, upstream.query, *signs)
        model = None if "*" in upstream.model else msgspec.json.encode(upstream.model)
        return {
            way.operation: Plan(
                origin=inside if inside is not None and way.operation in (upstream.answered or ()) else origin,
                path=f"{(way.place or place).prefix}{way.suffix}",
                head=head_bytes((way.place or place).target(way.suffix), host, upstream.headers),
                model=model,
                passage=way.passage,
                asks_usage=self._asks_usage and way.asks_usage,
                timeouts=timeouts,
                stream_timeouts=stream_timeouts,
                tiers=tiers_of(entry, defaults),
                canned=canned,
                **shaping_arguments(way.shaping),
            )
            for way in self._ways(entry, upstream, place, canned=canned is not None)
        }

    def _ways(self, entry: ModelEntry, upstream: Upstream, place: Place, *, canned: bool) -> Iterator["Way"]:
        """Yield how each operation reaches an upstream: as it is, through its own form, or translated.

        The text of the configuration is told as an upstream would that speaks OpenAI's form.
        """
        if self._only_responses(entry, upstream):
            upstream = only_responses(upstream, upstream.own_forms)
        shaping = upstream.shaping
        translates = "chat" in upstream.paths or upstream.protocol is not None
        protocol = None if canned else upstream.protocol
        direct: Mapping[str, str] = {"chat": PATHS["chat"]} if canned and translates else upstream.paths
        asks_usage = "stream_options" not in shaping.drop | shaping.refuse
        for operation, suffix in direct.items():
            if operation in MEDIA:
                yield Way(
                    operation,
                    suffix,
                    upstream.plain_shaping or shaping,
                    self._media(entry, upstream, place, operation, canned=canned),
                    False,
                )
            else:
                yield Way(operation, suffix, shaping, _alike(entry, upstream, place, operation, suffix), asks_usage)
        if upstream.embeddings is not None and not canned:
            codec(upstream.embeddings)
            embedding = Embedding(upstream.embeddings, upstream.provider, place)
            yield Way("embeddings", "", shaping, embedding, False)
        own_forms: Mapping[str, OwnForm] = {} if canned else upstream.own_forms
        for operation, form in own_forms.items():
            there = _place_of(form, place)
            native = Native(operation, form, there, self._frames, self._streams)
            yield Way(operation, form.suffix(upstream.model, False), form.shaping, native, False, there)
        if protocol is not None:
            for module in (CHAT, protocol):
                codec(module)  # now, and not when the first request waits for it
        told = _place_of(own_forms["responses"], place) if protocol == RESPONSES and own_forms else place
        prefixes = None if canned else _prefixes(upstream)
        for operation, dialect in _dialects(entry, upstream).items():
            if translates and operation not in {*direct, *own_forms}:
                pair = Pair(
                    dialect=dialect,
                    protocol=protocol,
                    provider=upstream.provider,
                    facts=lambda model: self._book.of(entry, upstream.provider, model).facts,
                    suffix=direct.get("chat", ""),
                    modify_params=_first_set(entry.params.modify_params, self._modifies),
                )
                teller = Teller(self._frames, dialect, protocol, self._streams)
                passage = Translation(pair, told, teller, prefixes)
                yield Way(operation, pair.suffix, shaping, passage, asks_usage and protocol is None, told)

    def _media(self, entry: ModelEntry, upstream: Upstream, place: Place, operation: str, *, canned: bool) -> Media:
        """Return the way of pictures, sound and ranks."""
        vendor = None if canned else upstream.media.get(operation)
        if vendor is not None:
            codec(vendor)
        return Media(
            operation=operation,
            suffix=upstream.paths[operation],
            place=place,
            prices=functools.partial(self._book.of_picture, entry, upstream.provider),
            style=upstream.ranks,
            vendor=vendor,
            provider=upstream.provider,
            drops=bool(upstream.shaping.drop_params),
        )

    def _only_responses(self, entry: ModelEntry, upstream: Upstream) -> bool:
        """Whether the catalogue, or the operator, knows a model as one of the Responses API."""
        if "responses" not in upstream.own_forms or "*" in upstream.model:
            return False
        return self._book.of(entry, upstream.provider, upstream.model).facts.get("mode") == "responses"


def _prefixes(upstream: Upstream) -> Prefixes | None:
    """Return what an upstream keeps of requests, which all that is translated for it shares."""
    if upstream.prefixes is None:
        return None
    keeping, at = load("tianji.gateway.translation.prefixes"), urlsplit(upstream.base_url)
    url, models = f"{at.scheme}://{at.netloc}", f"{upstream.prefixes}models/"
    shelf = keeping.Shelf(url, at.path, models, upstream.query, upstream.headers, upstream.sign)
    kept: Prefixes = keeping.Prefixes(shelf)
    return kept


def _alike(entry: ModelEntry, upstream: Upstream, place: Place, operation: str, suffix: str) -> Aloud | Signed | None:
    """Return the way of an operation where both sides speak OpenAI's form; None: as it is."""
    if operation == "chat" and entry.params.merge_reasoning_content_in_choices:
        return Aloud(suffix, place, upstream.provider)
    return None if place.sign is None else Signed(suffix, place)


def _dialects(entry: ModelEntry, upstream: Upstream) -> Mapping[str, str]:
    """Return the module that reads each operation for an upstream that does not speak it."""
    if upstream.infills:
        return INFILLING
    return {**CODECS, "chat": ALOUD} if entry.params.merge_reasoning_content_in_choices else CODECS


class Way(msgspec.Struct, frozen=True):
    """How one operation reaches an upstream; `passage` is None where its bytes are OpenAI's on both sides.

    place: where, if that is not the place of the others
    """

    operation: str
    suffix: str
    shaping: Shaping
    passage: Aloud | Embedding | Media | Native | Signed | Translation | None
    asks_usage: bool
    place: Place | None = None


def _place_of(form: OwnForm, place: Place) -> Place:
    """Return where requests in an own form go."""
    return place if form.prefix is None else msgspec.structs.replace(place, prefix=form.prefix, query=form.query)


def _first_set(own: bool | None, otherwise: bool) -> bool:
    return otherwise if own is None else own


def _canned(entry: ModelEntry) -> str | None:
    text = entry.params.mock_response
    return None if text is None else text if isinstance(text, str) else msgspec.json.encode(text).decode()
