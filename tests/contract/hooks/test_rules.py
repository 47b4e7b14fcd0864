"""Rules of the operator on places and routes, through the running gateway."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model

SETTINGS: dict[str, Any] = {
    "allowed_ips": ["127.0.0.1", "10.1.0.0/16"],
    "use_x_forwarded_for": True,
    "trusted_proxy_ranges": ["127.0.0.0/8"],
    "admin_only_routes": ["/key/generate"],
    "public_routes": ["/v1/models"],
    "allowed_routes": ["/key/*", "/user/*", "openai_routes"],
}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {"model_list": [openai_model("m", "gpt-test", mock_process.url)], "general_settings": SETTINGS}
    with Gateway(config, tmp_path_factory.mktemp("rules"), edge=edge) as running:
        yield running


def ask(gateway: Gateway, path: str, key: str | None = None, method: str = "GET", **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        fields["authorization"] = f"Bearer {key}"
    body = None if method == "GET" else {}
    return httpx.request(method, gateway.url + path, headers=fields, json=body, trust_env=False, verify=False)


def test_a_known_key_is_asked_for_its_place_each_time(gateway: Gateway) -> None:
    for place, status in (("10.1.2.3", 200), ("10.2.2.3", 403), ("10.1.9.9, 8.8.8.8", 403), ("8.8.8.8, 10.1.1.1", 200)):
        for _ in range(2):
            assert ask(gateway, "/v1/models", gateway.key, x_forwarded_for=place).status_code == status
    assert ask(gateway, "/v1/models", gateway.key).status_code == 200
    assert ask(gateway, "/v1/models", x_forwarded_for="8.8.8.8").status_code == 403


def test_a_public_route_asks_for_no_key(gateway: Gateway) -> None:
    for key in (None, "sk-nobody-has-this-key"):
        answer = ask(gateway, "/v1/models", key)
        assert [model["id"] for model in answer.json()["data"]] == ["m"]
    assert ask(gateway, "/v1/chat/completions", method="POST").status_code == 401


def test_what_is_for_administrators_is_for_nobody_else(gateway: Gateway) -> None:
    user = gateway.client.post("/user/new", json={"user_role": "internal_user"}).json()["key"]
    for path in ("/key/generate", "/key/generate/", "/key/%67enerate"):
        assert ask(gateway, path, user, "POST").status_code == 401
        assert ask(gateway, path, gateway.key, "POST").status_code == 200
    assert ask(gateway, "/key/info", user).status_code == 200


def test_other_routes_are_not_served(gateway: Gateway) -> None:
    answer = ask(gateway, "/team/list", gateway.key)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "auth_error")
    assert ask(gateway, "/health/liveliness").status_code == 200
