"""Containers, evaluations, and what requests of models name beside files: OpenAI's client, and nobody else's."""

import json
from typing import Any

import openai
import pytest
from tests.contract.accounting.books import row_of
from tests.contract.harness import Gateway, Mock, eventually
from tests.contract.objects.asking import client_of, upload
from tests.contract.objects.keys import key

AT: Any = {"model": "gpt-test"}


def test_a_container_comes_with_its_files_and_goes(client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock) -> None:
    file = upload(client, purpose="user_data", content=b"brought along")
    made = client.containers.create(name="mine", file_ids=[file.id], extra_body=AT)
    assert (made.name, made.status) == ("mine", "running")
    assert made.id.startswith("cntr-tj")
    assert "model" not in mock.last()["json"]
    put = client.containers.files.create(made.id, file=("a.csv", b"1,2\n3,4"))
    assert (put.container_id, put.path, put.bytes) == (made.id, "/mnt/data/a.csv", 7)
    assert put.id.startswith("cfile_tj")
    again = client.containers.files.create(made.id, file_id=file.id)
    assert again.bytes == len(b"brought along")
    assert [one.id for one in client.containers.files.list(made.id)][1:] == [put.id, again.id]
    assert client.containers.files.retrieve(put.id, container_id=made.id).model_dump() == put.model_dump()
    assert client.containers.files.content.retrieve(put.id, container_id=made.id).read() == b"1,2\n3,4"
    with pytest.raises(openai.NotFoundError):
        stranger.containers.files.content.retrieve(put.id, container_id=made.id)
    client.containers.files.delete(put.id, container_id=made.id)
    assert len(client.containers.files.list(made.id).data) == 2
    assert [one.id for one in client.containers.list()] == [made.id]
    assert list(stranger.containers.list()) == []
    client.containers.delete(made.id)
    assert list(client.containers.list()) == []
    with pytest.raises(openai.NotFoundError):
        client.containers.retrieve(made.id)


def test_a_model_is_shown_stores_and_containers_where_they_lie(
    client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock
) -> None:
    files = [upload(client, "native", purpose="user_data", content=b"%d" % number).id for number in range(2)]
    there: Any = {"model": "native"}
    stores = [client.vector_stores.create(name="v", extra_body=there).id for _ in range(2)]
    container = client.containers.create(name="c", extra_body=there).id
    tools: Any = [
        {"type": "file_search", "vector_store_ids": stores},
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": files}},
        {"type": "code_interpreter", "container": container},
    ]
    client.responses.create(model="native", input=f"not {container}", tools=tools)
    sent = mock.last()["json"]
    search, auto, named = sent["tools"]
    assert [name[:7] for name in search["vector_store_ids"]] == ["vs_mock"] * 2
    assert len(set(search["vector_store_ids"])) == 2
    assert [name[:9] for name in auto["container"]["file_ids"]] == ["file-mock"] * 2
    assert named["container"].startswith("cntr_mock")
    assert sent["input"] == f"not {container}"
    for tool in tools:
        with pytest.raises(openai.NotFoundError):
            stranger.responses.create(model="native", input="x", tools=[tool])
    for tool in tools[1:]:  # files are searched for whoever cannot
        with pytest.raises(openai.BadRequestError, match="does not lie where 'far' is"):
            client.responses.create(model="far", input="x", tools=[tool])


def test_an_id_of_a_store_that_was_given_before_goes_on_working(client: openai.OpenAI) -> None:
    made = client.vector_stores.create(name="old", extra_body=AT)
    former = made.id.replace("vs-tj", "vs_tj", 1)
    assert client.vector_stores.retrieve(former).name == "old"
    client.vector_stores.delete(former)
    assert list(client.vector_stores.list()) == []


EVAL: Any = {
    "name": "quality",
    "data_source_config": {"type": "custom", "item_schema": {"type": "object", "properties": {"model": {}}}},
    "testing_criteria": [{"type": "label_model", "name": "g", "model": "gpt-test", "input": [], "labels": ["a"]}],
}


def test_an_evaluation_is_run_and_paid_for_once(gateway: Gateway, stranger: openai.OpenAI, mock: Mock) -> None:
    secret = key(gateway)
    with client_of(gateway, secret) as client:
        file = upload(client, purpose="evals", content=b'{"item": {}}')
        made = client.evals.create(**EVAL, extra_body=AT)
        assert mock.last()["json"]["testing_criteria"][0]["model"] == "upstream-name"
        assert "model" not in mock.last()["json"]
        items = [{"item": {"model": "gpt-test"}}]
        source: Any = {
            "type": "completions",
            "model": "gpt-test",
            "source": {"type": "file_id", "id": file.id, "content": items},
        }
        run = client.evals.runs.create(made.id, data_source=source)
        sent = mock.last()["json"]["data_source"]
        assert (sent["model"], sent["source"]["content"]) == ("upstream-name", items)
        assert sent["source"]["id"].startswith("file-mock")
        assert (run.eval_id, run.status) == (made.id, "queued")
        done = client.evals.runs.retrieve(run.id, eval_id=made.id)
        assert (done.id, done.status, done.data_source.source.id) == (run.id, "completed", file.id)  # type: ignore[union-attr]
        (item,) = client.evals.runs.output_items.list(run.id, eval_id=made.id)
        assert (item.eval_id, item.run_id) == (made.id, run.id)
        assert client.evals.runs.output_items.retrieve(item.id, eval_id=made.id, run_id=run.id).id == item.id
        assert [one.id for one in client.evals.runs.list(made.id)] == [run.id]
        with pytest.raises(openai.NotFoundError):
            stranger.evals.runs.retrieve(run.id, eval_id=made.id)
        row = row_of(gateway, "request_id", f"{run.id[-100:]}-cost")
        assert (row["call_type"], row["prompt_tokens"], row["completion_tokens"]) == ("acreate_run", 100, 20)
        spent = 100 * 1e-6 + 20 * 2e-6
        eventually(
            lambda: gateway.client.get(f"/key/info?key={secret}").json()["info"]["spend"] == spent, "what was spent"
        )
        assert client.evals.runs.delete(run.id, eval_id=made.id).run_id == run.id
        assert client.evals.delete(made.id).eval_id == made.id
        assert list(client.evals.list()) == []


def test_a_run_that_only_its_list_shows_is_paid_for(client: openai.OpenAI, gateway: Gateway) -> None:
    made = client.evals.create(**EVAL, extra_body=AT)
    source: Any = {"type": "completions", "model": "gpt-test", "source": {"type": "file_content", "content": []}}
    run = client.evals.runs.create(made.id, data_source=source)
    assert [one.status for one in client.evals.runs.list(made.id)] == ["completed"]
    assert row_of(gateway, "request_id", f"{run.id[-100:]}-cost")["prompt_tokens"] == 100


def test_a_run_is_cancelled_by_older_and_newer_clients(client: openai.OpenAI) -> None:
    made = client.evals.create(**EVAL, extra_body=AT)
    source: Any = {"type": "jsonl", "source": {"type": "file_content", "content": []}}
    run = client.evals.runs.create(made.id, data_source=source)
    assert client.evals.runs.cancel(run.id, eval_id=made.id).status == "canceled"
    run = client.evals.runs.create(made.id, data_source=source)
    assert client.post(f"/evals/{made.id}/runs/{run.id}", cast_to=dict[str, Any])["status"] == "canceled"


def test_an_evaluation_names_only_models_that_the_key_may_use(gateway: Gateway, mock: Mock) -> None:
    with client_of(gateway, key(gateway, models=["other"])) as client:
        for body in (EVAL, json.loads(json.dumps(EVAL).replace("gpt-test", "gpt-9"))):
            with pytest.raises(openai.PermissionDeniedError):
                client.evals.create(**body, extra_body={"model": "other"})
    assert [one for one in mock.requests() if one["path"].endswith("/evals")] == []
