"""OpenAI's own hosts: addresses, credentials, and the rules of its model families."""

import pytest

from tianji.errors import ConfigurationError, UnsupportedParams
from tianji.providers import Upstream, build
from tianji.providers.steps.shaping import apply
from tianji.providers.upstream import PATHS

Body = dict[str, object]
IMAGE: Body = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def upstream(model: str, *, drop_params: bool = False, **params: object) -> Upstream:
    return build({"model": model, "api_key": "sk-1", **params}, {}, drop_params=drop_params)


def shaped(model: str, body: Body, *, drop_params: bool = False, **params: object) -> Body:
    return apply(upstream(model, drop_params=drop_params, **params).shaping, body, label=model)


def test_address_and_credentials() -> None:
    found = upstream("openai/gpt-4o", organization="org-1", api_key="os.environ/K2")
    assert found.base_url == "https://api.openai.com/v1"
    assert set(PATHS) - set(found.paths) == {"rerank", "completions", "ocr"}
    found = build(
        {"model": "gpt-4o", "api_key": "os.environ/K2", "organization": "org-1"}, {"K2": "two"}, drop_params=False
    )
    assert dict(found.headers) == {b"authorization": b"Bearer two", b"openai-organization": b"org-1"}
    found = build({"model": "gpt-4o"}, {"OPENAI_API_KEY": "e", "OPENAI_ORGANIZATION": "o"}, drop_params=False)
    assert dict(found.headers) == {b"authorization": b"Bearer e", b"openai-organization": b"o"}
    found = build({"model": "gpt-4o"}, {"OPENAI_API_BASE": "http://b/v1"}, drop_params=False)
    assert (found.base_url, found.headers, found.key_missing) == ("http://b/v1", (), None)
    assert "OPENAI_API_KEY" in (build({"model": "gpt-4o"}, {}, drop_params=False).key_missing or "")
    assert set(upstream("text-completion-openai/gpt-3.5-turbo-instruct").paths) == {"completions"}


@pytest.mark.parametrize(
    ("model", "params", "has"),
    [
        ("openai/gpt-3.5-turbo-instruct", {}, True),
        ("openai/ft:davinci-002:acme::1", {}, True),
        ("openai/*", {}, True),
        ("openai/gpt-3.5-turbo", {}, False),
        ("openai/gpt-4o", {"api_base": "http://own.test/v1"}, True),
        ("azure/dep", {"api_base": "https://res.openai.azure.com"}, False),
        ("azure/dep", {"api_base": "https://res.openai.azure.com", "base_model": "azure/gpt-3.5-turbo-instruct"}, True),
    ],
)
def test_models_of_chat_are_asked_by_chat_for_completions_too(model: str, params: dict[str, object], has: bool) -> None:
    assert ("completions" in upstream(model, **params).paths) is has


def test_the_responses_api_at_home_and_where_the_operator_knows_of_it() -> None:
    assert set(upstream("openai/gpt-5").own_forms) == {"responses", "compact"}
    assert not upstream("openai/gpt-5", use_chat_completions_api=True).own_forms
    assert not upstream("openai/m", api_base="http://b/v1").own_forms
    assert upstream("openai/m", api_base="http://b/v1", use_chat_completions_api=False).own_forms
    spared = upstream("openai/chat_completions/gpt-5")
    assert (spared.model, spared.own_forms, "chat" in spared.paths) == ("gpt-5", {}, True)
    assert not upstream("openai/chat_completions/gpt-5", use_chat_completions_api=False).own_forms
    only = upstream("openai/responses/m", api_base="http://b/v1")
    assert (only.model, set(only.own_forms), only.protocol) == (
        "m",
        {"responses", "compact"},
        "tianji.protocol.responses.outbound",
    )
    assert "chat" not in only.paths


def test_what_a_model_thought_stays_here() -> None:
    body: Body = {
        "messages": [{"role": "assistant", "content": "a", "thinking_blocks": [], "reasoning_content": "hm"}],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
    }
    assert shaped("openai/gpt-5", body) == {
        "messages": [{"role": "assistant", "content": "a"}],
        "reasoning_effort": "medium",
    }


def test_a_list_of_organizations_has_to_be_split() -> None:
    assert (b"openai-organization", b"a") in upstream("openai/m", organization=["a"]).headers
    with pytest.raises(ConfigurationError, match="split"):
        upstream("openai/m", organization=["a", "b"])


def test_a_plain_model_takes_everything_and_keeps_the_unknown() -> None:
    body: Body = {
        "model": "x",
        "messages": [{"role": "user", "content": [IMAGE], "vendor": 1}],
        "temperature": 0.3,
        "n": 3,
        "logprobs": True,
        "tools": [{"type": "function", "function": {"name": "f", "strict": True}}],
        "tool_choice": "auto",
        "max_tokens": 5,
        "service_tier": "flex",
        "brand_new_field": {"a": [1]},
    }
    shaping = upstream("openai/gpt-4o").shaping
    assert apply(shaping, body, label="m") == body
    assert shaping.refuse == {"reasoning_effort", "thinking", "verbosity"}  # it does not reason
    assert not shaping.rename
    assert not {"messages", "tools", "*"} & shaping.adapt_on  # such bodies go through as bytes


def test_control_fields_stay_here() -> None:
    body: Body = {"messages": [], "tags": ["a"], "fallbacks": [], "litellm_metadata": {}, "api_key": "k", "timeout": 1}
    assert shaped("openai/gpt-4o", body) == {"messages": []}


def test_arguments_of_litellm_stay_here() -> None:
    body: Body = {"messages": [], "ttl": 1, "roles": {}, "rpm": 1, "provider_specific_header": {}, "acompletion": True}
    assert shaped("openai/gpt-4o", body) == {"messages": []}
    assert shaped("openai/m", body, api_base="http://own/v1", ttl=2, verbose=True) == {"messages": []}


@pytest.mark.parametrize("streamed", [{}, {"stream": False}, {"stream": None}, {"stream": "true"}])
@pytest.mark.parametrize("model", ["openai/gpt-4o", "groq/m"])
def test_stream_options_need_a_stream(model: str, streamed: Body) -> None:
    options = {"stream_options": {"include_usage": True}}
    assert shaped(model, {**options, **streamed}) == streamed
    assert shaped(model, {**options, "stream": True}) == {**options, "stream": True}


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"metadata": {"a": "b"}}, False),
        ({"metadata": {"a": "b"}, "store": False}, False),
        ({"metadata": {"a": "b"}, "store": "true"}, False),
        ({"metadata": {"a": "b"}, "store": True}, True),
    ],
)
def test_metadata_goes_out_only_to_be_stored(body: Body, sent: bool) -> None:
    assert ("metadata" in shaped("openai/gpt-4o", body)) is sent
    assert ("metadata" in shaped("azure/gpt-4o", body, api_base="https://r.openai.azure.com")) is sent
    assert "metadata" not in shaped("groq/m", body)


@pytest.mark.parametrize("tools", [{}, {"tools": None}, {"tools": []}])
def test_tool_choice_needs_tools(tools: Body) -> None:
    assert "tool_choice" not in shaped("openai/gpt-4o", {"tool_choice": "auto", **tools})


def test_stop_is_cut_for_the_host_alone() -> None:
    stop = ["1", "2", "3", "4", "5"]
    assert shaped("openai/gpt-4o", {"stop": stop}) == {"stop": stop[:4]}
    assert shaped("openai/gpt-4o", {"stop": "one"}) == {"stop": "one"}
    assert shaped("openai/m", {"stop": stop}, api_base="http://own/v1") == {"stop": stop}


def test_cache_control_goes_for_the_host_alone() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    body: Body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", **mark}], **mark}],
        "tools": [{"type": "function", "function": {"name": "f", **mark}, **mark}],
    }
    assert "cache_control" not in str(shaped("openai/gpt-4o", body))
    assert "cache_control" not in str(shaped("openai/gpt-4o", body, api_base="https://eu.api.openai.com/v1"))
    assert shaped("openai/m", body, api_base="http://own/v1") == body
    assert (b'"cache_control"',) in upstream("openai/gpt-4o").shaping.adapt_bytes


def test_images_of_tool_messages_move_behind_their_run() -> None:
    first, second = {**IMAGE, "n": 1}, {**IMAGE, "n": 2}
    text = {"type": "text", "text": "t"}
    body: Body = {
        "messages": [
            {"role": "tool", "tool_call_id": "a", "content": [text, first]},
            {"role": "tool", "tool_call_id": "b", "content": [second]},
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": [IMAGE]},
        ]
    }
    assert shaped("openai/gpt-4o", body)["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": [text]},
        {"role": "tool", "tool_call_id": "b", "content": "The image is in the next message."},
        {"role": "user", "content": [first, second]},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": [IMAGE]},
    ]


@pytest.mark.parametrize(
    "model", ["o1", "o3-mini", "o4-mini-2025-04-16", "ft:o4-mini:org", "gpt-5", "gpt-5.2-codex", "gpt-6-sol"]
)
def test_reasoning_models_rename_the_limit(model: str) -> None:
    assert shaped(f"openai/{model}", {"max_tokens": 5}) == {"max_completion_tokens": 5}
    assert shaped(f"openai/{model}", {"max_tokens": 5, "max_completion_tokens": 7}) == {"max_completion_tokens": 7}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-chat-latest", "gpt-50", "o1x", "omni-moderation-latest", "gpt-4.1"])
def test_other_models_do_not(model: str) -> None:
    body: Body = {"max_tokens": 5, "temperature": 0.2, "stop": ["a"], "presence_penalty": 1}
    assert shaped(f"openai/{model}", body) == body


@pytest.mark.parametrize(
    ("model", "body", "bad"),
    [
        ("o3", {"top_p": 0.5, "logprobs": True, "n": 2}, ["logprobs", "top_p"]),
        ("o1-mini", {"parallel_tool_calls": True}, ["parallel_tool_calls"]),
        ("o3", {"verbosity": "low"}, ["verbosity"]),
        *(
            (model, {"reasoning_effort": "low", "verbosity": "low"}, ["reasoning_effort", "verbosity"])
            for model in ("gpt-4o", "gpt-4o-mini-2024-07-18", "gpt-4.1-nano", "ft:gpt-4o:org", "gpt-35-turbo", "gpt-4")
        ),
        ("gpt-6-sol", {"presence_penalty": 1, "stop": ["a"]}, ["presence_penalty", "stop"]),
        ("gpt-6.1-terra", {"temperature": 0.5}, ["temperature"]),
        ("gpt-5.6", {"temperature": 0.5}, ["temperature"]),
        ("gpt-5.5-pro", {"temperature": 0.5}, ["temperature"]),
        ("gpt-5", {"stop": ["a"], "logit_bias": {}}, ["logit_bias", "stop"]),
        ("o3", {"temperature": 0.5}, ["temperature"]),
        ("gpt-5", {"temperature": 0.5}, ["temperature"]),
        ("gpt-5-mini", {"top_p": 0.5}, ["top_p"]),
        ("gpt-5.1", {"top_p": 0.5, "reasoning_effort": "low"}, ["top_p"]),
        ("gpt-5.1-codex", {"temperature": 0.5}, ["temperature"]),
    ],
)
def test_unsupported_params(model: str, body: Body, bad: list[str]) -> None:
    with pytest.raises(UnsupportedParams) as caught:
        shaped(f"openai/{model}", body)
    assert caught.value.status == 400
    assert all(repr(name) in caught.value.message for name in bad)
    assert model in caught.value.message
    assert "drop_params" in caught.value.message
    kept = {name: value for name, value in body.items() if name not in bad}
    assert shaped(f"openai/{model}", body, drop_params=True) == kept
    assert shaped(f"openai/{model}", body, allowed_openai_params=bad) == body


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("gpt-6.1-terra", {"reasoning_effort": "low", "verbosity": "low"}),
        ("gpt-6-sol", {"temperature": 0.5, "top_p": 0.5, "reasoning_effort": "none"}),
        ("gpt-5.4-mini", {"temperature": 0.5}),
        ("gpt-oss-20b", {"reasoning_effort": "low"}),
        ("gpt-4omega", {"reasoning_effort": "low"}),
        ("o3", {"temperature": 1, "parallel_tool_calls": True}),
        ("gpt-5", {"temperature": 1.0, "reasoning_effort": "high", "verbosity": "low"}),
        ("gpt-5", {"temperature": 0.5, "top_p": 0.5, "reasoning_effort": "none"}),
        ("gpt-5.1", {"temperature": 0.5, "logprobs": True}),
    ],
)
def test_what_reasoning_models_do_take(model: str, body: Body) -> None:
    assert shaped(f"openai/{model}", body) == body


def test_thinking_is_an_effort_of_those_that_reason() -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 4096}}
    assert "thinking" in upstream("openai/gpt-4.1").shaping.refuse
    assert shaped("openai/gpt-4.1", thinking, drop_params=True) == {}
    assert shaped("openai/gpt-4.1", thinking, drop_params=True, api_base="http://own/v1") == {}
    assert "thinking" not in shaped("openai/o3", thinking)
    assert shaped("openai/o3", thinking)["reasoning_effort"]


@pytest.mark.parametrize("model", ["o3", "gpt-5", "gpt-6-sol"])
def test_an_effort_is_a_word(model: str) -> None:
    asked = {"reasoning_effort": {"effort": "none", "summary": "auto"}}
    assert shaped(f"openai/{model}", asked) == {"reasoning_effort": "none"}


def test_null_counts_as_absent() -> None:
    assert shaped("openai/gpt-5", {"stop": None, "temperature": None}) == {"temperature": None}


def test_base_model_tells_the_family() -> None:
    found = shaped("azure/prod", {"max_tokens": 1}, api_base="https://r.openai.azure.com", base_model="azure/gpt-5")
    assert found == {"max_completion_tokens": 1}
