"""Azure Key Vault, with an application of Microsoft Entra that has a client secret.

https://learn.microsoft.com/rest/api/keyvault/secrets and
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets.manager import Manager, Note, require
from tianji.secrets.wire import base, place, wire

_VERSION: Final = "api-version=7.4"
_AUTHORITY: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://vault.azure.net/.default"
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,127}")
_EARLY: Final = 30.0  # seconds before its end that a token is not used any more


class KeyVault(Manager):
    """One vault. Its secrets have names of letters, digits and dashes; no other name is asked for."""

    reserved = frozenset({"AZURE_KEY_VAULT_URI", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"})

    def __init__(self, choice: Choice, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the settings. Raises SecretFailure without an address or an application."""
        environ = choice.environ
        address = require(environ, "AZURE_KEY_VAULT_URI", "Azure Key Vault")
        self._address = base(address, "AZURE_KEY_VAULT_URI")
        super().__init__(f"Azure Key Vault ({place(self._address)})")
        tenant, client, secret = (
            require(environ, f"AZURE_{name}", "Azure Key Vault") for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
        )
        authority = base(environ.get("AZURE_AUTHORITY_HOST") or _AUTHORITY, "AZURE_AUTHORITY_HOST")
        self._login = f"{authority}/{quote(tenant, safe='')}/oauth2/v2.0/token"
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "scope": _SCOPE}
        self._form = urlencode(form).encode()
        self._wire = wire(self.label)
        self._entra = wire("Microsoft Entra")
        self._clock = clock
        self._token = ""
        self._ends = float("-inf")

    async def log_in(self) -> None:
        """Get an access token where there is none that is valid."""
        asked = self._clock()
        if asked < self._ends:
            return
        headers = {"content-type": "application/x-www-form-urlencoded"}
        found = (await self._entra.ask("POST", self._login, headers, self._form)).members()
        token, lasts = found.get("access_token"), found.get("expires_in", 3600)
        if not isinstance(token, str) or not str(lasts).isdecimal():
            raise SecretFailure("the answer of Microsoft Entra holds no access token")
        self._token, self._ends = token, asked + int(lasts) - _EARLY

    async def read(self, name: str) -> str | None:
        """Return the latest version of a secret."""
        if not _NAME.fullmatch(name):
            return None  # there cannot be one
        answer = await self._wire.ask("GET", self._url(name), self._headers())
        if answer.status == 404:
            return None
        value = answer.members().get("value")
        return value if isinstance(value, str) else None

    async def write(self, name: str, value: str, note: Note) -> None:
        """Write a secret, a version of it where there is one."""
        self._require(name)
        tags = {**note.tags, **({"description": note.description} if note.description else {})}
        headers = {**self._headers(), "content-type": "application/json"}
        body = msgspec.json.encode({"value": value, "tags": tags})
        (await self._wire.ask("PUT", self._url(name), headers, body)).require()

    async def delete(self, name: str) -> None:
        """Delete a secret; the vault may keep it for a while."""
        self._require(name)
        answer = await self._wire.ask("DELETE", self._url(name), self._headers())
        if answer.status != 404:
            answer.require()

    def _require(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise SecretFailure(f"{name!r} is no name for {self.label}: it takes letters, digits and dashes")

    def _url(self, name: str) -> str:
        return f"{self._address}/secrets/{name}?{_VERSION}"

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}
