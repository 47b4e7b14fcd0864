"""Guardrails around requests: what goes to the model, what comes out, and what happens when nobody can judge."""

import base64
import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model
from tests.fakes.judge import MASK, REASON, Judge

from tianji.dialects.openai import Dialect
from tianji.dialects.rows import ROWS

CHAT = "/v1/chat/completions"


def guardrail(judge: Judge, name: str, mode: object, path: str = "", **params: object) -> dict[str, Any]:
    params = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge.url + path, **params}
    return {"guardrail_name": name, "litellm_params": params}


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    judge = judge_process
    config = {
        "model_list": [
            openai_model("gpt-test", "gpt-test", mock_process.url),
            openai_model("other", "other", mock_process.url),
            openai_model("embed", "embed-up", mock_process.url),
            openai_model("owned", "owned", mock_process.url, guardrails=["pre"]),
            openai_model("owned-embed", "embed-up", mock_process.url, guardrails=["pre"]),
        ],
        "guardrails": [
            guardrail(judge, "pre", "pre_call"),
            guardrail(judge, "strict", "pre_call", unscannable_content="block"),
            guardrail(judge, "during", "during_call"),
            guardrail(judge, "post", "post_call"),
            guardrail(judge, "refuses", "post_call", "/refuses"),
            guardrail(judge, "shouts", "post_call", "/shouts"),
            guardrail(judge, "broken", "pre_call", "/broken"),
            guardrail(judge, "broken-after", "post_call", "/broken"),
            guardrail(judge, "open", "pre_call", "/broken", unreachable_fallback="fail_open"),
            guardrail(judge, "hanging", "pre_call", "/slow", timeout=0.3),
            guardrail(judge, "slow", "pre_call", "/slow", timeout=20),
            guardrail(judge, "slow-beside", "during_call", "/slow", timeout=20),
            guardrail(judge, "monitor", "pre_call", on_flagged="monitor"),
            guardrail(judge, "instead", "pre_call", on_flagged_action="passthrough"),
            guardrail(judge, "beside", "pre_call", run_in_parallel=True),
            guardrail(judge, "leads", "pre_call", on_sensitive_data="route", sensitive_data_route_to_model="other"),
            guardrail(
                judge,
                "leads-once",
                "pre_call",
                on_sensitive_data="route",
                sensitive_data_route_to_model="embed",
                sticky_session_routing=False,
            ),
            guardrail(
                judge, "worded", "pre_call", violation_message_template="{guardrail_name} says {default_message}"
            ),
        ],
        "router_settings": {"num_retries": 1, "fallbacks": [{"gpt-test": ["other"]}]},
        "general_settings": {
            "pass_through_endpoints": [
                {"path": "/led", "target": f"{mock_process.url}/v1/chat/completions", "guardrails": ["pre", "refuses"]},
                {
                    "path": "/fields",
                    "target": f"{mock_process.url}/v1/chat/completions",
                    "guardrails": {"pre": {"request_fields": ["messages[*].content"]}},
                },
                {"path": "/bare", "target": f"{mock_process.url}/v1/chat/completions"},
            ]
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("guardrails"), edge=edge, env=BOOKS) as running:
        yield running


def ask(gateway: Gateway, text: str, *guardrails: str, **members: Any) -> httpx.Response:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": text}], "guardrails": list(guardrails)}
    return gateway.chat({**body, **members})


def sent(mock: Mock) -> str:
    return json.dumps(json.loads(mock.last()["body"]))


# -- requests ----------------------------------------------------------------------------------------------------------

BODIES = {
    "chat": (CHAT, lambda text: {"model": "gpt-test", "messages": [{"role": "user", "content": text}]}),
    "completions": ("/v1/completions", lambda text: {"model": "gpt-test", "prompt": text}),
    "responses": ("/v1/responses", lambda text: {"model": "gpt-test", "input": text}),
    "cursor": ("/cursor/chat/completions", lambda text: {"model": "gpt-test", "input": text}),
    "messages": (
        "/v1/messages",
        lambda text: {"model": "gpt-test", "max_tokens": 9, "messages": [{"role": "user", "content": text}]},
    ),
    "gemini": ("/v1beta/models/gpt-test:generateContent", lambda text: {"contents": [{"parts": [{"text": text}]}]}),
    "embeddings": ("/v1/embeddings", lambda text: {"model": "embed", "input": text}),
}
ANSWERED = [name for name in BODIES if name != "embeddings"]


def post(gateway: Gateway, name: str, text: str, *guardrails: str) -> httpx.Response:
    path, body = BODIES[name]
    return gateway.post(path, {**body(text), "guardrails": list(guardrails)})


@pytest.mark.parametrize("name", BODIES)
def test_what_is_masked_goes_to_no_model(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = post(gateway, name, "tell me a secret now", "pre")
    assert answer.status_code == 200, answer.text
    assert f"tell me a {MASK} now" in sent(mock)
    assert "secret" not in sent(mock)
    assert "guardrails" not in sent(mock)
    assert judge.texts() == [["tell me a secret now"]]


@pytest.mark.parametrize("name", [name for name in BODIES if name != "cursor"])  # whose input is put elsewhere first
def test_what_stands_in_extra_body_is_judged_as_what_it_replaces(
    gateway: Gateway, mock: Mock, judge: Judge, name: str
) -> None:
    path, body = BODIES[name]
    hidden = {key: value for key, value in body("tell me a secret now").items() if key != "model"}
    answer = gateway.post(path, {**body("hi"), "extra_body": {**hidden, "model": "x"}, "guardrails": ["pre"]})
    assert answer.status_code == 200, answer.text
    assert f"tell me a {MASK} now" in sent(mock)
    assert judge.texts() == [["tell me a secret now"]]


def test_what_stands_in_extra_body_within_another_goes_nowhere(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    hidden = {"messages": [{"role": "user", "content": "tell me a secret now"}], "temperature": 0}
    for nested in ({"extra_body": hidden}, {"extra_body": {"extra_body": hidden}, "top_p": 1}):
        mock.reset()
        answer = ask(gateway, "hi", extra_body=nested, guardrails=["pre"])
        assert answer.status_code == 200, answer.text
        assert "tell me" not in sent(mock)


def test_extra_body_may_ask_for_a_stream(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "hi", extra_body={"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("mode", ["pre", "during"])
@pytest.mark.parametrize("name", BODIES)
def test_a_request_that_is_refused_is_answered_in_its_dialect(
    gateway: Gateway, mock: Mock, judge: Judge, name: str, mode: str
) -> None:
    answer = post(gateway, name, "something forbidden", mode)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == REASON
    if name not in ("messages", "gemini"):
        assert error["type"] == "invalid_request_error"
        assert error["provider_specific_fields"]["guardrail_name"] == mode
        assert error["provider_specific_fields"]["guardrail_mode"] == f"{mode}_call"
    assert answer.headers["x-litellm-applied-guardrails"] == mode
    assert answer.headers["x-tianji-applied-guardrails"] == mode
    if mode == "pre":
        assert mock.requests() == []


@pytest.mark.parametrize("name", ANSWERED)
def test_an_answer_that_is_refused_does_not_go_out(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = post(gateway, name, "one two three", "refuses")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == REASON
    said = judge.texts()[-1][0]
    assert said
    assert said.split()[0] not in answer.text
    assert len(mock.requests()) == 1


def test_no_other_model_is_asked_where_an_answer_is_refused(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert ask(gateway, "one two three", "refuses").status_code == 400
    assert [json.loads(call["body"])["model"] for call in mock.requests()] == ["gpt-test"]
    assert ask(gateway, "forbidden", "pre").status_code == 400
    assert len(mock.requests()) == 1


@pytest.mark.parametrize("name", ANSWERED)
def test_an_answer_goes_out_as_it_was_changed(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = post(gateway, name, "one two three", "shouts")
    assert answer.status_code == 200
    said = judge.texts()[-1][0]
    assert said.upper() != said
    assert said.upper() in answer.text
    assert said not in answer.text


def test_one_after_another_sees_what_was_left(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert ask(gateway, "a secret", "pre", "monitor").status_code == 200
    assert judge.texts() == [["a secret"], [f"a {MASK}"]]


def test_beside_the_others_nothing_is_changed(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert ask(gateway, "a secret", "beside").status_code == 200
    assert "a secret" in sent(mock)
    assert ask(gateway, "forbidden", "beside").status_code == 400


def test_what_is_only_noted_passes(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert ask(gateway, "forbidden", "monitor").status_code == 200
    assert "forbidden" in sent(mock)


def test_a_guardrail_may_answer_instead_of_the_model(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    answer = ask(gateway, "forbidden", "instead")
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == REASON
    assert mock.requests() == []


def test_a_refusal_may_lead_to_another_model_where_there_is_a_session(
    gateway: Gateway, mock: Mock, judge: Judge
) -> None:
    assert ask(gateway, "forbidden", "leads").status_code == 400
    answer = ask(gateway, "forbidden", "leads", metadata={"session_id": "s1"})
    assert answer.status_code == 200
    assert json.loads(mock.last()["body"])["model"] == "other"


def test_a_session_stays_where_it_was_led(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    def model(text: str, guardrail: str, session: str, **headers: str) -> str:
        turns = [{"role": "user", "content": text}]
        body = {"model": "gpt-test", "messages": turns, "guardrails": [guardrail], "metadata": {"session_id": session}}
        assert gateway.post(CHAT, body, **headers).status_code == 200
        return str(json.loads(mock.last()["body"])["model"])

    assert model("hello", "leads", "stays") == "gpt-test"
    assert model("forbidden", "leads", "stays") == "other"
    assert model("hello", "leads", "stays") == "other"
    assert model("hello", "leads", "another") == "gpt-test"
    own = gateway.post("/key/generate", {}).json()["key"]
    assert model("hello", "leads", "stays", authorization=f"Bearer {own}") == "gpt-test", "it is another caller's"
    assert model("forbidden", "leads-once", "once") == "embed-up"
    assert model("hello", "leads-once", "once") == "gpt-test"


def test_a_refusal_is_said_in_the_operators_words(gateway: Gateway, judge: Judge) -> None:
    assert ask(gateway, "forbidden", "worded").json()["error"]["message"] == f"worded says {REASON}"


def test_a_models_own_guardrails_are_met_by_all_its_requests(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert ask(gateway, "forbidden", model="owned").status_code == 400
    assert ask(gateway, "forbidden", model="gpt-test").status_code == 200


def test_who_names_nobody_pays_nothing_and_a_stranger_is_refused(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert "x-litellm-applied-guardrails" not in ask(gateway, "forbidden").headers
    assert judge.asked == []
    answer = ask(gateway, "hello", "nobody")
    assert answer.status_code == 400
    assert "nobody" in answer.json()["error"]["message"]


@pytest.mark.parametrize("member", ["metadata", "litellm_metadata"])
def test_names_may_stand_in_the_metadata(gateway: Gateway, mock: Mock, judge: Judge, member: str) -> None:
    assert ask(gateway, "forbidden", **{member: {"guardrails": ["pre"]}}).status_code == 400


def test_a_document_is_judged_as_what_is_said(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    def attached(text: bytes, kind: str, *guardrails: str) -> httpx.Response:
        data = f"data:{kind};base64,{base64.b64encode(text).decode()}"
        content = [{"type": "file", "file": {"file_data": data, "filename": "a"}}]
        messages = [{"role": "user", "content": content}]
        return gateway.chat({"model": "gpt-test", "messages": messages, "guardrails": list(guardrails)})

    assert attached(b"forbidden", "text/plain", "pre").status_code == 400
    assert attached(b"a secret", "text/markdown", "pre").status_code == 200
    assert base64.b64encode(f"a {MASK}".encode()).decode() in mock.last()["body"]
    assert attached(b"%PDF", "application/pdf", "strict").status_code == 400
    call_id = attached(b"%PDF", "application/pdf", "pre").headers["x-litellm-call-id"]
    (row,) = eventually(lambda: entries(gateway, call_id), "an entry")
    (run,) = row["metadata"]["guardrail_information"]
    assert (run["guardrail_status"], run["unscanned_attachments"]) == ("success", 1)
    seen = gateway.client.get("/metrics").text
    assert 'tianji_guardrail_unscanned_total{guardrail_name="pre",hook_type="pre_call"} 1' in seen


def test_a_body_that_is_compressed_is_no_way_round(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    body = json.dumps({"model": "owned", "messages": [{"role": "user", "content": "forbidden"}]}).encode()
    for encoding, sent in (("gzip", gzip.compress(body)), ("gzip", body)):
        answer = gateway.client.post("/v1/chat/completions", content=sent, headers={"content-encoding": encoding})
        assert answer.status_code == 400
    assert mock.requests() == []


def test_a_client_cannot_opt_out(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    members = {"disable_global_guardrails": True, "metadata": {"opted_out_global_guardrails": ["pre"]}}
    assert ask(gateway, "forbidden", model="owned", **members).status_code == 400


WORD = "forbidden"
SAID: dict[str, object] = {  # of members that hold text, by their names
    "messages": [{"role": "user", "content": WORD}],
    "contents": [{"parts": [{"text": WORD}]}],
    "input": WORD,
    "prompt": WORD,
    "query": WORD,
    "documents": ["one"],
    "voice": "alloy",
    "max_tokens": 9,
}


@pytest.mark.parametrize(("row", "path"), [pytest.param(row, path, id=path) for row in ROWS for path in row.paths])
def test_every_operation_is_guarded(gateway: Gateway, mock: Mock, judge: Judge, row: Dialect, path: str) -> None:
    path = path.replace("{model}", "gpt-test")
    if row.form:
        said: dict[str, Any] = {"model": "gpt-test", "prompt": WORD, "guardrails": '["pre"]'}
        file = {member.name: ("a.png", b"x") for member in row.members if member.name in ("image", "file")}
        answer = gateway.client.post(path, data=said, files=file or {"file": ("a.wav", b"x")})
    else:
        answer = gateway.post(path, {"model": "gpt-test", "guardrails": ["pre"], **SAID})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, REASON)
    assert mock.requests() == []


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("embedContent", {"content": {"parts": [{"text": WORD}]}}),
        ("batchEmbedContents", {"requests": [{"content": {"parts": [{"text": WORD}]}}]}),
    ],
)
def test_googles_embeddings_are_guarded(
    gateway: Gateway, mock: Mock, judge: Judge, method: str, body: dict[str, Any]
) -> None:
    answer = gateway.post(f"/v1beta/models/owned-embed:{method}", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, REASON)
    assert mock.requests() == []


def test_what_is_stored_is_what_went_out(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    made = gateway.post("/v1/responses", {"model": "gpt-test", "input": "one two", "guardrails": ["shouts"]}).json()
    said = made["output"][0]["content"][0]["text"]
    assert said == said.upper()
    kept = gateway.client.get(f"/v1/responses/{made['id']}").json()
    assert kept["output"][0]["content"][0]["text"] == said


@pytest.mark.parametrize("names", [("pre",), ("pre", "shouts"), ("during",)])
def test_an_answer_says_what_guardrails_did_where_that_is_asked_for(
    gateway: Gateway, mock: Mock, judge: Judge, names: tuple[str, ...]
) -> None:
    bare = ask(gateway, "a secret", "pre")
    assert "guardrail_information" not in bare.json()
    answer = ask(gateway, "a word", *names, include_guardrail_response=True).json()
    told = answer.pop("guardrail_information")
    assert [(one["guardrail_name"], one["guardrail_status"]) for one in told] == [(name, "success") for name in names]
    assert answer.keys() == bare.json().keys()
    assert "include_guardrail_response" not in sent(mock)
    streamed = ask(gateway, "a word", *names, include_guardrail_response=True, stream=True)
    assert "guardrail_information" not in streamed.text


# -- what is passed through --------------------------------------------------------------------------------------------


def led(gateway: Gateway, path: str, text: str) -> httpx.Response:
    return gateway.post(path, {"model": "gpt-test", "messages": [{"role": "user", "content": text}], "user": "secret"})


def test_a_path_that_leads_through_is_guarded_where_it_asks_for_that(
    gateway: Gateway, mock: Mock, judge: Judge
) -> None:
    assert led(gateway, "/bare", "forbidden").status_code == 200
    assert judge.asked == []
    assert led(gateway, "/led", "forbidden").status_code == 400
    answer = led(gateway, "/led", "hello")
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, REASON)
    assert "secret" not in sent(mock), "every text of a body is looked at"


def test_of_a_path_that_names_fields_these_are_looked_at(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert led(gateway, "/fields", "a secret").status_code == 200
    assert judge.texts() == [["a secret"]]
    assert MASK in sent(mock)
    assert led(gateway, "/fields", "forbidden").status_code == 400


# -- failures ----------------------------------------------------------------------------------------------------------


def test_who_cannot_judge_lets_nothing_pass(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    answer = ask(gateway, "hello", "broken")
    assert answer.status_code == 500
    assert "broken" in answer.json()["error"]["message"]
    assert mock.requests() == []
    assert ask(gateway, "hello", "broken-after").status_code == 500
    assert "anchor" not in answer.text


def test_who_may_be_away_lets_everything_pass(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert ask(gateway, "hello", "open").status_code == 200
    series = gateway.client.get("/metrics").text
    assert (
        'litellm_guardrail_errors_total{guardrail_name="open",error_type="unavailable",hook_type="pre_call"}' in series
    )


def test_a_vendor_that_hangs_costs_its_own_requests_alone(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(ask, gateway, "hello", "slow")
        assert judge.came.wait(10)
        assert ask(gateway, "hello").status_code == 200
        assert ask(gateway, "hello", "pre").status_code == 200
        assert not hanging.done()
        judge.let.set()
        assert hanging.result(10).status_code == 200


def test_a_vendor_that_hangs_is_not_waited_for_longer_than_its_timeout(
    gateway: Gateway, mock: Mock, judge: Judge
) -> None:
    assert ask(gateway, "hello", "hanging").status_code == 500
    assert not judge.let.is_set()


def test_an_answer_waits_for_the_verdict_on_its_request(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, gateway, "forbidden", "slow-beside")
        assert judge.came.wait(10)
        eventually(mock.requests, "the model is asked beside the guardrail")
        assert not waiting.done()
        judge.let.set()
        answer = waiting.result(10)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == REASON


# -- books -------------------------------------------------------------------------------------------------------------


def entries(gateway: Gateway, call_id: str) -> list[dict[str, Any]]:
    return [row for row in gateway.client.get("/spend/logs").json() if row["request_id"].startswith(call_id)]


def test_the_ledger_says_what_guardrails_did(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    answer = ask(gateway, "a secret", "pre", "shouts")
    rows = eventually(lambda: entries(gateway, answer.headers["x-litellm-call-id"]), "an entry")
    assert len(rows) == 1
    assert rows[0]["status"] == "success"
    assert rows[0]["completion_tokens"] > 0
    runs = rows[0]["metadata"]["guardrail_information"]
    told = ("guardrail_name", "guardrail_mode", "guardrail_status", "guardrail_response")
    assert [tuple(run[name] for name in told) for run in runs] == [
        ("pre", "pre_call", "success", "mask"),
        ("shouts", "post_call", "success", "mask"),
    ]
    assert "secret" not in json.dumps(rows[0]["metadata"])
    assert "guardrails" not in rows[0]["metadata"]["cost_breakdown"]
    refused = ask(gateway, "forbidden", "pre")
    rows = eventually(lambda: entries(gateway, refused.headers["x-litellm-call-id"]), "an entry of the refusal")
    assert [row["status"] for row in rows] == ["failure"]
    assert rows[0]["metadata"]["guardrail_information"][0]["guardrail_status"] == "guardrail_intervened"
    unwatched = ask(gateway, "hello")
    rows = eventually(lambda: entries(gateway, unwatched.headers["x-litellm-call-id"]), "an entry")
    assert "guardrail_information" not in rows[0]["metadata"]
