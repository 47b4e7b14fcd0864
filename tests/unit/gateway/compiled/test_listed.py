"""Lists of models: what the catalogue knows of them, and the models behind patterns."""

from typing import TYPE_CHECKING

import pytest

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.config.loader import load
from tianji.errors import Unacceptable
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.management.models.listing import Model, listed_models

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
model_list:
  - {model_name: mini, litellm_params: {model: openai/gpt-4o-mini, api_key: k}, model_info: {max_input_tokens: 7}}
  - {model_name: vectors, litellm_params: {model: openai/text-embedding-3-small, api_key: k}}
  - {model_name: own, litellm_params: {model: openai/nobody-knows, api_key: k}, model_info: {access_groups: [beta]}}
  - {model_name: "house/*-v1", litellm_params: {model: "anthropic/claude-*", api_key: k}}
  - {model_name: "fixed/*", litellm_params: {model: openai/gpt-4o, api_key: k}}
  - {model_name: "proxy/*", litellm_params: {model: "litellm_proxy/*", api_key: k, api_base: "http://up.test"}}
router_settings:
  fallbacks: [{mini: [own, {model: vectors}]}]
  content_policy_fallbacks: [{mini: [vectors]}]
"""
QUIET = {"HOME": "/nowhere"}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    file: Path = tmp_path_factory.mktemp("listed") / "config.yaml"
    file.write_text(CONFIG)

    async def never(_texts: list[str]) -> list[list[float]]:
        raise AssertionError("nothing is embedded")

    loaded = load(file, QUIET, directory=file.parent)
    return Snapshot(loaded, Shared(SharedCounters(1024), HealthTable(64), LimitTable(16)), Dice(1), lambda _: never)


def listed(snapshot: Snapshot, **query: str) -> dict[str, Model]:
    return {model.id: model for model in listed_models(snapshot, "anybody", query)}


def test_a_model_says_what_is_known_of_it(snapshot: Snapshot) -> None:
    found = listed(snapshot)
    assert (found["mini"].mode, found["mini"].max_input_tokens, found["mini"].max_output_tokens) == ("chat", 7, 16384)
    assert (found["vectors"].mode, found["vectors"].max_input_tokens) == ("embedding", 8191)
    assert found["own"] == Model(id="own")


def test_a_pattern_is_listed_as_the_models_behind_it(snapshot: Snapshot) -> None:
    names = [name for name in listed(snapshot) if name not in ("mini", "vectors", "own")]
    assert "house/opus-4-5-v1" in names
    assert all(name.startswith("house/") and name.endswith("-v1") for name in names)  # of the others nothing is known
    assert all(snapshot.resolve(name)[1].upstream_model("claude-*").startswith("claude-") for name in names)
    assert {name for name in listed(snapshot, return_wildcard_routes="true") if "*" in name} == {
        "house/*-v1", "fixed/*", "proxy/*",
    }  # fmt: skip


def test_access_groups_are_listed_on_request(snapshot: Snapshot) -> None:
    assert "beta" not in listed(snapshot)
    assert list(listed(snapshot, only_model_access_groups="true")) == ["beta"]
    assert {"beta", "mini"} <= set(listed(snapshot, include_model_access_groups="True"))


def test_fallbacks_are_told_on_request(snapshot: Snapshot) -> None:
    assert listed(snapshot)["mini"].metadata is None
    found = listed(snapshot, include_metadata="true")
    assert (found["mini"].metadata, found["own"].metadata) == (
        {"fallbacks": ["own", {"model": "vectors"}]},
        {"fallbacks": []},
    )
    other = listed(snapshot, include_metadata="true", fallback_type="content_policy")
    assert other["mini"].metadata == {"fallbacks": ["vectors"]}
    with pytest.raises(Unacceptable, match="context_window"):
        listed(snapshot, fallback_type="x")
