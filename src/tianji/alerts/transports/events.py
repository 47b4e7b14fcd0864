"""Any HTTP endpoint: events about budgets, keys and users as JSON, in LiteLLM's form."""

from typing import Final

import msgspec

from tianji.alerts.alert import Alert
from tianji.callbacks.sink import Delivery

_JSON: Final = {"content-type": "application/json"}


def delivery(url: str, alert: Alert) -> Delivery | None:
    """Return the request that tells of an alert; None for one that is no event."""
    return None if alert.event is None else Delivery(url, msgspec.json.encode(alert.event), _JSON)
