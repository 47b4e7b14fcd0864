"""Google's credentials: where they are found, and how an access token is made of them.

https://cloud.google.com/docs/authentication/application-default-credentials says where to look,
https://developers.google.com/identity/protocols/oauth2/service-account how a service account signs for itself.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.providers.logins.fetching import Fetch
from tianji.providers.logins.oauth import FORM, Mint, read_object, read_token, shown
from tianji.providers.logins.tokens import Token

SERVICE = "Google"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
_METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = 3600  # seconds: the longest that Google gives


class Credential(Struct, frozen=True):
    """A credential: `info` as its file holds it, or no info for the machine's own, which its metadata server gives."""

    info: Mapping[str, Any] | None
    project: str | None = None
    metadata_host: str = "metadata.google.internal"


def find(given: object, environ: Mapping[str, str]) -> Credential:
    """Return the credential: `given` is a deployment's (JSON text, a mapping or a path), else the environment decides.

    Reads files. Raises ConfigurationError for one that cannot be read or is of no kind that is served.
    """
    value = given or environ.get("VERTEXAI_CREDENTIALS") or environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not value:
        folder = environ.get("CLOUDSDK_CONFIG") or str(Path(environ.get("HOME") or "/") / ".config" / "gcloud")
        usual = Path(folder) / "application_default_credentials.json"
        if not usual.is_file():
            return Credential(None, metadata_host=environ.get("GCE_METADATA_HOST") or Credential(None).metadata_host)
        value = str(usual)
    info = _read(value)
    _check(info)
    project = info.get("project_id") or info.get("quota_project_id")
    return Credential(info, project if isinstance(project, str) else None)


def minter(credential: Credential, fetch: Fetch, clock: Clock = SYSTEM) -> Mint:
    """Return what makes tokens of a credential; each raises UpstreamFailure when Google gives none."""
    if credential.info is None:
        return _machine(f"http://{credential.metadata_host}{_METADATA}", fetch)
    return _for_info(credential.info, fetch, clock)


def _for_info(info: Mapping[str, Any], fetch: Fetch, clock: Clock) -> Mint:
    kind = info["type"]
    if kind == "service_account":
        return _service_account(info, fetch, clock)
    if kind == "authorized_user":
        return _authorized_user(info, fetch)
    return _impersonated(info, fetch, clock)


def _service_account(info: Mapping[str, Any], fetch: Fetch, clock: Clock) -> Mint:
    url = str(info.get("token_uri") or TOKEN_URI)

    async def mint() -> Token[str]:
        now = int(clock.now())
        claims = {"iss": info["client_email"], "scope": SCOPE, "aud": url, "iat": now, "exp": now + _LIFETIME}
        form = {"grant_type": _GRANT, "assertion": signed(info, claims)}
        return read_token(SERVICE, await fetch("POST", url, FORM, urlencode(form).encode()))

    return mint


def signed(info: Mapping[str, Any], claims: Mapping[str, object]) -> str:
    """Return a JSON Web Token (RFC 7519) with these claims, signed with a service account's key by RS256."""
    hashes, padding = (load(f"cryptography.hazmat.primitives.{name}") for name in ("hashes", "asymmetric.padding"))
    header = {"alg": "RS256", "typ": "JWT", "kid": info.get("private_key_id")}
    text = b".".join(_base64url(msgspec.json.encode(part)) for part in (header, claims))
    signature = _private_key(info).sign(text, padding.PKCS1v15(), hashes.SHA256())
    return (text + b"." + _base64url(signature)).decode()


def _authorized_user(info: Mapping[str, Any], fetch: Fetch) -> Mint:
    form = {name: str(info[name]) for name in ("client_id", "client_secret", "refresh_token")}
    body = urlencode({"grant_type": "refresh_token", **form}).encode()
    url = str(info.get("token_uri") or TOKEN_URI)

    async def mint() -> Token[str]:
        return read_token(SERVICE, await fetch("POST", url, FORM, body))

    return mint


def _impersonated(info: Mapping[str, Any], fetch: Fetch, clock: Clock) -> Mint:
    """https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken."""
    source = _for_info(info["source_credentials"], fetch, clock)
    body = msgspec.json.encode(
        {"delegates": info.get("delegates") or [], "scope": [SCOPE], "lifetime": f"{_LIFETIME}s"}
    )

    async def mint() -> Token[str]:
        own = await source()
        headers = {"authorization": f"Bearer {own.value}", "content-type": "application/json"}
        found = read_object(SERVICE, await fetch("POST", info["service_account_impersonation_url"], headers, body))
        return Token(shown(SERVICE, found.get("accessToken")), min(own.lifetime, _LIFETIME))

    return mint


def _machine(url: str, fetch: Fetch) -> Mint:
    async def mint() -> Token[str]:
        return read_token(SERVICE, await fetch("GET", url, {"metadata-flavor": "Google"}, b""))

    return mint


def _read(value: object) -> Mapping[str, Any]:
    """Take a mapping, JSON text, or the path of a file with JSON."""
    if isinstance(value, Mapping):
        return value
    text = str(value)
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"vertex_credentials is neither JSON nor a file that can be read: {text[:200]!r} ({error})"
            ) from error
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigurationError(f"vertex_credentials holds JSON that cannot be read: {error}") from error


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "service_account": ("client_email", "private_key"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    "impersonated_service_account": ("source_credentials", "service_account_impersonation_url"),
}


def _check(info: Mapping[str, Any]) -> None:
    kind = info.get("type")
    needed = _NEEDED.get(str(kind))
    if needed is None:
        raise ConfigurationError(
            f"vertex_credentials of type {kind!r} are not served by this release; use one of {', '.join(_NEEDED)}"
        )
    missing = [name for name in needed if not info.get(name)]
    if missing:
        raise ConfigurationError(
            f"vertex_credentials of type {kind} lack {', '.join(missing)}; download the file again"
        )
    if kind == "service_account":
        _private_key(info)
    elif kind == "impersonated_service_account":
        source = info["source_credentials"]
        _check(source if isinstance(source, Mapping) else {})


def _private_key(info: Mapping[str, Any]) -> Any:
    serialization = load("cryptography.hazmat.primitives.serialization")
    rsa = load("cryptography.hazmat.primitives.asymmetric.rsa")
    try:
        key = serialization.load_pem_private_key(str(info["private_key"]).encode(), None)
    except (ValueError, TypeError, load("cryptography.exceptions").UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            "vertex_credentials hold a private_key that is no PEM key; download the file again"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(
            "vertex_credentials hold a private_key that is not an RSA key; download the file again"
        )
    return key


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
