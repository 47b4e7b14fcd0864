"""HumanLoop's prompts: `GET /v5/prompts/{id}`. Its own service has been closed; the interface is kept by others."""

from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from tianji.prompts.naming import Wanted
from tianji.prompts.source import MINUTE, Given, Source, found, unreadable
from tianji.prompts.template import Spoken, Template

NAME = "humanloop"
_PARAMS = frozenset({
    "temperature", "max_tokens", "top_p", "stop", "presence_penalty", "frequency_penalty", "seed", "response_format",
    "reasoning_effort", "tools",
})  # fmt: skip
"""What of it OpenAI's chat has by the same name."""


class _Prompt(Struct):
    template: dict[str, Any] | list[dict[str, Any]] | str | None = None
    model: str | None = None


def build(given: Given) -> Source:
    """Return the source. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "HUMANLOOP_API_BASE", default="https://api.humanloop.com")
    key = given.text("humanloop_api_key") or given.need("api_key", "HUMANLOOP_API_KEY")
    fresh = given.number("cache_ttl_seconds", "HUMANLOOP_PROMPT_CACHE_TTL_SECONDS", default=MINUTE)

    async def fetch(wanted: Wanted) -> Template:
        query = "" if not wanted.environment else f"?{urlencode({'environment': wanted.environment})}"
        url = f"{base}/v5/prompts/{quote(wanted.id, safe='')}{query}"
        answer = found(await given.ask("GET", url, {"x-api-key": key}), wanted, NAME)
        try:
            told = msgspec.json.decode(answer.body, type=_Prompt)
            params = msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise unreadable(wanted, NAME, error) from error
        said = told.template or []
        messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
        kept = {name: value for name, value in params.items() if name in _PARAMS and value is not None}
        return Spoken(tuple(messages if isinstance(messages, list) else [messages]), told.model, kept)

    return Source(fetch, max(0.0, fresh))
