"""A question that is answered out of a vector store meets guardrails as a search, and as a request of a model."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, openai_model
from tests.fakes.judge import MASK, Judge

WORD = "forbidden"


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(name: str, mode: str) -> dict[str, Any]:
        params = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge_process.url}
        return {"guardrail_name": name, "litellm_params": params}

    config = {
        "model_list": [openai_model("gpt-test", "up", mock_process.url)],
        "guardrails": [guardrail("pre", "pre_call"), guardrail("after", "post_call")],
    }
    with Gateway(config, tmp_path_factory.mktemp("retrieval"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.mark.parametrize("path", ["/v1/rag/query", "/rag/query"])
def test_what_is_asked_found_and_told_is_judged(gateway: Gateway, mock: Mock, judge: Judge, path: str) -> None:
    file = {"filename": "a.txt", "content": "YSBzZWNyZXQgd2FsbA=="}  # a secret wall
    made = gateway.post("/v1/rag/ingest", {"file": file, "ingest_options": {"vector_store": {"model": "gpt-test"}}})
    assert made.status_code == 200, made.text
    before = len(mock.requests())

    def ask(text: str, *guardrails: str) -> Any:
        turns = [{"role": "user", "content": text}]
        config = {"vector_store_id": made.json()["vector_store_id"]}
        body = {"model": "gpt-test", "messages": turns, "retrieval_config": config, "guardrails": list(guardrails)}
        return gateway.post(path, body)

    assert ask(WORD, "pre").status_code == 400
    assert len(mock.requests()) == before  # nothing was searched for
    assert ask("wall").status_code == 200
    assert "a secret wall" in mock.last()["json"]["messages"][0]["content"]
    assert ask("wall", "after").status_code == 200
    assert mock.last()["json"]["messages"][0]["content"] == f"Context:\n\na {MASK} wall\n\n"


def test_what_a_model_searches_for_and_finds_is_judged(gateway: Gateway, mock: Mock, judge: Judge) -> None:
    file = {"filename": "a.txt", "content": "YSBzZWNyZXQgd2FsbA=="}  # a secret wall
    made = gateway.post("/v1/rag/ingest", {"file": file, "ingest_options": {"vector_store": {"model": "gpt-test"}}})
    store = made.json()["vector_store_id"]

    def ask(query: str, *guardrails: str) -> Any:
        call = {"name": "litellm_file_search", "arguments": {"queries": [query]}}
        mock.reset()
        mock.control({"call": call}, path="/v1/chat/completions", times=1)
        tool = {"type": "file_search", "vector_store_ids": [store]}
        body = {"model": "gpt-test", "input": "x", "tools": [tool], "guardrails": list(guardrails)}
        return gateway.post("/v1/responses", body)

    assert ask(WORD, "pre").status_code == 400
    assert not [one for one in mock.requests() if one["path"].endswith("/search")]
    answer = ask("wall", "after").json()
    assert answer["output"][0]["queries"] == ["wall"]
    assert f"a {MASK} wall" in mock.last()["body"]
    assert "secret" not in mock.last()["body"]
