"""HashiCorp Vault: the key/value engine, versions 1 and 2, with a token, an AppRole or a client certificate.

https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, auth/approle and auth/cert beside it.
"""

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets.manager import Manager, Note, seconds
from tianji.secrets.wire import base, place, wire

_EARLY: Final = 30.0  # seconds before its end that a token is not used any more
_JSON: Final = {"content-type": "application/json"}


class Vault(Manager):
    """Secrets below a mount and a prefix; the value of each is one field, `key` unless `data` names another."""

    def __init__(self, choice: Choice, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the settings. Raises SecretFailure when the environment names no way to log in."""
        environ, settings = choice.environ, choice.settings
        self._address = base(environ.get("HCP_VAULT_ADDR") or "http://127.0.0.1:8200", "HCP_VAULT_ADDR")
        mount = environ.get("HCP_VAULT_MOUNT_NAME") or "secret"
        prefix = environ.get("HCP_VAULT_PATH_PREFIX") or ""
        namespace = environ.get("HCP_VAULT_SECRET_NAMESPACE") or environ.get("HCP_VAULT_NAMESPACE") or ""
        self._login_namespace = environ.get("HCP_VAULT_LOGIN_NAMESPACE") or environ.get("HCP_VAULT_NAMESPACE") or ""
        folder = [namespace, mount, "data" if settings.kv_version == 2 else "", prefix]
        self._folder = "/".join(part.strip("/") for part in folder if part.strip("/"))
        super().__init__(f"HashiCorp Vault ({place(self._address)}, {self._folder})")
        self.interval = seconds(environ, "HCP_VAULT_REFRESH_INTERVAL")
        self._version, self._field = settings.kv_version, settings.data
        self._clock = clock
        self._token: str | None = None
        self._ends = 0.0
        self._login: tuple[str, dict[str, str]] | None = None
        certificate = None
        role, secret = environ.get("HCP_VAULT_APPROLE_ROLE_ID"), environ.get("HCP_VAULT_APPROLE_SECRET_ID")
        chain, key = environ.get("HCP_VAULT_CLIENT_CERT"), environ.get("HCP_VAULT_CLIENT_KEY")
        if role and secret:
            where = environ.get("HCP_VAULT_APPROLE_MOUNT_PATH") or "approle"
            self._login = (f"auth/{where}/login", {"role_id": role, "secret_id": secret})
        elif chain and key:
            certificate = (chain, key)
            name = environ.get("HCP_VAULT_CERT_ROLE")
            self._login = ("auth/cert/login", {"name": name} if name else {})
        elif environ.get("HCP_VAULT_TOKEN"):
            self._token, self._ends = environ["HCP_VAULT_TOKEN"], float("inf")
        else:
            raise SecretFailure(
                "HashiCorp Vault needs HCP_VAULT_TOKEN, or HCP_VAULT_APPROLE_ROLE_ID and HCP_VAULT_APPROLE_SECRET_ID, "
                "or HCP_VAULT_CLIENT_CERT and HCP_VAULT_CLIENT_KEY"
            )
        self._wire = wire(self.label, environ.get("VAULT_CACERT"), certificate)

    async def log_in(self) -> None:
        """Log in where the token has ended; one from the environment never ends here."""
        if self._login is None or self._clock() < self._ends:
            return
        path, body = self._login
        headers = {**_JSON, **({"x-vault-namespace": self._login_namespace} if self._login_namespace else {})}
        asked = self._clock()
        answer = await self._wire.ask("POST", f"{self._address}/v1/{path}", headers, msgspec.json.encode(body))
        said = answer.members().get("auth")
        token = said.get("client_token") if isinstance(said, dict) else None
        lasts = said.get("lease_duration") if isinstance(said, dict) else None
        if not isinstance(token, str):
            raise SecretFailure(f"the login at {self.label} gave no token")
        self._token = token
        self._ends = asked + (lasts - _EARLY if isinstance(lasts, int | float) and lasts > 0 else 1e9)

    async def read(self, name: str) -> str | None:
        """Return the field of a secret that is its value."""
        answer = await self._wire.ask("GET", self._url(name), self._headers())
        if answer.status == 404:
            return None
        if answer.status == 403 and self._login is not None:
            self._ends = float("-inf")  # it may have been revoked: whoever asks next logs in again
        found: Any = answer.members().get("data")
        if self._version == 2:
            found = found.get("data") if isinstance(found, dict) else None
        value = found.get(self._field) if isinstance(found, dict) else None
        if not isinstance(value, str):
            raise SecretFailure(f"{name} in {self.label} has no text in its field {self._field!r}")
        return value

    async def write(self, name: str, value: str, note: Note) -> None:
        """Write a secret, a version of it where there is one."""
        fields = {self._field: value, **({"description": note.description} if note.description else {})}
        body = {"data": fields} if self._version == 2 else fields
        headers = {**self._headers(), **_JSON}
        (await self._wire.ask("POST", self._url(name), headers, msgspec.json.encode(body))).require()

    async def delete(self, name: str) -> None:
        """Delete a secret: of version 2 the latest version, which Vault can give back."""
        answer = await self._wire.ask("DELETE", self._url(name), self._headers())
        if answer.status != 404:
            answer.require()

    def _url(self, name: str) -> str:
        return f"{self._address}/v1/{quote(f'{self._folder}/{name}')}"

    def _headers(self) -> dict[str, str]:
        return {"x-vault-token": self._token or ""}
