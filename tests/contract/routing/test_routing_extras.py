"""What the router does beyond choosing: second attempts in time, streams that go on elsewhere, copies, affinity."""

import json
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, events, eventually, openai_model


def deployment(name: str, mock: Mock, *, group: str = "m", **params: object) -> dict[str, Any]:
    return openai_model(group, name, mock.url, **params) | {"model_info": {"id": name}}


def first_then_second(mock: Mock, **first: object) -> list[dict[str, Any]]:
    """Return two deployments of which the first is always chosen while it may be."""
    return [deployment("a", mock, weight=1e9, **first), deployment("b", mock, weight=1e-9)]


def called(mock: Mock) -> list[str]:
    return [request["json"]["model"] for request in mock.requests()]


def in_flight(gateway: Gateway) -> set[str]:
    lines = gateway.client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[2] for line in lines if line.startswith("tianji_in_flight_requests{")}


# -- hedged requests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_second_deployment_answers_when_the_first_takes_long(
    start_gateway: StartGateway, mock: Mock, stream: bool
) -> None:
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=0.05)})
    mock.control({"first_byte_ms": 8000}, model="a")
    answer = gateway.chat({"model": "m", "messages": [], "stream": stream})
    assert (answer.status_code, answer.headers["x-litellm-model-id"]) == (200, "b")
    assert called(mock) == ["a", "b"]
    mock.wait(aborted=1)  # the first one is given up, and does not keep its slot
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")


def test_an_answer_in_time_is_not_asked_for_twice(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=20)})
    assert [gateway.chat({"model": "m", "messages": []}).status_code for _ in range(5)] == [200] * 5
    assert called(mock) == ["a"] * 5


def test_what_takes_longer_than_usual_is_asked_elsewhere_too(start_gateway: StartGateway, mock: Mock) -> None:
    """Which is known once twenty answers are; until then nobody is asked twice."""
    gateway = start_gateway({"model_list": first_then_second(mock), "router_settings": {"hedge_after": "p95"}})
    mock.control({"first_byte_ms": 10}, model="a", times=20)
    assert [gateway.chat({"model": "m", "messages": []}).status_code for _ in range(20)] == [200] * 20
    assert called(mock) == ["a"] * 20
    mock.control({"first_byte_ms": 8000}, model="a")
    assert gateway.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "b"
    assert called(mock)[20:] == ["a", "b"]
    mock.wait(aborted=1)


def test_the_first_may_still_win(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=0.05)})
    mock.control({"first_byte_ms": 500}, model="a")
    mock.control({"first_byte_ms": 8000}, model="b")
    assert gateway.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "a"
    assert called(mock) == ["a", "b"]
    mock.wait(aborted=1)


@pytest.mark.parametrize("failing", ["a", "b"])
def test_the_failure_of_one_is_nothing_while_the_other_may_answer(
    start_gateway: StartGateway, mock: Mock, failing: str
) -> None:
    settings = {"num_retries": 0}
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=0.05), "router_settings": settings})
    mock.control({"first_byte_ms": 400, **({"status": 500} if failing == "a" else {})}, model="a")
    mock.control({"first_byte_ms": 900, **({"status": 500} if failing == "b" else {})}, model="b")
    if failing == "b":
        mock.control({"first_byte_ms": 20, "status": 500}, model="b")
    answer = gateway.chat({"model": "m", "messages": []})
    assert (answer.status_code, answer.headers["x-litellm-model-id"]) == (200, "b" if failing == "a" else "a")
    assert called(mock) == ["a", "b"]


def test_when_both_fail_the_first_error_is_told(start_gateway: StartGateway, mock: Mock) -> None:
    settings = {"num_retries": 0}
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=0.05), "router_settings": settings})
    mock.control({"first_byte_ms": 400, "status": 503}, model="a")
    mock.control({"first_byte_ms": 10, "status": 501}, model="b")
    assert gateway.chat({"model": "m", "messages": []}).status_code in {501, 503}
    assert called(mock) == ["a", "b"]
    assert in_flight(gateway) == {"0"}


def test_who_leaves_stops_both(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=0.05)})
    mock.control({"first_byte_ms": 8000})
    body = json.dumps({"model": "m", "messages": []}).encode()
    with gateway.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
            % (gateway.key.encode(), len(body), body)
        )
        mock.wait(requests=2)
    mock.wait(aborted=2)
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")


# -- streams that go on -------------------------------------------------------------------------------------------


def recovering(mock: Mock, **more: object) -> dict[str, Any]:
    return {
        "model_list": first_then_second(mock),
        "router_settings": {"stream_recovery": True, "num_retries": 2, **more},
    }


def content(payloads: list[Any]) -> str:
    chunks = [payload for payload in payloads if payload != "[DONE]"]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def test_a_stream_goes_on_where_it_broke(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(recovering(mock))
    pieces = [json.dumps({"choices": [{"index": 0, "delta": {"content": word}}]}) for word in ("one ", "two ")]
    mock.control({"events": pieces, "no_done": True}, model="a")
    answer = gateway.chat({"model": "m", "messages": [{"role": "user", "content": "count"}], "stream": True})
    told = events(answer.text)
    assert told[-1] == "[DONE]"
    first, second = mock.requests()
    assert (first["json"]["model"], second["json"]["model"]) == ("a", "b")
    assert second["json"]["messages"] == [
        {"role": "user", "content": "count"},
        {"role": "assistant", "content": "one two "},
    ]
    assert content(told).startswith("one two ")
    assert len(content(told)) > len("one two ")
    assert [payload for payload in told if payload != "[DONE]" and "error" in payload] == []
    roles = [c["delta"] for p in told if p != "[DONE]" for c in p["choices"] if "role" in c["delta"]]
    assert all(delta.get("content") for delta in roles), "the beginning of the second stream is not told again"


def test_the_trail_says_where_a_stream_was_continued(start_gateway: StartGateway, mock: Mock) -> None:
    """In a comment, which readers of events pass over: the headers were sent before."""
    gateway = start_gateway(recovering(mock))
    mock.control({"events": ['{"choices":[{"index":0,"delta":{"content":"one"}}]}'], "no_done": True}, model="a")
    asked = {"model": "m", "messages": [], "stream": True}
    answer = gateway.chat(asked, x_tianji_trail="1")
    comments = [line for line in answer.text.splitlines() if line.startswith(":")]
    assert comments == [
        (
            ": x-tianji-trail: m/a:kept=1; m/b:kept=1e-18; m/a:sent; m/a:failed=502; m:continued; "
            "m/a:dropped=tried; m/b:kept=1; m/b:sent"
        )
    ]
    assert answer.headers["x-tianji-trail"] == "m/a:kept=1; m/b:kept=1e-18; m/a:sent"
    assert answer.text.endswith("data: [DONE]\n\n")
    assert ": " not in gateway.chat(asked).text.replace("data: ", ""), "nobody else is told"


def test_calls_of_tools_are_not_continued(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(recovering(mock))
    call = '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}}]}'
    mock.control({"events": [call], "no_done": True}, model="a")
    told = events(gateway.chat({"model": "m", "messages": [], "stream": True}).text)
    assert "error" in told[-1]
    assert called(mock) == ["a"]


def test_a_stream_that_nobody_continues_ends_in_an_error(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(recovering(mock, num_retries=0))
    piece = '{"choices":[{"index":0,"delta":{"content":"one"}}]}'
    mock.control({"events": [piece], "no_done": True}, model="a")
    told = events(gateway.chat({"model": "m", "messages": [], "stream": True}).text)
    assert (content(told[:-1]), "error" in told[-1]) == ("one", True)
    assert in_flight(gateway) == {"0"}


def test_streams_break_for_good_where_nobody_asked_for_more(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": first_then_second(mock)})
    piece = '{"choices":[{"index":0,"delta":{"content":"one"}}]}'
    mock.control({"events": [piece], "no_done": True}, model="a")
    told = events(gateway.chat({"model": "m", "messages": [], "stream": True}).text)
    assert "error" in told[-1]
    assert called(mock) == ["a"]


# -- copies -------------------------------------------------------------------------------------------------------


def test_a_model_on_trial_gets_copies_that_nobody_notices(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment("a", mock, silent_model="trial"), deployment("t", mock, group="trial")]
    gateway = start_gateway({"model_list": models, "router_settings": {"num_retries": 0}})
    mock.control({"status": 500}, model="t", times=1)
    for number in range(3):
        asked = {"model": "m", "messages": [{"role": "user", "content": str(number)}], "stream": number == 2}
        answer = gateway.chat(asked)
        assert (answer.status_code, answer.headers["x-litellm-model-id"]) == (200, "a")
    eventually(lambda: called(mock).count("t") == 3, "each was copied")
    copies = [request["json"]["messages"] for request in mock.requests() if request["json"]["model"] == "t"]
    assert sorted(copy[0]["content"] for copy in copies) == ["0", "1", "2"]
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")


def test_a_part_of_the_requests_is_copied(start_gateway: StartGateway, mock: Mock) -> None:
    part = deployment("a", mock, silent_model="trial", silent_model_percent=0)
    gateway = start_gateway({"model_list": [part, deployment("t", mock, group="trial")]})
    for _ in range(5):
        assert gateway.chat({"model": "m", "messages": []}).status_code == 200
    assert called(mock) == ["a"] * 5


# -- affinity -----------------------------------------------------------------------------------------------------


def spread(gateway: Gateway, count: int, body: dict[str, Any], **headers: str) -> set[str]:
    answers = [gateway.chat({"model": "m", "messages": [], **body}, **headers) for _ in range(count)]
    return {answer.headers["x-litellm-model-id"] for answer in answers}


def test_a_session_stays_with_its_deployment(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment(name, mock) for name in "abcd"]
    gateway = start_gateway(
        {"model_list": models, "router_settings": {"optional_pre_call_checks": ["session_affinity"]}}, workers=2
    )
    for session in ("s1", "s2", "s3"):
        by_header = spread(gateway, 6, {}, x_litellm_session_id=session)
        assert by_header == spread(gateway, 6, {"metadata": {"session_id": session}})
        assert len(by_header) == 1
    assert len(spread(gateway, 60, {})) > 1, "a request without a session goes anywhere"


def test_a_caller_stays_with_his_deployment(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment(name, mock) for name in "abcd"]
    gateway = start_gateway(
        {"model_list": models, "router_settings": {"optional_pre_call_checks": ["deployment_affinity"]}}
    )
    assert len(spread(gateway, 10, {})) == 1


# -- time ---------------------------------------------------------------------------------------------------------


def test_a_whole_request_has_an_end(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(
        {
            "model_list": first_then_second(mock),
            "router_settings": {"total_timeout": 0.5, "num_retries": 10},
        }
    )
    mock.control({"first_byte_ms": 8000})
    answer = gateway.chat({"model": "m", "messages": []})
    assert answer.status_code == 408
    assert len(called(mock)) == 1, "nothing was left for another attempt"


def test_a_group_has_a_timeout_of_its_own(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(
        {
            "model_list": [deployment("a", mock), deployment("o", mock, group="other")],
            "router_settings": {"num_retries": 0, "model_group_retry_policy": {"m": {"timeout": 0.2}}},
        }
    )
    mock.control({"first_byte_ms": 600})
    assert gateway.chat({"model": "m", "messages": []}).status_code == 408
    assert gateway.chat({"model": "other", "messages": []}).status_code == 200


def test_a_service_tier_has_timeouts_of_its_own(start_gateway: StartGateway, mock: Mock) -> None:
    patient = deployment("a", mock, timeout=0.2, timeout_by_service_tier={"flex": 20})
    gateway = start_gateway({"model_list": [patient], "router_settings": {"num_retries": 0}})
    mock.control({"first_byte_ms": 600})
    assert gateway.chat({"model": "m", "messages": []}).status_code == 408
    assert gateway.chat({"model": "m", "messages": [], "service_tier": "flex"}).status_code == 200
    assert mock.last()["json"]["service_tier"] == "flex"
    assert gateway.chat({"model": "m", "messages": [], "service_tier": "default"}).status_code == 408


def test_the_phases_of_a_stream_have_timeouts_of_their_own(start_gateway: StartGateway, mock: Mock) -> None:
    settings = {"num_retries": 0, "ttft_timeout": 0.2, "idle_timeout": 20}
    gateway = start_gateway({"model_list": [deployment("a", mock)], "router_settings": settings})
    mock.control({"first_byte_ms": 700}, model="a", times=1)
    assert gateway.chat({"model": "m", "messages": [], "stream": True}).status_code == 408
    mock.control({"stall_at": 2, "stall_ms": 700}, model="a", times=1)
    assert gateway.chat({"model": "m", "messages": [], "stream": True}).text.endswith("data: [DONE]\n\n")


# -- limits and demands -------------------------------------------------------------------------------------------


def test_an_answer_says_what_is_left_of_its_group(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment("a", mock, rpm=2), deployment("b", mock, rpm=2)]
    settings = {"num_retries": 0, "optional_pre_call_checks": ["enforce_model_rate_limits"]}
    gateway = start_gateway({"model_list": models, "router_settings": settings})
    answers = [gateway.chat({"model": "m", "messages": []}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"4"}
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["3", "2", "1", "0", "0"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


def test_what_the_operator_demands(start_gateway: StartGateway, mock: Mock) -> None:
    demands = {"enforced_params": ["user", "metadata.team"]}
    gateway = start_gateway({"model_list": [deployment("a", mock)], "general_settings": demands})
    for lacking, param in (
        ({}, "user"),
        ({"user": None}, "user"),
        ({"user": "u"}, "metadata.team"),
        ({"user": "u", "metadata": {}}, "metadata.team"),
        ({"user": "u", "metadata": "text"}, "metadata.team"),
    ):
        answer = gateway.chat({"model": "m", "messages": [], **lacking})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert mock.requests() == []
    assert gateway.chat({"model": "m", "messages": [], "user": "u", "metadata": {"team": "t"}}).status_code == 200


def test_a_request_says_which_kind_of_deployment_it_needs(start_gateway: StartGateway, mock: Mock) -> None:
    def typed(name: str, kind: str) -> dict[str, Any]:
        return openai_model("m", name, mock.url) | {"model_info": {"id": name, "type": kind}}

    models = [typed("fast", "cloud-fast"), typed("local", "local"), typed("deep", "deep")]
    gateway = start_gateway({"model_list": models, "router_settings": {"routing_strategy": "lar1"}})
    for confidence, name in ((0.4, "fast"), (0.6, "local"), (0.9, "deep")):
        for _ in range(4):
            asked = {"model": "m", "messages": [], "metadata": {"lar1": {"confidence": confidence}}}
            assert gateway.chat(asked).headers["x-litellm-model-id"] == name


def test_hedged_streams_do_not_mix(start_gateway: StartGateway, mock: Mock) -> None:
    """The first one has begun without content when the second one answers."""
    gateway = start_gateway({"model_list": first_then_second(mock, hedge_after=0.05)})
    role = '{"id":"first","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}'
    mock.control({"events": [role, role, role], "stall_at": 1, "stall_ms": 8000}, model="a")
    answer = gateway.chat({"model": "m", "messages": [], "stream": True})
    assert answer.headers["x-litellm-model-id"] == "b"
    assert "first" not in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


# -- several models in one request --------------------------------------------------------------------------------


def of_three(start_gateway: StartGateway, mock: Mock) -> Gateway:
    models = [deployment(name, mock, group=name) for name in "abc"]
    return start_gateway({"model_list": models, "router_settings": {"num_retries": 0}})


def test_several_models_answer_in_their_order(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = of_three(start_gateway, mock)
    mock.control({"status": 500}, model="b")
    answer = gateway.chat({"model": "a, b,c", "messages": []})
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert (first["model"], third["model"]) == ("a", "c")
    assert second["error"]["code"] == "500"
    assert sorted(called(mock)) == ["a", "b", "c"]


def test_the_fastest_of_several_answers_and_the_others_are_given_up(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = of_three(start_gateway, mock)
    mock.control({"first_byte_ms": 8000}, model="a")
    mock.control({"status": 500}, model="b")
    answer = gateway.chat({"model": "a,b,c", "messages": [], "fastest_response": True})
    assert (answer.status_code, answer.json()["model"], answer.headers["x-litellm-model-id"]) == (200, "c", "c")
    mock.wait(aborted=1)
    eventually(lambda: in_flight(gateway) == {"0"}, "nothing is under way")
    mock.reset()
    mock.control({"status": 503})
    failed = gateway.chat({"model": "a,b", "messages": [], "fastest_response": True})
    assert failed.status_code == 503


def test_several_models_are_several_requests(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = of_three(start_gateway, mock)
    streamed = gateway.chat({"model": "a,b", "messages": [], "stream": True})
    assert (streamed.status_code, streamed.json()["error"]["param"]) == (400, "model")
    own = gateway.post("/key/generate", {"models": ["a", "b", "a,b,c"]}).json()["key"]
    answers = gateway.chat({"model": "a,b,c", "messages": []}, authorization=f"Bearer {own}").json()
    assert [answer.get("model") for answer in answers[:2]] == ["a", "b"]
    assert answers[2]["error"]["type"] == "key_model_access_denied"
    unknown = gateway.chat({"model": "nobody", "messages": []})
    assert unknown.status_code == 404


# -- what an upstream can take ------------------------------------------------------------------------------------


def test_a_deployment_that_refuses_for_load_gets_less(start_gateway: StartGateway, mock: Mock) -> None:
    settings = {"num_retries": 0, "adaptive_concurrency": True, "disable_cooldowns": True}
    gateway = start_gateway({"model_list": [deployment("a", mock)], "router_settings": settings})

    def pace() -> float:
        (row,) = gateway.client.get("/router/deployments").json()["data"]
        return float(row["pace"])

    before = pace()
    mock.control({"status": 429})
    for _ in range(3):
        assert gateway.chat({"model": "m", "messages": []}).status_code == 429
    assert 1 <= pace() < before


def test_a_key_keeps_requests_in_its_region(start_gateway: StartGateway, mock: Mock) -> None:
    models = [deployment("eu", mock, region_name="eu-west1"), deployment("us", mock, region_name="us-east1")]
    gateway = start_gateway({"model_list": models, "router_settings": {"num_retries": 0}})
    own = gateway.post("/key/generate", {"metadata": {"allowed_model_region": "eu"}}).json()["key"]
    headers = {"authorization": f"Bearer {own}"}
    assert {
        gateway.chat({"model": "m", "messages": []}, **headers).headers["x-litellm-model-id"] for _ in range(10)
    } == {"eu"}
    elsewhere = gateway.chat({"model": "m", "messages": [], "allowed_model_region": "us"}, **headers)
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (403, "region_not_allowed")
