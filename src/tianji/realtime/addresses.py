"""Where an upstream has its realtime API, by its provider.

OpenAI and who speaks like it: `/v1/realtime?model=` (https://platform.openai.com/docs/guides/realtime-websocket).
OpenAI itself takes no model with `intent=transcription`
(https://developers.openai.com/api/docs/guides/realtime-transcription).
Azure: `/openai/v1/realtime?model=`, and before that `/openai/realtime?api-version=&deployment=`
(https://learn.microsoft.com/azure/ai-services/openai/how-to/realtime-audio-websockets).
Google: a service of its own beside its paths, for which the model is named in the first message
(https://ai.google.dev/api/live, https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/multimodal-live).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct

from tianji._core.routing.router import Plan
from tianji.errors import Header
from tianji.providers.own.azure import DEFAULT_VERSION

OLD_AZURE_VERSION: Final = "2024-10-01-preview"  # the first that has it; chat's default may not
GOOGLE: Final[Mapping[str, str]] = {  # the path of the service, by provider
    "gemini": "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    "vertex_ai": "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent",
    "vertex_ai_beta": "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent",
}
CALLS: Final = frozenset({"openai", "azure"})
"""Providers that have calls over WebRTC, and tell another socket what happens in them."""
OPENAI: Final = "api.openai.com"  # and its regions, `eu.api.openai.com` say
OWN_PARAMETERS: Final = frozenset(
    {"model", "deployment", "api-version", "call_id"}
)  # what the gateway says in place of a client
UNSENT: Final = frozenset({b"host", b"accept", b"accept-encoding", b"content-type", b"content-length"})


class Address(Struct, frozen=True):
    """Where to ask for a socket, and with which headers."""

    host: str  # header
    target: str  # path and query
    headers: tuple[Header, ...]


def address_of(
    plan: Plan, provider: str, model: str, query: Mapping[str, str], *, beta: bool, secret: str | None
) -> Address:
    """Return where a socket is asked for.

    query: the client's own; beta: he speaks the API as it was before it became generally available
    secret: an upstream's secret for this conversation alone, in place of the deployment's key
    """
    line, *lines = plan.head.split(b"\r\n")
    target = line.split(b" ")[1].decode("ascii")
    path, _, own = target.partition("?")
    said = dict(parse_qsl(own))
    fields = [(name, value) for name, _, value in (one.partition(b": ") for one in lines)]
    host = next(value.decode("ascii") for name, value in fields if name == b"host")
    others = {name: value for name, value in query.items() if name not in OWN_PARAMETERS}
    if provider in GOOGLE:
        path, parameters, others = _root(path) + GOOGLE[provider], said, {}
    elif provider == "azure":
        path, parameters = _azure(path, said, model, query, beta=beta)
    else:
        unnamed = query.get("intent") == "transcription" and host.endswith(OPENAI)
        parameters = said if unnamed else {"model": model, **said}
    parameters = {**parameters, **others}
    return Address(
        host=host,
        target=f"{path}?{urlencode(parameters)}" if parameters else path,
        headers=tuple(_credentials(fields, secret)),
    )


def below(home: Address, end: str, query: Mapping[str, str] = {}) -> Address:
    """Return what lies below an address of the realtime API: `end` behind its path, with another query."""
    path = home.target.partition("?")[0] + end
    return Address(home.host, f"{path}?{urlencode(query)}" if query else path, home.headers)


def resource_of(plan: Plan, provider: str, model: str) -> str:
    """Return a model of Google's as the first message of a conversation names it there."""
    if provider == "gemini":
        return f"models/{model}"
    _, marker, project = plan.path.rpartition("/projects/")
    place = f"projects/{project.rpartition('/')[0]}/" if marker else ""
    return f"{place}publishers/google/models/{model}"


def _azure(
    path: str, said: Mapping[str, str], model: str, query: Mapping[str, str], *, beta: bool
) -> tuple[str, dict[str, str]]:
    root, _, _ = path.partition("/openai/")
    if not beta:
        return f"{root}/openai/v1/realtime", {"model": model}
    version = said.get("api-version", DEFAULT_VERSION)
    version = query.get("api-version") or (OLD_AZURE_VERSION if version == DEFAULT_VERSION else version)
    return f"{root}/openai/realtime", {"api-version": version, "deployment": model}


def _root(path: str) -> str:
    """Return what lies before the version in a path of Google's API, beside which its service for conversations is."""
    root, version, _ = path.partition("/v1")
    return root if version else path.rpartition("/")[0]


def _credentials(fields: list[Header], secret: str | None) -> list[Header]:
    """Return the deployment's own headers, with a secret in place of its key where there is one."""
    kept = [(name, value) for name, value in fields if name and name not in UNSENT]
    if secret is None:
        return kept
    own = [(name, value) for name, value in kept if name not in (b"authorization", b"api-key")]
    return [*own, (b"authorization", b"Bearer " + secret.encode())]
