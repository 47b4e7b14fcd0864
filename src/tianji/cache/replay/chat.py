"""Chat answers (https://platform.openai.com/docs/api-reference/chat-streaming)."""

import msgspec
from msgspec import UNSET

from tianji._core.streams.usage import Usage
from tianji.cache.replay.joining import CHAT, joined
from tianji.cache.replay.reading import DONE, Json, payloads, written
from tianji.protocol.chat.answer import CompletionDetails, PromptDetails
from tianji.protocol.chat.answer import Usage as Counted
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.answers import ChunkDecoder

_TARGET = Target(provider="cache", model="")
_OF_THE_WHOLE = frozenset({"choices", "usage", "object"})


def whole(events: bytes, usage: Usage | None) -> bytes:
    """Return the answer that the chunks make. Raises what reading them does, ValueError for none."""
    decoder = ChunkDecoder(_TARGET)
    model = ""
    chunks = []
    for payload in payloads(joined(events, CHAT)):
        for chunk in decoder.event("", payload):
            model = model or chunk.model
            chunks.append(chunk)
    found = collect([*chunks, *decoder.end()])
    if found is None:
        raise ValueError("a stream without chunks")
    found.model = model
    if found.usage is UNSET and usage is not None:
        found.usage = counted(usage)
    return msgspec.json.encode(found)


def counted(usage: Usage) -> Counted:
    """Return what was counted as OpenAI says it."""
    prompt, completion = max(0, usage.prompt_tokens), max(0, usage.completion_tokens)
    found = Counted(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    if usage.cached_tokens > 0:
        found.prompt_tokens_details = PromptDetails(cached_tokens=usage.cached_tokens)
    if usage.reasoning_tokens > 0:
        found.completion_tokens_details = CompletionDetails(reasoning_tokens=usage.reasoning_tokens)
    return found


def events(body: bytes, shows_usage: bool) -> bytes:
    """Return the answer as two chunks a choice: what is said, and why it ends."""
    answer: Json = msgspec.json.decode(body, type=Json)
    frame = {name: value for name, value in answer.items() if name not in _OF_THE_WHOLE}
    frame["object"] = "chat.completion.chunk"
    if shows_usage:
        frame["usage"] = None
    out = []
    for choice in answer["choices"]:
        delta = dict(choice["message"])
        if delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
        said = {**choice, "delta": delta, "finish_reason": None}
        del said["message"]
        out.append(written({**frame, "choices": [said]}))
    for choice in answer["choices"]:
        last = {"index": choice.get("index", 0), "delta": {}, "finish_reason": choice.get("finish_reason")}
        out.append(written({**frame, "choices": [last]}))
    if shows_usage and answer.get("usage"):
        out.append(written({**frame, "choices": [], "usage": answer["usage"]}))
    return b"".join(out) + DONE
