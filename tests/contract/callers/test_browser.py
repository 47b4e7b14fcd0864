"""People sign in and out with a real browser, over TLS: Chromium, where the machine has it."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from tests.contract.callers.chromium import PROGRAM, Chromium, Page
from tests.contract.edge.edge_client import certified
from tests.contract.harness import Gateway, Mock, openai_model
from tests.fakes.identity_provider import CLIENT, SECRET, IdentityProvider

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium; Debian's package is called chromium")
SESSION, LOGIN = "tianji_session", "tianji_login"
PASSWORD = "Correct horse 1"


@pytest.fixture(scope="module")
def edge() -> str:
    """The one with which browsers speak HTTP/2."""
    return "granian"


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        running.person = {"sub": "u-1", "preferred_username": "ann", "email": "ann@example.com"}
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("browser")
    made = certified(folder)
    env = {
        "GENERIC_CLIENT_ID": CLIENT,
        "GENERIC_CLIENT_SECRET": SECRET,
        "GENERIC_DISCOVERY_URL": provider.discovery_url,
    }
    args = ["--ssl_certfile_path", str(made["certificate"]), "--ssl_keyfile_path", str(made["private_key"])]
    config = {"model_list": [openai_model("m", "gpt-test", mock_process.url)]}
    with Gateway(config, folder, edge=edge, env=env, args=args) as running:
        bob = {"user_id": "bob", "user_email": "bob@example.com", "password": PASSWORD, "auto_create_key": False}
        running.client.post("/user/new", json=bob).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(str(PROGRAM), tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    with chromium.visit() as opened:
        yield opened


def user(page: Page) -> str:
    """Who the browser is for the gateway, whose cookie scripts cannot read but send along."""
    status, text = page.fetch("/user/info")
    return str(json.loads(text)["user_id"]) if status == 200 else ""


def assert_signed_in(page: Page, name: str) -> None:
    cookie = page.cookies()[SESSION]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    assert page.run("document.cookie") == ""
    assert user(page) == name


def test_somebody_signs_in_with_a_provider_and_out(page: Page, gateway: Gateway, provider: IdentityProvider) -> None:
    page.open(f"{gateway.url}/sso/login?return_to=/docs")
    assert page.address == f"{gateway.url}/docs"
    assert "/authorize" in provider.seen
    assert LOGIN not in page.cookies()
    assert_signed_in(page, "ann")
    status, _ = page.fetch("/session/logout", "POST")
    assert status == 200
    assert SESSION not in page.cookies()
    assert user(page) == ""


def test_a_session_is_there_when_a_link_of_ours_led_to_the_provider(page: Page, gateway: Gateway) -> None:
    """The way back comes from another site, and the browser says so of every step of it."""
    page.open(f"{gateway.url}/docs")
    page.act("location.href = '/sso/login?return_to=/user/info'")
    assert json.loads(page.text)["user_id"] == "ann"


def test_somebody_signs_in_with_a_password(page: Page, gateway: Gateway) -> None:
    page.open(f"{gateway.url}/fallback/login?return_to=/docs")

    def fill(password: str) -> None:
        page.run(
            "document.querySelector('[name=username]').value = 'bob';"
            f"document.querySelector('[name=password]').value = {json.dumps(password)}"
        )
        page.act("document.querySelector('button').click()")

    fill("Wrong horse no. 1")
    assert "Invalid credentials" in page.text
    assert SESSION not in page.cookies()
    fill(PASSWORD)
    assert page.address == f"{gateway.url}/docs"
    assert_signed_in(page, "bob")
    assert page.fetch("/sso/logout", "POST")[0] == 200
    assert user(page) == ""


def test_a_terminal_is_let_in_by_whoever_sits_at_the_browser(page: Page, gateway: Gateway) -> None:
    begun = gateway.client.post("/sso/cli/start").json()
    page.open(begun["verification_uri"])
    page.run(f"document.querySelector('[name=user_code]').value = {json.dumps(begun['user_code'])}")
    page.act("document.querySelector('button').click()")
    assert "Done" in page.text
    secret = {"x-tianji-cli-poll-secret": begun["poll_secret"]}
    told = gateway.client.get(f"/sso/cli/poll/{begun['login_id']}", headers=secret).json()
    key = {"authorization": f"Bearer {told['key']}"}
    assert gateway.client.get("/user/info", headers=key).json()["user_id"] == "ann"


def elsewhere(gateway: Gateway, path: str) -> str:
    """A page of another site with a form that leads to a path of the gateway."""
    form = f'<form method="post" action="{gateway.url}{path}"><button>A prize for you</button></form>'
    return f"data:text/html;base64,{base64.b64encode(form.encode()).decode()}"


def test_pages_of_other_sites_do_nothing_in_a_session(page: Page, gateway: Gateway) -> None:
    page.open(f"{gateway.url}/sso/login?return_to=/docs")
    page.open(elsewhere(gateway, "/session/logout"))
    page.act("document.querySelector('button').click()")
    assert json.loads(page.text)["error"]["code"] == "401"
    page.open(f"{gateway.url}/docs")
    assert user(page) == "ann"


@pytest.mark.parametrize("path", ["/fallback/login", "/sso/cli/complete/{login}"])
def test_pages_are_in_nobodys_frame_and_run_no_script_of_others(page: Page, gateway: Gateway, path: str) -> None:
    login = gateway.client.post("/sso/cli/start").json()["login_id"]
    evil = quote('/docs?"><img src=x onerror="document.title=\'run\'">')
    page.open(f"{gateway.url}{path.format(login=login)}?return_to={evil}&user_code={evil}")
    assert page.run("document.title").startswith("Tianji")
    assert page.run("document.images.length") == 0
    framed = f'<iframe src="{gateway.url}{path.format(login=login)}"></iframe>'
    page.open(f"data:text/html;base64,{base64.b64encode(framed.encode()).decode()}")
    assert page.run("document.querySelector('iframe').contentDocument") is None
    headers = httpx.get(f"{gateway.url}{path.format(login=login)}", verify=False, trust_env=False).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
