"""Who is told of requests, through the running gateway."""

import csv
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.callbacks.telling import PRICES, SECRET, ask, environment, figure, heard, one
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears

from tianji.callbacks.event import answer_text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("callbacks")


def config(mock: str, ears: str) -> dict[str, Any]:
    quiet = {"callback_type": "generic_api", "endpoint": f"{ears}/quiet", "turn_off_message_logging": True}
    half, hanging = (
        {"callback_type": "generic_api", "endpoint": f"{ears}/{name}", "headers": {}} for name in ("half", "hanging")
    )
    away = {"callback_type": "generic_api", "endpoint": "http://127.0.0.1:1/", "headers": {}}
    return {
        "model_list": [openai_model("m", "m-up", mock, **PRICES)],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "callbacks": ["generic_api", "quiet", "away", "compression_interception", "focus", "half", "hanging"],
            "success_callback": ["langfuse"],
            "service_callback": ["prometheus_system"],
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
        "general_settings": {"allow_client_side_credentials": True},
        "callback_settings": {"quiet": quiet, "away": away, "half": half, "hanging": hanging},
    }


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, folder: Path) -> Iterator[Gateway]:
    env = environment(
        ears,
        FOCUS_FREQUENCY="interval",
        FOCUS_INTERVAL_SECONDS="1",
        FOCUS_S3_BUCKET_NAME="bills",
        FOCUS_S3_ENDPOINT_URL=ears.url,
        FOCUS_S3_ACCESS_KEY="A",
        FOCUS_S3_SECRET_KEY="sk-canary-focus",
        LANGFUSE_PUBLIC_KEY="pk",
        LANGFUSE_SECRET_KEY="sk-canary-0815",
        LANGFUSE_HOST=ears.url,
        SLACK_WEBHOOK_URL=f"{ears.url}/slack",
        WEBHOOK_URL=f"{ears.url}/events",
        TIANJI_DATA_DIR=str(folder / "data"),
    )
    with Gateway(config(mock_process.url, ears.url), folder, edge=edge, env=env, workers=2) as running:
        yield running


def of_call(ears: Ears, answer: Any, path: str) -> list[dict[str, Any]]:
    """Return what a path was told of a request, whatever stands in it."""
    return [event for event in ears.events(path) if event["litellm_call_id"] == answer.headers["x-litellm-call-id"]]


def told_langfuse(ears: Ears, word: str) -> list[str]:
    """Return who told Langfuse of a request, by its credentials."""
    return [
        headers["authorization"]
        for path, headers, body in ears.heard
        if path == "/api/public/ingestion" and word in str(body)
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_answered_is_told_with_what_it_cost(gateway: Gateway, mock: Mock, ears: Ears, stream: bool) -> None:
    mock.reset()
    body = {"user": "ann", "temperature": 0.5, "metadata": {"spend_logs_metadata": {"cost_center": 7}}}
    answer = ask(gateway, f"answered {stream}", stream=stream, **body)
    assert answer.status_code == 200
    event = one(ears, f"answered {stream}")
    assert (event["status"], event["model_group"], event["model"], event["end_user"]) == ("success", "m", "m-up", "ann")
    assert event["response_cost"] == pytest.approx(event["prompt_tokens"] * 0.001 + event["completion_tokens"] * 0.002)
    assert event["litellm_call_id"] == answer.headers["x-litellm-call-id"]
    assert event["model_parameters"]["temperature"] == 0.5
    assert event["response"]["choices"][0]["message"]["content"]
    assert event["stream"] is stream
    agent = answer.request.headers["user-agent"]
    assert (event["user_agent"], event["metadata"]["user_agent"]) == (agent, agent)
    assert event["request_tags"] == ["User-Agent: python-httpx", f"User-Agent: {agent}"]
    assert event["metadata"]["spend_logs_metadata"] == {"cost_center": 7}


FORMS: dict[str, tuple[str, bool]] = {  # paths, the member that says something, and whether it may stream
    "/v1/completions": ("prompt", True),
    "/v1/messages": ("messages", True),
    "/v1/responses": ("input", True),
    "/v1/embeddings": ("input", False),
    "/v1/images/generations": ("prompt", False),
}


def test_a_request_of_any_form_is_told_once_with_its_answer(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    asked: list[tuple[str, bool]] = []
    for path, (member, streams) in FORMS.items():
        for stream in (False, True) if streams else (False,):
            word = f"{path} {stream}"
            said: Any = [{"role": "user", "content": word}] if member == "messages" else word
            more = {"stream": True} if stream else {}
            answer = gateway.post(path, {"model": "m", "max_tokens": 9, member: said, **more}, x_litellm_tags="of all")
            assert answer.status_code == 200, answer.text
            asked.append((word, stream))
    for method, stream in (("generateContent", False), ("streamGenerateContent", True)):
        body = {"contents": [{"role": "user", "parts": [{"text": method}]}]}
        answer = gateway.post(f"/v1beta/models/m:{method}", body, x_litellm_tags="of all")
        assert answer.status_code == 200, answer.text
        asked.append((method, stream))
    for word, stream in asked:
        event = one(ears, word)
        assert (event["status"], event["stream"]) == ("success", stream)
        assert "of all" in event["request_tags"]
        assert event["metadata"]["user_api_key_user_id"] == "default_user_id"
        assert event["total_tokens"] > 0 or "images" in word
        assert "embeddings" in word or "images" in word or answer_text(event["response"]), word
    assert all(len(heard(ears, word)) == 1 for word, _ in asked)


def test_a_failure_is_told_to_who_hears_of_failures(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.control({"status": 400}, model="m-up", times=1)
    assert ask(gateway, "failed").status_code == 400
    event = one(ears, "failed")
    assert (event["status"], event["error_information"]["error_code"]) == ("failure", "400")
    assert ask(gateway, "afterwards").status_code == 200
    one(ears, "afterwards")
    eventually(lambda: told_langfuse(ears, "afterwards"), "langfuse is told", PATIENCE)
    assert told_langfuse(ears, f"{SECRET} failed") == []


def test_what_broke_off_who_left_and_what_nobody_serves_is_told_once(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    chunks = [{"choices": [{"index": 0, "delta": {"content": "x"}}]}, {"choices": [], "usage": usage}]
    mock.control({"events": [json.dumps(chunk) for chunk in chunks], "no_done": True}, model="m-up", times=1)
    assert "error" in ask(gateway, "broke off", stream=True).text
    mock.control({"tokens": 1000, "token_rate": 50}, model="m-up", times=1)
    body = {"model": "m", "messages": [{"role": "user", "content": "who left"}], "stream": True}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        next(answer.iter_lines())
    nobody = {"model": "nobody", "messages": [{"role": "user", "content": "nobody serves"}]}
    assert gateway.chat(nobody).status_code == 404
    broken, left, refused = one(ears, "broke off"), one(ears, "who left"), one(ears, "nobody serves")
    assert (broken["status"], broken["total_tokens"], broken["response_cost"] > 0) == ("failure", 10, True)
    assert (left["status"], left["error_information"]["error_code"]) == ("failure", "499")
    assert (left["error_information"]["error_class"], left["completion_tokens"] > 0) == ("ClientDisconnected", True)
    assert (refused["status"], refused["error_information"]["error_code"]) == ("failure", "404")
    assert all(len(heard(ears, word)) == 1 for word in ("broke off", "who left", "nobody serves"))


def test_who_wants_no_log_has_none(gateway: Gateway, ears: Ears) -> None:
    for stream in (False, True):
        assert ask(gateway, "unheard", stream=stream, **{"no-log": True}).status_code == 200
    assert ask(gateway, "next").status_code == 200
    one(ears, "next")
    assert heard(ears, "unheard") == []


def test_a_destination_may_be_told_without_content(gateway: Gateway, ears: Ears) -> None:
    answer = ask(gateway, "quietly")
    one(ears, "quietly")
    eventually(lambda: of_call(ears, answer, "/quiet"), "the quiet one is told, too", PATIENCE)
    assert SECRET not in str(ears.events("/quiet"))
    assert of_call(ears, answer, "/quiet")[0]["response_cost"] > 0


def test_what_was_said_is_in_no_row_and_no_log(gateway: Gateway, ears: Ears) -> None:
    answer = ask(gateway, "unstored")
    one(ears, "unstored")
    call = {"request_id": answer.headers["x-litellm-call-id"] + "-0"}
    eventually(lambda: gateway.client.get("/spend/logs", params=call).json(), "the row is there", PATIENCE)
    assert SECRET not in gateway.client.get("/spend/logs", params=call).text
    assert SECRET not in gateway.log
    assert "canary" not in gateway.log
    assert "callback compression_interception: not served by this release" in gateway.log
    eventually(lambda: "callback away does not take events" in gateway.log, "who is away is said", PATIENCE)


def test_a_destination_that_fails_gets_what_it_missed(gateway: Gateway, ears: Ears) -> None:
    ears.status = 503
    try:
        assert ask(gateway, "missed").status_code == 200
        eventually(
            lambda: "callback generic_api does not take events: status 503" in gateway.log, "it is said", PATIENCE
        )
    finally:
        ears.status = 200
    one(ears, "missed")


def test_one_event_that_langfuse_refuses_takes_no_other_with_it(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    lost = 'events_total{callback="langfuse",outcome="lost"}'
    before = figure(gateway, lost)

    def judging(path: str, said: Any) -> tuple[int, bytes] | None:
        if path != "/api/public/ingestion" or "refused by it" not in str(said):
            return None
        found = [{"id": one["id"], "status": 400} for one in said["batch"] if "refused by it" in str(one)]
        return 207, json.dumps({"successes": [], "errors": found}).encode()

    def taken(word: str) -> list[Any]:
        told = [said["batch"] for path, _, said in ears.heard if path == "/api/public/ingestion"]
        return [batch for batch in told if word in str(batch) and "refused by it" not in str(batch)]

    ears.judging = judging
    try:
        for word in ("before it", "refused by it", "after it"):
            assert ask(gateway, word).status_code == 200
        eventually(lambda: taken("before it") and taken("after it"), "the others are told without it", PATIENCE)
        eventually(lambda: figure(gateway, lost) == before + 1, "it is counted, and no other", PATIENCE)
    finally:
        ears.judging = lambda _path, _said: None


def test_how_far_a_destination_is_behind_is_shown(gateway: Gateway, ears: Ears) -> None:
    assert ask(gateway, "behind").status_code == 200
    one(ears, "behind")
    eventually(
        lambda: figure(gateway, 'behind_bytes{callback="hanging"}') > 0, "what never answers is behind", PATIENCE
    )
    eventually(lambda: figure(gateway, 'behind_bytes{callback="generic_api"}') == 0, "what answers is not", PATIENCE)


def asked(gateway: Gateway, word: str, secret: str | None = None, **headers: str) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": f"{SECRET} {word}"}]}
    own = {"authorization": f"Bearer {secret}"} if secret else {}
    answer = gateway.client.post("/v1/chat/completions", json=body, headers={**own, **headers})
    assert answer.status_code == 200
    return answer


def made(gateway: Gateway, path: str, **body: Any) -> dict[str, Any]:
    answer = gateway.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def own_langfuse(ears: Ears, name: str) -> dict[str, Any]:
    variables = {"langfuse_public_key": name, "langfuse_secret": f"sk-canary-{name}", "langfuse_host": ears.url}
    return {"callback_name": "langfuse", "callback_type": "success", "callback_vars": variables}


def test_a_team_and_a_key_have_callbacks_of_their_own(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    assert gateway.client.post("/team/new", json={"team_id": "tellers"}).status_code == 200
    answer = gateway.client.post("/team/tellers/callback", json=own_langfuse(ears, "of-team"))
    assert answer.status_code == 200, answer.text
    named = gateway.client.get("/team/tellers/callback").json()["data"]
    assert (named["success_callbacks"], named["failure_callbacks"]) == (["langfuse"], [])
    assert named["callback_vars"]["langfuse_public_key"] == "of-team"
    shown = [named, answer.json(), gateway.client.get("/team/info", params={"team_id": "tellers"}).json()]
    of_team = made(gateway, "/key/generate", team_id="tellers")["key"]
    made_key = made(gateway, "/key/generate", team_id="tellers", metadata={"logging": [own_langfuse(ears, "of-key")]})
    shown += [made_key, gateway.client.get("/key/info", params={"key": made_key["key"]}).json()]
    assert "canary" not in str(shown)
    asked(gateway, "by the team", of_team)
    asked(gateway, "by the key", made_key["key"])
    asked(gateway, "by nobody")

    def tellers(word: str) -> set[str]:
        return {b64decode(said.removeprefix("Basic ")).decode() for said in told_langfuse(ears, word)}

    usual = "pk:sk-canary-0815"
    own = {"langfuse_public_key": "guest", "langfuse_secret_key": "sk-canary-guest", "langfuse_host": ears.url}
    assert ask(gateway, "by a guest", metadata=own, langfuse_environment="there").status_code == 200
    assert "langfuse" not in str(mock.requests()[-1])
    eventually(
        lambda: tellers("by the team") == {usual, "of-team:sk-canary-of-team"}, "the team's own is told", PATIENCE
    )
    eventually(
        lambda: tellers("by the key") == {usual, "of-key:sk-canary-of-key"}, "the key's own alone is told", PATIENCE
    )
    eventually(lambda: tellers("by a guest") == {"guest:sk-canary-guest"}, "the request's own alone is told", PATIENCE)
    eventually(lambda: tellers("by nobody") == {usual}, "the usual one is told", PATIENCE)
    answer = gateway.client.post("/team/tellers/disable_logging")
    assert answer.json()["data"]["success_callbacks"] == []
    asked(gateway, "without logging", of_team)
    eventually(lambda: tellers("without logging") == {usual}, "the usual one is told", PATIENCE)
    assert "canary" not in gateway.log


def test_the_account_of_a_request_is_told_too_where_nobody_is_told_what_was_said(
    gateway: Gateway, mock: Mock, ears: Ears
) -> None:
    own = {"langfuse_public_key": "hushed", "langfuse_secret_key": "sk-canary-hushed", "langfuse_host": ears.url}
    theirs = f"Basic {b64encode(b'hushed:sk-canary-hushed').decode()}"
    with gateway.with_settings("litellm_settings", turn_off_message_logging=True):
        answer = ask(gateway, "by a hushed guest", metadata=own)
        eventually(
            lambda: any(one[1].get("authorization") == theirs for one in ears.heard), "its account is told", PATIENCE
        )
        (event,) = eventually(lambda: of_call(ears, answer, "/log"), "the others are told", PATIENCE)
    assert "by a hushed guest" not in str(ears.heard)
    assert "canary" not in str([body for _, _, body in ears.heard])
    assert event["response"] == {"text": "redacted-by-litellm"}
    assert "canary" not in gateway.log


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"callback_name": "langfuse", "callback_vars": {"color": "red"}}, 400, "no variable of callbacks"),
        ({"callback_name": "nowhere"}, 400, "is not served by this release"),
        ({"callback_name": "langfuse", "callback_type": "often"}, 400, "callback_type is one of"),
        ({"callback_name": "langfuse", "callback_vars": {"langfuse_host": "os.environ/X"}}, 400, "os.environ/"),
    ],
)
def test_a_callback_that_cannot_be(gateway: Gateway, body: dict[str, Any], status: int, said: str) -> None:
    gateway.client.post("/team/new", json={"team_id": "refused"})
    answer = gateway.client.post("/team/refused/callback", json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert gateway.client.get("/team/refused/callback").json()["data"]["callback_vars"] == {}


def test_a_request_may_ask_that_a_callback_be_told_nothing_or_little(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    asked(gateway, "muted", **{"x-litellm-disable-callbacks": "generic_api, quiet"})
    answer = asked(gateway, "little", **{"litellm-enable-message-redaction": "true"})
    asked(gateway, "everything")
    one(ears, "everything")
    eventually(lambda: told_langfuse(ears, "muted"), "who is not muted is told", PATIENCE)
    (little,) = eventually(lambda: of_call(ears, answer, "/log"), "who is told little is told", PATIENCE)
    assert heard(ears, "muted") == heard(ears, "little") == []
    assert little["response"] == {"text": "redacted-by-litellm"}
    assert [message["content"] for message in little["messages"]] == ["redacted-by-litellm"]


def test_no_credential_of_a_request_is_told(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    said = {"crm": {"password": "canary-of-a-client"}, "session_id": "kept"}
    assert ask(gateway, "with a secret", metadata=said).status_code == 200
    event = one(ears, "with a secret")
    assert event["metadata"]["requester_metadata"] == {"crm": {}, "session_id": "kept"}
    assert "canary-of-a-client" not in str(ears.heard)
    assert "sk-test" not in str([body for _, _, body in ears.heard]), "nor one of a provider"


def test_which_callbacks_there_are(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    listed = gateway.client.get("/callbacks/list").json()
    active = gateway.client.get("/active/callbacks").json()
    assert active == gateway.client.get("/settings").json()
    assert set(active["litellm.success_callback"]) == {*listed["success"], *listed["success_and_failure"]}
    assert active["litellm.callbacks"] == listed["success_and_failure"]
    assert active["num_callbacks"] == len(active["all_litellm_callbacks"])
    assert (active["alerting"], active["num_alerting"]) == ("None", 0)
    assert (listed["success"], listed["failure"]) == (["langfuse"], [])
    assert listed["success_and_failure"] == [
        "generic_api", "quiet", "away", "compression_interception", "focus", "half", "hanging",
    ]  # fmt: skip
    known = {row["id"]: row for row in gateway.client.get("/callbacks/configs").json()}
    assert known["langfuse"]["dynamic_params"]["langfuse_secret"]["type"] == "password"
    assert {row["name"] for row in gateway.client.get("/get/config/callbacks").json()["callbacks"]} >= {"quiet"}
    answer = gateway.client.get("/health/services", params={"service": "generic_api"})
    assert answer.json()["status"] == "success", answer.text
    assert [event["model"] for event in ears.events()].count("litellm-test") == 1
    for name, reason in (
        ("away", "ConnectError"),
        ("compression_interception", "not served"),
        ("posthog", "not in the config"),
    ):
        answer = gateway.client.get("/health/services", params={"service": name})
        assert (answer.status_code, reason in answer.text) == (400, True), answer.text


def test_a_key_may_try_its_own_destinations(gateway: Gateway, ears: Ears) -> None:
    def health(**fields: Any) -> Any:
        secret = made(gateway, "/key/generate", **fields)["key"]
        answer = gateway.client.post("/key/health", headers={"authorization": f"Bearer {secret}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert health() == {"key": "healthy", "logging_callbacks": None}
    well = health(metadata={"logging": [own_langfuse(ears, "tried")]})
    assert (well["key"], well["logging_callbacks"]["callbacks"]) == ("healthy", ["langfuse"])
    assert f"Basic {b64encode(b'tried:sk-canary-tried').decode()}" in told_langfuse(ears, "litellm-test")
    elsewhere = {"langfuse_public_key": "p", "langfuse_secret": "s", "langfuse_host": "http://127.0.0.1:1"}
    ill = health(metadata={"logging": [{"callback_name": "langfuse", "callback_vars": elsewhere}]})
    assert (ill["key"], ill["logging_callbacks"]["status"]) == ("unhealthy", "unhealthy")
    assert "did not take a test event" in ill["logging_callbacks"]["details"]


def test_channels_of_alerts_may_be_tried(gateway: Gateway, ears: Ears) -> None:
    def tried(name: str) -> Any:
        return gateway.client.get("/health/services", params={"service": name})

    assert tried("slack").status_code == 400
    with gateway.with_settings("general_settings", alerting=["slack", "webhook", "email", "ms_teams", "pagerduty"]):
        for name in ("slack", "slack_budget_alerts", "webhook"):
            answer = tried(name)
            assert (answer.status_code, answer.json()["status"]) == (200, "success"), answer.text
        for name in ("ms_teams", "email", "pagerduty"):
            assert tried(name).status_code == 400
    # what failed before may be told of, too, now that somebody is
    tests = [said for path, _, said in ears.heard if path == "/slack" and "This is a test of" in said["text"]]
    assert len(tests) == 2
    assert "This is a test of litellm-test" in tests[0]["text"]
    (event,) = (said for path, _, said in ears.heard if path == "/events")
    assert (event["event"], event["event_group"]) == ("budget_crossed", "user")


def test_the_services_that_the_gateway_leans_on_are_told_of(gateway: Gateway, mock: Mock) -> None:
    mock.reset()
    assert gateway.client.post("/key/generate", json={}).status_code == 200
    ask(gateway, "counted")
    for service in ("postgres", "batch_write_to_db"):
        count = f'litellm_{service}_latency_count{{{service}="{service}"}} '
        eventually(lambda count=count: count in gateway.client.get("/metrics").text, f"{service} is told of", PATIENCE)


def test_what_was_spent_is_exported(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    secret = made(gateway, "/key/generate", key_alias="billed")["key"]
    answer = asked(gateway, "billed", secret)

    def bills() -> list[dict[str, str]]:
        found = [said for path, _, said in ears.heard if path.startswith("/bills/focus_exports/date%3D")]
        return (
            [row for row in csv.DictReader(io.StringIO(found[-1])) if row["BillingAccountName"] == "billed"]
            if found
            else []
        )

    eventually(bills, "the key's request is on a bill", PATIENCE)
    (row,) = bills()
    assert (row["ConsumedQuantity"], row["ResourceId"], row["ServiceName"]) == ("1", "m-up", "m")
    used = answer.json()["usage"]
    assert float(row["BilledCost"]) == pytest.approx(used["prompt_tokens"] * 0.001 + used["completion_tokens"] * 0.002)
    assert "canary" not in gateway.log


def test_one_that_hangs_and_one_that_fails_cost_the_others_nothing(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    words = [f"word {number}." for number in range(5)]
    for word in words:
        asked(gateway, word)
        one(ears, word)

    def half() -> list[str]:
        said = [str(event["messages"]) for event in ears.events("/half")]
        return [word for event in said for word in words if word in event]

    eventually(lambda: sorted(half()) == words, "who fails each other time is told everything once", PATIENCE)
    assert "/hanging" in ears.tries
    assert ears.events("/hanging") == []
    assert ears.tries.count("/half") >= 2


@pytest.fixture(scope="module")
def lonely(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose configuration names no callback."""
    folder = tmp_path_factory.mktemp("lonely")
    named = {
        "model_list": [openai_model("m", "m-up", mock_process.url, **PRICES)],
        "litellm_settings": {"provider_url_destination_allowed_hosts": ["127.0.0.1"]},
    }
    with Gateway(named, folder, edge=edge, env={**BOOKS, "TIANJI_DATA_DIR": str(folder / "data")}) as running:
        yield running


def test_a_key_has_callbacks_where_nobody_else_has(lonely: Gateway, mock: Mock, ears: Ears) -> None:
    mock.reset()
    secret = made(lonely, "/key/generate", metadata={"logging": [own_langfuse(ears, "lonely")]})["key"]
    asked(lonely, "of the others")
    own = asked(lonely, "all alone", secret)
    eventually(lambda: len(told_langfuse(ears, "all alone")) == 1, "the key's own is told", PATIENCE)
    assert told_langfuse(ears, "of the others") == []
    call = {"request_id": own.headers["x-litellm-call-id"] + "-0"}
    eventually(lambda: lonely.client.get("/spend/logs", params=call).json(), "the row is there", PATIENCE)
    assert SECRET not in lonely.client.get("/spend/logs", params=call).text, "what was said is told, and not kept"
