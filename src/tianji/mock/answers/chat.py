"""OpenAI's /chat/completions and /completions, plain and streamed.

Prompt tokens are the whitespace-separated words of all text in the prompt, completion tokens the generated words.
Source of the forms: https://platform.openai.com/docs/api-reference/chat
"""

from typing import Any

import msgspec

from tianji.mock.faults import Call, Faults
from tianji.mock.json import CREATED, Json, encode, text_of
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, quarters, sample, seed_of


class Function(msgspec.Struct):
    """A tool's name and the schema of its arguments."""

    name: str = ""
    parameters: Json | None = None


class Tool(msgspec.Struct):
    """A tool, or the choice of one."""

    function: Function | None = None


class Schema(msgspec.Struct):
    """The schema of a structured answer."""

    schema: Json | None = None


class ResponseFormat(msgspec.Struct):
    """How the answer's text is to be built."""

    type: str = "text"
    json_schema: Schema | None = None


class ChatRequest(msgspec.Struct):
    """What the mock reads of a chat request."""

    model: str
    messages: list[Json]
    stream: bool | None = None
    stream_options: Json | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[Tool] | None = None
    tool_choice: str | Tool | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None


class CompletionRequest(msgspec.Struct):
    """What the mock reads of a text completion request."""

    model: str
    prompt: str | list[Any] = ""  # texts, token numbers, or lists of those
    stream: bool | None = None
    stream_options: Json | None = None
    n: int | None = None
    max_tokens: int | None = None
    echo: bool | None = None


class Piece(msgspec.Struct, frozen=True):
    """One choice of an answer: its tokens, why it ended, and the tool that it calls instead of speaking."""

    tokens: list[str]
    finish: str
    tool: str | None = None

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.tokens)


def usage(prompt: int, completion: int) -> Json:
    """Return the usage object."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def sse(payload: Any) -> bytes:
    """Frame one event."""
    return b"data: " + encode(payload) + b"\n\n"


DONE = b"data: [DONE]\n\n"
STREAM_ERROR = sse(
    {"error": {"message": "Mock error in mid-stream", "type": "server_error", "param": None, "code": "mock_error"}}
)


def chat(request: ChatRequest, faults: Faults) -> Answer:
    """Answer a chat request."""
    prompt = "\n".join(text_of(message.get("content")) for message in request.messages)
    seed = seed_of(request.model, prompt)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    pieces = [_piece(request, faults, seed + i, limit) for i in range(request.n or 1)]
    made = sum(len(piece.tokens) for piece in pieces)
    counted = usage(count_words(prompt), made)
    ident = f"chatcmpl-mock-{seed:08x}"
    base: Json = {"id": ident, "object": "chat.completion", "created": CREATED, "model": request.model}
    if not request.stream:
        choices = [
            {
                "index": i,
                "message": _message(piece, seed),
                "logprobs": _logprobs(piece.tokens) if request.logprobs else None,
                "finish_reason": piece.finish,
            }
            for i, piece in enumerate(pieces)
        ]
        body = base | {"choices": choices, "usage": counted, "system_fingerprint": "fp_mock"}
        return Answer(body=encode(body), tokens=made, request_id=f"req_{seed:08x}")
    base |= {"object": "chat.completion.chunk", "system_fingerprint": "fp_mock"}
    return _stream(base, _deltas(request, pieces, seed), request.stream_options, counted, made)


def _piece(request: ChatRequest, faults: Faults, seed: int, limit: int | None) -> Piece:
    called = faults.call or _wanted_call(request, seed)
    if called is not None:
        return Piece(quarters(encode(called.arguments).decode()), "tool_calls", called.name)
    wanted = request.response_format
    if wanted is not None and wanted.type in ("json_schema", "json_object"):
        schema = wanted.json_schema.schema if wanted.json_schema is not None else None
        default = {"type": "object", "properties": {"word": {"type": "string"}}}
        return Piece(quarters(encode(sample(schema or default, seed)).decode()), "stop")
    tokens, capped = generate(seed, faults, limit)
    return Piece(tokens, "length" if capped else "stop")


def _wanted_call(request: ChatRequest, seed: int) -> Call | None:
    """Return the call to make: the mock makes one where the request leaves it no choice."""
    tool = _chosen_tool(request)
    return None if tool is None else Call(tool.name, sample(tool.parameters or {"type": "object"}, seed))


def _chosen_tool(request: ChatRequest) -> Function | None:
    functions = [tool.function for tool in request.tools or () if tool.function is not None]
    choice = request.tool_choice
    if not functions or choice in (None, "auto", "none"):
        return None
    if isinstance(choice, Tool) and choice.function is not None:
        for function in functions:
            if function.name == choice.function.name:
                return function
    return functions[0]


def _message(piece: Piece, seed: int) -> Json:
    if piece.tool is None:
        return {"role": "assistant", "content": piece.text, "refusal": None, "annotations": []}
    function = {"name": piece.tool, "arguments": piece.text}
    call = {"id": f"call_{seed:08x}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}


def _logprobs(tokens: list[str]) -> Json:
    return {
        "content": [
            {"token": token, "logprob": -0.25, "bytes": list(token.encode()), "top_logprobs": []} for token in tokens
        ],
        "refusal": None,
    }


def _deltas(request: ChatRequest, pieces: list[Piece], seed: int) -> tuple[list[Json], list[Json], list[Json]]:
    """Return the choices of the opening, the token and the ending chunks."""
    opening, tokens, ending = [], [], []
    for i, piece in enumerate(pieces):
        first: Json = {"role": "assistant", "content": "", "refusal": None}
        if piece.tool is not None:
            call = {"index": 0, "id": f"call_{seed:08x}", "type": "function"}
            first = {
                "role": "assistant",
                "content": None,
                "tool_calls": [call | {"function": {"name": piece.tool, "arguments": ""}}],
            }
        opening.append({"index": i, "delta": first, "logprobs": None, "finish_reason": None})
        for token in piece.tokens:
            delta: Json = {"content": token}
            if piece.tool is not None:
                delta = {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}
            logprobs = _logprobs([token]) if request.logprobs else None
            tokens.append({"index": i, "delta": delta, "logprobs": logprobs, "finish_reason": None})
        ending.append({"index": i, "delta": {}, "logprobs": None, "finish_reason": piece.finish})
    return opening, tokens, ending


def _stream(
    base: Json,
    choices: tuple[list[Json], list[Json], list[Json]],
    options: Json | None,
    counted: Json,
    made: int,
) -> Answer:
    opening, tokens, ending = choices
    with_usage = bool((options or {}).get("include_usage"))
    rest: Json = {"usage": None} if with_usage else {}
    events = [sse(base | {"choices": [choice]} | rest) for choice in (*opening, *tokens, *ending)]
    if with_usage:
        events.append(sse(base | {"choices": [], "usage": counted}))
    return Answer(
        events=(*events, DONE),
        paced=(len(opening), len(opening) + len(tokens)),
        closing=1,
        tokens=made,
        error_event=STREAM_ERROR,
        request_id=f"req_{base['id'][-8:]}",
    )


def completion(request: CompletionRequest, faults: Faults) -> Answer:
    """Answer a text completion request: `n` choices for each prompt."""
    prompts = _prompts(request.prompt)
    seed = seed_of(request.model, *prompts)
    texts = []
    for number, prompt in enumerate(prompts):
        for i in range(request.n or 1):
            tokens, capped = generate(seed + number * 7 + i, faults, request.max_tokens)
            texts.append(Piece([prompt, *tokens] if request.echo else tokens, "length" if capped else "stop"))
    made = sum(len(piece.tokens) - bool(request.echo) for piece in texts)
    counted = usage(sum(map(count_words, prompts)), made)
    base: Json = {"id": f"cmpl-mock-{seed:08x}", "object": "text_completion", "created": CREATED}
    base["model"] = request.model
    if not request.stream:
        choices = [
            {"index": i, "text": piece.text, "logprobs": None, "finish_reason": piece.finish}
            for i, piece in enumerate(texts)
        ]
        body = base | {"choices": choices, "usage": counted}
        return Answer(body=encode(body), tokens=made, request_id=f"req_{seed:08x}")
    speech = [
        {"index": i, "text": token, "logprobs": None, "finish_reason": None}
        for i, piece in enumerate(texts)
        for token in piece.tokens
    ]
    ending = [{"index": i, "text": "", "logprobs": None, "finish_reason": p.finish} for i, p in enumerate(texts)]
    return _stream(base, ([], speech, ending), request.stream_options, counted, made)


def _prompts(prompt: Any) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    if prompt and isinstance(prompt[0], int):
        return [" ".join(map(str, prompt))]
    return [p if isinstance(p, str) else " ".join(map(str, p)) for p in prompt] or [""]
