"""A provider's key that a secret manager has: read at the start, replaced while requests run, kept in an outage."""

import json
import os
import signal
from collections.abc import Iterator

import pytest
from tests.contract.harness import Gateway, Mock, eventually, openai_model
from tests.fakes.managers import FakeVault, Server, serving

FIRST, SECOND = "canary+Vault/First=Key", "canary+Vault/Second=Key"


class Managed:
    """A gateway of two workers whose provider's key is in a Vault, which is asked again every half second."""

    def __init__(self, gateway: Gateway, vault: FakeVault, server: Server, mock: Mock) -> None:
        self.gateway, self.vault, self.server, self.mock = gateway, vault, server, mock

    def uses(self, key: str) -> bool:
        """Ask over new connections, so that every worker is met; whether all showed the provider this key."""
        self.mock.reset()
        for _ in range(12):
            answer = self.gateway.chat({"model": "m", "messages": []}, connection="close")
            assert answer.status_code == 200, answer.text
        return {dict(request["headers"])["authorization"] for request in self.mock.requests()} == {f"Bearer {key}"}


@pytest.fixture(scope="module")
def managed(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    vault = FakeVault("secret/data/prod")
    vault.secrets = {"OPENAI": {"key": FIRST}}
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url, api_key="os.environ/OPENAI")],
        "general_settings": {
            "key_management_system": "hashicorp_vault",
            "key_management_settings": {"hosted_keys": ["OPENAI"]},
        },
    }
    with serving(vault) as server:
        env = {
            "HCP_VAULT_ADDR": server.url,
            "HCP_VAULT_TOKEN": vault.token,
            "HCP_VAULT_PATH_PREFIX": "prod",
            "HCP_VAULT_REFRESH_INTERVAL": "0.5",
        }
        with Gateway(config, tmp_path_factory.mktemp("managed"), edge=edge, workers=2, env=env) as gateway:
            yield Managed(gateway, vault, server, mock_process)


@pytest.fixture
def healthy(managed: Managed, mock: Mock) -> Iterator[Managed]:
    yield managed
    managed.server.outage = None


def test_a_key_is_replaced_and_no_request_fails(healthy: Managed) -> None:
    assert healthy.uses(FIRST)
    with healthy.gateway.client.stream(
        "POST", "/v1/chat/completions", json={"model": "m", "messages": [], "stream": True}
    ) as begun:
        lines = begun.iter_lines()
        next(lines)
        healthy.vault.secrets["OPENAI"] = {"key": SECOND}
        eventually(lambda: healthy.uses(SECOND), "all workers use the new key")
        assert "data: [DONE]" in list(lines), "what began with the old key ends well"
    metrics = healthy.gateway.client.get("/metrics").text
    assert 'tianji_secret_manager_reads_total{outcome="changed"}' in metrics


def test_an_outage_is_loud_and_the_old_key_goes_on_even_over_a_reload(healthy: Managed) -> None:
    key = healthy.vault.secrets["OPENAI"]["key"]
    healthy.server.outage = (503, {"errors": [f"sealed {SECOND}"]})
    said = f"HashiCorp Vault ({healthy.server.url}, secret/data/prod) answered with status 503"
    eventually(lambda: said in healthy.gateway.log, "the outage is said")
    assert healthy.uses(key)
    before = healthy.gateway.log.count("goes on where there is one")
    os.kill(healthy.gateway.process.pid, signal.SIGHUP)
    eventually(lambda: healthy.gateway.log.count("goes on where there is one") > before + 2, "it was read again")
    assert "was refused" not in healthy.gateway.log
    assert healthy.uses(key)


def test_no_key_of_the_manager_is_shown(healthy: Managed) -> None:
    paths = ("/model/info", "/v1/model/info", "/models", "/metrics", "/health/readiness", "/credentials")
    told = [healthy.gateway.client.get(path).text for path in paths]
    healthy.mock.control({"status": 401, "body": json.dumps({"error": {"message": f"{FIRST} {SECOND} is wrong"}})})
    told.append(healthy.gateway.chat({"model": "m", "messages": []}).text)
    healthy.mock.reset()
    for text in (*told, healthy.gateway.log):
        for secret in (healthy.vault.secrets["OPENAI"]["key"], healthy.vault.token):
            assert secret not in text
            assert json.dumps(secret)[1:-1].replace("/", "\\/") not in text
