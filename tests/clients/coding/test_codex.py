"""Codex, over /v1/responses: it reads a file or writes one with a tool, and speaks."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.clients.coding.conftest import WORD, Run
from tests.clients.conftest import CLAUDE, GPT, KNOWN, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

PATCH = "*** Begin Patch\n*** Add File: made.txt\n+made\n*** End Patch\n"
PROGRAM = 'const found = await tools.exec_command({cmd: "cat note.txt"}); text(found.output)'
SETTINGS = """
model = "{model}"
model_provider = "tianji"
check_for_update_on_startup = false
[analytics]
enabled = false
[features]
plugins = false
apps = false
[otel]
exporter = "none"
[model_providers.tianji]
name = "Tianji"
base_url = "{url}/v1"
env_key = "TIANJI_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
SEARCHING = f"""
[mcp_servers.notes]
command = {json.dumps(sys.executable)}
args = [{json.dumps(str(Path(__file__).with_name("notes_server.py")))}]
"""


def asks(run: Run, home: Path, url: str, model: str, *, searches: bool = False) -> list[dict[str, Any]]:
    """Have it work, and return what it tells of that. `searches`: it has tools that it finds by a search alone."""
    folder = home / ".codex"
    folder.mkdir()
    settings = SETTINGS.format(model=model, url=url)
    if searches:
        deferring = "[features]\ntool_search = true\ntool_search_always_defer_mcp_tools = true"
        settings = settings.replace("[features]", deferring) + SEARCHING
    (folder / "config.toml").write_text(settings)
    line = ("codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json", "Work.")
    return [json.loads(told) for told in run(line, {"TIANJI_KEY": MASTER_KEY}).splitlines()]


def spoke(told: list[dict[str, Any]]) -> bool:
    """Whether its work ended in words."""
    items = [event["item"] for event in told if event["type"] == "item.completed"]
    return items[-1]["type"] == "agent_message" and len(items[-1]["text"].split()) == 32


@pytest.mark.parametrize("model", [RESPONSES, GPT, CLAUDE])
def test_a_loop_of_tools(run: Run, home: Path, gateway: Gateway, mock: Mock, model: str) -> None:
    mock.control({"call": {"name": "exec_command", "arguments": {"cmd": "cat note.txt"}}}, times=1)
    assert spoke(asks(run, home, gateway.url, model))
    first, second = mock.requests()
    assert first["size"] > 30_000
    assert WORD not in first["body"]
    assert WORD in second["body"]


def test_a_tool_that_takes_text(run: Run, home: Path, work: Path, gateway: Gateway, mock: Mock) -> None:
    mock.control({"call": {"name": "apply_patch", "arguments": PATCH}}, times=1)
    assert spoke(asks(run, home, gateway.url, KNOWN["responses"]))
    assert (work / "made.txt").read_text() == "made\n"


@pytest.mark.parametrize("model", [KNOWN["over chat"], KNOWN["over messages"]])
def test_tools_that_come_with_the_conversation(run: Run, home: Path, gateway: Gateway, mock: Mock, model: str) -> None:
    mock.control({"call": {"name": "functions__exec", "arguments": {"input": PROGRAM}}}, times=1)
    assert spoke(asks(run, home, gateway.url, model))
    assert WORD in mock.last()["body"]


@pytest.mark.parametrize("model", [KNOWN["searching over chat"], KNOWN["searching over messages"]])
def test_tools_that_it_searches_for(run: Run, home: Path, gateway: Gateway, mock: Mock, model: str) -> None:
    mock.control({"call": {"name": "tool_search", "arguments": {"query": "note"}}}, times=1)
    mock.control({"call": {"name": "mcp__notes__read_note", "arguments": {}}}, times=1)
    assert spoke(asks(run, home, gateway.url, model, searches=True))
    first, second, third = mock.requests()
    assert "mcp__notes__read_note" not in first["body"]
    assert "mcp__notes__read_note" in json.dumps(second["json"]["tools"])
    assert WORD not in second["body"]
    assert WORD in third["body"]


def test_what_it_says_to_openai_arrives_unchanged(run: Run, home: Path, gateway: Gateway, mock: Mock) -> None:
    asks(run, home, gateway.url, KNOWN["responses"])
    sent = mock.last()["json"]
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["prompt_cache_key"]
    assert sent["client_metadata"]
    assert "custom" in {tool["type"] for tool in sent["tools"]}


def test_errors(run: Run, home: Path, gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 400})
    with pytest.raises(AssertionError, match="Mock fault: status 400"):
        asks(run, home, gateway.url, RESPONSES)
