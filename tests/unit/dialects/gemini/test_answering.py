"""What a client of Google's reads."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.dialects.gemini import Gemini, error_body
from tianji.errors import RateLimited, TianjiError
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.outbound import GeminiOutbound

ASKED = b'{"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}'
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 7,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def gemini(streamed: bool = False, as_array: bool = False) -> Gemini:
    found = Gemini(ASKED, "m", streamed=streamed)
    found.as_array = as_array
    return found


def whole(finish_reason: str | None = "stop", **message: Any) -> Any:
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": None} | message}
    completion = {"id": "x1", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    return json.loads(gemini().answer(msgspec.convert(completion, Completion)))


def chunk(*, finish: str | None = None, usage: Any = None, index: int = 0, **delta: Any) -> Chunk:
    choices = [] if usage else [{"index": index, "delta": delta, "finish_reason": finish}]
    found = {"id": "x1", "created": 1, "model": "m", "choices": choices}
    return msgspec.convert(found | ({"usage": usage} if usage else {}), Chunk)


def frames(raw: bytes) -> list[Any]:
    assert raw.endswith(b"\r\n\r\n")
    return [json.loads(frame.removeprefix(b"data: ")) for frame in raw.split(b"\r\n\r\n")[:-1]]


def parts_of(answer: Any) -> Any:
    return answer["candidates"][0]["content"]["parts"]


def test_a_whole_answer() -> None:
    call = {"id": "c1__thought___-8", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    found = whole("tool_calls", content="so", reasoning_content="hm", tool_calls=[call])
    assert found == {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "so"},
                        {
                            "functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"},
                            "thoughtSignature": "/+8=",
                        },
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 2,
            "totalTokenCount": 17,
            "cachedContentTokenCount": 4,
            "thoughtsTokenCount": 5,
        },
        "modelVersion": "m",
        "responseId": "x1",
    }


@pytest.mark.parametrize(
    ("reason", "said"), [("stop", "STOP"), ("length", "MAX_TOKENS"), ("content_filter", "SAFETY"), (None, "STOP")]
)
def test_finish_reasons(reason: str | None, said: str) -> None:
    assert whole(reason, content="x")["candidates"][0]["finishReason"] == said


def test_how_likely_the_tokens_were() -> None:
    tokens = [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1.5}]}]
    tokens.append({"token": "c", "logprob": -1.0})
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "ac"}, "logprobs": {"content": tokens}}
    completion = msgspec.convert({"id": "x", "model": "m", "choices": [choice]}, Completion)
    (found,) = json.loads(gemini().answer(completion))["candidates"]
    assert found["avgLogprobs"] == -0.75
    assert found["logprobsResult"]["chosenCandidates"][1] == {"token": "c", "logProbability": -1.0}
    assert found["logprobsResult"]["topCandidates"][0] == {"candidates": [{"token": "b", "logProbability": -1.5}]}


def test_images_sounds_and_sources() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    citation = {"start_index": 2, "end_index": 4, "url": "https://e.org", "title": "e"}
    wave = whole(audio={"data": "UklGRiQAAABXQVZF"})
    assert parts_of(wave) == [{"inlineData": {"mimeType": "audio/wav", "data": "UklGRiQAAABXQVZF"}}]
    encoder = gemini(streamed=True).stream()
    pieces = [chunk(audio={"id": "a"}), chunk(audio={"data": "SUQz"}), chunk(audio={"data": "AAAA"})]
    heard = [part["inlineData"] for frame in frames(b"".join(map(encoder.chunk, pieces))) for part in parts_of(frame)]
    assert [(one["mimeType"], one["data"]) for one in heard] == [("audio/mpeg", "SUQz"), ("audio/mpeg", "AAAA")]
    found = whole(
        content="é: ja",
        images=[image],
        audio={"data": "AQ=="},
        annotations=[{"type": "url_citation", "url_citation": citation}],
    )
    assert parts_of(found)[1:] == [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQ=="}},
    ]
    assert found["candidates"][0]["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://e.org", "title": "e"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 5, "text": " j"}, "groundingChunkIndices": [0]}
        ],
    }


def test_signatures_of_others_come_back_to_the_letter() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "Ab_+/="},
        {"type": "redacted_thinking", "data": "??"},
    ]
    said = parts_of(whole(content="x", reasoning_content="hm", thinking_blocks=blocks))
    for part in said:  # clients decode and encode bytes anew, in the alphabet for URLs
        if "thoughtSignature" in part:
            part["thoughtSignature"] = part["thoughtSignature"].replace("+", "-").replace("/", "_")
    body = {"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": said}]}
    message = Gemini(json.dumps(body).encode(), "m", streamed=False).request.messages[-1]
    assert msgspec.to_builtins(message.thinking_blocks) == blocks
    assert message.reasoning_content == "hm"


def test_a_stream_of_events() -> None:
    encoder = gemini(streamed=True).stream()
    first = encoder.chunk(chunk(role="assistant", content="")) + encoder.chunk(chunk(reasoning_content="hm"))
    assert parts_of(frames(first)[0]) == [{"text": "hm", "thought": True}]
    assert parts_of(frames(encoder.chunk(chunk(content="so")))[0]) == [{"text": "so"}]
    assert encoder.chunk(chunk(finish="length")) == b""
    assert encoder.chunk(chunk(usage=USAGE)) == b""
    last = frames(encoder.end())
    assert last[0]["candidates"] == [
        {"content": {"parts": [], "role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}
    ]
    assert last[0]["usageMetadata"]["totalTokenCount"] == 17


def call_piece(index: int, arguments: str, **rest: Any) -> Any:
    return {"index": index, "function": {"arguments": arguments} | rest.pop("function", {}), **rest}


def test_calls_come_whole_and_as_soon_as_they_are() -> None:
    encoder = gemini(streamed=True).stream()
    named = {"function": {"name": "f"}, "id": "a", "type": "function"}
    assert encoder.chunk(chunk(tool_calls=[call_piece(0, '{"a"', **named)])) == b""
    assert encoder.chunk(chunk(tool_calls=[call_piece(0, ": 1}")])) == b""
    second = {"function": {"name": "g"}, "id": "b", "type": "function"}
    sent = encoder.chunk(chunk(tool_calls=[call_piece(1, "", **second)]))
    assert parts_of(frames(sent)[0]) == [{"functionCall": {"name": "f", "args": {"a": 1}, "id": "a"}}]
    encoder.chunk(chunk(finish="tool_calls"))
    assert parts_of(frames(encoder.end())[0]) == [{"functionCall": {"name": "g", "args": {}, "id": "b"}}]


def test_a_call_of_a_custom_tool_is_one_of_a_function() -> None:
    call = {"functionCall": {"name": "run", "args": {"arguments": "say one"}, "id": "a"}}
    custom = {"id": "a", "type": "custom", "custom": {"name": "run", "input": "say one"}}
    assert parts_of(whole("tool_calls", tool_calls=[custom])) == [call]
    encoder = gemini(streamed=True).stream()
    begun = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "run", "input": "say"}}
    encoder.chunk(chunk(tool_calls=[begun]))
    encoder.chunk(chunk(tool_calls=[{"index": 0, "custom": {"input": " one"}}], finish="tool_calls"))
    assert parts_of(frames(encoder.end())[0]) == [call]


def test_an_array_is_one_json_text() -> None:
    encoder = gemini(streamed=True, as_array=True).stream()
    raw = encoder.chunk(chunk(content="a")) + encoder.chunk(chunk(content="b")) + encoder.end()
    assert [parts_of(item) for item in json.loads(raw)] == [[{"text": "a"}], [{"text": "b"}], []]


@pytest.mark.parametrize("as_array", [False, True])
def test_a_stream_that_failed_ends_in_an_error_and_no_finish_reason(as_array: bool) -> None:
    encoder = gemini(streamed=True, as_array=as_array).stream()
    raw = encoder.chunk(chunk(content="a"))
    raw += encoder.failed({"message": "gone", "type": "upstream_error", "code": "502", "param": None})
    items = json.loads(raw) if as_array else frames(raw)
    assert items[-1] == {"error": {"code": 502, "message": "gone", "status": "UNAVAILABLE"}}
    assert b"finishReason" not in raw


def test_a_stream_that_failed_at_once() -> None:
    encoder = gemini(streamed=True, as_array=True).stream()
    assert json.loads(encoder.failed({"message": "m", "type": "rate_limit_error", "code": None, "status": 429})) == [
        {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}
    ]


def test_errors_have_googles_shape() -> None:
    error = RateLimited("slow down", limit_type="requests", retry_after=1, reset_at=None)
    assert json.loads(error_body(error)) == {
        "error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}
    }
    assert json.loads(error_body(TianjiError("odd \ud800")))["error"]["status"] == "INTERNAL"


PIECE = st.one_of(
    st.builds(lambda t: {"content": t}, st.text(max_size=4)),
    st.builds(lambda t: {"reasoning_content": t}, st.text(max_size=4)),
    st.builds(
        lambda i, a: {"tool_calls": [call_piece(i, a, id=f"c{i}", type="function", function={"name": "f"})]},
        st.integers(0, 2),
        st.sampled_from(["{}", "{", "}", '{"a": 1}', "1", ""]),
    ),
)


@given(st.lists(PIECE, max_size=8), st.booleans())
def test_any_stream_says_what_the_whole_says(pieces: list[Any], as_array: bool) -> None:
    chunks = [chunk(role="assistant"), *(chunk(**piece) for piece in pieces), chunk(finish="stop"), chunk(usage=USAGE)]
    encoder = gemini(streamed=True, as_array=as_array).stream()
    raw = b"".join(map(encoder.chunk, chunks)) + encoder.end()
    items = json.loads(raw) if as_array else frames(raw)
    completion = collect(chunks)
    assert completion
    expected = json.loads(gemini().answer(completion))
    said = [part for item in items for part in parts_of(item)]
    for thought in (True, None):
        assert "".join(p["text"] for p in said if "text" in p and p.get("thought") == thought) == "".join(
            p["text"] for p in parts_of(expected) if "text" in p and p.get("thought") == thought
        )
    if len({p["tool_calls"][0]["index"] for p in pieces if "tool_calls" in p}) < 2:
        assert [p for p in said if "functionCall" in p] == [p for p in parts_of(expected) if "functionCall" in p]
    assert items[-1]["usageMetadata"] == expected["usageMetadata"]


def test_what_google_said_comes_out_as_google_said_it() -> None:
    said = {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "so"},
                        {"functionCall": {"name": "f", "args": {"a": 1}, "id": "c1"}, "thoughtSignature": "c2ln"},
                    ],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 2,
            "totalTokenCount": 17,
            "cachedContentTokenCount": 4,
            "thoughtsTokenCount": 5,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r",
    }
    outbound = GeminiOutbound(gemini().request, Target(provider="gemini", model="gemini-2.5-flash"))
    assert json.loads(gemini().answer(outbound.answer(json.dumps(said).encode()))) == said
