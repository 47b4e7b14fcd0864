"""A conversation in the hub's form as Anthropic's: the system prompt apart, and turns that alternate.

https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use
"""

import re
from typing import Any, Final

from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.anthropic.content import Block, blocks_of, mark_last
from tianji.protocol.anthropic.names import ToolNames
from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.request import Message, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.signatures import is_claudes
from tianji.protocol.chat.support import decoded_object
from tianji.protocol.chat.turns import add_turn, is_failure, speaker_of

SERVER_BLOCKS: Final = "server_tool_blocks"
"""Where an answer keeps what a tool of the provider's own did; it goes back unchanged."""
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")
_PLACEHOLDER: Final = "."  # what stands for a turn that must be there and has nothing to say


class Conversation(Struct):
    """`system` is a list of text blocks; `turns` have a role, user or assistant, and a list of blocks."""

    system: list[Block]
    turns: list[dict[str, Any]]


def conversation_of(messages: list[Message], names: ToolNames, target: Target) -> Conversation:
    """Return the conversation. Raises InvalidRequest naming the message that cannot be sent."""
    found = Conversation([], [])
    for at, message in enumerate(messages):
        match speaker_of(message, at):
            case "system":
                _add_system(found, message, target)
            case "assistant":
                add_turn(found.turns, "assistant", _said(message, at, names, target))
            case "tool":
                add_turn(found.turns, "user", [_result(message, at, target)])
            case "user":
                blocks = blocks_of(message, target)
                mark_last(blocks, message.cache_control)
                add_turn(found.turns, "user", blocks)
    _settle(found, target)
    return found


def clean_id(call_id: str) -> str:
    """Return an id as Anthropic takes it."""
    return _UNFIT.sub("_", tool_ids.split(call_id)[0])


def _add_system(found: Conversation, message: Message, target: Target) -> None:
    blocks = blocks_of(message, target)
    mark_last(blocks, message.cache_control)
    if not found.turns:
        found.system.extend(blocks)
    elif target.facts.get("supports_mid_conversation_system") is True:
        found.turns.append({"role": "system", "content": blocks})
    else:  # the model knows a system prompt at the beginning only
        for block in blocks:
            if block["type"] == "text":
                block["text"] = f"System: {block['text']}"
        add_turn(found.turns, "user", blocks)


def _said(message: Message, at: int, names: ToolNames, target: Target) -> list[Block]:
    """Return what the assistant said: thinking first, then what its server's tools did, text, calls."""
    blocks: list[Block] = []
    for block in message.thinking_blocks or ():
        if block.type == "redacted_thinking":
            blocks.append({"type": block.type, "data": block.data or ""})
        elif is_claudes(block.signature):  # without one nobody can tell, and the request would be refused
            blocks.append({"type": "thinking", "thinking": block.thinking or "", "signature": block.signature})
    kept = (message.provider_specific_fields or {}).get(SERVER_BLOCKS)
    if isinstance(kept, list):
        blocks.extend(dict(block) for block in kept if isinstance(block, dict) and isinstance(block.get("type"), str))
    content = blocks_of(message, target)
    if not content and message.refusal:
        content = [{"type": "text", "text": message.refusal}]
    blocks.extend(content)
    calls = list(message.tool_calls or ())
    if message.function_call is not None:
        calls.append(ToolCall(id=message.function_call.name, function=message.function_call))
    blocks.extend(_use(call, f"messages.{at}.tool_calls.{place}", names, target) for place, call in enumerate(calls))
    mark_last(blocks, message.cache_control)
    return blocks


def _use(call: ToolCall, place: str, names: ToolNames, target: Target) -> Block:
    if call.custom is not None:
        name, given = str(call.custom.get("name", "")), {"input": call.custom.get("input", "")}
    elif call.function is not None:
        name, given = call.function.name, _arguments(call.function.arguments, place, target)
    else:
        raise InvalidRequest(f"{place}: a call needs `function`", param=place)
    block: Block = {"type": "tool_use", "id": clean_id(call.id), "name": names.sent(name), "input": given}
    if call.cache_control is not None:
        block["cache_control"] = call.cache_control
    return block


def _arguments(text: str, place: str, target: Target) -> dict[str, Any]:
    if not text.strip():
        return {}
    given = decoded_object(text)
    if given is None:
        if target.modify_params:
            return {}
        raise InvalidRequest(
            f"{place}.function.arguments is no JSON object, which {target.provider} needs; with modify_params: true an "
            "empty one is sent in its place",
            param=f"{place}.function.arguments",
        )
    return given


def _result(message: Message, at: int, target: Target) -> Block:
    call_id = message.tool_call_id or (message.name if message.role == "function" else None)
    if not call_id:
        raise InvalidRequest(
            f"messages.{at}: a tool's answer needs `tool_call_id`", param=f"messages.{at}.tool_call_id"
        )
    block: Block = {"type": "tool_result", "tool_use_id": clean_id(call_id)}
    content = blocks_of(message, target)
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        block["content"] = content[0]["text"]
    elif content:
        marks = [inner.pop("cache_control") for inner in content if "cache_control" in inner]
        block["content"] = content
        if marks:
            block["cache_control"] = marks[-1]
    if is_failure(message):
        block["is_error"] = True
    mark_last([block], message.cache_control)
    return block


def _settle(found: Conversation, target: Target) -> None:
    """Put what must come first there, and end as Anthropic wants it."""
    turns = found.turns
    for turn in turns:
        if turn["role"] == "user" and len(turn["content"]) > 1:
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    if (not turns or turns[0]["role"] != "user") and target.modify_params:
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": _PLACEHOLDER}]})
    if not turns:
        raise InvalidRequest(
            f"`messages` needs a user's message: {target.provider} does not answer to a system prompt alone. With "
            "modify_params: true one is put in",
            param="messages",
        )
    last = turns[-1]
    if last["role"] == "assistant" and last["content"][-1]["type"] == "text":
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()


def has_tool_blocks(turns: list[dict[str, Any]]) -> bool:
    """Whether a tool was used before; Anthropic then wants tools to be defined."""
    return any(block["type"] in {"tool_use", "tool_result"} for turn in turns for block in turn["content"])
