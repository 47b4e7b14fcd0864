"""Aporia's guardrails (https://docs.aporia.com). An answer that it revises is replaced, where it is one text."""

from typing import Any, ClassVar, Literal

from msgspec import Struct, to_builtins

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import AROUND, Asking, Hook, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Rewrite

_ROLES = frozenset({"system", "user", "assistant"})


class Aporia(Params, frozen=True, kw_only=True):
    """`api_base`: `https://gr-prd.aporia.com/<PROJECT_ID>`."""

    environment: ClassVar = {
        "api_key": ("APORIA_API_KEY", "APORIO_API_KEY"),
        "api_base": ("APORIA_API_BASE", "APORIO_API_BASE"),
    }

    api_key: str
    api_base: str


class _Answer(Struct):
    action: Literal["modify", "passthrough", "block", "rephrase"]
    revised_response: str | None = None
    policy_execution_result: Any = None


def _ask(params: Aporia, content: Content, occasion: Occasion) -> Asking:
    turns = content.turns()
    body: dict[str, Any] = {
        **occasion.dynamic,
        "messages": [{**turn, "role": turn["role"] if turn["role"] in _ROLES else "other"} for turn in turns],
        "validation_target": "response" if content.answers else "prompt",
    }
    if content.answers:
        body["response"] = content.joined()
    (reply,) = yield [post(under(params.api_base, "/validate"), body, {"x-aporia-api-key": params.api_key})]
    answer = reply.read(_Answer)
    if answer.action == "block":
        said = {"action": answer.action, "policy_execution_result": to_builtins(answer.policy_execution_result)}
        return Block("Violated guardrail policy", {"aporia_ai_response": said})
    if answer.action == "passthrough":
        return Allow()
    if content.answers and len(content.texts) == 1 and answer.revised_response is not None:
        return Rewrite({0: answer.revised_response})
    return Allow(f"the vendor would {answer.action} it")


TYPE = Type(
    names=("aporia",),
    params=Aporia,
    check=asking(_ask),
    hooks=AROUND,
    legacy=frozenset({Hook.DURING_CALL, Hook.POST_CALL}),
    masks=frozenset({Hook.POST_CALL}),
)
