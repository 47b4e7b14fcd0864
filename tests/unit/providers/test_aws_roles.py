"""Keys that AWS lends: who asks for them, how, and what comes of the answer."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.unit.providers.recorder import Recorder

from tianji.clock import ManualClock
from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.protocol.bedrock.signature import Keys
from tianji.providers import build
from tianji.providers.deployment import read
from tianji.providers.logins import aws
from tianji.providers.logins.aws_roles import Role, assume
from tianji.providers.logins.oidc import Identity
from tianji.providers.logins.tokens import Token, TokenSource

ARN = "arn:aws:iam::1:role/r"
LENT = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>
<SecretAccessKey>s/1&amp;2</SecretAccessKey><SessionToken>t==</SessionToken>
<Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
OWN = Keys("AKID", "secret-1")


def role(asks: Any = OWN, **more: Any) -> Role:
    return Role(arn=ARN, region="eu-west-1", asks=asks, **more)


def form(recorder: Recorder) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(recorder.asked[-1][3].decode()).items()}


async def test_keys_ask_for_a_role() -> None:
    fetch = Recorder((200, LENT))
    token = await assume(role(external_id="x", tags=(("team", "a b"),)), fetch, ManualClock(1_700_000_000.0))
    assert token == Token(Keys("ASIA1", "s/1&2", "t=="), 3540.0)
    method, url, headers, _ = fetch.asked[0]
    assert (method, url) == ("POST", "https://sts.eu-west-1.amazonaws.com/")
    assert (
        "/20231114/eu-west-1/sts/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
        in (headers["authorization"])
    )
    assert form(fetch) == {
        "Version": "2011-06-15",
        "Action": "AssumeRole",
        "RoleArn": ARN,
        "RoleSessionName": "tianji",
        "DurationSeconds": "3600",
        "ExternalId": "x",
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "a b",
    }


async def test_an_identity_asks_without_a_signature(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("jwt-1\n")
    fetch = Recorder((200, LENT), (200, LENT))
    asked = role(Identity(file=str(file)), session="me", endpoint="https://sts.example/")
    await assume(asked, fetch, ManualClock())
    assert fetch.asked[0][1] == "https://sts.example/"
    assert "authorization" not in fetch.asked[0][2]
    assert form(fetch)["WebIdentityToken"] == "jwt-1"
    assert form(fetch)["RoleSessionName"] == "me"
    file.write_text("jwt-2")  # it was replaced
    await assume(asked, fetch, ManualClock())
    assert form(fetch)["WebIdentityToken"] == "jwt-2"


async def test_keys_that_are_lent_themselves_are_waited_for() -> None:
    async def mint() -> Token[Keys]:
        return Token(Keys("LENT", "s", "session"), 60)

    fetch = Recorder((200, LENT))
    await assume(role(TokenSource(mint)), fetch, ManualClock())
    assert "Credential=LENT/" in fetch.asked[0][2]["authorization"]
    assert fetch.asked[0][2]["x-amz-security-token"] == "session"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((403, b"<Error><Message>not authorized &amp; so on</Message></Error>"), "status 403.*not authorized & so on"),
        ((200, b"<html>"), "holds no keys"),
        ((200, LENT.replace(b"2023-11-14T23:13:20Z", b"soon")), "holds no keys"),
        ((500, b"\xff"), "status 500"),
    ],
)
async def test_when_the_role_is_not_given(answer: tuple[int, bytes], says: str) -> None:
    with pytest.raises(UpstreamFailure, match=says):
        await assume(role(), Recorder(answer), ManualClock())


def keys(environ: dict[str, str], **params: Any) -> Any:
    deployment = read(params, environ, ("bedrock", "m"), drop_params=False)
    return aws.keys_of(deployment, "eu-west-1")


ENV = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret-1"}
CONTAINER = {"AWS_ROLE_ARN": ARN, "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token"}


def test_a_container_is_its_role_already() -> None:
    own = keys(CONTAINER)
    assert isinstance(own, TokenSource)
    assert keys(CONTAINER) is own  # one source for all, also over a reload
    assert keys(CONTAINER, aws_role_name=ARN) is own
    assert keys(CONTAINER, aws_role_name=f"{ARN}-2") is not own
    assert keys({**CONTAINER, **ENV}) == OWN


def test_equal_roles_share_their_keys() -> None:
    assert keys(ENV, aws_role_name=ARN) is keys(ENV, aws_role_name=ARN)
    assert keys(ENV, aws_role_name=ARN) is not keys(ENV, aws_role_name=ARN, aws_session_name="other")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"aws_web_identity_token": "jwt"}, "needs aws_role_name"),
        ({"aws_web_identity_token": "oidc/file//etc/shadow", "aws_role_name": ARN}, "leads outside"),
        ({"aws_web_identity_token": "oidc/nobody/x", "aws_role_name": ARN}, "followed by one of"),
        ({"aws_web_identity_token": "oidc/env/NOT_SET", "aws_role_name": ARN}, "NOT_SET, which is not set"),
        ({"aws_role_name": ARN, "aws_session_tags": ["x"]}, "each with Key and Value"),
        ({"aws_role_name": ARN, "aws_sts_endpoint": "sts"}, "absolute URL"),
    ],
)
def test_what_cannot_be_is_said_before_the_start(params: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        keys(ENV, **params)


async def test_requests_are_signed_with_what_was_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Recorder((200, LENT.replace(b"2023", b"2999")))
    monkeypatch.setattr("tianji.providers.logins.aws_roles.fetcher", lambda _: fetch)
    params = {"model": "bedrock/m", "aws_role_name": f"{ARN}-signing", "aws_session_tags": {"a": "b"}}
    found = build(params, ENV, drop_params=False)
    assert found.awaits is not None
    assert found.sign is not None
    task = found.awaits()
    assert isinstance(task, asyncio.Task)
    await task
    assert found.awaits() is None
    headers = dict(found.sign("/model/m/converse", b"{}"))
    assert b"Credential=ASIA1/" in headers[b"authorization"]
    assert headers[b"x-amz-security-token"] == b"t=="
    assert form(fetch)["Tags.member.1.Value"] == "b"
