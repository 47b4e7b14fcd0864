"""Ollama's chat: what it is asked, and what a client is told."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.errors import InvalidRequest, UnsupportedParams, UpstreamProtocolError
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.vendors.ollama import OllamaOutbound
from tianji.protocol.vendors.think_tags import ThinkTags
from tianji.providers import build

FUNCTION = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
ENDED = {"done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}


def outbound(model: str = "llama3.2", drop: bool = False, **members: Any) -> OllamaOutbound:
    members.setdefault("messages", [{"role": "user", "content": "hi"}])
    target = Target(provider="ollama_chat", model=model, drop_params=drop)
    known = {name: value for name, value in members.items() if name in Request.__struct_fields__}
    extra = {name: value for name, value in members.items() if name not in known}
    request = msgspec.convert({"model": "m", **known, "extra": extra or None}, Request)
    return OllamaOutbound(request, target, ManualClock())


def body(**members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outbound(**members).body)
    return found


def answered(*lines: Any, model: str = "llama3.2") -> Any:
    decoder = outbound(model).stream()
    chunks = [chunk for line in lines for chunk in decoder.event("", json.dumps(line).encode())]
    return collect([*chunks, *decoder.end()])


def test_a_small_request() -> None:
    assert body() == {"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    assert body(stream=True)["stream"] is True


def test_parameters_are_options() -> None:
    found = body(
        max_completion_tokens=7, temperature=0.5, stop="x", seed=1, top_p=0.9, num_ctx=8192, keep_alive="5m", n=1
    )
    assert found["options"] == {
        "num_predict": 7, "temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["x"], "num_ctx": 8192
    }  # fmt: skip
    assert found["keep_alive"] == "5m"


def test_a_conversation_with_tools_and_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAEC"}}
    found = body(
        tools=[FUNCTION],
        messages=[
            {"role": "developer", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "hm"},
            {"role": "tool", "tool_call_id": "call_1", "content": "r"},
        ],
    )
    assert found["tools"] == [FUNCTION]
    assert found["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "see", "images": ["AAEC"]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}],
        },
        {"role": "tool", "content": "r", "tool_name": "f"},
    ]
    assert "tools" not in body(tools=[FUNCTION], tool_choice="none")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}, {"type": "object"}),
        ({"type": "text"}, None),
    ],
)
def test_structured_answers(form: Any, said: Any) -> None:
    assert body(response_format=form).get("format") == said


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [
        ("qwen3", "high", True),
        ("qwen3", "none", False),
        ("gpt-oss:20b", "minimal", "low"),
        ("gpt-oss", "xhigh", "high"),
    ],
)
def test_thinking(model: str, effort: str, said: Any) -> None:
    assert json.loads(outbound(model, reasoning_effort=effort).body)["think"] == said


@pytest.mark.parametrize(
    "members", [{"logit_bias": {"1": 1}}, {"tools": [FUNCTION], "tool_choice": "required"}, {"n": 2}]
)
def test_what_it_lacks(members: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParams):
        outbound(**members)
    assert outbound(drop=True, **members)


def test_images_elsewhere_cannot_be_shown() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    with pytest.raises(InvalidRequest, match="data URLs only"):
        outbound(messages=[{"role": "user", "content": [image]}])


def test_a_whole_answer_says_what_its_stream_says() -> None:
    message = {"role": "assistant", "content": "a b", "thinking": "hm"}
    found = outbound().answer(json.dumps({"message": message, **ENDED}).encode())
    streamed = answered(
        {"message": {"content": "", "thinking": "hm"}, "done": False},
        {"message": {"content": "a "}, "done": False},
        {"message": {"content": "b"}, "done": False},
        {"message": {"content": ""}, **ENDED},
    )
    assert found.choices == streamed.choices
    assert found.usage == streamed.usage
    assert found.choices[0].message.reasoning_content == "hm"
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (5, 2)


def test_calls_have_ids_and_are_numbered() -> None:
    calls = [{"function": {"name": name, "arguments": {"x": 1}}} for name in "fg"]
    found = answered({"message": {"tool_calls": calls[:1]}}, {"message": {"tool_calls": calls[1:]}, **ENDED})
    choice = found.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [call.function.name for call in choice.message.tool_calls] == ["f", "g"]
    assert [json.loads(call.function.arguments) for call in choice.message.tool_calls] == [{"x": 1}, {"x": 1}]
    assert len({call.id for call in choice.message.tool_calls}) == 2


@pytest.mark.parametrize(("said", "reason"), [("load", "stop"), ("length", "length"), ("new", "stop")])
def test_finish_reasons(said: str, reason: str) -> None:
    assert answered({"message": {"content": "a"}, **ENDED, "done_reason": said}).choices[0].finish_reason == reason


def test_a_cached_prompt_is_not_counted() -> None:
    found = answered({"message": {"content": "a"}, "done": True, "eval_count": 3})
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (0, 3)
    assert answered({"message": {"content": "a"}, "done": True}).usage is msgspec.UNSET


def test_errors_within_a_stream() -> None:
    with pytest.raises(StreamFailed):
        list(outbound().stream().event("", b'{"error": "model runner crashed"}'))


def test_an_answer_that_does_not_end_is_none() -> None:
    with pytest.raises(UpstreamProtocolError, match="not say that it is done"):
        outbound().answer(b'{"message": {"content": "a"}, "done": false}')


@given(st.data())
def test_thoughts_are_told_apart_wherever_the_text_is_cut(data: st.DataObject) -> None:
    reasoning = data.draw(st.text(alphabet="ab<think>/", max_size=12).filter(lambda text: "</think>" not in text))
    answer = data.draw(st.text(alphabet="ab< \n", max_size=8).map(lambda text: text.lstrip("\n")))
    tagged = data.draw(st.booleans())
    text = f"<think>{reasoning}</think>{answer}" if tagged else f"x{answer}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    tags = ThinkTags()
    deltas = [*(tags.sort(piece) for piece in pieces if piece), tags.rest()]
    thought = "".join(delta.reasoning_content or "" for delta in deltas)
    said = "".join(delta.content or "" for delta in deltas)
    if not tagged:
        assert (thought, said) == ("", text)
    elif reasoning + answer:
        assert thought == reasoning.replace("</think>", "")
        assert said.lstrip("\n") == answer


def test_where_it_is_asked() -> None:
    for base in ("http://g:1", "http://g:1/v1", "http://g:1/api/chat"):
        found = build({"model": "ollama/llama3", "api_base": base}, {}, drop_params=False)
        assert found.base_url == "http://g:1"
    found = build({"model": "ollama_chat/m"}, {"OLLAMA_API_KEY": "k"}, drop_params=False)
    assert found.base_url == "http://localhost:11434"
    assert found.headers == ((b"authorization", b"Bearer k"),)
    assert set(found.paths) == {"completions", "embeddings"}
