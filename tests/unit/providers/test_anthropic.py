"""Deployments of Anthropic's own API: addresses, credentials, what goes with requests."""

import json

import pytest

from tianji.providers import Upstream, build
from tianji.providers.steps.shaping import apply

KEY = {"ANTHROPIC_API_KEY": "sk-ant-api03-x"}


def built(environ: dict[str, str] | None = None, **params: object) -> Upstream:
    environ = KEY if environ is None else environ
    return build({"model": "anthropic/claude-x", **params}, environ, drop_params=False)


def headers(upstream: Upstream) -> dict[bytes, bytes]:
    return dict(upstream.headers)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        (None, "https://api.anthropic.com"),
        ("https://proxy.test", "https://proxy.test"),
        ("https://proxy.test/v1", "https://proxy.test"),
        ("https://proxy.test/v1/messages/", "https://proxy.test"),
        ("https://proxy.test/anthropic?team=a", "https://proxy.test/anthropic"),
    ],
)
def test_addresses_are_written_with_and_without_the_path(given: str | None, base: str) -> None:
    upstream = built() if given is None else built(api_base=given)
    assert upstream.base_url == base
    assert upstream.query == ("team=a" if given and "?" in given else "")
    assert upstream.own_forms["messages"].suffix("claude-x", False) == "/v1/messages"


def test_a_key_and_a_token_stand_in_different_headers() -> None:
    assert headers(built())[b"x-api-key"] == b"sk-ant-api03-x"
    assert b"authorization" not in headers(built())
    token = headers(built({"ANTHROPIC_AUTH_TOKEN": "token"}))
    assert (token[b"authorization"], b"x-api-key" in token) == (b"Bearer token", False)


def test_who_logged_in_has_a_beta_flag_beside_those_of_the_operator() -> None:
    found = headers(built(api_key="sk-ant-oat01-x", extra_headers={"Anthropic-Beta": "context-1m-2025-08-07"}))
    assert found[b"authorization"] == b"Bearer sk-ant-oat01-x"
    assert found[b"anthropic-beta"] == b"oauth-2025-04-20,context-1m-2025-08-07"
    assert found[b"anthropic-dangerous-direct-browser-access"] == b"true"


def test_without_a_key_it_says_which_one() -> None:
    assert "ANTHROPIC_API_KEY" in (built({}).key_missing or "")


def test_params_of_a_deployment_are_defaults_where_they_mean_something() -> None:
    upstream = built(max_tokens=7, seed=None, reasoning_effort="low", top_k=3)
    assert {name for name, _ in upstream.shaping.defaults} == {"max_tokens", "reasoning_effort", "top_k"}
    assert {name for name, _ in upstream.own_forms["messages"].shaping.defaults} == {"max_tokens", "top_k"}


def test_it_is_known_by_its_name_and_its_family() -> None:
    assert build({"model": "claude-sonnet-4-5"}, KEY, drop_params=False).provider == "anthropic"


def test_what_another_model_thought_is_not_sent() -> None:
    shaping = built().own_forms["messages"].shaping
    ours = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    foreign = [
        {"type": "thinking", "thinking": "so", "signature": ""},
        {"type": "thinking", "thinking": "so", "signature": "openai:rs_1:c2VhbGVk"},
    ]
    said = {"type": "text", "text": "hello"}
    turns = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": [*foreign, ours, said]},
        {"role": "assistant", "content": foreign},
        {"role": "user", "content": [said]},
    ]
    sent = apply(shaping, {"messages": turns}, label="anthropic")["messages"]
    assert sent == [turns[0], {"role": "assistant", "content": [ours, said]}, turns[3]]
    for written in (json.dumps(turns), json.dumps(turns, separators=(",", ":"))):
        assert sum(needle.decode() in written for (needle,) in shaping.adapt_bytes) == 2
    assert not any(needle.decode() in json.dumps([ours, said]) for (needle,) in shaping.adapt_bytes)
