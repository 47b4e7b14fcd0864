"""Streams of each form, what a client hears of them, and guardrails to put in their way."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from tianji.guardrails.content import Content
from tianji.guardrails.streaming.forms.table import begin
from tianji.guardrails.streaming.gate import Gate
from tianji.guardrails.streaming.policy import Policy
from tianji.guardrails.streaming.stream import Stream
from tianji.guardrails.verdict import Allow, Block, Span, Verdict, masking

Look = Callable[[Content], Verdict]


def sse(payload: Any) -> bytes:
    name = f"event: {payload['type']}\n" if isinstance(payload, dict) and "type" in payload else ""
    return f"{name}data: {payload if isinstance(payload, str) else json.dumps(payload)}\n\n".encode()


def chat(texts: Sequence[str]) -> bytes:
    frame = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts)]
    chunks = [frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(frame | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append(frame | {"choices": [], "usage": {"total_tokens": 1}})
    return b"".join(map(sse, [*chunks, "[DONE]"]))


def completions(texts: Sequence[str]) -> bytes:
    chunks = [{"id": "c1", "choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in texts]
    return b"".join(
        map(sse, [*chunks, {"id": "c1", "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}, "[DONE]"])
    )


def messages(texts: Sequence[str]) -> bytes:
    events: list[Any] = [
        {"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    return b"".join(map(sse, events))


def responses(texts: Sequence[str]) -> bytes:
    place = {"item_id": "i1", "output_index": 0, "content_index": 0}
    whole = "".join(texts)
    part = {"type": "output_text", "text": whole, "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "i1", "role": "assistant", "status": "completed", "content": [part]}
    response = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": item | {"content": [], "status": "in_progress"},
        },
        {"type": "response.content_part.added", **place, "part": part | {"text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": text} for text in texts),
        {"type": "response.output_text.done", **place, "text": whole},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response | {"status": "completed", "output": [item]}},
    ]
    return b"".join(sse(event | {"sequence_number": number}) for number, event in enumerate(events))


def gemini(texts: Sequence[str]) -> bytes:
    answers = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]} for text in texts
    ]
    last = {"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": {"totalTokenCount": 1}}
    return b"".join(f"data: {json.dumps(answer)}\r\n\r\n".encode() for answer in [*answers, last])


def gemini_array(texts: Sequence[str]) -> bytes:
    answers = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]} for text in texts
    ]
    return b"[" + b",\r\n".join(json.dumps(answer).encode() for answer in answers) + b"]"


FORMS: dict[str, tuple[str, Callable[[Sequence[str]], bytes]]] = {
    "chat": ("chat", chat),
    "completions": ("completions", completions),
    "messages": ("messages", messages),
    "responses": ("responses", responses),
    "gemini": ("gemini", gemini),
    "gemini array": ("gemini", gemini_array),
}


def assistants(texts: Sequence[str]) -> bytes:
    def part(text: str) -> dict[str, Any]:
        return {"index": 0, "type": "text", "text": {"value": text, "annotations": []}}

    run = {"id": "run_1", "object": "thread.run", "status": "in_progress", "instructions": "be kind"}
    message = {"id": "msg_1", "object": "thread.message", "role": "assistant", "run_id": "run_1"}
    deltas = [{"id": "msg_1", "object": "thread.message.delta", "delta": {"content": [part(text)]}} for text in texts]
    found = [
        run,
        message | {"status": "in_progress", "content": []},
        *deltas,
        message | {"status": "completed", "content": [part("".join(texts))]},
        run | {"status": "completed"},
    ]
    return b"".join(map(sse, [*found, "[DONE]"]))


EVERY = {**FORMS, "assistants": ("assistants", assistants)}
"""With those whose answers no text can end well."""


def events(stream: bytes) -> list[Any]:
    """The payloads of a stream, decoded; text where they are no JSON."""
    if stream.startswith(b"["):
        found: list[Any] = json.loads(stream if stream.endswith(b"]") else stream + b"]")
        return found
    payloads = re.findall(rb"data: (.*?)(?:\r\n\r\n|\n\n)", stream, re.DOTALL)
    return [json.loads(payload) if payload.startswith(b"{") else payload.decode() for payload in payloads]


def heard(stream: bytes) -> str:
    """What a client puts together of the text that comes bit by bit."""
    return "".join(text for event in events(stream) for text in _said(event))


def _said(event: Any) -> Iterable[str]:
    if not isinstance(event, dict):
        return
    for choice in event.get("choices", ()):
        yield choice.get("text") or choice.get("delta", {}).get("content") or ""
    for candidate in event.get("candidates", ()):
        yield from (part.get("text", "") for part in candidate.get("content", {}).get("parts", ()))
    if event.get("type") == "content_block_delta":
        yield event["delta"].get("text", "")
    if event.get("type") == "response.output_text.delta":
        yield event["delta"]
    if event.get("object") == "thread.message.delta":
        yield from (part["text"]["value"] for part in event["delta"]["content"])


def repeated(stream: bytes) -> set[str]:
    """What the Responses API, or the end of an assistant's message, says again as a whole."""
    found = set()
    told = [event for event in events(stream) if isinstance(event, dict)]
    waiting = [event for event in told if "sequence_number" in event or event.get("object") == "thread.message"]
    while waiting:
        node = waiting.pop()
        found |= {node[name] for name in ("text", "value") if isinstance(node.get(name), str)}
        for value in node.values():
            waiting += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    return found


class Guard:
    """Finds words: masks those of one expression, refuses those of another. It counts what it looked at."""

    def __init__(self, policy: Policy, *, masks: str = "(?!)", refuses: str = "(?!)", replacement: str = "<X>") -> None:
        self.policy = policy
        self.seen: list[Content] = []
        self._masks = re.compile(masks)
        self._refuses = re.compile(refuses)
        self._replacement = replacement

    def __call__(self, content: Content) -> Verdict:
        self.seen.append(content)
        if any(self._refuses.search(text.text) for text in content.texts):
            return Block("found")
        spans = [
            Span(at, found.start(), found.end(), self._replacement)
            for at, text in enumerate(content.texts)
            for found in self._masks.finditer(text.text)
        ]
        return masking(content.texts, spans) if spans else Allow()

    @property
    def looked_at(self) -> int:
        return sum(len(text.text) for content in self.seen for text in content.texts)


class Run:
    """One stream through guards, as a framework drives it: bytes in, verdicts between, bytes out."""

    def __init__(self, operation: str, guards: Sequence[tuple[Policy, Look]], *, as_array: bool = False) -> None:
        self.stream = Stream(begin(operation, as_array=as_array), [Gate(policy) for policy, _ in guards])
        self._looks = [look for _, look in guards]
        self.out = b""

    def feed(self, data: bytes) -> bytes:
        before = len(self.out)
        self.out += self.stream.feed(data)
        self.judge()
        return self.out[before:]

    def end(self) -> bytes:
        before = len(self.out)
        self.out += self.stream.end()
        self.judge()
        return self.out[before:]

    def judge(self) -> None:
        while questions := self.stream.questions():
            for number, question in questions:
                self.out += self.stream.judged(number, self._looks[number](question.content))


def run(name: str, data: bytes, guards: Sequence[Guard], cuts: Iterable[int] = ()) -> Run:
    """Drive a whole stream, cut into pieces at these places."""
    driven = Run(EVERY[name][0], [(guard.policy, guard) for guard in guards], as_array=name == "gemini array")
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for begin_at, end_at in pairwise(places):
        if driven.stream.stopped is None:
            driven.feed(data[begin_at:end_at])
    if driven.stream.stopped is None:
        driven.end()
    return driven
