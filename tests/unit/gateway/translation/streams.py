"""Streams of each upstream, made of what happens in them: acts, and the texts and numbers that differ each time."""

import json
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Event = tuple[str, Json | str]
ACTS = ("say", "say", "say", "think", "call", "cite", "pad")
"""What may happen. `pad`: an event that says nothing."""


class Values:
    """What differs between streams in which the same happens. texts, numbers: in the order in which they are needed."""

    def __init__(self, texts: Iterator[str], numbers: Iterator[int], name: str) -> None:
        self.texts, self.numbers, self.name = texts, numbers, name

    @property
    def text(self) -> str:
        return next(self.texts)

    @property
    def number(self) -> int:
        return next(self.numbers)

    @property
    def part(self) -> int:
        """Less than any number."""
        return 1 + self.number % 3


def openai(acts: list[str], values: Values) -> Iterator[Event]:
    """https://platform.openai.com/docs/api-reference/chat-streaming."""
    base = {"id": f"chatcmpl-{values.name}", "object": "chat.completion.chunk", "created": values.number, "model": "m"}

    def chunk(delta: Json, reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return "", base | {"choices": [choice], "usage": None, "obfuscation": values.name[: values.number % 5]}

    yield chunk({"role": "assistant", "content": ""})
    for number, act in enumerate(acts):
        if act == "say":
            yield chunk({"content": values.text})
        elif act == "think":
            yield chunk({"reasoning_content": values.text})
        elif act == "call":
            call = {"index": number, "id": f"call_{values.name}{number}", "type": "function"}
            yield chunk({"tool_calls": [call | {"function": {"name": "look", "arguments": ""}}]})
            for piece in ('{"a":', f"{values.number}}}"):
                yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        elif act == "cite":
            url = {"url": "https://a.b", "title": "t", "start_index": 0, "end_index": values.number}
            yield chunk({"annotations": [{"type": "url_citation", "url_citation": url}]})
        else:
            yield chunk({})
    yield chunk({}, "tool_calls" if "call" in acts else "stop")
    made, read = values.number, values.number
    used = {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}
    yield "", base | {"choices": [], "usage": used | {"prompt_tokens_details": {"cached_tokens": values.part}}}
    yield "", "[DONE]"


def anthropic(acts: list[str], values: Values) -> Iterator[Event]:
    """https://docs.anthropic.com/en/docs/build-with-claude/streaming."""

    def event(kind: str, **members: Any) -> Event:
        return kind, {"type": kind, **members}

    usage = {"input_tokens": values.number, "cache_read_input_tokens": values.number, "output_tokens": 1}
    message = {"id": f"msg_{values.name}", "type": "message", "role": "assistant", "content": [], "model": "claude"}
    yield event("message_start", message=message | {"stop_reason": None, "usage": usage})
    index, kind = -1, ""
    for act in acts:
        if act == "pad":
            yield event("ping")
            continue
        wanted = {"say": "text", "cite": "text", "think": "thinking", "call": "tool_use"}[act]
        if wanted != kind or act == "call":
            if index >= 0:
                yield event("content_block_stop", index=index)
            index, kind = index + 1, wanted
            block: Json = {"type": kind, **({} if kind == "tool_use" else {kind: ""})}
            if kind == "tool_use":
                block |= {"id": f"toolu_{values.name}{index}", "name": "look", "input": {}}
            yield event("content_block_start", index=index, content_block=block)
        if act == "say":
            yield event("content_block_delta", index=index, delta={"type": "text_delta", "text": values.text})
        elif act == "think":
            yield event("content_block_delta", index=index, delta={"type": "thinking_delta", "thinking": values.text})
            signed = {"type": "signature_delta", "signature": "c2ln"}
            yield event("content_block_delta", index=index, delta=signed)
        elif act == "cite":
            cited = {"type": "char_location", "cited_text": "x", "document_index": 0, "document_title": "t"}
            place = {"start_char_index": 0, "end_char_index": values.number}
            yield event(
                "content_block_delta", index=index, delta={"type": "citations_delta", "citation": cited | place}
            )
        else:
            for piece in ('{"a":', f"{values.number}}}"):
                delta = {"type": "input_json_delta", "partial_json": piece}
                yield event("content_block_delta", index=index, delta=delta)
    if index >= 0:
        yield event("content_block_stop", index=index)
    reason = "tool_use" if "call" in acts else "end_turn"
    yield event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": values.number})
    yield event("message_stop")


def gemini(acts: list[str], values: Values) -> Iterator[Event]:
    """https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse."""
    read, made, thought = values.number, 0, "think" in acts and values.part

    def answer(parts: list[Json], **more: Any) -> Event:
        counts = {"promptTokenCount": read, "candidatesTokenCount": made, "totalTokenCount": read + made + thought}
        if thought:
            counts["thoughtsTokenCount"] = thought
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **more}
        base = {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-2.5-flash"}
        return "", base | ({"responseId": f"k{values.name}"} if acts[:1] != ["pad"] else {})

    for number, act in enumerate(acts):
        made += values.number
        if act == "say":
            yield answer([{"text": values.text}])
        elif act == "think":
            yield answer([{"text": values.text, "thought": True}])
        elif act == "call":
            called = {"name": "look", "args": {"a": values.number}, "id": f"fc_{values.name}{number}"}
            yield answer([{"functionCall": called, "thoughtSignature": "c2ln"}])
        elif act == "cite":
            chunks = [{"web": {"uri": "https://a.b", "title": "t"}}]
            support = {"segment": {"endIndex": values.number, "text": "x"}, "groundingChunkIndices": [0]}
            yield answer([{"text": ""}], groundingMetadata={"groundingChunks": chunks, "groundingSupports": [support]})
        else:
            yield answer([{"text": ""}])
    yield answer([{"text": ""}], finishReason="STOP")


def converse(acts: list[str], values: Values) -> Iterator[Event]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html."""
    yield "messageStart", {"role": "assistant", "p": values.name[: values.number % 7]}
    index, kind = -1, ""
    for act in acts:
        if act == "pad":
            yield "contentBlockDelta", {"contentBlockIndex": max(index, 0), "delta": {"text": ""}, "p": values.name}
            continue
        wanted = {"say": "text", "cite": "text"}.get(act, act)
        if wanted != kind or act == "call":
            if index >= 0:
                yield "contentBlockStop", {"contentBlockIndex": index, "p": "abc"}
            index, kind = index + 1, wanted
            if act == "call":
                use = {"toolUseId": f"tooluse_{values.name}{index}", "name": "look"}
                yield "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": use}}
        pieces: list[Json] = {
            "say": lambda: [{"text": values.text}],
            "think": lambda: [{"reasoningContent": {"text": values.text}}, {"reasoningContent": {"signature": "c2ln"}}],
            "call": lambda: [{"toolUse": {"input": piece}} for piece in ('{"a":', f"{values.number}}}")],
            "cite": lambda: [{"citation": {"title": "t", "location": {"web": {"url": "https://a.b"}}}}],
        }[act]()
        for piece in pieces:
            yield (
                "contentBlockDelta",
                {"contentBlockIndex": index, "delta": piece, "p": values.name[: values.number % 7]},
            )
    yield "messageStop", {"stopReason": "tool_use" if "call" in acts else "end_turn", "p": "abcd"}
    read, made = values.number, values.number
    used = {
        "inputTokens": read,
        "outputTokens": made,
        "totalTokens": read + made,
        "cacheReadInputTokens": values.part,
    }
    yield "metadata", {"usage": used, "metrics": {"latencyMs": values.number}, "p": "a"}


def cohere(acts: list[str], values: Values) -> Iterator[Event]:
    """https://docs.cohere.com/docs/streaming."""

    def event(kind: str, message: Json, **more: Any) -> Event:
        return kind, {"type": kind, **more, "delta": {"message": message}}

    started = {
        "id": f"{values.name}",
        "type": "message-start",
        "delta": {"message": {"role": "assistant", "content": []}},
    }
    yield "message-start", started
    yield event("content-start", {"content": {"type": "text", "text": ""}}, index=0)
    for number, act in enumerate(acts):
        if act == "say":
            yield event("content-delta", {"content": {"text": values.text}}, index=0)
        elif act == "think":
            yield event("content-delta", {"content": {"thinking": values.text}}, index=0)
        elif act == "call":
            call = {
                "id": f"look_{values.name}{number}",
                "type": "function",
                "function": {"name": "look", "arguments": ""},
            }
            yield event("tool-call-start", {"tool_calls": call}, index=number)
            yield event("tool-call-delta", {"tool_calls": {"function": {"arguments": "{}"}}}, index=number)
        elif act == "cite":
            source = {"type": "document", "id": "doc_1", "document": {"id": "doc_1", "title": "t"}}
            cited = {"start": 0, "end": values.number, "text": "x", "sources": [source]}
            yield event("citation-start", {"citations": cited}, index=number)
        else:
            yield "content-end", {"type": "content-end", "index": 0}
    tokens = {"input_tokens": values.number, "output_tokens": values.number}
    delta = {"finish_reason": "TOOL_CALL" if "call" in acts else "COMPLETE", "usage": {"tokens": tokens}}
    yield "message-end", {"type": "message-end", "delta": delta}


class _Numbered:
    """Events of the Responses API, numbered."""

    def __init__(self) -> None:
        self._number = -1

    def __call__(self, kind: str, **members: Any) -> Event:
        self._number += 1
        return kind, {"type": kind, "sequence_number": self._number, **members}


def responses(acts: list[str], values: Values) -> Iterator[Event]:
    """https://platform.openai.com/docs/api-reference/responses-streaming."""
    event = _Numbered()
    response: Json = {"id": f"resp_{values.name}", "object": "response", "created_at": values.number, "output": []}
    for kind in ("created", "in_progress"):
        yield event(f"response.{kind}", response=response | {"status": "in_progress", "usage": None})
    index = -1
    for act in acts:
        index += 1
        item = {"id": f"msg_{values.name}{index}", "type": "message", "role": "assistant", "content": []}
        place = {"item_id": item["id"], "output_index": index}
        if act in ("say", "cite"):
            text = values.text
            yield event("response.output_item.added", output_index=index, item=item)
            for piece in (text, f"{text}!", f"{text}?"):
                yield event("response.output_text.delta", **place, content_index=0, delta=piece, logprobs=[])
            if act == "cite":
                cited = {"type": "url_citation", "url": "https://a.b", "title": "t", "end_index": values.number}
                yield event("response.output_text.annotation.added", **place, annotation=cited)
            yield event("response.output_text.done", **place, content_index=0, text=text)
            yield event("response.output_item.done", output_index=index, item=item)
        elif act == "think":
            yield event("response.reasoning_summary_text.delta", **place, summary_index=0, delta=values.text)
        elif act == "call":
            call = {"id": f"fc_{values.name}{index}", "type": "function_call", "call_id": f"call_{values.name}{index}"}
            yield event("response.output_item.added", output_index=index, item=call | {"name": "look", "arguments": ""})
            for piece in ('{"a":', f"{values.number}}}"):
                yield event("response.function_call_arguments.delta", output_index=index, delta=piece)
            done = call | {"name": "look", "arguments": "{}"}
            yield event("response.output_item.done", output_index=index, item=done)
        else:
            yield event("response.queued", response=response)
    read, made = values.number, values.number
    used = {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}
    used |= {"output_tokens_details": {"reasoning_tokens": values.part}}
    yield event(
        "response.completed", response=response | {"status": "completed", "usage": used, "service_tier": "default"}
    )


STREAMS: dict[str, Callable[[list[str], Values], Iterator[Event]]] = {
    "openai": openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "bedrock": converse,
    "cohere": cohere,
    "responses": responses,
}


def payload(said: Json | str, *, ascii_only: bool = False) -> bytes:
    """Return the data of an event as an upstream writes it."""
    if isinstance(said, str):
        return said.encode()
    return json.dumps(said, ensure_ascii=ascii_only, separators=(",", ":")).encode()
