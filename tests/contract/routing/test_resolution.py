"""From a name to a deployment: conformance table A, through the running gateway."""

from collections import Counter
from pathlib import Path

import pytest
from tests.contract.harness import Gateway

from .stage import Stage
from .table import Ask, Row, ask, row

AB = "a:[a1] b:[b1]"
ROUTING_GROUP = {
    "routing_groups": [
        {
            "group_name": "grp",
            "models": ["p", "q"],
            "routing_strategy": "priority",
            "model_priorities": {"p": 1, "q": 2},
        }
    ]
}


def aliased(**aliases: object) -> dict[str, object]:
    return {"model_group_alias": aliases}


ROWS: dict[str, Row] = {
    "A1": row(ask("a1", told={"x-litellm-model-name": "openai/a1"})),
    "A2": row(ask("a1", model="gpt"), router=aliased(gpt="a")),
    "A2 by another section": row(ask("a1", model="gpt"), settings={"model_alias_map": {"gpt": "a"}}),
    "A3": row(ask("a1", model="h"), router=aliased(h={"model": "a", "hidden": True})),
    "A5": row(ask("b1", model="t"), groups="t:[t1] b:[b1]", router=aliased(t="b")),
    "A6": row(ask("a1", model="p"), router=aliased(p="q", q="a")),
    "A8": row(ask("", 404, model="nope", kind="invalid_request_error", code="model_not_found")),
    "A9": row(ask("b1", model="nope"), router={"default_fallbacks": ["b"]}),
    "A9 by an alias": row(
        ask("b1", model="nope"), router={"default_fallbacks": ["al"], "model_group_alias": {"al": "b"}}
    ),
    "A10": row(ask("a2", model="a2"), groups="a:[a1,a2]"),
    "A11": row(ask("a2", 500, model="a2"), groups="a:[a1,a2]", router={"num_retries": 2}, script={"a2": 500}),
    "A11 while it rests": row(
        ask("a2,a1", retries=1),
        ask("a2", model="a2"),
        groups="a:[a1,a2]",
        router={"num_retries": 1},
        params={"a1": {"weight": 0}, "a2": {"weight": 1}},
        script={"a2": [429, 200]},
    ),
    "A13": row(ask("a1", model="openai/up", sent={"model": "up"}), params={"a1": {"model": "openai/up"}}),
    "A14": row(ask("w1", model="openai/o1", sent={"model": "o1"}), groups="openai/*:[w1]"),
    "A15": row(
        ask("w2", model="openai/gpt-4", sent={"model": "x-4"}),
        groups="openai/*:[w1] openai/gpt-*:[w2]",
        params={"w2": {"model": "openai/x-*"}},
    ),
    "A16": row(
        ask("w3", model="gpt-4o", sent={"model": "gpt-4o"}),
        ask("w1", model="openai/gpt-4o", sent={"model": "gpt-4o"}),
        groups="*:[w3] openai/*:[w1]",
    ),
    "A17": row(ask("w1", model="gpt-4o", sent={"model": "gpt-4o"}), groups="openai/*:[w1]"),
    "A18": row(
        ask("w4", model="llm::abc::v2", sent={"model": "foo-abc-2"}),
        groups="llm::*::v*:[w4]",
        params={"w4": {"model": "openai/foo-*-*"}},
    ),
    "A19": row(
        ask("w5", model="foo/bar", sent={"model": "fixed"}),
        groups="foo/*:[w5]",
        params={"w5": {"model": "openai/fixed"}},
    ),
    "A20": row(ask("", 404, model="axbyc"), ask("a1"), groups="a*b*c:[w1] a:[a1]"),
    "A21": row(ask("", 404, model="gpt-4-mini-x"), ask("w1", model="gpt-4-mini"), groups="gpt-*-mini:[w1] a:[a1]"),
    "A22": row(ask("a1", model="gpt-4"), groups="gpt-4:[a1] gpt-*:[w1]"),
    "A27": row(ask("", 404, model="x", code="model_not_found"), groups="x:[x1]", infos={"x1": {"team_id": "T2"}}),
    "A27 by id": row(ask("", 404, model="x1"), groups="x:[x1]", infos={"x1": {"team_id": "T2"}}),
    "A28": row(ask("p1", model="grp"), groups="p:[p1] q:[q1]", router=ROUTING_GROUP),
    "A29": row(ask("p1,q1", model="grp"), groups="p:[p1] q:[q1]", router=ROUTING_GROUP, script={"p1": 500}),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


LISTED = {
    "A3": (row(groups=AB, router=aliased(h={"model": "a", "hidden": True})), {"a", "b"}),
    "A4": (row(groups=AB, router=aliased(x={"model": "a", "hidden": False})), {"a", "b", "x"}),
}


@pytest.mark.parametrize(("row", "names"), LISTED.values(), ids=LISTED.keys())
def test_hidden_aliases_are_not_listed(stage: Stage, names: set[str]) -> None:
    assert {name for name in stage.gateway.models() if not name.startswith("ready-")} == names


@pytest.mark.parametrize("row", [row(groups="openai/*:[w1,w2]")], ids=["A23"])
def test_a_pattern_shares_among_its_deployments(stage: Stage) -> None:
    assert {stage.send(Ask(model="openai/o1")).status_code for _ in range(60)} == {200}
    shares = Counter(stage.called())
    assert 10 < shares["w1"] < 50, "five standard deviations to either side"
    assert shares["w1"] + shares["w2"] == 60


REFUSED = {
    "A7": ({"model_group_alias": {"p": "q", "q": "p"}}, r"circle: p -> q -> p"),
    "B26": ({"routing_strategy": "foo"}, r"routing_strategy"),
    "G52": ({"fallbacks": [{"a": ["b"], "b": ["a"]}]}, r"must have exactly one group"),
}


@pytest.mark.parametrize(("router", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_meant_is_not_started(router: dict[str, object], says: str, tmp_path: Path, edge: str) -> None:
    config = {
        "model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a1"}}],
        "router_settings": router,
    }
    with pytest.raises(AssertionError, match=says):
        Gateway(config, tmp_path, edge=edge).stop()  # where it does start, the test fails and nothing stays
