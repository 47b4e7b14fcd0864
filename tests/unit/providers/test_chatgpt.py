"""The login of a ChatGPT plan: whose it is, how long it is good, and what becomes of it in its file."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.providers.recorder import Recorder

from tianji.errors import UpstreamConnectFailed, UpstreamFailure
from tianji.providers import build
from tianji.providers.logins.chatgpt import CLIENT, URL, ChatGPT, account_of, claims, file_of


def token(lasts: float, account: str | None = "acc-1") -> str:
    """Return an access token that nobody has signed."""
    about = {} if account is None else {"chatgpt_account_id": account}
    payload = {"exp": time.time() + lasts, "https://api.openai.com/auth": about}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip('=')}.c2ln"


@pytest.fixture(params=["codex", "litellm"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file in which the token is about to end."""
    tokens = {"access_token": token(10), "refresh_token": "r1", "account_id": "acc-1"}
    made = tmp_path / "auth.json"
    made.write_text(json.dumps({"tokens": tokens, "last_refresh": "x"} if request.param == "codex" else tokens))
    return made


def private(file: Path) -> bool:
    """Whether nobody but its owner may read a file, which is alone in its folder."""
    return file.stat().st_mode & 0o077 == 0 and list(file.parent.iterdir()) == [file]


def tokens_of(file: Path) -> Any:
    found = json.loads(file.read_text())
    return found.get("tokens", found)


async def test_a_good_token_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"tokens": {"access_token": token(3600)}}))
    fetch = Recorder()
    found = await ChatGPT(file=str(file)).mint(fetch)
    assert 3500 < found.lifetime <= 3600
    assert fetch.asked == []


async def test_one_that_ends_is_exchanged_and_written_back(kept: Path) -> None:
    fresh = token(3600)
    fetch = Recorder((200, {"access_token": fresh, "refresh_token": "r2", "id_token": "i"}))
    found = await ChatGPT(file=str(kept)).mint(fetch)
    assert found.value == fresh
    method, url, headers, body = fetch.asked[0]
    assert (method, url, headers["content-type"]) == ("POST", URL, "application/json")
    assert json.loads(body) == {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": "r1"}
    assert tokens_of(kept) == {
        "access_token": fresh,
        "refresh_token": "r2",
        "id_token": "i",
        "account_id": "acc-1",
    }
    assert private(kept)


async def test_another_process_may_have_been_quicker(kept: Path) -> None:
    fresh = token(3600)

    async def fetch(*_: Any) -> tuple[int, bytes]:
        await asyncio.to_thread(kept.write_text, json.dumps({"tokens": {"access_token": fresh}}))
        return 401, b'{"error":{"message":"refresh token was used"}}'

    assert (await ChatGPT(file=str(kept)).mint(fetch)).value == fresh


async def test_what_cannot_be(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(UpstreamFailure, match="was used"):
        await ChatGPT(file=str(kept)).mint(Recorder((401, {"error": {"message": "refresh token was used"}})))
    with pytest.raises(UpstreamFailure, match="holds none"):
        await ChatGPT(file=str(kept)).mint(Recorder((200, {"access_token": "x"})))
    with pytest.raises(UpstreamConnectFailed, match="codex login"):
        await ChatGPT(file=str(tmp_path / "gone")).mint(Recorder())
    assert tokens_of(kept)["refresh_token"] == "r1"


def test_where_the_login_is(tmp_path: Path) -> None:
    codex, litellm = tmp_path / ".codex" / "auth.json", tmp_path / ".config" / "litellm" / "chatgpt" / "auth.json"
    environ = {"HOME": str(tmp_path)}
    assert file_of(environ) == litellm
    codex.parent.mkdir()
    codex.write_text("{}")
    assert file_of(environ) == codex
    litellm.parent.mkdir(parents=True)
    litellm.write_text("{}")
    assert file_of(environ) == litellm
    assert file_of({"CHATGPT_TOKEN_DIR": "/x", "CHATGPT_AUTH_FILE": "y"}) == Path("/x/y")


def test_a_token_that_is_given_says_whose_it_is() -> None:
    own = token(3600)
    found = build({"model": "chatgpt/gpt-5.5", "api_key": own}, {}, drop_params=False)
    assert dict(found.headers)[b"authorization"] == f"Bearer {own}".encode()
    assert found.sign is not None
    assert dict(found.sign("/responses", b"{}")) == {b"chatgpt-account-id": b"acc-1"}
    assert own not in repr(found)
    assert found.secrets == (own,)


@pytest.mark.parametrize(
    "said", ["", "a.b", "a.!.c", f"a.{base64.urlsafe_b64encode(b'[]').decode()}.c", token(1, None)]
)
def test_a_token_that_says_nothing(said: str) -> None:
    assert account_of(said) is None
    assert isinstance(claims(said), dict)
