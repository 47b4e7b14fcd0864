"""Identity tokens by reference."""

import asyncio
from pathlib import Path

import pytest
from tests.unit.providers.recorder import Recorder

from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.providers.logins.oidc import find


async def test_googles_machines() -> None:
    fetch = Recorder((200, b"jwt-1\n"))
    assert await find("oidc/google/https://a.example", {}).token(fetch) == "jwt-1"
    assert fetch.asked[0][1].endswith("/identity?audience=https%3A%2F%2Fa.example")
    assert fetch.asked[0][2] == {"metadata-flavor": "Google"}


async def test_actions_of_github() -> None:
    environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://g.example/t?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "r"}
    fetch = Recorder((200, {"value": "jwt-2"}))
    identity = find("oidc/github/aud", environ)
    assert await identity.token(fetch) == "jwt-2"
    assert fetch.asked[0][1] == "https://g.example/t?v=1&audience=aud"
    assert fetch.asked[0][2] == {"authorization": "Bearer r"}
    assert "Bearer" not in repr(identity)


def test_variables_and_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("jwt-3\n")
    environ = {
        "CIRCLE_OIDC_TOKEN": "c1",
        "CIRCLE_OIDC_TOKEN_V2": "c2",
        "MINE": "m",
        "AT": str(file),
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
        "TIANJI_OIDC_ALLOWED_CREDENTIAL_DIRS": f"/nowhere, {tmp_path}",
    }
    expected = {
        "oidc/circleci/": "c1",
        "oidc/circleci_v2/": "c2",
        "oidc/env/MINE": "m",
        "oidc/env_path/AT": "jwt-3",
        "oidc/azure/scope": "jwt-3",
        f"oidc/file/{file}": "jwt-3",
    }
    for reference, token in expected.items():
        assert asyncio.run(find(reference, environ).token(Recorder())) == token


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("oidc/file//etc/passwd", "leads outside of /var/run/secrets, /run/secrets"),
        ("oidc/file//var/run/secrets/../../etc/passwd", "leads outside"),
        ("oidc/file", "lacks what follows"),
        ("oidc/env/GONE", "GONE, which is not set"),
        ("oidc/github/a", "ACTIONS_ID_TOKEN_REQUEST_URL"),
        ("oidc/", "followed by one of"),
    ],
)
def test_references_that_lead_nowhere(reference: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        find(reference, {})


async def test_when_there_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(UpstreamFailure, match="FileNotFoundError"):
        await find("oidc/env_path/AT", {"AT": str(tmp_path / "gone")}).token(Recorder())
    with pytest.raises(UpstreamFailure, match="status 404"):
        await find("oidc/google/a", {}).token(Recorder((404, b"no")))
