"""From the hub to Anthropic's form: what its rules make of a request."""

import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from tests.unit.protocol.openai.test_requests import requests

from tianji.errors import InvalidRequest, UnsupportedParams
from tianji.protocol.anthropic.outbound import outbound
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.requests import read_request

USER = {"role": "user", "content": "hi"}


def body_of(*messages: Mapping[str, Any], facts: Mapping[str, object] | None = None, **members: Any) -> dict[str, Any]:
    settings = {name: members.pop(name) for name in ("drop_params", "modify_params") if name in members}
    target = Target(provider="anthropic", model="claude-x", facts=facts or {}, **settings)
    request = read_request(msgspec.json.encode({"model": "m", "messages": list(messages or [USER]), **members}))
    found: dict[str, Any] = msgspec.json.decode(outbound(request, target).body)
    return found


@given(requests)
def test_any_request_is_written_or_refused(request_: Request) -> None:
    try:
        written = outbound(request_, Target(provider="anthropic", model="claude-x"))
    except InvalidRequest:
        return
    body = msgspec.json.decode(written.body)
    roles = [turn["role"] for turn in body["messages"]]
    assert all(one != two for one, two in itertools.pairwise(roles))
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    assert all(block["text"].strip() for block in blocks if block["type"] == "text")


def test_a_later_system_message_is_a_note_of_the_user() -> None:
    turns = body_of(USER, {"role": "system", "content": "Hurry."})["messages"]
    assert turns == [
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "System: Hurry."}]}
    ]
    known = {"supports_mid_conversation_system": True}
    assert body_of(USER, {"role": "system", "content": "Hurry."}, facts=known)["messages"][1]["role"] == "system"


def test_what_is_to_be_kept_in_the_cache_is_marked() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    body = body_of(
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": mark}]},
        {**USER, "cache_control": mark},
        {"role": "assistant", "content": "ok", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "r", "cache_control": mark}]},
        tools=[{"type": "function", "function": {"name": "f"}, "cache_control": mark}],
    )
    result = body["messages"][2]["content"][0]
    assert body["system"][0]["cache_control"] == mark
    assert body["messages"][0]["content"][0]["cache_control"] == mark
    assert body["tools"][0]["cache_control"] == mark
    assert result == {
        "type": "tool_result",
        "tool_use_id": "1",
        "content": [{"type": "text", "text": "r"}],
        "cache_control": mark,
    }


def test_what_was_begun_ends_without_white_space() -> None:
    assert body_of(USER, {"role": "assistant", "content": "So: \n"})["messages"][1]["content"][0]["text"] == "So:"


def test_thinking_without_a_signature_stays_away() -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "redacted_thinking", "data": "x"}]
    said = body_of(USER, {"role": "assistant", "content": "yes", "thinking_blocks": blocks})["messages"][1]["content"]
    assert said == [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "yes"}]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ({"type": "image_url", "image_url": "https://a.test/b.png"}, {"type": "url", "url": "https://a.test/b.png"}),
        ({"type": "file", "file": {"file_id": "file_1"}}, {"type": "file", "file_id": "file_1"}),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg=="}},
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8=", "filename": "a.txt"}},
            {"type": "text", "media_type": "text/plain", "data": "hello"},
        ),
    ],
)
def test_images_and_documents(part: dict[str, Any], source: dict[str, Any]) -> None:
    block = body_of({"role": "user", "content": [part]})["messages"][0]["content"][0]
    assert block["source"] == source
    assert block["type"] == ("image" if part["type"] == "image_url" else "document")


def test_sound_is_refused_or_dropped() -> None:
    sound = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
    with pytest.raises(UnsupportedParams, match="input_audio"):
        body_of(USER, sound)
    assert len(body_of(USER, sound, drop_params=True)["messages"][0]["content"]) == 1


def test_arguments_that_are_broken() -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":'}}]}
    with pytest.raises(InvalidRequest) as error:
        body_of(USER, call)
    assert error.value.param == "messages.1.tool_calls.0.function.arguments"
    assert body_of(USER, call, modify_params=True)["messages"][1]["content"][0]["input"] == {}


def test_a_conversation_needs_a_user() -> None:
    system = {"role": "system", "content": "s"}
    with pytest.raises(InvalidRequest, match="modify_params"):
        body_of(system)
    assert body_of(system, modify_params=True)["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("members", "facts", "max_tokens", "thinking"),
    [
        ({}, {}, 4096, None),
        ({"max_completion_tokens": 9}, {}, 9, None),
        ({"reasoning_effort": "minimal"}, {}, 4096, {"type": "enabled", "budget_tokens": 1024}),
        ({"reasoning_effort": "high"}, {}, 8192, {"type": "enabled", "budget_tokens": 4096}),
        ({"reasoning_effort": "high", "max_tokens": 2000}, {}, 2000, {"type": "enabled", "budget_tokens": 1999}),
        ({"reasoning_effort": "none"}, {}, 4096, {"type": "disabled"}),
        (
            {"reasoning_effort": "low"},
            {"supports_adaptive_thinking": True},
            4096,
            {"type": "adaptive", "display": "summarized"},
        ),
        (
            {"thinking": {"type": "enabled", "budgetTokens": 9000}},
            {},
            13096,
            {"type": "enabled", "budget_tokens": 9000},
        ),
    ],
)
def test_thinking_and_the_length_of_an_answer(
    members: dict[str, Any], facts: dict[str, object], max_tokens: int, thinking: dict[str, Any] | None
) -> None:
    body = body_of(facts=facts, **members)
    assert body["max_tokens"] == max_tokens
    assert body.get("thinking") == thinking
    if thinking is not None and thinking["type"] == "adaptive":
        assert body["output_config"] == {"effort": "low"}


def test_models_without_sampling() -> None:
    newest = {"supports_sampling_params": False}
    assert "temperature" not in body_of(temperature=1, facts=newest)
    with pytest.raises(UnsupportedParams, match="top_p"):
        body_of(top_p=0.5, facts=newest)


def test_a_short_answer_leaves_no_room_to_think() -> None:
    with pytest.raises(UnsupportedParams, match="1024 tokens at least"):
        body_of(reasoning_effort="low", max_tokens=500)
    assert "thinking" not in body_of(reasoning_effort="low", max_tokens=500, drop_params=True)


FUNCTION = {"type": "function", "function": {"name": "f"}}
CALLED: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "r"}


def test_thoughts_that_did_not_come_back_are_not_followed_by_others() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    explicit = {"type": "enabled", "budget_tokens": 2000}
    loop = (USER, CALLED, RESULT)
    assert "thinking" not in body_of(*loop, reasoning_effort="low", tools=[FUNCTION])
    assert "thinking" in body_of(USER, CALLED | {"thinking_blocks": [thought]}, RESULT, reasoning_effort="low")
    assert "thinking" in body_of(*loop, USER, reasoning_effort="low")  # another turn has begun
    assert "thinking" in body_of(*loop, reasoning_effort="low", facts={"supports_adaptive_thinking": True})
    assert body_of(*loop, thinking=explicit)["thinking"] == explicit
    assert "thinking" not in body_of(*loop, thinking=explicit, modify_params=True)


@pytest.mark.parametrize(
    ("members", "facts"),
    [({"reasoning_effort": "low"}, {}), ({}, {"supports_forced_tool_use": False})],
)
@pytest.mark.parametrize("choice", ["required", FUNCTION])
def test_a_call_that_cannot_be_forced(members: dict[str, Any], facts: dict[str, object], choice: Any) -> None:
    members = {**members, "tools": [FUNCTION], "tool_choice": choice}
    with pytest.raises(UnsupportedParams, match="forced"):
        body_of(facts=facts, **members)
    dropped = body_of(facts=facts, drop_params=True, **members)
    assert ("thinking" in dropped, dropped.get("tool_choice", {}).get("type", "auto")) in (
        (False, "auto"),
        (False, "any" if choice == "required" else "tool"),
    )


def test_tools_that_others_run() -> None:
    server = {"type": "mcp", "server_label": "s", "server_url": "https://m.test", "authorization": "Bearer t"}
    body = body_of(tools=[{"type": "web_search_preview", "search_context_size": "high"}, server])
    assert body["tools"] == [{"type": "web_search_20250305", "name": "web_search", "max_uses": 10}]
    assert body["mcp_servers"] == [{"type": "url", "url": "https://m.test", "name": "s", "authorization_token": "t"}]
    with pytest.raises(UnsupportedParams, match="image_generation"):
        body_of(tools=[{"type": "image_generation"}])


def test_values_that_it_does_not_know() -> None:
    assert body_of(service_tier="default")["service_tier"] == "standard_only"
    assert "metadata" not in body_of(user="someone@mail.test")
    assert body_of(user="u", metadata={"user_id": "m", "trace": "t"})["metadata"] == {"user_id": "m"}
    assert body_of(user="u", metadata={"user_id": "someone@mail.test"})["metadata"] == {"user_id": "u"}
    assert "metadata" not in body_of(metadata="text") | body_of(metadata={"user_id": 7})
    for members in ({"service_tier": "flex"}, {"stop": [" "]}, {"reasoning_effort": "huge"}):
        with pytest.raises(UnsupportedParams):
            body_of(**members)
        assert not body_of(**members, drop_params=True).keys() & {"service_tier", "stop_sequences", "thinking"}
