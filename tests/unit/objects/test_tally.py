"""Files and batches as Prometheus is told of them."""

from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families
from tests.unit.metrics.test_families import listed

from tianji._core.sharing.shm import SharedCounters
from tianji.auth.identity import Identity
from tianji.config.schema import Config
from tianji.management.status.series import METRICS, samples
from tianji.metrics.text import render
from tianji.objects.kinds import BATCH, FILE, STORE
from tianji.objects.tally import BOUNDS, MOST, Tally

CALLER = Identity(role=None, user_id="u", key="k", key_alias="mine")


class There:
    """As much of a place as is counted by."""

    group, model, provider = "m", "m-up", "openai"


def told(counters: SharedCounters) -> dict[str, tuple[dict[str, str], float]]:
    text = render(METRICS, samples(counters, {}, Config())).decode()
    found: dict[str, tuple[dict[str, str], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("litellm_managed_"):
                labels = {name: value for name, value in sample.labels.items() if name != "le"}
                found[sample.name] = labels, sample.value
                name = family.name if family.type == "histogram" else sample.name
                kind, _, names = listed()[name]
                assert (family.type, set(labels)) == (kind, set(names.split(",")))
    return found


def test_they_are_counted_with_the_labels_of_the_list() -> None:
    counters, where = SharedCounters(), cast("Any", There())
    tally = Tally(counters)
    tally.created(FILE, {"bytes": 700, "purpose": "batch", "filename": "in.JSONL"}, where, CALLER)
    tally.created(BATCH, {"id": "b"}, where, CALLER)
    tally.created(STORE, {"id": "s"}, where, CALLER)
    tally.deleted(FILE)
    tally.deleted(STORE)
    done = {"created_at": 1000, "completed_at": 1400}
    tally.ended({"created_at": 1000}, {"created_at": 1000}, where)
    tally.ended({"created_at": 1000}, done, where)
    tally.ended(done, done, where)
    found = told(counters)
    size = {"purpose": "batch", "file_type": "jsonl", "model": "m", "api_provider": "openai", "user": "u"}
    assert found["litellm_managed_file_size_bytes"] == (size, 700)
    assert found["litellm_managed_file_created_total"][1] == found["litellm_managed_batch_created_total"][1] == 1
    assert found["litellm_managed_file_deleted_total"] == ({"result": "success"}, 1)
    assert found["litellm_managed_batch_duration_seconds_count"][1] == 1
    assert found["litellm_managed_batch_duration_seconds_sum"][1] == 400
    assert BOUNDS[:5] == (60, 120, 300, 600, 900)


def test_there_are_no_more_series_than_so_many() -> None:
    counters, where = SharedCounters(4096), cast("Any", There())
    tally = Tally(counters)
    for number in range(MOST + 20):
        tally.created(BATCH, {}, where, Identity(role=None, user_id=str(number), key="k"))
    rows = [(name, value) for name, value in counters.items() if name.startswith("litellm_managed_batch_created")]
    assert len(rows) == MOST + 1
    assert sum(value for name, value in rows if 'user="other"' in name) == 20
