"""Entries and settings for rules, whose time a test moves."""

from typing import Any

from tests.unit.ledger.conftest import NOON
from tests.unit.metrics.conftest import entry, failure

from tianji.alerts.settings import Settings, settings_of
from tianji.config.schema import Config, GeneralSettings
from tianji.config.schema import Settings as LitellmSettings

__all__ = ["NOW", "entry", "failure", "settings"]

NOW = NOON / 1e6  # 2026-03-01T12:00:00Z, a Sunday


def settings(
    environ: dict[str, str] | None = None,
    timezone: str = "UTC",
    litellm: dict[str, Any] | None = None,
    **general: Any,
) -> Settings:
    """Settings of a gateway that alerts over Slack."""
    usual = {"alerting": ("slack",), **general}
    of_callbacks = LitellmSettings(timezone=timezone, **(litellm or {}))
    config = Config(general_settings=GeneralSettings(**usual), litellm_settings=of_callbacks)
    found = settings_of(config, {"SLACK_WEBHOOK_URL": "https://hooks.example.com/all"} if environ is None else environ)
    assert found is not None
    return found
