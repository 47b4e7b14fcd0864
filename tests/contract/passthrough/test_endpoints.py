"""Paths that the configuration and the database lead elsewhere."""

import base64
import json

import httpx
import pytest
from tests.contract.harness import MASTER_KEY, ODD_KEY, UPSTREAM_KEY, Gateway, Mock, eventually
from tests.contract.passthrough.watching import COST, new_key, rows, sent_headers, spent

ROUTE = "/config/pass_through_endpoint"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def bare(gateway: Gateway, path: str, **headers: str) -> httpx.Response:
    """Ask without a key, on a connection of its own, so that any worker may get it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"{gateway.url}{path}", headers=named, trust_env=False, verify=False)


def asked(gateway: Gateway, path: str) -> int:
    return bare(gateway, path, authorization=f"Bearer {MASTER_KEY}").status_code


def test_a_path_and_all_below_it_go_to_the_target(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.client.put("/custom/api/models/a%2Fb/?x=%20", content=b"\x00\xff", headers={"x-odd": "1"})
    seen = mock.last()
    assert (seen["method"], seen["target"]) == ("PUT", "/v1/models/a%2Fb/?x=%20")
    assert seen["size"] == 2
    headers = sent_headers(mock)
    assert headers["x-partner"] == f"key {UPSTREAM_KEY}"
    assert "x-odd" not in headers  # forward_headers is off
    assert "authorization" not in headers
    assert answer.status_code == 404  # the mock's own word
    gateway.client.get("/custom/api")
    assert mock.last()["target"] == "/v1"
    gateway.post("/custom/api/resource", {})
    assert mock.last()["target"] == "/v1/resource"
    assert gateway.client.get("/hasty/more").status_code == 404, "its entry says include_subpath: false"


def test_an_open_path_is_open_and_what_lies_below_is_not(gateway: Gateway, mock: Mock) -> None:
    assert bare(gateway, "/open?a=client", authorization="Bearer own", x_odd="1").status_code == 200
    assert mock.last()["target"] == "/v1/models?a=client&own=1&v=2"
    headers = sent_headers(mock)
    assert (headers["authorization"], headers["x-odd"]) == ("Bearer own", "1")
    assert bare(gateway, "/open/gpt-4o").status_code == 401
    assert bare(gateway, "/open/gpt-4o", authorization=f"Bearer {MASTER_KEY}").status_code == 200
    bare(gateway, "/open", authorization=f"Bearer {MASTER_KEY}", x_api_key=MASTER_KEY)
    assert MASTER_KEY not in json.dumps(mock.requests())


def test_methods_have_targets_of_their_own_and_prices(gateway: Gateway, mock: Mock) -> None:
    before = spent(gateway)
    answer = gateway.client.get("/priced")
    assert answer.headers[COST] == "0.25"
    assert spent(gateway) - before == 250_000_000
    assert gateway.post("/priced", ASK).json()["object"] == "chat.completion"
    assert gateway.client.delete("/priced").status_code == 405
    new_key(gateway)  # so that there is a database
    (row,) = rows(gateway, answer)
    assert (row["cost"], row["call_type"], row["estimated"]) == (250_000_000, "pass_through_endpoint", 0)
    mock.control({"status": 500}, times=1)
    before = spent(gateway)
    assert gateway.client.get("/priced").status_code == 500
    assert spent(gateway) == before


def test_it_goes_before_a_providers_paths_and_never_before_the_gateways_own(gateway: Gateway, mock: Mock) -> None:
    assert gateway.post("/anthropic/v1/complete", {"model": "m", "prompt": "x"}).json()["object"] == "text_completion"
    assert gateway.client.get("/anthropic/v1/models").json()["object"] == "list"
    assert "does not exist" in gateway.client.get("/key/info").json()["error"]["message"]  # the master key is no row


def test_the_key_may_stand_elsewhere(gateway: Gateway, mock: Mock) -> None:
    pair = base64.b64encode(f"{MASTER_KEY}:any".encode()).decode()
    assert bare(gateway, "/traces", authorization=f"Basic {pair}").status_code == 200
    own = base64.b64encode(f"pk-lf-1:{ODD_KEY}".encode()).decode()
    assert sent_headers(mock)["authorization"] == f"Basic {own}"
    assert bare(gateway, "/named", x_my_key=MASTER_KEY).status_code == 200
    assert MASTER_KEY not in json.dumps(mock.requests())
    assert bare(gateway, "/named", x_my_key="sk-wrong-key").status_code == 401


def test_what_is_wrong_with_one_is_for_the_log(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.client.get("/broken")
    assert answer.status_code == 503
    assert "host" not in answer.text
    assert "/broken cannot be called: headers: header 'host'" in gateway.log


def test_lists_of_paths_hold_keys(gateway: Gateway, mock: Mock) -> None:
    allowed = new_key(gateway, metadata={"allowed_passthrough_routes": ["/custom/api"]})
    denied = new_key(gateway, metadata={"denied_passthrough_routes": ["/custom/*"]})
    free = new_key(gateway)

    def status(path: str, key: dict[str, str]) -> int:
        return gateway.client.get(path, headers=key).status_code

    assert [status("/custom/api/models", key) for key in (allowed, denied, free)] == [200, 403, 200]
    assert [status("/priced", key) for key in (allowed, denied, free)] == [403, 200, 200]


def test_a_file_that_is_saved_takes_effect(gateway: Gateway, mock: Mock) -> None:
    before = gateway.file.read_text()
    config = json.loads(before)
    config["general_settings"]["pass_through_endpoints"].append({"path": "/saved", "target": f"{mock.url}/v1/models"})
    assert asked(gateway, "/saved") == 404
    gateway.write(config)
    eventually(lambda: [asked(gateway, "/saved") for _ in range(6)] == [200] * 6, "the new path is in force")
    gateway.write(before)
    eventually(lambda: [asked(gateway, "/saved") for _ in range(6)] == [404] * 6, "it is gone again")


class TestOfTheDatabase:
    @pytest.fixture(autouse=True)
    def clean(self, gateway: Gateway) -> None:
        for one in gateway.client.get(ROUTE).json()["endpoints"]:
            if not one["is_from_config"]:
                gateway.client.delete(ROUTE, params={"endpoint_id": one["id"]})

    def test_one_is_made_changed_and_deleted_without_a_restart(self, gateway: Gateway, mock: Mock) -> None:
        assert asked(gateway, "/made") == 404
        first = {"path": "/made", "target": f"{mock.url}/v1/models", "include_subpath": False}
        made = gateway.post(ROUTE, {**first, "headers": {"X-Secret": "secret-0123456789abcdef"}})
        assert made.status_code == 200, made.text
        (one,) = made.json()["endpoints"]
        assert one["headers"] == {"X-Secret": "****cdef"}
        eventually(lambda: [asked(gateway, "/made") for _ in range(8)] == [200] * 8, "every worker has it")
        assert sent_headers(mock)["x-secret"] == "secret-0123456789abcdef"
        every = {
            "target": f"{mock.url}/v1?own=1",
            "include_subpath": True,
            "methods": ["GET"],
            "auth": False,
            "forward_headers": True,
            "merge_query_params": True,
            "default_query_params": {"v": "2"},
            "cost_per_request": 0.25,
            "timeout": 20,
        }
        changed = gateway.post(f"{ROUTE}/{one['id']}", every)
        assert changed.json()["endpoints"][0]["path"] == "/made"
        eventually(lambda: [asked(gateway, "/made/models") for _ in range(8)] == [200] * 8, "every worker has it")
        answer = gateway.client.get("/made/models?a=b", headers={"x-odd": "1"})
        assert answer.headers[COST] == "0.25"
        assert mock.last()["target"] == "/v1/models?a=b&own=1&v=2"
        assert (sent_headers(mock)["x-secret"], sent_headers(mock)["x-odd"]) == ("secret-0123456789abcdef", "1")
        assert gateway.client.delete("/made/models").status_code == 405
        assert (bare(gateway, "/made").status_code, mock.last()["path"]) == (404, "/v1")  # without a key, and answered
        assert bare(gateway, "/made/models").status_code == 401
        assert gateway.client.delete(ROUTE, params={"endpoint_id": one["id"]}).status_code == 200
        eventually(lambda: [asked(gateway, "/made/models") for _ in range(8)] == [404] * 8, "nobody has it any more")
        assert gateway.client.delete(ROUTE, params={"endpoint_id": one["id"]}).status_code == 404

    def test_what_no_answer_prices_may_have_a_price_for_each_request(self, gateway: Gateway, mock: Mock) -> None:
        """A run of TinyFish's that nobody waits for: the answer names it, and no more."""
        path, target = "/tinyfish/v1/automation/run-async", f"{mock.url}/v1/models"
        answer = {"status": 200, "body": '{"run_id": "r-1"}'}
        mock.control(answer)
        assert gateway.post(path, {"goal": "look"}).headers.get(COST, "0.0") == "0.0"
        made = gateway.post(ROUTE, {"path": path, "target": target, "cost_per_request": 0.16, "id": "priced"})
        assert made.status_code == 200, made.text
        eventually(
            lambda: [gateway.post(path, {"goal": "look"}).headers.get(COST) for _ in range(8)] == ["0.16"] * 8,
            "every worker has it",
        )
        assert gateway.post("/tinyfish/v1/automation/run-sse", {"goal": "look"}).headers.get(COST, "0.0") == "0.0"
        gateway.client.delete(ROUTE, params={"endpoint_id": "priced"})

    def test_it_goes_before_the_files_and_both_are_listed(self, gateway: Gateway, mock: Mock) -> None:
        gateway.post(
            ROUTE, {"path": "/custom/api", "target": f"{mock.url}/v1/models", "id": "mine", "include_subpath": False}
        )
        found = {one["id"]: one for one in gateway.client.get(ROUTE).json()["endpoints"]}
        assert "of-file" not in found
        assert not found["mine"]["is_from_config"]
        eventually(lambda: asked(gateway, "/custom/api/models") == 404, "the file's gives way")
        gateway.client.delete(ROUTE, params={"endpoint_id": "mine"})
        (one,) = gateway.client.get(ROUTE, params={"endpoint_id": "of-file"}).json()["endpoints"]
        assert one["is_from_config"]
        assert gateway.post(f"{ROUTE}/of-file", {"timeout": 1}).status_code == 400
        assert UPSTREAM_KEY not in json.dumps(one)

    @pytest.mark.parametrize(
        ("fields", "status", "said"),
        [
            ({"target": "http://169.254.169.254/latest"}, 400, "provider_url_destination_allowed_hosts"),
            ({"target": "http://10.0.0.1:1/"}, 400, "provider_url_destination_allowed_hosts"),
            ({"target": "file:///etc/passwd"}, 400, "http"),
            ({"target": "https://user:pw@example.com/"}, 400, "credentials"),
            ({"path": "/v1/chat/completions"}, 400, "POST /v1/chat/completions is the gateway's own"),
            ({"path": "/key/{key}"}, 400, "path"),
            ({"headers": {"host": "elsewhere"}}, 400, "headers"),
            ({"target": None}, 422, "target"),
            ({"path": "/other"}, 409, "answers this path already"),
        ],
    )
    def test_what_could_not_be_served_is_not_kept(
        self, gateway: Gateway, mock: Mock, fields: dict[str, object], status: int, said: str
    ) -> None:
        good = {"path": "/other", "target": f"{mock.url}/v1/models"}
        assert gateway.post(ROUTE, good).status_code == 200
        refused = gateway.post(ROUTE, {"path": "/another", "target": f"{mock.url}/v1/models", **fields})
        assert refused.status_code == status, refused.text
        assert said in refused.text
        assert len([one for one in gateway.client.get(ROUTE).json()["endpoints"] if not one["is_from_config"]]) == 1

    def test_a_name_is_judged_by_where_it_leads(self, gateway: Gateway, mock: Mock) -> None:
        target = f"http://localhost:{mock.port}/v1/models"  # not the name that the operator allows
        assert gateway.post(ROUTE, {"path": "/inward", "target": target}).status_code == 200
        eventually(lambda: asked(gateway, "/inward") != 404, "it is there")
        refused = gateway.client.get("/inward")
        assert refused.status_code == 500
        assert "127.0.0.1" not in refused.text
        assert not mock.requests()

    def test_only_an_administrator_may(self, gateway: Gateway, mock: Mock) -> None:
        key = new_key(gateway)
        assert gateway.post(ROUTE, {"path": "/x", "target": mock.url}, **key).status_code in (401, 403)
        assert gateway.client.get(ROUTE, headers=key).status_code in (401, 403)

    def test_a_teams_endpoints_are_those_that_it_may_use(self, gateway: Gateway, mock: Mock) -> None:
        metadata = {"allowed_passthrough_routes": ["/priced"]}
        team = gateway.post("/team/new", {"metadata": metadata}).json()["team_id"]
        found = gateway.client.get(f"{ROUTE}/team/{team}").json()["endpoints"]
        assert {one["path"] for one in found} == {"/priced"}
        assert gateway.client.get(f"{ROUTE}/team/none").status_code == 404
