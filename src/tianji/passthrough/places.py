"""Where the requests of a provider go, and what credentials go with them: one function a guide of `rows`.

A deployment that is marked `use_in_pass_through` lends its address and its credentials; without one the environment
gives them. A path that names a model group of the same provider goes where the group's first deployment does.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Measures, Rates
from tianji._core.requests.lane import Lane
from tianji.accounting.prices.tables import compile_rates
from tianji.clock import SYSTEM
from tianji.config.schema.sections import VertexDefaults
from tianji.errors import ConfigurationError, Header, Overloaded
from tianji.gateway.compiled.plans import Origins
from tianji.passthrough.forms import form_of
from tianji.passthrough.rows import Guide, Row
from tianji.passthrough.services import CONTENT, CONTENT_TYPE, SERVICES, TARGET, HeaderOf
from tianji.passthrough.targets import below, join, model_in, with_model
from tianji.protocol.bedrock.signature import Keys, Scope, sign_with
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins import aws
from tianji.providers.logins.exchanged import LOGINS
from tianji.providers.logins.google_credentials import find as find_credential
from tianji.providers.logins.oauth import bearer
from tianji.providers.logins.tokens import TokenSource
from tianji.providers.own import vertex_ai
from tianji.providers.own.bedrock import KEYS

Find = Callable[[bytes], Lane]
Signed = Callable[[str, bytes, bytes, HeaderOf], Iterable[Header]]

_AGENTS: Final = re.compile(
    rb"/(agents|knowledgebases|flows|retrieveAndGenerate|retrieveAndGenerateStream|rerank|generateQuery"
    rb"|optimize-prompt)(/|$)"
)
_IN_PROJECT: Final = re.compile(rb"(/v1(?:beta1)?)?/projects/([^/]+)/locations/([^/]+)(/.*)?")
_SERVICES: Final = b"/ws/"  # conversations, whose first message names project and location
_VERSION: Final = re.compile(rb"(/v1(?:beta1)?)?(/.*)", re.DOTALL)
_DEFAULTS: Final = ("DEFAULT_VERTEXAI_PROJECT", "DEFAULT_VERTEXAI_LOCATION", "DEFAULT_GOOGLE_APPLICATION_CREDENTIALS")
_SIGNED: Final = (CONTENT.decode(), TARGET.decode())  # headers that are signed beside AWS's own
_STEP: Final = "TINYFISH_COST_PER_STEP"
_DISCOVERY: Final = "https://discoveryengine.googleapis.com"


class Around(Struct, frozen=True):
    """What places are made of.

    lent: the deployment whose credentials are used, one without params where none is lent; groups: the first deployment
    of each model group of the same provider
    """

    environ: Mapping[str, str]
    origins: Origins
    lent: Deployment
    groups: Mapping[str, Deployment] = {}
    vertex: VertexDefaults | None = None
    agents: bool = True  # Bedrock's agents have a host of their own


class Site(Struct, frozen=True):
    """One address and what goes there with each request. `lacks` says why there are no credentials."""

    base: str
    headers: tuple[Header, ...] = ()
    sign: Signed | None = None
    awaits: Callable[[], object] | None = None
    lacks: str | None = None
    asked: Callable[[Exchange], tuple[str, Measures | None, Rates | None]] | None = None  # see _core.lane


def finder(row: Row, around: Around) -> Find:
    """Return what finds the place of a path. Raises ConfigurationError, and Overloaded for what nobody configured."""
    return GUIDES[row.guide](row, around)


def lane(site: Site, around: Around, path: bytes, *, model: str | None = None) -> Lane:
    """Return the way to a path at a site."""
    origin, host, prefix = around.origins.of(site.base, None, http2=False)
    target = join(prefix.encode("ascii"), path)
    return Lane(
        origin=origin,
        target=target,
        headers=[(b"host", host.encode("ascii")), (b"accept-encoding", b"identity"), *site.headers],
        model=model,
        form=form_of(target),
        sign=site.sign,
        awaits=site.awaits,  # type: ignore[arg-type]  # a task, whatever it results in
        lacks=site.lacks,
        asked=site.asked,
    )


# -- providers with a key ----------------------------------------------------------------------------------------------


def site_of(row: Row, lent: Deployment) -> Site:
    """Return where a provider's requests go. Raises Overloaded without an address."""
    base = lent.api_base or lent.variable(row.bases) or row.base
    if not base:
        raise Overloaded(f"{row.prefixes[0]} has no address: set {row.bases[0]}")
    address.split_base(base)
    headers = address.encode_headers(credentials(row, lent).items())
    missing = row.needs_key and not headers
    return Site(base=base.rstrip("/"), headers=headers, lacks=lacking(row) if missing else None)


def credentials(row: Row, lent: Deployment) -> dict[str, str]:
    """Return the headers that hold a provider's key; none without one."""
    name, before = row.key
    if before == "Basic pair":
        pair = [lent.environ.get(variable) for variable in row.keys]
        return {name: basic(*pair)} if all(pair) else {}
    key = lent.api_key or lent.variable(row.keys)
    if not key:
        return {}
    return {name: basic(key, "") if before == "Basic name" else before + key}


def basic(name: str | None, password: str | None) -> str:
    """RFC 7617."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def lacking(row: Row) -> str:
    """Say what to do where there are no credentials."""
    wanted = " and ".join(row.keys) if row.key[1] == "Basic pair" else row.keys[0] if row.keys else "the credentials"
    return (
        f"the gateway has no credentials for {row.prefixes[0]}: an operator sets {wanted}; or send your own where the "
        "provider's API wants them, and the gateway's key in x-litellm-api-key"
    )


def plain(row: Row, around: Around) -> Find:
    """Below the provider's address."""

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        first, slash, rest = path[1:].partition(b"/")
        group = around.groups.get(first.decode("latin-1")) if row.group_first else None
        if group is not None:
            return lane(site_of(row, group), around, slash + rest, model=group.model)
        model = model_in(path)
        group = around.groups.get(model) if model is not None else None
        if group is not None:
            return lane(site_of(row, group), around, with_model(path, group.model), model=group.model)
        return lane(site_of(row, around.lent), around, path, model=model)

    return find


def openai(row: Row, around: Around) -> Find:
    """As `plain`, with the version in the path where it is missing."""
    site = site_of(row, around.lent)

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        if not path.startswith(b"/v1/") and path != b"/v1":
            path = b"/v1" + path
        names = [name for name in row.adds if path.startswith(name.encode())]
        headers = (*site.headers, *(row.adds[name] for name in names))
        return lane(msgspec.structs.replace(site, headers=headers), around, path, model=model_in(path))

    return find


def assemblyai(row: Row, around: Around) -> Find:
    """https://www.assemblyai.com/docs/api-reference/streaming-api: live sound has a host of its own."""
    streams = msgspec.structs.replace(row, base=row.base.replace("//api.", "//streaming."))

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        at = streams if path.startswith(b"/v3/") else row
        return lane(site_of(at, around.lent), around, path)

    return find


def tinyfish(row: Row, around: Around) -> Find:
    """https://docs.tinyfish.ai/agent-api: a run that is waited for says how many steps it took, each has one price."""
    site = site_of(row, around.lent)
    price = around.lent.variable((_STEP,)) or "0.016"  # US dollars, of 2026-10
    try:
        step = compile_rates({"input_cost_per_query": price}, row.provider)
    except ValueError:
        raise ConfigurationError(f"{_STEP} is no price: {price!r}") from None
    runs = msgspec.structs.replace(site, asked=lambda _exchange: ("automation-run", None, step))

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        return lane(runs if path == b"/v1/automation/run" else site, around, path)

    return find


def speech(row: Row, around: Around) -> Find:
    """https://learn.microsoft.com/azure/ai-services/speech-service/rest-speech-to-text: two hosts, by the path."""
    region = around.environ.get("AZURE_SPEECH_REGION")
    if not region and not around.lent.variable(row.bases):
        raise Overloaded("/azure_speech has no address: set AZURE_SPEECH_REGION or AZURE_SPEECH_API_BASE")

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        host = "api.cognitive" if path.startswith(b"/speechtotext/") else "stt.speech"
        at = msgspec.structs.replace(row, base=f"https://{region}.{host}.microsoft.com")
        return lane(site_of(at, around.lent), around, path)

    return find


def login(row: Row, around: Around) -> Find:
    """Below the provider's address, with a token that is had for the key."""
    lent = around.lent
    base = lent.api_base or lent.variable(row.bases) or row.base
    address.split_base(base)
    shown = LOGINS[row.provider](lent, lent.api_key or lent.variable(row.keys), base)
    token = shown.sign
    site = Site(
        base=base.rstrip("/"),
        headers=address.encode_headers(shown.headers(row.key[0])),
        sign=None if token is None else lambda _method, target, body, _header: token(target.decode("latin-1"), body),
        awaits=shown.awaits,
        lacks=lacking(row) if shown.missing else None,
    )

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        return lane(site, around, path, model=model_in(path))

    return find


# -- Google Cloud ------------------------------------------------------------------------------------------------------


class Cloud(Struct, frozen=True):
    """A project of Google Cloud and where tokens for it come from, as far as the configuration says."""

    project: str | None
    location: str | None
    source: TokenSource[str] | None

    def site(self, base: str) -> Site:
        """Return an address with the token of the moment."""
        if self.source is None:
            return Site(base=base, lacks=_NO_GOOGLE)
        shown = bearer(self.source)
        return Site(
            base=base,
            sign=lambda _method, target, body, _header: shown(target.decode("latin-1"), body),
            awaits=self.source.task,
        )


_NO_GOOGLE: Final = (
    "the gateway has no credentials for /vertex_ai: an operator sets default_vertex_config, or marks a deployment with "
    "use_in_pass_through; or send your own token in authorization, and the gateway's key in x-litellm-api-key"
)


def cloud_of(lent: Deployment, defaults: VertexDefaults | None, environ: Mapping[str, str]) -> Cloud:
    """Return what a deployment lends, else what the configuration or the environment has for pass-through."""
    given = lent.params.get("vertex_credentials") or lent.params.get("vertex_ai_credentials")
    project = lent.text("vertex_project") or lent.text("vertex_ai_project")
    location = lent.text("vertex_location") or lent.text("vertex_ai_location")
    if not (given or project or location):
        of_project, of_location, of_credentials = (environ.get(name) for name in _DEFAULTS)
        if defaults is not None:
            given, project, location = (
                defaults.vertex_credentials,
                defaults.vertex_project,
                defaults.vertex_location,
            )
        given, project, location = given or of_credentials, project or of_project, location or of_location
    if not given and not project:
        return Cloud(None, location, None)
    credential = find_credential(given, environ)
    source = vertex_ai.source_of(msgspec.json.encode(credential))
    return Cloud(project or credential.project, location, source)


def vertex(row: Row, around: Around) -> Find:
    """At the host of the path's location, in the project that the credentials are for."""
    lent = cloud_of(around.lent, around.vertex, around.environ)
    own = around.lent.api_base or around.lent.variable(row.bases)

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        model = model_in(path)
        group = around.groups.get(model) if model is not None else None
        cloud = lent if group is None else cloud_of(group, None, around.environ)
        if group is not None:
            path, model = with_model(path, group.model), group.model
        if path.startswith(_SERVICES):
            location = cloud.location or vertex_ai.DEFAULT_LOCATION
        else:
            path, location = placed(path, cloud)
        base = own or f"https://{vertex_ai.host_of(location)}"
        return lane(cloud.site(base), around, path, model=model)

    return find


def placed(path: bytes, cloud: Cloud) -> tuple[bytes, str]:
    """Return the path in the project and location of the credentials, and the location.

    Raises Overloaded where nobody names a project.
    """
    found = _IN_PROJECT.fullmatch(path)
    if found is not None:
        version, project, location, rest = found[1] or b"/v1", found[2], found[3], found[4] or b""
        project = cloud.project.encode() if cloud.project else project
        location = cloud.location.encode() if cloud.location else location
    else:
        if not cloud.project:
            raise Overloaded("name a project in the path, or have an operator set one in default_vertex_config")
        split = _VERSION.fullmatch(path)
        version, rest = (split[1] or b"/v1", split[2]) if split is not None else (b"/v1", path)
        project, location = cloud.project.encode(), (cloud.location or vertex_ai.DEFAULT_LOCATION).encode()
    name = location.decode("latin-1")
    if not vertex_ai.is_location(name):
        raise Overloaded(f"{name[:64]!r} is no location of Vertex AI, such as us-central1")
    return version + b"/projects/" + project + b"/locations/" + location + rest, name


def discovery(row: Row, around: Around) -> Find:
    """Google's search over data stores, https://cloud.google.com/generative-ai-app-builder/docs/reference/rest."""
    cloud = cloud_of(around.lent, around.vertex, around.environ)
    site = cloud.site(around.lent.variable(row.bases) or _DISCOVERY)
    return lambda raw: lane(site, around, below(raw, 2))


# -- AWS ---------------------------------------------------------------------------------------------------------------


def aws_base(lent: Deployment, host: str) -> str:
    """Return the address of a service of AWS's in the region of the credentials."""
    region = aws.region_of(lent, None)
    return f"https://{host}.{region}.{'amazonaws.com.cn' if region.startswith('cn-') else 'amazonaws.com'}"


def signed_site(lent: Deployment, row: Row, base: str, service: str) -> Site:
    """Return an address with what signs for it. Raises Overloaded without keys."""
    region = aws.region_of(lent, None)
    source = aws.keys_of(lent, region)
    if source is None:
        raise Overloaded(f"{row.prefixes[0]} has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    scope = Scope(urlsplit(base).netloc, region, service)

    def signed(method: str, target: bytes, body: bytes, header: HeaderOf) -> Iterable[Header]:
        keys = source if isinstance(source, Keys) else source.held()
        said = {name: header(name.encode()) for name in _SIGNED}
        sent = {name: value.decode("latin-1") for name, value in said.items() if value is not None}
        return sign_with(keys, scope, target.decode("latin-1"), body, now=SYSTEM.now(), method=method, headers=sent)

    return Site(base=base, sign=signed, awaits=source.task if isinstance(source, TokenSource) else None)


def bedrock(row: Row, around: Around) -> Find:
    """At the runtime of the region, or at that of agents."""

    def find(raw: bytes) -> Lane:
        path = below(raw, 1)
        agents = around.agents and _AGENTS.match(path) is not None
        model = model_in(path)
        group = around.groups.get(model) if model is not None else None
        lent = around.lent if group is None else group
        if group is not None:
            path, model = with_model(path, group.model), group.model
        own = lent.api_base or lent.text("aws_bedrock_runtime_endpoint") or lent.variable(row.bases)
        base = own or aws_base(lent, "bedrock-agent-runtime" if agents else "bedrock-runtime")
        bearer = lent.api_key or lent.variable(KEYS)
        if bearer:
            site = Site(base=base, headers=address.encode_headers([("authorization", f"Bearer {bearer}")]))
        else:
            site = signed_site(lent, row, base, "bedrock")
        return lane(site, around, path, model=model)

    return find


def service(row: Row, around: Around) -> Find:
    """At a service whose operations have one path: named behind ours, or in the header that AWS's clients send."""
    lent, known = around.lent, SERVICES[row.provider]
    base = lent.api_base or lent.variable(row.bases) or aws_base(lent, row.provider)
    site = signed_site(lent, row, base, row.provider)
    seal = site.sign

    def find(raw: bytes) -> Lane:
        named = below(raw, 1)[1:].decode("latin-1")

        def signed(method: str, target: bytes, body: bytes, header: HeaderOf) -> Iterable[Header]:
            sent = {CONTENT: CONTENT_TYPE, TARGET: known.target(named, header)}
            return (*sent.items(), *seal(method, target, body, sent.get))  # type: ignore[misc]  # it signs

        at = msgspec.structs.replace(site, sign=signed, asked=partial(known.asked, named))
        return lane(at, around, b"/")

    return find


GUIDES: Final[Mapping[Guide, Callable[[Row, Around], Find]]] = {
    "plain": plain,
    "openai": openai,
    "speech": speech,
    "assemblyai": assemblyai,
    "login": login,
    "vertex": vertex,
    "discovery": discovery,
    "bedrock": bedrock,
    "service": service,
    "tinyfish": tinyfish,
}
