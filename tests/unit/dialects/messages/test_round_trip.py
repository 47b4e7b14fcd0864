"""A Messages request that goes to a Messages upstream by way of the hub means there what it meant here."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.dialects.messages import Messages
from tianji.protocol.anthropic.outbound import MessagesOutbound
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.requests import read_request, write_request

TARGET = Target(provider="anthropic", model="claude", facts={"supports_vision": True})
Json = dict[str, Any]


def sent(body: Json) -> Json:
    """What the upstream gets. The request is bytes of chat on its way, as it is when it is shaped."""
    request = read_request(write_request(Messages(msgspec.json.encode(body)).request))
    found: Json = msgspec.json.decode(MessagesOutbound(request, TARGET, ManualClock()).body)
    return found


def blocks(content: object) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)  # type: ignore[call-overload]


def meaning(body: Json) -> Json:
    """The same request in one of the several ways to write it."""
    turns = []
    for turn in body["messages"]:
        content = [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks(turn["content"])]
        for block in content:
            if block["type"] == "tool_result":
                block["content"] = blocks(block.get("content", ""))
                block["is_error"] = block.get("is_error", False)
        turns.append({"role": turn["role"], "content": content})
    found = {"system": blocks(body.get("system", [])), "messages": turns}
    for name in ("max_tokens", "temperature", "top_p", "stop_sequences", "stream", "tool_choice", "thinking"):
        found[name] = body.get(name)
    found["tools"] = [
        {name: tool.get(name) for name in ("name", "description", "input_schema")} for tool in body.get("tools", [])
    ]
    return found


_word = st.text("abcäöü 𝄞\n", min_size=1, max_size=8).map(lambda text: text + ".")
_text = st.builds(lambda text: {"type": "text", "text": text}, _word)
_image = st.sampled_from(
    [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aWk="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]
)
_input = st.dictionaries(_word, _word | st.integers(0, 9) | st.none() | st.lists(st.booleans(), max_size=2), max_size=2)
_thought = st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "c2ln"}, _word) | st.just(
    {"type": "redacted_thinking", "data": "eHl6"}
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    turns: list[Json] = [{"role": "user", "content": draw(_word | st.lists(_text | _image, min_size=1, max_size=3))}]
    for number in range(draw(st.integers(0, 3))):
        ids = [f"toolu_{number}_{call}" for call in range(draw(st.integers(0, 2)))]
        calls = [{"type": "tool_use", "id": one, "name": "weather", "input": draw(_input)} for one in ids]
        said = [*draw(st.lists(_thought, max_size=2)), *draw(st.lists(_text, min_size=not calls, max_size=1)), *calls]
        results = [
            {
                "type": "tool_result",
                "tool_use_id": one,
                "content": draw(_word | st.lists(_image, min_size=1, max_size=2)),
                "is_error": draw(st.booleans()),
            }
            for one in ids
        ]
        asked = draw(st.lists(_text | _image, min_size=not results, max_size=2))
        turns += [{"role": "assistant", "content": said}, {"role": "user", "content": [*results, *asked]}]
    return turns


@st.composite
def requests(draw: st.DrawFn) -> Json:
    body: Json = {"model": "claude", "max_tokens": 100, "messages": draw(conversations())}
    tool = {"name": "weather", "description": "says it", "input_schema": {"type": "object", "properties": {}}}
    choices: list[Json] = [
        {"type": "auto"},
        {"type": "any", "disable_parallel_tool_use": True},
        {"type": "none"},
        {"type": "tool", "name": "weather"},
    ]
    body["tools"] = [tool]
    body["tool_choice"] = draw(st.sampled_from(choices))
    optional: list[tuple[str, Any]] = [
        ("system", draw(_word | st.lists(_text, min_size=2, max_size=2))),
        ("temperature", 0.5),
        ("top_p", 0.9),
        ("stop_sequences", ["END"]),
        ("stream", True),
    ]
    return body | dict(draw(st.lists(st.sampled_from(optional), unique_by=lambda pair: pair[0])))


@given(requests())
def test_it_means_the_same(body: Json) -> None:
    assert meaning(sent(body)) == meaning(body)


def test_marks_of_the_cache_and_thinking_arrive() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    body: Json = {
        "model": "claude",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "system": [{"type": "text", "text": "be kind", "cache_control": mark}],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}, "cache_control": mark}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "q", "cache_control": mark}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r", "cache_control": mark}],
            },
        ],
    }
    found = sent(body)
    assert found["thinking"] == body["thinking"]
    assert found["system"] == body["system"]
    assert found["tools"][0]["cache_control"] == mark
    assert found["messages"][0]["content"] == body["messages"][0]["content"]
    assert found["messages"][2]["content"][0]["cache_control"] == mark
