"""Google Cloud: Secret Manager keeps secrets, KMS opens what stands encrypted in the environment.

https://cloud.google.com/secret-manager/docs/reference/rest and https://cloud.google.com/kms/docs/reference/rest.
"""

import re
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tianji.config.secrets import Choice, SecretFailure
from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.providers.logins.google_credentials import find, minter
from tianji.secrets.encoded import is_base64, opened
from tianji.secrets.manager import Manager, require, seconds
from tianji.secrets.wire import Wire, wire

SECRETS: Final = "https://secretmanager.googleapis.com"
KEYS: Final = "https://cloudkms.googleapis.com"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESOURCE: Final = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+")
_EARLY: Final = 30.0  # seconds before its end that a token is not used any more


class Bearer:
    """The access token of a Google credential."""

    def __init__(self, choice: Choice, wire: Wire, clock: Callable[[], float]) -> None:
        """Read the settings. Raises SecretFailure for a credential that cannot be read."""
        try:
            credential = find(choice.environ.get("GCS_PATH_SERVICE_ACCOUNT"), choice.environ)
            self._mint = minter(credential, wire.fetch)
        except ConfigurationError as error:
            raise SecretFailure(f"{wire.label} has no credential: {error.message}") from None
        self._label = wire.label
        self._clock = clock
        self._token = ""
        self._ends = float("-inf")

    async def renew(self) -> None:
        """Get a token where there is none that is valid. Raises SecretFailure."""
        asked = self._clock()
        if asked < self._ends:
            return
        try:
            token = await self._mint()
        except UpstreamFailure as error:
            raise SecretFailure(f"{self._label} cannot be asked: {error.message}") from None
        self._token, self._ends = token.value, asked + token.lifetime - _EARLY

    def headers(self) -> dict[str, str]:
        """Return what a request shows."""
        return {"authorization": f"Bearer {self._token}"}


class SecretManager(Manager):
    """The latest versions of a project's secrets."""

    def __init__(self, choice: Choice, address: str = SECRETS, clock: Callable[[], float] = time.monotonic) -> None:
        project = require(choice.environ, "GOOGLE_SECRET_MANAGER_PROJECT_ID", "Google Secret Manager")
        super().__init__(f"Google Secret Manager (project {project})")
        self._folder = f"{address}/v1/projects/{quote(project, safe='')}/secrets"
        self.interval = seconds(choice.environ, "GOOGLE_SECRET_MANAGER_REFRESH_INTERVAL")
        self._wire = wire(self.label)
        self._bearer = Bearer(choice, self._wire, clock)

    async def log_in(self) -> None:
        """Get an access token."""
        await self._bearer.renew()

    async def read(self, name: str) -> str | None:
        """Return the latest version of a secret."""
        if not _NAME.fullmatch(name):
            return None  # there cannot be one
        url = f"{self._folder}/{name}/versions/latest:access"
        answer = await self._wire.ask("GET", url, self._bearer.headers())
        if answer.status == 404:
            return None
        payload: Any = answer.members().get("payload")
        return opened(str(payload.get("data", "")) if isinstance(payload, dict) else "", f"{name} in {self.label}")


class Kms(Manager):
    """Google KMS: a variable holds base64 of a ciphertext."""

    reserved = frozenset({"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_KMS_RESOURCE_NAME"})

    def __init__(self, choice: Choice, address: str = KEYS, clock: Callable[[], float] = time.monotonic) -> None:
        self._environ = choice.environ
        resource = require(choice.environ, "GOOGLE_KMS_RESOURCE_NAME", "Google KMS")
        if not _RESOURCE.fullmatch(resource):
            raise SecretFailure("GOOGLE_KMS_RESOURCE_NAME is not projects/../locations/../keyRings/../cryptoKeys/..")
        super().__init__(f"Google KMS ({resource})")
        self._url = f"{address}/v1/{quote(resource)}:decrypt"
        self._wire = wire(self.label)
        self._bearer = Bearer(choice, self._wire, clock)

    async def log_in(self) -> None:
        """Get an access token."""
        await self._bearer.renew()

    async def read(self, name: str) -> str | None:
        """Decrypt a variable."""
        written = self._environ.get(name)
        if written is None:
            return None
        if not is_base64(written.strip()):
            raise SecretFailure(f"{name} is not base64 of a ciphertext of {self.label}")
        headers = {**self._bearer.headers(), "content-type": "application/json"}
        body = msgspec.json.encode({"ciphertext": written.strip()})
        answer = await self._wire.ask("POST", self._url, headers, body)
        return opened(str(answer.members().get("plaintext", "")), f"{name}, decrypted by {self.label}")
