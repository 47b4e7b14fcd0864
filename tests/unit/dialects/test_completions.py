"""OpenAI's old completions over models of chat."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dialects.said import Said, answers, in_order, streams

from tianji.dialects.completions import Completions, inbound
from tianji.errors import InvalidRequest, MalformedJSON, TianjiError
from tianji.protocol.chat.answer import AnswerMessage, Choice, Chunk, ChunkChoice, Completion, Delta
from tianji.protocol.openai.requests import write_request

ASK = {"model": "m", "prompt": "one two"}
LOGPROBS = {"content": [{"token": "a ", "logprob": -1.0, "top_logprobs": [{"token": "a ", "logprob": -1.0}]}]}


def asked(**more: Any) -> Completions:
    return inbound(json.dumps({**ASK, **more}).encode(), "m", bool(more.get("stream")))


def events(encoder: Any, chunks: list[Chunk]) -> list[Any]:
    raw = b"".join(map(encoder.chunk, chunks)) + encoder.end()
    *told, last = [line.removeprefix(b"data: ") for line in raw.split(b"\n\n") if line]
    assert last == b"[DONE]"
    return [json.loads(one) for one in told]


def test_a_prompt_is_what_a_user_says() -> None:
    made = asked(temperature=0.5, stop=["x"], n=2, logprobs=3, own=1, user="u", stream=True)
    assert json.loads(write_request(made.request)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "one two"}],
        "stream": True,
        "temperature": 0.5,
        "stop": ["x"],
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "user": "u",
        "own": 1,
    }
    assert asked(prompt=["alone"]).request.messages[0].content == "alone"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"temperature": "warm"}, "temperature"),
        ({"echo": 3}, "echo"),
    ],
)
def test_what_chat_cannot_do_is_refused(more: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**more)
    assert caught.value.param == param


def test_what_is_no_request() -> None:
    with pytest.raises(MalformedJSON):
        inbound(b"{", "m", False)
    with pytest.raises(InvalidRequest):
        inbound(b"{}", "m", False)


@given(answers())
def test_a_whole_answer_is_its_text(said: Said) -> None:
    told = json.loads(asked().answer(said.whole()))
    assert told["object"] == "text_completion"
    assert told["usage"]["total_tokens"] == 17
    assert told["choices"] == [{"index": 0, "text": said.text, "logprobs": None, "finish_reason": said.finish}]


@given(streams(), st.booleans())
def test_chunks_say_what_a_whole_answer_does(found: tuple[Said, list[Chunk]], echo: bool) -> None:
    said, chunks = found
    made = asked(stream=True, echo=echo, stream_options={"include_usage": True})
    told = events(made.stream(), chunks)
    whole = json.loads(made.answer(said.whole()))
    *pieces, last = told
    assert "".join(choice["text"] for piece in pieces for choice in piece["choices"]) == whole["choices"][0]["text"]
    reasons = [choice["finish_reason"] for piece in pieces for choice in piece["choices"]]
    assert [reason for reason in reasons if reason] == [said.finish]
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    assert all("usage" not in piece for piece in pieces)


def test_usage_only_for_who_asked() -> None:
    told = events(asked(stream=True).stream(), in_order(Said(text="abc")))
    assert all("usage" not in one for one in told)


def test_tokens_say_where_they_stand() -> None:
    whole = Completion(choices=[Choice(message=AnswerMessage(content="a "), finish_reason="stop", logprobs=LOGPROBS)])
    expected = {"tokens": ["a "], "token_logprobs": [-1.0], "top_logprobs": [{"a ": -1.0}], "text_offset": [0]}
    assert json.loads(asked(logprobs=1).answer(whole))["choices"][0]["logprobs"] == expected
    encoder = asked(logprobs=1, stream=True).stream()
    assert not encoder.repeats
    piece = Chunk(choices=[ChunkChoice(delta=Delta(content="a "), logprobs=LOGPROBS)])
    told = events(encoder, [piece, piece])
    assert [one["choices"][0]["logprobs"]["text_offset"] for one in told] == [[0], [2]]


def test_a_broken_stream_ends_with_an_error() -> None:
    told = asked(stream=True).stream().failed({"message": "cut", "type": "t", "status": 502})
    assert json.loads(told.removeprefix(b"data: "))["error"]["message"] == "cut"


_json = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=4)
_names = st.sampled_from(["model", "prompt", "stop", "n", "logprobs", "echo", "stream_options", "logit_bias", "x"])


@given(st.binary(max_size=60) | st.dictionaries(_names, _json).map(msgspec.json.encode))
def test_nothing_but_our_errors(body: bytes) -> None:
    try:
        made = inbound(body, "m", False)
    except TianjiError:
        return
    write_request(made.request)
