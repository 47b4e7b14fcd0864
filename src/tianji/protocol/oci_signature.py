"""Signatures of Oracle Cloud: https://docs.oracle.com/iaas/Content/API/Concepts/signingrequests.htm.

They are those of draft-cavage-http-signatures-08 by RSA and SHA-256.
"""

import base64
import hashlib
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from msgspec import Struct

from tianji.errors import Header
from tianji.lazy import load

_SIGNED = "date (request-target) host content-length content-type x-content-sha256"
_JSON = "application/json"


class Signer(Struct, frozen=True):
    """A user's key. `key_id`: tenancy, user and fingerprint, with slashes between; `key`: an RSA key."""

    key_id: str
    key: Any
    host: str

    def sign(self, target: str, body: bytes, now: float | None = None) -> Iterable[Header]:
        """Return the headers that sign a POST with a JSON body. now: seconds since 1970."""
        hashes, padding = (load(f"cryptography.hazmat.primitives.{name}") for name in ("hashes", "asymmetric.padding"))
        date = formatdate(time.time() if now is None else now, usegmt=True)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        text = "\n".join(
            [
                f"date: {date}",
                f"(request-target): post {target}",
                f"host: {self.host}",
                f"content-length: {len(body)}",
                f"content-type: {_JSON}",
                f"x-content-sha256: {digest}",
            ]
        )
        signature = base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        said = (
            f'Signature version="1",keyId="{self.key_id}",algorithm="rsa-sha256",headers="{_SIGNED}",'
            f'signature="{signature}"'
        )
        return (
            (b"date", date.encode()),
            (b"x-content-sha256", digest.encode()),
            (b"authorization", said.encode()),
        )

    def __repr__(self) -> str:
        """Say whose it is, and nothing secret."""
        return f"Signer({self.key_id})"
