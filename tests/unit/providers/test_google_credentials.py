"""Credentials of Google's, and the tokens made of them."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tests.unit.providers.recorder import Recorder

from tianji.clock import ManualClock
from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.providers.logins.google_credentials import SCOPE, Credential, find, minter

KEY = rsa.generate_private_key(65537, 2048)


def pem(key: Any = KEY) -> str:
    form = serialization.PrivateFormat.PKCS8
    raw: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return raw.decode()


ACCOUNT = {
    "type": "service_account",
    "project_id": "p-1",
    "private_key_id": "k1",
    "private_key": pem(),
    "client_email": "robot@p-1.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.example/token",
}
USER = {"type": "authorized_user", "client_id": "c", "client_secret": "s&", "refresh_token": "r"}


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_service_account_signs_for_itself() -> None:
    fetch = Recorder((200, {"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"}))
    clock = ManualClock(1_700_000_000.5)
    token = await minter(find(ACCOUNT, {}), fetch, clock)()
    assert (token.value, token.lifetime) == ("ya29.x", 3599)
    method, url, _, body = fetch.asked[0]
    assert (method, url) == ("POST", ACCOUNT["token_uri"])
    form = parse_qs(body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    header, claims, signature = form["assertion"][0].split(".")
    assert json.loads(part(header)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert json.loads(part(claims)) == {
        "iss": ACCOUNT["client_email"],
        "scope": SCOPE,
        "aud": url,
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
    }
    signed = f"{header}.{claims}".encode()
    KEY.public_key().verify(part(signature), signed, padding.PKCS1v15(), hashes.SHA256())


async def test_a_user_refreshes() -> None:
    fetch = Recorder((200, {"access_token": "t", "expires_in": 10}))
    await minter(find(json.dumps(USER), {}), fetch)()
    assert fetch.asked[0][1] == "https://oauth2.googleapis.com/token"
    assert parse_qs(fetch.asked[0][3].decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["c"],
        "client_secret": ["s&"],
        "refresh_token": ["r"],
    }


async def test_impersonation_takes_two_steps() -> None:
    url = "https://iamcredentials.example/v1/x:generateAccessToken"
    info = {
        "type": "impersonated_service_account",
        "source_credentials": USER,
        "service_account_impersonation_url": url,
    }
    fetch = Recorder((200, {"access_token": "own", "expires_in": 900}), (200, {"accessToken": "other"}))
    token = await minter(find(info, {}), fetch)()
    assert (token.value, token.lifetime) == ("other", 900)
    assert fetch.asked[1][1] == url
    assert fetch.asked[1][2]["authorization"] == "Bearer own"
    assert json.loads(fetch.asked[1][3])["scope"] == [SCOPE]


def test_without_a_credential_it_is_the_machines_own() -> None:
    found = find(None, {"HOME": "/nowhere", "GCE_METADATA_HOST": "meta.local"})
    assert found == Credential(None, metadata_host="meta.local")


async def test_the_machines_own_account() -> None:
    fetch = Recorder((200, {"access_token": "t", "expires_in": 60}))
    await minter(Credential(None, metadata_host="meta.local"), fetch)()
    assert fetch.asked[0][:3] == (
        "GET",
        "http://meta.local/computeMetadata/v1/instance/service-accounts/default/token",
        {"metadata-flavor": "Google"},
    )


def test_where_credentials_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text(json.dumps(ACCOUNT))
    usual = tmp_path / ".config" / "gcloud"
    usual.mkdir(parents=True)
    (usual / "application_default_credentials.json").write_text(json.dumps(USER | {"quota_project_id": "q"}))
    home = {"HOME": str(tmp_path)}
    named = {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json")}
    assert find(None, home).project == "q"
    assert find(None, home | named).project == "p-1"
    assert find(None, home | named | {"VERTEXAI_CREDENTIALS": json.dumps(USER)}).project is None
    assert find(str(tmp_path / "account.json"), home).project == "p-1"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("/no/such/file.json", "neither JSON nor a file"),
        ('{"type": ', "cannot be read"),
        ({"type": "external_account"}, "'external_account' are not served"),
        ({"type": "service_account", "client_email": "x"}, "lack private_key"),
        (ACCOUNT | {"private_key": "nonsense"}, "no PEM key"),
        (ACCOUNT | {"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "not an RSA key"),
        (
            {
                "type": "impersonated_service_account",
                "source_credentials": 1,
                "service_account_impersonation_url": "u",
            },
            "type None",
        ),
    ],
)
def test_what_cannot_be_used_is_said_before_the_start(given: object, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        find(given, {})
    assert "BEGIN" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((400, {"error": "invalid_grant", "error_description": "Bad"}), "status 400.*invalid_grant"),
        ((200, b"<html>"), "not JSON"),
        ((200, {"token": "x"}), "holds none"),
    ],
)
async def test_when_google_gives_no_token(answer: tuple[int, Any], says: str) -> None:
    with pytest.raises(UpstreamFailure, match=says) as caught:
        await minter(find(ACCOUNT, {}), Recorder(answer))()
    assert not caught.value.sent
