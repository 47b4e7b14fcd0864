"""What was said, in one form for whatever form the client spoke: chat, messages, contents, responses, prompts.

What is not understood is left out: a span is no archive. Files are there by their size alone, as in every event.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.protocol.loose import object_of, objects_of

# tuples: what a client says may be nothing that a set could look for
_TEXTS: Final = ("text", "input_text", "output_text", "refusal")
_CALLS: Final = ("function_call", "custom_tool_call")
_RESULTS: Final = ("function_call_output", "custom_tool_call_output")
_encode: Final = msgspec.json.Encoder().encode


class Call(Struct, frozen=True):
    """A tool that is called; arguments: JSON."""

    id: str
    name: str
    arguments: str


class Message(Struct, frozen=True):
    """What one side said. answers: the id of the call whose result this is; images: their addresses."""

    role: str
    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    answers: str | None = None
    finish: str | None = None

    @property
    def text(self) -> str:
        """All texts as one."""
        return "".join(self.texts)


def asked(messages: Any) -> list[Message]:
    """Return the messages of a request: of `messages`, `input`, `prompt` or `contents`."""
    if isinstance(messages, str):
        return [Message("user", (messages,))]
    if not isinstance(messages, list):
        return []
    if all(isinstance(one, str) for one in messages):
        return [Message("user", (one,)) for one in messages]
    return [made for one in messages if isinstance(one, dict) for made in _messages(one, "user")]


def answered(response: Any) -> list[Message]:
    """Return the messages of an answer in OpenAI's, Anthropic's, Google's or the Responses API's form."""
    if not isinstance(response, dict):
        return []
    if "choices" in response:
        return [_choice(choice) for choice in objects_of(response["choices"])]
    if "output" in response:
        return [made for item in objects_of(response["output"]) for made in _messages(item, "assistant")]
    if "content" in response:
        made = _messages({"role": "assistant", "content": response["content"]}, "assistant")
        return [msgspec.structs.replace(one, finish=_word(response.get("stop_reason"))) for one in made]
    if "candidates" in response:
        return [_candidate(candidate) for candidate in objects_of(response["candidates"])]
    text = response.get("text")
    return [Message("assistant", (text,))] if isinstance(text, str) else []


def _choice(choice: Mapping[str, Any]) -> Message:
    said = choice.get("message", choice.get("text"))
    made = _messages(said, "assistant") if isinstance(said, dict) else []
    first = made[0] if made else Message("assistant", (said,) if isinstance(said, str) else ())
    return msgspec.structs.replace(first, finish=_word(choice.get("finish_reason")))


def _candidate(candidate: Mapping[str, Any]) -> Message:
    content = candidate.get("content")
    made = _contents(content, "assistant") if isinstance(content, dict) else []
    first = made[0] if made else Message("assistant")
    return msgspec.structs.replace(first, finish=_word(candidate.get("finishReason")))


def _contents(item: Mapping[str, Any], role: str) -> list[Message]:
    """Return what one of Google's contents says (https://ai.google.dev/api/caching#Content)."""
    parts = objects_of(item.get("parts"))
    results = (part.get("functionResponse") for part in parts)
    found = [
        Message(
            "tool", (_encode(one.get("response")).decode(),), answers=_word(one.get("id")) or _word(one.get("name"))
        )
        for one in results
        if isinstance(one, dict)
    ]
    texts = tuple(part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought"))
    calls = tuple(_called(part["functionCall"]) for part in parts if isinstance(part.get("functionCall"), dict))
    images = tuple(filter(None, map(_picture, parts)))
    if texts or images or calls or not found:
        said = _word(item.get("role")) or role
        found.append(Message("assistant" if said == "model" else said, texts, images, calls))
    return found


def _called(function: Mapping[str, Any]) -> Call:
    name = _word(function.get("name")) or ""
    return Call(_word(function.get("id")) or name, name, _encode(function.get("args", {})).decode())


def _picture(part: Mapping[str, Any]) -> str | None:
    inline, file = part.get("inlineData"), part.get("fileData")
    if isinstance(inline, dict):
        return f"data:{inline.get('mimeType')};base64,{inline.get('data')}"
    return _word(file.get("fileUri")) if isinstance(file, dict) else None


def _messages(item: Mapping[str, Any], role: str) -> list[Message]:
    """Return what an item says, the results of tools that Anthropic's form has in it as messages of their own."""
    if "parts" in item:
        return _contents(item, role)
    kind = item.get("type")
    if kind in _CALLS:
        return [Message("assistant", calls=(_call(item.get("call_id"), item),))]
    if kind in _RESULTS:
        return [Message("tool", _texts(item.get("output")), answers=_word(item.get("call_id")))]
    if kind is not None and kind != "message":
        return []
    content = item.get("content")
    blocks = objects_of(content)
    found = [
        Message("tool", _texts(block.get("content")), answers=_word(block.get("tool_use_id")))
        for block in blocks
        if block.get("type") == "tool_result"
    ]
    calls = [_call(one.get("id"), one.get("function")) for one in objects_of(item.get("tool_calls"))]
    calls += [_call(block.get("id"), block) for block in blocks if block.get("type") == "tool_use"]
    texts, images = _texts(content), tuple(filter(None, map(_image, blocks)))
    if texts or images or calls or not found:
        said = _word(item.get("role")) or role
        found.append(Message(said, texts, images, tuple(calls), answers=_word(item.get("tool_call_id"))))
    return found


def _texts(content: Any) -> tuple[str, ...]:
    if isinstance(content, str):
        return (content,) if content else ()
    texts = (block.get("text", block.get("refusal")) for block in objects_of(content) if block.get("type") in _TEXTS)
    return tuple(text for text in texts if isinstance(text, str))


def _image(block: Mapping[str, Any]) -> str | None:
    found = block.get("image_url")
    if isinstance(found, dict):
        found = found.get("url")
    source = block.get("source")
    if block.get("type") == "image" and isinstance(source, dict):
        found = source.get("url") or f"data:{source.get('media_type')};base64,{source.get('data')}"
    return found if isinstance(found, str) else None


def _call(call_id: Any, function: Any) -> Call:
    named = object_of(function)
    given = named.get("arguments", named.get("input", ""))
    arguments = given if isinstance(given, str) else _encode(given).decode()
    return Call(_word(call_id) or "", _word(named.get("name")) or "", arguments)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None
