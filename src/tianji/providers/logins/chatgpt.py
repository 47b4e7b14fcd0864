"""ChatGPT's plans: somebody's login, which Codex or LiteLLM made and keeps in a file, serves the models of Codex.

The form of the file is that of https://developers.openai.com/codex/auth, or LiteLLM's, which has the tokens at its top.
Tokens last some days; one that is about to end is exchanged for others, which are written back.
"""

import asyncio
import base64
import binascii
import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.clock import SYSTEM
from tianji.errors import Header, UpstreamConnectFailed, UpstreamFailure
from tianji.providers.logins.credentials import Credentials
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import read_object, seconds, source_of
from tianji.providers.logins.tokens import Token

URL: Final = "https://auth.openai.com/oauth/token"
CLIENT: Final = "app_EMoamEEZ73f0CkXaXp7hrann"
"""Codex's, for which the tokens were given."""
_CLAIMS: Final = "https://api.openai.com/auth"
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY
_LEFT: Final = 300.0  # seconds that a token is good for at least that is not exchanged
Json = dict[str, Any]


class ChatGPT(Struct, frozen=True, kw_only=True):
    """Somebody's login: the file that holds it, which is read anew each time."""

    file: str
    url: str = URL
    service: str = "ChatGPT"
    trust: str | None = None

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a token: that of the file while it is good, else another one."""
        kept = await asyncio.to_thread(self._read)
        token = _good(kept)
        if token is not None:
            return token
        asked = {
            "client_id": CLIENT,
            "grant_type": "refresh_token",
            "refresh_token": _tokens(kept).get("refresh_token"),
        }
        try:
            body = msgspec.json.encode(asked)
            found = read_object(self.service, await fetch("POST", self.url, {"content-type": "application/json"}, body))
        except UpstreamFailure:
            token = _good(await asyncio.to_thread(self._read))  # another process may have been quicker
            if token is None:
                raise
            return token
        changed = {name: found[name] for name in ("access_token", "refresh_token", "id_token") if found.get(name)}
        token = _good({"tokens": changed})
        if token is None:
            raise UpstreamFailure("the answer of ChatGPT to the request for an access token holds none", sent=False)
        await asyncio.to_thread(self._write, kept, changed)
        return token

    def _read(self) -> Json:
        try:
            return msgspec.json.decode(Path(self.file).read_bytes(), type=Json)
        except (OSError, msgspec.DecodeError) as error:
            why = f"the login of ChatGPT cannot be read ({type(error).__name__}): make it by `codex login` first"
            raise UpstreamConnectFailed(why) from error

    def _write(self, kept: Json, changed: Json) -> None:
        whole = {**kept, "tokens": {**kept["tokens"], **changed}} if "tokens" in kept else {**kept, **changed}
        fresh = Path(f"{self.file}.{os.urandom(8).hex()}")
        with os.fdopen(os.open(fresh, _NEW, 0o600), "wb") as file:  # nobody but its owner may read it
            file.write(msgspec.json.encode(whole))
        fresh.replace(self.file)

    def __repr__(self) -> str:
        """Say where it is, and nothing secret."""
        return f"ChatGPT({self.file})"


def credentials_of(environ: Mapping[str, str], key: str | None) -> Credentials:
    """Return what requests show: the access token that is given, else what a file has."""
    if key:
        return Credentials(token=key, of_body=_headers(lambda: key), secrets=(key,))
    login = ChatGPT(file=str(file_of(environ)))
    return Credentials(login=login, of_body=_headers(lambda: source_of(login).held()))


def file_of(environ: Mapping[str, str]) -> Path:
    """Return where the login is: LiteLLM's file, or Codex's where there is none."""
    home = Path(environ.get("HOME") or "/")
    folder = Path(environ.get("CHATGPT_TOKEN_DIR") or home / ".config" / "litellm" / "chatgpt")
    own = folder / (environ.get("CHATGPT_AUTH_FILE") or "auth.json")
    codex = Path(environ.get("CODEX_HOME") or home / ".codex") / "auth.json"
    return codex if not own.is_file() and codex.is_file() else own


def _headers(token: Callable[[], str]) -> Callable[[bytes], Iterable[Header]]:
    def of_body(_: bytes) -> Iterable[Header]:
        account = account_of(token())
        return () if account is None else ((b"chatgpt-account-id", account.encode()),)

    return of_body


@lru_cache(64)
def account_of(token: str) -> str | None:
    """Return whose account a token is for, None where it does not say."""
    about = claims(token).get(_CLAIMS)
    account = about.get("chatgpt_account_id") if isinstance(about, dict) else None
    return account if isinstance(account, str) and account.isascii() and account.isprintable() else None


def claims(token: str) -> Json:
    """Return what a token says of itself (RFC 7519), unchecked: whoever it is shown to checks it."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=Json)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return {}


def _tokens(kept: Json) -> Json:
    found = kept.get("tokens")
    return found if isinstance(found, dict) else kept


def _good(kept: Json) -> Token[str] | None:
    token = _tokens(kept).get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        return None
    left = (seconds(claims(token).get("exp")) or 0.0) - SYSTEM.now()
    return Token(token, left) if left > _LEFT else None
