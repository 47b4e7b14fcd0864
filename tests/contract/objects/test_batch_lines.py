"""Who is told of the lines of batches that are over, through the running gateway."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.harness import BOOKS, PATIENCE, UPSTREAM_KEY, Gateway, Mock, eventually, openai_model
from tests.contract.objects.asking import JSONL, LINES, client_of, upload
from tests.contract.objects.keys import key
from tests.contract.objects.test_message_batches import client_of as anthropic_of
from tests.contract.objects.test_message_batches import requests_for
from tests.fakes.ears import Ears

CODE = """
import json
import os

from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import StandardBatchLineItemsPayload


class Lines(CustomLogger):
    async def async_log_batch_line_items(self, payload: StandardBatchLineItemsPayload) -> None:
        with open(os.path.join(os.path.dirname(__file__), "lines.jsonl"), "a") as file:
            file.write(json.dumps(payload) + "\\n")


class Broken(CustomLogger):
    async def async_log_batch_line_items(self, payload):
        raise KeyError("no")


lines = Lines()
bare = Lines(message_logging=False)
broken = Broken()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lines")
    (made / "line_hooks.py").write_text(CODE)
    return made


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, folder: Path) -> Iterator[Gateway]:
    bucket = {
        "s3_bucket_name": "b", "s3_endpoint_url": ears.url, "s3_region_name": "eu-west-1", "s3_path": "below",
        "s3_aws_access_key_id": "A", "s3_aws_secret_access_key": "S",
    }  # fmt: skip
    config = {
        "model_list": [
            openai_model("m", "m-up", mock_process.url, input_cost_per_token=2e-6, output_cost_per_token=2e-6),
            {"model_name": "claude", "litellm_params": {
                "model": "anthropic/claude-up", "api_base": mock_process.url, "api_key": UPSTREAM_KEY,
                "input_cost_per_token": 2e-6, "output_cost_per_token": 2e-6}},
        ],
        "litellm_settings": {
            "batch_line_item_callbacks": ["line_hooks.broken", "s3_v2", "line_hooks.lines", "nobody"],
            "s3_callback_params": bucket,
        },
    }  # fmt: skip
    env = {**BOOKS, "BATCH_LINE_ITEMS_MAX_PART_BYTES": "900"}
    with Gateway(config, folder, edge=edge, env=env, workers=2) as running:
        yield running


def stored(ears: Ears, name: str) -> list[list[Any]]:
    """The parts of a batch in the bucket."""
    found = sorted((path, said) for path, _, said in ears.heard if name in path)
    return [[json.loads(line) for line in said.splitlines()] for _, said in found]


def test_the_lines_of_a_batch_are_told_once_with_what_each_has_cost(
    gateway: Gateway, mock: Mock, ears: Ears, folder: Path
) -> None:
    mock.reset()
    team = gateway.post("/team/new", {"team_alias": "the team"}).json()["team_id"]
    secret = key(gateway, team_id=team, key_alias="mine")
    ears.status = 503  # a destination that is away hears of it later
    with client_of(gateway, secret) as client:
        made = client.batches.create(
            input_file_id=upload(client, "m").id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        for _ in range(3):
            assert client.batches.retrieve(made.id).status == "completed"
        eventually(lambda: any(made.id in path for path in ears.tries), "the bucket is asked", PATIENCE)
        ears.status = 200

    def told() -> list[dict[str, Any]]:
        file = folder / "lines.jsonl"
        parts = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [part for part in parts if part["batch_id"] == made.id]

    eventually(lambda: sum(len(part["lines"]) for part in told()) == 5, "the logger is told", PATIENCE)
    eventually(lambda: sum(map(len, stored(ears, made.id))) == 5, "the bucket is told", PATIENCE)
    assert [part["part"] for part in told()] == list(range(len(told())))
    assert len(told()) > 1, "parts are small here"
    lines = [line for part in told() for line in part["lines"]]
    assert lines == [line for part in stored(ears, made.id) for line in part]
    assert [line["custom_id"] for line in lines] == [line["custom_id"] for line in LINES]
    first = lines[0]
    assert first["request"]["body"]["messages"] == LINES[0]["body"]["messages"]  # type: ignore[index]
    assert first["response"]["response"]["body"]["usage"]
    # ten and five tokens at half of two dollars a million
    assert (first["status"], first["response_cost"], first["model"]) == ("success", 1.5e-5, "m-up")
    assert first["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    about = first["metadata"]
    assert about["user_api_key_hash"] == hashlib.sha256(secret.encode()).hexdigest()
    assert (about["user_api_key_alias"], about["user_api_key_team_alias"]) == ("mine", "the team")
    path = next(path for path, _, _ in ears.heard if made.id in path)
    assert path.startswith("/b/below/batch_line_items/20")
    assert path.endswith(f"/{made.id}/part-00000.jsonl")
    assert "callback line_hooks.broken was not told of part 0" in gateway.log
    assert "line_hooks.py:17" in gateway.log
    assert "callback nobody: not served by this release" in gateway.log
    assert secret not in gateway.log


def test_who_wants_nothing_told_of_what_was_said_is_heeded(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    with client_of(gateway, gateway.key) as client:
        made = client.batches.create(
            input_file_id=upload(client, "m", content=JSONL).id, endpoint="/v1/chat/completions",
            completion_window="24h", extra_headers={"x-litellm-enable-message-redaction": "true"},
        )  # fmt: skip
        assert client.batches.retrieve(made.id).status == "completed"
    eventually(lambda: sum(map(len, stored(ears, made.id))) == 5, "the bucket is told", PATIENCE)
    lines = [line for part in stored(ears, made.id) for line in part]
    assert {(line["request"], line["response"], line["response_cost"]) for line in lines} == {(None, None, 1.5e-5)}


def test_batches_of_messages_are_told_too(gateway: Gateway, mock: Mock, ears: Ears) -> None:
    with anthropic_of(gateway, gateway.key) as client:
        made = client.messages.batches.create(requests=requests_for("claude", "claude"))
        assert client.messages.batches.retrieve(made.id).processing_status == "ended"
    eventually(lambda: sum(map(len, stored(ears, made.id))) == 2, "the bucket is told", PATIENCE)
    first = stored(ears, made.id)[0][0]
    assert (first["custom_id"], first["status"], first["request"]) == ("r0", "success", None)
    assert first["response"]["result"]["message"]["usage"]["output_tokens"] == 4
    assert (first["custom_llm_provider"], first["response_cost"]) == ("anthropic", 1.4e-5)
