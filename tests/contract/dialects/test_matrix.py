"""Every dialect of clients over every form of upstreams: what is said arrives, and what breaks off is said to."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from tests.contract.harness import UPSTREAM_KEY, Gateway, Mock, openai_model
from tests.fakes.google_account import account

PROMPT = "one two three"
TURNS = [{"role": "user", "content": PROMPT}]


class Dialect(NamedTuple):
    """How clients ask in it for a stream, what events say of text, and which of them ends it well or badly."""

    path: str
    body: Callable[[str], dict[str, Any]]
    text: Callable[[Any], str]
    ends: Callable[[Any], bool]
    fails: Callable[[Any], bool]


def _nothing(_: Any) -> bool:
    return False


def choices(event: Any, member: str) -> str:
    found = event.get("choices") or [] if isinstance(event, dict) else []
    return "".join((one["delta"].get("content") if member == "delta" else one[member]) or "" for one in found)


def parts(event: Any) -> str:
    return "".join(
        part.get("text", "") for one in event.get("candidates", []) for part in one.get("content", {}).get("parts", [])
    )


def is_error(event: Any) -> bool:
    return isinstance(event, dict) and bool(event.get("error"))


DIALECTS = {
    "chat": Dialect(
        "/v1/chat/completions",
        lambda model: {"model": model, "messages": TURNS, "stream": True},
        lambda event: choices(event, "delta"),
        lambda event: event == "[DONE]",
        is_error,
    ),
    "completions": Dialect(
        "/v1/completions",
        lambda model: {"model": model, "prompt": PROMPT, "stream": True},
        lambda event: choices(event, "text"),
        lambda event: event == "[DONE]",
        is_error,
    ),
    "messages": Dialect(
        "/v1/messages",
        lambda model: {"model": model, "messages": TURNS, "max_tokens": 99, "stream": True},
        lambda event: event.get("delta", {}).get("text", ""),
        lambda event: event["type"] == "message_stop",
        lambda event: event["type"] == "error",
    ),
    "responses": Dialect(
        "/v1/responses",
        lambda model: {"model": model, "input": PROMPT, "store": False, "stream": True},
        lambda event: event["delta"] if event.get("type") == "response.output_text.delta" else "",
        lambda event: event["type"] in ("response.completed", "response.incomplete"),
        lambda event: event["type"] in ("response.failed", "error"),
    ),
    "gemini": Dialect(
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        lambda _: {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
        parts,
        lambda event: any(one.get("finishReason") for one in event.get("candidates", [])),
        is_error,
    ),
}
UPSTREAMS = ("openai", "anthropic", "gemini", "vertex", "bedrock", "invoke", "cohere", "responses")
FAULTS: tuple[dict[str, Any], ...] = ({"end_at": 7}, {"cut_at": 2500}, {"error_at": 7})


@pytest.fixture(scope="module")
def serving(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url

    def at(name: str, model: str, **params: Any) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": base, "api_key": UPSTREAM_KEY, **params},
        }

    keys = {"api_key": None, "aws_access_key_id": "A", "aws_secret_access_key": "s", "aws_region_name": "us-east-1"}
    vertex = {"api_key": None, "vertex_credentials": account(f"{base}/token")}
    config = {
        "model_list": [
            openai_model("openai", "gpt-up", base),
            at("anthropic", "anthropic/claude-up"),
            at("gemini", "gemini/gemini-2.5-flash", api_base=f"{base}/v1beta"),
            at("vertex", "vertex_ai/gemini-2.5-flash", **vertex),
            at("bedrock", "bedrock/amazon.nova-lite-v1:0", **keys),
            at("invoke", "bedrock/invoke/anthropic.claude-3-5-haiku-20241022-v1:0", **keys),
            at("cohere", "cohere_chat/command-a-03-2025"),
            openai_model("responses", "responses/gpt-5", base),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("matrix"), edge=edge) as running:
        yield running


@pytest.fixture
def gateway(serving: Gateway, mock: Mock) -> Gateway:
    return serving


def told(gateway: Gateway, dialect: Dialect, model: str) -> list[Any]:
    """Return the events of a stream, which began as one."""
    answer = gateway.post(dialect.path.format(model=model), dialect.body(model))
    assert answer.status_code == 200, answer.text
    lines = [line[5:].strip() for line in answer.text.splitlines() if line.startswith("data:")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.mark.parametrize("model", UPSTREAMS)
@pytest.mark.parametrize("name", DIALECTS)
class TestPairs:
    def test_a_stream(self, gateway: Gateway, mock: Mock, name: str, model: str) -> None:
        mock.control({"tokens": 12})
        dialect = DIALECTS[name]
        events = told(gateway, dialect, model)
        text = "".join(dialect.text(event) for event in events if event != "[DONE]")
        assert len(text.split()) == 12, text
        assert dialect.ends(events[-1])
        assert not any(dialect.fails(event) for event in events)

    @pytest.mark.parametrize("fault", FAULTS, ids=str)
    def test_a_stream_that_breaks_ends_in_an_error(
        self, gateway: Gateway, mock: Mock, name: str, model: str, fault: dict[str, Any]
    ) -> None:
        mock.control(fault)
        dialect = DIALECTS[name]
        events = told(gateway, dialect, model)
        assert dialect.fails(events[-1]), events[-1]
        assert not any(dialect.ends(event) for event in events)

    def test_an_answer_that_nobody_can_read(self, gateway: Gateway, mock: Mock, name: str, model: str) -> None:
        mock.control({"body": f'["output", 7, "candidates", "{UPSTREAM_KEY}"]'})
        dialect = DIALECTS[name]
        body = {member: value for member, value in dialect.body(model).items() if member != "stream"}
        path = dialect.path.replace("streamGenerateContent?alt=sse", "generateContent").format(model=model)
        answer = gateway.post(path, body)
        provider = {"vertex": "vertex_ai", "invoke": "bedrock", "cohere": "cohere_chat", "responses": "openai"}
        assert answer.status_code == 502
        message = answer.json()["error"]["message"]
        assert provider.get(model, model) in message
        assert "candidates" in message
        assert UPSTREAM_KEY not in answer.text
