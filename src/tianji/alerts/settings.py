"""What is told of, to whom and when, as the configuration says."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

from msgspec import Struct

from tianji.alerts.rules.budgets import USUAL_PERCENT
from tianji.alerts.rules.quoting import complaint, no_remark, nothing, quote, remark
from tianji.alerts.rules.requests import Wording
from tianji.auth.durations import length, zone
from tianji.callbacks.event import EXCEPTIONS, HIDEABLE
from tianji.callbacks.settings import hidden_in
from tianji.config.lent import NOTHING, Lent
from tianji.config.schema import Config
from tianji.config.schema.alerting import ALERT_TYPES, ALIASES, CHANNELS, AlertingArgs, AlertTypeConfig

_GLOBAL: Final = {  # channels with an address, and the variables that say it
    "slack": ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL"),
    "ms_teams": ("MS_TEAMS_WEBHOOK_URL",),
    "discord": ("DISCORD_WEBHOOK_URL",),
}


class Settings(Struct, frozen=True):
    """What is told.

    types: of alerts; channels: over which; urls: by channel and type, the type "" standing for all others
    percent: of a budget, from which its owner is written to
    foreign: addresses that not the operator has named, but the database
    wording: how much of requests people may be told
    webhook: an address; pager: the key of an integration of PagerDuty
    threshold: seconds from which a request is slow, or hangs
    share: of a provider's limit from which it is told that so much is used; None: never
    zone: of reports; report_days: of those of spend
    """

    types: frozenset[str]
    channels: tuple[str, ...]
    urls: Mapping[tuple[str, str], tuple[str, ...]]
    threshold: float
    share: float | None
    args: AlertingArgs
    digests: Mapping[str, AlertTypeConfig]
    zone: tzinfo
    report_days: int
    webhook: str | None
    pager: str | None
    base_url: str
    foreign: frozenset[str]
    percent: float
    wording: Wording

    def addresses(self, channel: str, kind: str) -> tuple[str, ...]:
        """Return where alerts of a type go to over a channel."""
        return self.urls.get((channel, kind)) or self.urls.get((channel, ""), ())


def settings_of(config: Config, environ: Mapping[str, str], lent: Lent = NOTHING) -> Settings | None:
    """Read them; None where nobody is to be alerted."""
    general = config.general_settings
    channels = tuple(name for name in dict.fromkeys(general.alerting) if name in CHANNELS)
    if not channels:
        return None
    named = general.alert_types
    wanted = [name for name, kind in ALERT_TYPES.items() if kind.usual] if named is None else map(own_name, named)
    environ = {**environ, **lent.variables}
    urls: dict[tuple[str, str], tuple[str, ...]] = {}
    for channel, variables in _GLOBAL.items():
        found = next(filter(None, map(environ.get, variables)), None)
        if found:
            urls[channel, ""] = (found,)
        if channel == "discord" and general.discord_webhook_url:
            urls[channel, ""] = (general.discord_webhook_url,)
        for kind, written in general.alert_to_webhook_url.items():
            urls[channel, own_name(kind)] = (written,) if isinstance(written, str) else tuple(written)
    return Settings(
        types=frozenset(name for name in wanted if name in ALERT_TYPES and not ALERT_TYPES[name].note),
        channels=channels,
        urls=urls,
        threshold=general.alerting_threshold,
        share=general.ratelimit_alert_threshold,
        args=general.alerting_args,
        digests={own_name(name): one for name, one in general.alert_type_config.items() if one.digest},
        zone=zone(config.litellm_settings.timezone),
        report_days=max(1, length(general.spend_report_frequency, "spend_report_frequency").days),
        webhook=environ.get("WEBHOOK_URL"),
        pager=environ.get("PAGERDUTY_API_KEY"),
        base_url=environ.get("PROXY_BASE_URL", ""),
        foreign=lent.addresses.union(lent.variables.values()),
        percent=_percent(environ.get("EMAIL_BUDGET_ALERT_MAX_SPEND_ALERT_PERCENTAGE")),
        wording=_wording(config),
    )


def _percent(share: str | None) -> float:
    """Return a share of a budget in percent; the usual one where none is said."""
    try:
        return float(share) * 100 if share else USUAL_PERCENT
    except ValueError:
        return USUAL_PERCENT


def _wording(config: Config) -> Wording:
    hidden = hidden_in(config)
    quotes = not config.litellm_settings.turn_off_message_logging and HIDEABLE["messages"] not in hidden
    complains = hidden.isdisjoint({EXCEPTIONS, HIDEABLE["error_str"]})
    return Wording(quote if quotes else nothing, complaint if complains else nothing, remark if quotes else no_remark)


def own_name(name: str) -> str:
    """Return the name of a type that may be an older one."""
    return ALIASES.get(name, name)
