"""Alerts that nobody would get are named; what LiteLLM takes is no reason not to start."""

import pytest
from tests.unit.config.conftest import Snippet

from tianji.config.problems import InvalidConfiguration

ALERTS = [
    ("alert_types: [bugdet_alerts]", "alert_types[0]"),
    ("alert_types: [mcp_pinned_tools_changed]", "alert_types[0]"),
    ("alert_to_webhook_url: {slow: no-url}", "alert_to_webhook_url.slow"),
    ("alert_type_config: {nope: {digest: true}}", "alert_type_config.nope"),
    ("alerting: [pigeon]", "alerting[0]"),
    ("alerting: [sentry]", "alerting[0]"),
    ("alerting: [pagerduty]", "alerting[0]"),
    ("alerting: [email]", "alerting[0]"),
]


@pytest.mark.parametrize(("written", "key"), ALERTS)
def test_what_alerts_nobody_is_a_warning(snippet: Snippet, written: str, key: str) -> None:
    (problem,) = snippet(f"general_settings: {{{written}}}").problems
    assert (problem.severity, problem.key) == ("warning", f"general_settings.{key}")
    assert problem.remedy


@pytest.mark.parametrize("share", ["0", "80", "-0.1"])
def test_what_is_no_share_of_a_limit_is_an_error(snippet: Snippet, share: str) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        snippet(f"general_settings: {{ratelimit_alert_threshold: {share}}}")
    assert "general_settings.ratelimit_alert_threshold" in "".join(raised.value.problems)
    assert snippet("general_settings: {ratelimit_alert_threshold: 0.8}").problems == ()


def test_channels_that_lead_somewhere_are_accepted_silently(snippet: Snippet) -> None:
    assert snippet("general_settings: {alerting: [slack], alert_to_webhook_url: {slow: 'https://x'}}").problems == ()
    assert snippet("general_settings: {alerting: [discord], discord_webhook_url: 'https://x'}").problems == ()
