"""Google's generateContent, streamGenerateContent and countTokens.

Source of the forms: https://ai.google.dev/api/generate-content and https://ai.google.dev/api/tokens
"""

from typing import Any

import msgspec

from tianji.mock.faults import Call, Faults
from tianji.mock.json import Json, encode
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, quarters, sample, seed_of

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ContentRequest(msgspec.Struct, rename="camel"):
    """What the mock reads of a request."""

    contents: list[Json]
    system_instruction: Json | None = None
    tools: list[Json] | None = None
    tool_config: Json | None = None
    generation_config: Json | None = None


def _prompt(request: ContentRequest) -> str:
    turns = [request.system_instruction or {}, *request.contents]
    parts = [part for turn in turns for part in turn.get("parts") or []]
    return "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))


def content(model: str, request: ContentRequest, faults: Faults) -> Answer:
    """Answer in one piece."""
    pieces, finish, read, made = _said(model, request, faults)
    parts = pieces if finish == "CALL" else [{"text": "".join(piece["text"] for piece in pieces)}]
    body = _answer(model, read, made, parts, "STOP" if finish == "CALL" else finish)
    return Answer(body=encode(body), tokens=made, request_id=body["responseId"])


def streamed(model: str, request: ContentRequest, faults: Faults) -> Answer:
    """Answer token by token, as server-sent events; the last one says why it ends."""
    pieces, finish, read, made = _said(model, request, faults)
    texts = [_event(_answer(model, read, at + 1, [piece], None)) for at, piece in enumerate(pieces)]
    last = _answer(model, read, made, [{"text": ""}], "STOP" if finish == "CALL" else finish)
    return Answer(
        events=(*texts, _event(last)),
        paced=(0, len(texts)),
        closing=1,
        tokens=made,
        error_event=_event(_error(503, "Mock error in mid-stream")),
        request_id=last["responseId"],
    )


def count_tokens(request: ContentRequest) -> Answer:
    """Answer with the prompt's words."""
    return Answer(body=encode({"totalTokens": count_words(_prompt(request))}))


def error_body(status: int, message: str) -> bytes:
    """Return an error answer in Google's shape."""
    return encode(_error(status, message))


def _error(status: int, message: str) -> Json:
    word = STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": status, "message": message, "status": word}}


def _event(value: Json) -> bytes:
    return b"data: %b\r\n\r\n" % encode(value)


def _said(model: str, request: ContentRequest, faults: Faults) -> tuple[list[Json], str, int, int]:
    """Return the parts, why they end (CALL for a call), the tokens of the prompt and those of the answer."""
    prompt = _prompt(request)
    seed = seed_of(model, prompt)
    config = request.generation_config or {}
    read = count_words(prompt)
    call = faults.call or _wanted_call(request, seed)
    if call is not None:
        called = {"name": call.name, "args": call.arguments, "id": f"call_{seed:08x}"}
        return [{"functionCall": called, "thoughtSignature": "bW9jaw=="}], "CALL", read, 1
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema is not None:
        said = quarters(encode(sample(schema, seed)).decode())
        return [{"text": piece} for piece in said], "STOP", read, len(said)
    tokens, capped = generate(seed, faults, config.get("maxOutputTokens"))
    return [{"text": token} for token in tokens], "MAX_TOKENS" if capped else "STOP", read, len(tokens)


def _answer(model: str, read: int, made: int, parts: list[Json], finish: str | None) -> dict[str, Any]:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": read,
            "candidatesTokenCount": made,
            "totalTokenCount": read + made,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": read}],
        },
        "modelVersion": model,
        "responseId": f"mock-{seed_of(model, str(read)):08x}",
    }


def _wanted_call(request: ContentRequest, seed: int) -> Call | None:
    calling = (request.tool_config or {}).get("functionCallingConfig") or {}
    functions = [one for tool in request.tools or [] for one in tool.get("functionDeclarations") or []]
    if calling.get("mode") != "ANY" or not functions:
        return None
    allowed = calling.get("allowedFunctionNames") or [functions[0].get("name")]
    function: Json = next((one for one in functions if one.get("name") in allowed), functions[0])
    schema = function.get("parametersJsonSchema") or function.get("parameters") or {"type": "object"}
    return Call(function.get("name", ""), sample(schema, seed))
