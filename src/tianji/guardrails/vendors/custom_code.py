"""custom_code: a function in the configuration itself, `apply_guardrail(inputs, request_data, input_type)`.

It runs in processes of its own, without the environment's secrets, with limits of time and memory. It has the helpers
that LiteLLM gives (allow, block, flag, modify, regex_..., json_..., extract_urls, http_..., ...); calls are made by its
worker, to public addresses and those that the configuration allows. An entry of the database never makes one.
"""

from typing import ClassVar, Final

from tianji.guardrails.content import Content
from tianji.guardrails.custom.sandbox import check
from tianji.guardrails.custom.service import Custom, Limits, unserved
from tianji.guardrails.vendor import AROUND, Hook, Occasion, Send, Sight, Surroundings, Type
from tianji.guardrails.verdict import Answer, Block, Verdict


class CodeParams(Limits, frozen=True, kw_only=True):
    """The keys of an entry."""

    secrets: ClassVar[frozenset[str]] = frozenset({"custom_code"})
    custom_code: str


class _Code(Custom):
    """A function in processes of its own."""

    def __init__(self, params: CodeParams, surroundings: Surroundings) -> None:
        check(params.custom_code)
        super().__init__({"source": params.custom_code}, params, surroundings)

    async def __call__(self, content: Content, occasion: Occasion, send: Send = unserved, /) -> Verdict:
        """Ask the function; of a request, what it refuses is answered in the model's place, as LiteLLM does."""
        said = await super().__call__(content, occasion, send)
        return Answer(said.reason, said.findings) if isinstance(said, Block) and not content.answers else said


TYPE: Final = Type(
    names=("custom_code",),
    params=CodeParams,
    service=_Code,
    hooks=AROUND | {Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL, Hook.POST_MCP_CALL},
    masks=frozenset({Hook.PRE_CALL, Hook.POST_CALL, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL}),
    sees=Sight.ALL,
    timeout=30.0,
)
