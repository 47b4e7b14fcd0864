"""Providers' own APIs behind guardrails: what goes on, what comes out, and what nobody looks at."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, MASTER_KEY, UPSTREAM_KEY, Gateway, Mock, eventually
from tests.contract.passthrough.conftest import environment
from tests.contract.passthrough.watching import new_key
from tests.fakes.judge import MASK, REASON, Judge
from tests.fakes.websocket import BINARY, TEXT, Client

USUAL = {"x-litellm-tags": "usual"}  # a guardrail of these tests is on by default, for requests that say this
OPENAI = "/openai/v1/chat/completions"
CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(name: str, mode: object, path: str = "", **params: object) -> dict[str, Any]:
        about = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge_process.url + path, **params}
        return {"guardrail_name": name, "litellm_params": about}

    config = {
        "guardrails": [
            guardrail("pre", "pre_call"),
            guardrail("refuses", "post_call", "/refuses"),
            guardrail("shouts", "post_call", "/shouts"),
            guardrail("instead", "pre_call", on_flagged_action="passthrough"),
            guardrail("leads", "pre_call", on_sensitive_data="route", sensitive_data_route_to_model="other"),
            guardrail(
                "usual", {"tags": {"usual": ["pre_call", "post_call"]}, "default": "logging_only"}, default_on=True
            ),
        ],
        "general_settings": {
            "pass_through_endpoints": [
                {"path": "/openai/bare", "target": f"{mock_process.url}/v1/chat/completions"},
            ]
        },
    }
    env = {**BOOKS, **environment(mock_process.url), "MISTRAL_API_KEY": UPSTREAM_KEY}
    with Gateway(config, tmp_path_factory.mktemp("guarded"), edge=edge, env=env) as running:
        yield running


def turns(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


FORMS = {
    "chat": (OPENAI, lambda text: {"model": "gpt-4o", "messages": turns(text)}),
    "completions": ("/openai/v1/completions", lambda text: {"model": "gpt-4o", "prompt": text}),
    "responses": ("/openai_passthrough/v1/responses", lambda text: {"model": "gpt-4o", "input": text}),
    "messages": (
        "/anthropic/v1/messages",
        lambda text: {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": turns(text)},
    ),
    "gemini": (
        "/gemini/v1beta/models/gemini-2.5-flash:generateContent",
        lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
    ),
    "converse": (
        f"/bedrock/model/{CLAUDE}/converse",
        lambda text: {"messages": [{"role": "user", "content": [{"text": text}]}]},
    ),
    "cohere": ("/cohere/v2/chat", lambda text: {"model": "command-a-03-2025", "messages": turns(text)}),
    "embeddings": ("/openai/v1/embeddings", lambda text: {"model": "text-embedding-3-small", "input": text}),
}
ANSWERED = [name for name in FORMS if name != "embeddings"]
STREAMS = ("chat", "messages", "gemini", "responses", "cohere")


def post(gateway: Gateway, name: str, text: str, *guardrails: str, **options: Any) -> httpx.Response:
    path, body = FORMS[name]
    asked = body(text)
    if options.pop("stream", False):
        if name == "gemini":
            path = path.replace("generateContent", "streamGenerateContent?alt=sse")
        else:
            asked["stream"] = True
    if guardrails:
        asked["guardrails"] = list(guardrails)
    return gateway.client.post(path, json=asked, **options)


def sent(mock: Mock) -> str:
    return json.dumps(json.loads(mock.last()["body"]))


@pytest.mark.parametrize("name", FORMS)
def test_what_is_masked_goes_to_no_provider(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = post(gateway, name, "tell me a secret now", "pre")
    assert answer.status_code == 200, answer.text
    assert f"tell me a {MASK} now" in sent(mock)
    assert "guardrails" not in sent(mock), "that was said to the gateway"
    assert "tell me a secret now" in judge.texts()[0]
    assert answer.headers["x-litellm-applied-guardrails"] == "pre"


@pytest.mark.parametrize("name", FORMS)
def test_a_request_that_is_refused_goes_nowhere(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = post(gateway, name, "something forbidden", "pre")
    assert (answer.status_code, answer.json().get("message", answer.text)) == (400, answer.text), "no vendor said it"
    assert REASON in answer.text
    assert mock.requests() == []


def test_the_ledger_knows_of_refusals(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    calls = {
        post(gateway, "chat", "forbidden", "pre").headers["x-litellm-call-id"]: "failure",
        post(gateway, "chat", "one two", "pre").headers["x-litellm-call-id"]: "success",
    }

    def entered() -> dict[str, str]:
        found = {row["litellm_call_id"]: row["status"] for row in gateway.client.get("/spend/logs").json()}
        return {call: found.get(call, "") for call in calls}

    eventually(lambda: entered() == calls, "both are in the ledger")


@pytest.mark.parametrize("name", ANSWERED)
def test_an_answer_that_is_refused_does_not_go_out(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = post(gateway, name, "one two three", "refuses")
    assert answer.status_code == 400
    assert REASON in answer.text
    assert len(mock.requests()) == 1


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_goes_out_as_it_was_judged(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    bare = post(gateway, name, "one two three", stream=True)
    assert bare.headers["content-type"].startswith("text/event-stream")
    assert judge.asked == []
    refused = post(gateway, name, "one two three", "refuses", stream=True)
    assert REASON in refused.text
    said = max((text for texts in judge.texts() for text in texts), key=len)
    assert said.split()[0] not in refused.text
    shouted = post(gateway, name, "one two three", "shouts", stream=True)
    assert shouted.status_code == 200
    assert said.split()[0].upper() in shouted.text
    assert said.split()[0] not in shouted.text


def test_streams_that_nobody_can_read_do_not_go_out(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    path, body = FORMS["converse"]
    answer = gateway.post(f"{path}-stream", {**body("one two three"), "guardrails": ["refuses"]})
    assert answer.status_code == 502
    assert judge.asked == []


def test_a_guardrail_that_is_on_by_default_guards_these_too(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert post(gateway, "chat", "forbidden").status_code == 200
    assert judge.asked == []
    assert post(gateway, "chat", "forbidden", headers=USUAL).status_code == 400
    assert post(gateway, "chat", "one two", headers=USUAL).status_code == 200
    assert [one["input_type"] for one in judge.asked] == ["request", "request", "response"]


def test_a_key_names_guardrails_for_these_too(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    key = new_key(gateway, guardrails=["pre"])
    assert post(gateway, "messages", "forbidden", headers=key).status_code == 400
    assert post(gateway, "messages", "one two", headers=key).status_code == 200
    free = new_key(gateway, metadata={"disable_global_guardrails": True})
    assert post(gateway, "messages", "forbidden", headers={**USUAL, **free}).status_code == 200


def test_an_endpoint_of_the_configuration_below_a_providers_path_says_itself(
    gateway: Gateway, mock: Mock, judge: Judge
) -> None:
    body = {"model": "gpt-4o", "messages": turns("forbidden")}
    assert gateway.client.post("/openai/bare", json=body, headers=USUAL).status_code == 200
    assert judge.asked == []


def test_a_name_that_nobody_has_is_an_error_and_another_form_the_providers(
    gateway: Gateway, mock: Mock, judge: Judge
) -> None:
    answer = post(gateway, "chat", "one two", "nobody")
    assert (answer.status_code, mock.requests()) == (400, [])
    theirs = {"model": "mistral-small", "messages": turns("one two"), "guardrails": [{"block_on_error": True}]}
    assert gateway.client.post("/mistral/v1/chat/completions", json=theirs, headers=USUAL).status_code == 200
    assert json.loads(mock.last()["body"]) == theirs


def test_a_guardrail_answers_in_the_form_of_the_path(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert post(gateway, "messages", "forbidden", "instead").json()["content"][0]["text"] == REASON
    streamed = post(gateway, "gemini", "forbidden", "instead", stream=True)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert json.loads(streamed.text.split("data: ")[1])["candidates"][0]["content"]["parts"][0]["text"] == REASON
    path, body = FORMS["gemini"]
    array = gateway.post(path.replace(":g", ":streamG"), {**body("forbidden"), "guardrails": ["instead"]}).json()
    assert array[0]["candidates"][0]["content"]["parts"][0]["text"] == REASON
    assert post(gateway, "cohere", "forbidden", "instead").status_code == 400, "no form of ours: it is a refusal"
    assert mock.requests() == []


def test_no_other_model_can_be_asked_here(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    headers = {"x-litellm-session-id": "s-1"}
    assert post(gateway, "chat", "forbidden", "leads", headers=headers).status_code == 400
    assert mock.requests() == []


def test_what_is_no_json_passes_and_what_hides_json_does_not(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    path = "/anthropic/v1/odd"
    odd = {"content-type": "application/x-odd", **USUAL}
    gateway.client.post(path, content=b"PNG forbidden", headers=odd)
    assert mock.last()["body"].endswith("PNG forbidden")
    gateway.client.get("/anthropic/v1/odd", headers=USUAL)
    assert mock.last()["method"] == "GET"
    assert all(one["input_type"] == "response" for one in judge.asked)
    came = len(mock.requests())
    text = json.dumps({"messages": turns("forbidden")})
    for body in (text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16"), text.encode() + b"}"):
        assert gateway.client.post(path, content=body, headers=odd).status_code == 400
    packed = {"content-encoding": "gzip", **USUAL}
    assert gateway.client.post(OPENAI, content=gzip.compress(text.encode()), headers=packed).status_code == 400
    assert len(mock.requests()) == came


def test_a_large_body_that_is_no_json_passes(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    headers = {"content-type": "application/octet-stream", "authorization": f"Bearer {MASTER_KEY}", **USUAL}
    body = b"a" * (33 * 1024 * 1024)
    assert gateway.client.post("/openai_passthrough/v1/uploads", content=body, headers=headers).status_code != 413
    assert len(mock.requests()) == 1


def test_an_answer_that_is_compressed_does_not_go_out(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    mock.control({"headers": {"content-encoding": "br"}})
    assert post(gateway, "chat", "hello", headers=USUAL).status_code == 502


def line(text: str, name: str = "r") -> bytes:
    body = {"model": "gpt-4o", "messages": turns(text)}
    return json.dumps({"custom_id": name, "url": "/v1/chat/completions", "body": body}).encode() + b"\n"


def upload(gateway: Gateway, content: bytes, path: str = "/openai_passthrough/files", **fields: str) -> httpx.Response:
    return gateway.client.post(path, data=fields, files={"file": ("a.jsonl", content)}, headers=USUAL)


def test_requests_in_a_file_are_judged_one_by_one(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    refused = upload(gateway, line("hello") + line("forbidden", "b"), purpose="batch")
    assert (refused.status_code, mock.requests()) == (400, [])
    assert f"line 2 'b' is refused by the guardrail usual: {REASON}" in refused.json()["error"]["message"]
    for size in (1, 40_000):  # in memory, and in a file
        made = upload(gateway, line("a secret" + "!" * size) * 40 + line("hello"), purpose="batch")
        assert made.status_code == 200, made.text
        sent = mock.last()["body"]
        assert (sent.count(MASK), sent.count("secret")) == (40, 0)


def test_the_texts_of_a_form_are_judged(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    def edit(prompt: str) -> httpx.Response:
        return upload(gateway, b"PNG secret", "/openai/v1/images/edits", prompt=prompt, model="gpt-image-1")

    assert edit("forbidden").status_code == 400
    assert edit("a secret").status_code == 200
    assert f"a {MASK}" in mock.last()["body"]
    assert "PNG secret" in mock.last()["body"], "what the file holds is no text"
    assert [texts for texts in judge.texts() if "gpt-image-1" in texts] == []
    bad = {"content-type": "multipart/form-data; boundary=x", **USUAL}
    assert gateway.client.post("/openai/v1/images/edits", content=b"--x\r\nforbidden", headers=bad).status_code == 400


def test_answers_of_a_batch_that_lead_through_are_judged(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    said = {"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "a secret"}}]}
    lines = [json.dumps({"custom_id": name, "response": {"body": said}}) for name in "ab"]
    name = upload(gateway, "\n".join(lines).encode(), purpose="user_data").json()["id"]
    answer = gateway.client.get(f"/openai_passthrough/files/{name}/content", headers=USUAL)
    found = [json.loads(one) for one in answer.text.splitlines()]
    assert [one["response"]["body"]["choices"][0]["message"]["content"] for one in found] == [f"a {MASK}"] * 2


class TestSockets:
    """What a client says over a WebSocket that leads through."""

    @pytest.fixture
    def key(self, gateway: Gateway) -> dict[str, str]:
        return new_key(gateway, guardrails=["pre"])

    def test_all_that_looks_like_json_is_judged(
        self, gateway: Gateway, mock: Mock, judge: Judge, key: dict[str, str]
    ) -> None:
        with Client(gateway.connect(), "/deepgram/echo", **key) as client:
            client.say('{"say": ["tell me a secret now"]}')
            assert json.loads(client.message().payload) == {"say": [f"tell me a {MASK} now"]}
            for said in ('{"say": "forbidden"}', b'{"say": "forbidden"}'):
                client.say(said)
                event = json.loads(client.message().payload)
                assert (event["type"], REASON in event["error"]["message"]) == ("error", True)
            for kind, said in ((BINARY, b"a secret sound"), (TEXT, b"a secret text")):
                client.say(said if kind == BINARY else said.decode())
                assert client.message() == (kind, said, True)

    def test_a_realtime_session_is_judged_as_the_gateways_own(
        self, gateway: Gateway, mock: Mock, judge: Judge, key: dict[str, str]
    ) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a secret"}]}
        with Client(gateway.connect(), "/openai_passthrough/v1/realtime?model=echo", **key) as client:
            client.say(json.dumps({"type": "input_audio_buffer.append", "audio": "c2VjcmV0"}))
            assert json.loads(client.message().payload)["audio"] == "c2VjcmV0"
            client.say(json.dumps({"type": "conversation.item.create", "item": item}))
            assert json.loads(client.message().payload)["item"]["content"][0]["text"] == f"a {MASK}"
        assert len(judge.asked) == 1

    def test_whom_nobody_watches_is_not_listened_to(self, gateway: Gateway, mock: Mock, judge: Judge) -> None:
        with Client(gateway.connect(), "/deepgram/echo", authorization=f"Bearer {MASTER_KEY}") as client:
            client.say('{"say": "forbidden"}')
            assert client.message().payload == b'{"say": "forbidden"}'
        assert judge.asked == []
