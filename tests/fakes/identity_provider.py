"""An OpenID Connect provider: discovery, keys, authorization code with PKCE, tokens, userinfo. Not for production.

https://openid.net/specs/openid-connect-core-1_0.html, and RFC 7636 for the proof. It is strict where a client could
err, and `faults` makes it misbehave where a client has to notice.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from tests.fakes.listening import Listening

CLIENT = "tianji-client"
SECRET = "the-secret-of-the-client"
ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}


def make_key(kind: str = "EC", kid: str = "first") -> Key:
    """Make a pair of keys."""
    kinds = {"RSA": (RSAKey, 2048), "EC": (ECKey, "P-256"), "OKP": (OKPKey, "Ed25519")}
    cls, size = kinds[kind]
    return cls.generate_key(size, {"kid": kid, "use": "sig"})


def sign(key: Key, claims: dict[str, Any], algorithm: str | None = None, **header: Any) -> str:
    """Return a token with these claims."""
    named = algorithm or ALGORITHMS[key.key_type]
    said = {"alg": named, "typ": "JWT", "kid": key.kid, **header}
    return jws.serialize_compact({k: v for k, v in said.items() if v is not None}, json.dumps(claims), key, [named])


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    """Return a token that nobody signed."""
    parts = ({"alg": "none", "typ": "JWT", **header}, claims)
    return ".".join((*(base64url(json.dumps(part).encode()) for part in parts), ""))


def signed_with_public_key(key: Key, claims: dict[str, Any]) -> str:
    """Return a token whose HMAC was made with what everybody knows: the text of the public key."""
    parts = ({"alg": "HS256", "kid": key.kid}, claims)
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{text}.{base64url(hmac.digest(key.as_pem(private=False), text.encode(), 'sha256'))}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class IdentityProvider(Listening):
    """One provider on a port of its own. `person`: the claims of whoever signs in next."""

    def __init__(self, kind: str = "EC") -> None:
        self.keys = [make_key(kind)]
        self.person: dict[str, Any] = {"sub": "u-1", "email": "ann@example.com"}
        self.codes: dict[str, dict[str, str]] = {}
        self.faults: dict[str, Any] = {}  # see `answer`
        self.seen: list[str] = []  # paths, in the order in which they were asked for
        super().__init__(_handler(self))

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    @property
    def discovery_url(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    def token(self, key: Key | None = None, **claims: Any) -> str:
        """Return an access token for an API; a claim of None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "sub": "u-1", "aud": "tianji", "iat": now, "exp": now + 600, **claims}
        return sign(key or self.keys[0], {name: value for name, value in said.items() if value is not None})

    # ---- what it answers

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser goes on, signed in as `person`."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        said = {"code": code, "state": query["state"]}
        if "iss" in self.faults:
            said["iss"] = self.faults["iss"]
        return f"{query['redirect_uri']}?{urlencode(said)}"

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Return the tokens for a code, which counts once and only with its proof."""
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != basic and (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        proof = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if proof != asked["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "the proof is not that of the code"}
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "nonce": asked.get("nonce"), "iat": now, "exp": now + 300,
            **self.person, **self.faults.get("claims", {}),
        }  # fmt: skip
        token = self.faults["sign"](claims) if "sign" in self.faults else sign(self.keys[0], claims)
        return 200, {"access_token": "at-" + secrets.token_hex(8), "token_type": "Bearer", "id_token": token}

    def answer(self, method: str, path: str, query: dict[str, str], form: dict[str, str], authorization: str) -> Any:
        """Return status and document, or where to go."""
        self.seen.append(path)
        if path in self.faults.get("away", ()):
            return 503, {"error": "away"}
        if path == "/.well-known/openid-configuration":
            places = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            found = {f"{name}_endpoint": f"{self.url}/{place}" for name, place in places.items()}
            return 200, {"issuer": self.url, "jwks_uri": self.jwks_url, **found, **self.faults.get("discovery", {})}
        if path == "/jwks":
            return 200, {"keys": [key.as_dict(private=False) for key in self.keys]}
        if path == "/authorize":
            return self.authorize(query)
        if path == "/token" and method == "POST":
            return self.redeem(form, authorization)
        if path == "/userinfo":
            good = authorization.startswith("Bearer at-")
            return (200, {**self.person, **self.faults.get("userinfo", {})}) if good else (401, {})
        return 404, {}


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            self._serve(flat(body))

        def _serve(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            authorization = self.headers.get("authorization") or ""
            found = provider.answer(self.command, parts.path, flat(parts.query), form, authorization)
            status, document = (302, {}) if isinstance(found, str) else found
            body = json.dumps(document).encode()
            self.send_response(status)
            if isinstance(found, str):
                self.send_header("location", found)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler


def flat(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
