"""AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from msgspec import Struct

from tianji._core.requests.sealing import Seal, Sealer, digest_of
from tianji.clock import Clock
from tianji.errors import Header


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
    if scope.service != "s3":
        return sealed(keys, scope, target, body, now, method, tuple(headers.items()))
    digest = digest_of(body)
    own = (*headers.items(), ("x-amz-content-sha256", digest.decode()))
    return [*sealed(keys, scope, target, body, now, method, own), (b"x-amz-content-sha256", digest)]


def sealed(
    keys: Keys, scope: Scope, target: str, body: bytes, now: float, method: str, headers: tuple[tuple[str, str], ...]
) -> list[Header]:
    """Return what signs a request to a service that does not want the digest of its body; otherwise as `sign_with`."""
    moment = _moment(int(now))
    return _seal(keys, scope, target, moment[:8], method, headers).headers(moment, body)


def sealer(
    keys: Callable[[], Keys], scope: Scope, method: str, headers: tuple[tuple[str, str], ...], clock: Clock
) -> Sealer:
    """Return what does so with the requests of a deployment. keys: returns those that hold now."""

    def seal(keys: Keys, target: str, day: bytes) -> Seal:
        return _seal(keys, scope, target, day, method, headers)

    return Sealer(clock.now, keys, _moment, seal)


@lru_cache(maxsize=4)
def _moment(second: int) -> bytes:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)).encode()


@lru_cache(maxsize=64)
def _seal(keys: Keys, scope: Scope, target: str, day: bytes, method: str, headers: tuple[tuple[str, str], ...]) -> Seal:
    added = {"x-amz-security-token": keys.session} if keys.session else {}
    signed = {**dict(headers), "host": scope.host, "x-amz-date": "", **added}
    names = sorted(signed)
    path, _, query = target.partition("?")
    lines = [f"{name}:{' '.join(signed[name].split())}\n" for name in names]
    dated = names.index("x-amz-date")
    uri = path if scope.service == "s3" else quote(path, safe="/~")  # once more than it is sent, but for S3
    before = [f"{method}\n{uri}\n{_canonical_query(query)}\n", *lines[:dated], "x-amz-date:"]
    after = ["\n", *lines[dated + 1 :], f"\n{';'.join(names)}\n"]
    place = f"{day.decode()}/{scope.region}/{scope.service}/aws4_request"
    return Seal(
        "".join(before).encode(),
        "".join(after).encode(),
        place.encode(),
        _signing_key(keys.secret, day.decode(), scope.region, scope.service),
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{place}, SignedHeaders={';'.join(names)}, Signature=".encode(),
        tuple((name.encode(), value.encode()) for name, value in added.items()),
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
