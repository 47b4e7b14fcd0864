"""Reasoning items of an upstream as blocks of the hub, so that they come back through clients of any dialect.

https://platform.openai.com/docs/guides/reasoning: a reasoning item is handed back unchanged, of which its id, its
summary and its ciphertext are needed. The first and the last stand in the signature, which every client keeps.
"""

from typing import Any

from tianji.protocol.chat.request import ThinkingBlock
from tianji.protocol.chat.signatures import OPENAI


def block_of(item: dict[str, Any]) -> ThinkingBlock | None:
    """Return the block of a reasoning item, None where there is nothing that must come back."""
    sealed, item_id = item.get("encrypted_content"), item.get("id")
    if not isinstance(sealed, str) or not isinstance(item_id, str) or not sealed:
        return None
    return ThinkingBlock(type="thinking", thinking=summary_of(item), signature=f"{OPENAI}{item_id}:{sealed}")


def item_of(block: ThinkingBlock) -> dict[str, Any] | None:
    """Return the reasoning item of a block, None for one that comes from elsewhere."""
    if block.signature is None or not block.signature.startswith(OPENAI):
        return None
    item_id, _, sealed = block.signature[len(OPENAI) :].partition(":")
    summary = [{"type": "summary_text", "text": block.thinking}] if block.thinking else []
    return {"type": "reasoning", "id": item_id, "summary": summary, "encrypted_content": sealed}


def summary_of(item: dict[str, Any]) -> str:
    """Return what an item tells of the reasoning in it."""
    parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
    return "\n\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text"))
