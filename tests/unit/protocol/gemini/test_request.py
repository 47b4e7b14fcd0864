"""What Google is asked, for what a client asked."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest, UnsupportedParams
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.outbound import GeminiOutbound

FIXTURES = Path(__file__).parents[3] / "contract" / "fixtures" / "gemini"


def target(model: str = "gemini-2.5-flash", provider: str = "gemini", **rest: Any) -> Target:
    return Target(provider=provider, model=model, **rest)


def outbound(to: Target | None = None, **members: Any) -> GeminiOutbound:
    members.setdefault("messages", [{"role": "user", "content": "hi"}])
    to = to or target()
    return GeminiOutbound(msgspec.convert({"model": to.model} | members, Request), to)


def body(to: Target | None = None, **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outbound(to, **members).body)
    return found


@pytest.mark.parametrize("name", ["tools", "media"])
def test_a_recorded_request(name: str) -> None:
    fixture = json.loads((FIXTURES / f"{name}.json").read_text())
    hub = fixture["hub"]
    assert body(target(hub["model"]), **hub) == fixture["upstream"]


@pytest.mark.parametrize(
    ("to", "stream", "suffix"),
    [
        (target(), False, "/models/gemini-2.5-flash:generateContent"),
        (target(), True, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        (target("models/gemini-2.5-flash"), False, "/models/gemini-2.5-flash:generateContent"),
        (target("tunedModels/mine-1"), False, "/tunedModels/mine-1:generateContent"),
        (target("a/../b?c"), False, "/models/a%2F..%2Fb%3Fc:generateContent"),
        (
            target("gemini-2.5-pro", "vertex_ai"),
            True,
            "/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (target("1234567", "vertex_ai"), False, "/endpoints/1234567:generateContent"),
    ],
)
def test_the_path_depends_on_model_and_streaming(to: Target, stream: bool, suffix: str) -> None:
    assert outbound(to, stream=stream).suffix == suffix


def test_turns_of_one_side_are_one_turn() -> None:
    found = body(
        messages=[
            {"role": "user", "content": "one"},
            {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": ""}]},
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": "three"},
        ]
    )
    assert found["contents"] == [
        {"role": "user", "parts": [{"text": "one"}, {"text": "two"}]},
        {"role": "model", "parts": [{"text": "three"}]},
    ]


def test_an_instruction_alone_is_asked() -> None:
    found = body(messages=[{"role": "system", "content": "be brief"}, {"role": "developer", "content": "be kind"}])
    assert found["contents"] == [{"role": "user", "parts": [{"text": "be brief"}, {"text": "be kind"}]}]
    assert "systemInstruction" not in found


def test_nothing_to_answer_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="nothing to answer"):
        outbound(messages=[{"role": "user", "content": ""}])


def call(call_id: str = "c1", arguments: str = "{}", **rest: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}, **rest}


def test_a_lost_signature_is_stood_in_for_on_the_first_call_only() -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call("a"), call("b")]}]
    parts = body(target("gemini-3-pro-preview"), messages=messages)["contents"][1]["parts"]
    assert parts[0]["thoughtSignature"] == "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
    assert "thoughtSignature" not in parts[1]
    assert not any("thoughtSignature" in part for part in body(messages=messages)["contents"][1]["parts"])


def test_a_signature_comes_back_from_provider_fields() -> None:
    messages = [
        {
            "role": "assistant",
            "content": "so",
            "tool_calls": [call(provider_specific_fields={"thought_signature": "QUI="})],
            "provider_specific_fields": {"thought_signatures": ["Q0Q="]},
        }
    ]
    parts = body(messages=messages)["contents"][0]["parts"]
    assert parts[0] == {"text": "so", "thoughtSignature": "Q0Q="}
    assert parts[1]["thoughtSignature"] == "QUI="


def test_a_result_that_could_refer_to_a_schema_stays_text() -> None:
    result = '{"$ref": "#/x"}'
    messages = [
        {"role": "assistant", "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "c1", "content": result},
    ]
    assert body(messages=messages)["contents"][1]["parts"][0]["functionResponse"]["response"] == {"content": result}


def test_a_result_shows_what_it_holds() -> None:
    content = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": "data:image/jpeg;base64,AA=="},
    ]
    messages = [
        {"role": "assistant", "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "c1", "content": content},
    ]
    parts = body(messages=messages)["contents"][1]["parts"]
    assert parts[0]["functionResponse"]["response"] == {"content": "see"}
    assert parts[1] == {"inlineData": {"mimeType": "image/jpeg", "data": "AA=="}}


def test_a_result_without_a_call_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'c9' answers no call"):
        outbound(messages=[{"role": "tool", "tool_call_id": "c9", "content": "x"}])


def test_broken_arguments_go_back_as_they_were_written() -> None:
    messages = [{"role": "assistant", "tool_calls": [call(arguments='{"a": ')]}]
    assert body(messages=messages)["contents"][0]["parts"][0]["functionCall"]["args"] == {"arguments": '{"a": '}


def test_vertex_has_to_know_what_a_file_is() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.com/picture"}}
    messages = [{"role": "user", "content": [part]}]
    with pytest.raises(InvalidRequest, match="as `format`"):
        outbound(target(provider="vertex_ai"), messages=messages)
    assert body(messages=messages)["contents"][0]["parts"][0] == {
        "fileData": {"fileUri": "https://example.com/picture"}
    }


@pytest.mark.parametrize(
    ("model", "members", "config"),
    [
        ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-flash", {"reasoning_effort": "high"}, {"thinkingBudget": 4096, "includeThoughts": True}),
        ("gemini-2.5-flash-lite", {"reasoning_effort": "minimal"}, {"thinkingBudget": 512, "includeThoughts": True}),
        ("gemini-2.5-pro", {"reasoning_effort": "minimal"}, {"thinkingBudget": 128, "includeThoughts": True}),
        ("gemini-2.5-pro", {"thinking": {"type": "adaptive"}}, {"thinkingBudget": -1, "includeThoughts": True}),
        ("gemini-3-pro-preview", {"reasoning_effort": "minimal"}, {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-pro-preview", {"reasoning_effort": "medium"}, {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3-flash", {"reasoning_effort": "none"}, {"thinkingLevel": "minimal", "includeThoughts": False}),
        (
            "gemini-3-flash",
            {"thinking": {"type": "enabled", "budget_tokens": 3000}},
            {"thinkingLevel": "medium", "includeThoughts": True},
        ),
    ],
)
def test_thinking(model: str, members: dict[str, Any], config: dict[str, Any]) -> None:
    assert body(target(model), **members)["generationConfig"]["thinkingConfig"] == config


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
SEARCH = {"type": "web_search", "provided": {"type": "web_search"}}
LACKING = [
    ("gemini-2.5-flash", {"logit_bias": {"1": 5}}, "logit_bias"),
    ("gemini-2.5-pro", {"reasoning_effort": "none"}, "reasoning_effort"),
    ("gemini-3-pro-preview", {"frequency_penalty": 1.0}, "frequency_penalty"),
    ("gemini-2.5-flash", {"tools": [FUNCTION, SEARCH]}, "tools"),
    ("gemini-2.5-flash", {"tools": [{"type": "shell", "provided": {"type": "shell"}}]}, "tools"),
    ("gemini-2.5-flash", {"tools": [FUNCTION, FUNCTION], "parallel_tool_calls": False}, "parallel_tool_calls"),
    ("gemini-2.5-flash", {"tools": [FUNCTION], "tool_choice": {"type": "custom"}}, "tool_choice"),
    ("gemini-2.5-flash-preview-tts", {"audio": {"voice": "Kore", "format": "mp3"}}, "audio"),
    ("gemini-2.5-flash", {"response_format": {"type": "grammar"}}, "response_format"),
]


@pytest.mark.parametrize(("model", "members", "param"), LACKING)
def test_what_google_lacks_is_refused_or_dropped(model: str, members: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParams, match=f"'{param}'") as caught:
        outbound(target(model), **members)
    assert caught.value.param == param
    assert body(target(model, drop_params=True), **members)["contents"]


def test_allowed_members_go_as_they_are() -> None:
    assert body(target(allowed=frozenset({"verbosity"})), verbosity="low")["verbosity"] == "low"


def test_tools_that_google_runs() -> None:
    tools = [SEARCH, {"type": "", "provided": {"google_maps": {"enableWidget": True}}}]
    tools.append({"type": "code_interpreter", "provided": {"type": "code_interpreter", "container": {}}})
    assert body(tools=tools)["tools"] == [
        {"googleSearch": {}},
        {"googleMaps": {"enableWidget": True}},
        {"codeExecution": {}},
    ]
    assert body(web_search_options={})["tools"] == [{"googleSearch": {}}]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("none", {"mode": "NONE"}),
        ("auto", {"mode": "AUTO"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}},
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
    ],
)
def test_choosing_among_functions(choice: Any, calling: dict[str, Any]) -> None:
    found = body(tools=[FUNCTION], tool_choice=choice)
    assert found["toolConfig"] == {"functionCallingConfig": calling}
    assert found["tools"] == [{"functionDeclarations": [{"name": "f"}]}]  # an object without properties is none


def test_what_was_cached_is_not_sent_again() -> None:
    members = {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "tools": [FUNCTION],
        "extra": {"cached_content": "cachedContents/a"},
    }
    assert "tools" in body(**members)
    found = body(target(modify_params=True), **members)
    assert found["cachedContent"] == "cachedContents/a"
    assert not {"tools", "systemInstruction"} & set(found)


def test_labels_are_for_vertex_and_a_tier_is_not() -> None:
    members = {"extra": {"labels": {"team": "a"}}, "service_tier": "default"}
    assert body(target(provider="vertex_ai"), **members).get("labels") == {"team": "a"}
    found = body(**members)
    assert "labels" not in found
    assert found["serviceTier"] == "standard"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "input_audio", "file", "video_url", "document", "thinking", "odd"])},
    optional={
        "text": st.text(),
        "image_url": st.text() | st.dictionaries(st.sampled_from(["url", "detail", "format", "video_metadata"]), JSON),
        "input_audio": st.dictionaries(st.sampled_from(["data", "format"]), JSON),
        "file": st.dictionaries(st.sampled_from(["file_id", "file_data", "filename", "format", "detail"]), JSON),
        "source": st.dictionaries(st.sampled_from(["type", "data", "url", "media_type"]), JSON),
    },
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function", "odd"])},
    optional={
        "content": st.text() | st.lists(PART, max_size=3),
        "name": st.text(),
        "tool_call_id": st.sampled_from(["a", "b__thought__x"]),
        "tool_calls": st.lists(st.builds(call, st.sampled_from(["a", "b__thought__x"]), st.text()), max_size=2),
        "provider_specific_fields": st.dictionaries(st.just("thought_signatures"), JSON),
    },
)
MEMBERS = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=4)},
    optional={
        "response_format": st.dictionaries(st.sampled_from(["type", "json_schema", "response_schema"]), JSON),
        "thinking": st.dictionaries(st.sampled_from(["type", "budget_tokens"]), JSON),
        "tool_choice": st.dictionaries(st.sampled_from(["type", "function", "allowed_tools"]), JSON) | st.text(),
        "audio": st.dictionaries(st.sampled_from(["voice", "format"]), JSON),
        "tools": st.lists(
            st.builds(
                lambda p: {"type": "function", "function": {"name": "f", "parameters": p}},
                st.dictionaries(
                    st.sampled_from(["type", "properties", "$ref", "anyOf", "allOf", "items", "enum"]), JSON
                ),
            ),
            max_size=2,
        ),
    },
)


@given(MEMBERS, st.sampled_from(["gemini-1.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview", "7"]), st.booleans())
def test_any_request_is_translated_or_refused(members: dict[str, Any], model: str, drop: bool) -> None:
    try:
        json.loads(outbound(target(model, "vertex_ai", drop_params=drop, modify_params=drop), **members).body)
    except InvalidRequest as error:
        assert error.message  # noqa: PT017  both outcomes are right
