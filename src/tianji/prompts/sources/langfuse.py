"""Langfuse's prompts: https://api.reference.langfuse.com, `GET /api/public/v2/prompts/{name}`."""

import base64
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from tianji.prompts.naming import Wanted
from tianji.prompts.source import MINUTE, Given, Source, found, unreadable
from tianji.prompts.template import Spoken, Template

NAME = "langfuse"


class _Prompt(Struct):
    prompt: str | list[dict[str, Any]]
    config: dict[str, Any] | None = None


def build(given: Given) -> Source:
    """Return the source. Raises ConfigurationError for what is missing."""
    base = given.base("langfuse_host", "LANGFUSE_HOST", "LANGFUSE_BASE_URL", default="https://cloud.langfuse.com")
    secret = given.text("langfuse_secret_key") or given.need("langfuse_secret", "LANGFUSE_SECRET_KEY")
    pair = f"{given.need('langfuse_public_key', 'LANGFUSE_PUBLIC_KEY')}:{secret}"
    headers = {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    fresh = given.number("cache_ttl_seconds", "LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS", default=MINUTE)

    async def fetch(wanted: Wanted) -> Template:
        asked = {"version": wanted.version} if wanted.version is not None else {"label": wanted.label}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        url = f"{base}/api/public/v2/prompts/{quote(wanted.id, safe='')}{f'?{query}' * bool(query)}"
        answer = found(await given.ask("GET", url, headers), wanted, NAME)
        try:
            told = msgspec.json.decode(answer.body, type=_Prompt)
        except msgspec.DecodeError as error:
            raise unreadable(wanted, NAME, error) from error
        return template_of(told)

    return Source(fetch, max(0.0, fresh))


def template_of(told: _Prompt) -> Template:
    """Return what it has: a text is the system's, and `config.model` the model."""
    config = dict(told.config or {})
    model = config.pop("model", None)
    messages = [{"role": "system", "content": told.prompt}] if isinstance(told.prompt, str) else told.prompt
    plain = [{name: value for name, value in one.items() if name != "type"} for one in messages]
    return Spoken(tuple(plain), model if isinstance(model, str) else None, config)
