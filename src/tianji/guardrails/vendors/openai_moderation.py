"""OpenAI's moderation endpoint (https://platform.openai.com/docs/api-reference/moderations)."""

from typing import ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable


class OpenAIModeration(Params, frozen=True, kw_only=True):
    """`api_base` may end in `/moderations` or not."""

    environment: ClassVar = {"api_key": ("OPENAI_API_KEY",)}

    api_key: str
    api_base: str = "https://api.openai.com/v1"
    model: str = "omni-moderation-latest"


class _Result(Struct):
    flagged: bool
    categories: dict[str, bool | None] = {}
    category_scores: dict[str, float | None] = {}


class _Answer(Struct):
    results: list[_Result]
    id: str = ""


def _ask(params: OpenAIModeration, content: Content, _occasion: Occasion) -> Asking:
    url = under(params.api_base.rstrip("/").removesuffix("/moderations"), "/moderations")
    (reply,) = yield [post(url, {"model": params.model, "input": content.joined()}, bearer(params.api_key))]
    answer = reply.read(_Answer)
    if not answer.results:
        raise Unavailable("the answer holds no result")
    result = answer.results[0]
    violated = tuple(name for name, hit in result.categories.items() if hit)
    findings = Findings(scan_id=answer.id, categories=violated)
    if not result.flagged:
        return Allow(findings=findings)
    detail = {"violated_categories": violated, "category_scores": result.category_scores}
    return Block("Violated OpenAI moderation policy", {"moderation_result": detail}, findings)


TYPE = Type(names=("openai_moderation",), params=OpenAIModeration, check=asking(_ask), last_turn=True)
