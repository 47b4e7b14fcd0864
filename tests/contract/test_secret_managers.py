"""A provider's key that a secret manager has: read at the start, replaced while requests run, kept in an outage.

And virtual keys that are kept in the manager with those who make, replace and delete them.
"""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears
from tests.fakes.managers import FakeVault, Server, serving

FIRST, SECOND = "canary+Vault/First=Key", "canary+Vault/Second=Key"


class Managed:
    """A gateway of two workers whose provider's key is in a Vault, which is asked again every half second."""

    def __init__(self, gateway: Gateway, vault: FakeVault, server: Server, mock: Mock, ears: Ears) -> None:
        self.gateway, self.vault, self.server, self.mock, self.ears = gateway, vault, server, mock, ears

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
            "alerting": ["slack"],
            "key_management_system": "hashicorp_vault",
            "key_management_settings": {
                "store_virtual_keys": True,
                "hosted_keys": ["OPENAI"],
                "prefix_for_stored_virtual_keys": "keys",
                "description": "of the tests",
            },
        },
    }
    with serving(vault) as server, Ears() as ears:
        env = {
            **BOOKS,
            "SLACK_WEBHOOK_URL": f"{ears.url}/slack",
            "HCP_VAULT_ADDR": server.url,
            "HCP_VAULT_TOKEN": vault.token,
            "HCP_VAULT_PATH_PREFIX": "prod",
            "HCP_VAULT_REFRESH_INTERVAL": "0.5",
        }
        with Gateway(config, tmp_path_factory.mktemp("managed"), edge=edge, workers=2, env=env) as gateway:
            yield Managed(gateway, vault, server, mock_process, ears)


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


def test_a_key_that_the_provider_refuses_is_asked_for_again(mock: Mock, start_gateway: StartGateway) -> None:
    vault = FakeVault()
    vault.secrets = {"OPENAI": {"key": FIRST}}
    model = openai_model("m", "gpt-test", mock.url, api_key="os.environ/OPENAI")
    config = {"model_list": [model], "general_settings": {"key_management_system": "hashicorp_vault"}}
    with serving(vault) as server:
        gateway = start_gateway(config, env={"HCP_VAULT_ADDR": server.url, "HCP_VAULT_TOKEN": vault.token})
        mock.control({"status": 401}, authorization=f"Bearer {FIRST}")
        vault.secrets["OPENAI"] = {"key": SECOND}  # it would be read in a day
        assert gateway.chat({"model": "m", "messages": []}).status_code == 401
        eventually(lambda: gateway.chat({"model": "m", "messages": []}).status_code == 200, "the new key is used")
        gateway.stop()


def test_an_outage_is_loud_and_the_old_key_goes_on_even_over_a_reload(healthy: Managed) -> None:
    key = healthy.vault.secrets["OPENAI"]["key"]
    healthy.server.outage = (503, {"errors": [f"sealed {SECOND}"]})
    said = f"HashiCorp Vault ({healthy.server.url}, secret/data/prod) answered with status 503"
    eventually(lambda: said in healthy.gateway.log, "the outage is said")
    alert = "hashicorp_vault does not say all that it is asked"
    eventually(lambda: alert in str(healthy.ears.heard), "people are alerted", 30)
    assert healthy.uses(key)
    before = healthy.gateway.log.count("goes on where there is one")
    os.kill(healthy.gateway.process.pid, signal.SIGHUP)
    eventually(lambda: healthy.gateway.log.count("goes on where there is one") > before + 2, "it was read again")
    assert "was refused" not in healthy.gateway.log
    assert healthy.uses(key)


def test_who_takes_the_place_of_a_dead_process_begins_without_the_manager(healthy: Managed) -> None:
    gateway = healthy.gateway
    gateway.chat({"model": "m", "messages": []})  # so that there is something for the books
    scribe = eventually(gateway.beside, "the books are kept")
    healthy.server.outage = (503, {})
    dead = gateway.workers()[0]
    for process in (dead, *scribe):
        os.kill(process, signal.SIGKILL)
    eventually(lambda: dead not in gateway.workers() and len(gateway.workers()) == 2, "another worker is there")
    eventually(lambda: gateway.beside() not in ([], scribe), "and somebody who keeps the books", PATIENCE)
    answers = {gateway.chat({"model": "m", "messages": []}, connection="close").status_code for _ in range(12)}
    assert answers == {200}
    assert "cannot be used" not in gateway.log
    healthy.server.outage = None
    eventually(lambda: healthy.uses(healthy.vault.secrets["OPENAI"]["key"]), "what the manager says counts again")


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


def kept(managed: Managed) -> dict[str, Any]:
    return {name: secret for name, secret in managed.vault.secrets.items() if name != "OPENAI"}


def manage(managed: Managed, path: str, **fields: Any) -> dict[str, Any]:
    answer = managed.gateway.client.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_virtual_keys_are_kept_moved_replaced_and_removed_in_the_manager(healthy: Managed) -> None:
    made = manage(healthy, "/key/generate", key_alias="mine")
    assert kept(healthy) == {"keys/mine": {"key": made["key"], "description": "of the tests"}}
    manage(healthy, "/key/update", key=made["key"], key_alias="ours", max_budget=3)
    assert {name: secret["key"] for name, secret in kept(healthy).items()} == {"keys/ours": made["key"]}
    other = manage(healthy, "/key/regenerate", key=made["key"])
    assert {name: secret["key"] for name, secret in kept(healthy).items()} == {"keys/ours": other["key"]}
    manage(healthy, "/key/update", key=other["key"], max_budget=4)
    nameless = manage(healthy, "/key/generate")
    assert kept(healthy)[f"keys/virtual-key-{nameless['token_id']}"]["key"] == nameless["key"]
    again = manage(healthy, "/key/regenerate", key=nameless["key"])
    assert set(kept(healthy)) == {"keys/ours", f"keys/virtual-key-{again['token_id']}"}
    manage(healthy, "/key/delete", keys=[other["key"], again["key"]])
    assert kept(healthy) == {}


def test_a_manager_that_is_away_stops_no_management(healthy: Managed) -> None:
    healthy.server.outage = (503, {})
    made = manage(healthy, "/key/generate", key_alias="alone")
    assert "the virtual key keys/alone is not in the secret manager as it should be: " in healthy.gateway.log
    assert made["key"] not in healthy.gateway.log
    manage(healthy, "/key/delete", keys=[made["key"]])
    healthy.server.outage = None
    assert kept(healthy) == {}


def test_a_key_that_is_refused_is_kept_nowhere(healthy: Managed) -> None:
    manage(healthy, "/key/generate", key_alias="one")
    assert healthy.gateway.client.post("/key/generate", json={"key_alias": "one"}).status_code == 400
    refused = healthy.gateway.client.post("/key/generate", json={"key_alias": "two", "auto_rotate": True})
    assert refused.status_code == 400
    assert set(kept(healthy)) == {"keys/one"}
    nameless = {"auto_rotate": True, "rotation_interval": "30d"}
    refused = healthy.gateway.client.post("/key/generate", json=nameless)
    assert refused.status_code == 400
    assert "key_alias" in refused.text
    manage(healthy, "/key/delete", key_aliases=["one"])


@pytest.mark.parametrize("alias", ["../OPENAI", "x/../../OPENAI", "a b", "a\nb"])
def test_an_alias_leads_nowhere_else(healthy: Managed, alias: str) -> None:
    before = dict(healthy.vault.secrets)
    made = manage(healthy, "/key/generate", key_alias=alias)
    manage(healthy, "/key/update", key=made["key"], key_alias="elsewhere")
    manage(healthy, "/key/regenerate", key=made["key"], key_alias=alias)
    manage(healthy, "/key/delete", key_aliases=[alias])
    assert {name for name in healthy.vault.secrets if name != "keys/elsewhere"} == set(before)
    assert healthy.vault.secrets["OPENAI"] == before["OPENAI"]
    healthy.vault.secrets.pop("keys/elsewhere", None)
