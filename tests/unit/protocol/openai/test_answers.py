"""Answers in OpenAI's form, as upstreams really write them."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import UpstreamProtocolError
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.openai.answers import OpenAIOutbound

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choices", "delta", "usage", "x"]), inner)
    ),
    max_leaves=12,
)


def outbound() -> OpenAIOutbound:
    return OpenAIOutbound(b"{}", "/chat/completions", Target(provider="some", model="m"))


def test_what_others_write_as_null_and_call_otherwise() -> None:
    message = {"content": None, "tool_calls": None, "reasoning": "hm", "refusal": None, "audio": None}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens_details": None}}
    completion = outbound().answer(msgspec.json.encode(body))
    told = msgspec.json.decode(msgspec.json.encode(completion))["choices"][0]["message"]
    assert told == {"role": "assistant", "content": None, "reasoning_content": "hm"}


def test_usage_comes_once_and_last_wherever_it_stood() -> None:
    decoder = outbound().stream()
    early = b'{"id":"1","choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
    (first,) = decoder.event("", early)
    assert not first.usage
    assert (decoder.finished, decoder.done) == (True, False)
    assert list(decoder.event("", b'{"choices":[],"prompt_filter_results":[]}')) == []
    (last,) = decoder.event("", b"[DONE]")
    assert last.choices == []
    assert last.usage
    assert last.usage.prompt_tokens == 3
    assert decoder.done
    assert list(decoder.end()) == []


@pytest.mark.parametrize(("name", "payload"), [("", b'{"error":{"message":"x"},"choices":[]}'), ("error", b"anything")])
def test_an_error_in_the_stream(name: str, payload: bytes) -> None:
    with pytest.raises(StreamFailed) as failure:
        list(outbound().stream().event(name, payload))
    assert failure.value.payload == payload


OTHERWISE: Any = {
    "prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "prompt_cache_hit_tokens": 60,
    "prompt_cache_miss_tokens": 40, "prompt_tokens_details": {"cache_write_tokens": 7}, "cost": 0.25,
    "cost_in_usd_ticks": 12,
}  # fmt: skip


def test_counts_by_other_names() -> None:
    choices = [{"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]
    body = {"id": "x", "created": 1, "model": "m", "choices": choices, "usage": OTHERWISE}
    decoder = outbound().stream()
    chunk = body | {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    list(decoder.event("", msgspec.json.encode(chunk)))
    (last,) = decoder.end()
    for usage in (outbound().answer(msgspec.json.encode(body)).usage, last.usage):
        assert json.loads(msgspec.json.encode(usage)) == {
            "prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "cost": 0.25, "cost_in_usd_ticks": 12,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_tokens": 7},
        }  # fmt: skip


@given(st.binary(max_size=200) | json_values.map(msgspec.json.encode))
def test_no_answer_is_too_strange(body: bytes) -> None:
    decoder = outbound().stream()
    for read in (outbound().answer, lambda text: list(decoder.event("", text))):
        with contextlib.suppress(UpstreamProtocolError, StreamFailed):
            read(body)
    list(decoder.end())
