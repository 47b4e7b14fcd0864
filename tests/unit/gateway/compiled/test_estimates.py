"""What a request is thought to use and cost at most."""

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tianji._core.bodies.spans import scan
from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitSet, LimitTable
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.auth.identity import Identity
from tianji.config.loader import load
from tianji.gateway.admission.parties import Parties
from tianji.gateway.compiled.estimates import Estimates
from tianji.gateway.compiled.shared import Shared
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.limiting.limiter import Limits

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
model_list:
  - {model_name: two, litellm_params: {model: openai/a, api_key: k, input_cost_per_token: 0.001, output_cost_per_token: 0.01}}
  - {model_name: two, litellm_params: {model: openai/b, api_key: k, input_cost_per_token: 0.002, output_cost_per_token: 0.02}}
  - model_name: ranked
    litellm_params:
      {model: openai/nobody-knows, api_key: k, input_cost_per_token: 0, output_cost_per_token: 0,
       output_cost_per_token_priority: 0.02}
  - model_name: short
    litellm_params: {model: openai/a, api_key: k, input_cost_per_token: 0, output_cost_per_token: 0.01}
    model_info: {max_output_tokens: 100}
  - {model_name: free, litellm_params: {model: openai/a, api_key: k, input_cost_per_token: 0, output_cost_per_token: 0}}
  - {model_name: unknown, litellm_params: {model: openai/nobody-knows, api_key: k}}
  - {model_name: "any/*", litellm_params: {model: "openai/*", api_key: k}}
general_settings: {user_header_name: X-Person}
"""  # noqa: E501
MILLI = 1_000_000
NOW = 100.0
INPUT, OUTPUT = KIND_NAMES.index("input_tokens"), KIND_NAMES.index("output_tokens")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    file: Path = tmp_path_factory.mktemp("estimates") / "config.yaml"
    file.write_text(CONFIG)
    loaded = load(file, {}, directory=file.parent)

    async def never(_texts: list[str]) -> list[list[float]]:
        raise AssertionError("nothing is embedded")

    return Snapshot(loaded, Shared(SharedCounters(1024), HealthTable(64), LimitTable(16)), Dice(1), lambda _: never)


def asked(snapshot: Snapshot, model: str, operation: str = "chat", **metadata: Any) -> Any:
    group, resolution = snapshot.find(model)
    identity = Identity(role=None, user_id=None, key="k", metadata=metadata)
    return SimpleNamespace(
        group=group,
        resolution=resolution,
        routed=model,
        operation=SimpleNamespace(name=operation),
        exchange=SimpleNamespace(identity=identity),
        table=snapshot.table,
        model=model,
        steer=None,
    )


class Estimate(NamedTuple):
    input_tokens: int
    output_tokens: int
    nano: int


def estimated(snapshot: Snapshot, request: Any, smallest: int | None = None, **body: object) -> Estimate:
    """What is reserved for a request of a caller who may have everything."""
    text = json.dumps({"messages": "x" * 400, **body}).encode()
    most = 1 << 38
    limit = Limit(LimitTable(16), "all", input_tokens=most, output_tokens=most, budget=1 << 62)
    limit.restore(0, None, NOW)
    asked = LimitSet((limit,))
    limits = Limits(asked, (), request.exchange.identity, (), (), None)
    terms = Estimates(snapshot.members).terms(request, limits, smallest=smallest, reserves=True)
    admission = terms.ask(scan(text), NOW)
    money = limit.money(NOW)
    assert money is not None
    found = Estimate(limit.used(INPUT, NOW), limit.used(OUTPUT, NOW), money[1])
    assert found.input_tokens == len(text) // 4
    admission.release(NOW)
    return found


def test_the_dearest_deployment_and_what_the_request_allows(snapshot: Snapshot) -> None:
    found = estimated(snapshot, asked(snapshot, "two"), max_tokens=50)
    assert found.output_tokens == 50
    assert found.nano == found.input_tokens * 2 * MILLI + 50 * 20 * MILLI


@pytest.mark.parametrize(
    ("operation", "bound"),
    [("chat", "max_tokens"), ("chat", "max_completion_tokens"), ("responses", "max_output_tokens")],
)
@pytest.mark.parametrize("times", [3, 3.0, "3", " 3 ", "3.0"])
def test_several_answers_cost_several_times_as_much(
    snapshot: Snapshot, operation: str, bound: str, times: object
) -> None:
    for count in ("n", "best_of"):
        found = estimated(snapshot, asked(snapshot, "short", operation), **{bound: 7, count: times})
        assert (found.output_tokens, found.nano) == (21, 21 * 10 * MILLI)


@pytest.mark.parametrize(
    ("operation", "body", "tokens"),
    [
        ("chat", {"max_tokens": 50, "max_completion_tokens": 1}, 50),
        ("chat", {"max_tokens": 1, "max_completion_tokens": 50}, 50),
        ("chat", {"max_tokens": 50, "max_output_tokens": 1}, 50),
        ("chat", {"max_tokens": "50", "max_completion_tokens": 1}, 50),
        ("chat", {"max_tokens": 49.5}, 50),
        ("chat", {"max_tokens": 50, "max_completion_tokens": None}, 50),
        ("chat", {"max_output_tokens": 50}, 1024),
        ("chat", {"max_tokens": 50, "max_completion_tokens": "many"}, 1024),
        ("messages", {"max_tokens": 50, "max_completion_tokens": 999}, 50),
        ("responses", {"max_output_tokens": 50, "max_tokens": 1}, 50),
        ("responses", {"max_tokens": 1}, 1024),
        ("completions", {"max_tokens": 50, "max_completion_tokens": 1}, 50),
    ],
)
def test_the_largest_of_what_an_upstream_may_heed_counts(
    snapshot: Snapshot, operation: str, body: dict[str, object], tokens: int
) -> None:
    assert estimated(snapshot, asked(snapshot, "two", operation), **body).output_tokens == tokens


@pytest.mark.parametrize(
    ("prompt", "count"),
    [("a", 1), (["a"], 1), (["a", "b", "c"], 3), ([1, 2, 3], 1), ([[1, 2], [3]], 2), ([], 1), (None, 1)],
)
def test_each_prompt_is_answered(snapshot: Snapshot, prompt: object, count: int) -> None:
    found = estimated(snapshot, asked(snapshot, "short", "completions"), prompt=prompt, max_tokens=7, n=2)
    assert (found.output_tokens, found.nano) == (14 * count, 14 * count * 10 * MILLI)
    assert estimated(snapshot, asked(snapshot, "short"), prompt=prompt, max_tokens=7).output_tokens == 7


def test_the_tier_that_is_asked_for_has_its_price(snapshot: Snapshot) -> None:
    ranked = asked(snapshot, "ranked")
    assert estimated(snapshot, ranked, max_tokens=7).nano == 0
    assert estimated(snapshot, ranked, max_tokens=7, service_tier="priority").nano == 7 * 20 * MILLI
    assert not Estimates(snapshot.members).free(ranked.group), "one tier of it is not free"


def test_what_nobody_bounds(snapshot: Snapshot) -> None:
    free = asked(snapshot, "two")
    assert estimated(snapshot, free).output_tokens == 1024
    assert estimated(snapshot, free, smallest=800).output_tokens == 200
    small = estimated(snapshot, free, smallest=8)
    assert small.output_tokens == small.input_tokens, "as many as the prompt has"
    known = asked(snapshot, "two", default_estimated_output_tokens=77)
    assert estimated(snapshot, known).output_tokens == 77
    known = asked(snapshot, "two", default_estimated_output_tokens_per_model={"two": 5})
    assert estimated(snapshot, known).output_tokens == 5
    assert estimated(snapshot, asked(snapshot, "two", "embeddings")).output_tokens == 0


def test_an_answer_is_not_longer_than_its_model_writes(snapshot: Snapshot) -> None:
    assert estimated(snapshot, asked(snapshot, "short")).nano == 100 * 10 * MILLI
    assert estimated(snapshot, asked(snapshot, "short"), max_tokens=10**30).nano == 100 * 10 * MILLI
    unbound, bound = (estimated(snapshot, asked(snapshot, "two"), **most) for most in ({}, {"max_tokens": 10**6}))
    assert unbound.nano == unbound.input_tokens * 2 * MILLI + 16_384 * 20 * MILLI
    assert bound.nano == bound.input_tokens * 2 * MILLI + 10**6 * 20 * MILLI, "nobody knows that it writes less"


def test_what_costs_nothing_and_what_nobody_knows(snapshot: Snapshot) -> None:
    assert estimated(snapshot, asked(snapshot, "free"), max_tokens=5).nano == 0
    assert estimated(snapshot, asked(snapshot, "unknown"), max_tokens=5).nano == 0
    assert Estimates(snapshot.members).free(snapshot.groups["free"])
    assert not Estimates(snapshot.members).free(snapshot.groups["unknown"])


def test_behind_a_pattern_each_model_has_its_price(snapshot: Snapshot) -> None:
    dear, cheap = (
        estimated(snapshot, asked(snapshot, f"any/{name}"), max_tokens=5).nano for name in ("gpt-4o", "gpt-4o-mini")
    )
    assert dear > 10 * cheap > 0


@pytest.mark.parametrize("hostile", [-5, 0, "7", None, 1.5, True, [], 10**40])
def test_hostile_figures_do_no_harm(snapshot: Snapshot, hostile: object) -> None:
    found = estimated(snapshot, asked(snapshot, "two"), max_tokens=hostile, n=hostile)
    assert 0 < found.output_tokens <= 1 << 36
    assert found.nano >= 0


@pytest.mark.parametrize(
    ("fields", "body", "customer"),
    [
        ({}, {"user": "u"}, "u"),
        ({}, {"user": 7}, "7"),
        ({}, {"user": {"a": 1}}, None),
        ({}, {"user": "", "safety_identifier": "s"}, "s"),
        ({}, {"metadata": {"user_id": "m"}, "safety_identifier": "s"}, "m"),
        ({}, {"litellm_metadata": {"user": "l"}, "metadata": {"user_id": "m"}}, "l"),
        ({b"x-person": b"p"}, {"user": "u"}, "p"),
        ({b"x-litellm-end-user-id": b"e", b"x-person": b"p"}, {"user": "u"}, "e"),
        (None, {"metadata": {"user_id": "m"}}, None),
        ({}, {}, None),
    ],
)
def test_who_a_request_is_for(
    snapshot: Snapshot, fields: dict[bytes, bytes] | None, body: dict[str, object], customer: str | None
) -> None:
    request = asked(snapshot, "two")
    request.steer = None if fields is None else SimpleNamespace(fields=fields)
    parties = Parties(snapshot.config)
    assert parties.customer(request, scan(json.dumps(body).encode())) == customer


def test_tags_of_the_request_its_headers_and_its_key(snapshot: Snapshot) -> None:
    request = asked(snapshot, "two", tags=["k", "a", 5])
    parties = Parties(snapshot.config)
    body = scan(json.dumps({"tags": ["a", 7], "metadata": {"tags": ["b", "a"]}}).encode())
    assert parties.tags(request, body) == ("k", "a"), "nothing steers this request"
    request.steer = SimpleNamespace(fields={b"x-litellm-tags": b"c, a,,d"})
    assert parties.tags(request, body) == ("a", "b", "c", "d", "k")
    many = scan(json.dumps({"tags": [str(n) for n in range(100)]}).encode())
    assert len(parties.tags(request, many)) == 104, "as many as there are: who looks them up takes some of them"
