"""The ids that clients see: where an object lies, what its upstream calls it, and whose it is, sealed.

Nobody can make one up or change one, so whoever presents an id was given it, and it works after a restart and on every
machine with the same salt key. The same object has the same id each time (a synthetic nonce, as in RFC 5297).
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from tianji.auth.identity import Identity, Role
from tianji.auth.owners import UNSET, owner_of
from tianji.errors import ObjectNotFound
from tianji.objects.kinds import MARK, Kind

_NONCE: Final = 12  # bytes, NIST SP 800-38D section 8.2


class Copy(Struct, frozen=True, array_like=True):
    """An object at one place: the digest of the place's name, and its id there."""

    place: bytes
    id: str


class Ref(Struct, frozen=True, array_like=True):
    """What an id says. rows and tokens are those of a file of requests that was counted when it came; rows -1: none."""

    owner: bytes
    copies: tuple[Copy, ...]
    rows: int = -1
    tokens: int = 0


class Seal:
    """Makes ids and reads them. `salt`: the secret that everything rests on; None where there is none."""

    def __init__(self, salt: str | None) -> None:
        keys = HKDF(SHA256(), 64, salt=None, info=b"tianji object ids").derive((salt or UNSET).encode())
        self._cipher = AESGCM(keys[:32])
        self._synthetic = keys[32:]

    def close(self, kind: Kind, ref: Ref) -> str:
        """Return the id of an object."""
        plain = msgspec.msgpack.encode(ref)
        of = kind.name.encode()
        nonce = hmac.digest(self._synthetic, of + b"\0" + plain, "sha256")[:_NONCE]
        sealed = urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, of)).rstrip(b"=")
        return f"{kind.prefix}{MARK}{sealed.decode()}"

    def open(self, kind: Kind, text: str, caller: Identity) -> Ref:
        """Return what an id says that is this caller's. Raises ObjectNotFound for any other."""
        try:
            prefix = kind.former if kind.former is not None and text.startswith(kind.former) else kind.prefix
            raw = urlsafe_b64decode(text.removeprefix(prefix + MARK).encode("ascii") + b"==")
            plain = self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], kind.name.encode())
        except (ValueError, InvalidTag):
            raise unknown(kind, text) from None
        ref = msgspec.msgpack.decode(plain, type=Ref)
        if ref.owner != owner_of(caller) and caller.role is not Role.PROXY_ADMIN:
            raise unknown(kind, text)
        return ref


def unknown(kind: Kind, text: str) -> ObjectNotFound:
    """Return the error for an id that is nobody's, or somebody else's."""
    return ObjectNotFound(f"No such {kind.name.replace('_', ' ')}: {text[:200]!r}.", param="id")
