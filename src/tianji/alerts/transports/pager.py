"""PagerDuty, through its Events API (https://developer.pagerduty.com/docs/events-api-v2-overview)."""

from typing import Final

import msgspec

from tianji.alerts.alert import Alert
from tianji.callbacks.sink import Delivery

URL: Final = "https://events.pagerduty.com/v2/enqueue"
_JSON: Final = {"content-type": "application/json"}


def delivery(key: str, alert: Alert, source: str) -> Delivery | None:
    """Return the request that calls somebody out; None for what is no reason for that. `key`: of the integration."""
    if alert.page is None:
        return None
    event = {
        "routing_key": key,
        "event_action": "trigger",
        "payload": {
            "summary": alert.text,
            "severity": "critical",
            "source": source or "tianji",
            "component": "tianji",
            "custom_details": alert.page,
        },
    }
    return Delivery(URL, msgspec.json.encode(event), _JSON)
