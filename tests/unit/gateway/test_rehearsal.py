"""Which of OpenAI's parameters a deployment takes, found by asking and not by lists."""

from pathlib import Path

import pytest

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.config.loader import load
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot, acceptable
from tianji.gateway.translation.rehearsal import PARAMETERS, parameters_of

KEYS = {"OPENAI_API_KEY": "sk-one", "ANTHROPIC_API_KEY": "k", "GEMINI_API_KEY": "k", "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION_NAME": "us-east-1", "COHERE_API_KEY": "k",
        "MISTRAL_API_KEY": "k"}  # fmt: skip
SIGNED = "bedrock/amazon.nova-pro-v1:0"


async def never(_texts: list[str]) -> list[list[float]]:
    raise AssertionError("nothing is embedded")


def taken(tmp_path: Path, model: str, params: str = "") -> set[str]:
    file = tmp_path / "config.yaml"
    file.write_text(f"model_list: [{{model_name: m, litellm_params: {{model: '{model}'{params}}}}}]")
    loaded = load(file, KEYS, directory=tmp_path, accepts=acceptable(KEYS))
    shared = Shared(SharedCounters(1024), HealthTable(64), LimitTable(16))
    found = Snapshot(loaded, shared, Dice(1), lambda _: never)
    listed = parameters_of(found.table, found.groups["m"].deployments[0])
    assert len(listed) == len(set(listed))
    return set(listed)


@pytest.mark.parametrize(
    ("model", "lacks", "has"),
    [
        ("openai/gpt-4o", {"reasoning_effort", "thinking"}, {"audio", "temperature", "functions", "n"}),
        ("openai/gpt-5", {"temperature", "stop", "logprobs"}, {"reasoning_effort", "verbosity", "tools"}),
        ("anthropic/claude-sonnet-4-5", {"logprobs", "seed", "n"}, {"stop", "thinking", "tools", "tool_choice"}),
        ("gemini/gemini-2.5-pro", {"logit_bias", "user"}, {"seed", "response_format", "reasoning_effort"}),
        ("cohere_chat/command-r", {"logit_bias", "n"}, {"seed", "frequency_penalty"}),
        (SIGNED, {"seed", "logprobs"}, {"temperature", "tools"}),
        ("mistral/mistral-large-latest", {"user"}, {"temperature", "seed"}),
    ],
)
@pytest.mark.parametrize("params", ["", ", drop_params: true"])
def test_what_a_model_takes(tmp_path: Path, model: str, lacks: set[str], has: set[str], params: str) -> None:
    found = taken(tmp_path, model, params)
    assert not lacks & found
    assert has <= found


def test_what_an_operator_says_counts(tmp_path: Path) -> None:
    assert "seed" in taken(tmp_path, SIGNED, ", allowed_openai_params: [seed]")
    assert "temperature" not in taken(tmp_path, SIGNED, ", additional_drop_params: [temperature]")


def test_nobody_is_asked_what_no_chat_is(tmp_path: Path) -> None:
    assert taken(tmp_path, "deepgram/nova-3") == set()


def test_every_parameter_is_asked_for_by_its_name() -> None:
    assert [name for name, members in PARAMETERS.items() if name not in members] == []
