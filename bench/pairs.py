"""Every pair of a client's form and an upstream's, with the same small request and answer, whole and as a stream.

`python -m bench.instructions --pairs` counts them. The answers have the forms that vendors document: what they say
beside the text is there, too, since it has to be read.
"""

import json
from typing import Any

from bench import inmemory
from bench.scenarios import ANSWER, CHUNKS, MESSAGE, SPOKEN, Scenario, chat, post, streamed, streamed_message, whole
from tianji.mock.answers.bedrock import event as aws_event

CONFIG = inmemory.CONFIG.replace(
    "litellm_settings:",
    """\
  - model_name: gemini
    litellm_params: {model: gemini/gemini-2.5-flash, api_base: "http://upstream.test/v1beta", api_key: sk-upstream}
  - model_name: converse
    litellm_params:
      {model: bedrock/converse/amazon.nova-pro-v1:0, api_base: "http://upstream.test", aws_access_key_id: AKIDEXAMPLE,
       aws_secret_access_key: secret, aws_region_name: us-east-1}
  - model_name: cohere
    litellm_params: {model: cohere/command-a-03-2025, api_base: "http://upstream.test", api_key: sk-upstream}
  - model_name: responses
    litellm_params: {model: openai/responses/gpt-4o, api_base: "http://upstream.test/v1", api_key: sk-upstream}
litellm_settings:""",
)
"""The same with a model of each form."""
TEXT = "The weather in Paris is mild today."
WORDS = [f" word{number}" for number in range(CHUNKS)]
FEW = WORDS[:8]
"""The texts of a short stream, of which its beginning and its end are the larger part."""
PAD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _sse(*events: tuple[str, Any]) -> tuple[bytes, ...]:
    """Return a stream, an event a read. Each is the name, or none, and the data."""
    named = [b"event: %b\n" % name.encode() if name else b"" for name, _ in events]
    return _chunked(
        b"text/event-stream", *(b"%bdata: %b\n\n" % (n, _json(v)) for n, (_, v) in zip(named, events, strict=True))
    )


def _chunked(kind: bytes, *pieces: bytes) -> tuple[bytes, ...]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % kind
    *framed, last = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return (head, *framed, last + b"0\r\n\r\n")


def _gemini(text: str, made: int, **more: str) -> dict[str, Any]:
    """https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse."""
    return {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **more, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": made,
            "totalTokenCount": 9 + made,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "kZ1oaJqRDdKRkdUP5qSo8Ag",
    }


def _gemini_stream(words: list[str]) -> tuple[bytes, ...]:
    last = _gemini("", len(words), finishReason="STOP")
    return _sse(*(("", _gemini(text, n + 1)) for n, text in enumerate(words)), ("", last))


def _chat_stream(words: list[str]) -> tuple[bytes, ...]:
    """https://platform.openai.com/docs/api-reference/chat-streaming, with the usage that is asked for."""
    spoken: dict[str, Any] = {"logprobs": None, "finish_reason": None}
    deltas = ({"role": "assistant", "content": "", "refusal": None}, *({"content": text} for text in words))
    choices = [*({"index": 0, "delta": delta} | spoken for delta in deltas),
               {"index": 0, "delta": {}} | spoken | {"finish_reason": "stop"}]  # fmt: skip
    base = {
        "id": "chatcmpl-9lMgfRSWPHcw51s6wxKT1YEO2CKpd",
        "object": "chat.completion.chunk",
        "created": 1694268190,
        "model": "demo",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    }
    used = {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9 + len(words)}
    chunks = [
        base | {"choices": [choice], "usage": None, "obfuscation": PAD[: n % 16]} for n, choice in enumerate(choices)
    ]
    *framed, last = _sse(*(("", chunk) for chunk in (*chunks, base | {"choices": [], "usage": used})))
    done = b"data: [DONE]\n\n"
    return (*framed, last.replace(b"0\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done)))


def _message_stream(words: list[str]) -> tuple[bytes, ...]:
    """https://docs.anthropic.com/en/docs/build-with-claude/streaming."""
    message = json.loads(MESSAGE % b"") | {"stop_reason": None}
    start = {"type": "text", "text": ""}
    deltas = [{"index": 0, "delta": {"type": "text_delta", "text": text}} for text in words]
    end = {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": len(words)}}
    events = [
        ("message_start", {"message": message}),
        ("content_block_start", {"index": 0, "content_block": start}),
        ("ping", {}),
        *(("content_block_delta", delta) for delta in deltas),
        ("content_block_stop", {"index": 0}),
        ("message_delta", end),
        ("message_stop", {}),
    ]
    return _sse(*((name, {"type": name} | members) for name, members in events))


def _converse_stream(words: list[str]) -> tuple[bytes, ...]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html."""
    usage = {"inputTokens": 9, "outputTokens": 64, "totalTokens": 73}
    deltas = [
        {"contentBlockIndex": 0, "delta": {"text": text}, "p": PAD[: number % len(PAD)]}
        for number, text in enumerate(words)
    ]
    return _chunked(
        b"application/vnd.amazon.eventstream",
        aws_event("messageStart", {"role": "assistant", "p": PAD}),
        *(aws_event("contentBlockDelta", delta) for delta in deltas),
        aws_event("contentBlockStop", {"contentBlockIndex": 0, "p": PAD}),
        aws_event("messageStop", {"stopReason": "end_turn", "p": PAD}),
        aws_event("metadata", {"usage": usage, "metrics": {"latencyMs": 512}, "p": PAD}),
    )


def _cohere_stream(words: list[str]) -> tuple[bytes, ...]:
    """https://docs.cohere.com/docs/streaming."""
    tokens = {"input_tokens": 9, "output_tokens": 64}
    end = {"finish_reason": "COMPLETE", "usage": {"billed_units": tokens, "tokens": tokens}}
    events: list[dict[str, Any]] = [
        {"id": "29f14a5a", "type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        *({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}} for text in words),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": end},
    ]
    return _sse(*((event["type"], event) for event in events))


def _response(status: str, output: list[Any], usage: Any) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/responses/object."""
    return {
        "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "object": "response",
        "created_at": 1741476542,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": "gpt-4o-2024-08-06",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }


ITEM = "msg_67ccd2bf17f0819081ff3bb2cf6508e60bb6a6b452d3795b"
USED = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 21,
}


def _message(text: str, status: str) -> dict[str, Any]:
    content = [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}] if text else []
    return {"id": ITEM, "type": "message", "status": status, "content": content, "role": "assistant"}


def _responses_stream(words: list[str]) -> tuple[bytes, ...]:
    """https://platform.openai.com/docs/api-reference/responses-streaming."""
    place = {"content_index": 0, "item_id": ITEM, "output_index": 0}
    empty = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    all_of_it = "".join(words)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response("in_progress", [], None)},
        {"type": "response.in_progress", "response": _response("in_progress", [], None)},
        {"type": "response.output_item.added", "item": _message("", "in_progress"), "output_index": 0},
        {"type": "response.content_part.added", **place, "part": empty},
        *(
            {"type": "response.output_text.delta", **place, "delta": text, "logprobs": [], "obfuscation": PAD[: n % 16]}
            for n, text in enumerate(words)
        ),
        {"type": "response.output_text.done", **place, "text": all_of_it, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": empty | {"text": all_of_it}},
        {"type": "response.output_item.done", "item": _message(all_of_it, "completed"), "output_index": 0},
        {"type": "response.completed", "response": _response("completed", [_message(all_of_it, "completed")], USED)},
    ]
    return _sse(*((event["type"], event | {"sequence_number": number}) for number, event in enumerate(events)))


COHERE = {
    "id": "c14c80c3-18eb-4519-9460-6c92edd8cfb4",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": TEXT}]},
    "usage": {
        "billed_units": {"input_tokens": 5, "output_tokens": 12},
        "tokens": {"input_tokens": 9, "output_tokens": 12},
    },
}
CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": TEXT}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 9, "outputTokens": 12, "totalTokens": 21},
    "metrics": {"latencyMs": 512},
}
UPSTREAMS: dict[str, tuple[tuple[bytes, ...], tuple[bytes, ...], tuple[bytes, ...]]] = {
    "demo": (whole(ANSWER), streamed(), _chat_stream(FEW)),
    "claude": (whole(SPOKEN), streamed_message(), _message_stream(FEW)),
    "gemini": (whole(_json(_gemini(TEXT, 12, finishReason="STOP"))), _gemini_stream(WORDS), _gemini_stream(FEW)),
    "converse": (whole(_json(CONVERSE)), _converse_stream(WORDS), _converse_stream(FEW)),
    "cohere": (whole(_json(COHERE)), _cohere_stream(WORDS), _cohere_stream(FEW)),
    "responses": (
        whole(_json(_response("completed", [_message(TEXT, "completed")], USED))),
        _responses_stream(WORDS),
        _responses_stream(FEW),
    ),
}
"""What each says, whole, as a stream and as a short one, by the names of their models."""


DIALECTS = ("chat", "messages", "gemini", "responses")


def asked(dialect: str, model: str, *, stream: bool) -> bytes:
    """Return a request of a client."""
    if dialect == "chat":
        return post(chat(200, model=model, stream=stream))
    if dialect == "messages":
        return post(chat(200, model=model, stream=stream, more=b'"max_tokens":1024,'), path=b"/v1/messages")
    words = ("what the client said " * 7)[:130]
    if dialect == "responses":
        body = {"model": model, "stream": stream, "store": False, "input": [{"role": "user", "content": words}]}
        return post(_json(body), path=b"/v1/responses")
    path = f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    return post(_json({"contents": [{"role": "user", "parts": [{"text": words}]}]}), path=path.encode())


KINDS = ("", " stream", " short", " burst")
"""What the names of an answer's kinds end in: see UPSTREAMS. A short stream comes in one read, as `bench pairs` has it,
and so does a burst, which is the long one.
"""
PAIRS = tuple(
    Scenario(f"{dialect} to {model}{kind}", asked(dialect, model, stream=bool(kind)), answer, config=CONFIG)
    for dialect in DIALECTS
    for model, answers in UPSTREAMS.items()
    for kind, answer in zip(KINDS, (*answers[:2], (b"".join(answers[2]),), (b"".join(answers[1]),)), strict=True)
)
