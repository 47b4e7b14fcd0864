"""A gateway whose upstream keys are canaries: texts that must never be seen anywhere but upstream."""

from collections.abc import Iterator

import pytest
from tests.contract.harness import Gateway, Mock, default_config, openai_model, refusing_address
from tests.contract.processes import edge, mock, mock_process
from tests.security.malformed_heads import MAX_BODY

__all__ = ["edge", "mock", "mock_process"]
MANAGED_KEY = "canary+Managed/Secret=Nobody"


@pytest.fixture(scope="session")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It takes small bodies only, logs all that it can, in JSON, and has a key of a secret manager."""
    bound, dead = refusing_address()
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "UPSTREAM").write_text(MANAGED_KEY)
    config = default_config(mock_process.url, dead)
    config["model_list"].append(openai_model("managed", "managed", mock_process.url, api_key="os.environ/UPSTREAM"))
    config["general_settings"] = {
        "max_request_size_mb": MAX_BODY / 1024**2,
        "key_management_system": "file",
        "key_management_settings": {"folder": str(folder), "hosted_keys": ["UPSTREAM"]},
    }
    arguments = ["--access-log", "--log-format", "json", "--detailed_debug"]
    with bound, Gateway(config, tmp_path_factory.mktemp("gateway"), edge=edge, args=arguments) as running:
        yield running
