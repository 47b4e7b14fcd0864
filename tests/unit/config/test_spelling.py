"""Callbacks that carry their parameters in the list."""

from pathlib import Path

import pytest

from tianji.config import InvalidConfiguration, Loaded, load

BASE = "model_list:\n- model_name: m\n  litellm_params: {model: openai/x, api_key: k}\n"


def read(tmp_path: Path, text: str) -> Loaded:
    file = tmp_path / "config.yaml"
    file.write_text(BASE + text)
    return load(file, {"TIANJI_MASTER_KEY": "sk-a-long-master-key"})


def test_an_entry_with_parameters_is_a_name_and_a_row_of_callback_settings(tmp_path: Path) -> None:
    loaded = read(
        tmp_path,
        "litellm_settings:\n"
        "  callbacks:\n"
        "  - websearch_interception: {enabled_providers: [bedrock], search_tool_name: s}\n"
        "  - langfuse\n"
        "  - otel:\n"
        "  success_callback: [{generic_api: {endpoint: 'http://x'}}]\n"
        "callback_settings:\n"
        "  websearch_interception: {search_tool_name: mine}\n"
        "  own: {callback_type: generic_api, endpoint: 'http://y'}\n",
    )
    settings = loaded.config.litellm_settings
    assert settings.callbacks == ("websearch_interception", "langfuse", "otel")
    assert settings.success_callback == ("generic_api",)
    assert loaded.config.callback_settings == {
        "websearch_interception": {"enabled_providers": ["bedrock"], "search_tool_name": "mine"},
        "own": {"callback_type": "generic_api", "endpoint": "http://y"},
        "generic_api": {"endpoint": "http://x"},
    }


@pytest.mark.parametrize("entry", ["{a: {}, b: {}}", "{langfuse: word}", "[langfuse]", "{}"])
def test_anything_else_is_refused_where_it_stands(tmp_path: Path, entry: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        read(tmp_path, f"litellm_settings:\n  callbacks:\n  - {entry}\n")
    assert [problem.line for problem in caught.value.findings] == [6]
    assert "name of a callback" in caught.value.findings[0].message


def test_an_unknown_name_with_parameters_is_refused_as_one_without(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        read(tmp_path, "litellm_settings:\n  callbacks: [{langfusee: {}}]\n")
    assert "'langfusee' is not a known callback" in caught.value.findings[0].message
