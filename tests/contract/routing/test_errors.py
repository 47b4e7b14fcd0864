"""What a client is told: conformance tables J and K, through the running gateway."""

import json
from typing import Any

import pytest
from tests.contract.harness import MASTER_KEY, ODD_KEY

from .stage import Stage
from .table import ABCD, FIRST, MESSAGES, SOON, Ask, Row, ask, lists, row

AB = lists(a=["b"])
GATE = {"dangerously_allow_mock_testing_request_params": True}
FAULTS = [
    "mock_testing_fallbacks",
    "mock_testing_context_fallbacks",
    "mock_testing_content_policy_fallbacks",
    "mock_testing_rate_limit_error",
    "mock_timeout",
]


def faked(fault: str, calls: str = "b1", **more: Any) -> Ask:
    """A request that asks for a failure, which happens before anything is sent."""
    return ask(calls, body={fault: True}, sent={fault: None}, group="b", fallbacks=1, **more)


def said_with(status: int, message: str) -> dict[str, object]:
    return {"status": status, "body": json.dumps({"error": {"message": message}})}


ROWS: dict[str, Row] = {
    "J14": row(*[ask("", 400, body={fault: True}, says=fault) for fault in FAULTS], router=AB),
    "J15": row(
        faked("mock_testing_fallbacks"),
        faked("mock_timeout"),
        ask("a1"),
        router={**AB, "allowed_fails": 0},
        general=GATE,
    ),
    "J15 without a fallback": row(
        ask("", 500, body={"mock_testing_fallbacks": True}, says="asked for"), ask("a1"), general=GATE
    ),
    "J16": row(
        faked("mock_testing_context_fallbacks"),
        router={"context_window_fallbacks": [{"a": ["b"]}], **lists(a=["c"])},
        general=GATE,
    ),
    "J16 of content": row(
        faked("mock_testing_content_policy_fallbacks"),
        router={"content_policy_fallbacks": [{"a": ["b"]}], **lists(a=["c"])},
        general=GATE,
    ),
    "J17": row(faked("mock_testing_rate_limit_error"), router=AB, general=GATE),
    "J17 slow": row(ask("", 400, body={"mock_delay": 1}, says="mock_delay"), general=GATE),
    "K3": row(
        ask(
            "a1",
            429,
            kind="throttling_error",
            says="openai: Mock fault",
            told={"retry-after": "7", "llm_provider-retry-after": "7"},
        ),
        groups="a:[a1]",
        script={"a1": (429, {"retry-after": "7"})},
    ),
    "K3 overloaded": row(
        ask("a1", 503, told={"retry-after": "7"}),
        groups="a:[a1]",
        script={"a1": (503, {"retry-after": "7"})},
    ),
    "K4": row(ask("a1", 401, kind="authentication_error", says="not yours"), groups="a:[a1]", script={"a1": 401}),
    "K5": row(ask("a1", 503, kind="internal_server_error"), groups="a:[a1]", script={"a1": 503}),
    "K7": row(
        ask(
            "a1",
            told={
                "x-litellm-attempted-retries": "0",
                "x-litellm-attempted-fallbacks": "0",
                "x-litellm-max-retries": None,
                "x-litellm-fallback-errors": None,
                "x-tianji-trail": None,
            },
        )
    ),
    "K8": row(
        ask("a1,a1,b1,b1", group="b", retries=2, fallbacks=1, told={"x-litellm-max-retries": "1"}),
        router={**AB, "num_retries": 1},
        script={"a1": (500, SOON), "b1": [(500, SOON), 200]},
    ),
    "the first error is told": row(
        ask("a1,b1,c1", 503, says="Tried: a, b, c."),
        router=lists(a=["b", "c"]),
        script={"a1": 503, "b1": 429, "c1": 500},
    ),
    "K11": row(
        ask("a1", 401),
        ask("a1", 500),
        groups="a:[a1]",
        params={"a1": {"api_key": ODD_KEY}},
        script={
            "a1": [
                said_with(401, "Incorrect API key provided: sk-proj-Zx81Lk2mNbVcXq0Pq"),
                said_with(500, f"no account {ODD_KEY} for Bearer {MASTER_KEY}"),
            ]
        },
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


def two_groups() -> Row:
    return row(
        groups="a:[a1,a2] b:[b1]",
        router={**AB, "num_retries": 1},
        params=FIRST,
        script={"a1": 429, "a2": 500},
    )


TRAILS = {"x-tianji-trail": two_groups(), "x-litellm-trail": two_groups()}


@pytest.mark.parametrize(("name", "row"), TRAILS.items(), ids=TRAILS.keys())
def test_who_asks_is_told_what_was_tried(stage: Stage, name: str) -> None:
    stage.script(stage.row.script)
    answer = stage.send(ask(headers={name: "1"}))
    told = answer.headers["x-tianji-trail"].replace(stage.names.prefix, "").split("; ")
    wanted = [
        "a/a1:kept=", "a/a2:kept=", "a/a1:sent", "a/a1:failed=429,rests=5", "a/a1:dropped=cooldown", "a/a2:kept=",
        "a/a2:sent", "a/a2:failed=500", "b/b1:kept=", "b/b1:sent",
    ]  # fmt: skip
    assert len(told) == len(wanted), told
    assert all(entry.startswith(start) for entry, start in zip(told, wanted, strict=True)), told
    assert "x-tianji-trail" not in stage.send(ask()).headers


LONG = said_with(503, "\u00fc\u4e16" * 2000)
MANY = row(groups=ABCD, router=lists(a=["b", "c", "d"]), script=dict.fromkeys(("a1", "b1", "c1"), LONG))


@pytest.mark.parametrize("row", [MANY], ids=["long errors"])
def test_long_errors_stay_readable(stage: Stage) -> None:
    stage.script(stage.row.script)
    answer = stage.send(Ask(body={"include_fallback_errors": True}))
    told = answer.headers["x-litellm-fallback-errors"]
    assert (answer.status_code, len(told) <= 4000) == (200, True)
    assert [error["message"][:11] for error in json.loads(told)] == ["openai: \u00fc\u4e16\u00fc"]


ALL_FAIL = row(groups=ABCD, router=lists(a=["b"]), script={"a1": 500, "b1": 429})


@pytest.mark.parametrize("row", [ALL_FAIL], ids=["errors"])
def test_who_asks_is_told_what_failed(stage: Stage) -> None:
    stage.script(stage.row.script)
    answer = stage.send(Ask(body={"include_fallback_errors": True}, headers={"x-tianji-trail": "1"}))
    assert answer.status_code == 500
    errors = json.loads(answer.headers["x-litellm-fallback-errors"])
    assert [error["code"] for error in errors] == ["500", "429"]
    assert all(error.keys() == {"message", "type", "param", "code"} for error in errors)
    assert answer.headers["x-tianji-trail"].replace(stage.names.prefix, "").endswith("b/b1:failed=429")


@pytest.mark.parametrize("row", [row(groups=ABCD, script={"a1": 500})], ids=["K6"])
@pytest.mark.parametrize("streamed", [False, True])
def test_every_answer_has_the_call_id_that_was_sent(stage: Stage, streamed: bool) -> None:
    stage.script({"a1": [500, 200]})
    for status in (500, 200):
        asked = Ask(body={"stream": streamed, "messages": MESSAGES}, headers={"x-litellm-call-id": "mine-17"})
        answer = stage.send(asked)
        assert (answer.status_code, answer.headers["x-litellm-call-id"]) == (status, "mine-17")
