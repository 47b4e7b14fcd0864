"""GitHub Copilot: somebody's login by device is exchanged for tokens of minutes, and requests say who began them.

The login itself is made elsewhere (`litellm`, or any editor that keeps the token in a file): a gateway has no screen.
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.clock import SYSTEM
from tianji.errors import Header, UpstreamConnectFailed, UpstreamFailure
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import read_object, seconds, shown
from tianji.providers.logins.tokens import Token

URL: Final = "https://api.github.com/copilot_internal/v2/token"
EDITOR: Final = (("editor-version", "vscode/1.95.0"), ("editor-plugin-version", "copilot-chat/0.26.7"))
_AGENTS: Final = frozenset({"assistant", "tool"})


class Copilot(Struct, frozen=True, kw_only=True):
    """Somebody's login: the access token, or the file that holds it, which is read anew each time."""

    token: str = ""
    file: str = ""
    url: str = URL
    service: str = "GitHub Copilot"
    trust: str | None = None

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a new token."""
        own = self.token or await asyncio.to_thread(self._read)
        headers = {"authorization": f"token {own}", "accept": "application/json", **dict(EDITOR)}
        found = read_object(self.service, await fetch("GET", self.url, headers, b""))
        token, ends = shown(self.service, found.get("token")), seconds(found.get("expires_at"))
        if ends is None:
            raise UpstreamFailure("the answer of GitHub to the request for a token of Copilot says no end", sent=False)
        return Token(token, max(ends - SYSTEM.now(), 1.0))

    def _read(self) -> str:
        try:
            return Path(self.file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = f"the login of GitHub Copilot cannot be read ({type(error).__name__}): make it by an editor first"
            raise UpstreamConnectFailed(why) from error

    def __repr__(self) -> str:
        """Say where it is, and nothing secret."""
        return f"Copilot({self.file or 'given'})"


class _Said(Struct):
    messages: Any = None


def login_of(environ: Mapping[str, str], key: str | None) -> Copilot:
    """Return the login: the access token that is given, else the file where LiteLLM keeps it."""
    if key:
        return Copilot(token=key)
    home = Path(environ.get("HOME") or "/") / ".config" / "litellm" / "github_copilot"
    folder = Path(environ.get("GITHUB_COPILOT_TOKEN_DIR") or home)
    return Copilot(file=str(folder / (environ.get("GITHUB_COPILOT_ACCESS_TOKEN_FILE") or "access-token")))


def of_body(body: bytes) -> Iterable[Header]:
    """Return what a request says of itself: whether a program goes on by itself, and whether there is a picture."""
    try:
        messages = msgspec.json.decode(body, type=_Said).messages
    except (msgspec.DecodeError, RecursionError):
        messages = None
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    by_agent = any(turn.get("role") in _AGENTS for turn in turns)
    yield b"x-initiator", b"agent" if by_agent else b"user"
    parts = (part for turn in turns if isinstance(turn.get("content"), list) for part in turn["content"])
    if any(isinstance(part, dict) and part.get("type") == "image_url" for part in parts):
        yield b"copilot-vision-request", b"true"
