"""What the configuration tests share: the environment of the conformance files, and a loader of snippets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tianji.config import InvalidConfiguration, Loaded, load
from tianji.config.problems import Problem

HERE = Path(__file__).parent
ENVIRONMENT = {
    "OPENAI_API_KEY": "k1",
    "OPENAI_API_KEY_2": "k2",
    "ANTHROPIC_API_KEY": "ka",
    "GEMINI_API_KEY": "kg",
    "AZURE_EAST_BASE": "http://e",
    "AZURE_EAST_KEY": "ke",
    "AZURE_WEST_BASE": "http://w",
    "AZURE_WEST_KEY": "kw",
    "TENANT": "t1",
    "LITELLM_MASTER_KEY": "sk-conf-123",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "6399",
    "REDIS_PASSWORD": "p",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "GCP_PROJECT": "p",
    "GCP_SA_JSON": "{}",
    "FOUNDRY_BASE": "http://f",
    "FOUNDRY_KEY": "fk",
    "AZ_TENANT": "t",
    "AZ_CLIENT": "c",
    "AZ_SECRET": "s",
    "LF_MAIN_SK": "s1",
    "LF_ALPHA_PK": "pa",
    "LF_ALPHA_SK": "sa",
    "MCP_TOKEN": "mt",
    "TAVILY_API_KEY": "tv",
    "COHERE_API_KEY": "co",
    "LITELLM_ENVIRONMENT": "staging",
}
MODEL = "model_list:\n  - {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}\n"

Snippet = Callable[..., Loaded]


@pytest.fixture
def snippet(tmp_path: Path) -> Snippet:
    """Write a text as the configuration `c.yaml` and load it; keyword arguments are the environment."""

    def run(text: str | bytes, **environ: str) -> Loaded:
        file = tmp_path / "c.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(file, environ, directory=tmp_path)

    return run


def refused(snippet: Snippet, text: str | bytes, **environ: str) -> tuple[Problem, ...]:
    """Load what must not start; what is wrong with it."""
    with pytest.raises(InvalidConfiguration) as caught:
        snippet(text, **environ)
    assert len(caught.value.problems) == len(caught.value.findings)
    return caught.value.findings


@pytest.fixture
def conformance() -> Callable[..., Loaded]:
    """Load a conformance file by its number; keyword arguments change the environment, None removes a variable."""

    def run(number: int, **changes: str | None) -> Loaded:
        (file,) = HERE.glob(f"conformance/{number:02d}_*.yaml")
        environ = {name: value for name, value in {**ENVIRONMENT, **changes}.items() if value is not None}
        return load(file, environ, directory=HERE)

    return run
