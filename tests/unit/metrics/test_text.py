import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tianji.metrics.text import Metric, render, series

REQUESTS = Metric("tianji_requests_total", "counter", "Requests, by model \\ and status.\nAll of them.")
TIME = Metric("tianji_seconds", "histogram", "Time.")
OPEN = Metric("tianji_open", "gauge", "Open requests.")


def parse(text):
    families = list(text_string_to_metric_families(text.decode()))
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }


def test_families_stay_together_whatever_the_order_of_samples():
    samples = [
        (series("tianji_requests_total", {"model": "a"}), 3),
        (series("tianji_seconds_bucket", {"le": "0.1"}), 1),
        ("tianji_open", 2.5),
        (series("tianji_seconds_bucket", {"le": "+Inf"}), 2),
        ("tianji_seconds_sum", 0.25),
        (series("tianji_requests_total", {"model": "b"}), 4),
        ("tianji_seconds_count", 2),
    ]
    text = render([REQUESTS, TIME, OPEN], samples)
    assert text.count(b"# TYPE") == text.count(b"# HELP") == 3
    assert b"# HELP tianji_requests_total Requests, by model \\\\ and status.\\nAll of them.\n" in text
    parsed = parse(text)
    assert parsed[("tianji_requests_total", ("model", "b"))] == 4
    assert parsed[("tianji_seconds_bucket", ("le", "+Inf"))] == 2
    assert parsed[("tianji_open",)] == 2.5
    assert [line.split(b" ")[0].split(b"{")[0] for line in text.splitlines() if not line.startswith(b"#")] == (
        [b"tianji_requests_total"] * 2
        + [b"tianji_seconds_bucket"] * 2
        + [b"tianji_seconds_sum", b"tianji_seconds_count", b"tianji_open"]
    )


@given(st.text(st.characters(blacklist_categories=["Cs"])), st.floats(allow_nan=False))
def test_any_label_and_value_survive(label, value):
    parsed = parse(render([OPEN], [(series("tianji_open", {"model": label}), value)]))
    assert parsed == {("tianji_open", ("model", label)): value}


def test_special_values_and_nothing_at_all():
    assert b"tianji_open NaN" in render([OPEN], [("tianji_open", math.nan)])
    assert render([OPEN], []) == b""
    with pytest.raises(ValueError, match="no metric"):
        render([OPEN], [("tianji_other", 1)])
    with pytest.raises(ValueError, match="no metric"):
        render([OPEN], [("tianji_open_sum", 1)])
