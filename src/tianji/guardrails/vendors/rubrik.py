"""Rubrik's agent control. What it refuses it answers in its own words, in the model's place. Fails open by itself."""

from typing import Any, ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Hook,
    Occasion,
    Params,
    Reply,
    Type,
    asking,
    bearer,
    post,
    under,
)
from tianji.guardrails.verdict import Allow, Answer, Unavailable, Verdict


class Rubrik(Params, frozen=True, kw_only=True):
    """`api_base`: the webhook service's address, with or without the path of one of its operations."""

    environment: ClassVar = {"api_key": ("RUBRIK_API_KEY",), "api_base": ("RUBRIK_WEBHOOK_URL",)}

    api_base: str
    api_key: str = ""


class _Function(Struct):
    name: str = ""
    arguments: str = ""


class _Call(Struct):
    id: str = ""
    function: _Function | None = None


class _Message(Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct):
    message: _Message


class _Completion(Struct):
    choices: list[_Choice] = []


def _ask(params: Rubrik, content: Content, occasion: Occasion) -> Asking:
    turns = content.asked if content.answers else content.texts
    request: dict[str, Any] = {
        "model": occasion.model,
        "messages": [{"role": text.role, "content": text.text} for text in turns],
    }
    if content.tools:
        request["tools"] = content.tools
    headers = bearer(params.api_key) if params.api_key else {}
    if not content.answers:
        (reply,) = yield [post(under(params.api_base, "/v1/before_prompt/openai/v1"), request, headers)]
        choices = reply.read(_Completion).choices
        return Answer(choices[0].message.content or "Request blocked by policy") if choices else Allow()
    body = {"request": request, "response": _said(content, occasion)}
    (reply,) = yield [post(under(params.api_base, "/v1/after_completion/openai/v1"), body, headers)]
    return _moderated(reply, content)


def _said(content: Content, occasion: Occasion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content.joined() or None}
    if content.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in content.calls
        ]
    choice = {"index": 0, "message": message}
    return {"id": occasion.call_id, "object": "chat.completion", "model": occasion.model, "choices": [choice]}


def _moderated(reply: Reply, content: Content) -> Verdict:
    """Return what a moderated answer means: one that lacks a call, or says something else, takes the answer's place."""
    choices = reply.read(_Completion).choices
    if not choices:
        raise Unavailable("the answer holds no choice")
    message = choices[0].message
    left = [call.id for call in message.tool_calls or ()]
    if left == [call.id for call in content.calls] and (message.content or "") == content.joined():
        return Allow()
    return Answer(message.content or "Response blocked by policy")


TYPE = Type(
    names=("rubrik",),
    params=Rubrik,
    check=asking(_ask),
    hooks=PRE_AND_POST,
    legacy=frozenset({Hook.POST_CALL}),
    timeout=5.0,
    fails_open=True,
)
