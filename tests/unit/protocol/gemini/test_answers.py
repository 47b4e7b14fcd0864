"""What a client is told, for what Google said."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.errors import UpstreamProtocolError
from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Message, Request
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.gemini.outbound import GeminiOutbound

FIXTURES = Path(__file__).parents[3] / "contract" / "fixtures" / "gemini"
TARGET = Target(provider="gemini", model="gemini-2.5-flash")


def outbound() -> GeminiOutbound:
    return GeminiOutbound(Request(model="m", messages=[Message(role="user", content="hi")]), TARGET, ManualClock())


def read(events: list[Any]) -> list[Chunk]:
    decoder = outbound().stream()
    chunks = [chunk for event in events for chunk in decoder.event("", json.dumps(event).encode())]
    assert decoder.finished
    return [*chunks, *decoder.end()]


def whole(**candidate: Any) -> Completion:
    return outbound().answer(json.dumps({"candidates": [candidate], "responseId": "r"}).encode())


def parts(*given: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"content": {"parts": list(given), "role": "model"}, "finishReason": "STOP"} | rest


def plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def events_of(name: str) -> list[Any]:
    found: list[Any] = json.loads((FIXTURES / f"{name}.json").read_text())["events"]
    return found


def test_a_recorded_stream_with_search() -> None:
    fixture = json.loads((FIXTURES / "grounded.json").read_text())
    chunks = read(fixture["events"])
    expected = fixture["answer"]
    found = collect(chunks)
    assert found is not None
    message = found.choices[0].message
    assert (found.id, found.model) == (expected["id"], expected["model"])
    assert message.content == expected["content"]
    assert message.reasoning_content == expected["reasoning_content"]
    assert message.annotations == expected["annotations"]
    assert found.choices[0].finish_reason == expected["finish_reason"]
    assert plain(found.usage) == expected["usage"]
    assert chunks[-1].choices == []
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]


def test_calls_are_numbered_over_the_whole_stream_and_carry_signatures() -> None:
    chunks = read(events_of("calls"))
    found = collect(chunks)
    assert found is not None
    calls = found.choices[0].message.tool_calls
    assert calls
    assert [(call.function.name, call.function.arguments) for call in calls if call.function] == [
        ("light", '{"on":true}'),
        ("music", "{}"),
        ("light", '{"on":false}'),
    ]
    assert tool_ids.split(calls[0].id) == ("f1", "YWI/Pw==")
    assert calls[0].provider_specific_fields == {"thought_signature": "YWI/Pw=="}
    assert calls[1].id.startswith("call_")
    assert len({call.id for call in calls}) == 3
    assert found.choices[0].finish_reason == "tool_calls"
    assert plain(found.usage) == {
        "prompt_tokens": 100,
        "completion_tokens": 28,
        "total_tokens": 128,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 8},
        "cache_read_input_tokens": 60,
    }


@pytest.mark.parametrize("name", ["grounded", "calls"])
def test_a_stream_says_what_the_same_answer_says_in_one_piece(name: str) -> None:
    events = events_of(name)
    given: list[Any] = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    for at, part in enumerate(given):
        if call := part.get("functionCall"):
            call.setdefault("id", f"f{at}")
    last = events[-1]
    one = last | {"candidates": [last["candidates"][0] | {"content": {"parts": given}}]}
    assert outbound().answer(json.dumps(one).encode()) == collect(read(events))


@pytest.mark.parametrize(
    ("said", "reason"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("MALFORMED_FUNCTION_CALL", "stop")],
)
def test_finish_reasons(said: str, reason: str) -> None:
    found = whole(finishReason=said).choices[0]
    assert found.finish_reason == reason
    kept = found.message.provider_specific_fields or {}
    assert kept.get("native_finish_reason") == (None if said in ("STOP", "MAX_TOKENS") else said)


def test_a_refused_prompt_is_a_filtered_answer() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    found = outbound().answer(json.dumps(body).encode())
    assert found.choices[0].finish_reason == "content_filter"
    assert found.choices[0].message.provider_specific_fields == {"prompt_feedback": {"blockReason": "SAFETY"}}
    assert found.usage
    assert found.usage.prompt_tokens == 4
    decoder = outbound().stream()
    assert not list(decoder.event("", json.dumps(body).encode()))
    assert decoder.finished


def test_images_sounds_and_programs() -> None:
    message = (
        whole(
            **parts(
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AQI="}},
                {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
                {"text": "done", "thoughtSignature": "c2ln"},
            )
        )
        .choices[0]
        .message
    )
    assert message.images == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    assert message.audio
    assert message.audio["data"] == "AQI="
    assert message.provider_specific_fields == {
        "executable_code": [{"language": "PYTHON", "code": "print(1)"}],
        "code_execution_results": [{"outcome": "OUTCOME_OK", "output": "1"}],
        "thought_signatures": ["c2ln"],
    }


def test_pieces_of_sound_are_joined() -> None:
    events = [
        {"candidates": [parts({"inlineData": {"mimeType": "audio/pcm", "data": "AQ=="}}, finishReason=None)]},
        {"candidates": [parts({"inlineData": {"mimeType": "audio/pcm", "data": "AgM="}})]},
    ]
    found = collect(read(events))
    assert found
    assert found.choices[0].message.audio
    assert found.choices[0].message.audio["data"] == "AQID"


def test_log_probabilities() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e"}]}],
    }
    choice = whole(**parts({"text": "é"}, logprobsResult=result, avgLogprobs=-0.5)).choices[0]
    assert (choice.message.provider_specific_fields or {})["avg_logprobs"] == -0.5
    assert choice.logprobs == {
        "content": [
            {
                "token": "é",
                "logprob": -0.5,
                "bytes": [195, 169],
                "top_logprobs": [
                    {"token": "é", "logprob": -0.5, "bytes": [195, 169]},
                    {"token": "e", "logprob": -9999.0, "bytes": [101]},
                ],
            }
        ],
        "refusal": None,
    }


@pytest.mark.parametrize(
    ("meta", "prompt", "completion"),
    [
        ({"promptTokenCount": 9, "candidatesTokenCount": 7, "thoughtsTokenCount": 5, "totalTokenCount": 16}, 9, 7),
        ({"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 5, "totalTokenCount": 16}, 9, 7),
        ({"promptTokenCount": 9, "toolUsePromptTokenCount": 3, "candidatesTokenCount": 1}, 12, 1),
    ],
)
def test_thoughts_are_counted_once(meta: dict[str, int], prompt: int, completion: int) -> None:
    body = json.dumps({"candidates": [parts({"text": "x"})], "usageMetadata": meta}).encode()
    usage = outbound().answer(body).usage
    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (
        prompt,
        completion,
        prompt + completion,
    )


def test_what_came_from_the_cache_is_taken_out_of_the_modalities() -> None:
    meta = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 70,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 60}, {"modality": "IMAGE", "tokenCount": 40}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 60}, {"modality": "IMAGE", "tokenCount": 10}],
    }
    usage = outbound().answer(json.dumps({"candidates": [parts()], "usageMetadata": meta}).encode()).usage
    assert usage
    assert plain(usage.prompt_tokens_details) == {"cached_tokens": 70, "image_tokens": 30}


@pytest.mark.parametrize("payload", [{"error": {"code": 429, "message": "slow down"}}, [{"error": {"code": 500}}]])
def test_an_error_in_the_stream(payload: Any) -> None:
    raw = json.dumps(payload).encode()
    with pytest.raises(StreamFailed) as caught:
        list(outbound().stream().event("", raw))
    assert caught.value.payload == raw


def test_a_stream_that_is_cut_is_not_finished() -> None:
    decoder = outbound().stream()
    assert not decoder.finished
    list(decoder.event("", json.dumps({"candidates": [parts({"text": "a"}, finishReason=None)]}).encode()))
    assert not decoder.finished


def test_a_broken_answer_names_the_provider_and_no_secret() -> None:
    with pytest.raises(UpstreamProtocolError, match="gemini sent an answer") as caught:
        outbound().answer(b'{"candidates": 7, "key": "AIzaSyD-0123456789abcdefghij"}')
    assert "AIza" not in caught.value.message
    with pytest.raises(UpstreamProtocolError, match="no candidates"):
        outbound().answer(b"{}")


MEMBERS = re.findall(
    r"\S+",
    """candidates content parts text functionCall args name inlineData data finishReason groundingMetadata
    groundingSupports segment startIndex endIndex groundingChunkIndices groundingChunks web uri usageMetadata
    promptTokenCount logprobsResult chosenCandidates topCandidates thoughtSignature error promptFeedback blockReason
    index""",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_no_bytes_crash_the_decoder(payload: bytes) -> None:
    decoder = outbound().stream()
    try:
        msgspec.json.encode([*decoder.event("", payload), *decoder.end()])
    except (UpstreamProtocolError, StreamFailed):
        assert not decoder.finished


SPOKEN = st.one_of(
    st.builds(lambda text: {"text": text}, st.text(max_size=5)),
    st.builds(lambda text: {"text": text, "thought": True}, st.text(max_size=5)),
    st.builds(lambda name, at: {"functionCall": {"name": name, "args": {}, "id": f"c{at}"}}, st.text(), st.integers()),
    st.builds(lambda kind: {"inlineData": {"mimeType": kind, "data": "AQID"}}, st.just("image/png")),
)


@given(st.lists(SPOKEN, max_size=8), st.data())
def test_however_an_answer_is_cut_it_says_the_same(said: list[dict[str, Any]], data: st.DataObject) -> None:
    at = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=4)))
    pieces = [said[a:b] for a, b in zip([0, *at], [*at, len(said)], strict=True)]
    events = [{"candidates": [parts(*piece, finishReason=None)], "responseId": "r"} for piece in pieces]
    events.append({"candidates": [{"finishReason": "STOP"}], "responseId": "r"})
    assert collect(read(events)) == whole(**parts(*said))
