"""A2: the Responses API over WebSockets, through the running gateway to upstreams that speak HTTP, or have some too."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

import openai
import pytest
from tests.contract.harness import BOOKS, MASTER_KEY, UPSTREAM_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.judge import MASK, REASON, Judge
from tests.fakes.websocket import Client, RefusedError, close

Connect = Callable[..., Client]
PATH = "/v1/responses"
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
OWN = ("native", "lined")  # the upstream has the Responses API: over HTTP alone, or over a WebSocket
MODELS = ("over-chat", "over-messages", *OWN)


@pytest.fixture(scope="module")
def judge_process() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, dead_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    base = mock_process.url
    claude = {"model": "anthropic/claude-up", "api_base": base, "api_key": UPSTREAM_KEY, **PRICES}
    about = {"guardrail": "generic_guardrail_api", "mode": "pre_call", "api_base": judge_process.url}
    config = {
        "model_list": [
            openai_model("over-chat", "chat-up", base, **PRICES),
            {"model_name": "over-messages", "litellm_params": claude},
            openai_model("native", "native-up", f"{base}/plain", use_chat_completions_api=False, **PRICES),
            openai_model("lined", "lined-up", base, use_chat_completions_api=False, **PRICES),
            openai_model("half-dead", "never", dead_url, order=1),
            openai_model("half-dead", "chat-up", base, order=2),
            openai_model("stalling", "mock-stall-3", base),
        ],
        "router_settings": {"num_retries": 1, "disable_cooldowns": True},
        "guardrails": [{"guardrail_name": "pre", "litellm_params": about}],
    }
    with Gateway(config, tmp_path_factory.mktemp("response-sockets"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture
def connect(gateway: Gateway, mock: Mock, judge_process: Judge) -> Iterator[Connect]:
    """Open WebSockets with the master key, or with another one."""
    opened: list[Client] = []
    judge_process.reset()

    def open_one(path: str = PATH, key: str = MASTER_KEY, **headers: str) -> Client:
        opened.append(Client(gateway.connect(), path, authorization=f"Bearer {key}", **headers))
        return opened[-1]

    yield open_one
    for client in opened:
        client.drop()


def key(gateway: Gateway, **fields: object) -> str:
    return str(gateway.post("/key/generate", fields).json()["key"])


def ask(client: Client, **members: object) -> None:
    client.say(json.dumps({"type": "response.create", "model": "over-chat", "input": "one two three", **members}))


def events(client: Client) -> list[dict[str, Any]]:
    """Hear events up to the end of a response, or to an error."""
    heard = [json.loads(client.message().payload)]
    while heard[-1]["type"] not in ("response.completed", "response.failed", "error"):
        heard.append(json.loads(client.message().payload))
    return heard


def made(client: Client, **members: object) -> dict[str, Any]:
    """Have a response made, and return it."""
    ask(client, **members)
    last = events(client)[-1]
    assert last["type"] == "response.completed", last
    response: dict[str, Any] = last["response"]
    return response


def refused(client: Client, **members: object) -> tuple[int, Any]:
    """Have a response refused; the status and the code that the client is told."""
    ask(client, **members)
    (event,) = events(client)
    assert event["type"] == "error"
    return event["status"], event["error"]["code"]


def asked_upstream(mock: Mock) -> str:
    return json.dumps(mock.last()["json"])


@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")  # the client's own way of opening a socket
@pytest.mark.parametrize("model", MODELS)
def test_the_official_client_holds_a_conversation(gateway: Gateway, mock: Mock, model: str) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY) as client,
        client.responses.connect() as connection,
    ):
        previous = None
        for text in ("uno", "due"):
            more = {} if previous is None else {"previous_response_id": previous}
            connection.response.create(model=model, input=text, **more)
            said = []
            for event in connection:
                if event.type == "response.output_text.delta":
                    said.append(event.delta)
                if event.type == "response.completed":
                    break
            assert len(said) == 32
            assert event.response.output_text == "".join(said)
            assert event.response.previous_response_id == previous or model in OWN  # then it is the upstream's word
            previous = event.response.id
    if model not in OWN:  # which knows what was before by itself
        assert "uno" in asked_upstream(mock)


def test_events_are_those_of_a_stream(gateway: Gateway, connect: Connect) -> None:
    body = {"model": "over-chat", "input": "one two three", "stream": True}
    streamed = gateway.post(PATH, body).text
    kinds = [line.removeprefix("event: ") for line in streamed.splitlines() if line.startswith("event: ")]
    client = connect()
    ask(client)
    heard = events(client)
    assert [event["type"] for event in heard] == kinds
    assert [event["sequence_number"] for event in heard] == list(range(len(heard)))


@pytest.mark.parametrize("path", ["/responses", "/openai/v1/responses", "/v1/responses?model=over-chat"])
def test_every_path_and_a_model_in_the_query(connect: Connect, path: str) -> None:
    client = connect(path, sec_websocket_protocol="realtime, openai-insecure-api-key.x")
    assert client.headers["sec-websocket-protocol"] == "realtime"
    members = {"model": "over-chat"} if "?" not in path else {}
    client.say(json.dumps({"type": "response.create", "response": {"input": "one", **members}}))
    assert events(client)[-1]["response"]["model"] == "over-chat"


@pytest.mark.parametrize("model", MODELS)
def test_what_is_not_stored_goes_on_where_it_was_made(connect: Connect, mock: Mock, model: str) -> None:
    client, other = connect(), connect()
    first = made(client, model=model, input="four", store=False)
    second = made(client, model=model, input="five", store=False, previous_response_id=first["id"])
    made(client, model=model, input="six", store=False, previous_response_id=second["id"])
    if model != "lined":
        sent = asked_upstream(mock)
        assert all(word in sent for word in ("four", "five", "six", first["output"][0]["content"][0]["text"]))
    status, code = refused(client, model=model, store=False, previous_response_id=first["id"])
    assert (status, code) == (400, "previous_response_not_found"), "only the last one is remembered"
    assert refused(other, model=model, previous_response_id=second["id"])[1] == "previous_response_not_found"


def test_nobody_goes_on_with_what_is_anothers(gateway: Gateway, connect: Connect) -> None:
    first = made(connect(key=key(gateway)))
    other = connect(key=key(gateway))
    assert refused(other, previous_response_id=first["id"]) == (400, "previous_response_not_found")
    made(other)  # and the socket goes on


def test_a_warm_up_is_answered_here_and_may_be_continued(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = key(gateway)
    client = connect(key=own)
    warm = made(client, input="uno", generate=False)
    assert (warm["output"], mock.requests()) == ([], [])
    made(client, input="due", previous_response_id=warm["id"])
    assert "uno" in asked_upstream(mock)
    assert len(rows(gateway, own, 1)) == 1


def test_lanes_are_answered_beside_each_other_and_in_order(connect: Connect, mock: Mock) -> None:
    client = connect()
    mock.control({"first_byte_ms": 300}, model="chat-up", times=1)
    ask(client, stream_id="slow", input="uno")
    mock.wait(in_progress=1)
    ask(client, stream_id="slow", input="due")
    ask(client, stream_id="quick", input="tre")
    ends = []
    while len(ends) < 3:
        event = events(client)[-1]
        ends.append((event["stream_id"], event["type"]))
    assert [name for name, _ in ends] == ["quick", "slow", "slow"]
    asked = [json.dumps(request["json"]) for request in mock.requests()]
    assert [next(word for word in ("uno", "due", "tre") if word in one) for one in asked] == ["uno", "tre", "due"]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"model": "nobody"}, 404),
        ({"background": True}, 400),
        ({"stream_id": 7}, 400),
        ({"input": 7}, 400),
        ({"type": "response.stop"}, 400),
        ({"previous_response_id": "resp_tianji_nobody"}, 400),
    ],
)
def test_what_cannot_be_done_is_an_event_and_the_socket_goes_on(
    connect: Connect, members: dict[str, object], status: int
) -> None:
    client = connect()
    assert refused(client, **members)[0] == status
    client.say("no json")
    assert json.loads(client.message().payload)["error"]["type"] == "invalid_request_error"
    made(client)


def test_a_connection_lasts_as_long_as_it_may(gateway: Gateway, connect: Connect) -> None:
    with gateway.with_settings(responses_websocket_session_limit_seconds=0.1):
        client = connect()
        event = json.loads(client.message().payload)
        assert event["error"]["code"] == "websocket_connection_limit_reached"
        assert client.last().code == 1000


# -- steering ----------------------------------------------------------------------------------------------------------

SLOWLY = {"stall_at": 6, "stall_ms": 1000}  # its first words are heard, and there is time to say something


def until(client: Client, kind: str) -> list[dict[str, Any]]:
    heard = [json.loads(client.message().payload)]
    while heard[-1]["type"] != kind:
        heard.append(json.loads(client.message().payload))
    return heard


def steered(client: Client, **members: object) -> tuple[str, list[dict[str, Any]]]:
    """Ask for a response, and steer it as soon as it has begun; its id, and what is heard up to its end."""
    ask(client, model="native", **members)
    ident: str = until(client, "response.created")[-1]["response"]["id"]
    client.say(json.dumps({"type": "response.steer", "previous_response_id": ident, "input": "quattro"}))
    return ident, until(client, "response.completed")


def test_what_steers_a_response_is_asked_when_it_is_whole(connect: Connect, mock: Mock) -> None:
    client = connect()
    mock.control(SLOWLY, times=1)
    ident, heard = steered(client, instructions="be brief", store=False)
    (accepted,) = (event for event in heard if event["type"] == "response.steer.accepted")
    assert accepted["steer"]["previous_response_id"] == ident
    following = until(client, "response.completed")
    assert following[0]["type"] == "response.created"
    asked = mock.last()["json"]
    assert asked["instructions"] == "be brief"
    said = json.dumps([item for item in asked["input"] if item.get("role") == "user"])
    assert said.index("one two three") < said.index("quattro")
    client.say(json.dumps({"type": "response.steer", "previous_response_id": ident, "input": "late"}))
    (failed,) = until(client, "response.steer.failed")
    assert failed["error"]["code"] in ("response_not_found", "response_already_completed")
    assert failed["steer"]["input"] == "late"


def test_what_steers_waits_for_the_results_of_tools(connect: Connect, mock: Mock) -> None:
    client = connect()
    mock.control(SLOWLY | {"stall_at": 5, "call": {"name": "weather", "arguments": {}}}, times=1)
    tools = [{"type": "function", "name": "weather", "parameters": {}}]
    ident, heard = steered(client, tools=tools)
    (pending,) = until(client, "response.steer.pending")
    (stub,) = pending["required_input"]
    assert stub["name"] == "weather"
    assert stub["call_id"] == next(
        item["call_id"] for item in heard[-1]["response"]["output"] if item["type"] == "function_call"
    )
    made(client, model="native", previous_response_id=ident, input=[{**stub, "output": "wet"}], tools=tools)
    said = [item.get("content", item.get("output")) for item in mock.last()["json"]["input"]]
    assert said[-2:] == ["quattro", "wet"]


def test_a_guardrail_judges_what_steers(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    client = connect(key=key(gateway, guardrails=["pre"]))
    mock.control(SLOWLY, times=1)
    ask(client, model="native", input="of another caller")
    ident = until(client, "response.created")[-1]["response"]["id"]
    client.say(json.dumps({"type": "response.steer", "previous_response_id": ident, "input": "something forbidden"}))
    until(client, "response.completed")
    error, failed = until(client, "response.steer.failed")
    assert (error["type"], REASON in error["error"]["message"]) == ("error", True)
    assert failed["error"]["code"] == "successor_creation_failed"


def test_who_may_not_has_no_socket(gateway: Gateway, connect: Connect) -> None:
    for headers, status in (({"key": "sk-wrong"}, 401), ({"origin": "https://evil.example"}, 403)):
        with pytest.raises(RefusedError) as found:
            connect(**headers)
        assert found.value.status == status
    answer = gateway.client.get(PATH)
    assert (answer.status_code, "WebSocket" in answer.text) == (400, True)


def test_a_key_has_its_models_and_limits_event_by_event(gateway: Gateway, connect: Connect) -> None:
    assert refused(connect(key=key(gateway, models=["native"])))[0] == 403
    client = connect(key=key(gateway, rpm_limit=1))
    made(client)
    assert refused(client)[0] == 429
    client = connect(key=key(gateway, max_budget=1e-9))
    made(client)
    assert refused(client)[0] == 422, "it is used up"


def test_a_guardrail_judges_each_event(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    client = connect(key=key(gateway, guardrails=["pre"]))
    made(client, input="tell me a secret now")
    assert f"tell me a {MASK} now" in asked_upstream(mock)
    ask(client, input="something forbidden")
    (event,) = events(client)
    assert (event["status"], REASON in event["error"]["message"]) == (400, True)


def test_a_key_that_is_blocked_ends_its_conversation(gateway: Gateway, connect: Connect) -> None:
    own = key(gateway)
    client = connect(key=own)
    made(client)
    gateway.post("/key/block", {"key": own})
    assert json.loads(client.message().payload)["type"] == "error"
    assert client.last().code == 1008


# -- upstreams ---------------------------------------------------------------------------------------------------------


def test_another_upstream_is_asked(connect: Connect) -> None:
    made(connect(), model="half-dead")


@pytest.mark.parametrize(
    ("model", "fault"), [("over-chat", {"cut_at": 3000}), ("native", {"cut_at": 3000}), ("lined", {"end_at": 7})]
)
def test_a_stream_that_breaks_off_is_never_whole(
    connect: Connect, mock: Mock, model: str, fault: dict[str, int]
) -> None:
    client = connect()
    mock.control(fault, times=1)
    ask(client, model=model)
    last = events(client)[-1]
    assert last["type"] in ("response.failed", "error"), last
    assert last.get("error", last.get("response", {}).get("error"))["message"]
    made(client, model=model)


def test_a_client_that_leaves_ends_the_call(connect: Connect, mock: Mock) -> None:
    client = connect()
    ask(client, model="stalling")
    mock.wait(in_progress=1)
    client.drop()
    mock.wait(in_progress=0)


def sockets_asked_for(mock: Mock) -> list[str]:
    return [request["method"] for request in mock.requests()]


def test_what_goes_on_is_sent_alone_on_a_socket_of_the_upstreams(connect: Connect, mock: Mock) -> None:
    client = connect()
    first = made(client, model="lined", input="four", store=False)
    second = made(client, model="lined", input="five", store=False, previous_response_id=first["id"])
    assert first["usage"]["input_tokens"] == second["usage"]["input_tokens"], "only what is new was sent"
    assert second["model"] == "lined"
    other = made(client, model="lined", input="six", stream_id="b", store=False, previous_response_id=second["id"])
    assert other["usage"]["input_tokens"] > 2 * second["usage"]["input_tokens"], "another socket knows nothing"
    assert sockets_asked_for(mock) == ["GET", "GET"]
    seen = mock.last()
    assert ["authorization", f"Bearer {UPSTREAM_KEY}"] in seen["headers"]
    assert MASTER_KEY not in json.dumps(seen)
    client.drop()
    mock.wait(sockets=0)


def test_an_upstreams_socket_that_is_lost_is_replaced_and_told_all(connect: Connect, mock: Mock) -> None:
    client = connect()
    first = made(client, model="lined", input="four", store=False)
    mock.control({"end_at": 7}, times=1)
    ask(client, model="lined", stream_id="lost")
    assert events(client)[-1]["type"] in ("response.failed", "error")
    second = made(client, model="lined", input="five", store=False, previous_response_id=first["id"])
    assert second["usage"]["input_tokens"] == first["usage"]["input_tokens"], "the other lane's socket is still there"
    third = made(client, model="lined", input="six", store=False, stream_id="lost", previous_response_id=second["id"])
    assert third["usage"]["input_tokens"] > 2 * second["usage"]["input_tokens"]


def test_what_guardrails_watch_goes_over_http(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    client = connect(key=key(gateway, guardrails=["pre"]))
    made(client, model="lined", input="tell me a secret now")
    assert f"tell me a {MASK} now" in asked_upstream(mock)


def test_a_client_that_leaves_closes_the_upstreams_socket(connect: Connect, mock: Mock) -> None:
    client = connect()
    mock.control({"stall_at": 3}, times=1)
    ask(client, model="lined")
    until(client, "response.created")
    client.drop()
    mock.wait(sockets=0)


# -- the books ---------------------------------------------------------------------------------------------------------


def rows(gateway: Gateway, of_key: str, count: int) -> list[dict[str, Any]]:
    file, token = gateway.file.parent / "tianji-data" / "tianji.db", sha256(of_key.encode()).hexdigest()

    def there() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM ledger WHERE key = ?", (token,)).fetchall()
        return [dict(row) for row in found] if len(found) >= count else []

    return eventually(there, f"{count} entries", 60)


@pytest.mark.parametrize("model", ["over-chat", "lined"])
def test_each_response_has_its_entry_and_costs_what_it_does_over_http(
    gateway: Gateway, connect: Connect, model: str
) -> None:
    own = key(gateway)
    body = {"model": model, "input": "one two three"}
    gateway.client.post(PATH, json=body, headers={"authorization": f"Bearer {own}"})
    client = connect(key=own)
    made(client, model=model)
    made(client, model=model)
    client.send(close(1000))
    assert client.last().code == 1000
    found = rows(gateway, own, 3)
    assert len({row["cost"] for row in found}) == 1
    assert found[0]["cost"] > 0
    assert {row["status"] for row in found} == {"success"}
