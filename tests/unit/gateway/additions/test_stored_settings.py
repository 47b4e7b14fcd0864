"""What becomes of settings of the database beside those of a file."""

from pathlib import Path

import pytest

from tianji.config.lent import NOTHING
from tianji.config.loader import Loaded, load
from tianji.gateway.additions.stored_settings import SECTIONS, Stored, with_settings

FILE = """
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_key: k}
litellm_settings: {callbacks: [langfuse], success_callback: [langsmith], num_retries: 1}
general_settings: {alerting_threshold: 300}
environment_variables: {POSTHOG_API_KEY: of-the-file}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "config.yaml").write_text(FILE)
    return load(tmp_path / "config.yaml", {})


def test_nothing_changes_nothing(loaded: Loaded) -> None:
    assert with_settings(loaded, {}) == (loaded, {})
    assert with_settings(loaded, {"general_settings": {}})[0] is loaded
    assert loaded.lent is NOTHING


def test_callbacks_are_added_and_the_files_word_counts(loaded: Loaded) -> None:
    stored: Stored = {
        "litellm_settings": {"success_callback": ["Datadog", "langsmith"], "num_retries": 7, "timezone": "Asia/Tokyo"},
        "general_settings": {"alerting_threshold": 5, "max_batch_file_records": 8},
        "router_settings": {"num_retries": 3},
        "environment_variables": {"POSTHOG_API_KEY": "of-the-database", "DD_SITE": "datadoghq.eu"},
    }
    found, objections = with_settings(loaded, stored)
    settings, general = found.config.litellm_settings, found.config.general_settings
    assert settings.success_callback == ("langsmith", "datadog")
    assert settings.callbacks == ("langfuse",)
    assert (settings.num_retries, settings.timezone) == (1, "Asia/Tokyo")
    assert (general.alerting_threshold, general.max_batch_file_records) == (300, 8)
    assert found.config.router_settings.num_retries == 3
    assert found.lent.callbacks == {"datadog"}
    assert found.lent.variables == {"DD_SITE": "datadoghq.eu"}
    assert found.environment == loaded.environment  # whatever else reads it reads the operator's
    assert objections.keys() == {
        ("litellm_settings", "num_retries"),
        ("general_settings", "alerting_threshold"),
        ("environment_variables", "POSTHOG_API_KEY"),
    }


def test_what_is_wrong_is_left_out_alone(loaded: Loaded) -> None:
    stored: Stored = {
        "general_settings": {"max_batch_file_records": "many", "spend_report_frequency": "now and then"},
        "litellm_settings": {"timezone": "Asia/Tokyo", "fallbacks": 5},
        "unheard_of": {"a": 1},
    }
    found, objections = with_settings(loaded, stored)
    assert found.config.litellm_settings.timezone == "Asia/Tokyo"
    assert found.config.general_settings == loaded.config.general_settings
    assert objections.keys() == {
        ("general_settings", "max_batch_file_records"),
        ("general_settings", "spend_report_frequency"),
        ("litellm_settings", "fallbacks"),
        ("unheard_of", "a"),
    }


def test_addresses_of_alerts_are_known_to_be_the_databases(loaded: Loaded) -> None:
    urls = {"llm_exceptions": "https://a.example", "db_exceptions": ["https://b.example", "https://c.example"]}
    found, objections = with_settings(loaded, {"general_settings": {"alert_to_webhook_url": urls}})
    assert not objections
    assert found.lent.addresses == {"https://a.example", "https://b.example", "https://c.example"}


def test_nothing_that_lets_anybody_in_or_runs_code_may_be_said() -> None:
    said = {name for names in SECTIONS.values() for name in names}
    parts = (
        "key",
        "custom",
        "database",
        "auth",
        "allowed_ips",
        "url",
        "host",
        "path",
        "public",
        "secret",
        "jwt",
        "mcp",
    )
    odd = {name for name in said if any(part in name.split("_") for part in parts)}
    assert odd == {"alert_to_webhook_url", "default_key_generate_params", "upperbound_key_generate_params",
                   "redact_user_api_key_info", "public_model_groups", "public_model_groups_links"}  # fmt: skip
