"""Who asked, and what became of it, is told whichever way a request takes, and wherever it ends."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import BOOKS, PATIENCE, UPSTREAM_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears

PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
WORD = "the-secret-word"
SAID = [{"role": "user", "content": WORD}]
WAYS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "m", "messages": SAID, "stream_options": {"include_usage": True}},
    "/v1/completions": {"model": "m", "prompt": WORD},
    "/v1/messages": {"model": "m", "messages": SAID, "max_tokens": 9},
    "/v1/responses": {"model": "m", "input": WORD},
    "/v1beta/models/m:generateContent": {"contents": [{"role": "user", "parts": [{"text": WORD}]}]},
    "/through": {"model": "m-up", "messages": SAID},
}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("heard")
    config = {
        "model_list": [
            openai_model("m", "m-up", mock_process.url, **PRICES),
            openai_model("slow", "slow-up", mock_process.url, timeout=0.2, **PRICES),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"callbacks": ["generic_api", "bare"]},
        "callback_settings": {
            "bare": {
                "callback_type": "generic_api",
                "endpoint": f"{ears.url}/bare",
                "headers": {},
                "turn_off_message_logging": True,
            }
        },
        "general_settings": {
            "alerting": ["slack"],
            "pass_through_endpoints": [
                {
                    "path": "/through",
                    "target": f"{mock_process.url}/v1/chat/completions",
                    "headers": {"authorization": f"Bearer {UPSTREAM_KEY}"},
                    "auth": True,
                }
            ],
        },
    }
    env = {
        **BOOKS,
        "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.2",
        "GENERIC_LOGGER_ENDPOINT": f"{ears.url}/log",
        "SLACK_WEBHOOK_URL": f"{ears.url}/slack",
        "TIANJI_DATA_DIR": str(folder / "data"),
    }
    with Gateway(config, folder, edge=edge, env=env, workers=2) as running:
        yield running


def made(gateway: Gateway, path: str, **body: Any) -> dict[str, Any]:
    answer = gateway.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def secret(gateway: Gateway) -> str:
    made(gateway, "/team/new", team_id="t", team_alias="the team")
    key: str = made(gateway, "/key/generate", key_alias="mine", team_id="t", metadata={"tags": ["of the key"]})["key"]
    return key


def heard(ears: Ears, call: str, path: str) -> list[dict[str, Any]]:
    return [event for event in ears.events(path) if event["litellm_call_id"] == call]


def told(ears: Ears, call: str, path: str = "/log") -> dict[str, Any]:
    """Return the one event of a call; a later one of another call shows that no second follows."""
    eventually(lambda: heard(ears, call, path), "it is told", PATIENCE)
    (event,) = heard(ears, call, path)
    return event


def told_barely(ears: Ears, call: str) -> dict[str, Any]:
    """Return the event as whoever is to hear nothing of what was said is told it."""
    event = told(ears, call, "/bare")
    assert WORD not in json.dumps(event)
    return event


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", WAYS)
def test_who_asked_is_told_whichever_way_it_was(
    gateway: Gateway, mock: Mock, ears: Ears, secret: str, path: str, stream: bool
) -> None:
    mock.reset()
    body = dict(WAYS[path])
    if not stream:
        body.pop("stream_options", None)
    if path.endswith("generateContent"):
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse") if stream else path
    elif stream:
        body["stream"] = True
    answer = gateway.client.post(path, json=body, headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200, answer.text
    event = told(ears, answer.headers["x-litellm-call-id"])
    about = event["metadata"]
    assert (about["user_api_key_alias"], about["user_api_key_team_id"]) == ("mine", "t")
    assert about["user_api_key_team_alias"] == "the team"
    assert "of the key" in event["request_tags"]
    assert event["user_agent"] == answer.request.headers["user-agent"]
    assert (event["status"], event["stream"]) == ("success", stream)
    # nobody knows how a stranger's stream says what it used
    assert (event["total_tokens"] > 0) != (path == "/through" and stream)
    bare = told_barely(ears, answer.headers["x-litellm-call-id"])
    assert WORD in json.dumps(event["messages"])
    assert bare["messages"] == [{"role": "user", "content": "redacted-by-litellm"}]
    assert (bare["response"], bare["total_tokens"]) == ({"text": "redacted-by-litellm"}, event["total_tokens"])


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/through"])
def test_a_failure_that_repeats_what_was_said_is_told_without_it(
    gateway: Gateway, mock: Mock, ears: Ears, secret: str, path: str
) -> None:
    mock.reset()
    mock.control({"status": 400, "body": json.dumps({"error": {"message": f"no such thing as {WORD}"}})}, times=1)
    answer = gateway.client.post(path, json=WAYS[path], headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 400, answer.text
    bare = told_barely(ears, answer.headers["x-litellm-call-id"])
    assert (bare["status"], bare["error_information"]["error_code"]) == ("failure", "400")
    whole = told(ears, answer.headers["x-litellm-call-id"])
    assert WORD in json.dumps(whole["messages"])
    assert WORD in whole["error_str"], "or nothing had to be left out of it"


def test_no_error_repeats_what_nobody_is_told(gateway: Gateway, mock: Mock, ears: Ears, secret: str) -> None:
    ears.heard.clear()
    repeated = {"status": 500, "body": json.dumps({"error": {"message": f"no such thing as {WORD}"}})}
    calls: dict[str, str] = {}

    def ask(name: str, path: str, **more: Any) -> None:
        mock.control(repeated, times=1)
        answer = gateway.client.post(path, json={**WAYS[path], **more}, headers={"authorization": f"Bearer {secret}"})
        assert (answer.status_code, WORD in answer.text) == (500, True), "its client is told"
        calls[name] = answer.headers["x-litellm-call-id"]

    ask("quiet", "/v1/chat/completions", **{"no-log": True})
    with gateway.with_settings("litellm_settings", turn_off_message_logging=True):
        ask("chat", "/v1/chat/completions")
        ask("through", "/through")
        ask("streamed", "/v1/responses", stream=True)
    for name in ("chat", "through", "streamed"):
        event = told(ears, calls[name])
        assert event["error_information"]["error_message"] == event["error_str"]
        assert "no such thing as redacted-by-litellm" in event["error_str"]
    row = {"request_id": f"{calls['quiet']}-0"}
    eventually(lambda: gateway.client.get("/spend/logs", params=row).json(), "the row is there", PATIENCE)
    assert WORD not in gateway.client.get("/spend/logs", params=row).text

    def alerted() -> str:
        return json.dumps([said for path, _, said in ears.heard if path == "/slack"])

    eventually(lambda: "no such thing as redacted-by-litellm" in alerted(), "people are alerted", PATIENCE)
    assert WORD not in json.dumps([said for _, _, said in ears.heard])
    assert WORD not in gateway.log


@pytest.mark.parametrize(
    ("limits", "model", "status"),
    [
        ({"rpm_limit": 0}, "m", 429),
        ({"max_budget": 0}, "m", 422),
        ({"models": ["other"]}, "m", 403),
        ({}, "nobody", 404),
        ({}, "slow", 408),
    ],
)
def test_what_ended_before_an_upstream_was_asked_is_a_failure(
    gateway: Gateway, mock: Mock, ears: Ears, limits: dict[str, Any], model: str, status: int
) -> None:
    mock.reset()
    mock.control({"first_byte_ms": 3000}, model="slow-up")
    key = made(gateway, "/key/generate", key_alias=f"of {status}", **limits)["key"]
    body = {"model": model, "messages": SAID}
    answer = gateway.client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == status, answer.text
    event = told(ears, answer.headers["x-litellm-call-id"])
    assert (event["status"], event["error_information"]["error_code"]) == ("failure", str(status))
    assert event["metadata"]["user_api_key_alias"] == f"of {status}"


def test_who_leaves_before_an_answer_is_one_event(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    mock.control({"first_byte_ms": 8000}, model="m-up")
    body = json.dumps({"model": "m", "messages": SAID, "user": "who left"}).encode()
    with gateway.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
            % (gateway.key.encode(), len(body), body)
        )
        mock.wait(requests=1)
    mock.wait(aborted=1)

    def events() -> list[dict[str, Any]]:
        return [event for event in ears.events() if event["end_user"] == "who left"]

    eventually(events, "it is told", PATIENCE)
    mock.reset()
    after = gateway.chat({"model": "m", "messages": SAID})
    told(ears, after.headers["x-litellm-call-id"])
    (event,) = events()
    assert (event["status"], event["error_information"]["error_class"]) == ("failure", "ClientDisconnected")
    assert event["error_information"]["error_code"] == "499"


def test_who_is_refused_by_a_limit_is_told_with_what_it_is_of(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    key = made(gateway, "/key/generate", rpm_limit=1)["key"]
    body = {"model": "m", "messages": [{"role": "user", "content": WORD}]}
    answers = [gateway.chat(body, authorization=f"Bearer {key}", x_litellm_call_id=f"limit-{n}") for n in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    about = told(ears, "limit-1")["error_information"]
    assert (about["error_rate_limit_category"], about["error_rate_limit_type"]) == ("litellm_rate_limit", "requests")
