"""Any server that speaks LiteLLM's form: `GET {api_base}/beta/litellm_prompt_management?prompt_id=...`.

https://docs.litellm.ai/docs/adding_provider/generic_prompt_management_api
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tianji.prompts.naming import Wanted
from tianji.prompts.source import MINUTE, Given, Source, found, unreadable
from tianji.prompts.template import EITHER, Spoken, Template

NAME = "generic_prompt_management"


class _Prompt(Struct):
    prompt_template: list[dict[str, Any]]
    prompt_template_model: str | None = None
    prompt_template_optional_params: dict[str, Any] | None = None


def build(given: Given) -> Source:
    """Return the source. Raises ConfigurationError for what is missing."""
    base = given.base("api_base")
    key = given.text("api_key")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    more = given.params.get("provider_specific_query_params")

    async def fetch(wanted: Wanted) -> Template:
        known = {"prompt_id": wanted.id, "prompt_version": wanted.version, "prompt_label": wanted.label}
        asked = dict(more if isinstance(more, Mapping) else {})
        asked |= {name: value for name, value in known.items() if value is not None}
        url = f"{base}/beta/litellm_prompt_management?{urlencode(asked)}"
        answer = found(await given.ask("GET", url, headers), wanted, NAME)
        try:
            told = msgspec.json.decode(answer.body, type=_Prompt)
        except msgspec.DecodeError as error:
            raise unreadable(wanted, NAME, error) from error
        return Spoken(
            tuple(told.prompt_template), told.prompt_template_model, told.prompt_template_optional_params or {}, EITHER
        )

    return Source(fetch, MINUTE)
