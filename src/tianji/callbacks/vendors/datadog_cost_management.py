"""Datadog's custom costs (https://docs.datadoghq.com/cloud_cost_management/setup/custom/).

What was spent in one batch is summed up by day, provider, model and tags: each sum is a line of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tianji.callbacks.accounts.datadog import ACCEPTED, account, application_key
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, texts
from tianji.callbacks.sink import SUCCESSES, Delivery, Given, Sink

Line = tuple[str, str, str, tuple[tuple[str, str], ...]]


def build(given: Given) -> Sink:
    """Make it of DD_API_KEY, DD_APP_KEY and DD_SITE; `cost_tag_keys` names members of metadata that become tags."""
    place = account(given, "api")
    headers = place.headers | application_key(given, needed=True)
    named = texts(given.params.get("cost_tag_keys"))

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        sums: defaultdict[Line, float] = defaultdict(float)
        for event in events:
            if event.response_cost:
                sums[_line(event, named)] += event.response_cost
        lines = [
            {
                "ProviderName": provider,
                "ChargeDescription": f"LLM usage of {model}",
                "ChargePeriodStart": day,
                "ChargePeriodEnd": day,
                "BilledCost": cost,
                "BillingCurrency": "USD",
                "Tags": dict(tags),
            }
            for (day, provider, model, tags), cost in sums.items()
        ]
        if lines:
            yield Delivery(
                place.base + "/api/v2/cost/custom_costs", encode(lines), headers, method="PUT",
                accepted=ACCEPTED | {200},
            )  # fmt: skip

    return Sink(given.name, write, hears=SUCCESSES, batch=5000, interval=60.0)


def _line(event: LogEvent, named: list[str]) -> Line:
    known = {**event.said, **event.metadata}
    usual = {"team": "user_api_key_team_id", "user": "user_api_key_user_id", "model_group": None}
    tags = {name: event.model_group if member is None else known.get(member) for name, member in usual.items()}
    tags |= {name: known.get(name) for name in named}
    day = datetime.fromtimestamp(event.ended, UTC).date().isoformat()
    kept = tuple((name, str(value)) for name, value in tags.items() if isinstance(value, str | int | float))
    return day, event.custom_llm_provider, event.model, kept
