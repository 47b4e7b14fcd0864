"""Mistral's thinking models, whose content is a list: https://docs.mistral.ai/capabilities/reasoning."""

from typing import Any, Final

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.loose import objects_of
from tianji.protocol.openai.variant import Json, VariantOutbound, members_of, messages_in

SUFFIX: Final = "/chat/completions"


def outbound(request: Request, target: Target) -> VariantOutbound:
    """Write a request: what was thought goes back as it came."""
    members = members_of(request, target)
    for message in members["messages"]:
        thought = message.pop("reasoning_content", None)
        message.pop("thinking_blocks", None)
        if thought and message["role"] == "assistant":
            text = message.get("content")
            parts = text if isinstance(text, list) else [{"type": "text", "text": text}] if text else []
            message["content"] = [_thinking(thought), *parts]
    return VariantOutbound(members, SUFFIX, target, usual)


def usual(members: Json) -> Json:
    """Make one text of the content, and another of what was thought."""
    for message in messages_in(members):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        message["content"] = _joined(content) or None
        thought = "".join(_joined(part.get("thinking")) for part in content if isinstance(part, dict))
        if thought:
            message["reasoning_content"] = thought
    return members


def _thinking(thought: str) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}


def _joined(parts: Any) -> str:
    texts = [part.get("text") for part in objects_of(parts)]
    return "".join(text for text in texts if isinstance(text, str))
