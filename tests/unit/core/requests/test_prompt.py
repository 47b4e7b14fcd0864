"""Prompts are counted in the request's bytes as they would be from decoded JSON with tiktoken."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import reference
from tests.unit.core.requests.test_tokens import TEXTS, VOCABULARIES

from tianji._core.bodies.spans import scan
from tianji._core.requests.prompt import Prompt, count_prompt
from tianji.errors import InvalidRequest

O200K = VOCABULARIES["o200k_base"]
HELLO = [{"role": "user", "content": "hello world"}]  # 3 for the message, 1 role, 2 words, 3 for the answer: 9


def count(body: object, *, ascii_only: bool = True) -> Prompt:
    return count_prompt(scan(json.dumps(body, ensure_ascii=ascii_only).encode()), O200K)


def tokens(text: str) -> int:
    return len(reference.encoding("o200k_base").encode_ordinary(text))


SCALARS = st.none() | st.booleans() | st.integers(-5, 5)
TEXT_PARTS = st.one_of(
    TEXTS,
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.builds(lambda text: {"type": "refusal", "refusal": text}, TEXTS),
    st.builds(lambda text: {"type": "tool_result", "tool_use_id": "x", "content": [{"text": text}]}, TEXTS),
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "not shown"}, TEXTS),
    SCALARS,
)
CALLS = st.builds(lambda name, given: {"id": "c", "function": {"name": name, "arguments": given}}, TEXTS, TEXTS)
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant", "tool"]),
        "content": TEXTS | st.lists(TEXT_PARTS, max_size=4),
    },
    optional={
        "name": TEXTS,
        "tool_call_id": TEXTS,
        "tool_calls": st.lists(CALLS, max_size=3),
        "function_call": st.builds(lambda name: {"name": name, "arguments": "{}"}, TEXTS),
        "weight": SCALARS,
        "audio": st.just({"id": "not text"}),
    },
)


def expected_content(content: Any) -> int:
    if isinstance(content, str):
        return tokens(content)
    total = 0
    for part in content:
        if isinstance(part, str):
            total += tokens(part)
        elif isinstance(part, dict):
            total += sum(tokens(part[name]) for name in ("text", "refusal", "thinking") if name in part)
            total += expected_content(part.get("content", ""))
    return total


def expected(messages: list[dict[str, Any]]) -> int:
    total = 3
    for message in messages:
        total += 3 + ("name" in message)
        for name, value in message.items():
            if name == "content":
                total += expected_content(value)
            elif name == "tool_calls":
                total += sum(tokens(text) for call in value for text in call["function"].values())
            elif name == "function_call":
                total += sum(map(tokens, value.values()))
            elif isinstance(value, str):
                total += tokens(value)
    return total


@given(st.lists(MESSAGES, max_size=4), st.booleans())
def test_messages(messages: list[dict[str, Any]], ascii_only: bool) -> None:
    assert count({"model": "m", "messages": messages}, ascii_only=ascii_only).tokens == expected(messages)


@given(st.text(st.characters(categories=["Cs", "L", "P", "Cc"]), max_size=20))
def test_escapes_count_as_what_they_stand_for(text: str) -> None:
    assert count({"prompt": text}).tokens == tokens(text)
    slashes = json.dumps({"prompt": text}).replace("/", "\\/").encode()
    assert count_prompt(scan(slashes), O200K).tokens == tokens(text)


@given(st.lists(MESSAGES, max_size=4), st.booleans())
def test_without_a_vocabulary_there_are_never_fewer(messages: list[dict[str, Any]], ascii_only: bool) -> None:
    tools = [function({"type": "object", "properties": {"a": {"type": "string", "enum": ["x", "y"]}}})]
    body = {"messages": messages, "tools": tools, "tool_choice": "none"}
    spans = scan(json.dumps(body, ensure_ascii=ascii_only).encode())
    assert count_prompt(spans, None).tokens >= count_prompt(spans, O200K).tokens


@given(st.lists(MESSAGES, max_size=4), st.integers(-2, 2))
def test_a_limit_changes_no_verdict(messages: list[dict[str, Any]], offset: int) -> None:
    spans = scan(json.dumps({"messages": messages}).encode())
    whole = count_prompt(spans, O200K).tokens
    found = count_prompt(spans, O200K, whole + offset).tokens
    assert (found <= whole + offset) is (offset >= 0)


def test_a_limit_ends_the_count_early() -> None:
    assert 50 < count_prompt(scan(json.dumps({"prompt": "hello world " * 1000}).encode()), O200K, 50).tokens < 100
    spans = scan(json.dumps({"messages": HELLO * 1000}).encode())
    assert 50 < count_prompt(spans, O200K, 50).tokens < 100
    spans = scan(json.dumps({"messages": [{"role": "user", "content": [{"text": "hello world"}] * 1000}]}).encode())
    assert 50 < count_prompt(spans, O200K, 50).tokens < 100
    assert 50 < count_prompt(scan(json.dumps({"input": ["hello world"] * 1000}).encode()), O200K, 50).tokens < 100


@pytest.mark.parametrize(
    ("body", "total"),
    [
        ({}, 0),
        ({"messages": HELLO}, 9),
        ({"messages": None, "prompt": "hello world"}, 2),
        ({"messages": []}, 3),
        ({"messages": [{**HELLO[0], "name": "bob"}]}, 11),
        ({"contents": [{"role": "user", "parts": [{"text": "hello world"}]}]}, 9),
        ({"prompt": ["hello world", "hello"]}, 3),
        ({"input": [1, 2, 3]}, 3),
        ({"input": [[1, 2], [3], "hello"]}, 4),
        ({"messages": HELLO, "tool_choice": "none"}, 10),
        ({"messages": HELLO, "tool_choice": "auto"}, 9),
        ({"messages": HELLO, "tool_choice": {"type": "function", "function": {"name": "get_weather"}}}, 18),
        ({"messages": HELLO, "tool_choice": {"type": "function", "name": "get_weather"}}, 18),
        ({"messages": HELLO, "tools": []}, 9),
    ],
)
def test_overheads(body: object, total: int) -> None:
    assert count(body).tokens == total


def test_a_name_is_read_as_json_means_it() -> None:
    plain = b'{"messages":[{"role":"system","content":[{"text":"hello world"}]}],"tools":[{"name":"f"}]}'
    odd = plain.replace(b'"content"', b'"c\\u006fntent"').replace(b'"text"', b'"\\u0074\\u0065\\u0078\\u0074"')
    odd = odd.replace(b'"role"', b'"rol\\u0065"').replace(b'"system"', b'"syste\\u006d"').replace(b"[{", b"\n [ { ")
    assert count_prompt(scan(odd), O200K).tokens == count_prompt(scan(plain), O200K).tokens > 9
    other = plain.replace(b'"content"', b'"c\\u006fntext"')
    assert count_prompt(scan(other), O200K).tokens < count_prompt(scan(plain), O200K).tokens


def function(parameters: object = None, **more: object) -> dict[str, Any]:
    described = {} if parameters is None else {"parameters": parameters}
    return {"type": "function", "function": {"name": "get_weather", **described, **more}}


def properties(**named: object) -> dict[str, Any]:
    return {"type": "object", "properties": named}


NESTED = properties(
    city={"type": "string", "description": 'The "city"\n天'},
    unit={"type": "string", "enum": ["c", "f"]},
    days={"type": "integer", "enum": [1, 2]},
    when={"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    where=properties(lat={"type": "number", "description": "Degrees"}, known={"type": "boolean"}),
    nothing={"type": "null"},
    either={"anyOf": [{"type": "string"}, {"type": "null"}]},
    both={"type": ["string", "null"]},
    listed={"type": "array"},
) | {"required": ["unit", "where"]}
SHOWN = """namespace functions {

// Get the weather
type get_weather = (_: {
// The "city"
天
city?: string,
unit: "c" | "f",
days?: "1" | "2",
when?: number[][],
where: {
  // Degrees
  lat?: number,
  known?: boolean,
},
nothing?: null,
either?: any,
both?: any,
listed?: any[],
}) => any;

type get_weather = () => any;

} // namespace functions"""


def test_tools_count_as_the_text_that_models_see() -> None:
    tools = [function(NESTED, description="Get the weather"), function()]
    assert count({"messages": HELLO, "tools": tools}).tokens == 9 + 9 + tokens(SHOWN)
    system = [{"role": "system", "content": "hello world"}]
    assert count({"messages": system, "tools": tools}).tokens == 9 + 5 + tokens(SHOWN)
    assert count({"messages": HELLO, "functions": [tool["function"] for tool in tools]}).tokens == 18 + tokens(SHOWN)
    assert count({"tools": tools}, ascii_only=False).tokens == 9 + tokens(SHOWN)


@pytest.mark.parametrize(  # what LiteLLM 1.108.7 counts for gpt-4o
    ("parameters", "total"),
    [
        (properties(), 37),
        (properties(city={"type": "string"}), 44),
        (properties(city={"type": "string", "description": "The city"}), 47),
        (properties(city={"type": "string"}, b={"type": "string"}) | {"required": ["city"]}, 48),
        (properties(unit={"type": "string", "enum": ["celsius", "fahrenheit"]}), 51),
        (properties(n={"type": "number", "enum": [1, 2, 35]}), 53),
        (properties(n={"type": "array", "items": properties(a={"type": "string", "description": "deep one"})}), 55),
        (properties(o=properties(a={"type": "string", "description": "deep one"}, b={"type": "number"})), 59),
        (properties(o={"type": "object"}), 44),
    ],
)
def test_tools_count_as_in_the_field(parameters: object, total: int) -> None:
    tools = [function(parameters, description="Get the weather")]
    assert count({"messages": HELLO, "tools": tools}).tokens == total


def test_images_and_other_media_are_told_apart() -> None:
    parts = [
        {"type": "text", "text": "hello world"},
        {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA/+", "detail": "high"}},
        {"type": "input_image", "image_url": "https://a/c.png"},
        {"type": "image_url", "image_url": {"nothing": "here"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
    ]
    found = count({"messages": [{"role": "user", "content": parts}]})
    assert found.tokens == 9
    assert found.images == [
        (b"https://a/b.png", True),
        (b"data:image/png;base64,AA/+", False),
        (b"https://a/c.png", False),
    ]
    assert found.others == 2
    many = [{"type": "image_url", "image_url": {"url": f"https://a/{i}"}} for i in range(100)]
    assert [url for url, _ in count({"messages": [{"content": many}]}).images] == [
        b"https://a/%d" % i for i in range(100)
    ]
    large = [{"type": "image_url", "image_url": "data:" + "A" * 300_000}]
    assert len(count({"messages": [{"content": large}]}).images[0][0]) == 1 << 18


@pytest.mark.parametrize("name", ["messages", "contents", "tools", "functions"])
@pytest.mark.parametrize("value", ["text", {"a": 1}, 5, True])
def test_a_list_must_be_one(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} must be a list") as caught:
        count({name: value})
    assert caught.value.param == name


@given(
    st.recursive(
        SCALARS | TEXTS,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "role",
                        "content",
                        "parts",
                        "text",
                        "image_url",
                        "url",
                        "detail",
                        "tool_calls",
                        "function",
                        "name",
                        "type",
                        "properties",
                        "items",
                        "enum",
                        "required",
                        "description",
                        "parameters",
                        "function_call",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=25,
    )
)
def test_no_shape_is_too_strange(value: object) -> None:
    """Whatever stands in the wrong place is no text, and no more than the bound is counted."""
    body = {"messages": [value], "tools": [value], "prompt": value, "tool_choice": value}
    spans = scan(json.dumps(body).encode())
    assert 0 <= count_prompt(spans, O200K).tokens <= count_prompt(spans, None).tokens


def test_prompts_are_not_made_by_hand() -> None:
    with pytest.raises(TypeError):
        Prompt()
    with pytest.raises(TypeError):
        count_prompt(None, O200K)  # type: ignore[arg-type]
