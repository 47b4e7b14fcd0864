"""Google Cloud's Vertex AI: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.

Requests carry an access token of the deployment's credentials, or an API key of Vertex AI's express mode
(https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from tianji.errors import ConfigurationError
from tianji.providers import address, google
from tianji.providers.deployment import Deployment
from tianji.providers.logins.fetching import fetcher
from tianji.providers.logins.google_credentials import SERVICE, Credential, find, minter
from tianji.providers.logins.oauth import bearer
from tianji.providers.logins.tokens import TokenSource
from tianji.providers.upstream import Upstream
from tianji.providers.vertex_partners import form_of

BASES: Final = ("VERTEXAI_API_BASE", "VERTEX_API_BASE")
KEYS: Final = ("VERTEXAI_API_KEY", "VERTEX_API_KEY")
LOCATIONS: Final = ("VERTEXAI_LOCATION", "VERTEX_LOCATION")
PROJECTS: Final = ("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
DEFAULT_LOCATION: Final = "us-central1"
_LOCATION: Final = re.compile(r"[a-z][a-z0-9-]{0,40}")
_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{0,80}")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `vertex_ai`. Raises ConfigurationError for a model or place not served."""
    form = form_of(deployment)
    location = deployment.text("vertex_location") or deployment.text("vertex_ai_location")
    location = location or deployment.variable(LOCATIONS) or DEFAULT_LOCATION
    if not is_location(location):
        raise ConfigurationError(
            f"{deployment.label()}: vertex_location {location!r} is no location, such as us-central1"
        )
    own = deployment.api_base or deployment.variable(BASES)
    key = deployment.api_key or deployment.variable(KEYS)
    source: TokenSource[str] | None = None
    if key:
        if form.projects:
            raise ConfigurationError(
                f"{deployment.label()}: Vertex AI takes no API key for this model; leave api_key out and set "
                "vertex_project, with vertex_credentials or those of the machine"
            )
        path = "/v1"
        headers = [("x-goog-api-key", key)]
    else:
        credential = find(_given(deployment), deployment.environ)
        project = deployment.text("vertex_project") or deployment.text("vertex_ai_project")
        project = project or deployment.variable(PROJECTS) or credential.project
        if not project:
            raise ConfigurationError(f"{deployment.label()} has no project: set vertex_project or VERTEXAI_PROJECT")
        if not _PROJECT.fullmatch(project):
            raise ConfigurationError(f"{deployment.label()}: vertex_project: {project!r} is not the id of a project")
        path = form.root.format(project=project, location=location)
        source = source_of(msgspec.json.encode(credential))
        headers = []
    host = form.host or host_of("global" if key else location)
    base, query = address.split_base(own or f"https://{host}")
    if not own or base.removesuffix("/v1").count("/") == 2:  # an address without a path of its own gets ours
        base = base.removesuffix("/v1") + path
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths=form.paths,
        shaping=form.shaping,
        plain_shaping=form.plain,
        ranks=form.ranks,
        key_missing=None,
        secrets=(key,) if key else (),
        protocol=form.protocol,
        prefixes=google.publisher(base) if form.protocol == google.PROTOCOL else None,
        embeddings=form.embeddings,
        media=form.media,
        own_forms=form.own_forms,
        sign=None if source is None else bearer(source),
        awaits=None if source is None else source.task,
    )


def is_location(text: str) -> bool:
    """Tell whether a text is written like a location, since it becomes part of a host's name."""
    return _LOCATION.fullmatch(text) is not None


def host_of(location: str) -> str:
    """Return the host of a location: https://cloud.google.com/vertex-ai/docs/general/locations."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if "-" not in location:  # several regions, such as eu
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def token_source(credential: Credential) -> TokenSource[str]:
    """Return where a credential's tokens come from."""
    return source_of(msgspec.json.encode(credential))


@lru_cache(maxsize=256)
def source_of(credential: bytes) -> TokenSource[str]:
    """Return where a credential's tokens come from: one source in a worker, so that a reload keeps the token."""
    return TokenSource(minter(msgspec.json.decode(credential, type=Credential), fetcher(SERVICE)))


def _given(deployment: Deployment) -> object:
    for name in ("vertex_credentials", "vertex_ai_credentials"):
        value = deployment.params.get(name)
        if isinstance(value, Mapping):
            return value
        if (text := deployment.text(name)) is not None:
            return text
    return None
