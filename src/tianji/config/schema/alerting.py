"""Alerts: `general_settings.alerting_args` and `alert_type_config`, and the names that stand in `alert_types`."""

from typing import ClassVar, Final, Literal

from msgspec import Struct

from tianji.config.schema.base import Flag, Names, Section, Unknown

Level = Literal["Low", "Medium", "High"]


class AlertType(Struct, frozen=True):
    """What is told of. usual: without being asked for; note: why this release never tells of it."""

    level: Level = "High"
    usual: bool = True
    note: str = ""


LOOKBACK: Final = 180  # days


class CaptureCheck(Section, frozen=True, kw_only=True):
    """What of a provider's bill the books have to know of. lookback_days: of UTC, up to yesterday."""

    unknown: ClassVar[Unknown] = "refuse"
    providers: tuple[Literal["openai"], ...] = ("openai",)
    threshold: float = 0.9
    lookback_days: int = 7
    openai_project_ids: Names = ()  # whose bill alone counts; none: of all


_OF_TOOLS: Final = "no MCP catalogue is watched"
ALERT_TYPES: Final = {
    "llm_too_slow": AlertType("Low"),
    "llm_requests_hanging": AlertType("Medium"),
    "llm_exceptions": AlertType(),
    "budget_alerts": AlertType(),
    "spend_reports": AlertType("Low"),
    "failed_tracking_spend": AlertType(),
    "daily_reports": AlertType("Low"),
    "outage_alerts": AlertType(),
    "region_outage_alerts": AlertType(),
    "cooldown_deployment": AlertType("Low"),
    "new_model_added": AlertType("Low"),
    "model_deprecation_warnings": AlertType("Medium"),
    "db_exceptions": AlertType(),
    "secret_manager_exceptions": AlertType(),  # the gateway's own
    "ratelimit_alerts": AlertType("Medium"),  # likewise
    "fallback_reports": AlertType("Low"),
    "user_spend_thresholds": AlertType(),
    "user_spend_anomalies": AlertType(),
    "new_virtual_key_created": AlertType(usual=False),
    "virtual_key_updated": AlertType(usual=False),
    "virtual_key_deleted": AlertType(usual=False),
    "new_team_created": AlertType(usual=False),
    "team_updated": AlertType(usual=False),
    "team_deleted": AlertType(usual=False),
    "new_internal_user_created": AlertType(usual=False),
    "internal_user_updated": AlertType(usual=False),
    "internal_user_deleted": AlertType(usual=False),
    "mcp_tool_description_blocked": AlertType(note=_OF_TOOLS),
    "mcp_pinned_tools_changed": AlertType(note=_OF_TOOLS),
}
ALIASES: Final = {  # of the Go gateway that this one follows
    "slow": "llm_too_slow",
    "fail": "llm_exceptions",
    "budget": "budget_alerts",
    "hanging": "llm_requests_hanging",
    "outage": "outage_alerts",
    "daily": "daily_reports",
}
CHANNELS: Final = ("slack", "ms_teams", "discord", "webhook", "email", "pagerduty")
UNSERVED_CHANNELS: Final = ("sentry",)


class AlertingArgs(Section, frozen=True, kw_only=True):
    """Times are seconds, amounts US dollars."""

    daily_report_frequency: int = 43_200
    report_check_interval: float = 300
    budget_alert_ttl: float = 86_400
    outage_alert_ttl: float = 60
    region_outage_alert_ttl: float = 60
    minor_outage_alert_threshold: int = 5
    major_outage_alert_threshold: int = 10
    max_outage_alert_list_size: int = 10
    log_to_console: Flag = False
    daily_spend_per_user_threshold: float | None = None
    monthly_spend_per_user_threshold: float | None = None
    spend_anomaly_multiplier: float = 3.0
    spend_anomaly_baseline_days: int = 7
    spend_anomaly_min_spend: float = 10
    user_spend_check_interval: float = 3600
    failure_threshold: int = 60  # failures for which PagerDuty is told, within
    failure_threshold_window_seconds: float = 60
    hanging_threshold_seconds: float = 60  # from which a request hangs for PagerDuty, which is told of so many
    hanging_threshold_fails: int = 60
    hanging_threshold_window_seconds: float = 600  # within that


class AlertTypeConfig(Section, frozen=True, kw_only=True):
    """Whether alerts of a type are collected and told together, once in so many seconds."""

    digest: Flag = False
    digest_interval: float = 86_400
