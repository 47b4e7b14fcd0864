"""Fallbacks: conformance table G, row by row where it concerns routing."""

from collections.abc import Mapping
from typing import Any

import pytest

from tianji.routing.fallback import Wishes

from .simulation import Answer, Make, Result, World

ABCD = "a:[a1] b:[b1] c:[c1] d:[d1]"
ALL = {"a1": 500, "b1": 500, "c1": 500, "d1": 500}


def fallbacks(**lists: list[str]) -> dict[str, object]:
    return {"fallbacks": [{group: targets} for group, targets in lists.items()]}


# name: groups, router settings, script, model, calls, status
ROWS: dict[str, tuple[str, Mapping[str, object], Mapping[str, Answer], str, list[str], int]] = {
    "G1": (ABCD, fallbacks(a=["b"], b=["c"]), {"a1": 500, "b1": 500}, "a", ["a1", "b1", "c1"], 200),
    "G2": (ABCD, fallbacks(a=["b", "c"]), ALL, "a", ["a1", "b1", "c1"], 500),
    "G3": (ABCD, fallbacks(a=["b"], b=["c"], c=["d"], d=["a"]), ALL, "a", ["a1", "b1", "c1", "d1"], 500),
    "G4": (ABCD, fallbacks(a=["a", "b", "b", "c"]), {"a1": 500, "b1": 500}, "a", ["a1", "b1", "c1"], 200),
    "G5": (ABCD, {"default_fallbacks": ["b"]}, ALL, "a", ["a1", "b1"], 500),
    "G6": (ABCD, {"default_fallbacks": ["b"]}, ALL, "b", ["b1"], 500),
    "G7": (ABCD, {**fallbacks(a=["b"]), "default_fallbacks": ["c"]}, ALL, "a", ["a1", "b1"], 500),
    "G8": (
        ABCD,
        {**fallbacks(a=["b"]), "default_fallbacks": ["c"], "chain_default_fallbacks": True},
        {"a1": 500, "b1": 500},
        "a",
        ["a1", "b1", "c1"],
        200,
    ),
    "G9": (ABCD, {**fallbacks(a=[]), "default_fallbacks": ["b"]}, ALL, "a", ["a1"], 500),
    "G10 400": (ABCD, {"default_fallbacks": ["b"]}, {"a1": 400}, "a", ["a1", "b1"], 200),
    "G10 401": (ABCD, {"default_fallbacks": ["b"]}, {"a1": 401}, "a", ["a1", "b1"], 200),
    "G10 404": (ABCD, {"default_fallbacks": ["b"]}, {"a1": 404}, "a", ["a1", "b1"], 200),
    "client errors": (
        ABCD,
        {**fallbacks(a=["b"]), "fallback_on_client_errors": False},
        {"a1": 404},
        "a",
        ["a1"],
        404,
    ),
    "limits are no client errors": (
        ABCD,
        {**fallbacks(a=["b"]), "fallback_on_client_errors": False},
        {"a1": 429},
        "a",
        ["a1", "b1"],
        200,
    ),
    "G11": (ABCD, {**fallbacks(a=["b"]), "fallback_on_unsupported_params": False}, {"a1": 400}, "a", ["a1"], 400),
    "G19": (ABCD, {"model_group_alias": {"al": "a"}, **fallbacks(al=["b"])}, {"a1": 500}, "al", ["a1", "b1"], 200),
    "G20": (ABCD, {"model_group_alias": {"al": "a"}, **fallbacks(a=["b"])}, {"a1": 500}, "al", ["a1", "b1"], 200),
    "G21": (ABCD, {"model_group_alias": {"al": "b"}, **fallbacks(a=["al"])}, {"a1": 500}, "a", ["a1", "b1"], 200),
    "an alias of what was tried": (
        ABCD,
        {"model_group_alias": {"al": "a", "be": "b"}, **fallbacks(a=["al", "be", "b", "c"])},
        {"a1": 500, "b1": 500},
        "a",
        ["a1", "b1", "c1"],
        200,
    ),
    "G22": ("openai/*:[o2] b:[b1]", fallbacks(**{"gpt-y": ["b"]}), {"o2": 500}, "openai/gpt-y", ["o2", "b1"], 200),
    "G22 reversed": (
        "gpt-y:[o2] b:[b1]",
        fallbacks(**{"openai/gpt-y": ["b"]}),
        {"o2": 500},
        "gpt-y",
        ["o2", "b1"],
        200,
    ),
    "G23": (ABCD, fallbacks(a=["nope", "b"]), {"a1": 500}, "a", ["a1", "b1"], 200),
    "G24": ("a:[a1] b:[b1,b2]", fallbacks(a=["b1"]), {"a1": 500}, "a", ["a1", "b1"], 200),
    "G25": ("a:[a1] openai/*:[w1]", fallbacks(a=["openai/zz"]), {"a1": 500}, "a", ["a1", "w1"], 200),
    "G26": (ABCD, {**fallbacks(a=["b", "c", "d"]), "max_fallbacks": 1}, {**ALL, "d1": 200}, "a", ["a1", "b1"], 500),
    "G26 depth": (
        ABCD,
        {**fallbacks(a=["b", "c", "d"]), "max_fallbacks": 1, "max_fallbacks_mode": "depth"},
        {**ALL, "d1": 200},
        "a",
        ["a1", "b1", "c1", "d1"],
        200,
    ),
    "G27": (
        ABCD,
        {**fallbacks(a=["b"], b=["c"], c=["d"]), "max_fallbacks": 2},
        ALL,
        "a",
        ["a1", "b1", "c1"],
        500,
    ),
    "G28": (ABCD, {**fallbacks(a=["b"]), "max_fallbacks": 0}, ALL, "a", ["a1"], 500),
    "depth first": (ABCD, fallbacks(a=["b", "c"], b=["d"]), ALL, "a", ["a1", "b1", "d1", "c1"], 500),
    "depth first, to the end": (
        "a:[a1] b:[b1] c:[c1] d:[d1] e:[e1]",
        fallbacks(a=["b", "c"], b=["d", "e"]),
        {**ALL, "e1": 500},
        "a",
        ["a1", "b1", "d1", "e1", "c1"],
        500,
    ),
    "depth is bounded": (
        ABCD,
        {**fallbacks(a=["b"], b=["c"]), "max_fallbacks": 1, "max_fallbacks_mode": "depth"},
        ALL,
        "a",
        ["a1", "b1"],
        500,
    ),
    "G32": (
        ABCD,
        {"context_window_fallbacks": [{"a": ["b"]}], **fallbacks(a=["c"])},
        {"a1": "ctx"},
        "a",
        ["a1", "b1"],
        200,
    ),
    "G33": (
        ABCD,
        {"context_window_fallbacks": [{"a": ["b"]}], **fallbacks(a=["c"])},
        {"a1": "ctx", "b1": 500},
        "a",
        ["a1", "b1", "c1"],
        200,
    ),
    "G34": (ABCD, fallbacks(a=["c"]), {"a1": "ctx"}, "a", ["a1", "c1"], 200),
    "G35": (
        ABCD,
        {"context_window_fallbacks": [{"d": ["b"]}], **fallbacks(a=["c"])},
        {"a1": "ctx"},
        "a",
        ["a1"],
        400,
    ),
    "G35 switched": (
        ABCD,
        {
            "context_window_fallbacks": [{"d": ["b"]}],
            "context_fallback_to_general": True,
            **fallbacks(a=["c"]),
        },
        {"a1": "ctx"},
        "a",
        ["a1", "c1"],
        200,
    ),
    "G36": (ABCD, {"context_window_fallbacks": [{"*": ["c"]}]}, {"a1": "ctx"}, "a", ["a1", "c1"], 200),
    "G37": (ABCD, {"content_policy_fallbacks": [{"a": ["b"]}]}, {"a1": "cp"}, "a", ["a1", "b1"], 200),
    "G38": (ABCD, {"content_policy_fallbacks": [{"a": ["b"]}]}, {"a1": "cf"}, "a", ["a1", "b1"], 200),
    "G39": (ABCD, fallbacks(a=["c"]), {"a1": "cf"}, "a", ["a1"], 200),
    "G40": (ABCD, {"default_fallbacks": ["c"]}, {"a1": "cf"}, "a", ["a1", "c1"], 200),
    "the last filtered answer is the answer": (
        ABCD,
        {"content_policy_fallbacks": [{"a": ["b"]}]},
        {"a1": "cf", "b1": "cf"},
        "a",
        ["a1", "b1"],
        200,
    ),
    "G51": (ABCD, {"fallbacks": [{"a": "b"}]}, {"a1": 500}, "a", ["a1", "b1"], 200),
    "G54": ("model:[m1] b:[b1]", fallbacks(model=["b"]), {"m1": 500}, "model", ["m1", "b1"], 200),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_conformance_table(
    world: Make, row: tuple[str, Mapping[str, object], Mapping[str, Answer], str, list[str], int]
) -> None:
    groups, router, script, model, calls, status = row
    result = world(groups, router=router).script(**script).ask(model)
    assert (result.calls, result.status) == (calls, status)
    assert result.fallbacks == len(calls) - 1
    assert result.waits == []
    if status != 200:
        assert result.error is not None
        assert result.error.status == status


def test_the_first_error_is_the_answer(world: Make) -> None:
    gateway = world(ABCD, router=fallbacks(a=["b", "c"])).script(a1=503, b1=500, c1=429)
    assert gateway.ask().status == 503


def test_g12_a_group_that_rests_is_passed_at_once(world: Make) -> None:
    gateway = world(ABCD, router=fallbacks(a=["b"]))
    gateway.table.health("a1").cool(gateway.now + 5)
    result = gateway.ask()
    assert (result.calls, result.status, result.fallbacks) == (["b1"], 200, 1)
    assert result.trail == "a:dropped=cooldown; b/b1:sent"


WISHES = [
    (Wishes(general=("b",)), {}, ["a1", "b1"]),  # G13
    (Wishes(general=({"model": "b", "messages": ["M"]},)), {}, ["a1", "b1"]),  # G14
    (Wishes(general={"a": ("c",)}), fallbacks(a=["b"]), ["a1", "c1"]),  # G15
    (Wishes(general=()), fallbacks(a=["b"]), ["a1"]),  # G16
    (Wishes(general=None), fallbacks(a=["b"]), ["a1", "b1"]),  # G16b
    (Wishes(context_window=("c",)), fallbacks(a=["b"]), ["a1", "b1"]),
    (Wishes(most=0), fallbacks(a=["b"]), ["a1"]),
    (Wishes(most=99), {**fallbacks(a=["b"]), "max_fallbacks": 0}, ["a1"]),
]


@pytest.mark.parametrize(("wishes", "router", "calls"), WISHES)
def test_a_requests_own_lists_take_the_place_of_the_configured(
    world: Make, wishes: Wishes, router: Mapping[str, object], calls: list[str]
) -> None:
    result = world(ABCD, router=router).script(a1=500).ask(wishes=wishes)
    assert result.calls == calls
    assert result.overrides == ({"messages": ["M"]} if wishes == WISHES[1][0] else {})


def test_a_requests_own_list_for_one_kind_leaves_the_others(world: Make) -> None:
    gateway = world(ABCD, router=fallbacks(a=["b"]))
    wishes = Wishes(context_window=("c",))
    assert gateway.script(a1="ctx", c1=500).ask(wishes=wishes).calls == ["a1", "c1", "b1"]


def test_g17_fallbacks_may_be_declined(world: Make) -> None:
    gateway = world("a:[a1,a2] b:[b1]", router=fallbacks(a=["b"]), params={"a1": {"order": 1}, "a2": {"order": 2}})
    assert gateway.script(a1=500).ask(disable_fallbacks=True).calls == ["a1"]
    assert gateway.script(a1="cf").ask(disable_fallbacks=True).status == 200


def test_g29_each_group_has_its_own_retries(world: Make) -> None:
    gateway = world("a:[a1,a2] b:[b1,b2]", router={"num_retries": 1, **fallbacks(a=["b"])})
    result = gateway.script(a1=500, a2=500, b1=500, b2=500).ask()
    assert (sorted(result.calls[:2]), sorted(result.calls[2:])) == (["a1", "a2"], ["b1", "b2"])
    assert (result.retries, result.fallbacks) == (2, 1)


def test_g30_when_all_rest_the_fallback_is_next(world: Make) -> None:
    gateway = world("a:[a1,a2] b:[b1]", router={"num_retries": 2, **fallbacks(a=["b"])}).script(a1=429, a2=429)
    result = gateway.ask()
    assert (sorted(result.calls[:2]), result.calls[2:], result.status) == (["a1", "a2"], ["b1"], 200)
    assert gateway.cooled() == {"a1", "a2"}


def test_g31_nobody_waits_before_a_fallback(world: Make) -> None:
    gateway = world(ABCD, router={"num_retries": 1, **fallbacks(a=["b"])}).script(a1=429)
    result = gateway.ask()
    assert (result.calls, len(result.waits), result.status) == (["a1", "a1", "b1"], 1, 200)


ORDERED = {"a1": {"order": 1}, "a2": {"order": 2}, "a3": {"order": 3}}


def tiers(world: Make, **router: Any) -> World:
    return world("a:[a1,a2,a3] b:[b1]", router=router, params=ORDERED)


def test_g41_tiers_go_in_order(world: Make) -> None:
    result = tiers(world).script(a1=500, a2=500).ask()
    assert (result.calls, result.status, result.fallbacks) == (["a1", "a2", "a3"], 200, 2)


def test_g42_after_the_tiers_come_the_fallbacks(world: Make) -> None:
    result = tiers(world, **fallbacks(a=["b"])).script(a1=400, a2=400, a3=400).ask()
    assert (result.calls, result.status) == (["a1", "a2", "a3", "b1"], 200)


def test_g43_tiers_that_rest_are_passed(world: Make) -> None:
    gateway = tiers(world, num_retries=1).script(a1=429, a2=429)
    assert [gateway.ask().calls for _ in range(2)] == [["a1", "a2", "a3"], ["a3"]]
    assert gateway.cooled() == {"a1", "a2"}


def test_tiers_are_no_way_round_a_refused_prompt(world: Make) -> None:
    assert tiers(world).script(a1="cp").ask().calls == ["a1"]


def test_b28_having_no_tier_is_none_to_go_to(world: Make) -> None:
    gateway = world("a:[a1,a2]", params={"a1": {"order": 1}}).script(a1=401)
    assert [gateway.ask().calls for _ in range(2)] == [["a1"], ["a2"]]


def test_g44_failover_gives_each_its_turn(world: Make) -> None:
    router = {"enable_weighted_failover": True, **fallbacks(a=["b"])}
    gateway = world("a:[a1,a2,a3] b:[b1]", router=router).script(a1=500, a2=500, a3=500)
    result = gateway.ask()
    assert (sorted(result.calls[:3]), result.calls[3:], result.status) == (["a1", "a2", "a3"], ["b1"], 200)


def test_failover_turns_back_to_earlier_tiers(world: Make) -> None:
    params = {"a1": {"order": 1}, "a2": {"order": 1}, "a3": {"order": 2}}
    gateway = world("a:[a1,a2,a3]", router={"enable_weighted_failover": True}, params=params)
    calls = gateway.script(a1=500, a2=500, a3=500).ask().calls
    assert calls[1] == "a3"
    assert sorted(calls) == ["a1", "a2", "a3"]


def test_failover_ends_however_many_there_are(world: Make) -> None:
    names = [f"a{number}" for number in range(50)]
    gateway = world(f"a:[{','.join(names)}]", router={"enable_weighted_failover": True})
    result = gateway.script(**dict.fromkeys(names, 400)).ask()
    assert len(result.calls) == 51
    assert result.status == 400


def refusing(*names: str) -> Any:
    return lambda name, _group: "key" if name in names else None


def test_g45_a_target_is_admitted_like_a_first_choice(world: Make) -> None:
    gateway = world(ABCD, router=fallbacks(a=["b", "c"])).script(a1=500)
    result: Result = gateway.ask(admits=refusing("b"))
    assert (result.calls, result.status) == (["a1", "c1"], 200)
    assert "b:skipped=key" in result.trail
    result = gateway.ask(admits=refusing("b", "c"))
    assert (result.calls, result.status) == (["a1"], 500)


def test_what_is_skipped_is_no_hop(world: Make) -> None:
    gateway = world(ABCD, router={**fallbacks(a=["nope", "b", "c", "d"]), "max_fallbacks": 1}).script(a1=500)
    gateway.table.health("c1").cool(gateway.now + 9)
    result = gateway.ask(admits=refusing("b"))
    assert (result.calls, result.status, result.fallbacks) == (["a1", "d1"], 200, 1)
    assert result.trail == (
        "a/a1:sent; a/a1:failed=500; nope:skipped=unknown; b:skipped=key; c:dropped=cooldown; d/d1:sent"
    )


def test_a_fallback_begins_with_nothing_of_the_group_before(world: Make) -> None:
    gateway = world("a:[a1,a2] b:[b1,b2]", router=fallbacks(a=["b"]), params={
        "a1": {"order": 5}, "b1": {"order": 1}, "b2": {"order": 2},
    })  # fmt: skip
    assert gateway.script(a1=500, a2=500).ask().calls == ["a1", "b1"]
    gateway = world("a:[a1,a2] b:[b1,b2]", router=fallbacks(a=["b"]), params={
        "a1": {"order": 5}, "a2": {"order": 6}, "b1": {"order": 1}, "b2": {"order": 2},
    })  # fmt: skip
    assert gateway.script(a1=500, a2="ctx").ask().calls == ["a1", "a2", "b1"]
