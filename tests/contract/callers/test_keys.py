"""Virtual keys through the running gateway: made, used, refused, on both edges, with several workers."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually, openai_model

CHAT = {"model": "m", "messages": [{"role": "user", "content": "one"}]}
ROUNDS = 24  # new connections, so that every worker is met: each accepts from sockets of its own


def config(mock: Mock, **settings: Any) -> dict[str, Any]:
    return {"model_list": [openai_model(name, "gpt-test", mock.url) for name in ("m", "n")], **settings}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers that share a database; each test makes keys of its own there."""
    folder = tmp_path_factory.mktemp("keys")
    with Gateway(config(mock_process), folder, edge=edge, workers=2) as running:
        yield running


def make(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    answer = gateway.client.post("/key/generate", json=fields)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def manage(gateway: Gateway, path: str, by: str | None = None, **fields: Any) -> httpx.Response:
    headers = {} if by is None else {"authorization": f"Bearer {by}"}
    return gateway.client.post(path, json=fields, headers=headers)


def statuses(gateway: Gateway, key: str, path: str = "/v1/models") -> set[int]:
    """What a key gets of all workers: each request comes on a connection of its own."""
    seen = set()
    for _ in range(ROUNDS):
        seen.add(
            httpx.get(
                gateway.url + path, headers={"authorization": f"Bearer {key}"}, trust_env=False, verify=False
            ).status_code
        )
    return seen


def test_a_key_calls_models(gateway: Gateway) -> None:
    made = make(gateway, key_alias="mine", metadata={"a": 1}, max_budget=1.5, rpm_limit=9, duration="30d")
    key = made["key"]
    assert key.startswith("sk-")
    assert made["token"] == made["token_id"] == hashlib.sha256(key.encode()).hexdigest()
    assert made["key_name"] == f"sk-...{key[-4:]}"
    assert (made["max_budget"], made["rpm_limit"], made["metadata"], made["spend"]) == (1.5, 9, {"a": 1}, 0.0)
    assert made["duration"] is None
    expires = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < expires <= timedelta(days=30)
    answer = gateway.chat(CHAT, authorization=f"Bearer {key}")
    assert answer.status_code == 200, answer.text
    for name in ("x-api-key", "api-key", "x-goog-api-key", "x-litellm-api-key"):
        assert (
            httpx.get(f"{gateway.url}/v1/models", headers={name: key}, trust_env=False, verify=False).status_code == 200
        )


def test_every_worker_hears_at_once(gateway: Gateway) -> None:
    key = make(gateway)["key"]
    assert statuses(gateway, key) == {200}
    for change, then in (("block", 401), ("unblock", 200)):
        assert manage(gateway, f"/key/{change}", key=key).status_code == 200
        assert statuses(gateway, key) == {then}
    assert manage(gateway, "/key/delete", keys=[key]).json() == {"deleted_keys": [key]}
    assert statuses(gateway, key) == {401}


def test_a_key_that_was_unknown_is_known_when_it_is_made(gateway: Gateway) -> None:
    key = "sk-chosen-by-myself-0123"
    assert statuses(gateway, key) == {401}
    assert make(gateway, key=key)["key"] == key
    assert statuses(gateway, key) == {200}


def test_refusals_have_the_types_that_clients_know(gateway: Gateway) -> None:
    key = make(gateway, key="sk-0123456789abcdef")["key"]
    manage(gateway, "/key/block", key=key)

    def refused(sent: str) -> tuple[int, dict[str, Any]]:
        answer = gateway.chat(CHAT, authorization=f"Bearer {sent}")
        return answer.status_code, answer.json()["error"]

    status, error = refused(key)
    assert (status, error["type"], error["param"], error["code"]) == (401, "auth_error", None, "401")
    assert error["message"].startswith("Authentication Error, ")
    status, error = refused("sk-nobody-has-this-one")
    assert (status, error["type"], error["param"]) == (401, "token_not_found_in_db", "key")
    status, error = refused(hashlib.sha256(key.encode()).hexdigest())
    assert (status, error["type"]) == (401, "auth_error")


def test_a_key_expires(gateway: Gateway) -> None:
    key = make(gateway, duration="1s")["key"]

    def expired() -> bool:
        answer = gateway.chat(CHAT, authorization=f"Bearer {key}")
        return answer.status_code == 401 and answer.json()["error"]["type"] == "expired_key"

    eventually(expired, "the key expires")
    assert manage(gateway, "/key/update", key=key, duration="-1").json()["expires"] is None
    assert statuses(gateway, key) == {200}


def test_regenerate_ends_the_old_secret_at_once_or_after_a_while(gateway: Gateway) -> None:
    made = make(gateway, key_alias="turning", max_budget=2)
    first = made["key"]
    answer = manage(gateway, "/key/regenerate", key=first, grace_period="1h")
    assert answer.status_code == 200, answer.text
    second = answer.json()["key"]
    assert (answer.json()["key_alias"], answer.json()["max_budget"]) == ("turning", 2.0)
    assert answer.json()["token_id"] == hashlib.sha256(second.encode()).hexdigest()
    assert statuses(gateway, first) == statuses(gateway, second) == {200}
    third = gateway.client.post(f"/key/{second}/regenerate").json()["key"]
    assert statuses(gateway, third) == {200}
    assert statuses(gateway, first) == statuses(gateway, second) == {401}
    info = gateway.client.get("/key/info", params={"key": third}).json()["info"]
    assert info["rotation_count"] == 2


def test_the_grace_ends(gateway: Gateway) -> None:
    first = make(gateway)["key"]
    second = manage(gateway, "/key/regenerate", key=first, grace_period="1s").json()["key"]
    eventually(lambda: statuses(gateway, first) == {401}, "the old secret ends")
    assert statuses(gateway, second) == {200}


def test_update_changes_what_was_sent(gateway: Gateway) -> None:
    made = make(gateway, key_alias="one", models=["m"], max_budget=3, metadata={"a": 1}, tags=["t"], rpm_limit=4)
    key = made["key"]
    assert made["metadata"] == {"a": 1, "tags": ["t"]}
    answer = manage(gateway, "/key/update", key=key, max_budget=None, metadata={"b": 2}).json()
    assert answer["key"] == key
    assert (answer["max_budget"], answer["metadata"], answer["models"]) == (None, {"b": 2, "tags": ["t"]}, ["m"])
    by_alias = manage(gateway, "/key/update", key_alias="one", rpm_limit=5)
    assert by_alias.json()["rpm_limit"] == 5
    listed = gateway.client.get("/v1/models", headers={"authorization": f"Bearer {key}"}).json()
    assert [model["id"] for model in listed["data"]] == ["m"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/key/generate", {"key": "plain-0123456789abcdef"}, 400, "sk-"),
        ("/key/generate", {"key": "sk-short"}, 400, "16"),
        ("/key/generate", {"duration": "soon"}, 400, "Invalid duration format"),
        ("/key/generate", {"max_budget": -1}, 400, "max_budget"),
        ("/key/generate", {"budget_id": "nowhere"}, 400, "budget_id"),
        ("/key/generate", {"auto_rotate": True}, 400, "rotation_interval"),
        ("/key/generate", {"rpm_limit": "many"}, 422, "rpm_limit"),
        ("/key/generate", {"rpm_limit": -1}, 422, "rpm_limit"),
        ("/key/generate", {"models": "m"}, 422, "models"),
        ("/key/service-account/generate", {}, 400, "team_id"),
        ("/key/update", {"max_budget": 1}, 422, "key"),
        ("/key/update", {"key": "sk-nobody"}, 404, "key"),
        ("/key/block", {"key": "sk-nobody"}, 404, "key"),
        ("/key/block", {}, 422, "key"),
        ("/key/delete", {"keys": ["sk-nobody"]}, 404, "keys"),
        ("/key/delete", {}, 422, "keys"),
        ("/key/regenerate", {"key": "sk-nobody"}, 404, "key"),
        ("/key/regenerate", {}, 400, "key"),
        ("/key/sk-nobody/reset_spend", {"reset_to": 0}, 404, "key"),
    ],
)
def test_bad_requests_say_where(gateway: Gateway, path: str, body: dict[str, Any], status: int, said: str) -> None:
    answer = gateway.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert said in answer.text
    assert ("detail" in answer.json()) == (status == 422)


def test_an_alias_is_one_keys(gateway: Gateway) -> None:
    make(gateway, key_alias="taken")
    answer = gateway.client.post("/key/generate", json={"key_alias": "taken"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "key_alias")
    assert answer.json()["error"]["type"] == "bad_request_error"


def test_a_key_describes_itself_and_lists_its_own(gateway: Gateway) -> None:
    first, second = make(gateway, key_alias="row-1"), make(gateway, key_alias="row-2")
    own = {"authorization": f"Bearer {first['key']}"}
    told = gateway.client.get("/key/info", headers=own).json()
    assert (told["key"], told["info"]["key_alias"], told["info"]["status"]) == (first["token"], "row-1", "active")
    other = gateway.client.get("/key/info", params={"key": second["token"]}, headers=own)
    assert other.status_code == 403
    assert gateway.client.get("/key/list", headers=own).json()["keys"] == [first["token"]]
    mine = {"key_alias": "row-", "substring_matching": True}
    page = gateway.client.get("/key/list", params={**mine, "size": 1, "page": 2, "sort_by": "key_alias"}).json()
    assert page == {"keys": [first["token"]], "total_count": 2, "current_page": 2, "total_pages": 2}
    full = gateway.client.get("/key/list", params={"return_full_object": True, "key_alias": "row-1"}).json()["keys"]
    assert [row["key_alias"] for row in full] == ["row-1"]
    assert gateway.client.get("/key/aliases", params={"search": "ROW-"}).json()["aliases"] == ["row-1", "row-2"]
    both = gateway.client.post("/v2/key/info", json={"keys": [first["key"], second["token"], "sk-nobody"]}).json()
    assert both["key"] == [first["key"], second["token"]]


def test_the_secret_is_shown_once(gateway: Gateway) -> None:
    made = make(gateway, key_alias="hidden")
    name = made["token"]
    told = [gateway.client.get("/key/info", params={"key": name}), manage(gateway, "/key/block", key=name)]
    told += [gateway.client.get("/key/list", params={"return_full_object": True})]
    assert not [answer.text for answer in told if made["key"] in answer.text]


def test_a_key_is_confined_to_its_routes(gateway: Gateway) -> None:
    key = make(gateway, key_type="llm_api")["key"]
    headers = {"authorization": f"Bearer {key}"}
    assert gateway.client.get("/v1/models", headers=headers).status_code == 200
    refused = gateway.client.get("/key/info", headers=headers)
    assert (refused.status_code, list(refused.json())) == (403, ["detail"])
    reader = make(gateway, allowed_routes=["/key/info"])["key"]
    headers = {"authorization": f"Bearer {reader}"}
    assert gateway.client.get("/key/info", headers=headers).status_code == 200
    assert gateway.chat(CHAT, authorization=f"Bearer {reader}").status_code == 403


def test_a_key_without_an_owner_manages_nothing(gateway: Gateway) -> None:
    key = make(gateway)["key"]
    assert manage(gateway, "/key/generate", key).status_code == 401


def test_many_are_changed_each_for_itself(gateway: Gateway) -> None:
    key = make(gateway)["key"]
    changes = [{"key": key, "rpm_limit": 7}, {"key": "sk-nobody", "rpm_limit": 7}, {"key": key, "rpm_limit": "x"}]
    answer = manage(gateway, "/key/bulk_update", keys=changes).json()
    assert answer["total_requested"] == 3
    assert [done["key_info"]["rpm_limit"] for done in answer["successful_updates"]] == [7]
    assert [failed["key"] for failed in answer["failed_updates"]] == ["sk-nobody", key]


def test_configured_defaults_and_bounds(start_gateway: StartGateway, mock: Mock) -> None:
    settings = {
        "default_key_generate_params": {"models": ["m"], "max_budget": 1},
        "upperbound_key_generate_params": {"max_budget": 2, "duration": "30d", "rpm_limit": 100},
        "key_generation_settings": {
            "team_key_generation": {"allowed_team_member_roles": ["admin"], "required_params": ["tags"]},
            "personal_key_generation": {"allowed_user_roles": ["proxy_admin"]},
        },
    }
    gateway = start_gateway(config(mock, litellm_settings=settings))
    made = make(gateway)
    assert (made["models"], made["max_budget"], made["rpm_limit"]) == (["m"], 1.0, 100)
    assert made["expires"] is not None
    for beyond in ({"max_budget": 3}, {"duration": "31d"}, {"rpm_limit": 101}):
        answer = gateway.client.post("/key/generate", json=beyond)
        assert answer.status_code == 400, answer.text
        assert next(iter(beyond)) in answer.text
        answer = manage(gateway, "/key/update", key=made["key"], **beyond)
        assert answer.status_code == 400, answer.text
    assert manage(gateway, "/key/update", key=made["key"], duration="-1").status_code == 400
    assert manage(gateway, "/key/update", key=made["key"], max_budget=None).json()["max_budget"] == 2.0
    assert manage(gateway, "/key/update", key=made["key"], duration="7d").status_code == 200
    members = [{"user_id": "head", "role": "admin"}, {"user_id": "hand", "role": "user"}]
    permissions = ["/key/generate"]
    team = {"team_id": "t", "members_with_roles": members, "team_member_permissions": permissions}
    assert manage(gateway, "/team/new", **team).status_code == 200
    head, hand = (make(gateway, user_id=name)["key"] for name in ("head", "hand"))
    for by, fields, said in (
        (head, {}, "proxy_admin"),
        (hand, {"team_id": "t", "tags": ["a"]}, "admin"),
        (head, {"team_id": "t"}, "tags is missing"),
    ):
        answer = manage(gateway, "/key/generate", by, **fields)
        assert (answer.status_code, said in answer.text) == (400, True), answer.text
    assert manage(gateway, "/key/generate", head, team_id="t", tags=["a"]).status_code == 200


def test_keys_outlive_a_restart_and_a_reload(start_gateway: StartGateway, mock: Mock) -> None:
    first = start_gateway(config(mock))
    key = make(first)["key"]
    first.stop()
    second = start_gateway(config(mock), workers=2)
    assert statuses(second, key) == {200}
    second.write(config(mock, litellm_settings={"drop_params": True}))
    eventually(lambda: statuses(second, key) == {200}, "the key goes on")
    manage(second, "/key/block", key=key)
    assert statuses(second, key) == {401}


def test_a_gateway_without_keys_and_a_ledger_has_no_database(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(config(mock))
    assert gateway.chat(CHAT).status_code == 200
    assert statuses(gateway, "sk-nobody-has-this-one") == {401}
    assert not (gateway.file.parent / "tianji-data").exists()


def test_when_the_database_is_away(start_gateway: StartGateway, mock: Mock) -> None:
    """Known keys go on; an unknown one is told to come again, not that it is wrong."""
    settings = {"general_settings": {"database_url": "postgresql://127.0.0.1:1/none", "store_model_in_db": True}}
    gateway = start_gateway(config(mock, **settings))
    assert gateway.chat(CHAT).status_code == 200
    answer = gateway.chat(CHAT, authorization="Bearer sk-nobody-has-this-one")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "no_db_connection")
    refused = gateway.client.post("/key/generate", json={})
    assert (refused.status_code, refused.json()["error"]["type"]) == (503, "no_db_connection")
    assert "127.0.0.1" not in refused.text


@pytest.mark.parametrize("text", ["' OR 1=1 --", "'; SELECT pg_sleep(5); --", "%", "_", "\x00", "\ud800"])
def test_what_is_sent_stays_data(gateway: Gateway, text: str) -> None:
    kept = make(gateway)["key"]

    def send(path: str, **fields: object) -> httpx.Response:
        return gateway.post(path, json.dumps(fields).encode())

    tries = [
        lambda: send("/key/delete", keys=[text]),
        lambda: send("/key/block", key=text),
        lambda: send("/key/update", key_alias=text, rpm_limit=1),
        lambda: send("/key/generate", key_alias=text, metadata={text: text}, models=[text]),
        lambda: gateway.client.get("/key/list", params={"search": text.encode("utf-8", "ignore"), "user_id": "x"}),
    ]
    for attempt in tries:
        answer = attempt()
        assert answer.status_code in (200, 400, 404, 422), answer.text
        assert not answer.json().get("keys")
        assert answer.json().get("key_alias") in (None, text)
    assert statuses(gateway, kept) == {200}


def test_machines_that_share_a_database_hear_within_a_second(
    start_gateway: StartGateway, mock: Mock, postgresql: Any
) -> None:
    postgresql.psql("CREATE DATABASE machines;")
    settings = {"general_settings": {"database_url": postgresql.get_uri("machines"), "store_model_in_db": True}}
    first, second = (start_gateway(config(mock, **settings)) for _ in range(2))
    key = make(first)["key"]
    assert statuses(first, key) == statuses(second, key) == {200}
    manage(first, "/key/block", key=key)
    assert statuses(first, key) == {401}
    began = time.monotonic()
    eventually(lambda: statuses(second, key) == {401}, "the other machine hears of it")
    assert time.monotonic() - began < 5  # promised is one second; a busy machine is slow
    model = {"model_name": "kept", "litellm_params": {"model": "openai/x", "mock_response": "of the database"}}
    assert manage(first, "/model/new", **model).status_code == 200
    for gateway in (first, second):
        eventually(lambda gateway=gateway: "kept" in gateway.models(), "every machine has the model")  # type: ignore[misc]
        assert "of the database" in gateway.chat({**CHAT, "model": "kept"}).text
    postgresql.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'machines';")
    assert make(second)["key"]


def test_a_budget_begins_anew(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(config(mock, general_settings={"proxy_budget_rescheduler_min_time": 0.1}), workers=2)
    made = make(gateway, max_budget=9, budget_duration="1s", spend=5)
    assert (made["spend"], made["budget_reset_at"] is None) == (5.0, False)

    def told() -> dict[str, Any]:
        info: dict[str, Any] = gateway.client.get("/key/info", params={"key": made["key"]}).json()["info"]
        return info

    eventually(lambda: told()["spend"] == 0.0, "the budget begins anew")
    assert told()["budget_reset_at"] > made["budget_reset_at"]


def test_a_key_checks_the_health_of_what_it_may_use(gateway: Gateway) -> None:
    key = make(gateway, models=["m"])["key"]
    answer = gateway.client.get("/health", headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["healthy_count"]) == (200, 1)
    assert gateway.client.get("/health").json()["healthy_count"] == 2
