"""Upstreams that have OpenAI's Responses API, beside chat or in its place."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tianji.providers.deployment import Deployment
from tianji.providers.steps.shaping import native_shaping
from tianji.providers.upstream import OwnForm, Upstream

PREFIX: Final = "responses/"
"""How a model's name begins that is to be reached by the Responses API alone."""
PATH: Final = "/responses"
PROTOCOL: Final = "tianji.protocol.responses.outbound"
_CHAT: Final = frozenset({"chat", "completions"})
# Parameters of a deployment that mean the same in both forms.
_SHARED: Final = frozenset(
    {
        "temperature",
        "top_p",
        "max_output_tokens",
        "reasoning",
        "text",
        "service_tier",
        "truncation",
        "store",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "parallel_tool_calls",
    }
)


def responses_forms(deployment: Deployment) -> dict[str, OwnForm]:
    """Return how requests of the Responses API reach an upstream that has it.

    Of parameters, compaction knows none (https://platform.openai.com/docs/api-reference/responses/compact).
    """
    return {
        "responses": OwnForm(suffix=lambda _model, _streamed: PATH, shaping=native_shaping(deployment, _SHARED)),
        "compact": OwnForm(
            suffix=lambda _model, _streamed: f"{PATH}/compact", shaping=native_shaping(deployment, frozenset())
        ),
    }


def only_responses(upstream: Upstream, forms: Mapping[str, OwnForm]) -> Upstream:
    """Return an upstream that is asked by the Responses API for what clients say in any dialect."""
    paths = {operation: path for operation, path in upstream.paths.items() if operation not in _CHAT}
    return msgspec.structs.replace(upstream, paths=paths, protocol=PROTOCOL, own_forms={**upstream.own_forms, **forms})
