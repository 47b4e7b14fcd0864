"""Files, batches, jobs and vector stores through the gateway: OpenAI's client, and nobody else's objects."""

import hashlib
import json
import uuid
from typing import Any

import openai
import pytest
from tests.contract.accounting.books import row_of
from tests.contract.harness import Gateway, Mock, eventually
from tests.contract.objects.asking import JSONL, LINES, client_of, customer, upload
from tests.contract.objects.keys import key


def test_a_file_comes_is_read_and_goes(client: openai.OpenAI, mock: Mock) -> None:
    made = upload(client, purpose="user_data", content=b"what it holds")
    assert (made.bytes, made.filename, made.purpose) == (13, "lines.jsonl", "user_data")
    assert made.id.startswith("file-tj")
    assert "target_model_names" not in mock.last()["body"]
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == b"what it holds"
    assert [file.id for file in client.files.list(purpose="user_data")] == [made.id]
    assert client.files.delete(made.id).id == made.id
    assert list(client.files.list()) == []
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)


def test_lists_come_in_pages(client: openai.OpenAI) -> None:
    made = [upload(client, purpose="user_data", content=b"%d" % number).id for number in range(5)]
    assert [file.id for file in client.files.list(limit=2)] == made[::-1]
    assert [file.id for file in client.files.list(limit=2, order="asc")] == made
    assert client.files.list(limit=2, after=made[2]).data[0].id == made[1]


def test_a_batch_is_answered_by_its_model(client: openai.OpenAI, mock: Mock) -> None:
    file = upload(client)
    sent = [request for request in mock.requests() if request["path"] == "/v1/files"][-1]
    assert sent["body"].count('"upstream-name"') == 5
    assert "tenants-name" not in sent["body"]
    made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert (made.input_file_id, made.status) == (file.id, "validating")
    done = client.batches.retrieve(made.id)
    assert (done.id, done.status, done.input_file_id) == (made.id, "completed", file.id)
    assert done.output_file_id is not None
    lines = client.files.content(done.output_file_id).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == [line["custom_id"] for line in LINES]
    assert [batch.id for batch in client.batches.list()] == [made.id]
    assert client.batches.cancel(made.id).status == "cancelled"


def test_a_list_asks_what_has_become_of_a_batch(client: openai.OpenAI) -> None:
    made = client.batches.create(
        input_file_id=upload(client).id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert [(batch.id, batch.status) for batch in client.batches.list()] == [(made.id, "completed")]


def test_a_batch_that_is_over_is_paid_for_once_by_whom_it_is_for(gateway: Gateway, mock: Mock) -> None:
    secret = key(gateway, max_budget=0.00007)
    with client_of(gateway, secret) as client, client_of(gateway, gateway.key) as admin:
        made = client.batches.create(
            input_file_id=upload(client).id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        for asking in (client, admin, client):
            assert asking.batches.retrieve(made.id).status == "completed"
        row = row_of(gateway, "request_id", f"{made.id[-100:]}-cost")
        # 5 answers of 10 and 5 tokens at half of 1 and 2 dollars a million
        assert (row["cost"], row["prompt_tokens"], row["completion_tokens"]) == (50_000, 50, 25)
        assert (row["call_type"], row["key"]) == ("abatch", hashlib.sha256(secret.encode()).hexdigest())
        read = [request["path"] for request in mock.requests() if request["path"].endswith("/content")]
        assert len(read) == 1
        again: Any = {
            "input_file_id": upload(client).id, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        }  # fmt: skip
        admin.batches.retrieve(client.batches.create(**again).id)  # whoever hears of it first
        answer = gateway.chat({"model": "gpt-test", "messages": []}, authorization=f"Bearer {secret}")
        assert answer.json()["error"]["type"] == "budget_exceeded"
        for more in (
            lambda: client.batches.create(**again),
            lambda: client.fine_tuning.jobs.create(model="gpt-test", training_file=again["input_file_id"]),
        ):
            with pytest.raises(openai.APIStatusError, match="Budget has been exceeded"):
                more()


def test_a_batch_is_paid_for_by_its_customer_and_its_tags(gateway: Gateway, client: openai.OpenAI) -> None:
    name, tag = customer(gateway, max_budget=0.00004), f"tag-{uuid.uuid4()}"
    assert gateway.client.post("/tag/new", json={"name": tag, "max_budget": 0.00004}).status_code == 200
    ask: Any = {
        "input_file_id": upload(client).id, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "extra_headers": {"x-litellm-customer-id": name, "x-litellm-tags": tag},
    }  # fmt: skip
    made = client.batches.create(**ask)
    assert client.batches.retrieve(made.id).status == "completed"
    chat = {"model": "gpt-test", "messages": []}
    for members in ({"user": name}, {"metadata": {"tags": [tag]}}):
        assert gateway.chat(chat | members).json()["error"]["type"] == "budget_exceeded"
    with pytest.raises(openai.APIStatusError, match="ExceededBudget"):
        client.batches.create(**ask)
    row = row_of(gateway, "request_id", f"{made.id[-100:]}-cost")
    assert (row["cost"], row["end_user"], json.loads(row["tags"])) == (50_000, name, [tag])
    told = eventually(
        lambda: (one := gateway.client.get("/customer/info", params={"end_user_id": name}).json())["spend"] and one,
        "what the customer spent",
    )
    assert told["spend"] == 0.00005


def test_what_lies_at_no_deployment_costs_what_the_catalogue_says(gateway: Gateway, mock: Mock) -> None:
    known = JSONL.replace(b"tenants-name", b"gpt-4o")
    with client_of(gateway, key(gateway)) as client:
        file = upload(client, model=None, content=known + JSONL)
        made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert client.batches.retrieve(made.id).status == "completed"
    row = row_of(gateway, "request_id", f"{made.id[-100:]}-cost")
    # 5 answers of 10 and 5 tokens at half of 2.5 and 10 dollars a million; 5 of a model that nobody knows
    assert (row["cost"], row["prompt_tokens"], row["completion_tokens"]) == (187_500, 100, 50)
    assert row["model"] == "tenants-name"


@pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API):DeprecationWarning")
def test_an_assistant_of_a_provider_has_its_models(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway)) as client:
        own: Any = {"extra_body": {"custom_llm_provider": "openai"}}
        helper = client.beta.assistants.create(model="gpt-4o", **own)
        assert mock.last()["json"]["model"] == "gpt-4o"
        thread: Any = {"messages": [{"role": "user", "content": "red fox"}]}
        run = client.beta.threads.create_and_run(assistant_id=helper.id, thread=thread, model="gpt-4o")
        assert mock.last()["json"]["model"] == "gpt-4o"
    row = row_of(gateway, "request_id", f"{run.id[-100:]}-cost")
    assert (row["cost"], row["model"]) == (75_000, "gpt-4o")  # 10 and 5 tokens at 2.5 and 10 dollars a million
    with client_of(gateway, key(gateway, models=["gpt-test"])) as client, pytest.raises(openai.PermissionDeniedError):
        client.beta.assistants.create(model="gpt-4o", **own)


def test_a_provider_is_named_instead_of_a_model(gateway: Gateway, client: openai.OpenAI, mock: Mock) -> None:
    made = upload(client, model=None)
    assert mock.last()["path"] == "/v1/files"
    assert "tenants-name" in mock.last()["body"]  # nobody said whose names these are
    assert client.files.retrieve(made.id).id == made.id
    answer = gateway.client.post(
        "/azure/v1/files", files={"file": ("a.jsonl", JSONL)}, data={"purpose": "batch"}, headers=bearer(client)
    )
    assert answer.status_code == 200, answer.text
    assert mock.last()["target"] == "/openai/files?api-version=2025-01-01"
    found = gateway.client.get(f"/v1/files/{answer.json()['id']}", headers=bearer(client))
    assert mock.last()["path"].startswith("/openai/files/file-mock")
    assert found.json()["id"] == answer.json()["id"]


def test_azures_deployments_keep_files_beside_themselves(client: openai.OpenAI, mock: Mock) -> None:
    made = upload(client, "east")
    assert mock.last()["path"] == "/openai/files"
    assert '"model":"east"' in mock.last()["body"]
    client.files.delete(made.id)


def test_a_file_may_go_to_several_models(client: openai.OpenAI, mock: Mock) -> None:
    file = upload(client, "gpt-test,other")
    bodies = [request["body"] for request in mock.requests() if request["path"] == "/v1/files"]
    assert ["upstream-name" in body for body in bodies] == [True, False]
    assert ["other-name" in body for body in bodies] == [False, True]
    made = client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        extra_body={"model": "other"},
    )
    assert client.batches.retrieve(made.id).input_file_id == file.id
    client.files.delete(file.id)
    assert [request["method"] for request in mock.requests()][-2:] == ["DELETE", "DELETE"]


def test_a_model_is_shown_a_file_where_it_lies(client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock) -> None:
    file = upload(client, "gpt-test,other", purpose="user_data", content=b"what it holds")
    part: Any = {"type": "file", "file": {"file_id": file.id}}
    turns: Any = [{"role": "user", "content": [{"type": "text", "text": f"not {file.id}"}, part]}]
    client.chat.completions.create(model="other", messages=turns)
    text, sent = mock.last()["json"]["messages"][0]["content"]
    assert text["text"] == f"not {file.id}"
    assert sent["file"]["file_id"].startswith("file-")
    assert not sent["file"]["file_id"].startswith("file-tj")
    asked: Any = [{"role": "user", "content": [{"type": "input_file", "file_id": file.id}]}]
    made = client.responses.create(model="other", input=asked)
    assert mock.last()["json"]["messages"][0]["content"] == [{"type": "file", "file": sent["file"]}]
    assert client.responses.input_items.list(made.id).data[0].content[0].file_id == file.id  # type: ignore[union-attr]
    for ask in (
        lambda: stranger.chat.completions.create(model="other", messages=turns),
        lambda: stranger.responses.create(model="other", input=asked),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()
    with pytest.raises(openai.BadRequestError, match="does not lie where 'far' is"):
        client.chat.completions.create(model="far", messages=turns)


def test_a_model_is_tuned(client: openai.OpenAI, mock: Mock) -> None:
    file = upload(client, purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gpt-test", training_file=file.id)
    assert mock.last()["json"]["model"] == "upstream-name"
    assert job.training_file == file.id
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert (done.id, done.status, done.training_file) == (job.id, "succeeded", file.id)
    assert client.files.content(done.result_files[0]).read().startswith(b"step")
    assert [found.id for found in client.fine_tuning.jobs.list()] == [job.id]
    assert client.fine_tuning.jobs.list_events(job.id).data[0].message == "begun"
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"


@pytest.mark.parametrize(
    ("model", "nano", "estimated"), [("gpt-test", 3_000, True), ("tuned", 75_000, False), ("other", 0, True)]
)
def test_a_job_that_is_over_is_paid_for_once(
    gateway: Gateway, client: openai.OpenAI, model: str, nano: int, estimated: bool
) -> None:
    name = customer(gateway)
    file = upload(client, model, purpose="fine-tune", content=b"one")
    ask: Any = {"model": model, "training_file": file.id, "extra_body": {"user": name}}
    job = client.fine_tuning.jobs.create(**ask)
    for _ in range(2):
        assert client.fine_tuning.jobs.retrieve(job.id).trained_tokens == 3
    row = row_of(gateway, "request_id", f"{job.id[-100:]}-cost")
    # three tokens at the price of a prompt, at the price of training, at no price that anybody knows
    assert (row["cost"], row["prompt_tokens"], bool(row["estimated"])) == (nano, 3, estimated)
    assert (row["call_type"], row["end_user"]) == ("acreate_fine_tuning_job", name)


def test_a_vector_store_is_searched(client: openai.OpenAI) -> None:
    file = upload(client, purpose="assistants", content=b"the red fox")
    store = client.vector_stores.create(name="animals", extra_body={"model": "gpt-test"})
    assert client.vector_stores.files.create(store.id, file_id=file.id).vector_store_id == store.id
    assert [found.id for found in client.vector_stores.files.list(store.id)] == [file.id]
    assert client.vector_stores.files.retrieve(file.id, vector_store_id=store.id).id == file.id
    (hit,) = client.vector_stores.search(store.id, query="red fox").data
    assert (hit.file_id, hit.content[0].text) == (file.id, "the red fox")
    assert client.vector_stores.update(store.id, name="beasts").name == "beasts"
    assert [found.name for found in client.vector_stores.list()] == ["beasts"]
    client.vector_stores.files.delete(file.id, vector_store_id=store.id)
    assert list(client.vector_stores.files.list(store.id)) == []
    assert client.vector_stores.delete(store.id).deleted
    assert list(client.vector_stores.list()) == []


@pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API):DeprecationWarning")
def test_an_assistant_answers_in_a_thread(client: openai.OpenAI, mock: Mock) -> None:
    api = client.beta
    helper = api.assistants.create(model="gpt-test", name="helper")
    assert mock.last()["json"]["model"] == "upstream-name"
    assert [found.id for found in api.assistants.list()] == [helper.id]
    thread = api.threads.create(extra_body={"model": "gpt-test"})
    api.threads.messages.create(thread.id, role="user", content="red fox")
    run = api.threads.runs.create(thread_id=thread.id, assistant_id=helper.id)
    assert (run.status, run.thread_id, run.assistant_id) == ("completed", thread.id, helper.id)
    assert api.threads.runs.retrieve(run.id, thread_id=thread.id).id == run.id
    assert [step.run_id for step in api.threads.runs.steps.list(run.id, thread_id=thread.id)] == [run.id]
    messages = list(api.threads.messages.list(thread.id, limit=1))
    assert [(message.role, message.content[0].text.value) for message in messages] == [  # type: ignore[union-attr]
        ("assistant", "red fox"),
        ("user", "red fox"),
    ]
    assert api.threads.messages.retrieve(messages[0].id, thread_id=thread.id).run_id == run.id
    with pytest.raises(openai.NotFoundError):
        api.threads.retrieve("thread_mock0001")


@pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API):DeprecationWarning")
def test_a_run_is_streamed_without_an_id_of_the_upstream(gateway: Gateway, client: openai.OpenAI, mock: Mock) -> None:
    helper = client.beta.assistants.create(model="gpt-test")
    thread = {"messages": [{"role": "user", "content": "red fox"}]}
    stream = client.beta.threads.create_and_run(assistant_id=helper.id, thread=thread, stream=True)  # type: ignore[arg-type]
    events = list(stream)
    assert [event.event for event in events] == [
        "thread.run.created",
        "thread.message.delta",
        "thread.message.completed",
        "thread.run.completed",
    ]
    run = events[-1].data
    assert client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id).assistant_id == helper.id  # type: ignore[union-attr]
    body = {"assistant_id": helper.id, "thread": thread, "stream": True}
    mock.reset()
    told = gateway.client.post("/v1/threads/runs", json=body, headers=bearer(client)).text
    assert "_mock" not in told
    assert len(mock.requests()) == 1, "one run was asked for"


@pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API):DeprecationWarning")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_run_that_is_over_is_paid_for_once_by_whom_it_is_for(gateway: Gateway, mock: Mock, streamed: bool) -> None:
    secret = key(gateway, max_budget=0.00003)
    with client_of(gateway, secret) as client, client_of(gateway, gateway.key) as admin:
        helper = client.beta.assistants.create(model="gpt-test")
        ask: Any = {"assistant_id": helper.id, "thread": {"messages": [{"role": "user", "content": "red fox"}]}}
        made = client.beta.threads.create_and_run(**ask, stream=streamed)
        run = list(made)[-1].data if streamed else made
        for asking in (client, admin):
            assert asking.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id).status == "completed"
            assert [one.id for one in asking.beta.threads.runs.list(run.thread_id)] == [run.id]
        row = row_of(gateway, "request_id", f"{run.id[-100:]}-cost")
        # 10 and 5 tokens at 1 and 2 dollars a million
        assert (row["cost"], row["prompt_tokens"], row["completion_tokens"]) == (20_000, 10, 5)
        assert (row["call_type"], row["key"]) == ("arun_thread", hashlib.sha256(secret.encode()).hexdigest())
        client.beta.threads.create_and_run(**ask)
        with pytest.raises(openai.APIStatusError, match="Budget has been exceeded"):
            client.beta.threads.create_and_run(**ask)


# ---- whose it is


def bearer(client: openai.OpenAI) -> dict[str, str]:
    return {"authorization": f"Bearer {client.api_key}"}


def test_what_is_anothers_is_not_there(client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock) -> None:
    file = upload(client)
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    before = len(mock.requests())
    for attempt in (
        lambda: stranger.files.retrieve(file.id),
        lambda: stranger.files.content(file.id),
        lambda: stranger.files.delete(file.id),
        lambda: stranger.batches.retrieve(batch.id),
        lambda: stranger.batches.cancel(batch.id),
        lambda: stranger.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        ),
        lambda: stranger.fine_tuning.jobs.create(model="gpt-test", training_file=file.id),
        lambda: stranger.vector_stores.create(file_ids=[file.id]),
    ):
        with pytest.raises(openai.NotFoundError):
            attempt()
    assert list(stranger.files.list()) == list(stranger.batches.list()) == []
    assert len(mock.requests()) == before


@pytest.mark.parametrize("name", ["file-mock0001", "file-tj", "file-tjAAAA", "batch_tjAAAA", "file-tj" + "A" * 200])
def test_ids_cannot_be_made_up(client: openai.OpenAI, mock: Mock, name: str) -> None:
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(name)
    assert mock.requests() == []


def test_an_id_is_of_one_kind(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve(upload(client).id.replace("file-", "batch_"))


def test_a_team_shares_what_its_keys_make(gateway: Gateway) -> None:
    team = gateway.client.post("/team/new", json={"team_alias": "sharing"}).json()["team_id"]
    with client_of(gateway, key(gateway, team_id=team)) as one, client_of(gateway, key(gateway, team_id=team)) as two:
        made = upload(one, purpose="user_data")
        assert two.files.retrieve(made.id).id == made.id
        assert [file.id for file in two.files.list()] == [made.id]


def test_who_administers_sees_what_others_made(gateway: Gateway, client: openai.OpenAI) -> None:
    made = upload(client)
    with client_of(gateway, gateway.key) as admin:
        assert admin.files.retrieve(made.id).id == made.id


# ---- what is refused


def test_lines_may_only_name_models_that_the_key_may_use(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, models=["other"])) as client:
        with pytest.raises(openai.PermissionDeniedError):
            upload(client, model=None)
        with pytest.raises(openai.PermissionDeniedError):
            upload(client, model="gpt-test")
        assert upload(client, model="other").id
    assert len(mock.requests()) == 1


@pytest.mark.parametrize(
    ("form", "status", "problem"),
    [
        ({"files": {"file": ("a", b"x")}}, 400, "purpose"),
        ({"data": {"purpose": "batch"}, "files": {"other": ("a", b"x")}}, 400, "`file`"),
        ({"json": {"purpose": "batch"}}, 400, "form"),
        ({"data": {"purpose": "batch"}, "files": {"file": ("a.EXE", b"x")}}, 400, "not taken"),
        ({"data": {"purpose": "batch"}, "files": {"file": ("a", JSONL * 21)}}, 400, "100 requests"),
        ({"data": {"purpose": "x", "model": "nowhere"}, "files": {"file": ("a", b"x")}}, 400, "keeps files"),
        ({"data": {"purpose": "x", "model": "nobody"}, "files": {"file": ("a", b"x")}}, 404, "nobody"),
        ({"data": {"purpose": "x", "custom_llm_provider": "groq"}, "files": {"file": ("a", b"x")}}, 400, "groq"),
    ],
)
def test_an_upload_at_fault_is_refused(
    gateway: Gateway, mock: Mock, form: dict[str, Any], status: int, problem: str
) -> None:
    answer = gateway.client.post("/v1/files", **form)
    assert answer.status_code == status, answer.text
    assert problem in answer.json()["error"]["message"]
    assert mock.requests() == []


def test_a_batch_needs_a_file_of_requests(client: openai.OpenAI) -> None:
    file = upload(client, purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="purpose `batch`"):
        client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def test_what_an_upstream_says_is_told(client: openai.OpenAI, mock: Mock) -> None:
    file = upload(client)
    mock.control({"status": 429}, times=1)
    with pytest.raises(openai.RateLimitError, match="Mock fault"):
        client.files.retrieve(file.id)
