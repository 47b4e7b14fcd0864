"""A bucket of Amazon S3 or what speaks its API, or of Google Cloud Storage, whose XML API is the same for our purposes.

https://docs.aws.amazon.com/AmazonS3/latest/API, https://cloud.google.com/storage/docs/xml-api/reference-methods. How
long an answer is good stands in it; what is too old is not used, and a rule of the bucket may delete it.
"""

import asyncio
import html
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import httpx

from tianji._core.upstreams.http1 import Timeouts
from tianji.config.schema import CacheParams
from tianji.egress.client import open_client
from tianji.errors import ConfigurationError, TianjiError
from tianji.protocol.bedrock.signature import Keys, Scope, sign
from tianji.providers.logins.aws import DEFAULT_REGION, REGIONS, chain, is_region
from tianji.providers.logins.google_credentials import find
from tianji.providers.logins.tokens import TokenSource
from tianji.providers.own.vertex_ai import token_source

Credentials = Callable[[str, str, bytes], Awaitable[dict[str, str]]]
"""The headers that let in a request: its method, its whole URL and its body are given."""
TIMEOUTS: Final = Timeouts(connect=2, first_byte=0, between_chunks=5, total=0)
TYPE: Final = "application/octet-stream"
GOOGLE: Final = "https://storage.googleapis.com"
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/-]+")
_LISTED: Final = re.compile(r"<Key>([^<]*)</Key>")
_GOES_ON: Final = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")


class BucketPlace:
    """Objects under `prefix` of the bucket at `url`, each an answer."""

    failures: tuple[type[Exception], ...] = (httpx.HTTPError, TianjiError, OSError, TimeoutError)

    def __init__(self, url: str, prefix: str, credentials: Credentials) -> None:
        self._url = url
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._credentials = credentials
        self._client = open_client(TIMEOUTS)

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept by these keys, None for nothing."""
        return await asyncio.gather(*map(self._read, keys))

    async def write(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep values by their keys; for how long they are good stands in them."""
        await asyncio.gather(*(self._ask("PUT", self._object(key), value) for key, (value, _) in values.items()))

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""
        await asyncio.gather(*(self._ask("DELETE", self._object(key)) for key in keys))

    async def clear(self) -> None:
        """Forget everything under the prefix."""
        token = ""
        while True:
            query = f"?list-type=2&prefix={quote(self._prefix, safe='')}"
            listed = (
                await self._ask("GET", query + (f"&continuation-token={quote(token, safe='')}" if token else ""))
            ).text
            for name in _LISTED.findall(listed):
                await self._ask("DELETE", f"/{html.unescape(name)}")
            goes_on = _GOES_ON.search(listed)
            if goes_on is None:
                return
            token = html.unescape(goes_on[1])

    async def ping(self) -> None:
        """Return when it works."""
        await self._ask("GET", f"?list-type=2&max-keys=1&prefix={quote(self._prefix, safe='')}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _object(self, key: str) -> str:
        return f"/{self._prefix}{object_name(key)}"

    async def _read(self, key: str) -> bytes | None:
        answer = await self._ask("GET", self._object(key))
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.content

    async def _ask(self, method: str, target: str, body: bytes = b"") -> httpx.Response:
        """Ask for what stands at `target` behind the bucket's URL. Raises HTTPStatusError, for an absent object not."""
        url = self._url + target
        headers = await self._credentials(method, url, body)
        answer = await self._client.request(method, url, content=body, headers={**headers, "content-type": TYPE})
        if answer.status_code != httpx.codes.NOT_FOUND or not target.startswith("/"):
            answer.raise_for_status()
        return answer


def object_name(key: str) -> str:
    """Return the name of a key's object, with a folder for its namespace; what needs an escape is written in hex."""
    path = key.replace(":", "/")
    return path if _PLAIN.fullmatch(path) else key.encode().hex()


def s3(params: CacheParams, environ: Mapping[str, str]) -> BucketPlace:
    """Return the bucket that `s3_*` name. Raises ConfigurationError for a region that is none."""
    region = params.s3_region_name or next((environ[name] for name in REGIONS if environ.get(name)), DEFAULT_REGION)
    if not is_region(region):
        raise ConfigurationError(f"cache_params.s3_region_name {region!r} is no region, such as us-east-1")
    scheme = "https" if params.s3_use_ssl else "http"
    bucket = quote(params.s3_bucket_name or "", safe="")
    url = f"{scheme}://{bucket}.s3.{region}.amazonaws.com"
    if params.s3_endpoint_url:
        url = f"{params.s3_endpoint_url.rstrip('/')}/{bucket}"
    written = (params.s3_aws_access_key_id, params.s3_aws_secret_access_key, params.s3_aws_session_token)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    access, secret, session = written if written[0] else tuple(environ.get(name) for name in names)
    keys = Keys(access, secret, session) if access and secret else chain("", region)
    return BucketPlace(url, params.s3_path or "", _signing(keys, region))


def gcs(params: CacheParams, environ: Mapping[str, str]) -> BucketPlace:
    """Return the bucket that `gcs_*` name. Raises ConfigurationError for a credential that cannot be read."""
    source = token_source(find(params.gcs_path_service_account or environ.get("GCS_PATH_SERVICE_ACCOUNT"), environ))
    bucket = params.gcs_bucket_name or environ.get("GCS_BUCKET_NAME", "")
    base = environ.get("STORAGE_EMULATOR_HOST", GOOGLE).rstrip("/")

    async def bearer(_method: str, _url: str, _body: bytes) -> dict[str, str]:
        return {"authorization": f"Bearer {await source.wait()}"}

    return BucketPlace(f"{base}/{quote(bucket, safe='')}", params.gcs_path or "", bearer)


def _signing(keys: Keys | TokenSource[Keys], region: str) -> Credentials:
    async def signed(method: str, url: str, body: bytes) -> dict[str, str]:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        valid = keys if isinstance(keys, Keys) else await keys.wait()
        scope, now = Scope(parts.netloc, region, "s3"), time.time()
        found = sign(valid, scope, target, body, now=now, method=method, content_type=TYPE)
        return {name.decode(): value.decode() for name, value in found}

    return signed
