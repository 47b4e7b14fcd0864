"""Rests: conformance table D, through the running gateway."""

import time
from email.utils import formatdate

import pytest
from tests.contract.harness import Mock, eventually

from .stage import Stage
from .table import FIRST, Ask, Row, ask, lists, row

PAIR = "a:[a1,a2]"
ONE = "a:[a1]"
AB = lists(a=["b"])
FIRST_W = {"w1": {"weight": 1}, "w2": {"weight": 0}}
RESTS = {"kind": "all_deployments_in_cooldown", "code": "429"}


def waits(seconds: float) -> tuple[int, dict[str, str]]:
    """A refusal for load that asks for some seconds."""
    return 429, {"retry-after": str(seconds)}


def stays(status: int) -> Row:
    """A deployment with another beside it that is still chosen after six such failures."""
    return row(*[ask("a1", status)] * 7, groups=PAIR, params=FIRST, script={"a1": status})


AND_B = "a:[a1,a2] b:[b1]"
A_WHILE = {"first_byte_ms": 400}
LATER = ask("b1", model="b")  # its answer takes longer than what is to be over by then

ROWS: dict[str, Row] = {
    "D1": row(
        ask("a1,a2", retries=1),
        ask("a2"),
        ask("a2"),
        groups=PAIR,
        router={"num_retries": 1},
        params=FIRST,
        script={"a1": 429},
    ),
    "D2": row(  # and K1
        ask("a1", 429),
        ask("a2", 429),
        ask("", 429, told={"retry-after": "20"}, **RESTS),
        groups=PAIR,
        params=FIRST,
        script={"a1": waits(20), "a2": waits(30)},
    ),
    "D3": row(*[ask("a1", 429)] * 2, groups=ONE, script={"a1": 429}),
    "D4": row(ask("a1", 500), ask("a1"), groups=PAIR, params=FIRST, script={"a1": [500, 200]}),
    "D5": row(*[ask("a1", 500)] * 5, ask("a2"), groups=PAIR, params=FIRST, script={"a1": 500}),
    "D6": row(
        *[ask("a1")] * 3,
        *[ask("a1", 500)] * 3,
        ask("a1"),
        groups=PAIR,
        params=FIRST,
        script={"a1": [200, 200, 200, 500, 500, 500, 200]},
    ),
    "D6 one more": row(
        *[ask("a1")] * 3,
        *[ask("a1", 500)] * 4,
        ask("a2"),
        groups=PAIR,
        params=FIRST,
        script={"a1": [200, 200, 200, 500]},
    ),
    "D7": row(*[ask("a1", 500)] * 20, groups=ONE, script={"a1": 500}),
    "D8": row(
        ask("a1", 401),
        ask("a2", 401),
        ask("", 429, **RESTS),
        groups=PAIR,
        params=FIRST,
        script={"a1": 401, "a2": 401},
    ),
    "D9": row(*[ask("a1", 401, kind="authentication_error")] * 2, groups=ONE, script={"a1": 401}),
    "D10": row(
        ask("a1,b1", group="b"), ask("b1", group="b", fallbacks=1), groups="a:[a1] b:[b1]", router=AB,
        script={"a1": 401},
    ),
    "D11": row(*[ask("a1", 404)] * 2, groups=ONE, script={"a1": 404}),
    "D12 400": stays(400),
    "D12 403": stays(403),
    "D12 409": stays(409),
    "D12 422": stays(422),
    "D12 credit": row(ask("a1", 400), ask("a2"), groups=PAIR, params=FIRST, script={"a1": "credit"}),
    "D13": row(
        *[ask("a1", 500, model="a1")] * 2,
        ask("a2"),
        ask("a1", 500, model="a1"),
        groups=PAIR,
        router={"allowed_fails": 1},
        params=FIRST,
        script={"a1": 500},
    ),
    "D14": row(*[ask("a1", 500)] * 4, groups=ONE, router={"allowed_fails": 1}, script={"a1": 500}),
    "D15": row(
        ask("a1,b1", group="b"),
        ask("b1", group="b", fallbacks=1),
        router={**AB, "allowed_fails": 0},
        script={"a1": 500},
    ),
    "D16": row(
        ask("a1", 500), LATER, ask("a1", 500), ask("a1"),
        groups=AND_B, router={"allowed_fails": 1, "cooldown_time": 0.2}, params=FIRST,
        script={"a1": [500, 500, 200], "b1": A_WHILE},
    ),
    "D17": row(
        ask("a1", 500),
        ask("a1"),
        ask("a1", 500),
        ask("a2"),
        groups=PAIR,
        router={"allowed_fails": 1},
        params=FIRST,
        script={"a1": [500, 200, 500]},
    ),
    "D18": row(
        ask("a1", 500),
        ask("a1", 500),
        ask("", 429, **RESTS),
        groups=ONE,
        router={"allowed_fails_policy": {"InternalServerErrorAllowedFails": 1}},
        script={"a1": 500},
    ),
    "D19": row(
        ask("a1", 429),
        ask("", 429, **RESTS),
        groups=ONE,
        router={"allowed_fails_policy": {"RateLimitErrorAllowedFails": 0}},
        script={"a1": 429},
    ),
    "D20": row(
        *[ask("a1", 500)] * 4, ask("a2"), groups=PAIR, router={"allowed_fails": 3}, params=FIRST, script={"a1": 500}
    ),
    "D20 of all": row(
        *[ask("a1", 500)] * 4, ask("a2"), groups=PAIR, settings={"allowed_fails": 3}, params=FIRST, script={"a1": 500}
    ),
    "D20 of one": row(
        ask("a1", 500), ask("a2"), groups=PAIR, params=FIRST, infos={"a1": {"allowed_fails": 0}}, script={"a1": 500}
    ),
    "D21": row(
        *[ask("a1", 401)] * 2,
        groups=PAIR,
        params={**FIRST, "a1": {"weight": 1, "cooldown_time": 0}},
        script={"a1": 401},
    ),
    "D22": row(
        ask("a1", 401), LATER, ask("a2"),
        groups=AND_B, router={"cooldown_time": 0.1}, params={**FIRST, "a1": {"weight": 1, "cooldown_time": 20}},
        script={"a1": 401, "b1": A_WHILE},
    ),
    "D22 the other way": row(
        ask("a1", 401), ask("a2"), LATER, ask("a1"),
        groups=AND_B, router={"cooldown_time": 20}, params={**FIRST, "a1": {"weight": 1, "cooldown_time": 0.2}},
        script={"a1": [401, 200], "b1": A_WHILE},
    ),
    "D23": row(
        *[ask("a1", 401)] * 10, groups=PAIR, router={"disable_cooldowns": True}, params=FIRST, script={"a1": 401}
    ),
    "D24": row(
        ask("a1", 429), ask("a1", 429, model="a1"), LATER, ask("a2"),
        groups=AND_B, params=FIRST, script={"a1": [waits(0.3), waits(30)], "b1": A_WHILE},
    ),
    "D25": row(
        ask("a1", 429),
        ask("a2", 429),
        ask("", 429, told={"retry-after": "120"}, **RESTS),
        groups=PAIR,
        params=FIRST,
        script={"a1": waits(120), "a2": waits(130)},
    ),
    "D27": row(
        ask("a1", 429),
        ask("a2", 429),
        ask("", 429, told={"retry-after": "600"}, **RESTS),
        groups=PAIR,
        params=FIRST,
        script={"a1": waits(86_400), "a2": waits(86_400)},
    ),
    "D28": row(
        *[ask("a1", 503)] * 2, groups=PAIR, params=FIRST, script={"a1": (503, {"retry-after": "120"})}
    ),
    "D29": row(*[ask("a2", retries=1)] * 5, ask("a2"), groups=PAIR, params=FIRST, dead=["a1"]),
    "D30": row(
        *[ask("a1", 408, headers={"x-litellm-timeout": "0.1"})] * 2,
        groups=PAIR,
        router={"allowed_fails": 0},
        params=FIRST,
        script={"a1": "Z"},
    ),
    "D31": row(
        ask("a1", 408),
        ask("a2"),
        groups=PAIR,
        router={"allowed_fails": 0},
        params={**FIRST, "a1": {"weight": 1, "timeout": 0.1}},
        script={"a1": "Z"},
    ),
    "D32": row(
        ask("a1,a2", 429, retries=1, kind="throttling_error", says="openai"),
        ask("", 429, **RESTS),
        groups=PAIR,
        router={"num_retries": 2},
        params=FIRST,
        script={"a1": 429, "a2": 429},
    ),
    "D33": row(
        ask("w1", 401, model="openai/x"),
        ask("w2", model="openai/x"),
        groups="openai/*:[w1,w2]",
        params=FIRST_W,
        script={"w1": 401},
    ),
    "statistics never take the last one": row(
        *[ask("a1", 500)] * 5, *[ask("a2", 500)] * 8, groups=PAIR, params=FIRST, script={"a1": 500, "a2": 500}
    ),
    "when all rest the one that is soonest back may serve": row(
        ask("a1", 429),
        ask("a2", 429),
        ask("a1"),
        groups=PAIR,
        router={"allow_cooled_when_exhausted": True},
        params=FIRST,
        script={"a1": [waits(20), 200], "a2": waits(30)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


RELOADED = row(ask("a1", 429), ask("a2"), groups=PAIR, params=FIRST, script={"a1": [waits(60), 200]})


@pytest.mark.parametrize("row", [RELOADED], ids=["J19"])
def test_a_rest_outlives_a_reload(stage: Stage) -> None:
    assert stage.play() > 0
    stage.again()
    assert {stage.send(ask()).headers["x-litellm-model-name"] for _ in range(3)} == {"openai/a2"}


OWN_KEY = row(groups=PAIR, general={"allow_client_side_credentials": True}, params=FIRST)


@pytest.mark.parametrize("row", [OWN_KEY], ids=["11.2"])
def test_a_key_of_the_callers_own_says_nothing_of_the_deployment(stage: Stage, mock: Mock) -> None:
    mock.control({"status": 401}, authorization="sk-of-the-caller")
    theirs = Ask(body={"api_key": "sk-of-the-caller"})
    assert [stage.send(theirs).status_code for _ in range(2)] == [401, 401]
    answer = stage.send(ask())
    assert (answer.status_code, answer.headers["x-litellm-model-name"]) == (200, "openai/a1")
    asked = len(mock.requests())
    elsewhere = stage.send(Ask(body={"api_key": "sk-of-the-caller", "api_base": "https://elsewhere.test"}))
    assert (elsewhere.status_code, elsewhere.json()["error"]["param"]) == (400, "api_base")
    assert len(mock.requests()) == asked  # the key is for another


BACK = row(ask("a1", 429), ask("a2"), groups=PAIR, params=FIRST, script={"a1": [waits(1), 200]})


@pytest.mark.parametrize("row", [BACK], ids=["D2 and later"])
def test_a_rest_ends(stage: Stage) -> None:
    assert stage.play() > 0
    eventually(lambda: stage.send(ask()).headers["x-litellm-model-name"] == "openai/a1", "it serves again")


DATED = row(groups=PAIR, params=FIRST)


@pytest.mark.parametrize("row", [DATED], ids=["D26"])
def test_a_rest_may_be_told_as_a_date(stage: Stage) -> None:
    stage.script({name: (429, {"retry-after": formatdate(time.time() + 20, usegmt=True)}) for name in ("a1", "a2")})
    assert [stage.send(ask()).status_code for _ in range(2)] == [429, 429]
    refused = stage.send(ask())
    assert refused.json()["error"]["type"] == "all_deployments_in_cooldown"
    assert 15 < int(refused.headers["retry-after"]) <= 20
    assert stage.called() == ["a1", "a2"]
