"""FOCUS 1.2, the FinOps foundation's form of bills (https://focus.finops.org/focus-specification/v1-2/).

An object holds a day. It is written again with each export until the day is over, so whoever reads it never counts
anything twice.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final

import msgspec

from tianji.callbacks.accounts import google
from tianji.callbacks.accounts.aws import account
from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.billing.export import Export
from tianji.callbacks.billing.parquet import parquet
from tianji.callbacks.sink import Delivery, Given
from tianji.callbacks.vendors import gcs_bucket, s3_v2
from tianji.errors import ConfigurationError

FORMATS: Final = {
    "csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
EVERY: Final = {"hourly": 3600.0, "daily": 3600.0}  # seconds; a day that is over is written again, too
_NULL: Final = (
    "AvailabilityZone", "ChargeClass", "ContractedUnitPrice", "InvoiceId", "ListUnitPrice", "PricingCategory",
    "PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice", "RegionId", "RegionName", "SubAccountType",
)  # fmt: skip
_COSTS: Final = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "PricingCurrencyEffectiveCost")


_QUANTITIES: Final = ("ConsumedQuantity", "PricingQuantity")


def build(given: Given) -> Export:
    """Make it of FOCUS_PROVIDER (s3 or gcs), FOCUS_FORMAT, FOCUS_FREQUENCY, FOCUS_PREFIX and what the store needs."""
    form = given.text("format", "FOCUS_FORMAT", default="csv")
    if form not in FORMATS:
        raise ConfigurationError(f"callback {given.name}: FOCUS_FORMAT {form!r} is none of {', '.join(FORMATS)}")
    often = given.text("frequency", "FOCUS_FREQUENCY", default="daily")
    if often not in (*EVERY, "interval"):
        raise ConfigurationError(f"callback {given.name}: FOCUS_FREQUENCY {often!r} is none of hourly, daily, interval")
    prefix = given.text("prefix", "FOCUS_PREFIX", default="focus_exports").strip("/")
    put, complete = _store(given, FORMATS[form])

    def write(charges: Sequence[Charge]) -> Iterable[Delivery]:
        for day, ones in groupby(charges, key=lambda charge: charge.day):
            start, end = (f"{at:%Y%m%dT%H%M%SZ}" for at in _bounds(day))
            rows = list(map(row, ones))
            yield put(f"{prefix}/date={day}/usage_{start}_{end}.{form}", _WRITTEN[form](rows))

    every = EVERY.get(often) or max(1.0, given.number("interval_seconds", "FOCUS_INTERVAL_SECONDS", default=3600))
    return Export(given.name, write, every=every, today=often != "daily", complete=complete)


def _store(given: Given, kind: str) -> tuple[Any, Any]:
    """Return what puts an object into the store, and what completes that request."""
    named = given.text("provider", "FOCUS_PROVIDER", default="s3")
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
        return lambda name, body: s3_v2.put(base, name, body, {}, kind), place.signing("s3")
    if named == "gcs":
        bucket = given.text("bucket_name", "FOCUS_GCS_BUCKET_NAME")
        base, folder = gcs_bucket.address(given, bucket)
        written = given.optional("path_service_account", "FOCUS_GCS_PATH_SERVICE_ACCOUNT")
        within = Given(given.name, {"gcs_path_service_account": written}, given.environ)
        return lambda name, body: gcs_bucket.insert(base, folder + name, body, kind), google.bearing(within)
    raise ConfigurationError(f"callback {given.name}: FOCUS_PROVIDER {named!r} is not served; use s3 or gcs")


def row(charge: Charge) -> dict[str, Any]:
    """Return a charge with the columns of FOCUS."""
    start, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in _bounds(charge.day))
    tags = {
        name: getattr(charge, name)
        for name in ("team_id", "team_alias", "organization_id", "organization_alias", "user_id", "user_email")
    } | {
        "api_key_alias": charge.key_alias, "model": charge.model, "model_group": charge.model_group,
        "custom_llm_provider": charge.provider,
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
        "Tags": msgspec.json.encode({name: value for name, value in tags.items() if value}).decode(),
        **dict.fromkeys(_NULL),
    }
    return dict(sorted(found.items()))


def csv_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV (RFC 4180), with their columns in the first line. Amounts never have an exponent."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys() if rows else ())
    writer.writeheader()
    writer.writerows({name: f"{value:.9f}" if isinstance(value, float) else value for name, value in one.items()}
                     for one in rows)  # fmt: skip
    return text.getvalue().encode()


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
