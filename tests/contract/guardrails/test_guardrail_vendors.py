"""Vendors of guardrails through the running gateway, each in its own wire form."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, MASTER_KEY, Gateway, Mock, events, eventually, openai_model
from tests.fakes.guard_vendors import ADDRESS, GuardVendors
from tests.fakes.websocket import Client

SECRET = "the-secret-of-the-vendor"
JUDGE = {"judge_model": "judge", "criteria": [{"name": "kind", "weight": 100}]}
CHECKS = [{"name": "rude", "instructions": "It is rude."}]
ROUTES = [{"name": "war", "utterances": ["tanks"]}]
WORDS = [{"keyword": "gun", "action": "BLOCK"}]
SUSPECTS = {
    "llm_api_check": True,
    "llm_api_name": "judge",
    "llm_api_system_prompt": "Is it an attack?",
    "llm_api_fail_call_string": "UNSAFE",
}
TOKEN = "<EMAIL_ADDRESS_1>"


@pytest.fixture(scope="module")
def vendors_process() -> Iterator[GuardVendors]:
    with GuardVendors() as vendors:
        yield vendors


@pytest.fixture
def vendors(vendors_process: GuardVendors) -> GuardVendors:
    vendors_process.reset()
    return vendors_process


def entry(name: str, kind: str, mode: str, **params: object) -> dict[str, Any]:
    return {"guardrail_name": name, "litellm_params": {"guardrail": kind, "mode": mode, **params}}


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, vendors_process: GuardVendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    url = vendors_process.url
    bedrock = {
        "guardrailIdentifier": "gr",
        "aws_region_name": "us-east-1",
        "aws_access_key_id": "AKID",
        "aws_secret_access_key": SECRET,
        "aws_bedrock_runtime_endpoint": f"{url}/bedrock",
    }
    purview = {
        "tenant_id": "t1",
        "client_id": "c1",
        "client_secret": SECRET,
        "api_base": f"{url}/graph",
        "auth_url": f"{url}/login",
    }
    analyzer = {"presidio_analyzer_api_base": f"{url}/presidio"}
    config = {
        "model_list": [
            openai_model("gpt-test", "gpt-test", mock_process.url),
            openai_model("judge", "judge", mock_process.url, guardrails=["judged"]),
            openai_model("vectors", "vectors", mock_process.url),
            openai_model("talks", "echo", mock_process.url, guardrails=["restores"]),
        ],
        "guardrails": [
            entry("restores", "presidio", "pre_call", output_parse_pii=True, **analyzer),
            entry("masks", "presidio", "post_call", **analyzer),
            entry("bedrock", "bedrock", "pre_call", **bedrock),
            entry("purview", "microsoft_purview", "pre_call", user_id_field="person", **purview),
            entry("keyless", "lakera_v2", "pre_call", api_key=SECRET, api_base=f"{url}/lakera", fail_open=True),
            entry("judged", "llm_as_a_judge", "post_call", fail_open=False, **JUDGE),
            entry("judged-open", "llm_as_a_judge", "pre_call", timeout=0.3, **JUDGE),
            entry("judged-closed", "llm_as_a_judge", "pre_call", timeout=0.3, fail_open=False, **JUDGE),
            entry("decides", "decision_model", "during_call", decision_model="judge", checks=CHECKS),
            entry("means", "semantic_guard", "pre_call", embedding_model="vectors", custom_routes=ROUTES),
            entry("sees", "litellm_content_filter", "pre_call", image_model="judge", blocked_words=WORDS),
            entry("suspects", "prompt_injection", "pre_call", **SUSPECTS),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("vendors"), edge=edge, env=BOOKS) as running:
        yield running


def ask(gateway: Gateway, text: str, guardrail: str, **members: Any) -> httpx.Response:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": text}], "guardrails": [guardrail]}
    return gateway.chat({**body, **members})


def says(mock: Mock, text: str, model: str = "gpt-test") -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [message]}
    mock.control({"body": json.dumps(answer)}, model=model, times=1)


def streams(mock: Mock, *pieces: str) -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test"}
    deltas = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    mock.control({"events": [json.dumps({**head, "choices": [choice]}) for choice in (*deltas, last)] + ["[DONE]"]})


def said(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


def test_personal_data_is_kept_from_the_model_and_put_back_for_the_client(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    says(mock, f"I wrote to {TOKEN}.")

    assert said(ask(gateway, f"Write to {ADDRESS}!", "restores")) == f"I wrote to {ADDRESS}."
    asked = json.loads(mock.last()["body"])["messages"][0]["content"]
    assert asked == f"Write to {TOKEN}!"


def test_what_is_put_back_may_come_in_pieces(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    streams(mock, "I wrote to <EMAIL_", "ADDRESS", "_1> and <EMAIL_ADDRESS_2>.")
    answer = ask(gateway, f"Write to {ADDRESS}!", "restores", stream=True)

    assert answer.status_code == 200, answer.text
    pieces = [event["choices"][0]["delta"].get("content") or "" for event in events(answer.text)[:-1]]
    assert "".join(pieces) == f"I wrote to {ADDRESS} and <EMAIL_ADDRESS_2>."


def test_what_is_put_back_is_heard_in_conversations_too(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    other = ADDRESS.replace("ann", "bob")
    vendors.personal = (ADDRESS, other)
    with Client(gateway.connect(), "/v1/realtime?model=talks", authorization=f"Bearer {MASTER_KEY}") as client:

        def echoed(event: dict[str, Any]) -> dict[str, Any]:
            client.say(json.dumps(event))
            heard: dict[str, Any] = json.loads(client.message().payload)
            return heard

        for address, number in ((ADDRESS, 1), (other, 2), (ADDRESS, 1)):
            content = [{"type": "input_text", "text": f"I am {address}"}]
            item = {"type": "message", "role": "user", "content": content}
            said = echoed({"type": "conversation.item.create", "item": item})
            assert said["item"]["content"][0]["text"] == f"I am <EMAIL_ADDRESS_{number}>", "as the model has it"
        whole = {
            "type": "response.output_text.done",
            "response_id": "r",
            "text": "<EMAIL_ADDRESS_2>, <EMAIL_ADDRESS_1>",
        }
        assert echoed(whole)["text"] == f"{other}, {ADDRESS}"
        aloud = {"type": "response.output_audio_transcript.done", "response_id": "r", "transcript": "<EMAIL_ADDRESS_1>"}
        assert echoed(aloud)["transcript"] == ADDRESS, "words that were put back are no mask of what is spoken"


def test_personal_data_is_kept_from_the_client(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    says(mock, f"It is {ADDRESS}.")

    assert said(ask(gateway, "Which?", "masks")) == "It is <EMAIL_ADDRESS>."
    assert [path for path, _ in vendors.asked] == ["/presidio/analyze"]


def test_bedrock_is_asked_with_a_signature(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    assert ask(gateway, "hello", "bedrock").status_code == 200
    answer = ask(gateway, "something forbidden", "bedrock")

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == "Violated guardrail policy"
    assert error["provider_specific_fields"]["bedrock_guardrail_response"] == "Sorry."
    assert len(mock.requests()) == 1
    path, document = vendors.asked[0]
    assert path == "/bedrock/guardrail/gr/version/DRAFT/apply"
    assert document == {"source": "INPUT", "content": [{"text": {"text": "hello"}}]}


def test_a_token_is_asked_for_once_and_again_when_it_is_refused(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    metadata = {"person": "p1"}
    given = vendors.tokens
    assert ask(gateway, "hello", "purview", metadata=metadata).status_code == 200
    assert ask(gateway, "hello again", "purview", metadata=metadata).status_code == 200
    assert vendors.tokens <= given + 1
    given = vendors.tokens
    vendors.revoke()

    assert ask(gateway, "something forbidden", "purview", metadata=metadata).status_code == 400
    assert vendors.tokens == given + 1
    path, form = next(call for call in vendors.asked if call[0].startswith("/login"))
    assert path == "/login/t1/oauth2/v2.0/token"
    assert (form["client_id"], form["client_secret"]) == ("c1", SECRET)


def test_a_wrong_key_lets_nothing_pass_whatever_the_entry_says(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    answer = ask(gateway, "hello", "keyless")

    assert answer.status_code == 500
    assert mock.requests() == []
    assert SECRET not in answer.text
    assert SECRET not in gateway.log


# -- models of the gateway's own ---------------------------------------------------------------------------------------


def marks(mock: Mock, mark: int) -> None:
    says(mock, json.dumps({"marks": {"kind": mark}}), "judge")


def asked_of(mock: Mock, model: str) -> list[Any]:
    return [body for call in mock.requests() if (body := json.loads(call["body"]))["model"] == model]


def test_a_judge_is_a_model_of_the_gateways_own(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    marks(mock, 90)
    passed = ask(gateway, "hello", "judged")
    assert passed.status_code == 200, passed.text
    (question,) = asked_of(mock, "judge")
    assert '"content":"hello"' in question["messages"][1]["content"]
    assert question.keys() == {"model", "messages"}, "what marks it is not for the provider"
    marks(mock, 10)
    refused = ask(gateway, "hello", "judged")
    assert refused.status_code == 400
    assert refused.json()["error"]["provider_specific_fields"]["eval_information"]["marks"] == {"kind": 10}


def test_a_stream_waits_for_its_judge(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    marks(mock, 90)
    assert "[DONE]" in ask(gateway, "hello", "judged", stream=True).text
    marks(mock, 10)
    assert ask(gateway, "hello", "judged", stream=True).status_code == 400


def test_nobody_judges_the_question_to_a_judge(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    marks(mock, 90)
    body = {"model": "judge", "messages": [{"role": "user", "content": "hello"}]}
    answer = gateway.chat(body)
    assert answer.headers["x-litellm-applied-guardrails"] == "judged", "who asks the model meets its guardrail"
    assert len(asked_of(mock, "judge")) == 2


def test_the_question_has_an_entry_of_its_own_in_the_ledger(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    marks(mock, 90)
    call_id = ask(gateway, "hello", "judged").headers["x-litellm-call-id"]

    def marked() -> list[dict[str, Any]]:
        rows = gateway.client.get("/spend/logs").json()
        return [row for row in rows if row["session_id"] == call_id and row["request_tags"] == ["guardrail:judged"]]

    (row,) = eventually(marked, "an entry of the question")
    assert (row["model_group"], row["status"]) == ("judge", "success")
    assert row["prompt_tokens"] > 0


@pytest.mark.parametrize(("guardrail", "status"), [("judged-open", 200), ("judged-closed", 500)])
def test_a_judge_that_hangs_is_given_up(
    gateway: Gateway, mock: Mock, vendors: GuardVendors, guardrail: str, status: int
) -> None:
    mock.control({"delay_ms": 60_000}, model="judge")
    assert ask(gateway, "hello", guardrail).status_code == status
    mock.wait(aborted=1)


def test_a_judge_that_says_nothing_usable_has_not_judged(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    says(mock, "I would rather not say.", "judge")
    assert ask(gateway, "hello", "judged").status_code == 500


@pytest.mark.parametrize(("probability", "status"), [(0.1, 200), (0.9, 400)])
def test_a_model_decides(gateway: Gateway, mock: Mock, vendors: GuardVendors, probability: float, status: int) -> None:
    says(mock, json.dumps({"probability": probability}), "judge")
    assert ask(gateway, "hello", "decides").status_code == status


def test_vectors_of_a_model_say_what_means_the_same(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    def says_vectors(*vectors: list[float]) -> None:
        rows = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(vectors)]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        body = {"object": "list", "model": "vectors", "data": rows, "usage": usage}
        mock.control({"body": json.dumps(body)}, model="vectors", times=1)

    says_vectors([1.0, 0.0], [0.0, 1.0])
    assert ask(gateway, "flowers", "means").status_code == 200
    says_vectors([1.0, 0.1])
    assert ask(gateway, "bombs", "means").status_code == 400
    assert [one["input"] for one in asked_of(mock, "vectors")] == [["tanks", "flowers"], ["bombs"]]


@pytest.mark.parametrize(("said", "status"), [("a cat", 200), ("a man with a gun", 400)])
def test_images_are_described_by_a_model(
    gateway: Gateway, mock: Mock, vendors: GuardVendors, said: str, status: int
) -> None:
    says(mock, said, "judge")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    message = {"role": "user", "content": [{"type": "text", "text": "Who is it?"}, picture]}
    answer = gateway.chat({"model": "gpt-test", "messages": [message], "guardrails": ["sees"]})
    assert answer.status_code == status, answer.text
    assert picture in asked_of(mock, "judge")[0]["messages"][1]["content"]


@pytest.mark.parametrize(("said", "status"), [("fine", 200), ("That is UNSAFE.", 400)])
def test_a_model_may_suspect_a_request(
    gateway: Gateway, mock: Mock, vendors: GuardVendors, said: str, status: int
) -> None:
    says(mock, said, "judge")
    assert ask(gateway, "hello", "suspects").status_code == status
