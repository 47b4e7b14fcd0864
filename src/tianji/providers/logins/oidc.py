"""Identity tokens that a login is made of: `oidc/<provider>/<audience>`, as LiteLLM's configuration files spell them.

A token is read anew each time, since those who mount or hand out such tokens replace them.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from tianji.errors import ConfigurationError, UpstreamConnectFailed, UpstreamFailure
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import read_object

PREFIX: Final = "oidc/"
_FOLDERS: Final = ("TIANJI_OIDC_ALLOWED_CREDENTIAL_DIRS", "LITELLM_OIDC_ALLOWED_CREDENTIAL_DIRS")
_USUAL_FOLDERS: Final = "/var/run/secrets,/run/secrets"
_LONGEST: Final = 64 * 1024  # bytes of a token's file that are read
_GOOGLE: Final = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity"
_VALUES: Final[Mapping[str, str]] = {"circleci": "CIRCLE_OIDC_TOKEN", "circleci_v2": "CIRCLE_OIDC_TOKEN_V2"}
_KINDS: Final = ("google", "github", "azure", "file", "env", "env_path", *_VALUES)


class Identity(Struct, frozen=True, kw_only=True):
    """Where a token is: `value` itself, in a `file`, or what `url` answers, in this member of a JSON object if any."""

    value: str = ""
    file: str = ""
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    member: str = ""

    async def token(self, fetch: Fetch) -> str:
        """Return the token. Raises UpstreamFailure when there is none now."""
        if self.file:
            return await _in_file(self.file)
        if self.url:
            return await self._answered(fetch)
        return self.value

    async def _answered(self, fetch: Fetch) -> str:
        answer = await fetch("GET", self.url, dict(self.headers), b"")
        if self.member:
            found = read_object("the identity provider", answer).get(self.member)
        else:
            found = answer[1].decode("ascii", "replace").strip() if answer[0] == 200 else None
        if not isinstance(found, str) or not found:
            raise UpstreamFailure(f"the identity provider gave no token (status {answer[0]})", sent=False)
        return found

    def __repr__(self) -> str:
        """Say where it is, and nothing secret."""
        return f"Identity({self.file or self.url or 'given'})"


def find(reference: str, environ: Mapping[str, str]) -> Identity:
    """Return the identity that `oidc/...` names.

    Raises ConfigurationError for one that leads nowhere, or to a file outside of the folders for secrets.
    """
    kind, _, rest = reference.removeprefix(PREFIX).partition("/")
    if kind not in _KINDS:
        raise ConfigurationError(f"{reference[:80]!r}: oidc/ is followed by one of {', '.join(_KINDS)}")
    if not rest and kind in ("google", "github", "file", "env", "env_path"):
        raise ConfigurationError(f"{reference[:80]!r} lacks what follows oidc/{kind}/")
    if kind == "google":
        url = f"{_GOOGLE}?audience={quote(rest, safe='')}"
        return Identity(url=url, headers=(("metadata-flavor", "Google"),))
    if kind == "github":  # https://docs.github.com/actions/reference/security/oidc
        url = f"{_variable(environ, 'ACTIONS_ID_TOKEN_REQUEST_URL')}&audience={quote(rest, safe='')}"
        bearer = f"Bearer {_variable(environ, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}"
        return Identity(url=url, headers=(("authorization", bearer),), member="value")
    if kind == "azure":
        return Identity(file=_variable(environ, "AZURE_FEDERATED_TOKEN_FILE"))
    if kind == "file":
        return Identity(file=_allowed(rest, environ))
    if kind == "env_path":
        return Identity(file=_variable(environ, rest))
    return Identity(value=_variable(environ, _VALUES.get(kind, rest)))


async def _in_file(path: str) -> str:
    def read() -> str:
        with Path(path).open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace").strip()

    try:
        return await asyncio.to_thread(read)
    except (OSError, ValueError) as error:
        why = f"the file of an identity token cannot be read: {type(error).__name__}"
        raise UpstreamConnectFailed(why) from error


def _variable(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigurationError(f"an identity token should be had by the variable {name}, which is not set: set it")
    return value


def _allowed(path: str, environ: Mapping[str, str]) -> str:
    given = next((value for name in _FOLDERS if (value := environ.get(name))), _USUAL_FOLDERS)
    folders = [each.strip() for each in given.split(",") if each.strip()]
    if not any(Path(path).resolve().is_relative_to(Path(folder).resolve()) for folder in folders):
        raise ConfigurationError(f"oidc/file/ leads outside of {', '.join(folders)}; name its folder in {_FOLDERS[0]}")
    return path  # not resolved: those who replace a token turn a link
