"""What each step of the table does to a body, through a provider that uses it."""

import pytest

from tianji.errors import UnsupportedParams
from tianji.providers import build
from tianji.providers.steps.shaping import apply

Body = dict[str, object]
TOOL: Body = {"type": "function", "function": {"name": "f"}}


def shaped(model: str, body: Body, *, drop_params: bool = False) -> Body:
    upstream = build({"model": model, "api_base": "http://own.test/v1"}, {}, drop_params=drop_params)
    return apply(upstream.shaping, body, label=model)


def text(*texts: str) -> list[Body]:
    return [{"type": "text", "text": value} for value in texts]


def call(call_id: str) -> Body:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}


MESSAGE_CASES = [
    ("modelscope/m", {"role": "user", "content": text("a", "b")}, {"role": "user", "content": "ab"}),
    ("modelscope/m", {"role": "user", "content": [*text("a"), {"type": "image_url"}]}, None),
    ("modelscope/m", {"role": "user", "content": []}, None),
    ("modelscope/m", {"role": "user", "content": None}, None),
    ("deepinfra/m", {"role": "tool", "content": text("a")}, {"role": "tool", "content": "a"}),
    ("deepinfra/m", {"role": "user", "content": text("a")}, None),
    ("xai/m", {"role": "user", "name": "n", "content": "a"}, {"role": "user", "content": "a"}),
    ("mistral/m", {"role": "user", "name": "n", "content": "a"}, {"role": "user", "content": "a"}),
    ("mistral/m", {"role": "tool", "name": "n", "content": "a"}, None),
    (
        "mistral/m",
        {"role": "assistant", "content": "a", "reasoning_content": "r", "thinking_blocks": []},
        {"role": "assistant", "content": "a"},
    ),
    ("mistral/magistral-small", {"role": "assistant", "content": "a", "reasoning_content": "r"}, None),
    ("groq/m", {"role": "assistant", "content": None, "refusal": None}, {"role": "assistant", "content": None}),
    ("groq/m", {"role": "user", "content": "a", "x": None}, None),
    (
        "hosted_vllm/m",
        {"role": "assistant", "content": "a", "thinking_blocks": []},
        {"role": "assistant", "content": "a"},
    ),
    (
        "hosted_vllm/m",
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:video/mp4;base64,AA"}}]},
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA"}}]},
    ),
    ("hosted_vllm/m", {"role": "user", "content": [{"type": "file", "file": {"file_id": "https://h/a.pdf"}}]}, None),
    (
        "moonshot/kimi-thinking",
        {"role": "assistant", "content": "", "tool_calls": [call("1")]},
        {"role": "assistant", "content": "", "tool_calls": [call("1")], "reasoning_content": " "},
    ),
    ("moonshot/kimi", {"role": "assistant", "content": "", "tool_calls": [call("1")]}, None),
    (
        "deepseek/deepseek-reasoner",
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "a", "reasoning_content": " "},
    ),
    ("deepseek/deepseek-reasoner", {"role": "assistant", "content": "a", "reasoning_content": "r"}, None),
    ("deepseek/deepseek-chat", {"role": "assistant", "content": "a"}, None),
    (
        "mistral/m",
        {"role": "assistant", "content": "", "tool_calls": [call("abcdefghi")]},
        {"role": "assistant", "content": None, "tool_calls": [call("abcdefghi")]},
    ),
]


@pytest.mark.parametrize(("model", "message", "expected"), MESSAGE_CASES)
def test_messages(model: str, message: Body, expected: Body | None) -> None:
    found = shaped(model, {"messages": [message]})["messages"]
    assert found == [message if expected is None else expected]


def test_mistral_drops_empty_assistants_and_renames_foreign_call_ids() -> None:
    body: Body = {
        "messages": [
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": None, "tool_calls": [call("call_foreign_id"), call("abcDEF123")]},
            {"role": "tool", "tool_call_id": "call_foreign_id", "content": "a"},
        ]
    }
    found = shaped("mistral/m", body)["messages"]
    assert isinstance(found, list)
    turn, answer = found
    renamed = turn["tool_calls"][0]["id"]
    assert len(renamed) == 9
    assert renamed.isalnum()
    assert answer["tool_call_id"] == renamed
    assert turn["tool_calls"][1]["id"] == "abcDEF123"


VALUE_CASES: list[tuple[str, Body, Body]] = [
    ("xai/m", {"tools": [{"function": {"name": "f", "strict": True}}]}, {"tools": [{"function": {"name": "f"}}]}),
    (
        "databricks/m",
        {"tools": [{"function": {"name": "f", "strict": True}}]},
        {"tools": [{"function": {"name": "f"}}]},
    ),
    ("xai/grok-3", {"stop": ["a"], "frequency_penalty": 1}, {"stop": ["a"], "frequency_penalty": 1}),
    ("fireworks_ai/m", {"tool_choice": "required", "tools": [TOOL]}, {"tool_choice": "any", "tools": [TOOL]}),
    ("mistral/m", {"tool_choice": {"type": "function"}, "tools": [TOOL]}, {"tool_choice": "any", "tools": [TOOL]}),
    ("mistral/m", {"seed": 3, "user": "u"}, {"random_seed": 3}),
    ("featherless_ai/m", {"tool_choice": "auto"}, {}),
    ("groq/m", {"service_tier": "priority"}, {"service_tier": "auto"}),
    ("groq/m", {"service_tier": "flex"}, {"service_tier": "flex"}),
    ("groq/m", {"web_search_options": {}, "tools": [TOOL]}, {"tools": [TOOL, {"type": "browser_search"}]}),
    ("groq/compound-mini", {"web_search_options": {}}, {}),
    ("moonshot/m", {"temperature": 1.7}, {"temperature": 1}),
    ("moonshot/m", {"temperature": 0.1, "n": 2}, {"temperature": 0.3, "n": 2}),
    ("moonshot/m", {"temperature": 0.1}, {"temperature": 0.1}),
    ("moonshot/k2-thinking", {"temperature": 0.1}, {}),
    ("scx-ai/m", {"temperature": 2}, {"temperature": 1.99}),
    ("together_ai/gpt-oss-20b", {"reasoning_effort": "max"}, {"reasoning_effort": "high"}),
    ("together_ai/m", {"reasoning_effort": "max"}, {"reasoning_effort": "max"}),
    ("together_ai/m", {"reasoning_effort": "none"}, {"reasoning": {"enabled": False}}),
    ("deepseek/m", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
    ("deepseek/m", {"reasoning_effort": "high"}, {"reasoning_effort": "high", "thinking": {"type": "enabled"}}),
    ("fireworks_ai/m", {"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, {"thinking": {"type": "enabled"}}),
    ("fireworks_ai/m", {"truncate_prompt_tokens": 5}, {"prompt_truncate_len": 5}),
    ("fireworks_ai/m", {"guided_grammar": "g"}, {"response_format": {"type": "grammar", "grammar": "g"}}),
    (
        "fireworks_ai/m",
        {"guided_json": {"type": "object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}},
    ),
    ("hosted_vllm/m", {"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning_effort": "medium"}),
    ("hosted_vllm/m", {"thinking": {"type": "disabled"}}, {}),
    (
        "hosted_vllm/m",
        {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "c",
                        "parameters": {
                            "type": "object",
                            "properties": {"input": {"type": "string"}},
                            "required": ["input"],
                        },
                    },
                }
            ]
        },
    ),
    (
        "hosted_vllm/m",
        {
            "tools": [
                {
                    "function": {
                        "strict": True,
                        "parameters": {
                            "$schema": "s",
                            "additionalProperties": False,
                            "properties": {"strict": {"type": "object", "additionalProperties": False}},
                            "anyOf": [{"$id": "i"}],
                        },
                    }
                }
            ]
        },
        {"tools": [{"function": {"parameters": {"properties": {"strict": {"type": "object"}}, "anyOf": [{}]}}}]},
    ),
    ("meta_llama/m", {"response_format": {"type": "json_schema"}}, {"response_format": {"type": "json_schema"}}),
    ("openrouter/a/b", {"reasoning_effort": "max"}, {"reasoning_effort": "xhigh", "usage": {"include": True}}),
    ("nebius/m", {"max_completion_tokens": 4}, {"max_tokens": 4}),
    ("snowflake/m", {"max_tokens": 4}, {"max_completion_tokens": 4}),
]


@pytest.mark.parametrize(("model", "body", "expected"), VALUE_CASES)
def test_values(model: str, body: Body, expected: Body) -> None:
    assert shaped(model, body) == expected


REFUSED: list[tuple[str, Body, Body]] = [
    ("xai/grok-4-fast", {"stop": ["a"]}, {}),
    ("xai/grok-code-fast-1", {"frequency_penalty": 1}, {}),
    ("xai/m", {"web_search_options": {}}, {}),
    ("zai/m", {"max_completion_tokens": 5, "thinking": {}}, {"thinking": {}}),
    ("deepinfra/m", {"tool_choice": "required", "tools": [TOOL]}, {"tools": [TOOL]}),
    ("featherless_ai/m", {"tools": [TOOL], "tool_choice": "required"}, {}),
    ("meta_llama/m", {"response_format": {"type": "json_object"}}, {}),
    ("deepseek/m", {"tools": [TOOL, {"type": "web"}]}, {"tools": [TOOL]}),
    ("deepseek/m", {"tools": [{"type": "web"}]}, {}),
    ("morph/m", {"temperature": 1, "tools": [TOOL]}, {}),
    ("sail/m", {"seed": 1}, {}),
]


@pytest.mark.parametrize(("model", "body", "dropped"), REFUSED)
def test_refusals(model: str, body: Body, dropped: Body) -> None:
    with pytest.raises(UnsupportedParams):
        shaped(model, body)
    assert shaped(model, body, drop_params=True) == dropped


def test_files_are_refused_and_never_dropped() -> None:
    body: Body = {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}
    with pytest.raises(UnsupportedParams, match="file parts"):
        shaped("fireworks_ai/m", body, drop_params=True)


def test_moonshot_asks_for_a_tool_in_words() -> None:
    body: Body = {"messages": [{"role": "user", "content": "q"}], "tools": [TOOL], "tool_choice": "required"}
    found = shaped("moonshot/m", body)
    assert "tool_choice" not in found
    assert isinstance(found["messages"], list)
    assert [message["role"] for message in found["messages"]] == ["user", "user"]
