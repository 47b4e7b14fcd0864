"""Who may serve at all: conformance table C, row by row where it concerns routing."""

from collections.abc import Mapping
from typing import Any

import pytest

from tianji._core.routing.needs import Needs
from tianji.routing.eligibility import Scope, in_region

from .simulation import Make, Result, World

TAGS = {"a1": {"tags": ["fast", "cheap"]}, "a2": {"tags": ["slow"]}, "a3": {"tags": ["default"]}}


def tagged(world: Make, params: Mapping[str, Mapping[str, object]] = TAGS, **router: object) -> World:
    router = {"enable_tag_filtering": True, **router}
    return world(f"a:[{','.join(params)}]", router=router, params=params)


def ask(gateway: World, *tags: str, **scope: Any) -> Result:
    return gateway.ask(needs=Needs(scope=Scope(tags=tags, **scope)))


def served(gateway: World, *tags: str, **scope: Any) -> set[str]:
    """Who serves such requests; empty when nobody may."""
    return {call for _ in range(40) for call in ask(gateway, *tags, **scope).calls}


ANY = {
    "C1": (["fast"], {"a1"}),
    "C2": (["fast", "zzz"], {"a1"}),
    "C3": (["zzz"], {"a3"}),
    "C4": ([], {"a3"}),
    "C5": (["!fast"], {"a3"}),
    "C6": (["&cheap", "&fast"], {"a1"}),
    "C7": (["&zz"], set()),
    "C8": (["slow", "fast"], {"a1", "a2"}),
    "one of them is required": (["slow", "fast", "&cheap"], {"a1"}),
    "one of them is excluded": (["slow", "fast", "!cheap"], {"a2"}),
    "known, and excluded": (["fast", "!cheap"], set()),
}


@pytest.mark.parametrize(("tags", "names"), ANY.values(), ids=ANY.keys())
def test_one_wished_tag_is_enough(world: Make, tags: list[str], names: set[str]) -> None:
    assert served(tagged(world), *tags) == names


ALL = {
    "C9": (["fast", "cheap"], {"a1"}),
    "C10": (["fast", "slow"], set()),
    "C11": (["zzz"], {"a3"}),
    "known and not": (["fast", "zzz"], set()),
    "fewer": (["fast"], {"a1"}),
    "none": ([], {"a3"}),
}


@pytest.mark.parametrize(("tags", "names"), ALL.values(), ids=ALL.keys())
def test_all_wished_tags_are_needed(world: Make, tags: list[str], names: set[str]) -> None:
    assert served(tagged(world, tag_filtering_match_any=False), *tags) == names


def test_without_a_default_deployment(world: Make) -> None:
    gateway = tagged(world, {"a1": {"tags": ["fast"]}, "a2": {"tags": ["slow"]}, "a3": {}})
    assert served(gateway, "zzz") == set()  # C12
    assert served(gateway) == {"a1", "a2", "a3"}  # C13
    assert served(gateway, "!fast") == {"a2", "a3"}
    error = ask(gateway, "zzz").error
    assert (error.status, error.code, error.wire_type) == (403, "tag_not_allowed", "permission_error")


def test_patterns_look_at_the_user_agent(world: Make) -> None:  # C14, C15
    for pattern in ("^curl/", "^User-Agent: curl/"):
        gateway = tagged(world, {"a1": {"tag_regex": [pattern]}, "a2": {"tags": ["default"]}})
        assert served(gateway, agent="curl/8") == {"a1"}
        assert served(gateway, agent="python") == {"a2"}
        assert served(gateway) == {"a2"}
        assert gateway.selections.groups["a"].healths[0].id == "a1"


def test_where_all_tags_are_needed_a_pattern_speaks_only_for_who_has_none(world: Make) -> None:
    params = {"a1": {"tag_regex": ["curl"], "tags": ["fast"]}, "a2": {"tag_regex": ["curl"]}, "a3": {"tags": ["slow"]}}
    gateway = tagged(world, params, tag_filtering_match_any=False)
    assert served(gateway, "slow", agent="curl/8") == {"a2", "a3"}
    gateway = tagged(world, params)
    assert served(gateway, "slow", agent="curl/8") == {"a1", "a2", "a3"}


def test_c18_a_tag_is_kept_to_through_failure_and_rest(world: Make) -> None:
    gateway = tagged(world, num_retries=2).script(a1=500)
    result = ask(gateway, "fast")
    assert (result.calls, result.status) == (["a1"] * 3, 500)
    gateway.table.health("a1").cool(gateway.now + 5)
    result = ask(gateway, "fast")
    assert (result.calls, result.status) == ([], 429)


def test_tags_may_be_unheeded(world: Make) -> None:  # C19
    gateway = world("a:[a1,a2,a3]", params=TAGS)
    assert served(gateway, "zzz") == {"a1", "a2", "a3"}
    assert served(gateway, "fast", filters=True) == {"a1"}, "unless the caller's key heeds them"
    assert served(tagged(world), "fast", filters=False) == {"a1", "a2", "a3"}


def test_a_model_may_say_whether_tags_are_heeded(world: Make) -> None:
    gateway = world("a:[a1,a2]", params=TAGS, infos={"a1": {"enable_tag_filtering": True}})
    assert served(gateway, "fast") == {"a1"}


def test_c20_patterns_have_tags_too(world: Make) -> None:
    gateway = world("openai/*:[w1,w2]", router={"enable_tag_filtering": True}, params={"w2": {"tags": ["fast"]}})
    assert gateway.ask("openai/x", needs=Needs(scope=Scope(tags=("fast",)))).calls == ["w2"]


def test_a_marked_tag_must_be_known(world: Make) -> None:
    gateway = tagged(world, tag_routing_prefix="route:")
    assert served(gateway, "route:fast") == {"a1"}
    assert served(gateway, "route:zzz") == set()
    assert served(gateway, "zzz") == {"a3"}
    assert served(gateway, "&route:slow") == {"a2"}


def test_a_model_may_open_up_when_nothing_fits(world: Make) -> None:
    gateway = world(
        "a:[a1,a2]",
        router={"enable_tag_filtering": True, "tag_filtering_match_any": False},
        params={"a1": {"tags": ["fast"]}, "a2": {"tags": ["default"]}},
        infos={"a1": {"allow_fail_open": True}},
    )
    assert served(gateway, "fast", "zzz") == {"a2"}
    assert served(gateway, "fast", "zzz", "&slow") == set(), "what is required is required all the same"


REGIONS = {"a1": {"region_name": "eu"}, "a2": {"region_name": "us"}, "a3": {}}


def test_regions_are_always_heeded_and_never_opened(world: Make) -> None:
    gateway = world("a:[a1,a2,a3]", params=REGIONS)
    assert served(gateway, regions=("eu",)) == {"a1"}  # C21, C23
    assert served(gateway) == {"a1", "a2", "a3"}
    assert served(gateway, regions=("eu", "us")) == set(), "nobody lies in both"
    error = ask(gateway, regions=("apac",)).error  # C22
    assert (error.status, error.code) == (403, "region_not_allowed")


def test_c24_a_fallback_keeps_to_the_region(world: Make) -> None:
    gateway = world(
        "a:[a1,a2] b:[a3,b1]", router={"fallbacks": [{"a": ["b"]}]}, params={**REGIONS, "b1": REGIONS["a2"]}
    )
    result = gateway.script(a1=500).ask(needs=Needs(scope=Scope(regions=("eu",))))
    assert (result.calls, result.status) == (["a1"], 500)
    assert "b:dropped=region" in result.trail


@pytest.mark.parametrize(
    ("region", "allowed", "inside"),
    [
        ("eu", "eu", True),
        ("eu-west1", "eu", True),
        ("EU-West-1", "eu", True),
        ("europe-west4", "eu", True),
        ("westeurope", "eu", True),
        ("Sweden Central", "eu", True),
        ("eastus2", "us", True),
        ("us-gov-west-1", "us", True),
        ("switzerlandnorth", "eu", False),
        ("uksouth", "eu", False),
        ("us-east-1", "eu", False),
        ("eastus", "eu", False),
        ("eu", "eu-west-1", False),
        ("eu-west-1", "eu-west-1", True),
        ("eu-west-10", "eu-west-1", False),
        ("asia-east1", "as", True),
        (None, "eu", False),
        ("eu", "", False),
    ],
)
def test_what_lies_in_a_region(region: str | None, allowed: str, inside: bool) -> None:
    assert in_region(region, allowed) is inside


def test_a_teams_deployment_serves_its_team_only(world: Make) -> None:
    gateway = world("a:[a1,a2]", infos={"a2": {"team_id": "T"}})
    assert served(gateway) == {"a1"}
    assert served(gateway, team="T") == {"a1", "a2"}
    assert served(gateway, team="U") == {"a1"}
    only = world("a:[a2]", infos={"a2": {"team_id": "T"}})
    assert ask(only, team="U").status == 404  # A27


def test_blocked_deployments(world: Make) -> None:  # C35, C36
    gateway = world("a:[a1,a2]", infos={"a1": {"blocked": True}})
    assert served(gateway) == {"a2"}
    both = world("a:[a1,a2]", infos={"a1": {"blocked": True}, "a2": {"blocked": True}})
    assert (ask(both).status, ask(both).error.code) == (403, "model_blocked")


def test_context_windows(world: Make) -> None:  # C25 to C28
    router = {"enable_pre_call_checks": True}
    infos = {"a1": {"max_input_tokens": 5}, "a2": {"max_input_tokens": 1000}}
    gateway = world("a:[a1,a2]", router=router, infos=infos)
    assert {gateway.ask(needs=Needs(input_tokens=500)).calls[0] for _ in range(20)} == {"a2"}
    result = gateway.ask(needs=Needs(input_tokens=5000))
    assert (result.calls, result.status, result.error.code) == ([], 400, "context_length_exceeded")
    router["context_window_fallbacks"] = [{"a": ["c", "b"]}]
    infos["c1"] = {"max_input_tokens": 100}
    gateway = world("a:[a1,a2] b:[b1] c:[c1]", router=router, infos=infos)
    result = gateway.ask(needs=Needs(input_tokens=5000))
    assert (result.calls, result.status, result.fallbacks) == (["b1"], 200, 1)
    assert "c:dropped=context" in result.trail
    unchecked = world("a:[a1]", infos=infos)
    assert unchecked.ask(needs=Needs(input_tokens=5000)).calls == ["a1"]


def test_who_keeps_what_a_request_goes_on_from_serves_alone(world: Make) -> None:
    group = world("a:[a1,a2,a3]")
    assert served(group, deployment="a2") == {"a2"}
    assert served(group, deployment="of another group") == {"a1", "a2", "a3"}
