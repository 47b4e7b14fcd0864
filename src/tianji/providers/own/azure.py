"""Azure OpenAI and Azure AI Foundry's OpenAI-style models: OpenAI's bodies at addresses and with headers of their own.

https://learn.microsoft.com/azure/ai-services/openai/reference and
https://learn.microsoft.com/rest/api/aifoundry/model-inference
"""

import re
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from tianji.errors import ConfigurationError
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins import entra
from tianji.providers.logins.credentials import Credentials
from tianji.providers.own import anthropic, openai
from tianji.providers.responses import PREFIX as RESPONSES
from tianji.providers.responses import only_responses, responses_forms
from tianji.providers.steps import message_steps
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import MEDIA, PATHS, OwnForm, Upstream

KEYS = ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")
AI_KEYS = ("AZURE_AI_API_KEY",)
DEFAULT_VERSION = "2025-02-01-preview"
DEFAULT_AI_VERSION = "2024-05-01-preview"
DEFAULT_FLUX_VERSION = "2025-04-01-preview"

SPEECH = "speech/"
OFFERED = frozenset(PATHS) - {"moderations", "image_variation", "rerank", "ocr"}
_OF_OPENAI = re.compile(
    r"gpt-[5-9]|gpt-chat|codex|o[1-9](?![a-z0-9])"
)  # what Foundry has of OpenAI's, by Responses, too
_READERS = re.compile("mistral-(ocr|document-ai)")
_OTHERS = re.compile(f"rerank|flux|{_READERS.pattern}")
READING = "/providers/mistral/azure"
_UNDATED = frozenset({"v1", "latest", "preview"})
_RESPONSES_SINCE, _NO_DATE = "2025-03-01", ":"  # between them lie the dates at which the API is there
_API_KEY_HOSTS = (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `azure`, `azure_text` or `azure_ai`; without a base, ConfigurationError."""
    if deployment.provider == "azure_ai":
        return _build_ai(deployment)
    return _build_speech(deployment) if deployment.model.startswith(SPEECH) else _build_openai(deployment)


def _build_speech(deployment: Deployment) -> Upstream:
    """https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech: a service beside OpenAI's."""
    base, query = _base(deployment, "AZURE_API_BASE")
    parts = urlsplit(base)
    host = parts.netloc.replace(".api.cognitive.microsoft.com", ".tts.speech.microsoft.com")
    key = deployment.api_key or deployment.variable(KEYS)
    headers = [("ocp-apim-subscription-key", key)] if key else []
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=f"{parts.scheme}://{host}{parts.path.removesuffix('/cognitiveservices/v1')}",
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={"audio_speech": PATHS["audio_speech"]},
        shaping=compile_shaping(deployment, Rules()),
        plain_shaping=plain_shaping(deployment),
        key_missing=None if key else f"set {' or '.join(KEYS)}, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        media={"audio_speech": f"{MEDIA}.azure_speech"},
    )


def _build_openai(deployment: Deployment) -> Upstream:
    only = deployment.model.startswith(RESPONSES)
    deployment = msgspec.structs.replace(deployment, model=deployment.model.removeprefix(RESPONSES))
    base, query = _base(deployment, "AZURE_API_BASE")
    given = deployment.text("api_version") or dict(parse_qsl(query)).get("api-version")
    said = given or deployment.variable(("AZURE_API_VERSION",))
    version = said or DEFAULT_VERSION
    extra = {"api-version": version}
    if base.endswith("/openai/v1") or version in _UNDATED:
        base = base.removesuffix("/openai/v1").removesuffix("/openai") + "/openai/v1"
        extra = {"api-version": version} if version == "preview" else {}
        query = address.encode_query("&".join(p for p in query.split("&") if not p.startswith("api-version=")), {})
    elif "/openai/deployments" not in base:
        name = deployment.model if "*" in deployment.model else quote(deployment.model, safe="")
        base = f"{base.removesuffix('/openai')}/openai/deployments/{name}"
    found = _credentials(deployment, KEYS)
    offered = OFFERED if openai.writes_texts(deployment) else OFFERED - {"completions"}
    if deployment.provider == "azure_text":
        offered = frozenset({"completions"})
    upstream = Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*found.headers("api-key"), *deployment.extra_headers.items()]),
        query=address.encode_query(query, extra | dict(deployment.extra_query)),
        paths={operation: path for operation, path in PATHS.items() if operation in offered},
        plain_shaping=plain_shaping(deployment),
        shaping=compile_shaping(deployment, openai.rules(deployment, at_home=True)),
        key_missing=found.missing,
        secrets=found.secrets,
        sign=found.sign,
        awaits=found.awaits,
    )
    if deployment.provider == "azure_text" or deployment.params.get("use_chat_completions_api") is True:
        return upstream
    forms = _responses(deployment, base, said)
    return only_responses(upstream, forms) if only else msgspec.structs.replace(upstream, own_forms=forms)


def _responses(deployment: Deployment, base: str, version: str | None) -> dict[str, OwnForm]:
    """Return how requests of the Responses API reach Azure, which has them beside its deployments.

    https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses: behind its second API, whose paths bear no
    date, and behind the first with a date since the API is there. version: as somebody has written it
    """
    root = base.partition("/deployments/")[0].removesuffix("/v1")
    dated = version is not None and _RESPONSES_SINCE <= version[:10] < _NO_DATE
    asked = {"api-version": str(version)} if dated or version == "preview" else {}
    query = address.encode_query("", asked | dict(deployment.extra_query))
    at = urlsplit(root if dated else f"{root}/v1").path
    return {
        name: msgspec.structs.replace(form, prefix=at, query=query)
        for name, form in responses_forms(deployment).items()
    }


def _build_ai(deployment: Deployment) -> Upstream:
    base, query = _base(deployment, "AZURE_AI_API_BASE")
    found = _credentials(deployment, AI_KEYS)
    if deployment.model.startswith("claude"):
        return _build_claude(deployment, base, query, found)
    host = urlsplit(base).hostname or ""
    extra: dict[str, str] = {}
    foundry = host.endswith(".services.ai.azure.com")
    if foundry and _OTHERS.search(deployment.model.lower()):
        return _build_beside(deployment, base, query, found)
    if foundry and not base.endswith("/openai/v1"):
        base = base.removesuffix("/models") + "/models"
        version = deployment.text("api_version") or dict(parse_qsl(query)).get("api-version")
        extra = {"api-version": version or DEFAULT_AI_VERSION}
    steps = (message_steps.text_content, message_steps.no_cache_control, message_steps.no_thinking_blocks)
    of_openai = _OF_OPENAI.match(deployment.model) and deployment.params.get("use_chat_completions_api") is not True
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers(
            [
                *found.headers("api-key" if host.endswith(_API_KEY_HOSTS) else "authorization"),
                *deployment.extra_headers.items(),
            ]
        ),
        query=address.encode_query(query, extra | dict(deployment.extra_query)),
        paths={"chat": PATHS["chat"], "embeddings": PATHS["embeddings"], "rerank": "/v1/rerank"},
        plain_shaping=plain_shaping(deployment),
        shaping=compile_shaping(
            deployment, Rules(removed=frozenset({"thinking"}), steps=steps, conditions=(openai.USED_TOOL_CHOICE,))
        ),
        own_forms=_responses(deployment, f"{base.removesuffix('/models').removesuffix('/openai/v1')}/openai", None)
        if of_openai
        else {},
        key_missing=found.missing,
        secrets=found.secrets,
        sign=found.sign,
        awaits=found.awaits,
    )


def _build_beside(deployment: Deployment, base: str, query: str, found: Credentials) -> Upstream:
    """Ranks of Cohere's, pictures of FLUX and documents by Mistral, which Foundry has beside its models of chat.

    https://docs.cohere.com/docs/cohere-on-azure/cohere-on-azure-ai-foundry and
    https://learn.microsoft.com/azure/ai-foundry/foundry-models/concepts/models-sold-directly-by-azure
    """
    parts = urlsplit(base)
    version = deployment.text("api_version") or dict(parse_qsl(query)).get("api-version") or DEFAULT_FLUX_VERSION
    paints = f"/openai/deployments/{quote(deployment.model, safe='')}{PATHS['image_generation']}"
    ranks, reads = "rerank" in deployment.model.lower(), _READERS.search(deployment.model.lower()) is not None
    paths = {"rerank": "/providers/cohere/v2/rerank"} if ranks else {"image_generation": paints}
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=f"{parts.scheme}://{parts.netloc}{READING if reads else ''}",
        headers=address.encode_headers(
            [*found.headers("authorization" if reads else "api-key"), *deployment.extra_headers.items()]
        ),
        query=address.encode_query(
            "", ({} if ranks or reads else {"api-version": version}) | dict(deployment.extra_query)
        ),
        paths={"ocr": PATHS["ocr"]} if reads else paths,
        media={"ocr": f"{MEDIA}.ocr"} if reads else {},
        shaping=compile_shaping(deployment, Rules()),
        plain_shaping=plain_shaping(deployment),
        key_missing=found.missing,
        secrets=found.secrets,
        sign=found.sign,
        awaits=found.awaits,
    )


def _build_claude(deployment: Deployment, base: str, query: str, found: Credentials) -> Upstream:
    """https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/use-foundry-models-claude."""
    parts = urlsplit(base)
    at = parts.path.find("/anthropic")
    own = parts.path[: at + len("/anthropic")] if at >= 0 else "/anthropic"
    inner = anthropic.build(msgspec.structs.replace(deployment, api_base=None, api_key=None, environ={}))
    headers = [pair for pair in inner.headers if pair[0] != b"x-api-key"]
    return msgspec.structs.replace(
        inner,
        base_url=f"{parts.scheme}://{parts.netloc}{own}",
        headers=(*address.encode_headers(found.headers("x-api-key")), *headers),
        query=address.encode_query(query, deployment.extra_query),
        key_missing=found.missing,
        secrets=found.secrets,
        sign=found.sign,
        awaits=found.awaits,
    )


def _base(deployment: Deployment, variable: str) -> tuple[str, str]:
    own = deployment.api_base or deployment.variable((variable,))
    if not own:
        raise ConfigurationError(
            f"{deployment.label()} has no address: set api_base (https://<resource>.openai.azure.com) or {variable}"
        )
    return address.split_base(own)


def _credentials(deployment: Deployment, keys: tuple[str, ...]) -> Credentials:
    """Find them: what the deployment says goes before what the environment says, and a key before a login."""
    if deployment.api_key:
        return Credentials(key=deployment.api_key, secrets=(deployment.api_key,))
    login, token = entra.written(deployment), deployment.text("azure_ad_token")
    if login is None and token is None:
        key = deployment.variable(keys)
        if key:
            return Credentials(key=key, secrets=(key,))
        login, token = entra.inherited(deployment), deployment.variable(("AZURE_AD_TOKEN",))
    if login is not None:
        return Credentials(login=login, secrets=entra.secrets_of(deployment))
    if token is not None:
        return Credentials(token=token, secrets=(token,))
    return Credentials(missing=f"set {' or '.join(keys)}, or api_key in the deployment's params, or an Entra login")
