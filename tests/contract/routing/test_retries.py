"""Retries and timeouts: conformance tables E and F, through the running gateway.

How long waits are is a matter of simulated time.
"""

import re
from contextlib import ExitStack

import pytest
from tests.contract.harness import Mock, eventually

from .stage import Stage, in_flight
from .table import ABCD, FIRST, SOON, Row, ask, lists, row, said

PAIR = "a:[a1,a2]"
ONE = "a:[a1]"
NR1, NR2, NR3 = ({"num_retries": number} for number in (1, 2, 3))
FAILS = (500, SOON)
EMPTY = {
    "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s",
    "x-ratelimit-remaining-tokens": "900", "x-ratelimit-reset-tokens": "6m0s",
}  # fmt: skip
SLOW = {"first_byte_ms": 250}


def policy(**retries: int) -> dict[str, object]:
    return {"retry_policy": retries}


def lone(calls: int, status: int, answer: object, *, retries: int | None = None, **more: object) -> Row:
    """One deployment that answers so for ever, and how often it is called."""
    own = {name: more.pop(name) for name in ("body", "headers", "told") if name in more}
    asked = ask(",".join(["a1"] * calls), status, retries=calls - 1 if retries is None else retries, **own)
    return row(asked, groups=ONE, script={"a1": answer}, **more)


ROWS: dict[str, Row] = {
    "E1": row(
        ask("a1,a1,a1", retries=2, told={"x-litellm-max-retries": "2"}),
        groups=ONE,
        router=NR2,
        script={"a1": [FAILS, FAILS, 200]},
    ),
    "E2": lone(3, 500, FAILS, router=NR2),
    "E3": row(ask("a1,a2", retries=1), groups=PAIR, router=NR1, params=FIRST, script={"a1": 500}),
    "E4": row(
        ask("a1,a2,a1,a2", 500, retries=3), groups=PAIR, router=NR3, params=FIRST, script={"a1": 500, "a2": 500}
    ),
    "E5": row(ask("a1,a2", retries=1), ask("a2"), groups=PAIR, router=NR2, params=FIRST, script={"a1": 401}),
    "E6": lone(1, 401, 401, router=NR2),
    "E7": lone(1, 400, 400, router=NR2),
    "E7 of two": row(ask("a1", 400), groups=PAIR, router=NR2, params=FIRST, script={"a1": 400}),
    "E8": lone(1, 404, 404, router=NR2),
    "E11": lone(1, 500, FAILS, router=NR2, body={"num_retries": 0}),
    "E12": lone(2, 200, [FAILS, 200], headers={"x-litellm-num-retries": "1"}),
    "E13": lone(5, 429, (429, SOON), params={"a1": {"num_retries": 4}}),
    "E14": row(
        ask("a1,a2,a1|a2", 400, retries=2),
        groups=PAIR,
        router=policy(BadRequestErrorRetries=2),
        params=FIRST,
        script={"a1": 400, "a2": 400},
    ),
    "E15": lone(2, 429, (429, SOON), router=policy(RateLimitErrorRetries=2), body={"num_retries": 1}),
    "E16": lone(1, 429, (429, SOON), router=policy(RateLimitErrorRetries=2), body={"num_retries": 0}),
    "E17": row(
        ask("a1", 401),
        groups=PAIR,
        router={**NR3, **policy(AuthenticationErrorRetries=0)},
        params=FIRST,
        script={"a1": 401},
    ),
    "E18": lone(2, 500, FAILS, router={**NR1, **policy(RateLimitErrorRetries=2)}),
    "E19": row(
        ask("a1,a1", 500, retries=1),
        ask("b1,b1,b1,b1", 500, model="b", retries=3),
        router={**NR3, "model_group_retry_policy": {"a": {"InternalServerErrorRetries": 1}}},
        script={"a1": FAILS, "b1": FAILS},
    ),
    "E20": row(
        ask("t1", 500, model="al"),
        groups="t:[t1]",
        router={
            **NR1,
            "model_group_alias": {"al": "t"},
            "model_group_retry_policy": {"t": {"InternalServerErrorRetries": 0}},
        },
        script={"t1": FAILS},
    ),
    "E21": lone(4, 200, [FAILS, FAILS, FAILS, 200], router={"model_group_retry_policy": {"a": {"num_retries": 3}}}),
    "E22": lone(3, 404, (404, SOON), router=policy(DefaultRetries=2)),
    "E23": lone(2, 200, ["X", 200], router=NR1),
    "E23 reset": lone(2, 200, [{"close": True, "reset": True}, 200], router=NR1),
    "E24": lone(1, 500, FAILS, params={"a1": {"max_retries": 3}}),
    "E25": lone(2, 500, FAILS, router=NR3, settings={"num_retries_per_request": 1}),
    "E26": row(
        ask("a1,a2,a1,a2", 403, retries=3), groups=PAIR, router=NR3, params=FIRST, script={"a1": 403, "a2": 403}
    ),
    "E27": lone(1, 500, 500, router={**NR2, "total_timeout": 0.4}),
    "E27 within one attempt": lone(1, 408, "Z", router={**NR2, "total_timeout": 0.2}),
    "E27 before a fallback": row(ask("a1", 408), router={"total_timeout": 0.2, **lists(a=["b"])}, script={"a1": "Z"}),
    "retries of litellm_settings": lone(2, 500, FAILS, router={"num_retries": None}, settings={"num_retries": 1}),
    "num_retries is not sent upstream": row(
        ask("a1", body={"num_retries": 1, "max_fallbacks": 1}, sent={"num_retries": None, "max_fallbacks": None})
    ),
    # resets of limits that have nothing left are waits that the upstream asks for
    "a reset beyond the deadline is not waited for": row(
        ask("a1,b1", group="b"), router={**NR1, "total_timeout": 15, **lists(a=["b"])}, script={"a1": (429, EMPTY)}
    ),
    "a reset is how long it rests": row(
        ask("a1", 429),
        ask("a2"),
        ask("a2", 429),
        ask("", 429, kind="all_deployments_in_cooldown", told={"retry-after": "30"}),
        groups=PAIR,
        params=FIRST,
        script={"a1": (429, EMPTY), "a2": [200, (429, EMPTY)]},
    ),
    "resets by Anthropic's names": row(
        ask("a1", 429),
        ask("a2", 429),
        ask("", 429, kind="all_deployments_in_cooldown", told={"retry-after": "45"}),
        groups=PAIR,
        params=FIRST,
        script={
            "a1": (429, {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "45s"}),
            "a2": (429, {"x-ratelimit-reset-tokens": "50s", "x-ratelimit-reset-requests": "2m"}),
        },
    ),
    "F1": lone(1, 408, "Z", router={"timeout": 5}, params={"a1": {"timeout": 0.1}}),
    "F2": lone(1, 200, SLOW, router={"timeout": 5}, params={"a1": {"timeout": 0.1}}, body={"timeout": 5}),
    "F3": lone(1, 408, "Z", params={"a1": {"stream_timeout": 0.1}}, body={"stream": True}),
    "F4": lone(1, 408, "Z", params={"a1": {"request_timeout": 0.1}}),
    "F5": row(
        ask("a1", body={"stream": True}, text="He", code="408"),
        groups=ONE,
        params={"a1": {"stream_timeout": 0.2}},
        script={"a1": {**said("He", "llo"), "stall_at": 2}},
    ),
    "F6": lone(1, 408, "Z", headers={"x-litellm-timeout": "0.1"}),
    "F6 streamed": lone(1, 408, "Z", headers={"x-litellm-stream-timeout": "0.1"}, body={"stream": True}),
    "F7": lone(2, 408, "Z", router={**NR1, "timeout": 0.1}),
    "F8": row(ask("a1,b1", group="b"), groups=ABCD, router={"timeout": 0.1, **lists(a=["b"])}, script={"a1": "Z"}),
    "F9": lone(1, 504, 504),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


ASKED = row(groups=ONE, router=NR1)


@pytest.mark.parametrize("row", [ASKED], ids=["E9 and E10"])
@pytest.mark.parametrize(("asked", "least", "most"), [("1.5", 1.5, 2.25), ("120", 0.5, 1.25)])
def test_a_lone_deployment_is_asked_again_when_it_wants_to_be(
    stage: Stage, asked: str, least: float, most: float
) -> None:
    """Unless that is more than a minute away."""
    stage.script({"a1": [(429, {"retry-after": asked}), 200]})
    answer = stage.send(ask(headers={"x-tianji-trail": "1"}))
    assert (answer.status_code, stage.called()) == (200, ["a1", "a1"])
    (waited,) = re.findall(r"a:waited=([0-9.]+)", answer.headers["x-tianji-trail"])
    assert least <= float(waited) < most


STORM = row(groups=PAIR, router={**NR1, "disable_cooldowns": True}, params=FIRST)
HELD = {"stall_at": 3}  # streams stay open
ACTIVE = 17


@pytest.mark.parametrize("row", [STORM], ids=["the retry budget"])
def test_no_more_than_a_fifth_of_what_is_under_way_are_retries(stage: Stage, mock: Mock) -> None:
    """With less than twenty requests under way three of them, whoever fails."""
    stage.script({"a1": [*[HELD] * ACTIVE, 500], "a2": HELD})
    with ExitStack() as held:
        for _ in range(ACTIVE):
            assert held.enter_context(stage.stream(ask())).status_code == 200
        retried = [held.enter_context(stage.stream(ask())) for _ in range(5)]
        assert [stream.status_code for stream in retried] == [200] * 4 + [500], "four of twenty-two"
        counts = [stream.headers["x-litellm-attempted-retries"] for stream in retried]
        assert counts == ["1"] * 4 + ["0"]
        retried[0].close()
        eventually(lambda: in_flight(stage.gateway) == ACTIVE + 3, "one of them has ended")
        assert held.enter_context(stage.stream(ask())).status_code == 200, "its place among the retries is free"
    mock.wait(in_progress=0)
    eventually(lambda: in_flight(stage.gateway) == 0, "nothing is under way")
    with ExitStack() as held:
        few = [held.enter_context(stage.stream(ask())).status_code for _ in range(4)]
    assert few == [200] * 3 + [500]
    assert stage.called().count("a2") == 4 + 1 + 3
