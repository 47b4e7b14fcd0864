"""A container of Azure Blob Storage: https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api.

Requests are let in by a shared access signature in the account's URL, by the account's key, or by a login of Microsoft
Entra. How long an answer is good stands in it; what is too old is not used, and a rule of the account may delete it.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import html
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from tianji.cache.backends.objects import TIMEOUTS, TYPE, object_name
from tianji.clock import SYSTEM
from tianji.config.schema import CacheParams
from tianji.egress.client import open_client
from tianji.errors import ConfigurationError, TianjiError
from tianji.providers import deployment
from tianji.providers.logins import entra
from tianji.providers.logins.oauth import source_of

Headers = dict[str, str]
Authorize = Callable[[str, str, Headers, bytes], Awaitable[Headers]]
"""The headers of a request with those that let it in: method, URL, headers and body are given."""

SCOPE: Final = "https://storage.azure.com/.default"
KEYS: Final = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY")
_VERSION: Final = "2023-11-03"
_SIGNED: Final = (  # the headers that a signature covers by their place, in this order
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip
_LISTED: Final = re.compile(r"<Name>([^<]*)</Name>")
_GOES_ON: Final = re.compile(r"<NextMarker>([^<]+)</NextMarker>")


class ContainerPlace:
    """Blobs of the container at `url`, each an answer; the container is made where it is not there.

    `query`: of every request, a shared access signature
    """

    failures: tuple[type[Exception], ...] = (httpx.HTTPError, TianjiError, OSError, TimeoutError)

    def __init__(self, url: str, query: str, authorize: Authorize) -> None:
        self._url = url
        self._query = query
        self._authorize = authorize
        self._client = open_client(TIMEOUTS)

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept by these keys, None for nothing."""
        return await asyncio.gather(*map(self._read, keys))

    async def write(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep values by their keys; for how long they are good stands in them."""
        await asyncio.gather(*(self._write(object_name(key), value) for key, (value, _) in values.items()))

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""
        await asyncio.gather(*(self._ask("DELETE", object_name(key)) for key in keys))

    async def clear(self) -> None:
        """Forget everything in the container."""
        marker = ""
        while True:
            asked = "restype=container&comp=list" + (f"&marker={quote(marker, safe='')}" if marker else "")
            listed = (await self._ask("GET", "", asked)).text
            for name in _LISTED.findall(listed):
                await self._ask("DELETE", html.unescape(name))
            goes_on = _GOES_ON.search(listed)
            if goes_on is None:
                return
            marker = html.unescape(goes_on[1])

    async def ping(self) -> None:
        """Return when it works."""
        await self._ask("GET", "", "restype=container&comp=list&maxresults=1")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _read(self, key: str) -> bytes | None:
        answer = await self._ask("GET", object_name(key))
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.content

    async def _write(self, name: str, value: bytes) -> None:
        written = await self._ask("PUT", name, body=value)
        if written.status_code == httpx.codes.NOT_FOUND:
            await self._ask("PUT", "", "restype=container")
            (await self._ask("PUT", name, body=value)).raise_for_status()

    async def _ask(self, method: str, name: str, query: str = "", body: bytes = b"") -> httpx.Response:
        """Ask for a blob or for the container. Raises HTTPStatusError, but not for what is absent or made already."""
        queries = "&".join(part for part in (query, self._query) if part)
        url = f"{self._url}{'/' if name else ''}{name}{'?' if queries else ''}{queries}"
        headers = {"x-ms-version": _VERSION, "x-ms-date": formatdate(SYSTEM.now(), usegmt=True)}
        if body:
            headers |= {"x-ms-blob-type": "BlockBlob", "content-type": TYPE, "content-length": str(len(body))}
        answer = await self._client.request(
            method, url, content=body, headers=await self._authorize(method, url, headers, body)
        )
        if answer.status_code not in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
            answer.raise_for_status()
        return answer


def azure(params: CacheParams, environ: Mapping[str, str]) -> ContainerPlace:
    """Return the container that `azure_*` name. Raises ConfigurationError for a key or a login that is none."""
    account = urlsplit(params.azure_account_url or "")
    container = quote(params.azure_blob_container or "", safe="")
    url = f"{account.scheme}://{account.netloc}{account.path.rstrip('/')}/{container}"
    if "sig=" in account.query:
        return ContainerPlace(url, account.query, _as_it_is)
    key = params.azure_account_key or next((environ[name] for name in KEYS if environ.get(name)), None)
    if key is not None:
        return ContainerPlace(url, "", _by_key(_account_name(account.netloc, account.path), key))
    login = {"azure_scope": SCOPE, "enable_azure_ad_token_refresh": True}  # the machine's own comes last
    read = deployment.read(login, environ, ("cache", "azure-blob"), drop_params=None)
    found = entra.inherited(read)
    if found is None:
        raise ConfigurationError(
            "cache_params of type azure-blob: nobody is let in without a key, a signature or a login"
        )
    tokens = source_of(found)

    async def bearer(_method: str, _url: str, headers: Headers, _body: bytes) -> Headers:
        return {**headers, "authorization": f"Bearer {await tokens.wait()}"}

    return ContainerPlace(url, "", bearer)


async def _as_it_is(_method: str, _url: str, headers: Headers, _body: bytes) -> Headers:
    return headers


def _account_name(host: str, path: str) -> str:
    """Return the name of an account: of its host, or of its path, as emulators have it."""
    first = path.strip("/").partition("/")[0]
    return first or host.partition(".")[0]


def _by_key(account: str, key: str) -> Authorize:
    try:
        secret = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ConfigurationError("the key of the storage account is no base64 text; copy it from the portal") from None

    async def signed(method: str, url: str, headers: Headers, _body: bytes) -> Headers:
        text = string_to_sign(account, method, url, headers)
        signature = base64.b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).decode()
        return {**headers, "authorization": f"SharedKey {account}:{signature}"}

    return signed


def string_to_sign(account: str, method: str, url: str, headers: Mapping[str, str]) -> str:
    """Return what the signature of a request is made of.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    parts = urlsplit(url)
    own = sorted((name, value) for name, value in headers.items() if name.startswith("x-ms-"))
    queries = sorted((name.lower(), value) for name, value in parse_qsl(parts.query, keep_blank_values=True))
    lines = [
        method,
        *(headers.get(name, "") for name in _SIGNED),
        *(f"{name}:{value}" for name, value in own),
        f"/{account}{parts.path}",
        *(f"{name}:{value}" for name, value in queries),
    ]
    return "\n".join(lines)
