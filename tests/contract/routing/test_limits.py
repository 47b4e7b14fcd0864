"""Limits: conformance table I, through the running gateway, and over the workers of one machine."""

from contextlib import ExitStack

import pytest
from tests.contract.harness import Mock, eventually

from .stage import Stage, in_flight, until
from .table import SOON, Row, ask, lists, row

PAIR = "a:[a1,a2]"
ONE = "a:[a1]"
ENFORCED = {"optional_pre_call_checks": ["enforce_model_rate_limits"]}
HELD = {"stall_at": 3}  # streams stay open, whole answers come at once
LIMITED = {"kind": "throttling_error", "code": "429"}

ROWS: dict[str, Row] = {
    "I5": row(
        ask("a1"),
        ask("", 429, **LIMITED, told={"x-litellm-attempted-retries": "0"}),
        groups=ONE,
        router={**ENFORCED, "num_retries": 2},
        params={"a1": {"rpm": 1}},
    ),
    "I6": row(
        *[ask("a1|a2")] * 2,
        ask("", 429, **LIMITED),
        groups=PAIR,
        router=ENFORCED,
        params={name: {"rpm": 1} for name in ("a1", "a2")},
    ),
    "I7": row(ask("a1"), ask("", 429, **LIMITED), groups=ONE, router=ENFORCED, params={"a1": {"tpm": 10}}),
    "I8": row(
        ask("a1"),
        ask("b1", group="b", fallbacks=1),
        router={**ENFORCED, **lists(a=["b"])},
        params={"a1": {"rpm": 1}},
    ),
    "I10": row(ask("a1"), router={"default_priority": 2}),
    "I14": row(ask("a1", body={"priority": 3}, sent={"priority": None})),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


AT_ONCE = {
    "I1": (row(groups=PAIR, params={name: {"max_parallel_requests": 1} for name in ("a1", "a2")}), 5),
    "I2": (row(groups=PAIR, params={name: {"max_parallel_requests": 1} for name in ("a1", "a2")}), 2),
    "I4": (row(groups=ONE, params={"a1": {"rpm": 2}}), 4),
    "default_max_parallel_requests": (row(groups=PAIR, router={"default_max_parallel_requests": 1}), 3),
}


@pytest.mark.parametrize(("row", "count"), AT_ONCE.values(), ids=AT_ONCE.keys())
def test_requests_at_a_time(stage: Stage, mock: Mock, count: int) -> None:
    """Two of them have a slot, whichever deployment each is of, and give it back."""
    stage.script({"a1": HELD, "a2": HELD})
    with ExitStack() as held:
        streams = [held.enter_context(stage.stream(ask())) for _ in range(count)]
        assert [stream.status_code for stream in streams] == [200] * 2 + [429] * (count - 2)
        refused = [stream for stream in streams if stream.status_code == 429]
        assert {stream.headers["retry-after"] for stream in refused} <= {"1"}
        assert {stream.read() and stream.json()["error"]["type"] for stream in refused} <= {"throttling_error"}
        assert mock.connections()["in_progress"] == 2
    eventually(lambda: in_flight(stage.gateway) == 0, "nothing is under way")
    assert stage.send(ask()).status_code == 200


GONE = row(
    groups="a:[a1]", router={"allowed_fails_policy": {"TimeoutErrorAllowedFails": 0}},
    params={"a1": {"max_parallel_requests": 1}},
)  # fmt: skip


@pytest.mark.parametrize("row", [GONE], ids=["B10 H13 K12"])
def test_who_leaves_gives_back_his_slot(stage: Stage, mock: Mock) -> None:
    """Before the answer and within it; that is no failure of the deployment."""
    stage.script({"a1": ["Z"] * 3 + [HELD] * 3 + [200]})
    for number in range(1, 7):
        client = stage.gateway.connect()
        client.sendall(stage.raw(ask(body={"stream": True})))
        if number > 3:
            assert b"data: " in until(client, b"data: ")
        mock.wait(in_progress=1)
        client.close()
        mock.wait(in_progress=0, aborted=number)
        eventually(lambda: in_flight(stage.gateway) == 0, "nothing is under way")
    answer = stage.send(ask())
    assert (answer.status_code, answer.headers["x-litellm-attempted-retries"]) == (200, "0")


WAITING = row(groups="a:[a1] b:[b1]", router={"num_retries": 1, **lists(a=["b"])})


@pytest.mark.parametrize("row", [WAITING], ids=["K12 in a wait"])
def test_who_leaves_in_a_wait_is_not_retried(stage: Stage, mock: Mock) -> None:
    stage.script({"a1": [(500, SOON), (500, {"retry-after": "1"}), 500]})
    client = stage.gateway.connect()
    client.sendall(stage.raw(ask()))
    mock.wait(requests=1, in_progress=0)
    client.close()
    assert stage.send(ask()).status_code == 200, "after a wait that ends later than the other would have"
    assert stage.called() == ["a1", "a1", "a1", "b1"]
    assert in_flight(stage.gateway) == 0
