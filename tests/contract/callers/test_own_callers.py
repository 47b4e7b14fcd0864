"""Code beside the configuration says who calls: `custom_auth`, through the running gateway."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, CHAT, MASTER_KEY, Gateway, Mock, eventually, openai_model

from tianji.app import read
from tianji.config.problems import InvalidConfiguration

CODE = """
import threading
import time
from pathlib import Path
from fastapi import HTTPException, Request
from litellm.proxy._types import LitellmUserRoles, ProxyErrorTypes, ProxyException, UserAPIKeyAuth

HERE = Path(__file__).parent
TOGETHER = threading.Barrier(3, timeout=10)


async def who(request: Request, api_key: str) -> UserAPIKeyAuth:
    if api_key == "boss":
        return UserAPIKeyAuth(api_key=api_key, user_id="boss", user_role=LitellmUserRoles.PROXY_ADMIN)
    if api_key == "ann":
        return UserAPIKeyAuth(api_key=api_key, user_id="ann", team_id="red", models=["m"])
    if api_key == "narrow":
        return {"api_key": api_key, "rpm_limit": 1}
    if api_key == "poor":
        return UserAPIKeyAuth(api_key=api_key, max_budget=1.0, spend=1.5)
    if api_key == "growing":
        return UserAPIKeyAuth(api_key=api_key, max_budget=1.0, spend=float(request.headers["x-spend"]))
    if api_key == "late":
        return UserAPIKeyAuth(api_key=api_key, expires="2020-01-01T00:00:00")
    if api_key == "stopped":
        return UserAPIKeyAuth(api_key=api_key, blocked=True)
    if api_key == "confined":
        return UserAPIKeyAuth(api_key=api_key, allowed_routes=["info_routes"])
    if api_key == "reader":
        said = await request.json()
        if (await request.body()).decode().count("secret") or said["user"] != "reader":
            raise ProxyException(message="not this body", type=ProxyErrorTypes.auth_error, param="user", code=403)
        return UserAPIKeyAuth(user_id=said["user"])
    if api_key == "places":
        assert request.headers["X-Tenant"] == request.headers.get("x-tenant") == "t1"
        assert request.url.path == "/v1/chat/completions" and request.query_params["q"] == "a b"
        assert request.method == "POST" and request.client.host == "127.0.0.1"
        assert str(request.url).endswith("?q=a%20b") and request.cookies["c"] == "1"
        request.state.noted = True
        return UserAPIKeyAuth(user_id="places")
    if api_key == "slow":
        (HERE / "begun").touch()
        while not (HERE / "go").exists():
            time.sleep(0.005)
        return UserAPIKeyAuth(user_id="slow")
    if api_key == "teapot":
        raise ProxyException(message="short and stout", type="pot", param="spout", code=418, headers={"X-Pot": "tea"})
    if api_key == "gone":
        raise HTTPException(status_code=403, detail={"error": "go away"})
    if api_key == "broken":
        return {}["canary-of-the-code"]
    if api_key == "odd":
        return UserAPIKeyAuth(api_key=api_key, rpm_limit="many")
    if api_key == "nothing":
        return None
    raise Exception("I do not know you")


def plainly(request, api_key):
    TOGETHER.wait()
    return UserAPIKeyAuth(user_id="plain")


async def badge(api_key: str, request: Request):
    if request.headers.get("x-badge") == "7":
        return (HERE / "key").read_text().strip()
    if request.headers.get("x-badge") == "8":
        return UserAPIKeyAuth(user_id="eight")
    raise Exception("no badge")
"""


def start(edge: str, mock: Mock, folder: Path, env: dict[str, str] | None = None, **settings: Any) -> Gateway:
    (folder / "gatekeeper.py").write_text(CODE)
    models = [openai_model(name, "gpt-test", mock.url) for name in ("m", "n")]
    config = {"model_list": models, "general_settings": {"custom_auth": "gatekeeper.who", **settings}}
    return Gateway(config, folder, edge=edge, env=env or {}, workers=1)


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with start(edge, mock_process, tmp_path_factory.mktemp("callers"), BOOKS) as running:
        yield running


def call(gateway: Gateway, key: str | None, model: str = "m", **members: Any) -> httpx.Response:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=gateway.url) as client:  # which has no key of its own
        return client.post("/v1/chat/completions", json={**CHAT, "model": model, **members}, headers=headers)


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_who_is_let_in_is_who_the_code_says_and_pays_for_it(gateway: Gateway) -> None:
    assert call(gateway, "ann").status_code == 200
    assert error_of(call(gateway, "ann", "n"), 403)["type"] == "key_model_access_denied"
    boss = {"authorization": "Bearer boss"}
    assert gateway.client.get("/user/info", headers=boss).json()["user_id"] == "boss"
    for who, status in (("boss", 200), ("ann", 401)):
        named = {"authorization": f"Bearer {who}"}
        made = gateway.client.post("/organization/new", json={"organization_alias": who}, headers=named)
        assert made.status_code == status, made.text

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = gateway.client.get("/spend/logs", headers=boss).json()
        return [row for row in found if row.get("user") == "ann" and row.get("team_id") == "red"]

    assert eventually(rows, "the request is in the ledger")


def test_what_the_code_raises_is_what_the_client_gets(gateway: Gateway) -> None:
    unknown = error_of(call(gateway, "nobody"), 401)
    assert unknown == {
        "message": "Authentication Error, I do not know you", "type": "auth_error", "param": None, "code": "401",
    }  # fmt: skip
    answer = call(gateway, "teapot")
    assert error_of(answer, 418) == {"message": "short and stout", "type": "pot", "param": "spout", "code": "418"}
    assert answer.headers["x-pot"] == "tea"
    assert error_of(call(gateway, "gone"), 403)["message"] == "go away"
    for key in ("broken", "odd", "nothing"):
        said = error_of(call(gateway, key), 401)
        assert "canary" not in said["message"]
        assert "log says why" in said["message"]
    assert "gatekeeper.py:" in gateway.log
    assert "KeyError" in gateway.log


def test_the_master_key_is_one_that_the_code_does_not_know(gateway: Gateway) -> None:
    assert call(gateway, MASTER_KEY).status_code == 401
    assert call(gateway, None).status_code == 401


def test_limits_of_what_the_code_returns_hold(gateway: Gateway) -> None:
    assert call(gateway, "narrow").status_code == 200
    assert error_of(call(gateway, "narrow"), 429)["type"] == "throttling_error"
    assert error_of(call(gateway, "poor"), 422)["type"] == "budget_exceeded"
    assert error_of(call(gateway, "late"), 401)["type"] == "expired_key"
    assert "blocked" in error_of(call(gateway, "stopped"), 401)["message"]
    assert call(gateway, "confined").status_code == 403


def test_what_the_code_says_was_spent_counts_and_is_never_forgotten(gateway: Gateway) -> None:
    def status(spend: str) -> int:
        headers = {"authorization": "Bearer growing", "x-spend": spend}
        return gateway.client.post("/v1/chat/completions", json={**CHAT, "model": "m"}, headers=headers).status_code

    assert [status(spend) for spend in ("0", "0.5", "1.5", "0.5")] == [200, 200, 422, 422]


def test_the_body_is_there_for_who_asks_for_it(gateway: Gateway, mock: Mock) -> None:
    for text in ("short", "x" * 300_000):
        messages = [{"role": "user", "content": text}]
        assert call(gateway, "reader", user="reader", messages=messages).status_code == 200
        assert json.loads(mock.last()["body"])["messages"] == messages
        said = error_of(call(gateway, "reader", user="reader", messages=messages, note="secret"), 403)
        assert (said["message"], said["param"]) == ("not this body", "user")
    assert call(gateway, "reader").status_code == 401  # a KeyError


def test_a_connection_goes_on_after_a_body_that_was_read_ahead(gateway: Gateway) -> None:
    with httpx.Client(base_url=gateway.url, headers={"authorization": "Bearer reader"}) as client:
        for user, status in (("reader", 200), ("x", 403), ("reader", 200)):
            body = {**CHAT, "model": "m", "user": user}
            assert client.post("/v1/chat/completions", json=body).status_code == status
        raw = json.dumps({**CHAT, "model": "m", "user": "reader"}).encode()
        chunked = client.post("/v1/chat/completions", content=iter([raw[:10], raw[10:]]))
        assert chunked.status_code == 200


def test_the_request_is_shown_as_starlette_shows_one(gateway: Gateway) -> None:
    headers = {"authorization": "Bearer places", "x-tenant": "t1", "cookie": "c=1"}
    answer = gateway.client.post("/v1/chat/completions?q=a%20b", json={**CHAT, "model": "m"}, headers=headers)
    assert answer.status_code == 200, answer.text + gateway.log[-2000:]


def test_a_key_that_the_code_names_counts_and_else_keys_do(edge: str, mock_process: Mock, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(MASTER_KEY)
    settings = {"custom_auth": "gatekeeper.badge", "custom_auth_settings": {"mode": "auto"}}
    with start(edge, mock_process, tmp_path, **settings) as running:
        made = running.client.post("/key/generate", json={"models": ["m"]}).json()["key"]
        (tmp_path / "key").write_text(made)
        with httpx.Client(base_url=running.url) as client:

            def status(model: str, **headers: str) -> int:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                body = {**CHAT, "model": model}
                return client.post("/v1/chat/completions", json=body, headers=named).status_code

            assert status("m", x_badge="7") == 200
            assert status("n", x_badge="7") == 403
            assert status("n", x_badge="8") == 200
            assert status("m", authorization=f"Bearer {made}") == 200
            assert status("m", authorization="Bearer sk-of-nobody") == 401
            assert status("m") == 401


def test_what_the_database_knows_counts_where_that_is_wanted(edge: str, mock_process: Mock, tmp_path: Path) -> None:
    boss = {"authorization": "Bearer boss"}
    with start(edge, mock_process, tmp_path, custom_auth_run_common_checks=True) as running:
        assert call(running, "ann").status_code == 200  # a team that is not there says nothing
        made = running.client.post("/team/new", json={"team_id": "red", "models": ["n"]}, headers=boss)
        assert made.status_code == 200, made.text
        assert error_of(call(running, "ann"), 403)["type"] == "team_model_access_denied"
        running.client.post("/team/block", json={"team_id": "red"}, headers=boss).raise_for_status()
        assert "team" in error_of(call(running, "ann"), 401)["message"]


def test_who_blocks_holds_up_nobody_else(gateway: Gateway) -> None:
    folder = gateway.errors.parent
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(call, gateway, "slow")
        eventually((folder / "begun").exists, "the code blocks")
        assert gateway.client.get("/health/liveliness").status_code == 200
        assert not waiting.done()
        (folder / "go").touch()
        assert waiting.result().status_code == 200


def test_plain_functions_run_side_by_side(edge: str, mock_process: Mock, tmp_path: Path) -> None:
    with (
        start(edge, mock_process, tmp_path, custom_auth="gatekeeper.plainly") as running,
        ThreadPoolExecutor(3) as pool,
    ):
        answers = list(pool.map(partial(call, running), ("one", "two", "three")))
        assert [answer.status_code for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize(
    ("text", "said"),
    [("def who(:", "SyntaxError"), ("import nothing_of_the_kind", "ModuleNotFoundError"), ("other = 1", "has no who")],
)
def test_code_that_cannot_be_loaded_stops_the_start(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "gatekeeper.py").write_text(text)
    file = tmp_path / "config.yaml"
    file.write_text("model_list: []\ngeneral_settings:\n  custom_auth: gatekeeper.who\n")
    with pytest.raises(InvalidConfiguration, match="cannot be loaded") as caught:
        read(file, {})
    assert said in str(caught.value.problems)
    assert "config.yaml:3" in str(caught.value.problems)


def test_code_that_changes_decides_from_the_reload_on(edge: str, mock_process: Mock, tmp_path: Path) -> None:
    with start(edge, mock_process, tmp_path) as running:
        assert call(running, "ann").status_code == 200
        (tmp_path / "gatekeeper.py").write_text("async def who(request, api_key):\n    raise ValueError('closed')\n")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: call(running, "ann").status_code == 401, "the new code decides")
        (tmp_path / "gatekeeper.py").write_text("async def who(:")
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: "cannot be loaded" in running.log, "the reload is refused")
        assert call(running, "ann").status_code == 401, "and what there was goes on"
