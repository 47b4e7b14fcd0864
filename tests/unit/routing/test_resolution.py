"""The order in which a requested name finds its model group."""

import pytest

from tianji.providers.names import infer
from tianji.routing.resolution import LONGEST_NAME, Alias, Resolver


def wildcards() -> Resolver:
    groups = ["anthropic/*", "openai/*", "team-*-chat", "gemini-*", "*", "openai/gpt-4o-mini"]
    return Resolver(groups, infer=infer)


def named() -> Resolver:
    return Resolver(
        ["llama-local", "qwen-vllm", "cust", "up-*"],
        {
            "gpt-3.5-turbo": Alias("llama-local"),
            "secret-name": Alias("qwen-vllm", hidden=True),
            "to-pattern": Alias("up-x"),
            "nowhere": Alias("gone"),
            "cust": Alias("qwen-vllm"),
        },
        deployments={"dep-1": "qwen-vllm"},
        upstreams={"hosted_vllm/Qwen/Qwen2.5": "qwen-vllm", "up-y": "cust"},
        infer=infer,
    )


@pytest.mark.parametrize(
    ("name", "group", "how", "template", "model"),
    [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini", "exact", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openai/gpt-4o", "openai/*", "pattern", "openai/*", "openai/gpt-4o"),
        ("team-red-chat", "team-*-chat", "pattern", "openai/ft-*", "openai/ft-red"),
        ("gemini-2.5-pro", "gemini-*", "pattern", "gemini/gemini-*", "gemini/gemini-2.5-pro"),
        ("whatever", "*", "pattern", "openai/*", "openai/whatever"),
        ("openai/*", "openai/*", "exact", "openai/*", "openai/*"),
    ],
)
def test_wildcard_configuration(name: str, group: str, how: str, template: str, model: str) -> None:
    found = wildcards().resolve(name)
    assert found is not None
    assert (found.group, found.how, found.upstream_model(template)) == (group, how, model)


def test_bare_names_are_tried_with_their_provider_when_nothing_else_fits() -> None:
    resolver = Resolver(["openai/*", "anthropic/*"], infer=infer)
    found = resolver.resolve("gpt-4o")
    assert found is not None
    assert (found.group, found.name, found.upstream_model("openai/*")) == ("openai/*", "openai/gpt-4o", "openai/gpt-4o")
    assert resolver.resolve("claude-sonnet-4-5").group == "anthropic/*"  # type: ignore[union-attr]
    assert resolver.resolve("mystery") is None


@pytest.mark.parametrize(
    ("name", "group", "how", "deployment"),
    [
        ("llama-local", "llama-local", "exact", None),
        ("cust", "qwen-vllm", "alias", None),  # an alias hides a group of the same name
        ("dep-1", "qwen-vllm", "deployment", "dep-1"),
        ("gpt-3.5-turbo", "llama-local", "alias", None),
        ("secret-name", "qwen-vllm", "alias", None),
        ("to-pattern", "up-*", "pattern", None),
        ("up-y", "up-*", "pattern", None),  # a pattern beats the upstream's own name
        ("hosted_vllm/Qwen/Qwen2.5", "qwen-vllm", "upstream", None),
    ],
)
def test_order(name: str, group: str, how: str, deployment: str | None) -> None:
    found = named().resolve(name)
    assert found is not None
    assert (found.group, found.how, found.deployment) == (group, how, deployment)


def test_aliases_lead_on_to_aliases_and_not_for_ever() -> None:
    chain = {f"a{i}": Alias(f"a{i + 1}") for i in range(1, 5)} | {"a5": Alias("m")}
    resolver = Resolver(["m"], {**chain, "a0": Alias("a1"), "p": Alias("q"), "q": Alias("p")})
    found = resolver.resolve("a1")
    assert found is not None
    assert (found.group, found.how, found.name) == ("m", "alias", "m")
    assert resolver.resolve("a0") is None, "a sixth is one too many"
    assert resolver.resolve("p") is None


@pytest.mark.parametrize("name", ["", "nothing", "nowhere", "LLAMA-LOCAL", "x" * (LONGEST_NAME + 1)])
def test_unserved_names(name: str) -> None:
    assert named().resolve(name) is None


def test_listing_hides_hidden_aliases_and_patterns_that_expand_to_nothing() -> None:
    names = named().listed(lambda pattern: ())
    assert names == ["llama-local", "qwen-vllm", "cust", "gpt-3.5-turbo", "to-pattern", "nowhere"]
    assert "up-a" in named().listed(lambda pattern: ("up-a",))


def test_unknown_names_the_nearest_the_caller_may_see() -> None:
    error = named().unknown("lama-local")
    assert error.status == 404
    assert error.code == "model_not_found"
    assert "'llama-local'" in error.message
    assert "llama" not in named().unknown("lama-locl", visible=lambda name: name == "cust").message.replace(
        "lama-locl", ""
    )
