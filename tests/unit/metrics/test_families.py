"""The families are those of LiteLLM, by name, type, labels and buckets."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.metrics.conftest import World, entry, failure

from tianji.management.status.series import METRICS
from tianji.metrics.families import FALLEN_BACK, FAMILIES, LATENCY, LEFT, PER_TOKEN, TOOL_CALLS

LIST = Path(__file__).with_name("families.txt")
ABSENT = {  # why each is not told
    **dict.fromkeys(
        (f"litellm_check_batch_cost_{name}" for name in (
            "errors_total", "jobs_polled", "jobs_processed_total", "last_run_timestamp",
        )),
        "no job asks what became of batches: they are paid for when somebody hears that they are over",
    ),
    **dict.fromkeys(
        (f"litellm_{service}_{name}" for service in ("self", "router", "auth", "proxy_pre_call") for name in (
            "latency", "total_requests_total", "failed_requests_total",
        )),
        "parts of a request that take microseconds are not timed apart",
    ),
    **dict.fromkeys(
        ("litellm_admission_admitted_requests", "litellm_admission_rejected_requests_total"),
        "nobody is kept out by how many there are: what waits does so for a slot of a model group",
    ),
}  # fmt: skip


def listed() -> dict[str, list[str]]:
    lines = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    return {row[0]: row[1:] for row in map(str.split, lines)}


def test_every_family_of_the_list_is_there_or_known_to_be_absent() -> None:
    told = {family.name for family in (*FAMILIES, *METRICS)}
    assert listed().keys() == {name for name in told if name in listed()} | ABSENT.keys()
    assert {family.name for family in FAMILIES} <= listed().keys()
    assert {name for name in told if name.startswith("litellm_")} <= listed().keys()
    assert not ABSENT.keys() & told


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_has_the_type_and_the_labels_of_the_list(family: object) -> None:
    kind, _, labels = listed()[family.name]  # type: ignore[attr-defined]
    assert family.kind == kind  # type: ignore[attr-defined]
    assert set(family.labels) == set(labels.split(",")) - {"-"}  # type: ignore[attr-defined]


def test_what_is_written_has_these_labels_and_buckets(world: World) -> None:
    items = tuple((kind, 3, 1) for kind in ("input_audio", "output_audio", "output_pictures"))
    used = {"cached_tokens": 2, "written_tokens": 1, "reasoning_tokens": 1, "stream": True}
    world.adopt(world.plan, caches=True)
    world.hear([
        entry(1, items=(*items, ("output_video_milliseconds", 1500, 1)), answered_at=1_772_366_400_050_000, **used),
        entry(2, cache_hit=True, deployment_id="", remaining=(9, 8)),
        entry(3, items=()),
        failure(4, code="400"),
        failure(5), entry(5, 1, deployment_id="e", waited=1000),
        failure(6), failure(6, 1, deployment_id="e"),
        entry(7, call_type=TOOL_CALLS, model_group="web/echo", deployment_id=""),
    ])  # fmt: skip
    told = {}
    for family in text_string_to_metric_families(world.text()):
        for sample in family.samples:
            labels = set(sample.labels) - ({"le"} if family.type == "histogram" else set())
            name = family.name if family.type == "histogram" else sample.name
            told.setdefault(name, (family.type, labels, set()))
            if "le" in sample.labels:
                told[name][2].add(float(sample.labels["le"]))
    expected = {family.name: family for family in FAMILIES if family.of or family in (*FALLEN_BACK, *LEFT)}
    assert told.keys() == expected.keys()
    for name, (kind, labels, ends) in told.items():
        assert kind == expected[name].kind
        assert labels == set(expected[name].labels)
        buckets = {"L": LATENCY, "P": PER_TOKEN, "-": ()}[listed()[name][1]]
        assert ends == ({*buckets, float("inf")} if buckets else set())


def test_calls_of_tools_are_told_apart(world: World) -> None:
    tool = {"call_type": TOOL_CALLS, "model_group": "web/a/b", "deployment_id": ""}
    world.hear([entry(1), entry(2, **tool, cost=2_000_000), entry(3, **tool, status="failure", cost=0)])
    labels = ("mcp_server_name", "mcp_tool_name")
    assert world.numbers("litellm_mcp_tool_calls_total", *labels) == {"web,a/b": 2}
    assert world.numbers("litellm_mcp_tool_call_spend_metric_total", *labels) == {"web,a/b": 0.002}
