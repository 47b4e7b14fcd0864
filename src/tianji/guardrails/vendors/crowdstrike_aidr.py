"""CrowdStrike AIDR, the successor of Pangea's AI Guard. Of a request it gets what came after the model's last words."""

from typing import Any, ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, replaced


class CrowdStrike(Params, frozen=True, kw_only=True):
    """`api_base`: `https://api.crowdstrike.com/aidr/aiguard`, or that of another cloud of the vendor."""

    environment: ClassVar = {"api_key": ("CS_AIDR_TOKEN",), "api_base": ("CS_AIDR_BASE_URL",)}

    api_key: str
    api_base: str


class _Message(Struct):
    content: str | None = None


class _Output(Struct):
    messages: list[_Message]


class _Detector(Struct):
    detected: bool | None = None


class _Result(Struct):
    blocked: bool
    transformed: bool | None = None
    guard_output: _Output | None = None
    detectors: dict[str, _Detector] | None = None


class _Answer(Struct):
    result: _Result


def _ask(params: CrowdStrike, content: Content, occasion: Occasion) -> Asking:
    indexes = _recent(content)
    said = [{"role": content.texts[index].role, "content": content.texts[index].text} for index in indexes]
    body: dict[str, Any] = {
        "guard_input": {"messages": said, "tools": content.tools},
        "event_type": "output" if content.answers else "input",
        "extra_info": {"user_name": occasion.user_email} if occasion.user_email else {},
    }
    optional = {"model": occasion.model, "user_id": occasion.user_id}
    body |= {name: value for name, value in optional.items() if value}
    (reply,) = yield [post(under(params.api_base, "/v1/guard_chat_completions"), body, bearer(params.api_key))]
    result = reply.read(_Answer).result
    detected = sorted(name for name, each in (result.detectors or {}).items() if each.detected)
    findings = Findings(categories=tuple(detected))
    if result.blocked:
        detail = {"guardrail_name": occasion.name}
        return Block("Violated CrowdStrike AIDR guardrail policy", detail, findings)
    if not result.transformed:
        return Allow(findings=findings)
    if result.guard_output is None or len(result.guard_output.messages) != len(indexes):
        raise Unavailable("the answer lacks the changed texts")
    texts: list[str | None] = [None] * len(content.texts)
    for index, message in zip(indexes, result.guard_output.messages, strict=True):
        texts[index] = message.content
    return replaced(content, texts, findings)


def _recent(content: Content) -> list[int]:
    """Return which texts are new: those after the model's last words, and instructions before them."""
    roles = [text.role for text in content.texts]
    if content.answers or "assistant" not in roles or roles[-1] == "assistant":
        return list(range(len(roles)))
    last = len(roles) - 1 - roles[::-1].index("assistant")
    return [index for index, role in enumerate(roles) if index > last or role == "system"]


TYPE = Type(names=("crowdstrike_aidr",), params=CrowdStrike, check=asking(_ask), hooks=PRE_AND_POST, masks=PRE_AND_POST)
