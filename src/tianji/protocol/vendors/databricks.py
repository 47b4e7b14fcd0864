"""Claude on Databricks, whose content is a list with its reasoning.

https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models
"""

from typing import Final

from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.loose import objects_of
from tianji.protocol.openai.variant import Json, VariantOutbound, members_of, messages_in

SUFFIX: Final = "/chat/completions"


def outbound(request: Request, target: Target) -> VariantOutbound:
    """Write a request: what was thought goes back with its signature, which it is refused without."""
    members = members_of(request, target)
    for message in members["messages"]:
        blocks = message.pop("thinking_blocks", None) or []
        message.pop("reasoning_content", None)
        summaries = [_summary(block) for block in blocks if block.get("signature")]
        if summaries and message["role"] == "assistant":
            text = message.get("content")
            parts = text if isinstance(text, list) else [{"type": "text", "text": text}] if text else []
            message["content"] = [{"type": "reasoning", "summary": summaries}, *parts]
    return VariantOutbound(members, SUFFIX, target, usual)


def usual(members: Json) -> Json:
    """Make one text of the content, and blocks of what was thought."""
    for message in messages_in(members):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        parts = [part for part in content if isinstance(part, dict)]
        texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
        message["content"] = "".join(texts) or None
        blocks = [_block(piece) for part in parts for piece in objects_of(part.get("summary"))]
        if blocks:
            message["thinking_blocks"] = blocks
            message["reasoning_content"] = "".join(block.get("thinking") or "" for block in blocks)
    return members


def _block(piece: Json) -> Json:
    found: Json = {"type": "thinking"}
    for name, own in (("thinking", "text"), ("signature", "signature")):
        if isinstance(piece.get(own), str):
            found[name] = piece[own]
    return found


def _summary(block: Json) -> Json:
    return {"type": "summary_text", "text": block.get("thinking") or "", "signature": block["signature"]}
