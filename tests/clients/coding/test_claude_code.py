"""Claude Code, over /v1/messages: it is told to read a file, does so with a tool, and speaks."""

import json
from typing import Any

import pytest
from tests.clients.coding.conftest import WORD, Run
from tests.clients.conftest import CLAUDE, COMMAND, GEMINI, GPT, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

READS = {"call": {"name": "Bash", "arguments": {"command": "cat note.txt", "description": "read it"}}}
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
}
OWN = ("anthropic-beta", "anthropic-version", "content-type")  # headers that have to arrive as they were sent


def asks(run: Run, url: str, model: str) -> dict[str, Any]:
    """Have it find the word, and return its report."""
    line = ("claude", "-p", "What is the word in note.txt?", "--output-format", "json", "--allowedTools", "Bash")
    env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": MASTER_KEY, "ANTHROPIC_MODEL": model, **QUIET}
    report: dict[str, Any] = json.loads(run(line, env))
    return report


@pytest.mark.parametrize("model", [CLAUDE, GPT, GEMINI, COMMAND, RESPONSES])
def test_a_loop_of_tools(run: Run, gateway: Gateway, mock: Mock, model: str) -> None:
    mock.control(READS, times=1)
    report = asks(run, gateway.url, model)
    assert (report["is_error"], report["num_turns"]) == (False, 2)
    assert len(report["result"].split()) == 32
    # Google is asked to keep what is marked, besides
    first, second = (request for request in mock.requests() if not request["path"].endswith("/cachedContents"))
    assert first["size"] > 40_000  # to a model of Claude's that it knows it says nearly twice as much
    assert WORD not in first["body"]
    assert WORD in second["body"]


def test_what_it_says_to_claude_arrives_unchanged(run: Run, gateway: Gateway, mock: Mock) -> None:
    said = []
    for url in (mock.url, gateway.url):
        mock.reset()
        asks(run, url, CLAUDE)
        said.append(mock.last())
    straight, through = said
    betas = dict(straight["headers"])["anthropic-beta"].split(",")
    assert len(betas) > 5
    for name in OWN:
        assert dict(through["headers"])[name] == dict(straight["headers"])[name]
    assert through["json"].keys() == straight["json"].keys()
    for name in straight["json"].keys() - {"metadata", "messages", "system"}:  # these tell sessions apart
        assert through["json"][name] == straight["json"][name]


def test_an_error_is_told(run: Run, gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 400})
    with pytest.raises(AssertionError, match=r"API Error.*Mock fault: status 400"):
        asks(run, gateway.url, CLAUDE)


def test_it_asks_again_when_claude_is_overloaded(run: Run, gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 529, "retry_after": "0"}, times=1)
    assert asks(run, gateway.url, CLAUDE)["is_error"] is False
    assert len(mock.requests()) == 2
