"""AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""

import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from msgspec import Struct

from tianji.errors import Header

_ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(Struct, frozen=True):
    """An access key, and the token of its session where it has one."""

    access: str
    secret: str
    session: str | None = None

    def __repr__(self) -> str:
        """Say whose they are, and nothing secret."""
        return f"Keys({self.access})"


class Scope(Struct, frozen=True):
    """Where a signature holds."""

    host: str
    region: str
    service: str


def sign(
    keys: Keys, scope: Scope, target: str, body: bytes, *, now: float, method: str = "POST", content_type: str | None
) -> list[Header]:
    """Return the headers that sign a request.

    target: path and query as they are sent. now: seconds since 1970. content_type: the header's value, which is then
    signed too, or None for a request without. S3 wants the digest of the body among the headers.
    """
    headers = {} if content_type is None else {"content-type": content_type}
    return sign_with(keys, scope, target, body, now=now, method=method, headers=headers)


def sign_with(
    keys: Keys, scope: Scope, target: str, body: bytes, *, now: float, method: str = "POST", headers: Mapping[str, str]
) -> list[Header]:
    """Return the headers that sign a request which has these headers, lower-case names: they are signed too."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    digest = hashlib.sha256(body).hexdigest()
    added = {"x-amz-date": moment} | ({"x-amz-content-sha256": digest} if scope.service == "s3" else {})
    signed = {**headers, "host": scope.host, **added}
    if keys.session:
        signed["x-amz-security-token"] = keys.session
    names = ";".join(sorted(signed))
    path, _, query = target.partition("?")
    canonical = "\n".join(
        [
            method,
            path if scope.service == "s3" else quote(path, safe="/~"),  # once more than it is sent, but for S3
            _canonical_query(query),
            *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
            "",
            names,
            digest,
        ]
    )
    place = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, place, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _signing_key(keys.secret, moment[:8], scope.region, scope.service)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"{_ALGORITHM} Credential={keys.access}/{place}, SignedHeaders={names}, Signature={signature}"
    found = {"authorization": authorization, **added}
    if keys.session:
        found["x-amz-security-token"] = keys.session
    return _encoded(found.items())


def _canonical_query(query: str) -> str:
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in parse_qsl(query, True))
    return "&".join(f"{name}={value}" for name, value in pairs)


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Derive the key of a day."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _encoded(pairs: Iterable[tuple[str, str]]) -> list[Header]:
    return [(name.encode(), value.encode()) for name, value in pairs]
