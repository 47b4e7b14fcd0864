"""What entries sum up to: exact, bounded, the same after a restart, and never less than before."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.metrics.conftest import World, entry, failure, plan

from tianji.metrics.cells import MOST_AGENTS
from tianji.metrics.facts import Names

REQUESTS = "litellm_proxy_total_requests_metric_total"
FAILED = "litellm_proxy_failed_requests_metric_total"
SPEND = "litellm_spend_metric_total"
SERVED = "litellm_deployment_total_requests_total"
SOME = st.builds(
    entry,
    st.integers(0, 10**6),
    key=st.sampled_from("abc"),
    team_id=st.none() | st.sampled_from("tu"),
    cost=st.integers(0, 2**40),
    prompt_tokens=st.integers(0, 2**30),
    ended_at=st.integers(1_772_366_400_000_000, 1_772_366_999_000_000),
    stream=st.booleans(),
)


@settings(max_examples=10)
@given(st.lists(SOME, max_size=15))
def test_sums_are_those_of_the_entries(entries: list[Any]) -> None:
    world = World()
    world.hear(entries)
    spent: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for one in entries:
        spent[one.key] += one.cost
        tokens[one.team_id or "None"] += one.prompt_tokens
    assert world.numbers(SPEND, "hashed_api_key") == pytest.approx(
        {key: cost / 1e9 for key, cost in spent.items() if cost}
    )
    assert world.numbers("litellm_input_tokens_metric_total", "team") == {key: n for key, n in tokens.items() if n}
    assert sum(world.numbers(REQUESTS).values()) == len(entries)
    buckets = world.numbers("litellm_request_total_latency_metric_bucket", "le")
    assert buckets.get("+Inf", 0) == len(entries)
    assert list(buckets.values()) == sorted(buckets.values())


@settings(max_examples=10)
@given(st.lists(SOME, max_size=10), st.lists(SOME, max_size=10))
def test_what_was_kept_goes_on_as_if_nothing_had_been(before: list[Any], after: list[Any]) -> None:
    whole, first, second = World(), World(), World()
    whole.hear(before + after)
    first.hear(before)
    second.cells.recall(first.cells.kept())
    second.hear(after)
    assert second.text() == whole.text()


def test_times_fall_into_their_buckets(world: World) -> None:
    world.hear([entry(waited=2_000_000, completion_tokens=5)])
    for family, seconds in (
        ("litellm_request_total_latency_metric", 2.25), ("litellm_llm_api_latency_metric", 0.2),
        ("litellm_overhead_latency_metric", 0.05), ("litellm_request_queue_time_seconds", 2.0),
        ("litellm_deployment_latency_per_output_token", 0.05),
    ):  # fmt: skip
        assert world.numbers(f"{family}_sum") == {"": pytest.approx(seconds)}
        buckets = world.numbers(f"{family}_bucket", "le")
        assert {float(end) >= seconds for end, count in buckets.items() if count} == {True}
        assert {float(end) < seconds for end, count in buckets.items() if not count} == {True}
    assert world.numbers("litellm_llm_api_time_to_first_token_metric_count") == {}


def test_a_request_that_was_retried_is_one_request(world: World) -> None:
    world.hear([failure(), entry(attempt=1)])
    world.now += 100
    world.cells.settle()
    assert world.numbers(REQUESTS, "status_code") == {"200": 1}
    assert world.numbers(FAILED) == {}
    assert world.numbers(SERVED) == {"": 2}


def test_a_failure_counts_when_nothing_has_followed(world: World) -> None:
    world.hear([failure(1), failure(1, 1, "503")])
    world.cells.settle()
    assert world.numbers(FAILED) == {}
    world.now += 11
    world.cells.settle()
    world.cells.settle()
    assert world.numbers(FAILED, "exception_status", "exception_class") == {"503,UpstreamError": 1}


def test_what_nothing_can_follow_counts_at_once(world: World) -> None:
    world.hear([failure(1, code="400"), failure(2, code="503", deployment_id="", model_group="")])
    assert world.numbers(FAILED, "exception_status", "requested_model") == {"400,gpt": 1, "503,other": 1}


def test_one_that_follows_late_takes_the_place_of_the_next(world: World) -> None:
    world.hear([failure(1)])
    world.now += 11
    world.cells.settle()
    world.hear([entry(1, 1)])
    assert world.numbers(REQUESTS, "status_code") == {"200": 1, "500": 1}
    world.hear([failure(2)])
    world.now += 11
    world.cells.settle()
    assert world.numbers(REQUESTS, "status_code") == {"200": 1, "500": 1}


def test_of_two_attempts_side_by_side_the_loser_is_no_request(world: World) -> None:
    lost = entry(1, 0, status="failure", error_code="499", error_class="GivenUp")
    world.hear([entry(1, 1), lost])
    assert world.numbers(REQUESTS, "status_code") == {"200": 1}


@pytest.mark.parametrize("works", [True, False])
def test_fallbacks_are_named_by_what_stood_in(world: World, works: bool) -> None:
    make = entry if works else failure
    world.hear([failure(1), failure(1, 1), make(1, 2, deployment_id="e")])
    told = "litellm_deployment_successful_fallbacks_total" if works else "litellm_deployment_failed_fallbacks_total"
    other = "litellm_deployment_failed_fallbacks_total" if works else "litellm_deployment_successful_fallbacks_total"
    assert world.numbers(told, "requested_model", "fallback_model", "exception_status") == {"gpt,other-group,500": 1}
    assert world.numbers(other) == {}


def test_a_hit_of_the_cache_is_a_request_and_no_attempt(world: World) -> None:
    world.adopt(world.plan, caches=True)
    world.hear([entry(1, cache_hit=True, deployment_id="", cost=0), entry(2)])
    assert world.numbers("litellm_cache_hits_metric_total") == {"": 1}
    assert world.numbers("litellm_cache_misses_metric_total") == {"": 1}
    assert world.numbers("litellm_cached_tokens_metric_total") == {"": 15}
    assert world.numbers("litellm_total_tokens_metric_total") == {"": 15}
    assert world.numbers(SERVED) == {"": 1}


def test_cells_are_bounded_and_nothing_is_lost(world: World) -> None:
    world.cells._most = 3
    world.hear([entry(number, key=f"k{number}") for number in range(10)])
    assert world.numbers(REQUESTS, "hashed_api_key") == {"k0": 1, "k1": 1, "k2": 1, "other": 7}
    assert world.numbers(SERVED, "hashed_api_key", "model_id")["other,d"] == 7


def test_series_are_bounded_and_nothing_is_lost(world: World) -> None:
    world.adopt(plan(prometheus_metrics_max_series_per_metric=20))
    world.hear([entry(number, key=f"k{number}") for number in range(30)])
    found = world.numbers(REQUESTS, "hashed_api_key")
    assert (len(found), found["other"], sum(found.values())) == (21, 10, 30)
    times = world.numbers("litellm_request_total_latency_metric_count", "hashed_api_key")
    assert times == {"k0": 1, "k1": 1, "other": 28}


def test_customers_are_told_apart_only_on_demand_and_up_to_a_number(world: World) -> None:
    entries = [entry(number, end_user=f"c{number}") for number in range(4)]
    world.hear(entries)
    assert world.numbers(REQUESTS, "end_user") == {"None": 4}
    other = World()
    other.adopt(plan(enable_end_user_cost_tracking_prometheus_only=True), customers=2)
    other.hear(entries)
    assert other.numbers(REQUESTS, "end_user") == {"c0": 1, "c1": 1, "other": 2}


def test_client_programs_are_told_apart_up_to_a_number_and_not_where_no_label_shows_them(world: World) -> None:
    entries = [entry(number, user_agent=f"app/{number}") for number in range(MOST_AGENTS + 2)]
    world.hear([*entries, entry(1000)])
    found = world.numbers(REQUESTS, "user_agent")
    assert (len(found), found["app/0"], found["other"], found["None"]) == (MOST_AGENTS + 2, 1, 2, 1)
    again = World()
    again.cells.recall(world.cells.kept())
    again.hear([entry(1001, user_agent="app/late"), entry(1002, user_agent="app/0")])
    assert again.numbers(REQUESTS, "user_agent") == {**found, "app/0": 2, "other": 3}
    other = World()
    other.adopt(plan(prometheus_exclude_labels=["user_agent"]))
    other.hear(entries)
    assert len(list(other.cells.items())) == 1


def test_what_is_idle_is_forgotten(world: World) -> None:
    world.hear([entry(1, key="old")])
    world.now += 50
    world.hear([entry(2, key="young")])
    world.now += 50
    world.cells.expire(60)
    assert world.numbers(REQUESTS, "hashed_api_key") == {"young": 1}


def test_huge_figures_stay_where_they_are(world: World) -> None:
    world.hear([entry(number, cost=2**62, ended_at=2**62) for number in range(4)])
    assert world.numbers(SPEND)[""] == pytest.approx(4 * 10**15 / 1e9), "as much as the ledger counts at most"
    assert world.numbers("litellm_request_total_latency_metric_sum")[""] == pytest.approx(2**63 / 1e6)


def test_names_come_from_the_database(world: World) -> None:
    world.hear([entry()])
    names = Names(teams={"t": "Team"}, organizations={"o": "Org"}, emails={"u": "u@example.com"})
    assert world.numbers(SPEND, "team_alias", "org_alias", "user_email", names=names) == {
        "Team,Org,u@example.com": pytest.approx(8e-9)
    }


def test_other_buckets_begin_anew_and_other_labels_do_not(world: World) -> None:
    world.hear([entry()])
    world.adopt(plan(prometheus_exclude_labels=("team",)))
    assert sum(world.numbers(REQUESTS).values()) == 1
    world.adopt(world.plan, latency=(1.0, 2.0))
    assert world.text() == ""
    world.hear([entry()])
    assert set(world.numbers("litellm_llm_api_latency_metric_bucket", "le")) == {"1.0", "2.0", "+Inf"}


def test_whose_limit_it_was_is_told_where_that_is_wanted(world: World) -> None:
    labels = ("rate_limit_category", "rate_limit_type")
    failures = [
        failure(1, code="429"), failure(2, code="429", deployment_id=""), failure(3, code="500"),
        entry(4, status="failure", error_code="422", error_class="BudgetExceeded", deployment_id=""),
    ]  # fmt: skip
    world.hear(failures)
    assert "rate_limit_type" not in world.text()
    world.now += 3600
    world.cells.settle()
    world.adopt(plan(prometheus_emit_rate_limit_labels=True))
    assert world.numbers(FAILED, *labels) == {
        "vendor_rate_limit,None": 1, "litellm_rate_limit,None": 1, "None,None": 1, "litellm_rate_limit,budget": 1,
    }  # fmt: skip


def test_what_is_limited_is_told_apart_where_a_label_shows_it(world: World) -> None:
    refused = {"status": "failure", "error_code": "429", "error_class": "RateLimited", "deployment_id": ""}
    failures = [entry(number, limited=limited, **refused) for number, limited in enumerate(("requests", "tokens"))]
    world.hear(failures)
    assert len(list(world.cells.items())) == 1
    other = World()
    other.adopt(plan(prometheus_emit_rate_limit_labels=True))
    other.hear(failures)
    assert other.numbers(FAILED, "rate_limit_type") == {"requests": 1, "tokens": 1}
