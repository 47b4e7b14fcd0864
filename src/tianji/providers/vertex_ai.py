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
from tianji.providers import address, anthropic, google
from tianji.providers.deployment import Deployment
from tianji.providers.fetching import fetcher
from tianji.providers.google_credentials import SERVICE, Credential, find, minter
from tianji.providers.oauth import bearer
from tianji.providers.openai import USED_TOOL_CHOICE
from tianji.providers.shaping import Rules, compile_shaping
from tianji.providers.tokens import TokenSource
from tianji.providers.upstream import EMBEDDINGS, Upstream

NAMES = ("vertex_ai", "vertex_ai_beta")
BASES: Final = ("VERTEXAI_API_BASE", "VERTEX_API_BASE")
KEYS: Final = ("VERTEXAI_API_KEY", "VERTEX_API_KEY")
LOCATIONS: Final = ("VERTEXAI_LOCATION", "VERTEX_LOCATION")
PROJECTS: Final = ("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
CLAUDE: Final = "tianji.protocol.anthropic.vertex"
CLAUDE_RULES: Final = Rules(unsupported=anthropic.LACKS, removed=anthropic.HINTS, conditions=(USED_TOOL_CHOICE,))
DEFAULT_LOCATION: Final = "us-central1"
_LOCATION: Final = re.compile(r"[a-z][a-z0-9-]{0,40}")
_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{0,80}")
_PARTNERS: Final = ("mistral", "codestral", "jamba", "gemma/", "openai/", "agent_engine/", "bge")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `vertex_ai`. Raises ConfigurationError for a model or place not served."""
    if deployment.model.startswith(_PARTNERS) or ("/" in deployment.model and "*" not in deployment.model):
        raise ConfigurationError(
            f"{deployment.label()}: of Vertex AI this release serves Google's own models, tuned ones and Claude; "
            "remove the entry, or reach the model through its own provider"
        )
    claude = deployment.model.startswith("claude")
    embeds = "embedding" in deployment.model
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
        path = "/v1"
        headers = [("x-goog-api-key", key)]
    else:
        credential = find(_given(deployment), deployment.environ)
        project = deployment.text("vertex_project") or deployment.text("vertex_ai_project")
        project = project or deployment.variable(PROJECTS) or credential.project
        if not project or not _PROJECT.fullmatch(project):
            raise ConfigurationError(
                f"{deployment.label()}: set vertex_project to the id of a project, not {project!r}"
            )
        path = f"/v1/projects/{project}/locations/{location}"
        source = source_of(msgspec.json.encode(credential))
        headers = []
    base, query = address.split_base(own or f"https://{'aiplatform.googleapis.com' if key else host_of(location)}")
    if not own or base.removesuffix("/v1").count("/") == 2:  # an address without a path of its own gets ours
        base = base.removesuffix("/v1") + path
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={} if claude or embeds else google.SOCKETS,
        shaping=compile_shaping(deployment, CLAUDE_RULES) if claude else google.shaping_of(deployment),
        key_missing=None,
        secrets=(key,) if key else (),
        protocol=None if embeds else CLAUDE if claude else google.PROTOCOL,
        embeddings=EMBEDDINGS if embeds else None,
        own_forms={} if claude or embeds else {"gemini": google.own_form(deployment)},
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
