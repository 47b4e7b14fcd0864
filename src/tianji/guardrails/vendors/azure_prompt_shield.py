"""Azure AI Content Safety, Prompt Shields: attacks in what a user says and in what tools bring.

https://learn.microsoft.com/azure/ai-services/content-safety/quickstart-jailbreak
"""

from typing import ClassVar, Final
from urllib.parse import quote

from msgspec import Struct

from tianji.guardrails.content import Content, Kind
from tianji.guardrails.vendor import Asking, Call, Hook, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block

LONGEST: Final = 10_000
_VERSION: Final = "2024-09-01"


class ContentSafety(Params, frozen=True, kw_only=True):
    """What both guardrails of Azure's Content Safety need. `api_version` empty or `v1`: the one this was made for."""

    aliases: ClassVar = {"endpoint": "api_base"}

    api_key: str
    api_base: str
    api_version: str = _VERSION


class _Analysis(Struct, rename="camel"):
    attack_detected: bool


class _Answer(Struct, rename="camel"):
    user_prompt_analysis: _Analysis
    documents_analysis: list[_Analysis] | None = None


def safety_call(params: ContentSafety, operation: str, document: object) -> Call:
    """Return the call of an operation of Azure's Content Safety."""
    version = params.api_version if params.api_version not in {"", "v1"} else _VERSION
    url = under(params.api_base, f"/contentsafety/{operation}?api-version={quote(version)}")
    return post(url, document, {"ocp-apim-subscription-key": params.api_key})


def _ask(params: ContentSafety, content: Content, _occasion: Occasion) -> Asking:
    said = "\n".join(text.text for text in content.texts if text.kind is not Kind.TOOL_RESULT)
    documents = [text.text for text in content.texts if text.kind is Kind.TOOL_RESULT]
    (reply,) = yield [safety_call(params, "text:shieldPrompt", {"userPrompt": said, "documents": documents})]
    answer = reply.read(_Answer)
    attacks = [answer.user_prompt_analysis, *(answer.documents_analysis or ())]
    if not any(attack.attack_detected for attack in attacks):
        return Allow()
    detail = {"detection_message": "Attack detected: user prompt or document attack"}
    return Block("Violated Azure Prompt Shield guardrail policy", detail)


TYPE = Type(
    names=("azure/prompt_shield", "azure_prompt_shield"),
    params=ContentSafety,
    check=asking(_ask),
    hooks=frozenset({Hook.PRE_CALL, Hook.DURING_CALL}),
    legacy=frozenset({Hook.PRE_CALL}),
    last_turn=True,
    longest=LONGEST,
)
