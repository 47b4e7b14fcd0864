"""Slack, Microsoft Teams and Discord: the text of an alert, for people to read in a channel.

Texts hold names that clients and administrators choose. None of them may mention anybody: Slack's marks are escaped,
and Discord is told that nobody is meant.

Sources: https://docs.slack.dev/messaging/formatting-message-text#escaping,
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using,
https://discord.com/developers/docs/resources/webhook#execute-webhook
"""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tianji.alerts.alert import Alert
from tianji.callbacks.sink import Delivery

LONGEST: Final = 2000  # characters of a message that Discord takes
PLAIN: Final = frozenset({"daily_reports", "new_model_added", "spend_reports", "fallback_reports"})
_DISCORD: Final = ("discord.com", "discordapp.com")
_TEAMS: Final = ("webhook.office.com", "logic.azure.com", "powerplatform.com")
_JSON: Final = {"content-type": "application/json"}
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def text_of(alert: Alert, count: int, now: float, where: tzinfo, base_url: str) -> str:
    """Return what is to be read: what kind of alert it is, how bad, when, and what. `count`: of those alike."""
    lines = [alert.text]
    if count > 1:
        lines.append(f"({count} like this one)")
    if alert.kind not in PLAIN:
        when = datetime.fromtimestamp(now, where).strftime("%H:%M:%S")
        lines = [f"Alert type: {alert.kind}", f"Level: {alert.badness}", f"Timestamp: {when}", "", *lines]
    lines += [f"{name}: {_shown(value)}" for name, value in alert.facts.items()]
    lines += [f"Proxy URL: {base_url}"] if base_url else []
    return "\n".join(lines)


def delivery(channel: str, url: str, text: str) -> Delivery:
    """Return the request that posts a text. Who is behind the address decides its form, else the channel."""
    return Delivery(url, msgspec.json.encode(_FORMS[_form(channel, url)](text)), _JSON)


def _form(channel: str, url: str) -> str:
    host = urlsplit(url).hostname or ""
    if urlsplit(url).path.endswith("/slack"):  # Discord takes Slack's form there
        return "slack"
    for form, hosts in (("discord", _DISCORD), ("ms_teams", _TEAMS)):
        if any(host == one or host.endswith(f".{one}") for one in hosts):
            return form
    return channel


def _slack(text: str) -> Mapping[str, object]:
    return {"text": text.translate(_ESCAPES)}


def _teams(text: str) -> Mapping[str, object]:
    block = {"type": "TextBlock", "text": text.replace("\n", "\n\n"), "wrap": True}
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def _discord(text: str) -> Mapping[str, object]:
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return {"content": short, "allowed_mentions": {"parse": []}}


_FORMS: Final[Mapping[str, Callable[[str], Mapping[str, object]]]] = {
    "slack": _slack,
    "ms_teams": _teams,
    "discord": _discord,
}


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
