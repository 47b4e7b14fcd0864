"""A configuration with an upstream of each form, compiled."""

from typing import TYPE_CHECKING

import pytest

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.config.loader import load
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
model_list:
  - {model_name: claude, litellm_params: {model: anthropic/claude-sonnet-4-5, api_key: k}}
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o-mini, api_key: k}}
  - {model_name: own, litellm_params: {model: openai/gpt-4o-mini, api_key: k, api_base: "http://upstream.test/v1"}}
  - {model_name: gemini, litellm_params: {model: gemini/gemini-2.5-flash, api_key: k}}
  - {model_name: cohere, litellm_params: {model: cohere_chat/command-a-03-2025, api_key: k}}
  - {model_name: pro, litellm_params: {model: openai/o1-pro, api_key: k}}
  - model_name: converse
    litellm_params: &aws
      {model: bedrock/amazon.nova-pro-v1:0, aws_access_key_id: a, aws_secret_access_key: s, aws_region_name: us-east-1}
  - {model_name: invoke, litellm_params: {<<: *aws, model: bedrock/invoke/anthropic.claude-3-5-sonnet-20241022-v2:0}}
"""


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    file: Path = tmp_path_factory.mktemp("remembering") / "config.yaml"
    file.write_text(CONFIG)
    loaded = load(file, {}, directory=file.parent)

    async def never(_texts: list[str]) -> list[list[float]]:
        raise AssertionError("nothing is embedded")

    return Snapshot(loaded, Shared(SharedCounters(1024), HealthTable(64), LimitTable(16)), Dice(1), lambda _: never)
