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
    digest = hashlib.sha256(body).hexdigest()
    own = {**headers, "x-amz-content-sha256": digest} if scope.service == "s3" else headers
    frame = _frame(keys, scope, target, int(now), method, tuple(own.items()))
    canonical = hashlib.sha256(frame.canonical + digest.encode()).hexdigest()
    seal = frame.seal.copy()
    seal.update(frame.text + canonical.encode())
    found = [(b"authorization", frame.authorization + seal.hexdigest().encode()), *frame.added]
    return [*found, (b"x-amz-content-sha256", digest.encode())] if scope.service == "s3" else found


class _Frame(Struct, frozen=True):
    """What the signatures of a second have in common: all but what the body makes of them.

    canonical: the request up to its body's digest; text: what is signed up to the digest of that; seal: how the
    signature begins; authorization: the header up to it; added: the headers beside.
    """

    canonical: bytes
    text: bytes
    seal: hmac.HMAC
    authorization: bytes
    added: tuple[Header, ...]


@lru_cache(maxsize=64)
def _frame(
    keys: Keys, scope: Scope, target: str, second: int, method: str, headers: tuple[tuple[str, str], ...]
) -> _Frame:
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
    added = {"x-amz-date": moment} | ({"x-amz-security-token": keys.session} if keys.session else {})
    signed = {**dict(headers), "host": scope.host, **added}
    names = ";".join(sorted(signed))
    path, _, query = target.partition("?")
    canonical = [
        method,
        path if scope.service == "s3" else quote(path, safe="/~"),  # once more than it is sent, but for S3
        _canonical_query(query),
        *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
        "",
        names,
        "",
    ]
    place = f"{moment[:8]}/{scope.region}/{scope.service}/aws4_request"
    key = _signing_key(keys.secret, moment[:8], scope.region, scope.service)
    authorization = f"{_ALGORITHM} Credential={keys.access}/{place}, SignedHeaders={names}, Signature="
    return _Frame(
        "\n".join(canonical).encode(),
        f"{_ALGORITHM}\n{moment}\n{place}\n".encode(),
        hmac.new(key, digestmod=hashlib.sha256),
        authorization.encode(),
        tuple(_encoded(added.items())),
    )


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
