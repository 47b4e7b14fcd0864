"""The families of metrics that all workers count in, and what their numbers count."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from tianji._core.sharing.shm import SharedCounters
from tianji.config.schema import Config
from tianji.edge.refusals import REFUSED
from tianji.gateway.upkeep.budgets import Standing
from tianji.metrics.text import Metric, Sample, series
from tianji.money import to_dollars
from tianji.storage.services import NAMES as SERVICES

CAPTURE: Final = "litellm_spend_capture_rate"
UNITS: Final[Mapping[str, float]] = {  # of what counters count in whole numbers; Prometheus wants seconds and dollars
    "tianji_request_total_latency_seconds_sum": 1e-6,
    "tianji_overhead_seconds_sum": 1e-6,
    "tianji_time_to_first_token_seconds_sum": 1e-6,
    "tianji_spend_dollars_total": 1e-9,
    "litellm_guardrail_latency_seconds_sum": 1e-6,
    CAPTURE: 1e-6,
    "litellm_managed_batch_duration_seconds_sum": 1e-6,
    **{f"litellm_{service}_latency_sum": 1e-6 for service in SERVICES},
}
METRICS: Final = (
    Metric("tianji_requests_total", "counter", "Attempts at an upstream, by the status they ended with."),
    Metric(REFUSED, "counter", "Requests that were answered with an error before they came to a model."),
    Metric("tianji_tokens_total", "counter", "Tokens that upstreams said they used."),
    Metric("tianji_spend_dollars_total", "counter", "What they cost, by the prices of their deployments."),
    Metric("tianji_in_flight_requests", "gauge", "Attempts under way."),
    Metric("tianji_queued_requests", "gauge", "Requests that wait for a slot of a model group."),
    Metric("tianji_request_total_latency_seconds", "histogram", "From a request's head to its last byte."),
    Metric("tianji_overhead_seconds", "histogram", "The part of it that was spent in the gateway."),
    Metric("tianji_time_to_first_token_seconds", "histogram", "From sending the request upstream to its first byte."),
    Metric("tianji_cache_lookups_total", "counter", "Requests for which the cache was looked into, by what it had."),
    Metric("tianji_secret_manager_reads_total", "counter", "Times that secrets were read again, by what came of it."),
    Metric("tianji_callback_events_total", "counter", "Events that a destination was told, or never will be."),
    Metric("tianji_callback_failing", "gauge", "Whether the last try to tell a destination failed."),
    Metric("tianji_callback_last_success_timestamp_seconds", "gauge", "When a destination was told last; 0: never."),
    Metric("tianji_callback_behind_bytes", "gauge", "Bytes of journals that a destination was not told of yet."),
    Metric("litellm_provider_remaining_budget_metric", "gauge", "US dollars left of the budget of a provider."),
    Metric(CAPTURE, "gauge", "Which share of a provider's bill the books know of; NaN: unknown."),
    Metric("litellm_in_flight_requests", "gauge", "Requests under way."),
    Metric("litellm_admission_queued_requests", "gauge", "Requests that wait for a slot of a model group."),
    Metric("litellm_guardrail_requests_total", "counter", "Runs of guardrails, by how they ended."),
    Metric("litellm_guardrail_errors_total", "counter", "Runs of guardrails that could not judge."),
    Metric(
        "tianji_guardrail_unscanned_total", "counter", "Attachments that passed a guardrail which cannot look at such."
    ),
    Metric("litellm_guardrail_latency_seconds", "histogram", "How long a run of a guardrail takes."),
    Metric("litellm_managed_file_created_total", "counter", "Files that were uploaded."),
    Metric("litellm_managed_file_deleted_total", "counter", "Files that were deleted."),
    Metric("litellm_managed_file_size_bytes", "gauge", "Bytes of the file that was uploaded last."),
    Metric("litellm_managed_batch_created_total", "counter", "Batches that were begun."),
    Metric("litellm_managed_batch_duration_seconds", "histogram", "From the beginning of a batch to its end."),
    *(Metric(f"litellm_{service}_latency", "histogram", f"How long {service} takes.") for service in SERVICES),
    *(Metric(f"litellm_{service}_total_requests_total", "counter", f"Uses of {service}.") for service in SERVICES),
    *(Metric(f"litellm_{service}_failed_requests_total", "counter", "Those that failed.") for service in SERVICES),
    Metric("litellm_redis_circuit_breaker_state", "gauge", "Whether limits are shared there (closed) or not (open)."),
    Metric("litellm_redis_circuit_breaker_transitions_total", "counter", "How often that has become another one."),
    Metric("litellm_redis_circuit_breaker_failures_total", "counter", "Answers that did not come, or not in time."),
    Metric("tianji_metrics_dropped_updates_total", "counter", "Updates lost because the table of series was full."),
)
SYSTEM: Final = "prometheus_system"  # the callback that tells of services
_OF_SERVICES: Final = tuple(f"litellm_{service}_" for service in SERVICES)
_SUMS: Final[Mapping[str, str]] = {  # gauges without labels, and what they add up
    "litellm_in_flight_requests": "tianji_in_flight_requests",
    "litellm_admission_queued_requests": "tianji_queued_requests",
}


def samples(counters: SharedCounters, budgets: Mapping[str, Standing], config: Config) -> Iterator[Sample]:
    """Yield what all workers have counted, and what is left of the budgets of providers.

    Services are told of where the configuration wants that (`service_callback: [prometheus_system]`).
    """
    sums = dict.fromkeys(_SUMS.values(), 0)
    hidden = () if SYSTEM in config.litellm_settings.service_callback else _OF_SERVICES
    for counter, value in counters.items():
        name = counter.partition("{")[0]
        if name.startswith(hidden):
            continue
        if name in sums:
            sums[name] += value
        yield counter, math.nan if name == CAPTURE and value < 0 else value * UNITS.get(name, 1.0)
    for name, of in _SUMS.items():
        yield name, sums[of]
    for provider, budget in budgets.items():
        yield series("litellm_provider_remaining_budget_metric", {"api_provider": provider}), to_dollars(budget.left)
