"""Google's Gemini API (https://ai.google.dev/api), also called Google AI Studio."""

from typing import Final
from urllib.parse import urlsplit

from tianji.providers import address, google
from tianji.providers.deployment import Deployment
from tianji.providers.steps.shaping import plain_shaping
from tianji.providers.upstream import Upstream

HOST: Final = "generativelanguage.googleapis.com"
BASE: Final = f"https://{HOST}/v1beta"
BASES: Final = ("GEMINI_API_BASE",)
KEYS: Final = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `gemini`.

    Embeddings are asked for in the form of OpenAI, which Google has for them too:
    https://ai.google.dev/gemini-api/docs/openai#embeddings.
    """
    base, query = address.split_base(deployment.api_base or deployment.variable(BASES) or BASE)
    base = base.removesuffix("/openai")
    if urlsplit(base).hostname == HOST and not urlsplit(base).path:
        base = f"{base}/v1beta"
    key = deployment.api_key or deployment.variable(KEYS)
    embeds = "embedding" in deployment.model
    media = {} if embeds else google.media_of(deployment.model)
    talks = not embeds and not deployment.model.startswith(google.PAINTERS)
    headers = []
    if key:
        headers.append(("authorization", f"Bearer {key}") if embeds else ("x-goog-api-key", key))
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={"embeddings": "/openai/embeddings"} if embeds else {**google.SOCKETS, **google.made(media)},
        shaping=google.shaping_of(deployment),
        plain_shaping=plain_shaping(deployment) if media else None,
        media=media,
        key_missing=None if key else "set GEMINI_API_KEY, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        protocol=google.PROTOCOL if talks else None,
        prefixes="" if talks else None,
        own_forms={} if not talks else {"gemini": google.own_form(deployment)},
    )
