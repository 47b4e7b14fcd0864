"""Which models a list allows, and that covering means what it says."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.models import access_groups, rule
from tianji.providers.names import infer

GROUPS = {"beta": frozenset({"gpt-4o", "claude-3"})}
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3", "openai/gpt-4o", "openai/x", "anthropic/claude-3", "mine", "*", "beta")
ENTRIES = st.lists(
    st.sampled_from(
        [*MODELS, "openai/*", "openai/g*", "gpt-*", "g*", "all-proxy-models", "no-default-models", "all-team-models"]
    ),
    max_size=4,
)


def allows(names, model, team=None):
    found = rule(names, "denied", groups=GROUPS, infer=infer, team=team)
    return found is None or found.allows(model)


@pytest.mark.parametrize(
    ("names", "allowed"),
    [
        ([], set(MODELS)),
        (None, set(MODELS)),
        (["*"], set(MODELS)),
        (["mine", "all-proxy-models"], set(MODELS)),
        (["no-default-models"], set()),
        (["mine"], {"mine"}),
        (["no-default-models", "mine"], {"mine"}),
        (["beta"], {"gpt-4o", "claude-3"}),
        (["openai/*"], {"openai/gpt-4o", "openai/x", "gpt-4o", "gpt-4o-mini"}),
        (["gpt-*"], {"gpt-4o", "gpt-4o-mini"}),
        (["all-team-models"], set(MODELS)),
    ],
)
def test_what_a_list_allows(names, allowed):
    assert {model for model in MODELS if allows(names, model)} == allowed


@pytest.mark.parametrize(("team", "allowed"), [(["mine"], {"mine"}), (["*"], set(MODELS)), ([], set(MODELS))])
def test_all_models_of_the_team(team, allowed):
    assert {model for model in MODELS if allows(["all-team-models"], model, team)} == allowed


@given(ENTRIES, ENTRIES, ENTRIES)
def test_who_covers_allows_at_least_as_much(parent, child, team):
    above = rule(parent, "", groups=GROUPS, infer=infer)
    below = rule(child, "", groups=GROUPS, infer=infer, team=team)
    if above is not None and below is not None and above.covers(below):
        assert all(above.allows(model) for model in MODELS if below.allows(model))


@given(ENTRIES)
def test_everybody_covers_himself(names):
    found = rule(names, "", groups=GROUPS, infer=infer)
    assert found is None or found.covers(found)


def test_groups_come_from_the_deployments():
    entries = [
        SimpleNamespace(model_name="a", info=SimpleNamespace(access_groups=("g", "h"))),
        SimpleNamespace(model_name="b", info=SimpleNamespace(access_groups=("g",))),
        SimpleNamespace(model_name="c", info=SimpleNamespace(access_groups=())),
    ]
    assert access_groups(SimpleNamespace(model_list=entries)) == {"g": frozenset({"a", "b"}), "h": frozenset({"a"})}
