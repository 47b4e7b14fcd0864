"""What models are told in a file, in a batch of messages, or by way of assistants meets guardrails as requests do."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, UPSTREAM_KEY, Gateway, Mock, openai_model
from tests.fakes.judge import MASK, REASON, Judge

from tianji.dialects.openai import Dialect
from tianji.dialects.rows import ROWS
from tianji.objects.rows import ROWS as OBJECTS
from tianji.objects.rows import Row

WORD = "forbidden"
BATCHES = "/v1/messages/batches"
IN_FILES = [row for row in ROWS if not row.form and "{model}" not in row.paths[0]]
SAID: dict[str, object] = {  # of members that hold text, by their names
    "messages": [{"role": "user", "content": WORD}],
    "input": WORD,
    "prompt": WORD,
    "query": WORD,
    "documents": ["one"],
}


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(name: str, mode: str, path: str = "", **params: object) -> dict[str, Any]:
        about = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge_process.url + path}
        return {"guardrail_name": name, "litellm_params": {**about, **params}}

    claude = {"model": "anthropic/claude-up", "api_base": mock_process.url, "api_key": UPSTREAM_KEY}
    config = {
        "model_list": [
            openai_model("gpt-test", "upstream-name", mock_process.url),
            openai_model("owned", "owned-up", mock_process.url, guardrails=["pre"]),
            openai_model("rt", "gpt-realtime", mock_process.url, guardrails=["pre"]),
            {"model_name": "sonnet", "litellm_params": claude},
            {"model_name": "owned-sonnet", "litellm_params": {**claude, "guardrails": ["pre"]}},
            openai_model("heard", "heard-up", mock_process.url, guardrails=["after"]),
            *(
                {"model_name": f"{name}-sonnet", "litellm_params": {**claude, "model": f"anthropic/{name}", **guarded}}
                for name, guarded in (("heard", {"guardrails": ["shouts"]}), ("refused", {"guardrails": ["refuses"]}))
            ),
        ],
        "files_settings": [
            {"custom_llm_provider": "openai", "api_base": f"{mock_process.url}/v1", "api_key": UPSTREAM_KEY}
        ],
        "guardrails": [
            guardrail("pre", "pre_call"),
            guardrail("during", "during_call"),
            guardrail("after", "post_call"),
            guardrail("shouts", "post_call", "/shouts"),
            guardrail("refuses", "post_call", "/refuses"),
            guardrail("broken", "pre_call", "/broken"),
            guardrail("instead", "pre_call", on_flagged_action="passthrough"),
            guardrail("leads", "pre_call", on_sensitive_data="route", sensitive_data_route_to_model="owned"),
            {
                "guardrail_name": "always",
                "litellm_params": {
                    "guardrail": "generic_guardrail_api",
                    "mode": {"tags": {"watched": "pre_call"}},
                    "api_base": judge_process.url,
                    "default_on": True,
                },
            },
        ],
    }
    with Gateway(config, tmp_path_factory.mktemp("lots"), edge=edge, env=BOOKS) as running:
        yield running


def line(text: str, *guardrails: str, name: str = "r", **members: object) -> dict[str, Any]:
    said = {"model": "gpt-test", "messages": [{"role": "user", "content": text}], **members}
    body = {**said, "guardrails": list(guardrails)} if guardrails else said
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}


def upload(gateway: Gateway, *lines: Any, model: str | None = "gpt-test", secret: str | None = None) -> httpx.Response:
    content = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    form = {"purpose": "batch"} if model is None else {"purpose": "batch", "target_model_names": model}
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    return gateway.client.post("/v1/files", data=form, files={"file": ("lines.jsonl", content)}, headers=headers)


def batch(gateway: Gateway, *params: dict[str, Any], secret: str | None = None) -> httpx.Response:
    requests = [{"custom_id": f"r{number}", "params": {"max_tokens": 9, **one}} for number, one in enumerate(params)]
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    return gateway.post(BATCHES, {"requests": requests}, **headers)


def said(text: str, *guardrails: str, model: str = "sonnet") -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return {**body, "guardrails": list(guardrails)} if guardrails else body


def sent(mock: Mock) -> list[dict[str, Any]]:
    """Return the lines of the file that went upstream last."""
    return [json.loads(one) for one in mock.last()["body"].splitlines() if one.startswith("{")]


def test_the_families_that_hold_many_requests_are_these() -> None:
    assert {row.operation for row in IN_FILES} >= {"chat", "completions", "embeddings", "responses", "messages"}


@pytest.mark.parametrize("row", IN_FILES, ids=lambda row: row.operation)
@pytest.mark.parametrize("name", ["pre", "during"])
def test_every_operation_is_guarded_in_a_file(
    gateway: Gateway, mock: Mock, judge: Judge, row: Dialect, name: str
) -> None:
    request = {"custom_id": "b", "url": row.paths[0], "body": {"model": "gpt-test", "guardrails": [name], **SAID}}
    answer = upload(gateway, line("hello", name), request)
    told = f"line 2 'b' is refused by the guardrail {name}: {REASON}"
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, told)
    assert mock.requests() == []


@pytest.mark.parametrize("name", ["pre", "during"])
def test_every_request_in_a_batch_of_messages_is_guarded(gateway: Gateway, mock: Mock, judge: Judge, name: str) -> None:
    answer = batch(gateway, said("hello", name), said(WORD, name))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"the request 'r1' is refused by the guardrail {name}: {REASON}"
    assert mock.requests() == []


@pytest.mark.parametrize("url", ["/v1/unheard_of", None, 7])
def test_a_request_of_an_unknown_form_is_read_whole(gateway: Gateway, mock: Mock, judge: Judge, url: object) -> None:
    request = {"custom_id": "b", "body": {"model": "gpt-test", "guardrails": ["pre"], "said": {"deep": [WORD]}}}
    answer = upload(gateway, request if url is None else {**request, "url": url})
    assert (answer.status_code, mock.requests()) == (400, [])


def test_masks_are_written_into_the_lines(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    lines = [line("a secret", "pre", name="a"), line("a secret", name="b"), line("hello", "pre", name="c")]
    assert upload(gateway, lines[0], b"", *lines[1:]).status_code == 200
    bodies = {one["custom_id"]: one["body"] for one in sent(mock)}
    assert [bodies[name]["messages"][0]["content"] for name in "abc"] == [f"a {MASK}", "a secret", "hello"]
    assert all(set(body) == {"model", "messages"} for body in bodies.values())
    assert {body["model"] for body in bodies.values()} == {"upstream-name"}
    assert batch(gateway, said("a secret", "pre"), said("a secret")).status_code == 200
    requests = [one["params"] for one in mock.last()["json"]["requests"]]
    assert [one["messages"][0]["content"] for one in requests] == [f"a {MASK}", "a secret"]
    assert all("guardrails" not in one for one in requests)


def test_many_lines_keep_their_order(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    names = [str(number) for number in range(70)]
    assert upload(gateway, *(line(f"secret {name}", "pre", name=name) for name in names)).status_code == 200
    found = sent(mock)
    assert [one["custom_id"] for one in found] == names
    assert [one["body"]["messages"][0]["content"] for one in found] == [f"{MASK} {name}" for name in names]
    answer = upload(gateway, *(line(WORD if name in ("40", "41") else "x", "pre", name=name) for name in names))
    assert answer.json()["error"]["message"].startswith("line 41 '40' ")


@pytest.mark.parametrize("where", ["key", "team"])
def test_a_key_and_a_team_bring_their_guardrails(gateway: Gateway, mock: Mock, judge: Judge, where: str) -> None:
    about: dict[str, Any] = {"metadata": {"guardrails": ["pre"]}}
    if where == "team":
        about = {"team_id": gateway.post("/team/new", about).json()["team_id"]}
    secret = gateway.post("/key/generate", about).json()["key"]
    assert upload(gateway, line(WORD), secret=secret).status_code == 400
    assert batch(gateway, said(WORD), secret=secret).status_code == 400
    assert mock.requests() == []
    assert upload(gateway, line(WORD)).status_code == 200


def test_a_model_brings_its_guardrails(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    refused = [
        upload(gateway, line(WORD), model="owned"),
        upload(gateway, line(WORD), model="gpt-test,owned"),
        upload(gateway, line(WORD, model="owned"), model=None),
        batch(gateway, said("x"), said(WORD, model="owned-sonnet")),
    ]
    assert [answer.status_code for answer in refused] == [400] * 4
    assert mock.requests() == []


def test_what_is_on_by_default_is_met_by_the_tags_of_a_line(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    assert upload(gateway, line(WORD, metadata={"tags": ["watched"]})).status_code == 400
    assert batch(gateway, {**said(WORD), "metadata": {"tags": ["watched"]}}).status_code == 400
    assert upload(gateway, line(WORD)).status_code == 200


@pytest.mark.parametrize(("name", "status"), [("broken", 500), ("instead", 400), ("leads", 400), ("nobody", 400)])
def test_what_cannot_be_followed_stops_all(gateway: Gateway, mock: Mock, judge: Judge, name: str, status: int) -> None:
    members = {"metadata": {"session_id": "s"}}
    answer = upload(gateway, line("hello"), line(WORD, name, **members))
    assert (answer.status_code, answer.json()["error"]["message"][:6]) == (status, "line 2")
    assert batch(gateway, {**said(WORD, name), **members}).status_code == status
    assert mock.requests() == []


@pytest.mark.parametrize(
    "bad",
    [
        b"no json",
        b'{"custom_id": "x"}',
        b'{"body": [1]}',
        b'{"body": {"model": 1}}',
        b'{"body": {"model": "m", "a": "\\ud800"}}',
        b'{"body": {"model": "m", "model": "n", "messages": [], "guardrails": ["pre"]}}',
    ],
)
def test_a_line_that_nobody_can_judge_is_refused(gateway: Gateway, mock: Mock, judge: Judge, bad: bytes) -> None:
    answer = upload(gateway, line("hello"), bad)
    assert (answer.status_code, mock.requests()) == (400, [])
    assert answer.json()["error"]["message"].startswith("line 2")


def test_only_one_of_two_members_of_a_name_goes_on(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    bodies = [json.dumps({"model": "gpt-test", "input": text, "guardrails": ["pre"]}) for text in (WORD, "hello")]
    assert upload(gateway, f'{{"body": {bodies[0]}, "body": {bodies[1]}}}'.encode()).status_code == 200
    assert WORD not in mock.last()["body"]


def test_other_files_are_left_as_they_are(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    made = gateway.client.post("/v1/files", data={"purpose": "user_data"}, files={"file": ("a.txt", WORD.encode())})
    assert (made.status_code, judge.asked) == (200, [])


# -- assistants --------------------------------------------------------------------------------------------------------

TOLD = [row for row in OBJECTS if row.told and row.spoken == "assistants"]
"""What an assistant hears of, of all that upstreams keep."""


@pytest.fixture(scope="module")
def kept(gateway: Gateway) -> dict[str, str]:
    """Return the ids that stand in paths."""

    def made(path: str, **members: object) -> str:
        answer = gateway.post(path, members)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    assistant, thread = made("/v1/assistants", model="gpt-test"), made("/v1/threads", model="gpt-test")
    message = made(f"/v1/threads/{thread}/messages", role="user", content="hello")
    run = made(f"/v1/threads/{thread}/runs", assistant_id=assistant)
    return {"assistant": assistant, "thread": thread, "message": message, "run": run}


def test_nothing_else_that_is_kept_is_told_to_a_model() -> None:
    rows = [row for row in OBJECTS if row.method == "POST" and not row.told]
    others = {row.path if row.of_videos else row.path.split("/")[1] for row in rows}
    assert others == {"files", "batches", "fine_tuning", "vector_stores", "containers", "evals", "/videos/characters"}
    assert [row.path for row in OBJECTS if row.told and "/vector" in row.path] == ["/vector_stores/{store}/search"]


def test_no_evaluation_asks_models_past_what_judges(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.post("/v1/evals", {"model": "gpt-test", "testing_criteria": []})
    assert (answer.status_code, answer.json()["error"]["message"][:29]) == (400, "guardrails judge what models ")
    assert mock.requests() == []


@pytest.mark.parametrize("files", [None, {"input_reference": ("a.png", b"png", "image/png")}])
def test_the_prompt_of_a_video_is_guarded(gateway: Gateway, mock: Mock, judge: Judge, files: Any) -> None:
    def make(path: str, text: str, **members: object) -> httpx.Response:
        said = {"model": "gpt-test", "prompt": text, "guardrails[]": "pre", **members}
        return gateway.client.post(path, data=said, files=files or {"a": ("", b"")})

    assert (make("/v1/videos", WORD).status_code, mock.requests()) == (400, [])
    made = make("/v1/videos", "a secret").json()["id"]
    assert f"a {MASK}" in mock.last()["body"]
    assert "guardrails" not in mock.last()["body"]
    mock.reset()
    for path in (f"/v1/videos/{made}/remix", "/v1/videos/edits", "/v1/videos/extensions"):
        assert make(path, WORD, **{"video[id]": made}).status_code == 400
    assert mock.requests() == []


@pytest.mark.parametrize("row", TOLD, ids=lambda row: row.path)
def test_all_that_an_assistant_is_told_is_guarded(
    gateway: Gateway, mock: Mock, judge: Judge, kept: dict[str, str], row: Row
) -> None:
    body = {"model": "gpt-test", "instructions": WORD, "guardrails": ["pre"]}
    if "{" in row.path or row.path == "/threads/runs":
        body |= {"assistant_id": kept["assistant"]}
    answer = gateway.post("/v1" + row.path.format_map(kept), body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, REASON)
    assert mock.requests() == []


def test_masks_are_written_into_what_an_assistant_is_told(
    gateway: Gateway, mock: Mock, judge: Judge, kept: dict[str, str]
) -> None:
    body = {"role": "user", "content": "a secret", "guardrails": ["pre", "during"]}
    assert gateway.post(f"/v1/threads/{kept['thread']}/messages", body).status_code == 200
    assert mock.last()["json"] == {"role": "user", "content": f"a {MASK}"}


def test_an_assistant_meets_the_guardrails_of_its_model(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    thread = {"model": "owned", "messages": [{"role": "user", "content": WORD}]}
    assert gateway.post("/v1/threads", thread).status_code == 400
    assert gateway.post("/v1/threads", {**thread, "model": "gpt-test"}).status_code == 200


# -- secrets of short life ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "body"),
    [
        ("client_secrets", lambda text: {"session": {"type": "realtime", "model": "rt", "instructions": text}}),
        ("client_secrets", lambda text: {"session": {"model": "rt", "tools": [{"description": text}]}}),
        ("sessions", lambda text: {"model": "rt", "instructions": text}),
    ],
)
def test_the_session_of_a_secret_is_guarded(
    gateway: Gateway, mock: Mock, judge: Judge, end: str, body: Callable[[str], dict[str, Any]]
) -> None:
    path = f"/v1/realtime/{end}"
    answer = gateway.post(path, body(WORD))
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, REASON)
    assert mock.requests() == []
    assert gateway.post(path, body("a secret")).status_code == 200
    assert (MASK in mock.last()["body"], "secret" in mock.last()["body"]) == (True, False)


# -- answers that are read later ---------------------------------------------------------------------------------------


def result(name: str, text: str, **members: object) -> dict[str, Any]:
    """Return a line of answers as OpenAI writes it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"object": "chat.completion", "model": "heard-up", "choices": [choice]}
    return {"id": "b", "custom_id": name, "response": {"status_code": 200, "body": body}, "error": None, **members}


def file_of(gateway: Gateway, content: bytes, model: str = "heard", secret: str | None = None) -> str:
    """Have a file lie where a model does, and return its id."""
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    form = {"purpose": "user_data", "target_model_names": model}
    made = gateway.client.post("/v1/files", data=form, files={"file": ("a.jsonl", content)}, headers=headers)
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def lines_of(*lines: Any) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)


def content(gateway: Gateway, name: str, **headers: str) -> bytes:
    answer = gateway.client.get(f"/v1/files/{name}/content", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_answers_of_a_batch_are_judged_line_by_line(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    failed = {"custom_id": "x", "response": None, "error": {"message": "forbidden"}}
    lines = [result("a", "hello"), result("b", "forbidden"), b"\n", result("c", "a secret"), failed]
    found = content(gateway, file_of(gateway, lines_of(*lines))).splitlines()
    assert found[0] == json.dumps(lines[0]).encode(), "what nobody changed is byte for byte as it came"
    refused = json.loads(found[1])
    assert (refused["custom_id"], refused["response"]) == ("b", None)
    assert (refused["error"]["message"], refused["error"]["code"]) == (REASON, "400")
    assert refused["error"]["provider_specific_fields"]["guardrail_name"] == "after"
    assert found[2] == b""
    masked = json.loads(found[3])
    assert masked["response"]["body"]["choices"][0]["message"]["content"] == f"a {MASK}"
    assert json.loads(found[4]) == failed
    assert all(document["input_type"] == "response" for document in judge.asked)


def test_many_answers_keep_their_order_and_no_end_is_needed(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    lines = [result(str(at), f"secret {'long' * (at % 7) * 999} {at}") for at in range(100)]
    found = content(gateway, file_of(gateway, lines_of(*lines).rstrip())).split(b"\n")
    texts = [json.loads(one)["response"]["body"]["choices"][0]["message"]["content"] for one in found]
    assert [(text.split()[0], text.split()[-1]) for text in texts] == [(MASK, str(at)) for at in range(100)]


@pytest.mark.parametrize(
    "bad",
    [
        json.dumps(result("z", "hello")).replace('"hello"', "NaN").encode(),
        b'{"custom_id": "z", "response": {"body": {"a": 1}}, "response": {"body": {"choices": "forbidden"}}}',
        json.dumps(result("z", "hello")).encode()[:-9],
    ],
)
def test_an_answer_that_nobody_can_read_does_not_go_out(gateway: Gateway, mock: Mock, judge: Judge, bad: bytes) -> None:
    first, second = content(gateway, file_of(gateway, lines_of(bad + b"\n", result("b", "hello")))).splitlines()
    assert "nobody can judge this line" in json.loads(first)["error"]["message"]
    assert json.loads(second)["custom_id"] == "b"


@pytest.mark.parametrize("text", [b"forbidden\n", b'{"said": "forbidden"}\n', b"\x00forbidden" * 999, b""])
def test_a_file_that_holds_no_answers_goes_out_as_it_is(
    gateway: Gateway, mock: Mock, judge: Judge, text: bytes
) -> None:
    assert content(gateway, file_of(gateway, text)) == text
    assert judge.asked == []


def test_a_key_brings_its_guardrails_to_answers(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    secret = gateway.post("/key/generate", {"metadata": {"guardrails": ["after"]}}).json()["key"]
    lines = lines_of(result("b", "forbidden"))
    own = file_of(gateway, lines, "gpt-test", secret)
    assert REASON in content(gateway, own, authorization=f"Bearer {secret}").decode()
    assert content(gateway, file_of(gateway, lines, "gpt-test")) == lines, "nobody else's"


def test_answers_in_another_form_are_judged_in_theirs(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    said = {"type": "message", "role": "assistant", "model": "c", "content": [{"type": "text", "text": "forbidden"}]}
    output = [{"type": "message", "content": [{"type": "output_text", "text": "a secret"}]}]
    google = {"key": "k", "response": {"candidates": [{"content": {"parts": [{"text": "a secret"}]}}]}}
    lines = [
        {"custom_id": "m", "result": {"type": "succeeded", "message": said}},
        {"custom_id": "r", "response": {"status_code": 200, "body": {"object": "response", "output": output}}},
        google,
    ]
    found = [json.loads(one) for one in content(gateway, file_of(gateway, lines_of(*lines))).splitlines()]
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": REASON}}
    assert found[0] == {"custom_id": "m", "result": {"type": "errored", "error": refusal}}
    assert found[1]["response"]["body"]["output"][0]["content"][0]["text"] == f"a {MASK}"
    assert found[2]["response"]["candidates"][0]["content"]["parts"][0]["text"] == f"a {MASK}"


def test_results_of_a_batch_of_messages_are_judged(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    made = batch(gateway, said("hello", model="heard-sonnet"), said("hello", model="refused-sonnet")).json()
    gateway.client.get(f"{BATCHES}/{made['id']}")
    answer = gateway.client.get(f"{BATCHES}/{made['id']}/results")
    heard, refused = (json.loads(one)["result"] for one in answer.text.splitlines())
    text = heard["message"]["content"][0]["text"]
    assert text == text.upper() != text.lower()
    assert refused["error"]["error"]["message"] == REASON


class TestAssistants:
    """The assistant of the mock says what was said to it last."""

    @pytest.fixture
    def told(self, gateway: Gateway) -> Callable[[str], str]:
        assistant = gateway.post("/v1/assistants", {"model": "heard"}).json()["id"]

        def tell(text: str, **members: object) -> Any:
            thread = gateway.post("/v1/threads", {"model": "heard"}).json()["id"]
            gateway.post(f"/v1/threads/{thread}/messages", {"role": "user", "content": text})
            run = gateway.post(f"/v1/threads/{thread}/runs", {"assistant_id": assistant, **members})
            return (thread, run)

        return tell

    def test_messages_are_judged_when_they_are_read(
        self, gateway: Gateway, mock: Mock, judge: Judge, told: Callable[..., Any]
    ) -> None:
        thread, _ = told("forbidden")
        listed = gateway.client.get(f"/v1/threads/{thread}/messages")
        assert (listed.status_code, listed.json()["error"]["message"]) == (400, REASON)
        thread, _ = told("a secret")
        messages = gateway.client.get(f"/v1/threads/{thread}/messages").json()["data"]
        texts = {one["role"]: one["content"][0]["text"]["value"] for one in messages}
        assert texts == {"assistant": f"a {MASK}", "user": "a secret"}, "what the client said itself it has said"
        own = next(one["id"] for one in messages if one["role"] == "assistant")
        one = gateway.client.get(f"/v1/threads/{thread}/messages/{own}").json()
        assert one["content"][0]["text"]["value"] == f"a {MASK}"

    def test_a_stream_of_a_run_is_judged(
        self, gateway: Gateway, mock: Mock, judge: Judge, told: Callable[..., Any]
    ) -> None:
        _, refused = told("forbidden", stream=True)
        assert (refused.status_code, refused.json()["error"]["message"]) == (400, REASON)
        _, masked = told("a secret", stream=True)
        assert masked.text.count(f"a {MASK}") == 2, "bit by bit, and as a whole"
        assert "secret" not in masked.text
        assert masked.text.endswith("data: [DONE]\n\n")

    def test_a_request_names_who_judges_its_run(
        self, gateway: Gateway, mock: Mock, judge: Judge, told: Callable[..., Any]
    ) -> None:
        _, answer = told("hello", stream=True, guardrails=["refuses"])
        assert answer.status_code == 400


def test_what_a_search_is_asked_and_has_found_is_judged(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    store = gateway.post("/v1/vector_stores", {"model": "heard"}).json()["id"]
    path = f"/v1/vector_stores/{store}/search"
    assert gateway.post(path, {"query": WORD, "guardrails": ["pre"]}).status_code == 400
    found = {"data": [{"file_id": "f", "content": [{"type": "text", "text": "a secret"}]}]}
    mock.control({"body": json.dumps(found)}, times=1)
    assert gateway.post(path, {"query": "hello"}).json()["data"][0]["content"][0]["text"] == f"a {MASK}"


def test_a_stored_response_is_judged_for_whoever_reads_it(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    team = gateway.post("/team/new", {}).json()["team_id"]
    one, other = (
        gateway.post("/key/generate", {"team_id": team, "metadata": about}).json()["key"]
        for about in ({}, {"guardrails": ["refuses"]})
    )
    made = gateway.post("/v1/responses", {"model": "gpt-test", "input": "hello"}, authorization=f"Bearer {one}").json()

    def read(secret: str) -> httpx.Response:
        return gateway.client.get(f"/v1/responses/{made['id']}", headers={"authorization": f"Bearer {secret}"})

    assert read(one).json()["output"] == made["output"]
    assert (read(other).status_code, read(other).json()["error"]["message"]) == (400, REASON)
