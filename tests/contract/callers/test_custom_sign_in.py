"""A proxy before the gateway signs people in, and code beside the configuration says who they are here."""

from collections.abc import Iterator

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, openai_model

SESSION = "tianji_session"
CODE = """
from fastapi import HTTPException, Request
from fastapi_sso.sso.base import OpenID
from litellm.integrations.custom_sso_handler import CustomSSOLoginHandler
from litellm.proxy._types import LitellmUserRoles, SSOUserDefinedValues


class ByProxy(CustomSSOLoginHandler):
    async def handle_custom_ui_sso_sign_in(self, request: Request) -> OpenID:
        return OpenID(
            id=request.headers.get("X-User"),
            email=request.headers["x-mail"] if "x-mail" in request.headers else None,
            display_name="Somebody",
            team_ids=["staff"],
            provider="custom",
        )


by_proxy = ByProxy()


async def here(said: OpenID) -> SSOUserDefinedValues:
    if said.id == "mallory":
        raise HTTPException(status_code=403, detail="not you")
    if said.id == "broken":
        raise RuntimeError("canary-of-the-code")
    if said.id == "odd":
        return SSOUserDefinedValues(user_role="king")
    assert said.team_ids == ["staff"] and said.provider == "custom"
    return SSOUserDefinedValues(
        models=["m"], user_id=f"here-{said.id}", user_email=said.email,
        user_role=LitellmUserRoles.INTERNAL_USER.value, max_budget=0.5, budget_duration="1d",
    )
"""


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("custom")
    (folder / "people.py").write_text(CODE)
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url)],
        "general_settings": {
            "custom_sso": "people.here",
            "custom_ui_sso_sign_in_handler": "people.by_proxy",
            "trusted_proxy_ranges": ["127.0.0.1"],
        },
    }
    with Gateway(config, folder, edge=edge) as running:
        running.client.post("/team/new", json={"team_id": "staff"}).raise_for_status()
        yield running


def sign_in(gateway: Gateway, path: str = "/sso/login", place: str = "127.0.0.1", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(base_url=gateway.url, transport=httpx.HTTPTransport(local_address=place)) as browser:
        return browser.get(path, headers=named)


def test_whom_the_proxy_names_is_who_the_code_says(gateway: Gateway) -> None:
    came = sign_in(gateway, x_user="ann", x_mail="Ann@Example.com")
    assert came.status_code == 200, came.text
    said = came.json()
    assert (said["user_id"], said["user_email"], said["user_role"]) == ("here-ann", "ann@example.com", "internal_user")
    assert "HttpOnly" in came.headers["set-cookie"]
    key = {"authorization": f"Bearer {said['key']}"}
    assert gateway.client.get("/key/info", headers=key).json()["info"]["max_budget"] == 0.5  # and not a dollar
    info = gateway.client.get("/user/info", headers=key).json()
    assert [team["team_id"] for team in info["teams"]] == ["staff"]
    user = info["user_info"]
    assert (user["models"], user["max_budget"], user["budget_duration"]) == (["m"], 0.5, "1d")
    again = sign_in(gateway, "/sso/key/generate?return_to=/docs", x_user="ann", x_mail="Ann@Example.com")
    assert (again.status_code, again.headers["location"]) == (303, "/docs")
    assert gateway.client.get("/sso/readiness").json() == {"status": "healthy", "provider": "custom"}


def test_nobody_else_is_believed(gateway: Gateway) -> None:
    came = sign_in(gateway, place="127.0.0.2", x_user="ann", x_forwarded_for="127.0.0.1")
    assert came.status_code == 403
    assert "set-cookie" not in came.headers


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({}, 401, "does not say who you are"),
        ({"x_user": "mallory"}, 403, "not you"),
        ({"x_user": "broken"}, 401, "its log says why"),
        ({"x_user": "odd"}, 401, "cannot be used"),
    ],
)
def test_whom_the_code_does_not_know_stays_outside(
    gateway: Gateway, headers: dict[str, str], status: int, said: str
) -> None:
    came = sign_in(gateway, **headers)
    assert (came.status_code, said in came.text) == (status, True), came.text
    assert "set-cookie" not in came.headers
    assert "canary" not in came.text


def test_where_code_failed_stands_in_the_log(gateway: Gateway) -> None:
    sign_in(gateway, x_user="broken")
    line = CODE[: CODE.index("raise RuntimeError")].count("\n") + 1
    assert f"people.py:{line}: RuntimeError: canary-of-the-code" in gateway.log
