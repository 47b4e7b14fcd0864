"""Whatever a token service answers: there is a token that a header can hold and that ends some day, or a failure."""

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import UpstreamFailure
from tianji.protocol.bedrock.signature import Keys
from tianji.providers.logins.aws_roles import Role, assume
from tianji.providers.logins.chatgpt import claims
from tianji.providers.logins.copilot import Copilot
from tianji.providers.logins.entra import Machine
from tianji.providers.logins.gigachat import GigaChat
from tianji.providers.logins.google_credentials import Credential, minter
from tianji.providers.logins.oauth import client_credentials

NAMES = "access_token accessToken token expires_in expires_on expires_at refresh_token error tokens exp"
ODD = st.sampled_from(["a\r\nx: y", "\u00e9", "ok", "", "9" * 400, 10**400, 1e308, -1])
JSON = st.recursive(
    ODD | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4),
    max_leaves=8,
)
TOLD = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES.split(), ODD))
ANSWERS = st.binary(max_size=40) | (JSON | TOLD).map(lambda value: json.dumps(value).encode())
USER = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
LENT = {
    "type": "impersonated_service_account",
    "source_credentials": USER,
    "service_account_impersonation_url": "https://iam.example",
}
MINTS = {
    "oauth": client_credentials("v", "https://v.example", "c", "s").mint,
    "gigachat": GigaChat(key="k", scope="s", url="https://g.example").mint,
    "copilot": Copilot(token="t").mint,
    "azure": Machine(url="http://m.example", headers=()).mint,
    "google": lambda fetch: minter(Credential(USER), fetch)(),
    "impersonated": lambda fetch: minter(Credential(LENT), fetch)(),
}


def minted(mint: Any, *answers: tuple[int, bytes]) -> Any:
    """Return the token that comes of these answers, one after the other; None for a failure."""
    rest = iter(answers)

    async def fetch(_method: str, _url: str, _headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
        return next(rest, answers[-1])

    try:
        return asyncio.run(mint(fetch))
    except UpstreamFailure:
        return None


@pytest.mark.parametrize("name", MINTS)
@given(status=st.sampled_from([200, 200, 200, 401, 500]), body=ANSWERS)
def test_tokens(name: str, status: int, body: bytes) -> None:
    first = [(200, b'{"access_token":"own","expires_in":60}')] if name == "impersonated" else []
    token = minted(MINTS[name], *first, (status, body))
    if token is not None:
        assert token.value
        assert token.value.isascii()
        assert token.value.isprintable()
        assert math.isfinite(token.lifetime)


FIELDS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Message")
VALUES = st.sampled_from(["a", "&#13;&#10;x", "2026-01-01T00:00:00Z", "\u00e9"])
XML = st.fixed_dictionaries(dict.fromkeys(FIELDS[:3], VALUES), optional=dict.fromkeys(FIELDS[3:], VALUES))


@given(
    status=st.sampled_from([200, 200, 403]),
    body=st.binary(max_size=60) | XML.map(lambda said: "".join(f"<{n}>{v}</{n}>" for n, v in said.items()).encode()),
)
def test_keys_of_roles(status: int, body: bytes) -> None:
    role = Role(arn="arn:aws:iam::1:role/r", region="us-east-1", asks=Keys("A", "s"))
    found = minted(lambda fetch: assume(role, fetch), (status, body))
    if found is not None:
        for said in (found.value.access, found.value.secret, found.value.session):
            assert said.isascii()
            assert said.isprintable()


@given(st.text(max_size=40) | st.binary(max_size=20).map(lambda raw: f"a.{raw.decode('latin-1')}.b"))
def test_what_a_token_says_of_itself(token: str) -> None:
    assert isinstance(claims(token), dict)
