"""What a model would be asked upstream, and which of OpenAI's parameters it takes."""

import functools
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.routing.router import Deployment, Table
from tianji.errors import TianjiError, Unacceptable, UnknownModel
from tianji.gateway.translation.rehearsal import parameters_of, question, written
from tianji.management.desk import Call, Row
from tianji.management.models.deployment_reading import public, visible
from tianji.protocol.scrub import scrub

OPERATIONS: Final[Mapping[str, str]] = {
    "completion": "chat",
    "text_completion": "completions",
    "embedding": "embeddings",
    "responses": "responses",
    "anthropic_messages": "messages",
    "moderation": "moderations",
    "rerank": "rerank",
    "image_generation": "image_generation",
    "speech": "audio_speech",
}
"""LiteLLM's names of calls, which may begin with an `a`, and ours."""
_SHOWN: Final = 4  # characters of a secret's ends that are shown, as users of LiteLLM know it
_SECRET: Final = frozenset(
    {"authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "cookie"}
)


class Named(Struct, kw_only=True):
    """Which model is meant."""

    model: str


class Rehearsed(Struct, kw_only=True):
    """A request, its `model` among it, and what kind of call it is."""

    call_type: str
    request_body: dict[str, Any]


async def parameters(call: Call) -> Row:
    """Name the parameters of chat that a model takes."""
    table, found, _ = _meant(call, call.questions(Named).model)
    return {"supported_openai_params": parameters_of(table, found)}


async def transformed(call: Call) -> Row:
    """Show what would go upstream for a request. What is wrong with the request is told, and not an error of ours."""
    said = call.body(Rehearsed)
    operation = OPERATIONS.get(said.call_type) or OPERATIONS.get(said.call_type.removeprefix("a"))
    if operation is None:
        raise Unacceptable(f"call_type is one of {', '.join(OPERATIONS)}", param="call_type")
    name = said.request_body.get("model")
    if not isinstance(name, str):
        raise Unacceptable("request_body names the model", param="request_body")
    table, found, model = _meant(call, name)
    plan = found.plans.get(operation)
    if plan is None:
        return {"error": f"{found.provider} model {found.model!r} does not offer {operation}"}
    try:
        text = msgspec.json.encode(said.request_body)
        request = await written(plan, question(table, model, text, stream=said.request_body.get("stream") is True))
    except TianjiError as error:
        return {"error": error.message}
    return _shown(request, found)


def _meant(call: Call, name: str) -> tuple[Table, Deployment, str]:
    """Return the first deployment of a model, and its own name. Raises Unacceptable where this caller has none."""
    snapshot, pairs = call.office.fleet.snapshot(), visible(call, None)
    for entry, deployment in pairs:
        if public(entry) == name:
            return snapshot.table, deployment, deployment.model
    try:
        group, resolution = snapshot.find(name)
    except UnknownModel as error:
        raise Unacceptable(error.message, param="model") from error
    for deployment in group.deployments:
        if any(deployment is own for _, own in pairs):
            model = deployment.model
            return snapshot.table, deployment, model if resolution is None else resolution.upstream_model(model)
    raise Unacceptable(f"this key may not use the model {name!r}; GET /v1/models lists those it may", param="model")


def _shown(request: bytes, deployment: Deployment) -> Row:
    """Return where a request goes, its headers and its body, without secrets."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    clean = functools.partial(scrub, secrets=deployment.secrets)
    headers = dict(field.split(": ", 1) for field in fields)
    base = deployment.api_base.split("/", 3)
    where = "/".join(base[:3]) + line.split(" ")[1]
    try:
        content = msgspec.json.decode(clean(body.decode()))
    except (msgspec.DecodeError, UnicodeDecodeError):  # a form, say
        content = clean(body.decode("utf-8", "replace"))
    return {
        "raw_request_api_base": clean(where),
        "raw_request_body": content,
        "raw_request_headers": {
            name: _masked(value) if name in _SECRET else clean(value) for name, value in headers.items()
        },
        "error": None,
    }


def _masked(secret: str) -> str:
    kept = _SHOWN // 2
    return f"{secret[:kept]}****{secret[-kept:]}" if len(secret) > 4 * _SHOWN else "****"
