"""From params to shaping: defaults, drops, overrides, and the promises that hold for every provider."""

import copy
import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.depth import examples

from tianji.errors import ConfigurationError, UnsupportedParams
from tianji.providers import Shaping, build
from tianji.providers.steps.parameters import CONTROL_FIELDS, OPENAI_PARAMS, goes_upstream
from tianji.providers.steps.shaping import apply, for_request
from tianji.providers.table import rows

Body = dict[str, object]


def shaping(model: str = "openai/m", *, drop_params: bool = False, **params: object) -> Shaping:
    given_params = {"model": model, "api_base": "http://own.test/v1", "api_key": "k-123456", **params}
    return build(given_params, {}, drop_params=drop_params).shaping


def test_params_become_defaults_and_the_client_wins() -> None:
    rules = shaping(temperature=0.2, max_tokens=512, keep_alive="10m", seed=None)
    assert dict(rules.defaults) == {"temperature": b"0.2", "max_tokens": b"512", "keep_alive": b'"10m"'}
    assert apply(rules, {"max_tokens": 1}, label="m") == {"max_tokens": 1, "temperature": 0.2, "keep_alive": "10m"}


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "api_base",
        "api_version",
        "organization",
        "rpm",
        "tpm",
        "weight",
        "order",
        "timeout",
        "stream_timeout",
        "num_retries",
        "tags",
        "ssl_verify",
        "extra_headers",
        "drop_params",
        "additional_drop_params",
        "custom_llm_provider",
        "input_cost_per_token",
        "tenant_id",
        "aws_region_name",
        "vertex_project",
        "langfuse_public_key",
        "litellm_credential_name",
        "tianji_anything",
        "mock_response",
        "cache_creation_input_token_cost_above_1hr",
        "use_in_pass_through",
        "region_name",
        "guardrails",
        "base_model",
    ],
)
def test_the_gateways_own_params_are_no_defaults(name: str) -> None:
    assert not goes_upstream(name)


def test_defaults_take_the_providers_name() -> None:
    assert dict(shaping("groq/m", max_tokens=5).defaults) == {"max_tokens": b"5"}
    assert dict(shaping("cerebras/m", max_completion_tokens=5).defaults) == {"max_tokens": b"5"}
    both = shaping("cerebras/m", max_completion_tokens=5, max_tokens=6)
    assert dict(both.defaults) == {"max_tokens": b"6"}
    assert apply(both, {"max_completion_tokens": 7}, label="m") == {"max_tokens": 7}


def test_defaults_are_adapted_when_compiled() -> None:
    assert dict(shaping("moonshot/m", temperature=1.8).defaults) == {"temperature": b"1.0"}
    assert dict(shaping("fireworks_ai/m", tool_choice="required").defaults) == {"tool_choice": b'"any"'}


def test_defaults_that_would_always_be_refused_stop_the_start() -> None:
    with pytest.raises(ConfigurationError, match="seed") as caught:
        shaping("deepinfra/m", seed=1)
    assert "drop_params" in caught.value.message
    assert shaping("deepinfra/m", seed=1, drop_params=True).defaults == ()
    assert dict(shaping("deepinfra/m", seed=1, allowed_openai_params=["seed"]).defaults) == {"seed": b"1"}
    with pytest.raises(ConfigurationError, match="temperature"):
        shaping("openai/o3", temperature=0.2)


def test_extra_body_is_set_always_but_never_the_model() -> None:
    rules = shaping(extra_body={"model": "evil", "chat_template_kwargs": {"enable_thinking": False}, "top_k": 1})
    assert dict(rules.override) == {"chat_template_kwargs": b'{"enable_thinking":false}', "top_k": b"1"}
    assert apply(rules, {"top_k": 9}, label="m") == {"top_k": 1, "chat_template_kwargs": {"enable_thinking": False}}


def test_the_clients_extra_body_is_merged() -> None:
    body: Body = {"a": 1, "extra_body": {"b": 2, "model": "x", "api_base": "http://evil", "tags": []}}
    assert apply(shaping(), body, label="m") == {"a": 1, "b": 2}
    assert apply(shaping(additional_drop_params=["b"]), body, label="m") == {"a": 1}


def test_additional_drop_params() -> None:
    dropped = ["logit_bias", "a.b", "tools[*].function.strict", "messages[0].name", "list[*]"]
    rules = shaping(additional_drop_params=dropped, extra_body={"logit_bias": 1, "a": {"b": 1}})
    body: Body = {
        "logit_bias": {},
        "a": {"b": 1, "c": 2},
        "tools": [{"function": {"strict": True, "name": "f"}}, 5],
        "messages": [{"name": "x"}, {"name": "y"}],
        "list": [1, 2],
    }
    assert apply(rules, body, label="m") == {
        "a": {},  # the deployment's extra_body wins, and is subject to the same paths
        "tools": [{"function": {"name": "f"}}, 5],
        "messages": [{}, {"name": "y"}],
        "list": [],
    }
    assert rules.override == (("a", b"{}"),)
    assert {"a", "tools", "messages", "list"} <= rules.adapt_on


@pytest.mark.parametrize("path", ["a.", "[0].a", "a[b]", "a..b", "a[", "."])
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="additional_drop_params"):
        shaping(additional_drop_params=[path])


def test_one_choice_counts_as_none() -> None:
    assert apply(shaping("cerebras/m"), {"n": 1}, label="m") == {}
    with pytest.raises(UnsupportedParams):
        apply(shaping("cerebras/m"), {"n": 2}, label="m")
    assert apply(shaping("cerebras/m", drop_params=True), {"n": 2}, label="m") == {}
    assert apply(shaping("groq/m"), {"n": 1}, label="m") == {"n": 1}


def test_never_validated_names_pass_or_go_but_are_not_refused() -> None:
    body: Body = {"stream": True, "stream_options": {"include_usage": True}, "user": "u"}
    assert apply(shaping("morph/m"), body, label="m") == {"stream": True, "user": "u"}
    assert apply(shaping("groq/m"), body, label="m") == body


def test_drop_params_of_the_deployment_beats_the_global_one() -> None:
    body: Body = {"seed": 1}
    assert apply(shaping("deepinfra/m", drop_params=True), body, label="m") == {}
    params = {"model": "deepinfra/m", "drop_params": "false"}
    rules = build(params, {}, drop_params=True).shaping
    assert "seed" in rules.refuse
    assert build({**params, "drop_params": "True"}, {}, drop_params=False).shaping.refuse == frozenset()


def test_settings_of_one_request() -> None:
    rules = shaping("deepinfra/m", top_p=0.5)
    assert "seed" in for_request(rules, drop_params=True, additional=(), allowed=()).drop
    loose = for_request(rules, drop_params=None, additional=("top_p",), allowed=("seed", "api_key"))
    assert apply(loose, {"seed": 1, "api_key": "k", "top_p": 1}, label="m") == {"seed": 1}


def outcome(rules: Shaping, body: Body) -> Body | str | None:
    try:
        return apply(rules, body, label="m")
    except UnsupportedParams as error:
        return error.param


@pytest.mark.parametrize("model", ["openai/m", "openai/o3", "openai/gpt-5", "deepinfra/m", "cerebras/m", "mistral/m"])
@pytest.mark.parametrize("configured", [False, True])
@given(
    asked=st.booleans(),
    body=st.dictionaries(
        st.sampled_from(["seed", "temperature", "top_p", "n", "tools", "logit_bias", "stop", "store", "user"]),
        st.sampled_from([None, 0.5, 1, 2, [], [{"type": "custom"}], "x"]),
    ),
)
def test_a_requests_drop_params_is_as_if_its_deployment_had_it(
    model: str, configured: bool, asked: bool, body: Body
) -> None:
    rules = for_request(shaping(model, drop_params=configured), drop_params=asked, additional=(), allowed=())
    assert outcome(rules, body) == outcome(shaping(model, drop_params=asked), body)


@pytest.mark.parametrize("configured", [None, False, True])
def test_what_a_request_said_is_known_and_can_be_taken_back(configured: bool | None) -> None:
    rules = build({"model": "deepinfra/m", "api_key": "k"}, {}, drop_params=configured).shaping
    assert rules.drop_params is configured
    assert for_request(rules, drop_params=None, additional=(), allowed=()).drop_params is configured
    for asked in (True, False):
        rules = for_request(rules, drop_params=asked, additional=(), allowed=())
        assert rules.drop_params is asked
        assert outcome(rules, {"n": 2, "seed": 1}) == outcome(
            shaping("deepinfra/m", drop_params=asked), {"n": 2, "seed": 1}
        )


def test_a_dropped_default_is_not_refused_when_a_request_is_strict() -> None:
    rules = for_request(shaping("deepinfra/m", drop_params=True, seed=1), drop_params=False, additional=(), allowed=())
    assert apply(rules, {"x": 1}, label="m") == {"x": 1}
    assert outcome(rules, {"seed": 2}) == "seed"


def test_tools_are_never_dropped_silently() -> None:
    tools: Body = {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"}
    for row in rows().values():
        model = "chat/1/m" if row.name == "ragflow" else "m"
        rules = shaping(f"{row.name}/{model}")
        if "tools" not in rules.refuse:
            assert apply(rules, tools, label="m") == {**tools, **_sets(row.name)}


NAMES = st.sampled_from(sorted(OPENAI_PARAMS | {"messages", "user", "thinking", "reasoning_effort", "extra_body"}))
LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["none", "high", "auto", "required", "x"])
KEYS = st.sampled_from(
    ["role", "content", "name", "type", "text", "function", "parameters", "tool_calls", "id", "strict", "file", "items"]
)
ROLES = st.sampled_from(["tool", "assistant", "user", "function", "custom", "image_url", "enabled"])
VALUES = st.recursive(
    LEAVES | ROLES, lambda c: st.lists(c, max_size=3) | st.dictionaries(KEYS, c, max_size=4), max_leaves=12
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=6)
SHAPINGS = {
    name: shaping(f"{name}/{'chat/1/m' if name == 'ragflow' else 'm-thinking'}", drop_params=True)
    for name in [*rows(), "openai", "azure", "azure_ai", "mock"]
}


def _sets(name: str) -> Mapping[str, object]:
    row = rows().get(name)
    return row.sets if row else {}


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(SHAPINGS)), BODIES)
def test_adapt_never_changes_its_input_and_keeps_the_unknown(name: str, body: Body) -> None:
    rules = SHAPINGS[name]
    body = {**body, "vendor_field": {"deep": [1, None]}}
    before = copy.deepcopy(body)
    assert rules.adapt is not None
    try:
        adapted = rules.adapt(body)
    except UnsupportedParams:
        adapted = {"vendor_field": {"deep": [1, None]}}
    assert body == before
    assert adapted["vendor_field"] == {"deep": [1, None]}


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(sorted(SHAPINGS)), BODIES)
def test_shaped_bodies_hold_what_the_rules_say(name: str, body: Body) -> None:
    rules = SHAPINGS[name]
    try:
        shaped = apply(rules, body, label="m")
    except UnsupportedParams:
        return
    assert not shaped.keys() & (CONTROL_FIELDS | {"extra_body"}) - {"metadata"}
    assert not shaped.keys() & {old for old, _ in rules.rename}
    again = apply(rules, shaped, label="m")
    assert again.keys() == shaped.keys()


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(sorted(SHAPINGS)), BODIES)
def test_adapting_is_needed_only_when_the_data_say_so(name: str, body: Body) -> None:
    rules = SHAPINGS[name]
    assert rules.adapt is not None
    raw = json.dumps(body, separators=(",", ":")).encode()
    named = "*" in rules.adapt_on or rules.adapt_on & body.keys()
    if not named and not any(all(needle in raw for needle in group) for group in rules.adapt_bytes):
        assert rules.adapt(body) == body
