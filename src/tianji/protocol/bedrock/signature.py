"""AWS Signature Version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote

from msgspec import Struct

from tianji.errors import Header

_ALGORITHM = b"AWS4-HMAC-SHA256"


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
    moment = _moment(int(now))
    frame = _frame(keys, scope, target, moment[:8], method, tuple(own.items()))
    canonical = hashlib.sha256(b"%b%b%b%b" % (frame.before, moment, frame.after, digest.encode())).hexdigest()
    inner, outer = frame.inner.copy(), frame.outer.copy()
    inner.update(b"%b\n%b\n%b\n%b" % (_ALGORITHM, moment, frame.place, canonical.encode()))
    outer.update(inner.digest())
    found = [(b"authorization", frame.authorization + outer.hexdigest().encode()), (b"x-amz-date", moment), *frame.added]
    return [*found, (b"x-amz-content-sha256", digest.encode())] if scope.service == "s3" else found


class _Frame(Struct, frozen=True):
    """What the signatures of a day have in common: all but what moment and body make of them.

    before, after: the request around its moment, up to its body's digest; place: where the key holds; inner, outer: the
    hashes that have taken the key of an HMAC (RFC 2104); authorization: the header up to the signature; added: headers.
    """

    before: bytes
    after: bytes
    place: bytes
    inner: "hashlib._Hash"
    outer: "hashlib._Hash"
    authorization: bytes
    added: tuple[Header, ...]


@lru_cache(maxsize=4)
def _moment(second: int) -> bytes:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second)).encode()


@lru_cache(maxsize=64)
def _frame(
    keys: Keys, scope: Scope, target: str, day: bytes, method: str, headers: tuple[tuple[str, str], ...]
) -> _Frame:
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
    key = _signing_key(keys.secret, day.decode(), scope.region, scope.service).ljust(hashlib.sha256().block_size, b"\0")
    shown = f"Credential={keys.access}/{place}, SignedHeaders={';'.join(names)}, Signature="
    return _Frame(
        "".join(before).encode(),
        "".join(after).encode(),
        place.encode(),
        hashlib.sha256(bytes(byte ^ 0x36 for byte in key)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in key)),
        b"%b %b" % (_ALGORITHM, shown.encode()),
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
