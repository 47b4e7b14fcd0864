"""Tokens of an identity provider as keys, through the running gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model
from tests.fakes.identity_provider import IdentityProvider, make_key, sign, signed_with_public_key, unsigned

SETTINGS = {
    "enable_jwt_auth": True,
    "litellm_jwtauth": {
        "user_id_jwt_field": "sub",
        "team_ids_jwt_field": "groups",
        "user_email_jwt_field": "email",
        "end_user_id_jwt_field": "customer",
        "user_id_upsert": True,
    },
}


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    models = [openai_model(name, "gpt-test", mock_process.url) for name in ("m", "n")]
    config = {"model_list": models, "general_settings": SETTINGS}
    env = {"JWT_PUBLIC_KEY_URL": provider.discovery_url, "JWT_AUDIENCE": "tianji", "JWT_ISSUER": provider.url}
    with Gateway(config, tmp_path_factory.mktemp("tokens"), edge=edge, env=env, workers=1) as running:
        for team in ("red", "blue"):
            manage(running, "/team/new", team_id=team, models=["m"] if team == "red" else ["n"])
        yield running


def manage(gateway: Gateway, path: str, **fields: Any) -> Any:
    answer = gateway.client.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def call(gateway: Gateway, token: str, model: str = "m", **headers: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "one"}]}
    return gateway.chat(body, authorization=f"Bearer {token}", **headers)


def test_a_token_calls_models_and_costs_one_check(gateway: Gateway, provider: IdentityProvider) -> None:
    token = provider.token(sub="ann", email="ann@example.com", groups=["red"])
    for _ in range(4):
        assert call(gateway, token).status_code == 200
    assert provider.seen.count("/jwks") <= 2  # once a worker, however many requests
    assert gateway.client.get("/user/info", params={"user_id": "ann"}).json()["user_info"]["user_email"] == (
        "ann@example.com"
    )
    refused = call(gateway, token, "n")
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "team_model_access_denied")
    assert call(gateway, token, x_litellm_team_id="blue").status_code == 403
    both = provider.token(sub="ann", groups=["red", "blue"])
    assert call(gateway, both, "n", x_litellm_team_id="blue").status_code == 200
    assert call(gateway, both, "n").status_code == 403


def test_what_is_no_good_is_401_in_the_shape_that_clients_know(gateway: Gateway, provider: IdentityProvider) -> None:
    claims = {"iss": provider.url, "aud": "tianji", "sub": "ann", "groups": ["red"], "exp": 4e9}
    for token in (
        unsigned(claims, kid="first"),
        signed_with_public_key(provider.keys[0], claims),
        provider.token(make_key(), groups=["red"]),
        provider.token(groups=["red"], aud="another"),
        provider.token(groups=["red"], iss="https://evil.example"),
        provider.token(groups=["red"], exp=None),
        provider.token(sub=None),
        "ey.ey.ey",
    ):
        answer = call(gateway, token)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "auth_error"), token
    late = call(gateway, provider.token(groups=["red"], exp=1)).json()["error"]
    assert (late["type"], late["code"]) == ("expired_key", "401")
    assert "Token Expired" in late["message"]


def test_two_tokens_that_begin_alike_are_two_people(gateway: Gateway, provider: IdentityProvider) -> None:
    """A cache by the beginning of a token once made one of them the other (CVE-2026-35030)."""
    padded = {"jti": "x" * 400, "groups": ["red"], "iss": provider.url, "aud": "tianji", "exp": 4_000_000_000}
    one, other = (sign(provider.keys[0], {**padded, "sub": name}) for name in ("p-1", "p-2"))
    assert one[:256] == other[:256]
    for token, name in ((one, "p-1"), (other, "p-2"), (one, "p-1")):
        answer = gateway.client.get("/user/info", headers={"authorization": f"Bearer {token}"})
        assert answer.json()["user_id"] == name, answer.text


def test_what_is_above_a_token_changes_at_once(gateway: Gateway, provider: IdentityProvider) -> None:
    manage(gateway, "/team/new", team_id="green", models=["m"])
    token = provider.token(sub="ann", groups=["green"])
    assert [call(gateway, token, model).status_code for model in ("m", "n")] == [200, 403]
    manage(gateway, "/team/update", team_id="green", models=["n"])
    assert [call(gateway, token, model).status_code for model in ("m", "n")] == [403, 200]
    manage(gateway, "/team/block", team_id="green")
    assert call(gateway, token, "n").status_code == 401
    manage(gateway, "/team/unblock", team_id="green")
    assert call(gateway, token, "n").status_code == 200


def test_an_administrator_by_scope_manages_and_nobody_else_does(gateway: Gateway, provider: IdentityProvider) -> None:
    def new_team(**claims: Any) -> int:
        token = provider.token(**claims)
        headers = {"authorization": f"Bearer {token}"}
        return gateway.client.post("/team/new", json={}, headers=headers).status_code

    assert new_team(scope="litellm_proxy_admin") == 200
    assert new_team(sub="ann", groups=["red"]) in (401, 403)
    assert call(gateway, provider.token(scope="litellm_proxy_admin")).status_code == 403  # admin_allowed_routes


def test_who_calls_for_a_customer_cannot_call_for_another(gateway: Gateway, provider: IdentityProvider) -> None:
    manage(gateway, "/customer/new", user_id="poor")
    manage(gateway, "/customer/block", user_ids=["poor"])
    token = provider.token(sub="ann", groups=["red"], customer="poor")
    for answer in (call(gateway, token), call(gateway, token, x_litellm_end_user_id="rich")):
        assert answer.status_code == 401
        assert "customer" in answer.json()["error"]["message"]


def test_without_a_provider_nobody_can_sign_in_and_is_told_how(gateway: Gateway) -> None:
    for path in ("/sso/login", "/sso/callback?code=a&state=b"):
        answer = gateway.client.get(path)
        assert answer.status_code == 501
        assert "GENERIC_CLIENT_ID" in answer.json()["error"]["message"]
    answer = gateway.client.get("/sso/readiness")
    assert answer.status_code == 200  # a probe finds nothing wrong where nobody wants it
    assert answer.json()["sso_configured"] is False


def test_claims_that_code_does_not_accept_let_nobody_in(
    edge: str, mock_process: Mock, provider: IdentityProvider, tmp_path: Path
) -> None:
    (tmp_path / "judge.py").write_text("def claims(said):\n    return said['level'] > 3\n")
    settings = {**SETTINGS, "litellm_jwtauth": {**SETTINGS["litellm_jwtauth"], "custom_validate": "judge.claims"}}
    config = {"model_list": [openai_model("m", "gpt-test", mock_process.url)], "general_settings": settings}
    env = {"JWT_PUBLIC_KEY_URL": provider.discovery_url, "JWT_AUDIENCE": "tianji", "JWT_ISSUER": provider.url}
    with Gateway(config, tmp_path, edge=edge, env=env, workers=1) as running:
        assert call(running, provider.token(sub="ann", level=4)).status_code == 200
        assert call(running, provider.token(sub="ann", level=3)).status_code == 403
        assert call(running, provider.token(sub="ann")).status_code == 401  # a KeyError
        assert "judge.py:2" in running.log
