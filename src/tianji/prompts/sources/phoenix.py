"""Phoenix's prompts: https://arize.com/docs/phoenix, `GET /v1/prompt_versions/{id}`."""

from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji.prompts.naming import Wanted
from tianji.prompts.source import MINUTE, Given, Source, found, unreadable
from tianji.prompts.template import DOUBLE, EITHER, Spoken, Template

NAME = "arize_phoenix"


class _Words(Struct):
    messages: list[dict[str, Any]]


class _Prompt(Struct):
    template: _Words
    model_name: str | None = None
    template_format: str = "MUSTACHE"
    invocation_parameters: dict[str, Any] = {}


class _Answer(Struct):
    data: _Prompt


def build(given: Given) -> Source:
    """Return the source. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "PHOENIX_BASE_URL")
    key = given.text("api_key", "PHOENIX_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}

    async def fetch(wanted: Wanted) -> Template:
        url = f"{base}/v1/prompt_versions/{quote(wanted.id, safe='')}"
        answer = found(await given.ask("GET", url, headers), wanted, NAME)
        try:
            told = msgspec.json.decode(answer.body, type=_Answer).data
        except msgspec.DecodeError as error:
            raise unreadable(wanted, NAME, error) from error
        own = told.invocation_parameters.get(str(told.invocation_parameters.get("type")))
        params = own if isinstance(own, dict) else {}
        places = EITHER if told.template_format == "F_STRING" else DOUBLE
        return Spoken(tuple(map(_message, told.template.messages)), told.model_name, params, places)

    return Source(fetch, MINUTE)


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as chat has it: one whose parts are all text is a text."""
    content = message.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        message = {**message, "content": "".join(str(part.get("text", "")) for part in content)}
    return message
