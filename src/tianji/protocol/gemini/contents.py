"""Messages of the hub become Google's contents.

https://ai.google.dev/api/caching#Content: two roles that take turns, `user` and `model`; the system's instruction
stands apart; results of tools are parts of the user's turn and are told by the name of the function.
"""

import base64
from typing import Any

from msgspec import Struct

from tianji.errors import InvalidRequest
from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.request import FunctionCall, Message, Part, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded_object, function_of
from tianji.protocol.chat.turns import add_turn, is_failure, speaker_of
from tianji.protocol.gemini.media import media_part
from tianji.protocol.gemini.models import generation

Json = dict[str, Any]

# What Google takes for a signature that was lost: https://ai.google.dev/gemini-api/docs/thought-signatures#faqs
UNSIGNED = base64.b64encode(b"skip_thought_signature_validator").decode()
_REFERS = ('"$ref"', '"$defs"')  # in a result Google would take them for references into a schema of its own


class Contents(Struct):
    """The conversation. `instruction` holds the parts of the system's instruction, which may be none."""

    turns: list[Json]
    instruction: list[Json]


def contents_of(messages: list[Message], target: Target) -> Contents:
    """Translate a conversation. Raises InvalidRequest for one that holds what cannot be said, or nothing."""
    writer = _Writer(target)
    for at, message in enumerate(messages):
        writer.message(message, at)
    found = writer.found
    if not found.turns:  # Google wants to be asked something, so the instruction is what is asked
        if not found.instruction:
            raise InvalidRequest("messages holds nothing to answer: add a message with content.", param="messages")
        return Contents([{"role": "user", "parts": found.instruction}], [])
    if target.modify_params and found.turns[0]["role"] == "model":
        found.turns.insert(0, {"role": "user", "parts": [{"text": " "}]})
    for turn in found.turns:
        if turn["role"] == "user" and not any("text" in part or "functionResponse" in part for part in turn["parts"]):
            turn["parts"].append({"text": " "})
    return found


class _Writer:
    def __init__(self, target: Target) -> None:
        self.found = Contents([], [])
        self._target = target
        self._signed = (generation(target.model) or 0) >= 3
        self._names: dict[str, str] = {}  # of the functions, by the ids of their calls

    def message(self, message: Message, at: int) -> None:
        match speaker_of(message, at):
            case "system":
                self.found.instruction += self._parts(message)
            case "user":
                add_turn(self.found.turns, "user", self._parts(message), "parts")
            case "assistant":
                add_turn(self.found.turns, "model", self._answer(message), "parts")
            case "tool":
                add_turn(self.found.turns, "user", self._result(message), "parts")

    def _parts(self, message: Message) -> list[Json]:
        content = message.content
        if content is None or isinstance(content, str):
            return [{"text": content}] if content else []
        return [found for part in content if (found := self._part(part)) is not None]

    def _part(self, part: Part) -> Json | None:
        if part.type in ("text", "input_text", "output_text", "refusal"):
            text = part.text or part.refusal
            return {"text": text} if text else None
        if part.type in ("thinking", "redacted_thinking"):
            return None  # Google wants signatures back and not what was thought
        found = media_part(part, self._target)
        if found is None:
            raise InvalidRequest(
                f"A message holds a part of type {part.type!r}, which {self._target.provider} does not take.",
                param="messages",
            )
        return found

    def _answer(self, message: Message) -> list[Json]:
        parts = self._parts(message)
        if not parts and message.refusal:
            parts = [{"text": message.refusal}]
        signatures = (message.provider_specific_fields or {}).get("thought_signatures")
        if parts and isinstance(signatures, list) and signatures and isinstance(signatures[-1], str):
            parts[-1]["thoughtSignature"] = signatures[-1]
        calls = [self._call(call) for call in message.tool_calls or []]
        if message.function_call is not None:
            calls.append({"functionCall": self._called(message.function_call)})
        if calls and self._signed:
            calls[0].setdefault("thoughtSignature", UNSIGNED)
        return parts + calls

    def _call(self, call: ToolCall) -> Json:
        function = function_of(call, self._target.provider)
        bare, signature = tool_ids.split(call.id)
        self._names[call.id] = function.name
        found: Json = {"functionCall": {"id": bare} | self._called(function)}
        given = (call.provider_specific_fields or {}).get("thought_signature")
        if signature or isinstance(given, str):
            found["thoughtSignature"] = signature or given
        return found

    def _called(self, function: FunctionCall) -> Json:
        arguments = decoded_object(function.arguments or "{}")
        if arguments is None:  # the model wrote what is no object, and has to see what it wrote
            arguments = {"arguments": function.arguments}
        return {"name": function.name, "args": arguments}

    def _result(self, message: Message) -> list[Json]:
        call_id = message.tool_call_id or ""
        name = self._names.get(call_id) or message.name
        if not name:
            raise InvalidRequest(
                f"The result of tool call {call_id!r} answers no call in the messages before it; "
                "send the assistant message with that call, or the function's name.",
                param="messages",
            )
        parts = self._parts(message)
        text = "".join(part.pop("text") for part in parts if "text" in part)
        media = [part for part in parts if part]
        value = None if any(word in text for word in _REFERS) else decoded_object(text)
        if is_failure(message):
            value = {"error": text if value is None else value}
        response: Json = {"name": name, "response": {"content": text} if value is None else value}
        if call_id:
            response = {"id": tool_ids.split(call_id)[0]} | response
        return [{"functionResponse": response}, *media]
