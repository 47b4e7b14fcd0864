"""What of a configuration says that conversations will be held."""

import json
from pathlib import Path
from typing import Any

import pytest

from tianji.config.loader import load
from tianji.realtime.expected import expected

KEYS = {"OPENAI_API_KEY": "k", "AZURE_API_BASE": "https://azure.example", "AZURE_API_KEY": "k", "GEMINI_API_KEY": "k"}


@pytest.fixture
def say(tmp_path: Path) -> Any:
    def say_of(**sections: Any) -> str:
        file = tmp_path / "config.yaml"
        file.write_text(json.dumps({"model_list": [], **sections}))
        loaded = load(file, KEYS)
        assert len(loaded.config.model_list) == len(sections.get("model_list", []))
        return expected(loaded.config, loaded.environment)

    return say_of


@pytest.mark.parametrize(
    ("model", "name", "info", "talks"),
    [
        ("openai/gpt-realtime", "m", {}, True),
        ("gpt-4o-realtime-preview", "m", {}, True),
        ("azure/us/gpt-4o-realtime-preview-2024-12-17", "m", {}, True),
        ("gemini/gemini-2.5-flash-native-audio-latest", "m", {}, True),
        ("gpt-realtime-whisper", "m", {}, True),  # its mode is audio_transcription, and a socket all that it has
        ("gpt-audio", "m", {}, False),  # which has one beside others
        ("openai/gpt-4o", "m", {}, False),
        ("openai/gpt-4o", "m", {"mode": "realtime"}, True),
        ("openai/gpt-realtime", "m", {"mode": "chat"}, False),
        ("azure/voice", "m", {}, False),
        ("azure/voice", "m", {"base_model": "azure/gpt-realtime"}, True),
        ("azure/voice", "our-realtime", {}, True),
        ("openai/gpt-realtime-99", "m", {}, True),  # not in the catalogue yet
        ("gemini/gemini-99-live-preview", "m", {}, True),
        ("openai/delivery", "m", {}, False),
        ("bedrock/amazon.nova-2-sonic-v1:0", "m", {}, False),  # with which none can be held here
        ("openai/*", "*", {}, False),
        ("*", "*", {}, False),
        ("openai/gpt-4o-*", "gpt-4o-*", {}, False),  # covers gpt-4o-mini, too
        ("openai/gpt-realtime*", "gpt-realtime*", {}, True),
        ("openai/nobody-knows-*", "n-*", {}, False),
    ],
)
def test_a_model(say: Any, model: str, name: str, info: dict[str, str], talks: bool) -> None:
    entry = {"model_name": name, "litellm_params": {"model": model}, "model_info": info}
    assert say(model_list=[entry]) == (f"model `{name}` holds realtime sessions" if talks else "")


def guardrail(**params: object) -> dict[str, Any]:
    return {"guardrails": [{"guardrail_name": "g", "litellm_params": {"guardrail": "banned_keywords", **params}}]}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"general_settings": {"pass_through_endpoints": [{"path": "/w", "target": "wss://h/w"}]}}, "`/w` leads"),
        ({"general_settings": {"pass_through_endpoints": [{"path": "/w", "target": "https://h/w"}]}}, ""),
        (guardrail(mode=["pre_call", "realtime_input_transcription"]), "guardrail `g`"),
        (guardrail(mode="pre_call", end_session_after_n_fails=2), "guardrail `g`"),
        (guardrail(mode="pre_call"), ""),
        ({"general_settings": {"realtime_allowed_origins": ["https://a.example"]}}, "realtime_allowed_origins"),
        ({"general_settings": {"responses_websocket_session_limit_seconds": 60}}, "responses_websocket"),
        ({}, ""),
    ],
)
def test_other_signs(say: Any, sections: dict[str, Any], said: str) -> None:
    found = say(**sections)
    assert said in found
    assert bool(found) is bool(said)
