"""Bedrock's Converse and ConverseStream.

Source of the forms: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and, for the
framing, https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
"""

import struct
import zlib

import msgspec

from tianji.mock.faults import Call, Faults
from tianji.mock.json import Json, encode
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, sample, seed_of

STREAM_TYPE = b"application/vnd.amazon.eventstream"


class ConverseRequest(msgspec.Struct, rename="camel"):
    """What the mock reads of a request."""

    messages: list[Json]
    system: list[Json] | None = None
    inference_config: Json | None = None
    tool_config: Json | None = None


def converse(model: str, request: ConverseRequest, faults: Faults) -> Answer:
    """Answer in one piece."""
    read, pieces, tool, stop = _said(model, request, faults)
    block: Json = {"text": "".join(pieces)} if tool is None else {"toolUse": tool}
    body = {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": stop,
        "usage": _usage(read, len(pieces)),
        "metrics": {"latencyMs": 1},
    }
    return Answer(body=encode(body), tokens=len(pieces))


def streamed(model: str, request: ConverseRequest, faults: Faults) -> Answer:
    """Answer token by token, as an event stream."""
    read, pieces, tool, stop = _said(model, request, faults)
    opened: list[bytes] = [event("messageStart", {"role": "assistant"})]
    if tool is None:
        deltas: list[Json] = [{"text": piece} for piece in pieces]
    else:
        start = {"toolUse": {name: tool[name] for name in ("toolUseId", "name")}}
        opened.append(event("contentBlockStart", {"contentBlockIndex": 0, "start": start}))
        deltas = [{"toolUse": {"input": encode(tool["input"]).decode()}}]
    said = [event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}) for delta in deltas]
    closing = (
        event("messageStop", {"stopReason": stop}),
        event("metadata", {"usage": _usage(read, len(pieces)), "metrics": {"latencyMs": 1}}),
    )
    return Answer(
        events=(*opened, *said, event("contentBlockStop", {"contentBlockIndex": 0}), *closing),
        paced=(len(opened), len(opened) + len(said)),
        closing=len(closing),
        tokens=len(pieces),
        error_event=message(
            {":message-type": "exception", ":exception-type": "throttlingException"},
            encode({"message": "Mock error in mid-stream"}),
        ),
        stream_type=STREAM_TYPE,
    )


def error_body(message: str) -> bytes:
    """Return an error answer in Bedrock's shape."""
    return encode({"message": message})


def event(name: str, payload: Json) -> bytes:
    """Return an event of the stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, encode(payload))


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Return a message of the AWS event stream; all header values are text."""
    written = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(written) + len(payload), len(written))
    checked = prelude + struct.pack(">I", zlib.crc32(prelude)) + written + payload
    return checked + struct.pack(">I", zlib.crc32(checked))


def _said(model: str, request: ConverseRequest, faults: Faults) -> tuple[int, list[str], Json | None, str]:
    """Return the tokens of the prompt, the texts, the call if there is one, and why it ends."""
    blocks = [*(request.system or []), *(block for turn in request.messages for block in turn.get("content") or [])]
    prompt = "\n".join(block["text"] for block in blocks if isinstance(block.get("text"), str))
    seed = seed_of(model, prompt)
    read = count_words(prompt)
    called = faults.call or _wanted_call(request, seed)
    if called is not None:
        tool = {"toolUseId": f"tooluse_{seed:08x}", "name": called.name, "input": called.arguments}
        return read, [""], tool, "tool_use"
    tokens, capped = generate(seed, faults, (request.inference_config or {}).get("maxTokens"))
    return read, tokens, None, "max_tokens" if capped else "end_turn"


def _usage(read: int, made: int) -> Json:
    return {"inputTokens": read, "outputTokens": made, "totalTokens": read + made}


def _wanted_call(request: ConverseRequest, seed: int) -> Call | None:
    config = request.tool_config or {}
    choice = config.get("toolChoice") or {}
    specs = [tool["toolSpec"] for tool in config.get("tools") or [] if "toolSpec" in tool]
    if not specs or not ("any" in choice or "tool" in choice):
        return None
    wanted = (choice.get("tool") or {}).get("name")
    spec: Json = next((spec for spec in specs if spec.get("name") == wanted), specs[0])
    schema = (spec.get("inputSchema") or {}).get("json") or {"type": "object"}
    return Call(spec.get("name", ""), sample(schema, seed))
