"""One mock provider and one gateway for clients of other makers, which are used as they come.

The gateway runs in the project's environment, the tests in those of the clients. Each model is named after one of its
vendor and reaches the mock in that vendor's form.
"""

import os
from collections.abc import Iterator
from functools import partial

import pytest
from tests import loopback
from tests.contract.harness import ROOT, Gateway, Mock, Process, begin, openai_model
from tests.contract.processes import mock, mock_process

__all__ = ["mock", "mock_process"]
READY = ROOT / ".ready" / "clients"  # what `make test-clients` installs
GPT, CLAUDE, GEMINI, COMMAND, RESPONSES = (
    "gpt-4.1",
    "claude-sonnet-4-6",
    "gemini-2.5-flash",
    "command-a-03-2025",
    "gpt-5",
)
REALTIME = "gpt-realtime"
KNOWN = {  # models that Codex knows, so that it brings their tools; what stands behind them here
    "responses": "gpt-5.5",
    "over chat": "gpt-6-sol",
    "over messages": "gpt-6-luna",
    "searching over chat": "gpt-5.5-chat",
    "searching over messages": "gpt-5.5-messages",
}
UPSTREAM_KEY = "sk-upstream-3f8c1d"
QUIET = {  # what phones home does not, and nobody finds another provider than this gateway
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "DO_NOT_TRACK": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "HTTP_PROXY": "",
    "HTTPS_PROXY": "",
    "ALL_PROXY": "",
}


def pytest_configure() -> None:
    """Keep this process on this machine before a client is imported."""
    os.environ.update(QUIET)
    loopback.stay()
    Process.begin = staticmethod(partial(begin, python=str(ROOT / ".venv" / "bin" / "python")))


def other_form(name: str, provider: str, base: str, upstream: str | None = None) -> dict[str, object]:
    """Return a model entry for a deployment that speaks its vendor's form, and calls the model by its own name."""
    params = {"model": f"{provider}/{upstream or name}", "api_base": base, "api_key": UPSTREAM_KEY}
    return {"model_name": name, "litellm_params": params}


@pytest.fixture(scope="session")
def gateway(mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    config = {
        "model_list": [
            openai_model(GPT, GPT, base),
            other_form(CLAUDE, "anthropic", base),
            other_form(GEMINI, "gemini", f"{base}/v1beta"),
            other_form("gemini-embedding-001", "gemini", f"{base}/v1beta"),
            other_form(COMMAND, "cohere_chat", base),
            openai_model(RESPONSES, RESPONSES, base, use_chat_completions_api=False),
            openai_model(KNOWN["responses"], KNOWN["responses"], base, use_chat_completions_api=False),
            openai_model(KNOWN["over chat"], GPT, base),
            other_form(KNOWN["over messages"], "anthropic", base, CLAUDE),
            openai_model(KNOWN["searching over chat"], GPT, base),
            other_form(KNOWN["searching over messages"], "anthropic", base, CLAUDE),
            openai_model("text-embedding-3-small", "text-embedding-3-small", base),
            openai_model(REALTIME, REALTIME, base),
        ],
        "router_settings": {"num_retries": 0},
    }
    handed_on = {  # what is handed on as it is goes to the mock, too
        "COHERE_API_BASE": base,
        "COHERE_API_KEY": UPSTREAM_KEY,
        "AWS_BEDROCK_RUNTIME_ENDPOINT": base,
        "AWS_ENDPOINT_URL_COMPREHENDMEDICAL": base,
        "AWS_ENDPOINT_URL_TRANSCRIBE": base,
        "AWS_REGION_NAME": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": UPSTREAM_KEY,
        **{
            f"{vendor}_{what}": value
            for vendor in ("ASSEMBLYAI", "DEEPGRAM", "ELEVENLABS")
            for what, value in (("API_BASE", base), ("API_KEY", UPSTREAM_KEY))
        },
    }
    folder = tmp_path_factory.mktemp("gateway")
    with Gateway(config, folder, edge=os.environ.get("TIANJI_EDGE", "native"), env=handed_on) as running:
        yield running


@pytest.fixture
def calls_weather(mock: Mock) -> Mock:
    """The mock, which calls a tool in its next answer and then speaks."""
    mock.control({"call": {"name": "weather", "arguments": {"city": "Oslo"}}}, times=1)
    return mock
