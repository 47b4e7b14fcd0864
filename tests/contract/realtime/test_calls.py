"""A6: calls over WebRTC, through the running gateway to the mock, where a socket of the test's stands for the page."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.contract.harness import BOOKS, MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.contract.realtime.test_realtime_costs import COST, ITEM, PRICES, TRANSCRIPT, key, rows
from tests.fakes.judge import Judge
from tests.fakes.websocket import Client, RefusedError, close

CALLS = "/v1/realtime/calls"
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
HEARD = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
Begin = Callable[..., tuple[str, Client]]


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    base = mock_process.url
    azure = {"model": "azure/east", "api_base": base, "api_key": "azure-key"}
    gemini = {"model": "gemini/gemini-live", "api_base": base, "api_key": "k"}
    judges = {"guardrail": "generic_guardrail_api", "mode": "pre_call", "api_base": judge_process.url}
    config = {
        "model_list": [
            openai_model("rt", "gpt-realtime", base, **PRICES),
            openai_model("narrow", "gpt-realtime", base, max_parallel_requests=1),
            openai_model("falls", "gpt-realtime", base),
            openai_model("judged", "gpt-realtime", base, guardrails=["pre"]),
            {"model_name": "azure", "litellm_params": azure},
            {"model_name": "gemini", "litellm_params": gemini},
        ],
        "guardrails": [{"guardrail_name": "pre", "litellm_params": judges}],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True, "fallbacks": [{"falls": ["rt"]}]},
        "general_settings": {"realtime_allowed_origins": ["https://app.example"]},
    }
    with Gateway(config, tmp_path_factory.mktemp("calls"), edge=edge, env=BOOKS) as running:
        yield running


def offer(gateway: Gateway, session: object = None, with_key: str = MASTER_KEY, **about: Any) -> httpx.Response:
    """Send an offer as the official clients do."""
    form: dict[str, Any] = {"sdp": (None, OFFER, "application/sdp")}
    if session is not None:
        form["session"] = (None, json.dumps(session), "application/json")
    headers = {"authorization": f"Bearer {with_key}", **about.pop("headers", {})}
    return gateway.client.post(about.pop("path", CALLS), files=form, headers=headers, **about)


def hung_up(gateway: Gateway, place: str, with_key: str = MASTER_KEY) -> int:
    headers = {"authorization": f"Bearer {with_key}"}
    return gateway.client.post(f"{place}/hangup", headers=headers).status_code


@pytest.fixture
def begin(gateway: Gateway, mock: Mock) -> Iterator[Begin]:
    """Begin a call; return its id, and a socket at the mock that stands for the page's connection."""
    opened: list[Client] = []

    def one(model: str = "rt", with_key: str = MASTER_KEY) -> tuple[str, Client]:
        answer = offer(gateway, {"type": "realtime", "model": model}, with_key)
        assert answer.status_code == 201, answer.text
        asked = next(one for one in reversed(mock.requests()) if "call_id=" in one["target"])
        opened.append(Client(mock.connect(), asked["target"], connection="Upgrade"))
        return answer.headers["location"].rpartition("/")[2], opened[-1]

    yield one
    for page in opened:
        page.drop()
    for call in {one["target"].partition("call_id=")[2] for one in mock.requests() if "call_id=" in one["target"]}:
        httpx.post(f"{mock.url}{CALLS}/{call}/hangup")
    mock.wait(sockets=0)


def say(page: Client, **event: object) -> None:
    page.say(json.dumps(event))


def until(page: Client, kind: str) -> dict[str, Any]:
    while (event := json.loads(page.message().payload))["type"] != kind:
        pass
    return dict(event)


def answered(page: Client) -> None:
    say(page, type="conversation.item.create", item=ITEM)
    say(page, type="response.create")
    until(page, "response.done")


def test_an_offer_gets_an_answer_once_the_call_is_heard(gateway: Gateway, mock: Mock) -> None:
    answer = offer(gateway, {"model": "rt", "instructions": "be brief"}, params={"webrtcfilter": "on"})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/sdp")
    assert answer.text.startswith("v=0")
    assert answer.headers["location"].startswith(f"{CALLS}/rtc_tj")
    assert "rtc_mock" not in answer.headers["location"]
    posted, heard = mock.requests()
    assert posted["target"] == f"{CALLS}?webrtcfilter=on"
    assert '{"type":"realtime","model":"gpt-realtime","instructions":"be brief"}' in posted["body"]
    assert OFFER in posted["body"]
    assert heard["target"].startswith("/v1/realtime?call_id=rtc_mock_")
    mock.wait(sockets=1)
    assert hung_up(gateway, answer.headers["location"]) == 200
    mock.wait(sockets=0)
    assert hung_up(gateway, answer.headers["location"]) == 404


def test_azures_form_reaches_azures_path(gateway: Gateway, mock: Mock) -> None:
    answer = offer(gateway, {"model": "azure"}, path="/openai/v1/realtime/calls")
    assert answer.status_code == 201, answer.text
    posted, heard = mock.requests()
    assert (posted["path"], heard["path"]) == ("/openai/v1/realtime/calls", "/openai/v1/realtime")
    assert all(["api-key", "azure-key"] in one["headers"] for one in (posted, heard))
    assert '"model":"east"' in posted["body"]
    assert hung_up(gateway, answer.headers["location"]) == 200
    assert mock.last()["path"].startswith("/openai/v1/realtime/calls/rtc_mock_")


def test_a_secret_begins_a_call_with_who_made_it(gateway: Gateway, mock: Mock) -> None:
    minted = gateway.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "model": "rt"}}).json()
    headers = {"authorization": f"Bearer {minted['value']}", "content-type": "application/sdp"}
    answer = gateway.client.post(CALLS, content=OFFER, headers=headers)
    assert answer.status_code == 201, answer.text
    _, posted, heard = mock.requests()
    assert (posted["body"], ["content-type", "application/sdp"] in posted["headers"]) == (OFFER, True)
    assert ["authorization", "Bearer ek_mock_gpt-realtime"] in posted["headers"]
    assert ["authorization", "Bearer ek_mock_gpt-realtime"] not in heard["headers"]
    other = offer(gateway, {"model": "narrow"}, minted["value"])
    assert (other.status_code, "alone" in other.text) == (403, True)
    assert hung_up(gateway, answer.headers["location"], minted["value"]) == 200
    mock.wait(sockets=0)


@pytest.mark.parametrize(
    ("about", "status", "said"),
    [
        ({"session": {"model": "nobody"}}, 404, "nobody"),
        ({"session": {}}, 400, "model"),
        ({"session": []}, 400, "JSON object"),
        ({"session": {"model": "gemini"}}, 400, "WebSocket"),
        ({"session": {"model": "judged"}}, 400, "guardrails"),
        ({"session": {"model": "rt"}, "with_key": "sk-wrong"}, 401, "Authentication"),
        ({"session": {"model": "rt"}, "headers": {"origin": "https://evil.example"}}, 403, "origin"),
    ],
)
def test_what_cannot_be_called_is_refused(
    gateway: Gateway, mock: Mock, about: dict[str, Any], status: int, said: str
) -> None:
    answer = offer(gateway, **about)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert mock.requests() == []


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 400),
        ("application/sdp", b"  ", 400),
        ("application/sdp", b"\xff", 400),
        ("application/sdp", b"v=0" + bytes(1 << 20), 413),
        ("multipart/form-data; boundary=x", b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n--x--', 400),
    ],
)
def test_what_is_no_offer_is_refused(gateway: Gateway, mock: Mock, kind: str, body: bytes, status: int) -> None:
    answer = gateway.client.post(f"{CALLS}?model=rt", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert mock.requests() == []


@pytest.mark.parametrize("fault", [{"status": 401}, {"close": True}])
def test_a_call_that_cannot_be_heard_is_ended(gateway: Gateway, mock: Mock, fault: dict[str, object]) -> None:
    mock.control(fault, path="/v1/realtime")
    answer = offer(gateway, {"model": "rt"})
    assert (answer.status_code, "cannot be heard" in answer.text) == (502, True), answer.text
    eventually(lambda: mock.last()["path"].endswith("/hangup"), "the call is ended", 30)
    mock.wait(sockets=0)


def test_another_upstream_takes_a_call_and_is_found_again(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 503}, path="/v1/realtime/calls", times=1)
    answer = offer(gateway, {"model": "falls"})
    assert answer.status_code == 201, answer.text
    name = answer.headers["location"].rpartition("/")[2]
    with Client(gateway.connect(), f"/v1/realtime?call_id={name}", authorization=f"Bearer {MASTER_KEY}") as server:
        say(server, type="session.update", session={"type": "realtime"})
        until(server, "session.updated")
    assert hung_up(gateway, answer.headers["location"]) == 200
    mock.wait(sockets=0)


def test_a_refused_offer_is_the_upstreams_word(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 429}, path="/v1/realtime/calls")
    assert offer(gateway, {"model": "rt"}).status_code == 429
    assert len(mock.requests()) == 1


def test_a_call_holds_its_slot_until_it_ends(gateway: Gateway, begin: Begin) -> None:
    name, page = begin("narrow")
    assert offer(gateway, {"model": "narrow"}).status_code == 429
    assert hung_up(gateway, f"{CALLS}/{name}") == 200
    assert page.last().code == 1000
    eventually(lambda: _let_in(gateway), "the slot is free again", 30)


def _let_in(gateway: Gateway) -> bool:
    answer = offer(gateway, {"model": "narrow"})
    return answer.status_code == 201 and hung_up(gateway, answer.headers["location"]) == 200


def test_a_server_hears_the_call_and_has_a_word(gateway: Gateway, begin: Begin) -> None:
    name, page = begin()
    with Client(gateway.connect(), f"/v1/realtime?call_id={name}", authorization=f"Bearer {MASTER_KEY}") as server:
        say(server, type="session.update", session={"type": "realtime", "instructions": "be brief"})
        until(page, "session.updated")
        until(server, "session.updated")
        answered(page)
        until(server, "response.done")
        assert hung_up(gateway, f"{CALLS}/{name}") == 200
        assert server.last().code == 1000


@pytest.mark.parametrize("name", ["rtc_mock_1", "rtc_tjAAAA", "rtc_tj" + "A" * 100])
def test_a_call_that_nobody_was_given_is_not_there(gateway: Gateway, mock: Mock, name: str) -> None:
    assert hung_up(gateway, f"{CALLS}/{name}") == 404
    with pytest.raises(RefusedError) as refused:
        Client(gateway.connect(), f"/v1/realtime?call_id={name}", authorization=f"Bearer {MASTER_KEY}")
    assert refused.value.status == 404
    assert mock.requests() == []


def test_each_response_is_paid_for_once_and_what_nobody_pays_ends_the_call(gateway: Gateway, begin: Begin) -> None:
    plain, other = key(gateway), key(gateway)
    name, page = begin(with_key=plain)
    assert hung_up(gateway, f"{CALLS}/{name}", other) == 404
    with pytest.raises(RefusedError) as refused:
        Client(gateway.connect(), f"/v1/realtime?call_id={name}", authorization=f"Bearer {other}")
    assert refused.value.status == 404
    with Client(gateway.connect(), f"/v1/realtime?call_id={name}", authorization=f"Bearer {plain}") as server:
        say(page, type="session.update", session={"type": "realtime", **HEARD})
        answered(page)
        say(page, type="input_audio_buffer.commit")
        until(page, "conversation.item.input_audio_transcription.completed")
        until(server, "conversation.item.input_audio_transcription.completed")
        server.send(close(1000))
        assert server.last() is not None
    assert hung_up(gateway, f"{CALLS}/{name}", plain) == 200

    poor = key(gateway, max_budget=COST * 1.2 / 1e9)
    _, page = begin(with_key=poor)
    answered(page)
    say(page, type="response.create")
    until(page, "response.done")
    assert page.last().code == 1000
    assert offer(gateway, {"model": "rt"}, poor).status_code == 422

    found = rows(gateway, plain, 4)
    assert {(row["call_type"], row["status"]) for row in found} == {("_arealtime", "success")}
    assert sorted(row["cost"] for row in found) == sorted([0, 0, COST, TRANSCRIPT])
    assert len({row["call_id"] for row in found}) == 2
    assert sorted(row["cost"] for row in rows(gateway, poor, 4)) == [0, 0, COST, COST]


def test_a_key_that_is_revoked_ends_its_calls(gateway: Gateway, begin: Begin) -> None:
    gone = key(gateway)
    _, page = begin(with_key=gone)
    assert gateway.post("/key/delete", {"keys": [gone]}).status_code == 200
    assert page.last().code == 1000


@pytest.mark.parametrize("setting", ["realtime_idle_timeout_seconds", "realtime_session_limit_seconds"])
def test_a_call_has_the_limits_of_the_settings(gateway: Gateway, begin: Begin, setting: str) -> None:
    with gateway.with_settings(**{setting: 0.1}):
        _, page = begin()
        assert page.last().code == 1000


def test_a_call_that_is_heard_no_more_is_ended(gateway: Gateway, begin: Begin, mock: Mock) -> None:
    mock.control({"cut_at": 1}, path="/v1/realtime", times=1)
    _, page = begin()
    say(page, type="conversation.item.create", item=ITEM)  # what answers it may come before the end or not
    assert page.last().code == 1000


def test_a_gateway_that_stops_ends_its_calls(gateway: Gateway, start_gateway: Any, begin: Begin, mock: Mock) -> None:
    stopping = start_gateway(gateway.file, args=("--grace", "5"))
    assert offer(stopping, {"model": "rt"}).status_code == 201
    mock.wait(sockets=1)
    stopping.process.terminate()
    assert stopping.process.wait(20) == 0
    assert urlsplit(mock.last()["target"]).path.endswith("/hangup")
    mock.wait(sockets=0)
