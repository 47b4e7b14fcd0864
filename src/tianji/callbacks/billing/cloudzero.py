"""CloudZero's AnyCost Stream (https://docs.cloudzero.com/docs/anycost-stream-getting-started).

A drop replaces what was told of the same hours before, so a day may be told as often as it changes.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final
from urllib.parse import quote

from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.billing.export import Export, replacing
from tianji.callbacks.forms import JSON, encode
from tianji.callbacks.sink import Delivery, Given
from tianji.errors import ConfigurationError

OPERATION: Final = "replace_hourly"
BASE: Final = "https://api.cloudzero.com"
_TAGS: Final = ("key_alias", "team_id", "team_alias", "organization_id", "user_id", "user_email", "model_group")


def build(given: Given) -> Export:
    """Make it of CLOUDZERO_API_KEY, CLOUDZERO_CONNECTION_ID and CLOUDZERO_EXPORT_INTERVAL_MINUTES."""
    connection = quote(given.text("connection_id", "CLOUDZERO_CONNECTION_ID"), safe="")
    base = given.address("api_base", "CLOUDZERO_API_BASE", default=BASE)
    url = f"{base}/v2/connections/billing/anycost/{connection}/billing_drops"
    headers = JSON | {"authorization": f"Bearer {given.text('api_key', 'CLOUDZERO_API_KEY')}"}
    zone = given.text("timezone", "CLOUDZERO_TIMEZONE", default="UTC")
    if zone.upper() != "UTC":
        raise ConfigurationError(f"callback {given.name}: CLOUDZERO_TIMEZONE is UTC, as days of spend are")
    minutes = given.number("export_interval_minutes", "CLOUDZERO_EXPORT_INTERVAL_MINUTES", default=60)

    def write(charges: Sequence[Charge]) -> Iterable[Delivery]:
        for month, ones in groupby(charges, key=lambda charge: f"{charge.day:%Y-%m}"):
            rows = list(map(row, ones))
            yield Delivery(url, encode({"month": month, "operation": OPERATION, "data": rows}), headers)

    return Export(given.name, url, replacing(write), every=max(1.0, minutes * 60), today=True)


def row(charge: Charge) -> dict[str, str]:
    """Return a charge as CloudZero has it: all of it text."""
    tags = {f"resource/tag:{name}": value for name in _TAGS if (value := getattr(charge, name))}
    return {
        "time/usage_start": f"{charge.day:%Y-%m-%d}T00:00:00Z",
        "cost/cost": f"{charge.spend:.9f}",
        "resource/id": _resource(charge),
        "usage/amount": str(charge.tokens),
        "usage/units": "tokens",
        "resource/service": charge.provider or "unknown",
        "resource/account": charge.key,
        "resource/region": "global",
        "resource/usage_family": charge.model,
        "action/operation": "llm-usage",
        "lineitem/type": "Usage",
        **tags,
    }


def _resource(charge: Charge) -> str:
    """Return a CZRN: czrn:service:provider:region:account:type:id."""
    parts = (charge.provider or "unknown", "litellm", "global", charge.key, "llm-usage", charge.model or "unknown")
    return ":".join(["czrn", *(quote(part, safe="-._~") for part in parts)])
