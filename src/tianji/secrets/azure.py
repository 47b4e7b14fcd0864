"""Azure Key Vault, with whatever Microsoft Entra knows the gateway by: an application, a workload, the machine.

https://learn.microsoft.com/rest/api/keyvault/secrets; `providers/logins/entra` says how to log in.
"""

import re
import time
from collections.abc import Callable
from typing import Final

import msgspec

from tianji.config.secrets import Choice, SecretFailure
from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.providers.deployment import read
from tianji.providers.logins import entra
from tianji.secrets.manager import Manager, Note, require
from tianji.secrets.wire import base, place, wire

_VERSION: Final = "api-version=7.4"
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
        # the machine's own identity, where there is no other
        params = {"azure_scope": _SCOPE, "enable_azure_ad_token_refresh": True}
        try:
            login = entra.inherited(read(params, environ, ("Azure", "Key Vault"), drop_params=None))
        except ConfigurationError as error:
            raise SecretFailure(error.message) from None
        if login is None:
            raise SecretFailure("Azure Key Vault needs AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")
        self._login = login
        self._wire = wire(self.label)
        self._entra = wire(entra.SERVICE)
        self._clock = clock
        self._token = ""
        self._ends = float("-inf")

    async def log_in(self) -> None:
        """Get an access token where there is none that is valid."""
        asked = self._clock()
        if asked < self._ends:
            return
        try:
            token = await self._login.mint(self._entra.fetch)
        except UpstreamFailure as error:
            raise SecretFailure(error.message) from None
        self._token, self._ends = token.value, asked + token.lifetime - _EARLY

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
