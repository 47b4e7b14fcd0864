"""Which provider a model name means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import ConfigurationError
from tianji.providers import build, names
from tianji.providers.address import same_place
from tianji.providers.table import unserved
from tianji.searching.providers import PROVIDERS


@pytest.mark.parametrize(
    ("model", "provider", "upstream"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("openai/openai/gpt-4o", "openai", "openai/gpt-4o"),
        ("openai/*", "openai", "*"),
        ("*", "openai", "*"),
        ("groq/meta-llama/x", "groq", "meta-llama/x"),
        ("nano-gpt/x", "nano-gpt", "x"),
        ("hosted_vllm/Qwen/Qwen2.5-7B-Instruct", "hosted_vllm", "Qwen/Qwen2.5-7B-Instruct"),
        ("openrouter/anthropic/claude", "openrouter", "anthropic/claude"),
        ("openrouter/auto", "openrouter", "openrouter/auto"),
        ("openrouter/openrouter/auto", "openrouter", "openrouter/auto"),
        ("openrouter/*", "openrouter", "*"),
        ("azure/my-deployment", "azure", "my-deployment"),
        ("azure/mistral-large-latest", "openai", "mistral-large-latest"),
        ("azure/command-r-plus", "openai", "command-r-plus"),
        ("cohere/command-r", "cohere_chat", "command-r"),
        ("anthropic/claude-2.1", "anthropic_text", "claude-2.1"),
        ("anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("bedrock/converse/us.anthropic.claude", "bedrock", "converse/us.anthropic.claude"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("o1", "openai", "o1"),
        ("o3-mini", "openai", "o3-mini"),
        ("o4-mini-2025-04-16", "openai", "o4-mini-2025-04-16"),
        ("ft:gpt-4o:org::id", "openai", "ft:gpt-4o:org::id"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("omni-moderation-latest", "openai", "omni-moderation-latest"),
        ("tts-1-hd", "openai", "tts-1-hd"),
        ("whisper-1", "openai", "whisper-1"),
        ("dall-e-3", "openai", "dall-e-3"),
        ("claude-opus-4", "anthropic", "claude-opus-4"),
        ("us.anthropic.claude-sonnet-4-5-v1:0", "bedrock", "us.anthropic.claude-sonnet-4-5-v1:0"),
        ("gemini-2.5-pro", "vertex_ai", "gemini-2.5-pro"),
        ("a/b:" + "0" * 64, "replicate", "a/b:" + "0" * 64),
    ],
)
def test_names(model: str, provider: str, upstream: str) -> None:
    assert names.parse(model) == (provider, upstream)


@pytest.mark.parametrize("model", ["mistral-7b-local", "OpenAI/gpt", "o1x", "o2", "openai/", "nobody/x", ""])
def test_names_without_a_provider(model: str) -> None:
    with pytest.raises(ConfigurationError, match="write it as provider/model"):
        names.parse(model)


def test_nearest_provider_is_offered() -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean groq"):
        names.parse("grok/llama")
    with pytest.raises(ConfigurationError, match=r"did you mean openrouter"):
        names.parse("m", provider="openruter")


def test_fixed_provider() -> None:
    assert names.parse("some-model", provider="openai") == ("openai", "some-model")
    assert names.parse("openai/some-model", provider="openai") == ("openai", "some-model")
    assert names.parse("groq/x", provider="openai") == ("openai", "groq/x")
    assert names.parse("openrouter/a/b", provider="openrouter") == ("openrouter", "a/b")
    assert names.parse("openrouter/auto", provider="openrouter") == ("openrouter", "openrouter/auto")
    assert names.parse("anthropic/x", proxy=True) == ("litellm_proxy", "anthropic/x")


@pytest.mark.parametrize(
    ("base", "provider"),
    [
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://API.GROQ.com:443/openai/v1/", "groq"),
        ("https://api.deepseek.com/beta/more", "deepseek"),
        ("https://api.openai.com/v1", "openai"),
    ],
)
def test_known_addresses(base: str, provider: str) -> None:
    assert names.parse("some-model", api_base=base) == (provider, "some-model")


@pytest.mark.parametrize(
    "base",
    [
        "https://api.groq.com.evil.tld/openai/v1",
        "https://evil.tld/api.groq.com/openai/v1",
        "https://api.groq.com@evil.tld/openai/v1",
        "https://user:pw@api.groq.com/openai/v1",
        "https://evil.tld#api.groq.com/openai/v1",
        "https://evil.tld?api.groq.com/openai/v1",
        "https://evil.tld\\@api.groq.com/openai/v1",
        "https://notapi.groq.com/openai/v1",
        "https://api.groq.com/openai/v1evil",
        "https://api.groq.com/openai/v1/../../steal",
        "https://api.groq.com:8443/openai/v1",
        "http://api.groq.com/openai/v1",
        "https://api.groq.com:bad/openai/v1",
        "api.groq.com/openai/v1",
        "https://[::1",
    ],
)
def test_hosts_that_only_look_known_get_no_key(base: str) -> None:
    with pytest.raises(ConfigurationError):
        build({"model": "some-model", "api_base": base}, {"GROQ_API_KEY": "k"}, drop_params=False)


@given(st.text(max_size=60))
def test_any_text_is_judged_without_failing(url: str) -> None:
    assert same_place(url, "https://api.groq.com/openai/v1") in (True, False)


@pytest.mark.parametrize(
    ("model", "why"), [("bedrock/agent/x", "yet"), *((f"{n}/x", w) for n, w in unserved().items())]
)
def test_unserved_providers_say_why(model: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match="is not served") as refused:
        build({"model": model}, {}, drop_params=False)
    assert why in str(refused.value)


def test_searches_are_said_to_be_what_they_are() -> None:
    searches = {name for name, why in unserved().items() if "search_tools" in why}
    assert searches == PROVIDERS.keys() - {"exa", "perplexity"}


def test_proxy_variable() -> None:
    params = {"model": "anything/at-all", "api_base": "https://proxy.test"}
    upstream = build(params, {"USE_LITELLM_PROXY": "True"}, drop_params=False)
    assert (upstream.provider, upstream.model) == ("litellm_proxy", "anything/at-all")
