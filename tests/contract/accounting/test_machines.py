"""What callers may have where several machines serve them."""

from pathlib import Path
from typing import Any

from tests.contract.accounting.asking import CENT, PRICES, ask, crowd, key
from tests.contract.conftest import StartGateway
from tests.contract.harness import Mock, eventually, openai_model
from tests.valkeys import valkey_server


def test_what_callers_may_have_is_one_for_all_machines(
    start_gateway: StartGateway, mock: Mock, postgresql: Any, tmp_path: Path
) -> None:
    """Two gateways that share a Valkey and a database are two machines of two workers each."""
    postgresql.psql(f"CREATE DATABASE shared_limits_{tmp_path.name[-1]};")
    with valkey_server() as valkey:
        config = {
            "model_list": [openai_model("priced", "priced-up", mock.url, **PRICES)],
            "router_settings": {"num_retries": 0, "redis_host": valkey.host, "redis_port": valkey.port},
            "general_settings": {"database_url": postgresql.get_uri(f"shared_limits_{tmp_path.name[-1]}")},
        }
        pair = [start_gateway(config, workers=2) for _ in range(2)]
        with valkey.client() as store:
            eventually(lambda: store.zcard("{tianji:v1::limits}") == 2, "both have heard of the other")
        # a busy machine may not hear from the store in time: then it has its share, which is a half
        own = key(pair[0], rpm_limit=20)
        assert 20 <= sum(crowd(gateway, 40, own, "priced").get(200, 0) for gateway in pair) <= 30
        own = key(pair[1], max_budget=20 * CENT)
        assert 20 <= sum(crowd(pair[number % 2], 8, own, "priced").get(200, 0) for number in range(8)) <= 31
        own = key(pair[0], rpm_limit=1000)
    assert {ask(gateway, own, "priced").status_code for gateway in pair * 5} == {200}, "without the store, too"
