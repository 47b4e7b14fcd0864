"""From the configuration to the choice: strategies by all their names, limits, prices, tiers, abilities."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tianji._core.routing.needs import Needs
from tianji.config.schema.router import Strategy
from tianji.routing.abilities import ABILITY, OPERATION, lacks, names, needed
from tianji.routing.lar1 import target_type, thresholds_of
from tianji.routing.selections import limits_of, weights_of
from tianji.routing.strategy import CORE, strategy_of

from .simulation import Make, World


def burst(gateway: World, count: int, model: str = "a") -> Counter[str]:
    """Begin requests and end none; who has them, "" for those that nobody took."""
    selection = gateway.selections.groups[model]
    gateway.held = [Needs() for _ in range(count)]  # type: ignore[attr-defined]
    taken = [selection.choose(needs, gateway.now) for needs in gateway.held]  # type: ignore[attr-defined]
    return Counter(selection.healths[position].id if position >= 0 else "" for position in taken)


def test_every_name_of_a_strategy_has_one_of_the_core() -> None:  # B25
    assert CORE.keys() == set(Strategy.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in CORE if name])
def test_every_strategy_serves(world: Make, name: str) -> None:
    gateway = world("a:[a1,a2]", router={"routing_strategy": name})
    assert gateway.selections.groups["a"].strategy == CORE[name]
    assert {gateway.ask().calls[0] for _ in range(40)} == {"a1", "a2"}


def test_arguments_of_strategies() -> None:
    arguments = {"lowest_latency_buffer": "0.5", "ttl": 60, "max_latency_list_size": 4, "ttft_percentile": 0.9}
    assert strategy_of("lowest-latency", arguments).arguments() == {
        "buffer": 0.5,
        "samples": 4,
        "lifetime": 60,
        "percentile": 0.9,
    }
    assert strategy_of("lowest-latency", {"ttl": None}).lifetime == 3600


def test_a_changed_strategy_is_a_change_of_configuration_only(world: Make) -> None:  # J20
    params = {"a1": {"rpm": 2, "max_parallel_requests": 0}}
    first = world("a:[a1]", router={"routing_strategy": "usage-based-routing-v2"}, params=params)
    assert [first.ask().status for _ in range(3)] == [200, 200, 429]
    second = world("a:[a1]", params=params, table=first.table)
    assert second.ask().status == 200


@pytest.mark.parametrize(
    ("params", "router", "limit"),
    [
        ({"max_parallel_requests": 3, "rpm": 9}, {}, 3),
        ({"rpm": 9}, {}, 9),  # I4
        ({"tpm": 1500}, {}, 9),
        ({"tpm": 10}, {}, 1),
        ({}, {"default_max_parallel_requests": 4}, 4),
        ({"max_parallel_requests": 0, "rpm": 9}, {"default_max_parallel_requests": 4}, 12),
        ({}, {}, 12),
    ],
)
def test_requests_at_a_time(
    world: Make, params: Mapping[str, object], router: Mapping[str, object], limit: int
) -> None:
    gateway = world("a:[a1]", params={"a1": params}, router=router)
    assert burst(gateway, 12)["a1"] == limit


def test_requests_at_a_time_that_are_learnt(world: Make) -> None:
    learnt = {"a1": {"adaptive_concurrency": True}, "a2": {"adaptive_concurrency": False}}
    gateway = world("a:[a1,a2,a3]", params=learnt, router={"adaptive_concurrency": True})
    spread = burst(gateway, 400)
    assert (spread["a1"], spread["a3"]) == (32, 32)
    assert spread["a2"] == 400 - 64


@pytest.mark.parametrize(
    ("router", "limits"),
    [
        ({}, [(0, 0), (0, 0)]),
        ({"enable_pre_call_checks": True}, [(5, 0), (0, 0)]),
        ({"routing_strategy": "usage-based-routing-v2"}, [(5, 0), (0, 700)]),
        ({"optional_pre_call_checks": ["enforce_model_rate_limits"]}, [(5, 0), (0, 700)]),
        (
            {"routing_groups": [{"group_name": "g", "models": ["b"], "routing_strategy": "lowest-cost"}]},
            [(0, 0), (0, 700)],
        ),
    ],
)
def test_limits_that_machines_share(world: Make, router: Mapping[str, object], limits: list[tuple[int, int]]) -> None:
    gateway = world("a:[a1] b:[b1]", params={"a1": {"rpm": 5}, "b1": {"tpm": 700}}, router=router)
    found = limits_of(gateway.loaded.config)
    assert [found[name] for name in ("a1", "b1")] == limits


def test_i1_all_slots_taken(world: Make) -> None:
    gateway = world("a:[a1,a2]", params={key: {"max_parallel_requests": 1} for key in ("a1", "a2")})
    assert burst(gateway, 5) == {"a1": 1, "a2": 1, "": 3}
    result = gateway.ask()
    assert (result.status, result.error.headers) == (429, ((b"retry-after", b"1"),))
    assert result.error.wire_type == "throttling_error"


LIMITED = [
    ({"routing_strategy": "usage-based-routing-v2"}, True),
    ({"routing_strategy": "latency-based-routing"}, True),
    ({"routing_strategy": "cost-based-routing"}, True),
    ({"routing_strategy": "least-busy"}, False),
    ({}, False),
    ({"enable_pre_call_checks": True}, True),  # C29
    ({"optional_pre_call_checks": ["enforce_model_rate_limits"]}, True),  # I5, I6
]


@pytest.mark.parametrize(("router", "limited"), LIMITED)
def test_where_requests_a_minute_are_a_limit(world: Make, router: Mapping[str, object], limited: bool) -> None:
    params = {key: {"rpm": 1, "max_parallel_requests": 0} for key in ("a1", "a2")}
    gateway = world("a:[a1,a2]", router=router, params=params, now=1001.0)
    results = [gateway.ask() for _ in range(3)]
    assert [result.status for result in results] == [200, 200, 429 if limited else 200]
    if limited:
        assert {result.calls[0] for result in results[:2]} == {"a1", "a2"}
        assert results[2].error.headers == ((b"retry-after", b"19"),), "the minute ends at 1020"
        assert gateway.cooled() == set(), "an own limit is no failure"
        gateway.now = 1020.0
        assert gateway.ask().status == 200


def test_i8_a_group_at_its_limit_falls_back(world: Make) -> None:
    router = {"routing_strategy": "usage-based", "fallbacks": [{"a": ["b"]}]}
    gateway = world("a:[a1] b:[b1]", router=router, params={"a1": {"rpm": 1}})
    assert [gateway.ask().calls for _ in range(2)] == [["a1"], ["b1"]]


def test_prices(world: Make) -> None:  # B21 to B23
    prices: dict[str, dict[str, Any]] = {
        "a1": {"input_cost_per_token": 0, "output_cost_per_token": 0},
        "a2": {"input_cost_per_token": 1e-9, "output_cost_per_token": 0},
    }
    gateway = world("a:[a1,a2,a3]", router={"routing_strategy": "lowest-cost"}, params=prices)
    selection = gateway.selections.groups["a"]
    assert [figure for _, figure in selection.explain(Needs(), 0.0)[1]] == [0, 1e-9, 10]
    assert {gateway.ask().calls[0] for _ in range(20)} == {"a1"}


def test_the_tier_of_params_goes_before_that_of_the_model(world: Make) -> None:
    gateway = world("a:[a1,a2]", params={"a1": {"order": 2}}, infos={"a1": {"order": 1}, "a2": {"order": 1}})
    assert [gateway.selections.groups["a"].order_of(position) for position in range(2)] == [2, 1]


def test_a28_a_routing_group_by_priorities(world: Make) -> None:
    group = {
        "group_name": "g",
        "models": ["p", "q"],
        "routing_strategy": "priority",
        "model_priorities": {"p": 2, "q": 1},
    }
    other = {"group_name": "h", "models": ["q"], "routing_strategy": "least-busy"}
    gateway = world("p:[p1,p2] q:[q1]", router={"routing_groups": [group, other]})
    assert gateway.ask("g").calls == ["q1"]
    assert gateway.ask("h").calls == ["q1"]
    assert gateway.selections.groups["h"].strategy == "busy"
    assert [health.id for health in gateway.selections.groups["g"].healths] == ["p1", "p2", "q1"]
    gateway.table.health("q1").cool(gateway.now + 5)
    assert {gateway.ask("g").calls[0] for _ in range(20)} == {"p1", "p2"}


def test_exhausted_groups_may_use_who_rests(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"allow_cooled_when_exhausted": True})
    gateway.table.health("a1").cool(gateway.now + 5)
    gateway.table.health("a2").cool(gateway.now + 3)
    assert gateway.ask().calls == ["a2"]


@pytest.mark.parametrize("section", ["router", "general"])
def test_health_checks_are_heeded_where_that_is_on(world: Make, section: str) -> None:
    gateway = world("a:[a1,a2]", **{section: {"enable_health_check_routing": True}})
    gateway.table.health("a1").mark_sick(gateway.now + 600)
    assert {gateway.ask().calls[0] for _ in range(20)} == {"a2"}


def test_c30_c31_c32_abilities(world: Make) -> None:
    infos = {"a1": {"supports_response_schema": False, "supports_web_search": False}, "a2": {"supports_vision": False}}
    gateway = world("a:[a1,a2]", infos=infos)
    for ability, serving in (("schema", ["a2"]), ("web search", ["a2"]), ("images", ["a1"])):
        assert gateway.ask(needs=Needs(bits=ABILITY[ability])).calls == serving
    result = gateway.ask(needs=Needs(bits=ABILITY["schema"] | ABILITY["images"]))
    assert (result.status, result.error.code) == (400, "unsupported_by_model")


def test_what_a_deployment_lacks() -> None:
    everything = list(OPERATION)
    assert lacks({}, everything) == 0
    assert names(lacks({"supports_vision": False, "supports_pdf_input": True}, everything)) == ["images"]
    assert names(lacks({}, ["chat"])) == [name for name in OPERATION if name != "chat"]
    assert len({*ABILITY.values(), *OPERATION.values()}) == len(ABILITY) + len(OPERATION)


LAR1 = [
    ({"confidence": 0.2}, "cloud-smart"),
    ({"confidence": 0.4}, "cloud-fast"),
    ({"confidence": 0.6}, "local"),
    ({"confidence": 0.9}, "deep"),
    ({}, "local"),
    ({"confidence": 0.9, "time": "MEM"}, "cloud-fast"),
    ({"confidence": 0.1, "time": "MEM"}, "cloud-fast"),
    ({"confidence": 0.9, "time": "MEM", "evidence": ["UNVERIFIED"]}, "cloud-smart"),
    ({"confidence": "high", "evidence": "UNVERIFIED"}, "local"),
]


@pytest.mark.parametrize(("metadata", "kind"), LAR1)
def test_b29_a_request_says_which_type_it_needs(metadata: Mapping[str, object], kind: str) -> None:
    assert target_type(metadata, thresholds_of({})) == kind


def test_thresholds_may_be_moved() -> None:
    assert target_type({"confidence": 0.6}, thresholds_of({"confidence_threshold_high": 0.55})) == "deep"


def test_b29_the_type_is_a_weight_of_the_request(world: Make) -> None:
    gateway = world("a:[a1,a2,a3]", router={"routing_strategy": "lar1"})
    weights = weights_of(gateway.selections.groups["a"], {"a2": 1})
    assert gateway.ask(needs=Needs(weights=weights)).calls == ["a2"]
    gateway.table.health("a2").cool(gateway.now + 5)
    assert gateway.ask(needs=Needs(weights=weights)).calls[0] in {"a1", "a3"}


def test_nobody_has_to_be_asked_about_what_all_can_do(world: Make) -> None:
    gateway = world("a:[a1,a2] b:[b1]", infos={"a2": {"supports_vision": False}})
    assert names(gateway.selections.groups["a"].lacking) == ["images"]
    assert gateway.selections.groups["b"].lacking == 0


EVERY = sum(ABILITY.values())
BODIES: list[tuple[dict[bytes, bytes], list[str]]] = [
    ({}, []),
    ({b"tools": b"[]", b"functions": b"null"}, []),
    ({b"tools": b'[{"type": "function"}]'}, ["tools"]),
    ({b"functions": b'[{"name": "f"}]'}, ["tools"]),
    ({b"tools": b'[{"type": "web_search_preview"}]'}, ["tools", "web search"]),
    ({b"web_search_options": b"{}"}, ["web search"]),
    ({b"response_format": b'{"type":"json_object"}'}, []),
    ({b"response_format": b'{"type":"json_schema","json_schema":{}}'}, ["schema"]),
    ({b"messages": rb'[{"content":"say \"image_url\" and \"input_audio\""}]'}, []),
    ({b"messages": b'[{"content":[{"type":"image_url"},{"type":"input_audio"}]}]'}, ["images", "audio"]),
    ({b"messages": b'[{"content":[{"type":"file"},{"type":"video_url"}]}]'}, ["documents", "video"]),
    ({b"modalities": b'["text","audio"]'}, ["speech"]),
]


@pytest.mark.parametrize(("body", "abilities"), BODIES)
def test_what_a_request_needs(body: dict[bytes, bytes], abilities: list[str]) -> None:
    assert names(needed(body.get, EVERY)) == abilities
    assert needed(body.get, 0) == 0, "nobody lacks anything, so nobody looks"
