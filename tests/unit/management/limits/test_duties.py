"""Whoever is held to something cannot make a key that is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.management.limits.duties import DUTIES, flat, inherited, missing

NAMES = st.lists(st.sampled_from("abc"), unique=True, max_size=3)
FIGURES = st.dictionaries(st.sampled_from("mn"), st.integers(0, 3))
WINDOWS = st.lists(
    st.fixed_dictionaries({"budget_duration": st.sampled_from(["1d", "1h"]), "max_budget": st.just(1)}), max_size=2
)
SETS = st.fixed_dictionaries(
    {},
    optional={
        "guardrails": NAMES,
        "policies": NAMES,
        "enforced_params": NAMES,
        "model_rpm_limit": FIGURES,
        "model_max_budget": FIGURES,
        "budget_limits": WINDOWS,
    },
)


@given(SETS, SETS)
def test_what_is_inherited_is_all_there_unless_more_was_asked_for(child, maker):
    made = {**child, **inherited(child, maker)}
    lacking = missing(made, maker)
    if lacking is not None:
        raised = child[lacking]
        assert any(raised[name] != maker[lacking][name] for name in raised.keys() & maker[lacking].keys())
    assert set(made.get("guardrails", ())) == set(child.get("guardrails", ())) | set(maker.get("guardrails", ()))


@given(SETS)
def test_nobody_lacks_his_own_duties(row):
    assert missing(flat(row), row) is None
    stored = {"metadata": {name: value for name, value in row.items() if name in DUTIES}}
    assert missing(flat(stored), stored) is None


@pytest.mark.parametrize(
    ("child", "maker", "lacks"),
    [
        ({}, {"guardrails": ["pii"]}, "guardrails"),
        ({"guardrails": []}, {"metadata": {"guardrails": ["pii"]}}, "guardrails"),
        ({"model_rpm_limit": {"m": 3}}, {"metadata": {"model_rpm_limit": {"m": 2}}}, "model_rpm_limit"),
        ({}, {"metadata": {"model_rpm_limit": {"m": 2}}}, "model_rpm_limit"),
        ({"model_rpm_limit": {"m": 2, "n": 9}}, {"metadata": {"model_rpm_limit": {"m": 2}}}, None),
        ({"rpm_limit_type": "dynamic"}, {"rpm_limit": 5}, "rpm_limit_type"),
        ({"tpm_limit_type": "dynamic", "model_tpm_limit": {"m": 1}}, {"model_tpm_limit": {"m": 1}}, "tpm_limit_type"),
        ({"rpm_limit_type": "dynamic"}, {"rpm_limit": 5, "metadata": {"rpm_limit_type": "dynamic"}}, None),
        ({"rpm_limit_type": "dynamic"}, {"tpm_limit": 5}, None),
        ({"rpm_limit_type": "guaranteed_throughput"}, {"rpm_limit": 5}, None),
        ({"budget_limits": []}, {"budget_limits": [{"budget_duration": "1d", "max_budget": 1}]}, "budget_limits"),
        ({"budget_duration": "1s"}, {"max_budget": 1, "budget_duration": "30d"}, "budget_duration"),
        ({"budget_duration": "1s"}, {"max_budget": 1, "budget_duration": None}, "budget_duration"),
        ({"budget_duration": None}, {"max_budget": 1, "budget_duration": "30d"}, None),
        ({"budget_duration": "60d"}, {"max_budget": 1, "budget_duration": "30d"}, None),
        ({"budget_duration": "1s"}, {"max_budget": None, "budget_duration": "30d"}, None),
    ],
)  # fmt: skip
def test_what_is_lacking(child, maker, lacks):
    assert missing(child, maker) == lacks
