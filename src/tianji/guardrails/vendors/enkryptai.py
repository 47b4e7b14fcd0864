"""Enkrypt AI: each text is held against a policy that the vendor keeps."""

from typing import Any, ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings


class EnkryptAI(Params, frozen=True, kw_only=True):
    """`policy_name`: the policy there, which says what is looked for."""

    environment: ClassVar = {"api_key": ("ENKRYPTAI_API_KEY",), "api_base": ("ENKRYPTAI_API_BASE",)}

    api_key: str
    api_base: str = "https://api.enkryptai.com"
    policy_name: str = ""


class _Answer(Struct):
    summary: dict[str, float | list[Any] | None]


def _ask(params: EnkryptAI, content: Content, _occasion: Occasion) -> Asking:
    headers = {"apikey": params.api_key, **({"x-enkrypt-policy": params.policy_name} if params.policy_name else {})}
    url = under(params.api_base, "/guardrails/policy/detect")
    replies = yield [post(url, {"text": text.text}, headers) for text in content.texts if text.text]
    summaries = [reply.read(_Answer).summary for reply in replies]
    violated = tuple(sorted({name for summary in summaries for name, found in summary.items() if _is_hit(found)}))
    findings = Findings(categories=violated)
    if not violated:
        return Allow(findings=findings)
    return Block(f"Guardrail failed: {', '.join(violated)}", {"violations": violated}, findings)


def _is_hit(found: float | list[Any] | None) -> bool:
    return bool(found) if isinstance(found, list) else found == 1


TYPE = Type(names=("enkryptai",), params=EnkryptAI, check=asking(_ask))
