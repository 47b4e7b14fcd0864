"""FOCUS 1.2, the FinOps foundation's form of bills (https://focus.finops.org/focus-specification/v1-2/).

An object holds a day, and is written again under the same name when the day has become more, so whoever reads it never
counts anything twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from tianji.callbacks.accounts import google
from tianji.callbacks.accounts.aws import account
from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.billing.export import Export, replacing
from tianji.callbacks.billing.parquet import parquet
from tianji.callbacks.billing.rhythm import rhythm
from tianji.callbacks.billing.tables import csv_of
from tianji.callbacks.sink import Delivery, Given
from tianji.callbacks.vendors import gcs_bucket, s3_v2
from tianji.errors import ConfigurationError
from tianji.lazy import load

FORMATS: Final = {
    "csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
ELSEWHERE: Final = ("vantage", "mavvrik")  # who takes files of it by an API
_NULL: Final = (
    "AvailabilityZone", "ChargeClass", "ContractedUnitPrice", "InvoiceId", "ListUnitPrice", "PricingCategory",
    "PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice", "RegionId", "RegionName", "SubAccountType",
)  # fmt: skip
_COSTS: Final = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost")


_QUANTITIES: Final = ("ConsumedQuantity", "PricingQuantity")


def build(given: Given) -> Export:
    """Make it of FOCUS_PROVIDER, FOCUS_FORMAT, FOCUS_FREQUENCY, FOCUS_PREFIX and what the store needs."""
    named = given.text("provider", "FOCUS_PROVIDER", default="s3")
    if named in ELSEWHERE:
        other: Export = load(f"tianji.callbacks.billing.{named}").build(given)
        return other
    form = given.text("format", "FOCUS_FORMAT", default="csv")
    if form not in FORMATS:
        raise ConfigurationError(f"callback {given.name}: FOCUS_FORMAT {form!r} is none of {', '.join(FORMATS)}")
    every, today = rhythm(given, "FOCUS", usual="daily", choices=("hourly", "daily", "interval"))
    prefix = given.text("prefix", "FOCUS_PREFIX", default="focus_exports").strip("/")
    put, complete, place = _store(given, named, FORMATS[form])

    def write(charges: Sequence[Charge]) -> Iterable[Delivery]:
        start, end = (f"{at:%Y%m%dT%H%M%SZ}" for at in _bounds(charges[0].day))
        rows = list(map(row, charges))
        yield put(f"{prefix}/date={charges[0].day}/usage_{start}_{end}.{form}", _WRITTEN[form](rows))

    return Export(given.name, f"{place}/{prefix} {form}", replacing(write, complete), every=every, today=today)


def _store(given: Given, named: str, kind: str) -> tuple[Any, Any, str]:
    """Return what puts an object into the store, what completes that request, and which store it is."""
    if named == "s3":
        params = {
            "s3_bucket_name": given.text("bucket_name", "FOCUS_S3_BUCKET_NAME"),
            "s3_region_name": given.optional("region_name", "FOCUS_S3_REGION_NAME"),
            "s3_endpoint_url": given.optional("endpoint_url", "FOCUS_S3_ENDPOINT_URL"),
            "s3_aws_access_key_id": given.optional("access_key", "FOCUS_S3_ACCESS_KEY") or None,
            "s3_aws_secret_access_key": given.optional("secret_key", "FOCUS_S3_SECRET_KEY") or None,
            "s3_aws_session_token": given.optional("session_token", "FOCUS_S3_SESSION_TOKEN") or None,
        }
        within = Given(given.name, params, given.environ)
        place = account(within, "s3_")
        base = s3_v2.address(within, place)
        return lambda name, body: s3_v2.put(base, name, body, {}, kind), place.signing("s3"), base
    if named == "gcs":
        bucket = given.text("bucket_name", "FOCUS_GCS_BUCKET_NAME")
        base, folder = gcs_bucket.address(given, bucket)
        written = given.optional("path_service_account", "FOCUS_GCS_PATH_SERVICE_ACCOUNT")
        within = Given(given.name, {"gcs_path_service_account": written}, given.environ)
        return (
            lambda name, body: gcs_bucket.insert(base, folder + name, body, kind),
            google.bearing(within),
            base + folder,
        )
    raise ConfigurationError(
        f"callback {given.name}: FOCUS_PROVIDER {named!r} is none of s3, gcs, {', '.join(ELSEWHERE)}"
    )


def row(charge: Charge, more: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return a charge with the columns of FOCUS. more: further tags."""
    start, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in _bounds(charge.day))
    tags = {
        name: getattr(charge, name)
        for name in ("team_id", "team_alias", "organization_id", "organization_alias", "user_id", "user_email")
    } | {
        "api_key_alias": charge.key_alias, "model": charge.model, "model_group": charge.model_group,
        "custom_llm_provider": charge.provider, **more,
    }  # fmt: skip
    found = {
        **dict.fromkeys(_COSTS, charge.spend),
        "BillingAccountId": charge.key,
        "BillingAccountName": charge.key_alias,
        "BillingAccountType": "API Key",
        "BillingCurrency": "USD",
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargeCategory": "Usage",
        "ChargeDescription": charge.model,
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ConsumedQuantity": charge.requests,
        "ConsumedUnit": "Requests",
        "InvoiceIssuerName": charge.provider,
        "PricingCurrency": "USD",
        "PricingQuantity": charge.requests,
        "PricingUnit": "Requests",
        "ProviderName": charge.provider,
        "PublisherName": charge.provider,
        "ResourceId": charge.model,
        "ResourceName": charge.model,
        "ResourceType": charge.model,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": charge.model_group,
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": charge.team_id,
        "SubAccountName": charge.team_alias,
        "Tags": msgspec.json.encode({name: value for name, value in tags.items() if value not in (None, "")}).decode(),
        **dict.fromkeys(_NULL),
    }
    return dict(sorted(found.items()))


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in rows)


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return parquet(rows, {**dict.fromkeys(_COSTS, float), **dict.fromkeys(_QUANTITIES, int)})


_WRITTEN: Final[Mapping[str, Callable[[Sequence[Mapping[str, Any]]], bytes]]] = {
    "csv": csv_of, "jsonl": _lines, "parquet": _parquet,
}  # fmt: skip


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)
