"""Datadog's logs (https://docs.datadoghq.com/api/latest/logs/#send-logs)."""

import gzip
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.sink import Delivery, Given, Sink

MOST: Final = 1000  # logs of a request
LARGEST: Final = 900_000  # bytes of one log, below Datadog's limit of 1 MB
_ACCEPTED: Final = frozenset({202})
_encode: Final = msgspec.json.Encoder().encode


def build(given: Given) -> Sink:
    """Make it of DD_API_KEY and DD_SITE, or of an agent's LITELLM_DD_AGENT_HOST."""
    agent = given.optional("dd_agent_host", "LITELLM_DD_AGENT_HOST")
    port = given.text("dd_agent_port", "LITELLM_DD_AGENT_PORT", default="10518")
    site = "" if agent else given.text("dd_site", "DD_SITE")
    base = f"http://{agent}:{port}" if agent else f"https://http-intake.logs.{site}"
    url = given.address("dd_base_url", "DD_BASE_URL", default=base) + "/api/v2/logs"
    key = given.optional("dd_api_key", "DD_API_KEY") if agent else given.text("dd_api_key", "DD_API_KEY")
    headers = {"content-type": "application/json", "content-encoding": "gzip"} | ({"dd-api-key": key} if key else {})
    names = {
        "ddsource": given.text("dd_source", "DD_SOURCE", default="litellm"),
        "hostname": given.optional("hostname", "HOSTNAME"),
        "service": given.text("dd_service", "DD_SERVICE", default="litellm-server"),
    }
    tags = [
        f"env:{given.text('dd_env', 'DD_ENV', default='unknown')}",
        f"service:{names['service']}",
        f"version:{given.text('dd_version', 'DD_VERSION', default='unknown')}",
        *(f"{name}:{value}" for name in ("HOSTNAME", "POD_NAME") if (value := given.variable(name))),
    ]

    def log(event: LogEvent) -> dict[str, Any]:
        message = _encode(event)
        if len(message) > LARGEST:
            message = _encode(event.bare())
        own = [f"request_tag:{tag}" for tag in event.tags]
        team = event.metadata.get("user_api_key_team_id")
        return {
            **names,
            "ddtags": ",".join([*tags, *own, *([f"team:{team}"] if team else [])]),
            "message": message.decode(),
            "status": "error" if event.failed else "info",
        }

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        body = gzip.compress(_encode([log(event) for event in events]), 5)
        yield Delivery(url, body, headers, accepted=_ACCEPTED)

    return Sink(given.name, write, batch=int(given.text("dd_batch_size", "DD_BATCH_SIZE", default=str(MOST))))
