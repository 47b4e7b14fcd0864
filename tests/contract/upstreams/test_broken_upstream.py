"""Upstreams that break off, stall, lie about lengths or answer nonsense: the client is told, nobody else notices."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import ODD_KEY, UPSTREAM_KEY, Gateway, Mock, events, openai_model
from tests.contract.upstreams.hostile_answers import CHUNKED, HOSTILE

CUTS = [{"cut_at": 1500}, {"cut_at": 1500, "reset": True}, {"end_at": 4}]
NO_ANSWER = [{"close": True}, {"close": True, "reset": True}, {"raw": "HTTP/1.1 200", "close": True}]
LEAST = 'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"choices":[]}'


def ask(gateway: Gateway, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    return gateway.chat({"model": "gpt-test", "messages": [], "max_tokens": 12, **(body or {})}, **headers)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    assert found.keys() == {"message", "type", "param", "code"}
    return found


def last_event(answer: httpx.Response) -> dict[str, Any]:
    """Return the error of a stream that broke; there must be one, at its end, and no [DONE]."""
    assert answer.status_code == 200
    *before, last = events(answer.text)
    assert "[DONE]" not in before
    assert last != "[DONE]"
    found: dict[str, Any] = last["error"]
    return found


@pytest.mark.parametrize("fault", CUTS, ids=str)
def test_a_stream_that_is_cut_ends_in_an_error_event(gateway: Gateway, mock: Mock, fault: dict[str, Any]) -> None:
    mock.control(fault)
    answer = ask(gateway, {"stream": True})
    error = last_event(answer)
    assert (error["type"], error["message"].startswith("openai: the upstream ")) == ("upstream_error", True)
    assert answer.text.startswith("data: {")


def test_a_stream_longer_than_its_length_is_refused(gateway: Gateway, mock: Mock) -> None:
    mock.control({"length": 1500})
    assert ask(gateway, {"stream": True}).status_code == 502


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", NO_ANSWER, ids=str)
def test_no_answer_is_500_and_is_not_repeated(
    gateway: Gateway, mock: Mock, fault: dict[str, Any], stream: bool
) -> None:
    mock.control(fault)
    answer = ask(gateway, {"stream": stream})
    assert (answer.status_code, error_of(answer)["type"]) == (500, "internal_server_error")
    assert len(mock.requests()) == 1  # it may have been executed


@pytest.mark.parametrize("place", [0, 200])
def test_a_whole_answer_that_is_cut_is_502(gateway: Gateway, mock: Mock, place: int) -> None:
    mock.control({"cut_at": place})
    assert ask(gateway).status_code == 502


def test_a_stale_connection_is_replaced_unseen(gateway: Gateway, mock: Mock) -> None:
    for _ in range(20):
        mock.control({"close_after": True}, times=1)
        assert ask(gateway).status_code == 200
        assert ask(gateway).status_code == 200


# -- timeouts -----------------------------------------------------------------------------------------------------

WISHES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"timeout": 0.2}, {}),
    ({"request_timeout": "0.2"}, {}),
    ({}, {"x_litellm_timeout": "0.2"}),
    ({}, {"x_tianji_timeout": "0.2"}),
    ({"timeout": 60}, {"x_litellm_timeout": "0.2"}),
]
STREAM_WISHES: list[tuple[dict[str, Any], dict[str, str]]] = [
    *WISHES,
    ({"stream_timeout": 0.2, "timeout": 60}, {}),
    ({}, {"x_litellm_stream_timeout": "0.2"}),
    ({}, {"x_tianji_stream_timeout": "0.2"}),
]


@pytest.mark.parametrize(("body", "headers"), WISHES)
def test_a_request_limits_its_whole_answer(
    gateway: Gateway, mock: Mock, body: dict[str, Any], headers: dict[str, str]
) -> None:
    mock.control({"first_byte_ms": 60000})
    began = time.monotonic()
    answer = ask(gateway, body, **headers)
    assert (answer.status_code, error_of(answer)["type"]) == (408, "invalid_request_error")
    assert 0.15 < time.monotonic() - began < 5
    mock.wait(in_progress=0)


@pytest.mark.parametrize(("body", "headers"), STREAM_WISHES)
def test_a_request_limits_the_silences_of_its_stream(
    gateway: Gateway, mock: Mock, body: dict[str, Any], headers: dict[str, str]
) -> None:
    mock.control({"stall_at": 3})
    assert last_event(ask(gateway, {"stream": True, **body}, **headers))["type"] == "invalid_request_error"
    mock.wait(in_progress=0)


def test_a_stream_may_last_longer_than_its_timeout_while_it_flows(gateway: Gateway, mock: Mock) -> None:
    mock.control({"token_rate": 20})
    answer = ask(gateway, {"stream": True, "timeout": 0.4})
    assert events(answer.text)[-1] == "[DONE]"


def test_a_stream_without_a_first_byte_is_408(gateway: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 60000})
    assert ask(gateway, {"stream": True, "timeout": 0.2}).status_code == 408


@pytest.mark.parametrize("wish", [0, -1, "soon", True, 1e9, [], {}])
def test_a_timeout_that_is_none_is_refused(gateway: Gateway, mock: Mock, wish: object) -> None:
    answer = ask(gateway, {"timeout": wish})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "timeout")
    assert mock.requests() == []


def test_timeouts_of_the_configuration(start_gateway: StartGateway, mock: Mock) -> None:
    models = [
        openai_model("global", "a", mock.url),
        openai_model("own", "a", mock.url, timeout=60, stream_timeout=0.2),
        openai_model("plain", "a", mock.url, timeout=0.2),
    ]
    gateway = start_gateway({"model_list": models, "litellm_settings": {"request_timeout": 0.25}})
    mock.control({"first_byte_ms": 60000})
    for body in ({"model": "global"}, {"model": "plain"}, {"model": "own", "stream": True}):
        began = time.monotonic()
        assert ask(gateway, body).status_code == 408
        assert time.monotonic() - began < 5
    mock.reset()
    mock.control({"first_byte_ms": 600})
    assert ask(gateway, {"model": "own"}).status_code == 200


# -- content ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "null", "[]", "<html>fine</html>", '{"a":1', '{"a":1}{', "\xff\xfe"])
def test_a_200_that_is_no_json_object_is_502(gateway: Gateway, mock: Mock, text: str) -> None:
    mock.control({"body": text})
    answer = ask(gateway)
    assert (answer.status_code, error_of(answer)["type"]) == (502, "upstream_error")


def test_coded_content_that_was_not_asked_for_is_502(gateway: Gateway, mock: Mock) -> None:
    mock.control({"gzip": True})
    assert ask(gateway).status_code == 502


def test_garbage_in_a_stream_ends_in_an_error_event(gateway: Gateway, mock: Mock) -> None:
    mock.control({"garbage_at": 3})
    answer = ask(gateway, {"stream": True})
    assert last_event(answer)["type"] == "upstream_error"
    assert len(events(answer.text)) == 4
    mock.wait(in_progress=0)


def test_garbage_at_first_is_502(gateway: Gateway, mock: Mock) -> None:
    mock.control({"garbage_at": 0})
    answer = ask(gateway, {"stream": True})
    assert (answer.status_code, error_of(answer)["type"]) == (502, "upstream_error")


def test_an_error_event_at_first_is_an_error_answer(gateway: Gateway, mock: Mock) -> None:
    mock.control(
        {"events": ['{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}']}
    )
    answer = ask(gateway, {"stream": True})
    assert (answer.status_code, error_of(answer)["code"]) == (429, "rate_limit_exceeded")
    assert answer.headers["content-type"] == "application/json"


def test_an_error_event_later_is_the_last_event(gateway: Gateway, mock: Mock) -> None:
    mock.control({"error_at": 4})
    answer = ask(gateway, {"stream": True})
    assert last_event(answer)["code"] == "mock_error"
    assert len(events(answer.text)) == 5


def test_a_whole_stream_without_done_gets_one(gateway: Gateway, mock: Mock) -> None:
    mock.control({"no_done": True})
    assert events(ask(gateway, {"stream": True}).text)[-1] == "[DONE]"


def test_an_empty_stream_is_502(gateway: Gateway, mock: Mock) -> None:
    mock.control({"events": []})
    assert ask(gateway, {"stream": True}).status_code == 502


# -- hostile HTTP -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers_are_502_and_nobody_else_notices(gateway: Gateway, mock: Mock, raw: str) -> None:
    mock.control({"raw": raw}, model="gpt-test")
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(ask, gateway, {"model": "mock-tokens-20", "stream": n % 2 == 0}) for n in range(12)]
        victims = [ask(gateway, {"stream": stream}) for stream in (False, True)]
        good = [future.result() for future in others]
    for answer in victims:
        assert (answer.status_code, error_of(answer)["type"]) == (502, "upstream_error")
        assert "poison" not in answer.text
        assert "has no choices" not in answer.text  # it was not read at all
    assert {answer.status_code for answer in good} == {200}
    assert all("[DONE]" in answer.text for answer in good[::2])
    mock.reset()
    assert [ask(gateway).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_ends_its_connection(gateway: Gateway, mock: Mock, raw: str) -> None:
    for stream in (False, True):
        assert ask(gateway).status_code == 200
        before = mock.connections()["open"]
        mock.control({"raw": raw}, times=1)
        assert ask(gateway, {"stream": stream}).status_code == 502
        mock.wait(open=before - 1)


def test_early_hints_are_skipped(gateway: Gateway, mock: Mock) -> None:
    mock.control({"raw": "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + LEAST})
    assert ask(gateway).json() == {"choices": []}


def test_an_answer_that_ends_with_its_connection_is_whole(gateway: Gateway, mock: Mock) -> None:
    mock.control({"raw": 'HTTP/1.1 200 OK\r\n\r\n{"choices":[]}', "close": True})
    assert ask(gateway).json() == {"choices": []}


def test_other_chunkings_are_read(gateway: Gateway, mock: Mock) -> None:
    mock.control(
        {"raw": f'HTTP/1.1 200 OK\r\n{CHUNKED}\r\n1;x=y\r\n{{\r\n0d\r\n"choices":[]}}\r\n0\r\ntrailer: 1\r\n\r\n'}
    )
    assert ask(gateway).json() == {"choices": []}


# -- errors of the upstream ---------------------------------------------------------------------------------------

MAPPED = [
    (400, 400, "invalid_request_error"),
    (401, 401, "authentication_error"),
    (403, 403, "permission_error"),
    (404, 404, "invalid_request_error"),
    (408, 408, "invalid_request_error"),
    (413, 413, "invalid_request_error"),
    (422, 422, "invalid_request_error"),
    (429, 429, "throttling_error"),
    (500, 500, "internal_server_error"),
    (503, 503, "internal_server_error"),
    (529, 529, "internal_server_error"),
    (302, 502, "upstream_error"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "seen", "kind"), MAPPED)
def test_statuses_are_mapped(gateway: Gateway, mock: Mock, status: int, seen: int, kind: str, stream: bool) -> None:
    mock.control({"status": status})
    answer = ask(gateway, {"stream": stream})
    assert (answer.status_code, error_of(answer)["type"]) == (seen, kind)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-litellm-model-group"] == "gpt-test"


def test_retry_after_of_the_upstream_reaches_the_client(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 429, "retry_after": "7"})
    assert ask(gateway).headers["retry-after"] == "7"


@pytest.mark.parametrize(("model", "key"), [("gpt-test", UPSTREAM_KEY), ("odd-key", ODD_KEY)])
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_an_upstream_that_repeats_its_key_does_not_betray_it(
    gateway: Gateway, mock: Mock, status: int, model: str, key: str
) -> None:
    raw = '{"error":{"message":"Incorrect key: %s.","type":"%s","param":"%s","code":"%s"}}' % ((key,) * 4)
    mock.control({"raw": f"HTTP/1.1 {status} No\r\ncontent-length: {len(raw)}\r\n\r\n{raw}"})
    for stream in (False, True):
        answer = ask(gateway, {"model": model, "stream": stream})
        assert answer.status_code == status
        assert key not in answer.text
        assert key not in str(answer.headers)
    mock.reset()
    mock.control({"events": ['{"choices":[{"delta":{"content":"a"}}]}', raw]})
    assert key not in ask(gateway, {"model": model, "stream": True}).text


# -- other deployments --------------------------------------------------------------------------------------------


def test_a_dead_deployment_is_skipped_where_nothing_was_sent(gateway: Gateway, mock: Mock) -> None:
    for stream in (False, True) * 10:
        answer = ask(gateway, {"model": "half-dead", "stream": stream})
        assert answer.status_code == 200
    assert {request["json"]["model"] for request in mock.requests()} == {"alive"}


def test_a_group_that_is_all_dead_is_500_and_says_not_where_it_is(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, {"model": "dead"})
    assert (answer.status_code, error_of(answer)["type"]) == (500, "internal_server_error")
    assert "127.0.0.1" not in answer.text


def test_an_error_under_status_200_is_an_error(gateway: Gateway, mock: Mock) -> None:
    mock.control({"body": '{"error":{"message":"slow down","type":"rate_limit_error"}}'})
    answer = ask(gateway)
    assert (answer.status_code, error_of(answer)["message"]) == (429, "openai: slow down")


def test_a_request_that_was_sent_is_given_to_nobody_else(gateway: Gateway, mock: Mock) -> None:
    mock.control({"close": True})
    assert ask(gateway, {"model": "pair"}).status_code == 500
    assert len(mock.requests()) == 1
