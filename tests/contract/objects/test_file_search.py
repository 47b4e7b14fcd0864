"""Files that are searched for models whose providers cannot: `file_search` of Responses, and stores that chats name.

The mock finds the files in which a query stands. https://platform.openai.com/docs/guides/tools-file-search shows what
is answered, https://docs.litellm.ai/docs/completion/knowledgebase how a chat asks.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.contract.accounting.books import entries
from tests.contract.harness import Gateway, Mock, events
from tests.contract.objects.asking import client_of, upload
from tests.contract.objects.keys import key

FUNCTION = "litellm_file_search"
MESSAGES, CHAT, SEARCH = "/v1/messages", "/v1/chat/completions", "/search"


@pytest.fixture
def secret(gateway: Gateway) -> str:
    return key(gateway)


@pytest.fixture
def client(gateway: Gateway, secret: str) -> Iterator[openai.OpenAI]:
    with client_of(gateway, secret) as made:
        yield made


def store(client: openai.OpenAI, *texts: str, at: str = "gpt-test") -> Any:
    """Make a store of texts where a model is."""
    files = [upload(client, at, purpose="user_data", content=text.encode()).id for text in texts]
    made = client.vector_stores.create(name="s", file_ids=[], extra_body={"model": at})
    for file in files:
        client.vector_stores.files.create(made.id, file_id=file)
    return made.id


def calls(mock: Mock, *queries: str, times: int = 1, name: str = FUNCTION) -> None:
    """Have the model search once."""
    mock.control({"call": {"name": name, "arguments": {"queries": list(queries)}}}, path=MESSAGES, times=times)


def fails(mock: Mock) -> None:
    """Have the store that was filled last answer no search any more."""
    path = next(one["path"] for one in reversed(mock.requests()) if one["path"].endswith("/files"))
    mock.control({"status": 500}, path=path.replace("/files", SEARCH))


def sent(mock: Mock, path: str) -> list[dict[str, Any]]:
    return [request["json"] for request in mock.requests() if request["path"].endswith(path)]


def test_a_model_elsewhere_searches_files(gateway: Gateway, client: openai.OpenAI, mock: Mock, secret: str) -> None:
    there = store(client, "the wall is high", "the wall is long")
    calls(mock, "wall", "high")
    tool: Any = {"type": "file_search", "vector_store_ids": [there], "max_num_results": 3}
    answer = client.responses.create(
        model="sonnet", input="how is it?", tools=[tool], include=["file_search_call.results"],
        tool_choice={"type": "file_search"},
    )  # fmt: skip
    searched, message = answer.output
    assert (searched.type, searched.status, searched.queries) == ("file_search_call", "completed", ["wall", "high"])
    assert {one.text for one in searched.results or ()} == {"the wall is high", "the wall is long"}
    (part,) = message.content  # type: ignore[union-attr]
    assert [(note.type, note.filename, note.index) for note in part.annotations] == [  # type: ignore[union-attr]
        ("file_citation", "lines.jsonl", len(part.text))  # type: ignore[union-attr]
    ] * 2
    assert {note.file_id for note in part.annotations} == {one.file_id for one in searched.results or ()}  # type: ignore[union-attr]
    assert [one.id for one in client.files.list() if one.id in {r.file_id for r in searched.results or ()}] != []
    first, second = sent(mock, MESSAGES)
    assert [one["name"] for one in first["tools"]] == [FUNCTION]
    assert first["tool_choice"] == {"type": "tool", "name": FUNCTION}
    said = second["messages"][-1]["content"][0]
    assert said["type"] == "tool_result"
    assert "File: lines.jsonl\nthe wall is high" in str(said["content"]).replace("\\n", "\n")
    assert "tj" not in str(second)  # the model is told no ids
    assert [one["max_num_results"] for one in sent(mock, SEARCH)] == [3, 3]
    shown = answer.tools[0].to_dict()
    assert (shown["type"], shown["vector_store_ids"]) == ("file_search", [there])
    assert answer.usage is not None
    rows = entries(gateway, 2, key=hashlib.sha256(secret.encode()).hexdigest())
    assert [row["model_group"] for row in rows] == ["sonnet"] * 2
    assert answer.usage.input_tokens == sum(row["prompt_tokens"] for row in rows)
    assert all(row["cost"] > 0 for row in rows)
    # it is stored as the client saw it, and can be gone on from
    again = client.responses.retrieve(answer.id)
    assert [item.type for item in again.output] == ["file_search_call", "message"]
    client.responses.create(model="sonnet", input="and?", previous_response_id=answer.id)
    assert [turn["role"] for turn in sent(mock, MESSAGES)[-1]["messages"]] == ["user", "assistant", "user"]


def test_a_stream_shows_the_search(client: openai.OpenAI, mock: Mock) -> None:
    there = store(client, "the wall is high")
    calls(mock, "wall")
    tool: Any = {"type": "file_search", "vector_store_ids": [there]}
    with client.responses.stream(model="sonnet", input="how?", tools=[tool]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    searching = [kind for kind in kinds if kind.startswith("response.file_search_call")]
    assert searching == [f"response.file_search_call.{state}" for state in ("in_progress", "searching", "completed")]
    assert kinds[-1] == "response.completed"
    assert "response.output_text.annotation.added" in kinds
    assert [item.type for item in final.output] == ["file_search_call", "message"]
    assert final.output[0].results is None  # type: ignore[union-attr]


def test_what_fails_is_told_to_the_model_and_searching_ends(client: openai.OpenAI, mock: Mock) -> None:
    there = store(client, "the wall is high")
    fails(mock)
    calls(mock, "wall", times=9)
    tool: Any = {"type": "file_search", "vector_store_ids": [there]}
    answer = client.responses.create(model="sonnet", input="how?", tools=[tool])
    asked = sent(mock, MESSAGES)
    assert len(asked) == 4
    assert asked[-1]["tool_choice"] == {"type": "none"}
    searches = [item for item in answer.output if item.type == "file_search_call"]
    assert [item.status for item in searches] == ["failed"] * 3


def test_another_function_is_the_clients_to_run(client: openai.OpenAI, mock: Mock) -> None:
    there = store(client, "the wall is high")
    calls(mock, "wall", name="own")
    tools: Any = [
        {"type": "file_search", "vector_store_ids": [there]},
        {"type": "function", "name": "own", "parameters": {"type": "object", "properties": {}}},
    ]
    answer = client.responses.create(model="sonnet", input="how?", tools=tools)
    assert [item.type for item in answer.output] == ["function_call"]
    assert answer.output[0].name == "own"  # type: ignore[union-attr]
    assert sent(mock, SEARCH) == []


def test_whoever_can_look_itself_does(client: openai.OpenAI, mock: Mock) -> None:
    there = store(client, "the wall is high", at="native")
    client.responses.create(model="native", input="x", tools=[{"type": "file_search", "vector_store_ids": [there]}])
    (tool,) = mock.last()["json"]["tools"]
    assert tool["type"] == "file_search"
    assert tool["vector_store_ids"][0].startswith("vs_mock")


@pytest.mark.parametrize("named", ["tool", "ids"])
def test_a_chat_is_told_what_its_stores_hold(
    gateway: Gateway, client: openai.OpenAI, mock: Mock, secret: str, named: str
) -> None:
    there, empty = store(client, "the wall is high"), store(client, "nothing")
    tool = {"type": "file_search", "vector_store_ids": [there, empty], "max_num_results": 4}
    own = {"type": "function", "function": {"name": "own", "parameters": {"type": "object"}}}
    more: dict[str, Any] = {"tools": [tool, own]} if named == "tool" else {"vector_store_ids": [there, empty]}
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "wall"}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "own", "arguments": "{}"}}
        ]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]  # fmt: skip
    body = {"model": "gpt-test", "messages": turns, "max_tokens": 3, **more}
    answer = gateway.post(CHAT, body, authorization=f"Bearer {secret}")
    assert answer.status_code == 200, answer.text
    told = sent(mock, CHAT)[-1]
    assert told["messages"] == [{"role": "user", "content": "Context:\n\nthe wall is high\n\n"}, *turns]
    assert told.get("tools") == ([own] if named == "tool" else None)
    assert "vector_store_ids" not in told
    fields = answer.json()["choices"][0]["message"]["provider_specific_fields"]
    assert [len(page["data"]) for page in fields["search_results"]] == [1, 0]
    assert "vector_store_search_failures" not in fields
    assert [one["query"] for one in sent(mock, SEARCH)] == ["wall", "wall"]
    streamed = gateway.post(CHAT, body | {"stream": True}, authorization=f"Bearer {secret}")
    assert events(streamed.text)[-1] == "[DONE]"
    assert sent(mock, CHAT)[-1]["messages"] == told["messages"]


def test_a_chat_says_which_store_failed(gateway: Gateway, client: openai.OpenAI, mock: Mock, secret: str) -> None:
    there = store(client, "the wall is high")
    fails(mock)
    body = {"model": "far", "messages": [{"role": "user", "content": "wall"}], "vector_store_ids": [there]}
    answer = gateway.post(CHAT, body, authorization=f"Bearer {secret}")
    (failed,) = answer.json()["choices"][0]["message"]["provider_specific_fields"]["vector_store_search_failures"]
    assert (failed["vector_store_id"], failed["custom_llm_provider"]) == (there, "openai")
    with gateway.with_settings("litellm_settings", vector_store_search_failure_mode="error"):
        refused = gateway.post(CHAT, body, authorization=f"Bearer {secret}")
    assert (refused.status_code, there in refused.json()["error"]["message"]) == (400, True)


def test_stores_of_others_are_not_there(
    gateway: Gateway, client: openai.OpenAI, stranger: openai.OpenAI, mock: Mock
) -> None:
    there = store(client, "the wall is high")
    before = len(mock.requests())
    tool: Any = {"type": "file_search", "vector_store_ids": [there]}
    for model in ("sonnet", "gpt-test", "native"):
        with pytest.raises(openai.NotFoundError):
            stranger.responses.create(model=model, input="x", tools=[tool])
        with pytest.raises(openai.NotFoundError):
            stranger.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "wall"}], extra_body={"vector_store_ids": [there]}
            )
    assert sent(mock, SEARCH) == []
    assert len(mock.requests()) == before


@pytest.mark.parametrize(("ids", "status", "problem"), [([1], 400, "Expected `str`"), (["vs_x"], 404, "No such store")])
def test_what_names_no_stores_is_refused(
    client: openai.OpenAI, mock: Mock, ids: list[Any], status: int, problem: str
) -> None:
    there = store(client, "the wall is high")
    tool: Any = {"type": "file_search", "vector_store_ids": [there, *ids]}
    with pytest.raises(openai.APIStatusError, match=problem) as refused:
        client.responses.create(model="sonnet", input="x", tools=[tool])
    assert refused.value.status_code == status
    with pytest.raises(openai.APIStatusError, match=problem):
        client.chat.completions.create(
            model="gpt-test", messages=[{"role": "user", "content": "x"}], extra_body={"tools": [tool]}
        )
    assert sent(mock, SEARCH) == []
