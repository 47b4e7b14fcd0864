"""People sign in with an identity provider, and others try to be them; browsers are clients with cookies."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, client_at, eventually, openai_model
from tests.fakes.identity_provider import (
    CLIENT,
    SECRET,
    IdentityProvider,
    make_key,
    sign,
    signed_with_public_key,
    unsigned,
)

SESSION, LOGIN = "tianji_session", "tianji_login"


@pytest.fixture(scope="module")
def running_provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture
def provider(running_provider: IdentityProvider) -> IdentityProvider:
    """The provider, honest and with Ann in front of it."""
    running_provider.faults.clear()
    running_provider.person = {"sub": "u-1", "preferred_username": "ann", "email": "Ann@Example.com"}
    return running_provider


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, running_provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = {
        "model_list": [openai_model("m", "gpt-test", mock_process.url)],
        "general_settings": {"litellm_jwtauth": {"team_ids_jwt_field": "groups"}},
    }
    env = {
        "GENERIC_CLIENT_ID": CLIENT,
        "GENERIC_CLIENT_SECRET": SECRET,
        "GENERIC_DISCOVERY_URL": running_provider.discovery_url,
        "GENERIC_ROLE_MAPPINGS_GROUP_CLAIM": "groups",
        "GENERIC_ROLE_MAPPINGS_ROLES": "{'proxy_admin': ['bosses'], 'internal_user': ['staff']}",
        "ALLOWED_EMAIL_DOMAINS": "example.com, example.org",
    }
    with Gateway(
        config, tmp_path_factory.mktemp("sign-in"), edge=edge, env=env, workers=1, args=["--access-log"]
    ) as running:
        running.client.post("/team/new", json={"team_id": "staff"}).raise_for_status()
        yield running


@pytest.fixture
def browser(gateway: Gateway) -> Iterator[httpx.Client]:
    with new_browser(gateway.url) as client:
        yield client


def new_browser(url: str | httpx.URL = "") -> httpx.Client:
    """Return a client with cookies of its own."""
    return client_at(url)


def request(method: str, url: str, **more: Any) -> httpx.Response:
    """Make a request without cookies but those of its headers."""
    with new_browser() as client:
        return client.request(method, url, **more)


def away(browser: httpx.Client, **query: str) -> str:
    """Begin to sign in, and return where the provider sends the browser back to."""
    answer = browser.get("/sso/login", params=query)
    assert answer.status_code == 302, answer.text
    at_provider = request("GET", answer.headers["location"])
    assert at_provider.status_code == 302
    return at_provider.headers["location"]


def sign_in(browser: httpx.Client, **query: str) -> httpx.Response:
    return browser.get(away(browser, **query))


def changed(url: str, **query: str) -> str:
    parts = urlsplit(url)
    said = {name: values[0] for name, values in parse_qs(parts.query).items()} | query
    return parts._replace(query=urlencode(said)).geturl()


def test_ann_signs_in_and_out(gateway: Gateway, provider: IdentityProvider, browser: httpx.Client) -> None:
    provider.person["groups"] = ["staff"]
    begun = browser.get("/sso/key/generate")
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{gateway.url}/sso/callback"]
    came = sign_in(browser)
    assert came.status_code == 200, came.text
    said = came.json()
    assert (said["user_id"], said["user_email"], said["user_role"]) == ("ann", "ann@example.com", "internal_user")
    assert came.headers["cache-control"] == "no-store"
    cookies = {one.partition("=")[0]: one for one in came.headers.get_list("set-cookie")}
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookies[SESSION].split("; "))
    assert "Max-Age=0" in cookies[LOGIN]
    info = browser.get("/user/info").json()  # by the cookie alone
    assert info["user_id"] == "ann"
    assert [team["team_id"] for team in info["teams"]] == ["staff"]
    assert gateway.chat({"model": "m", "messages": []}, authorization=f"Bearer {said['key']}").status_code in (200, 400)
    assert browser.post("/session/logout", headers={"origin": gateway.url}).status_code == 200
    assert SESSION not in browser.cookies
    key = {"authorization": f"Bearer {said['key']}"}
    assert request("GET", f"{gateway.url}/user/info", headers=key).status_code == 401
    assert browser.get("/user/info", headers={"cookie": f"{SESSION}={said['token']}"}).status_code == 401


def test_groups_make_roles_and_the_strongest_counts(provider: IdentityProvider, browser: httpx.Client) -> None:
    provider.person |= {"groups": ["staff", "bosses"]}
    assert sign_in(browser).json()["user_role"] == "proxy_admin"
    provider.person |= {"preferred_username": "new-one", "email": "new@example.org", "groups": ["unknown"]}
    assert sign_in(browser).json()["user_role"] == "internal_user_viewer"


def test_nobody_is_the_administrator_by_calling_himself_so(provider: IdentityProvider, browser: httpx.Client) -> None:
    provider.person |= {"preferred_username": "default_user_id", "email": "eve@example.com"}
    assert sign_in(browser).status_code == 403
    assert SESSION not in browser.cookies


def test_a_session_is_no_other_key(gateway: Gateway, provider: IdentityProvider) -> None:
    made = gateway.client.post("/key/generate", json={}).json()["key"]
    headers = {"authorization": f"Bearer {made}"}
    assert request("POST", f"{gateway.url}/session/logout", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/\tevil", "javascript:alert(1)", "evil", "/%0a/\nx"],
)
def test_nobody_is_sent_elsewhere_afterwards(provider: IdentityProvider, browser: httpx.Client, elsewhere: str) -> None:
    assert sign_in(browser, return_to=elsewhere).status_code == 200


def test_a_path_of_ours_is_gone_on_to(provider: IdentityProvider, browser: httpx.Client) -> None:
    came = sign_in(browser, return_to="/docs?a=1")
    assert (came.status_code, came.headers["location"]) == (303, "/docs?a=1")


def test_a_login_counts_once(provider: IdentityProvider, browser: httpx.Client) -> None:
    back = away(browser)
    kept = browser.cookies[LOGIN]
    assert browser.get(back).status_code == 200
    assert browser.get(back).status_code == 400  # the browser was made to forget it
    assert browser.get(back, headers={"cookie": f"{LOGIN}={kept}"}).status_code == 401  # and its code was used


def test_a_browser_that_did_not_begin_does_not_end(provider: IdentityProvider, browser: httpx.Client) -> None:
    """Otherwise an attacker signs his victim in as himself (RFC 6749 section 10.12)."""
    back = away(browser)
    with new_browser(browser.base_url) as victim:
        assert victim.get(back).status_code == 400
        away(victim)  # he has begun a login of his own
        assert victim.get(back).status_code == 400
        assert SESSION not in victim.cookies


def test_a_code_is_worth_nothing_in_another_login(provider: IdentityProvider, browser: httpx.Client) -> None:
    with new_browser(browser.base_url) as other:
        stolen = parse_qs(urlsplit(away(other)).query)["code"][0]
    assert browser.get(changed(away(browser), code=stolen)).status_code == 401  # the proof is another one's


@pytest.mark.parametrize("state", ["", "x", "x" * 43])
def test_the_state_is_that_of_the_login(provider: IdentityProvider, browser: httpx.Client, state: str) -> None:
    assert browser.get(changed(away(browser), state=state)).status_code == 400


def test_what_a_browser_brings_back_is_sealed(provider: IdentityProvider, browser: httpx.Client) -> None:
    back = away(browser)
    sealed = browser.cookies[LOGIN]
    assert "verifier" not in base64.urlsafe_b64decode(sealed.partition(":")[2] + "==").decode("latin-1")
    for forged in (sealed[:-4] + "AAAA", "tj1:" + "A" * 80, "x", ""):
        assert browser.get(back, headers={"cookie": f"{LOGIN}={forged}"}).status_code == 400


def claims_of(**changes: Any) -> dict[str, Any]:
    return {"claims": changes}


FORGERIES: dict[str, Callable[[IdentityProvider], dict[str, Any]]] = {
    "nonce of another login": lambda p: claims_of(nonce="another"),
    "no nonce": lambda p: claims_of(nonce=None),
    "expired": lambda p: claims_of(exp=1),
    "without an end": lambda p: claims_of(exp=None),
    "for another client": lambda p: claims_of(aud="another"),
    "for several, not made for us": lambda p: claims_of(aud=[CLIENT, "another"], azp="another"),
    "for several, made for nobody": lambda p: claims_of(aud=[CLIENT, "another"]),
    "of another issuer": lambda p: claims_of(iss="https://evil.example"),
    "not signed": lambda p: {"sign": lambda claims: unsigned(claims, kid="first")},
    "signed with the public key": lambda p: {"sign": lambda claims: signed_with_public_key(p.keys[0], claims)},
    "signed by a stranger": lambda p: {"sign": lambda claims: sign(make_key(), claims)},
    "none at all": lambda p: {"sign": lambda claims: None},
    "of another person than userinfo": lambda p: {"userinfo": {"sub": "u-2"}},
    "answered by another issuer": lambda p: {"iss": "https://evil.example"},
    "of another domain": lambda p: claims_of(email="ann@evil.example"),
    "of an address that looks alike": lambda p: claims_of(email="ann@evil.example/@example.com.evil"),
    "of an unverified address": lambda p: claims_of(email_verified=False),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_is_not_right_lets_nobody_in(
    provider: IdentityProvider, browser: httpx.Client, forgery: str
) -> None:
    provider.faults = FORGERIES[forgery](provider)
    came = sign_in(browser)
    assert came.status_code == 401, came.text
    assert SESSION not in browser.cookies
    assert "key" not in came.json()


def test_whom_the_provider_refuses_is_told(provider: IdentityProvider, browser: httpx.Client) -> None:
    back = changed(away(browser), error="access_denied", error_description="<b>not you</b>\n")
    answer = browser.get(back)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
    assert "access_denied" in answer.json()["error"]["message"]


def test_a_session_is_not_what_somebody_brought(provider: IdentityProvider, browser: httpx.Client) -> None:
    """Session fixation: what was there before is neither kept nor raised."""
    with new_browser(browser.base_url) as attacker:
        fixed = sign_in(attacker).json()
    browser.cookies.set(SESSION, fixed["token"])
    fresh = sign_in(browser).json()
    assert fresh["token"] != fixed["token"]
    assert fresh["key"] != fixed["key"]


def test_a_cookie_works_on_pages_of_ours_alone(
    gateway: Gateway, provider: IdentityProvider, browser: httpx.Client
) -> None:
    token = sign_in(browser).json()["token"]

    def status(method: str, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {"cookie": f"{SESSION}={token}", **named}
        return request(method, f"{gateway.url}/v1/models", headers=fields).status_code

    assert status("GET") == status("GET", sec_fetch_site="same-origin") == status("GET", sec_fetch_site="none") == 200
    for site in ("cross-site", "same-site", "odd"):
        assert status("GET", sec_fetch_site=site) == 401
        assert status("GET", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="iframe") == 401
        assert status("GET", sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="document") == 401
        assert status("GET", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document") == 200  # a link
    assert status("GET", origin="https://evil.example") == 401
    assert status("GET", cookie=f"{SESSION}={token}; {SESSION}={token}") == 401

    def post(**headers: str) -> int:
        fields = {"cookie": f"{SESSION}={token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = {"model": "m", "messages": [{"role": "user", "content": "one"}]}
        url = f"{gateway.url}/v1/chat/completions"
        return request("POST", url, json=body, headers=fields).status_code

    assert post(origin=gateway.url) == post(sec_fetch_site="same-origin") == 200
    for headers in (
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site", "origin": gateway.url},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
    ):
        assert post(**headers) == 401


def test_a_session_token_is_ours_and_whole(gateway: Gateway, provider: IdentityProvider, browser: httpx.Client) -> None:
    token = sign_in(browser).json()["token"]
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "key": gateway.key}).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for wrong in (f"{head}.{forged}.{signature}", f"{none}.{forged}.", f"{head}.{body}.", body, "", "..", "a.b.c"):
        answer = request("GET", f"{gateway.url}/v1/models", headers={"cookie": f"{SESSION}={wrong}"})
        assert answer.status_code == 401


def test_a_provider_that_is_away_says_so(provider: IdentityProvider, browser: httpx.Client) -> None:
    back = away(browser)
    provider.faults = {"away": ("/token",)}
    answer = browser.get(back)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "auth_provider_unavailable")


def test_nothing_of_a_login_stands_in_the_log(
    gateway: Gateway, provider: IdentityProvider, browser: httpx.Client
) -> None:
    back = away(browser)
    code = parse_qs(urlsplit(back).query)["code"][0]
    sealed = browser.cookies[LOGIN]
    session = browser.get(back).json()
    browser.get(back)  # it fails, and that is said
    eventually(lambda: gateway.log.count("/sso/callback") >= 2, "the access log is written")
    for secret in (SECRET, code, sealed, session["token"], session["key"], gateway.key):
        assert secret not in gateway.log


def test_readiness(gateway: Gateway) -> None:
    assert gateway.client.get("/sso/readiness").json() == {"status": "healthy", "provider": "generic"}
