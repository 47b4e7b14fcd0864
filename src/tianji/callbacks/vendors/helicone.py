"""Helicone's log of requests that did not go through it.

https://docs.helicone.ai/getting-started/integration-method/manual-logger-curl
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

BASE: Final = "https://api.worker.helicone.ai"
_FORMS: Final = {"openai": "oai", "azure": "oai", "anthropic": "anthropic"}
_CUSTOM: Final = "custom"  # models of whatever other provider, whose address Helicone does not read
_NOWHERE: Final = "custom-model-nopath"
_OWN: Final = "helicone_"


def build(given: Given) -> Sink:
    """Make it of HELICONE_API_KEY and HELICONE_API_BASE."""
    base = given.address("helicone_api_base", "HELICONE_API_BASE", default=BASE)
    auth = f"Bearer {given.text('helicone_api_key', 'HELICONE_API_KEY')}"
    headers = JSON | {"authorization": auth}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        for event in events:
            form = _FORMS.get(event.custom_llm_provider, _CUSTOM)
            url = _NOWHERE if form == _CUSTOM else event.api_base
            yield Delivery(f"{base}/{form}/v1/log", encode(_logged(event, url, auth)), headers)

    return Sink(given.name, write, hears=SUCCESSES, batch=1, at_once=8)


def _logged(event: LogEvent, url: str, auth: str) -> dict[str, Any]:
    own = {_header(name): str(value) for name, value in event.said.items() if name.startswith(_OWN)}
    asked = {"model": event.model, "messages": event.messages, **event.model_parameters}
    return {
        "providerRequest": {"url": url, "json": asked, "meta": {"Helicone-Auth": auth, **own}},
        "providerResponse": {"json": event.response, "headers": {}, "status": 200},
        "timing": {"startTime": _time(event.started), "endTime": _time(event.ended)},
    }


def _header(name: str) -> str:
    return "-".join(part.capitalize() for part in name.replace("_", "-").split("-"))


def _time(at: float) -> dict[str, int]:
    return {"seconds": int(at), "milliseconds": int(at * 1000) % 1000}
