"""Errors as failures, the waits that upstreams ask for, and refusals."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import (
    InvalidRequest,
    NoDeployment,
    TianjiError,
    UnknownModel,
    UpstreamConnectFailed,
    UpstreamDisconnected,
    UpstreamProtocolError,
    UpstreamTimeout,
)
from tianji.protocol.openai_errors import refused
from tianji.routing.failure import Kind, failure_of, filtered
from tianji.routing.refusal import refusal
from tianji.routing.waiting import seconds_to_wait


def upstream(status: int, message: str = "no", code: str | None = None) -> TianjiError:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return refused(status, body, provider="openai")


KINDS = [
    (upstream(400), Kind.BAD_REQUEST, 400),
    (upstream(401), Kind.AUTHENTICATION, 401),
    (upstream(402), Kind.OTHER, 402),
    (upstream(403), Kind.PERMISSION, 403),
    (upstream(404), Kind.NOT_FOUND, 404),
    (upstream(408), Kind.TIMEOUT, 408),
    (upstream(409), Kind.OTHER, 409),
    (upstream(422), Kind.BAD_REQUEST, 422),
    (upstream(429), Kind.RATE_LIMIT, 429),
    (upstream(500), Kind.INTERNAL, 500),
    (upstream(502), Kind.BAD_GATEWAY, 502),
    (upstream(503), Kind.UNAVAILABLE, 503),
    (upstream(504), Kind.TIMEOUT, 504),
    (upstream(529), Kind.UNAVAILABLE, 529),
    (upstream(400, "maximum context length", "context_length_exceeded"), Kind.CONTEXT_WINDOW, 400),
    (upstream(413, "x", "context_length_exceeded"), Kind.CONTEXT_WINDOW, 400),
    (upstream(400, "x", "content_policy_violation"), Kind.CONTENT_POLICY, 400),
    (upstream(400, "rejected as a result of our safety system"), Kind.CONTENT_POLICY, 400),
    (UpstreamConnectFailed("x"), Kind.CONNECTION, 500),
    (UpstreamDisconnected("x"), Kind.CONNECTION, 502),
    (UpstreamTimeout("x", "total"), Kind.TIMEOUT, 408),
    (UpstreamProtocolError("x"), Kind.BAD_GATEWAY, 502),
]


@pytest.mark.parametrize(("error", "kind", "status"), KINDS)
def test_kinds(error: TianjiError, kind: Kind, status: int) -> None:
    failure = failure_of(error)
    assert (failure.kind, failure.status, failure.error) == (kind, status, error)


@pytest.mark.parametrize(
    ("error", "refuses_us", "lacks_model"),
    [
        (upstream(401), True, False),
        (upstream(402), True, False),
        (upstream(403), False, False),
        (upstream(403, "Your API key has no access"), True, False),
        (upstream(403, "Quota exceeded"), True, False),
        (upstream(403, "this content is not allowed"), False, False),
        (upstream(400, "Your credit balance is too low"), True, False),
        (upstream(400, "quota must be a number"), False, False),
        (upstream(404, "The model `x` does not exist"), False, True),
        (upstream(404, "x", "DeploymentNotFound"), False, True),
        (upstream(404, "batch b-1 not found"), False, False),
        (upstream(404), False, False),
        (upstream(500, "The model does not exist"), False, False),
    ],
)
def test_what_the_upstream_says_of_us(error: TianjiError, refuses_us: bool, lacks_model: bool) -> None:
    failure = failure_of(error)
    assert (failure.refuses_us, failure.lacks_model) == (refuses_us, lacks_model)


def test_a_filtered_answer_says_nothing_of_the_deployment() -> None:
    failure = filtered()
    assert (failure.kind, failure.refuses_us, failure.lacks_model) == (Kind.CONTENT_POLICY, False, False)


NOW = 1_700_000_000.0
WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "7"}, 7),
    ({"Retry-After": " 7 "}, 7),
    ({"retry-after": "0"}, 0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "-3"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "9" * 30}, None),
    ({"retry-after": "Tue, 14 Nov 2023 22:13:40 GMT"}, 20),
    ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0),
    ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    ({"x-ratelimit-reset-requests": "1s"}, 1),
    ({"x-ratelimit-reset-requests": "6m0s"}, 360),
    ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
    ({"x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
    ({"x-ratelimit-reset": "1700000030"}, 30),
    ({"x-ratelimit-reset": "1700000030000"}, 30),
    ({"x-ratelimit-reset": "12"}, 12),
    ({"anthropic-ratelimit-tokens-reset": "2023-11-14T22:13:50Z"}, 30),
    ({"x-ratelimit-reset-requests": "9s", "x-ratelimit-reset-tokens": "2s"}, 2),
    (
        {
            "x-ratelimit-reset-requests": "9s",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-tokens": "2s",
            "x-ratelimit-remaining-tokens": "100",
        },
        9,
    ),
    ({"x-ratelimit-reset-requests": "", "x-ratelimit-reset-tokens": "?"}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_how_long_an_upstream_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    found = seconds_to_wait([(name.encode(), value.encode()) for name, value in headers.items()], NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


@given(st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens"]), st.binary(max_size=40))
def test_no_header_breaks_the_reading(name: str, value: bytes) -> None:
    found = seconds_to_wait([(name.encode(), value)], NOW)
    assert found is None or found >= 0


REFUSALS = [
    ([("cooldown", 4.2), ("cooldown", 9)], NoDeployment, 429, None, 5),
    ([("cooldown", 4.2), ("tags", 0)], NoDeployment, 429, None, 5),
    ([("cooldown", 4.2), ("parallel", 1)], NoDeployment, 429, None, 1),
    ([("requests", 2)], NoDeployment, 429, None, 20),
    ([("tokens", 2), ("cooldown", 300)], NoDeployment, 429, None, 20),
    ([("context", 0), ("ability", 0)], InvalidRequest, 400, "context_length_exceeded", None),
    ([("ability", 0), ("region", 0)], InvalidRequest, 400, "unsupported_by_model", None),
    ([("operation", 0)], InvalidRequest, 400, None, None),
    ([("tags", 0), ("region", 0)], NoDeployment, 403, "tag_not_allowed", None),
    ([("region", 0), ("access", 0)], NoDeployment, 403, "region_not_allowed", None),
    ([("blocked", 0)], NoDeployment, 403, "model_blocked", None),
    ([("access", 0)], UnknownModel, 404, "model_not_found", None),
    ([], UnknownModel, 404, "model_not_found", None),
    ([("tried", 0)], NoDeployment, 429, None, None),
]


@pytest.mark.parametrize(("verdicts", "kind", "status", "code", "seconds"), REFUSALS)
def test_why_nobody_may_serve(
    verdicts: list[tuple[str, float]], kind: type[TianjiError], status: int, code: str | None, seconds: int | None
) -> None:
    error = refusal("m", verdicts, 20.0)
    assert (type(error), error.status, error.code) == (kind, status, code)
    assert "m" in error.message
    assert error.headers == (() if seconds is None else ((b"retry-after", b"%d" % seconds),))
