"""People sign in with a name and a password, terminals by people, and others guess."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import ROOT, Gateway, Mock, client_at, eventually, openai_model

SESSION = "tianji_session"
PASSWORD, WRONG = "Correct horse 1", "Wrong horse no. 1"
PROXY = {"x-forwarded-for": "203.0.113.9"}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url)],
        "general_settings": {
            "use_x_forwarded_for": True,
            "trusted_proxy_ranges": ["127.0.0.0/8"],
            "max_failed_login_attempts_per_source": 4,
            "max_failed_login_attempts_per_source_overrides": {"192.0.2.0/24": 0},
        },
    }
    env = {
        "UI_USERNAME": "boss",
        "UI_PASSWORD": "Environment 1!",
        "PROXY_ADMIN_ID": "chief",
        "PROXY_LOGOUT_URL": "https://idp.example/out",
    }
    with Gateway(
        config, tmp_path_factory.mktemp("passwords"), edge=edge, env=env, workers=2, args=["--access-log"]
    ) as running:
        for name in ("ann", "bob", "eve"):
            user = {"user_id": name, "user_email": f"{name}@example.com", "password": PASSWORD}
            running.client.post("/user/new", json={**user, "auto_create_key": False}).raise_for_status()
        for team in ("red", "blue"):
            running.client.post("/team/new", json={"team_id": team}).raise_for_status()
            member = {"team_id": team, "member": {"user_id": "bob"}}
            running.client.post("/team/member_add", json=member).raise_for_status()
        yield running


@pytest.fixture
def browser(gateway: Gateway) -> Iterator[httpx.Client]:
    """A browser at a place where attempts are not counted."""
    with new_browser(gateway.url) as client:
        yield client


def new_browser(url: str, place: str = "192.0.2.1") -> httpx.Client:
    return client_at(url, x_forwarded_for=place)


def sign_in(client: httpx.Client, username: str, password: str = PASSWORD, path: str = "/v2/login") -> httpx.Response:
    return client.post(path, json={"username": username, "password": password})


def test_a_user_signs_in_by_mail_or_id_and_out(gateway: Gateway, browser: httpx.Client) -> None:
    for name in ("Ann@Example.com", "ann", " ann "):
        came = sign_in(browser, name)
        assert came.status_code == 200, came.text
        assert came.json()["redirect_url"] == f"{gateway.url}/docs"
    cookie = next(one for one in came.headers.get_list("set-cookie") if one.startswith(SESSION))
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert browser.get("/user/info").json()["user_id"] == "ann"
    out = browser.post("/session/logout", headers={"origin": gateway.url})
    assert out.json()["redirect_url"] == "https://idp.example/out"
    assert browser.get("/user/info").status_code == 401


def test_the_administrator_of_the_environment_signs_in(gateway: Gateway, browser: httpx.Client) -> None:
    lead = {"team_id": "red", "member": {"user_id": "lead", "role": "admin"}}
    gateway.client.post("/team/member_add", json=lead).raise_for_status()
    key = gateway.client.post("/key/generate", json={"user_id": "lead"}).json()["key"]

    def by_lead(path: str, **body: object) -> int:
        return gateway.client.post(path, json=body, headers={"authorization": f"Bearer {key}"}).status_code

    # nobody makes him, or a key of his, before he comes himself
    assert by_lead("/team/member_add", team_id="red", member={"user_id": "chief"}) == 403
    assert by_lead("/key/generate", team_id="red", user_id="chief") == 403
    assert by_lead("/key/generate", team_id="red", user_id="default_user_id") == 403
    assert sign_in(browser, "boss", "Environment 1!").status_code == 200
    told = browser.get("/user/info").json()
    assert (told["user_id"], told["user_info"]["user_role"]) == ("chief", "proxy_admin")
    assert sign_in(browser, "boss", PASSWORD).status_code == 401
    assert sign_in(browser, "admin", "Environment 1!").status_code == 401


def test_all_who_fail_hear_the_same(browser: httpx.Client) -> None:
    answers = [
        sign_in(browser, *pair)
        for pair in (("ann", WRONG), ("nobody", PASSWORD), ("boss", WRONG), ("", PASSWORD), ("ann", ""), ("a\0b", "x"))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"]["param"] == "invalid_credentials"
    assert SESSION not in browser.cookies


def test_a_form_signs_in_and_says_what_is_wrong(gateway: Gateway, browser: httpx.Client) -> None:
    page = browser.get("/sso/key/generate", params={"return_to": "/docs?a=1"})
    assert page.headers["content-type"].startswith("text/html")
    assert 'value="/docs?a=1"' in page.text
    form = {"username": "ann", "password": PASSWORD, "return_to": "/docs?a=1"}
    came = browser.post("/login", data=form, headers={"origin": gateway.url})
    assert (came.status_code, came.headers["location"]) == (303, "/docs?a=1")
    for away in ("https://evil.example", "//evil.example", "javascript:alert(1)"):
        assert browser.post("/login", data={**form, "return_to": away}).headers["location"] == "/docs"
    wrong = browser.post("/login", data={**form, "password": WRONG, "return_to": '/"><script>'})
    assert wrong.status_code == 401
    assert "Invalid credentials" in wrong.text
    assert "<script>" not in wrong.text
    assert "default-src 'none'" in wrong.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_page_of_another_site_signs_nobody_in(browser: httpx.Client, headers: dict[str, str]) -> None:
    form = {"username": "ann", "password": PASSWORD}
    assert browser.post("/login", data=form, headers=headers).status_code == 403
    assert SESSION not in browser.cookies


def test_no_password_stands_in_the_log_or_an_answer(gateway: Gateway, browser: httpx.Client) -> None:
    for password in (PASSWORD, WRONG):
        form = {"username": "bob", "password": password}
        told = [sign_in(browser, "bob", password), browser.post("/login", data=form)]
        told.append(browser.get("/user/info"))
        assert not any(password in f"{one.headers}{one.text}" for one in told)
    eventually(lambda: gateway.log.count("/v2/login") >= 2, "the access log is written")
    for secret in (PASSWORD, WRONG, "Environment 1!"):
        assert secret not in gateway.log


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff"])
def test_a_body_that_is_none_is_refused(browser: httpx.Client, body: bytes) -> None:
    assert browser.post("/v2/login", content=body).status_code == 400


def test_a_body_of_a_stranger_is_short(browser: httpx.Client) -> None:
    form = {"username": "ann", "password": PASSWORD, "return_to": "/" + "x" * 20_000}
    assert browser.post("/login", data=form).status_code == 413
    assert sign_in(browser, "ann", "x" * 20_000).status_code == 413


def test_attempts_at_a_name_are_limited_wherever_the_worker(gateway: Gateway) -> None:
    with new_browser(gateway.url, "198.51.100.1") as guesser, new_browser(gateway.url, "198.51.100.2") as other:
        assert [sign_in(guesser, "Eve", WRONG).status_code for _ in range(2)] == [401] * 2
        refused = sign_in(guesser, "eve ")  # the right one does not help any more
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "throttling_error")
        assert 0 < int(refused.headers["retry-after"]) <= 300
        assert sign_in(other, "eve").status_code == 200


def test_attempts_from_a_place_are_limited_whatever_the_name(gateway: Gateway) -> None:
    with new_browser(gateway.url, "198.51.100.3") as guesser:
        statuses = [sign_in(guesser, f"nobody-{number}", WRONG).status_code for number in range(5)]
        assert statuses == [401] * 4 + [429]
        assert sign_in(guesser, "ann").status_code == 429
    with new_browser(gateway.url, "2001:db8:1:2::1") as guesser, new_browser(gateway.url, "2001:db8:1:2:3::4") as same:
        assert [sign_in(guesser, "eve", WRONG).status_code for _ in range(2)] == [401] * 2
        assert sign_in(same, "eve").status_code == 429


def test_success_costs_no_attempt(gateway: Gateway) -> None:
    with new_browser(gateway.url, "198.51.100.4") as client:
        assert {sign_in(client, "ann").status_code for _ in range(4)} == {200}


def test_a_code_is_worth_one_session(gateway: Gateway, browser: httpx.Client) -> None:
    code = sign_in(browser, "ann", path="/v3/login").json()["code"]
    assert SESSION not in browser.cookies
    came = browser.post("/v3/login/exchange", json={"code": code})
    assert came.status_code == 200, came.text
    token = {"cookie": f"{SESSION}={came.json()['token']}"}
    assert browser.get("/user/info", headers=token).json()["user_id"] == "ann"
    assert browser.post("/v3/login/exchange", json={"code": code}).status_code == 400
    for forged in (code[:-4] + "AAAA", "", "x", came.json()["token"]):
        assert browser.post("/v3/login/exchange", json={"code": forged}).status_code == 400


def test_a_password_is_changed_by_who_signed_in_with_it(gateway: Gateway, browser: httpx.Client) -> None:
    user = {"user_id": "pat", "password": PASSWORD}
    made = gateway.client.post("/user/new", json=user).json()["key"]

    def change(client: httpx.Client, old: str, new: str, **headers: str) -> httpx.Response:
        body = {"current_password": old, "new_password": new}
        return client.post("/user/password/change", json=body, headers={"origin": gateway.url, **headers})

    with new_browser(gateway.url) as key_holder:
        assert change(key_holder, PASSWORD, "New horse no. 2", authorization=f"Bearer {made}").status_code == 403
    sign_in(browser, "pat")
    with new_browser(gateway.url) as elsewhere:
        sign_in(elsewhere, "pat")
        assert change(browser, WRONG, "New horse no. 2").status_code == 401
        assert change(browser, PASSWORD, "short").status_code == 400
        assert change(browser, PASSWORD, "New horse no. 2").status_code == 200
        assert browser.get("/user/info").status_code == 200
        assert elsewhere.get("/user/info").status_code == 401
        assert sign_in(elsewhere, "pat").status_code == 401
        assert sign_in(elsewhere, "pat", "New horse no. 2").status_code == 200
    assert gateway.client.get("/v1/models", headers={"authorization": f"Bearer {made}"}).status_code == 200


def start(client: httpx.Client) -> dict[str, Any]:
    answer = client.post("/sso/cli/start")
    assert answer.status_code == 200, answer.text
    return answer.json()


def poll(client: httpx.Client, login: dict[str, Any], secret: str | None = None, **query: str) -> httpx.Response:
    headers = {"x-litellm-cli-poll-secret": login["poll_secret"] if secret is None else secret}
    return client.get(f"/sso/cli/poll/{login['login_id']}", params=query, headers=headers)


def complete(client: httpx.Client, gateway: Gateway, login: dict[str, Any], code: str | None = None) -> httpx.Response:
    form = {"user_code": login["user_code"] if code is None else code}
    return client.post(f"/sso/cli/complete/{login['login_id']}", data=form, headers={"origin": gateway.url})


def test_a_terminal_gets_the_key_of_who_lets_it_in(gateway: Gateway, browser: httpx.Client) -> None:
    login = start(browser)
    assert "verification_uri_complete" not in login
    assert poll(browser, login).json() == {"status": "pending"}
    asked = browser.get(login["verification_uri"])
    page = re.search(r'name="return_to" value="([^"]+)"', asked.text)
    assert page is not None
    form = {"username": "ann", "password": PASSWORD, "return_to": page[1]}
    there = browser.post("/login", data=form, headers={"origin": gateway.url}).headers["location"]
    assert login["user_code"] not in browser.get(there).text
    assert complete(browser, gateway, login).status_code == 200
    told = poll(browser, login).json()
    assert (told["status"], told["user_id"], told["team_id"]) == ("ready", "ann", None)
    by_key = {"authorization": f"Bearer {told['key']}"}
    assert gateway.client.get("/user/info", headers=by_key).json()["user_id"] == "ann"
    assert poll(browser, login).json() == {"status": "pending"}  # nothing is left of it
    info = gateway.client.get("/key/info", headers=by_key).text
    assert "sealed" not in info
    assert gateway.client.post("/session/logout", headers=by_key).status_code == 200
    assert gateway.client.get("/user/info", headers=by_key).status_code == 401


def test_who_is_in_several_teams_chooses(gateway: Gateway, browser: httpx.Client) -> None:
    login = start(browser)
    sign_in(browser, "bob")
    assert complete(browser, gateway, login, f" {login['user_code'].lower()} ").status_code == 200
    told = poll(browser, login).json()
    assert (told["requires_team_selection"], sorted(told["teams"])) == (True, ["blue", "red"])
    assert "key" not in told
    assert poll(browser, login, team_id="green").status_code == 400
    told = poll(browser, login, team_id="blue").json()
    info = gateway.client.get("/key/info", headers={"authorization": f"Bearer {told['key']}"}).json()["info"]
    assert (info["team_id"], info["user_id"]) == ("blue", "bob")


def test_a_terminal_is_let_in_by_nobody_else(gateway: Gateway, browser: httpx.Client) -> None:
    login = start(browser)
    for secret in ("", "x", start(browser)["poll_secret"]):
        assert poll(browser, login, secret).status_code == 401
    assert complete(browser, gateway, login).status_code == 401  # nobody has signed in
    said = {"user_id": "ann", "metadata": {"login_method": "sso", "note": "mine"}}  # which no request says
    made = gateway.client.post("/key/generate", json=said).json()["key"]
    by_key = {"authorization": f"Bearer {made}"}
    assert gateway.client.get("/key/info", headers=by_key).json()["info"]["metadata"] == {"note": "mine"}
    path = f"/sso/cli/complete/{login['login_id']}"
    assert browser.post(path, json={"user_code": login["user_code"]}, headers=by_key).status_code == 403
    sign_in(browser, "ann")
    foreign = {"origin": "https://evil.example"}
    assert browser.post(path, data={"user_code": login["user_code"]}, headers=foreign).status_code == 401
    assert complete(browser, gateway, {**login, "login_id": "cli-00000000-" + "a" * 24}).status_code == 400
    guesses = [complete(browser, gateway, login, "AAAA-AAAA").status_code for _ in range(4)]
    assert 429 in guesses
    assert complete(browser, gateway, login).status_code == 429
    assert poll(browser, login).json() == {"status": "pending"}


def test_the_command_signs_in_and_out(gateway: Gateway, browser: httpx.Client, tmp_path: Any) -> None:
    env = {"TIANJI_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
    line = [sys.executable, "-m", "tianji"]
    waiting = subprocess.Popen(
        [*line, "login", gateway.url, "--no-browser"], stdout=subprocess.PIPE, env=env, cwd=tmp_path, text=True
    )
    with waiting:
        assert waiting.stdout is not None
        said = "".join(waiting.stdout.readline() for _ in range(2))
        login_id = re.search(r"key=(cli-\S+)", said)
        code = re.search(r"[A-Z]{4}-[A-Z]{4}", said)
        assert login_id is not None, said
        assert code is not None, said
        sign_in(browser, "ann")
        assert complete(browser, gateway, {"login_id": login_id[1], "user_code": code[0]}).status_code == 200
        assert waiting.wait(20) == 0
    file = tmp_path / "credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(file.read_text())[gateway.url]
    by_key = {"authorization": f"Bearer {kept['key']}"}
    assert gateway.client.get("/user/info", headers=by_key).json()["user_id"] == "ann"
    subprocess.run([*line, "logout", gateway.url], env=env, cwd=tmp_path, check=True, timeout=20)
    assert gateway.client.get("/user/info", headers=by_key).status_code == 401
    assert json.loads(file.read_text()) == {}
