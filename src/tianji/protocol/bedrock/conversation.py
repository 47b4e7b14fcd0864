"""Messages of the hub become Converse's.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html: two roles that take turns; results of
tools are blocks of the user's turn and come first in it; the system's texts stand apart.
"""

from typing import Any

from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.bedrock.blocks import Blocks
from tianji.protocol.bedrock.models import family_of
from tianji.protocol.bedrock.names import Names, call_id
from tianji.protocol.chat.request import FunctionCall, Message, Part, ThinkingBlock, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.signatures import is_claudes
from tianji.protocol.chat.support import decoded_object, function_of
from tianji.protocol.chat.turns import add_turn, is_failure, speaker_of

Json = dict[str, Any]


class Conversation(Struct):
    """Who said what. `system` may be empty."""

    messages: list[Json]
    system: list[Json]


def conversation_of(messages: list[Message], target: Target, names: Names, *, tools: bool) -> Conversation:
    """Translate a conversation. Raises InvalidRequest for one that holds what cannot be said, or nothing.

    Without `tools` calls and results that it holds become text: Bedrock takes them only beside tools.
    """
    writer = _Writer(target, names, tools)
    for at, message in enumerate(messages):
        writer.message(message, at)
    found = writer.found
    if not found.messages:
        if not found.system:
            raise InvalidRequest("messages holds nothing to answer: add a message with content.", param="messages")
        return Conversation([{"role": "user", "content": found.system}], [])
    if found.messages[0]["role"] == "assistant" and target.modify_params:
        found.messages.insert(0, {"role": "user", "content": [{"text": "."}]})
    for turn in found.messages:
        content = turn["content"]
        content.sort(key=lambda block: "toolResult" not in block)
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": "."})  # a document alone is refused
    last = found.messages[-1]
    if last["role"] == "assistant" and "text" in last["content"][-1]:  # how an answer begins may not end in white space
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()
    return found


class _Writer:
    def __init__(self, target: Target, names: Names, tools: bool) -> None:
        self.found = Conversation([], [])
        self._target = target
        self._names = names
        self._tools = tools
        self._blocks = Blocks(target.provider)
        self._caches = family_of(target) in ("claude", "nova", "nova-2") or target.model.startswith("arn:")

    def message(self, message: Message, at: int) -> None:
        match speaker_of(message, at):
            case "system":
                self.found.system += self._content(message)
            case "user":
                add_turn(self.found.messages, "user", self._content(message))
            case "assistant":
                add_turn(self.found.messages, "assistant", self._answer(message))
            case "tool":
                add_turn(self.found.messages, "user", self._result(message))

    def _content(self, message: Message) -> list[Json]:
        content = message.content
        parts = [Part(type="text", text=content)] if isinstance(content, str) else content or []
        blocks: list[Json] = []
        for part in parts:
            if part.type in ("thinking", "redacted_thinking"):
                block = _reasoning(
                    ThinkingBlock(type=part.type, thinking=part.thinking, signature=part.signature, data=part.data)
                )
            else:
                block = self._blocks.block(part)
            if block is not None:
                blocks.append(block)
                self._cache(part.cache_control, blocks)
        if blocks and message.role != "tool":
            self._cache(message.cache_control, blocks)
        return blocks

    def _cache(self, control: Json | None, blocks: list[Json]) -> None:
        if control is not None and self._caches:
            blocks.append(cache_point(control))

    def _answer(self, message: Message) -> list[Json]:
        blocks = [block for given in message.thinking_blocks or [] if (block := _reasoning(given)) is not None]
        said = self._content(message)
        if blocks:  # the content may hold the same thoughts once more
            said = [block for block in said if "reasoningContent" not in block]
        blocks += said
        if not said and message.refusal:
            blocks.append({"text": message.refusal})
        for call in message.tool_calls or []:
            blocks.append(self._call(call))
            self._cache(call.cache_control, blocks)
        return blocks

    def _call(self, call: ToolCall) -> Json:
        function = function_of(call, self._target.provider)
        if not self._tools:
            return {"text": f"[called {function.name} with {function.arguments}]"}
        use = {"toolUseId": call_id(call.id), "name": self._names.there(function.name), "input": _input(function)}
        return {"toolUse": use}

    def _result(self, message: Message) -> list[Json]:
        blocks = self._content(message)
        if not self._tools:
            return [{"text": "[the call's result follows]"}, *blocks]
        points = [block for block in blocks if "cachePoint" in block]
        content = [_in_result(block) for block in blocks if "cachePoint" not in block] or [{"text": "."}]
        result: Json = {"toolUseId": call_id(message.tool_call_id or ""), "content": content}
        if is_failure(message):
            result["status"] = "error"
        if message.cache_control is not None:
            self._cache(message.cache_control, points)
        return [{"toolResult": result}, *points[-1:]]


def cache_point(control: Json) -> Json:
    """Return the block that says where a prompt's beginning ends that is worth keeping."""
    point: Json = {"type": "default"}
    if isinstance(ttl := control.get("ttl"), str):
        point["ttl"] = ttl
    return {"cachePoint": point}


def _reasoning(block: ThinkingBlock) -> Json | None:
    """Return a thought; one without a signature is not taken back."""
    if block.type == "redacted_thinking" and block.data:
        return {"reasoningContent": {"redactedContent": block.data}}
    if block.thinking and is_claudes(block.signature):
        return {"reasoningContent": {"reasoningText": {"text": block.thinking, "signature": block.signature}}}
    return None


def _input(function: FunctionCall) -> Json:
    arguments = decoded_object(function.arguments or "{}")
    # what is no object the model has to see as it wrote it
    return {"arguments": function.arguments} if arguments is None else arguments


def _in_result(block: Json) -> Json:
    """Return a block as results have it: an object that is written as text stands there as JSON."""
    text = block.get("text")
    value = decoded_object(text) if isinstance(text, str) and text.lstrip()[:1] == "{" else None
    return block if value is None else {"json": value}
