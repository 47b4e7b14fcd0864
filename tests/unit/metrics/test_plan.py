"""Settings of what is told."""

import pytest
from tests.unit.metrics.conftest import World, entry, plan

from tianji.config.schema import Config, Settings
from tianji.metrics.facts import Names
from tianji.metrics.plan import is_wanted

REQUESTS = "litellm_proxy_total_requests_metric_total"
SPEND = "litellm_spend_metric_total"
LATENCY = "litellm_request_total_latency_metric"


def test_only_what_the_configuration_lists_is_told_with_the_labels_it_lists(world: World) -> None:
    rows = (
        {
            "group": "a",
            "metrics": ["litellm_proxy_total_requests_metric", LATENCY],
            "include_labels": ["team", "model"],
        },
        {"group": "b", "metrics": [SPEND]},
    )
    world.adopt(plan(prometheus_metrics_config=rows))
    assert world.plan.families.keys() == {REQUESTS, SPEND, LATENCY}
    assert world.plan.families[LATENCY].labels == ("team", "model")
    assert world.plan.families[REQUESTS].labels == ("team",)
    assert "hashed_api_key" in world.plan.families[SPEND].labels
    world.hear([entry(1, key="a"), entry(2, key="b")])
    assert world.text().count('litellm_proxy_total_requests_metric_total{team="t"} 2') == 1


def test_what_is_excluded_is_not_told(world: World) -> None:
    world.adopt(
        plan(prometheus_exclude_metrics=("litellm_spend_metric",), prometheus_exclude_labels=("hashed_api_key",))
    )
    world.hear([entry()])
    assert SPEND not in world.text()
    assert "hashed_api_key" not in world.text()
    assert REQUESTS in world.text()


def test_labels_are_made_of_tags_metadata_length_and_stream(world: World) -> None:
    world.adopt(
        plan(
            custom_prometheus_tags=("prod/*", "a"),
            custom_prometheus_metadata_labels=("metadata.cost.center",),
            prometheus_emit_stream_label=True,
            prometheus_emit_input_sequence_length_label=True,
        )
    )
    world.hear([entry(1, tags=("prod/eu",), prompt_tokens=4000, stream=True), entry(2, prompt_tokens=0)])
    names = Names(keys={"k": {"metadata_cost_center": "42"}})
    assert world.numbers(REQUESTS, "tag_prod__", "tag_a", "metadata_cost_center", "stream", names=names) == {
        "true,false,42,True": 1,
        "false,true,42,False": 1,
    }
    assert world.numbers(f"{LATENCY}_count", "input_sequence_length") == {"4k-16k": 1, "unknown": 1}


@pytest.mark.parametrize(
    ("whose", "labels"),
    [(None, {"api_key_alias"}), ("user_email", {"user_email"}), ("both", {"api_key_alias", "user_email"})],
)
def test_callers_are_named_as_the_settings_say(whose: str | None, labels: set[str]) -> None:
    for name in (LATENCY, "litellm_deployment_total_requests_total"):
        family = plan(prometheus_deployment_and_latency_caller_identity=whose).families[name]
        assert {"api_key_alias", "user_email"} & set(family.labels) == labels
    assert "api_key_alias" in plan(prometheus_deployment_and_latency_caller_identity=whose).families[SPEND].labels


def test_families_are_picked_by_their_own_name_and_that_of_their_series() -> None:
    whole = plan()
    assert whole.only(frozenset()) is whole
    names = frozenset({f"{LATENCY}_bucket", SPEND, "litellm_requests_metric", "unknown"})
    assert whole.only(names).families.keys() == {LATENCY, SPEND, "litellm_requests_metric_total"}


def test_they_are_told_where_prometheus_is_a_callback() -> None:
    assert not is_wanted(Config())
    for names in ({"callbacks": ("prometheus",)}, {"success_callback": ("prometheus",)}):
        assert is_wanted(Config(litellm_settings=Settings(**names)))
