"""OpenAI's old completions as the upstream of a chat."""

import json
from typing import Any

import pytest

from tianji.errors import InvalidRequest, StreamFailed, UnsupportedParams, UpstreamProtocolError
from tianji.protocol.chat.answer import Usage
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.requests import read_request
from tianji.protocol.openai.variant import VariantOutbound
from tianji.protocol.vendors.old_completions import outbound

MESSAGES = [{"role": "system", "content": "Be nice."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
BASE = {"id": "cmpl-1", "object": "text_completion", "created": 7, "model": "x"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def asked(drop: bool = False, **more: Any) -> VariantOutbound:
    body = json.dumps({"model": "m", "messages": MESSAGES, **more}).encode()
    target = Target(provider="text-completion-openai", model="x", drop_params=drop)
    return outbound(read_request(body), target)


def sent(drop: bool = False, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked(drop, **more).body)
    return found


def test_a_conversation_is_one_text() -> None:
    assert asked().suffix == "/completions"
    assert sent() == {"model": "x", "prompt": "Be nice.\n\nHi"}


def test_what_both_have_goes_as_it_is() -> None:
    same: dict[str, Any] = {"n": 2, "stop": ["a"], "seed": 1, "temperature": 0.5, "logit_bias": {"1": 2}, "best_of": 3}
    assert sent(**same).items() >= same.items()
    assert sent(max_completion_tokens=5)["max_tokens"] == sent(max_tokens=5)["max_tokens"] == 5
    assert sent(stream=True)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("name", ["tools", "response_format", "logprobs"])
def test_what_it_lacks_is_refused_or_dropped(name: str) -> None:
    value = {"tools": [{"type": "function", "function": {"name": "f"}}], "logprobs": True}.get(name, {"type": "text"})
    with pytest.raises(UnsupportedParams) as refused:
        sent(**{name: value})
    assert refused.value.param == name
    assert name not in sent(True, **{name: value})


def test_a_picture_is_refused() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    with pytest.raises(InvalidRequest):
        sent(messages=[{"role": "user", "content": [picture]}])


def test_a_whole_answer() -> None:
    choices = [
        {"index": 0, "text": "Hello", "finish_reason": "length", "logprobs": None},
        {"index": 1, "text": "", "finish_reason": "stop"},
    ]
    found = asked(n=2).answer(json.dumps({**BASE, "choices": choices, "usage": USAGE}).encode())
    assert (found.id, found.object, found.created) == ("cmpl-1", "chat.completion", 7)
    told = [(one.index, one.message.role, one.message.content, one.finish_reason) for one in found.choices]
    assert told == [(0, "assistant", "Hello", "length"), (1, "assistant", "", "stop")]
    assert found.usage == Usage(**USAGE)


def test_a_stream() -> None:
    decoder = asked(stream=True).stream()
    chunks = []
    for text, reason in (("Hel", None), ("lo", None), ("", "stop")):
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
        chunks += decoder.event("", json.dumps({**BASE, "choices": [choice]}).encode())
    chunks += decoder.event("", json.dumps({**BASE, "choices": [], "usage": USAGE}).encode())
    chunks += decoder.event("", b"[DONE]")
    assert [one.choices[0].delta.content for one in chunks[:-1]] == ["Hel", "lo", ""]
    assert {one.object for one in chunks} == {"chat.completion.chunk"}
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == Usage(**USAGE)
    assert decoder.finished


def test_what_is_no_answer() -> None:
    with pytest.raises(StreamFailed):
        asked().answer(b'{"error": {"message": "no"}}')
    for body in (b"[]", b'{"choices": 1}', b'{"choices": [1]}', b"nothing"):
        with pytest.raises(UpstreamProtocolError):
            asked().answer(body)
