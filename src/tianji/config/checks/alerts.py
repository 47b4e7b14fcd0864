"""Alerts: what is told of, over which channels, and whether those lead somewhere."""

from collections.abc import Iterator
from typing import Final

from tianji.config.checks.subject import Subject, Where
from tianji.config.decode import nearest
from tianji.config.durations import NO_DURATION, is_duration
from tianji.config.schema.alerting import ALERT_TYPES, ALIASES, CHANNELS, LOOKBACK, UNSERVED_CHANNELS

_HERE: Final = "general_settings"
VARIABLES: Final = {  # channels, and the variables of which one says where they lead to
    "slack": ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL"),
    "ms_teams": ("MS_TEAMS_WEBHOOK_URL",),
    "discord": ("DISCORD_WEBHOOK_URL",),
    "webhook": ("WEBHOOK_URL",),
    "email": ("SENDGRID_API_KEY", "RESEND_API_KEY", "SMTP_HOST"),
    "pagerduty": ("PAGERDUTY_API_KEY",),
}


def check(subject: Subject) -> None:
    """Check names of channels and types, addresses, and intervals."""
    general = subject.config.general_settings
    for path, name in _types(subject):
        known = ALERT_TYPES.get(ALIASES.get(name, name))
        if known is None:
            subject.warning(path, f"{name!r} is no type of alert", nearest(name, ALERT_TYPES))
        elif known.note:
            subject.warning(path, f"nobody is alerted: {known.note}", "remove it")
    for index, channel in enumerate(general.alerting):
        _check_channel(subject, (_HERE, "alerting", index), channel)
    for name, urls in general.alert_to_webhook_url.items():
        for url in (urls,) if isinstance(urls, str) else urls:
            if not url.startswith(("http://", "https://")):
                path = (_HERE, "alert_to_webhook_url", name)
                subject.warning(path, "is no address", "begin it with https://, or name a variable: os.environ/NAME")
    share = general.ratelimit_alert_threshold
    if share is not None and not 0 < share <= 1:
        subject.error((_HERE, "ratelimit_alert_threshold"), f"{share:g} is no share of a limit", "say 0.8 for 80 %")
    bill = general.spend_capture_rate_check
    if bill is not None and not (0 < bill.threshold <= 1 and 1 <= bill.lookback_days <= LOOKBACK):
        told = f"threshold is from 0 to 1, and lookback_days from 1 to {LOOKBACK}"
        subject.error((_HERE, "spend_capture_rate_check"), told, "say 0.9 and 7")
    if not is_duration(general.spend_report_frequency):
        subject.error((_HERE, "spend_report_frequency"), *NO_DURATION)


def _types(subject: Subject) -> Iterator[tuple[Where, str]]:
    general = subject.config.general_settings
    for index, name in enumerate(general.alert_types or ()):
        yield (_HERE, "alert_types", index), name
    for name in general.alert_to_webhook_url:
        yield (_HERE, "alert_to_webhook_url", name), name
    for name in general.alert_type_config:
        yield (_HERE, "alert_type_config", name), name


def _check_channel(subject: Subject, path: Where, channel: str) -> None:
    if channel in UNSERVED_CHANNELS:
        subject.warning(path, f"nobody is alerted over {channel} by this release", f"use {', '.join(CHANNELS)}")
        return
    if channel not in CHANNELS:
        subject.warning(path, f"{channel!r} is no channel of alerts", nearest(channel, CHANNELS))
        return
    variables = VARIABLES[channel]
    general = subject.config.general_settings
    leads = channel in ("slack", "ms_teams", "discord") and bool(general.alert_to_webhook_url)
    leads = leads or (channel == "discord" and general.discord_webhook_url is not None)
    if not leads and not any(subject.environ.get(name) for name in variables):
        subject.warning(path, f"leads nowhere, so nobody is alerted over {channel}", f"set {' or '.join(variables)}")
