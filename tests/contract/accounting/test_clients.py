"""Rows of the ledger say which program asked, and what is noted of what it spent."""

import json
from collections.abc import Iterator

import pytest
from tests.contract.accounting.books import row_of
from tests.contract.harness import BOOKS, Gateway, Mock, openai_model

USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
COST = 1000 * 1000 + 200 * 2000  # nano-dollars
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
BODY = {"model": "m", "messages": []}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {"model_list": [openai_model("m", "m-up", mock_process.url, **PRICES)]}
    with Gateway(config, tmp_path_factory.mktemp("clients"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture(autouse=True)
def answers(mock: Mock) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    mock.control({"body": json.dumps({"object": "chat.completion", "choices": [choice], "usage": USAGE})})


def test_rows_name_the_client_program_and_sum_up_what_it_spent(gateway: Gateway) -> None:
    for number, agent in enumerate(("cli/1.0", "cli/2.0", "plain", "")):
        assert gateway.chat(BODY, x_litellm_call_id=f"agent-{number}", user_agent=agent).status_code == 200
    found = [row_of(gateway, "call_id", f"agent-{number}") for number in range(4)]
    assert [(row["user_agent"], json.loads(row["tags"])) for row in found] == [
        ("cli/1.0", ["User-Agent: cli", "User-Agent: cli/1.0"]),
        ("cli/2.0", ["User-Agent: cli", "User-Agent: cli/2.0"]),
        ("plain", ["User-Agent: plain"]),
        (None, []),
    ]
    tags = {row["name"]: row["spend"] for row in gateway.client.get("/global/spend/tags").json()["spend_per_tag"]}
    assert (tags["User-Agent: cli"], tags["User-Agent: cli/1.0"]) == (2 * COST / 1e9, COST / 1e9)
    (row,) = gateway.client.get("/spend/logs", params={"request_id": found[0]["request_id"]}).json()
    assert row["metadata"]["user_agent"] == "cli/1.0"


def test_what_is_noted_of_spend_is_in_rows_and_the_nearest_word_counts(gateway: Gateway) -> None:
    api = gateway.client
    team = api.post("/team/new", json={"metadata": {"spend_logs_metadata": {"a": "team", "b": "team"}}}).json()
    metadata = {"spend_logs_metadata": {"b": "key", "c": "key"}}
    made = api.post("/key/generate", json={"team_id": team["team_id"], "metadata": metadata}).json()
    ours = {"authorization": f"Bearer {made['key']}"}
    said = {**BODY, "metadata": {"spend_logs_metadata": {"c": "body", "d": 1}}}
    gateway.chat(BODY, x_litellm_call_id="noted-0", **ours)
    gateway.chat(said, x_litellm_call_id="noted-1", **ours)
    gateway.chat(said, x_litellm_call_id="noted-2", x_litellm_spend_logs_metadata='{"c": "header"}', **ours)
    gateway.chat(BODY, x_litellm_call_id="noted-3", x_litellm_spend_logs_metadata="no object")
    gateway.chat(BODY, x_litellm_call_id="noted-4", x_litellm_spend_logs_metadata='{"c": "%s"}' % ("x" * 9000))
    found = []
    for number in range(5):
        row = row_of(gateway, "call_id", f"noted-{number}")
        (told,) = api.get("/spend/logs", params={"request_id": row["request_id"]}).json()
        found.append(told["metadata"]["spend_logs_metadata"])
    assert found == [
        {"a": "team", "b": "key", "c": "key"},
        {"a": "team", "b": "key", "c": "body", "d": 1},
        {"a": "team", "b": "key", "c": "header"},
        None,
        None,
    ]
