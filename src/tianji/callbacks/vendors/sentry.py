"""Sentry's events of failed requests, in envelopes (https://develop.sentry.dev/sdk/data-model/envelopes/).

What was said is not told: an error report is no place for prompts.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, moment, present, unique
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import ConfigurationError


def build(given: Given) -> Sink:
    """Make it of SENTRY_DSN and SENTRY_ENVIRONMENT."""
    dsn = given.address("sentry_dsn", "SENTRY_DSN")
    parts = urlsplit(dsn)
    folder, _, project = parts.path.rpartition("/")
    if not parts.username or not project:
        raise ConfigurationError(f"callback {given.name}: SENTRY_DSN has the form https://key@host/project")
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{folder}/api/{project}/envelope/"
    headers = {
        "content-type": "application/x-sentry-envelope",
        "x-sentry-auth": f"Sentry sentry_version=7, sentry_client=tianji/1, sentry_key={parts.username}",
    }
    environment = given.text("environment", "SENTRY_ENVIRONMENT", default="production")

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            told = _event(event, environment)
            lines = ({"event_id": told["event_id"]}, {"type": "event"}, told)
            yield Delivery(url, b"\n".join(map(encode, lines)) + b"\n", headers)

    return Sink(given.name, write, hears=frozenset({"failure"}), bare=True, batch=1, at_once=4)


def _event(event: LogEvent, environment: str) -> dict[str, Any]:
    known = event.error_information or {}
    kind = str(known.get("error_class") or "Error")
    return {
        "event_id": uuid.UUID(unique(event)).hex,
        "timestamp": moment(event.ended),
        "platform": "python",
        "level": "error",
        "logger": "tianji",
        "environment": environment,
        "exception": {"values": [{"type": kind, "value": event.error_str or str(known.get("error_code", ""))}]},
        "tags": present({
            "model": event.model,
            "model_group": event.model_group,
            "provider": event.custom_llm_provider,
            "status": known.get("error_code"),
            "call_id": event.call_id,
        }),
        "fingerprint": [kind, event.custom_llm_provider, event.model],
    }  # fmt: skip
