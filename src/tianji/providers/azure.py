"""Azure OpenAI and Azure AI Foundry's OpenAI-style models: OpenAI's bodies at addresses and with headers of their own.

https://learn.microsoft.com/azure/ai-services/openai/reference and
https://learn.microsoft.com/rest/api/aifoundry/model-inference
"""

from urllib.parse import parse_qsl, quote, urlsplit

from tianji.errors import ConfigurationError
from tianji.providers import address, message_steps, openai
from tianji.providers.deployment import Deployment
from tianji.providers.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import PATHS, Upstream

NAMES = ("azure", "azure_text", "azure_ai")
KEYS = ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")
AI_KEYS = ("AZURE_AI_API_KEY",)
DEFAULT_VERSION = "2025-02-01-preview"
DEFAULT_AI_VERSION = "2024-05-01-preview"

OFFERED = frozenset(PATHS) - {"moderations", "image_variation", "rerank"}
_UNDATED = frozenset({"v1", "latest", "preview"})
_ENTRA = (
    "tenant_id",
    "client_id",
    "client_secret",
    "azure_username",
    "azure_password",
    "enable_azure_ad_token_refresh",
)
_API_KEY_HOSTS = (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `azure`, `azure_text` or `azure_ai`; without a base, ConfigurationError."""
    return _build_ai(deployment) if deployment.provider == "azure_ai" else _build_openai(deployment)


def _build_openai(deployment: Deployment) -> Upstream:
    base, query = _base(deployment, "AZURE_API_BASE")
    given = deployment.text("api_version") or dict(parse_qsl(query)).get("api-version")
    version = given or deployment.variable(("AZURE_API_VERSION",)) or DEFAULT_VERSION
    extra = {"api-version": version}
    if base.endswith("/openai/v1") or version in _UNDATED:
        base = base.removesuffix("/openai/v1").removesuffix("/openai") + "/openai/v1"
        extra = {"api-version": version} if version == "preview" else {}
        query = address.encode_query("&".join(p for p in query.split("&") if not p.startswith("api-version=")), {})
    elif "/openai/deployments" not in base:
        name = deployment.model if "*" in deployment.model else quote(deployment.model, safe="")
        base = f"{base.removesuffix('/openai')}/openai/deployments/{name}"
    headers, missing = _credentials(deployment)
    offered = {"completions"} if deployment.provider == "azure_text" else OFFERED
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, extra | dict(deployment.extra_query)),
        paths={operation: path for operation, path in PATHS.items() if operation in offered},
        plain_shaping=plain_shaping(deployment),
        shaping=compile_shaping(deployment, openai.rules(deployment, at_home=True)),
        key_missing=missing,
        secrets=_secrets(headers),
    )


def _build_ai(deployment: Deployment) -> Upstream:
    if deployment.model.startswith("claude"):
        raise ConfigurationError(
            f"{deployment.label()} speaks the Messages API, which is not served yet by this release; remove the entry"
        )
    base, query = _base(deployment, "AZURE_AI_API_BASE")
    host = urlsplit(base).hostname or ""
    key = deployment.api_key or deployment.variable(AI_KEYS)
    headers: list[tuple[str, str]] = []
    if key:
        headers.append(("api-key", key) if host.endswith(_API_KEY_HOSTS) else ("authorization", f"Bearer {key}"))
    extra: dict[str, str] = {}
    if host.endswith(".services.ai.azure.com") and not base.endswith("/openai/v1"):
        base = base.removesuffix("/models") + "/models"
        version = deployment.text("api_version") or dict(parse_qsl(query)).get("api-version")
        extra = {"api-version": version or DEFAULT_AI_VERSION}
    steps = (message_steps.text_content, message_steps.no_cache_control, message_steps.no_thinking_blocks)
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, extra | dict(deployment.extra_query)),
        paths={"chat": PATHS["chat"], "embeddings": PATHS["embeddings"]},
        shaping=compile_shaping(
            deployment, Rules(removed=frozenset({"thinking"}), steps=steps, conditions=(openai.USED_TOOL_CHOICE,))
        ),
        key_missing=None if key else "set AZURE_AI_API_KEY, or api_key in the deployment's params",
        secrets=(key,) if key else (),
    )


def _base(deployment: Deployment, variable: str) -> tuple[str, str]:
    own = deployment.api_base or deployment.variable((variable,))
    if not own:
        raise ConfigurationError(
            f"{deployment.label()} has no address: set api_base (https://<resource>.openai.azure.com) or {variable}"
        )
    return address.split_base(own)


def _credentials(deployment: Deployment) -> tuple[list[tuple[str, str]], str | None]:
    token = deployment.text("azure_ad_token")
    if not deployment.api_key and not token and any(deployment.params.get(name) for name in _ENTRA):
        return [], "Entra logins are not served yet by this release: set api_key, azure_ad_token or AZURE_API_KEY"
    key = deployment.api_key or (None if token else deployment.variable(KEYS))
    if key:
        return [("api-key", key)], None
    token = token or deployment.variable(("AZURE_AD_TOKEN",))
    if token and token.startswith("oidc/"):
        return [], "exchanging an oidc/ token is not served yet by this release: set api_key or AZURE_API_KEY"
    if token:
        return [("authorization", f"Bearer {token}")], None
    return [], f"set {' or '.join(KEYS)}, or api_key in the deployment's params"


def _secrets(headers: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(value.removeprefix("Bearer ") for _, value in headers)
