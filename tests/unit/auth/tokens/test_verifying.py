"""Tokens that are genuine, and all the ways in which one is not."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.identity_provider import base64url, make_key, sign, signed_with_public_key, unsigned

from tianji.auth.tokens.keysets import signer
from tianji.auth.tokens.verifying import LEEWAY, LONGEST, Audience, peek, require_meant, signed_by
from tianji.clock import ManualClock
from tianji.errors import AuthenticationFailed, KeyExpired

NOW = ManualClock().now()
GOOD = {"iss": "https://idp", "aud": "tianji", "exp": NOW + 60, "iat": NOW, "sub": "u"}
OURS = Audience(issuer="https://idp", audiences=("tianji",))
KEYS = {kind: make_key(kind) for kind in ("EC", "RSA", "OKP")}


class Known:
    """A set of keys that never changes."""

    def __init__(self, *keys):
        self._signers = [signer(key.as_dict(private=False)) for key in keys]

    async def find(self, key_id, algorithm):
        return tuple(one for one in self._signers if one.id == key_id and algorithm in one.algorithms)


async def checked(token, *keys):
    text = token.encode() if isinstance(token, str) else token
    header, claims = peek(text)
    await signed_by(text, header, [Known(*keys)])
    return claims


@pytest.mark.parametrize("kind", KEYS)
async def test_a_token_is_known_by_its_signature(kind):
    key = KEYS[kind]
    assert await checked(sign(key, GOOD), key) == GOOD
    with pytest.raises(AuthenticationFailed, match="not signed"):
        await checked(sign(make_key(kind), GOOD), key)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_an_rsa_key_signs_by_more_than_one_algorithm(algorithm):
    assert await checked(sign(KEYS["RSA"], GOOD, algorithm), KEYS["RSA"]) == GOOD


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # the name is old, and what providers say
async def test_the_older_name_of_ed25519_is_taken():
    assert await checked(sign(KEYS["OKP"], GOOD, "EdDSA"), KEYS["OKP"]) == GOOD


async def test_nobody_gets_in_without_a_signature_or_with_one_that_anybody_can_make():
    key = KEYS["RSA"]
    good = sign(key, GOOD)
    head, body, signature = good.split(".")
    other = base64url(json.dumps({**GOOD, "sub": "admin"}).encode())
    for token in (
        unsigned(GOOD, kid="first"),
        f"{head}.{body}.",
        f"{head}.{other}.{signature}",
        f"{base64url(json.dumps({'alg': 'none', 'kid': 'first'}).encode())}.{body}.{signature}",
        f"{base64url(json.dumps({'alg': 'None', 'kid': 'first'}).encode())}.{body}.{signature}",
        signed_with_public_key(key, GOOD),
        sign(key, GOOD, kid="second"),
        sign(KEYS["EC"], GOOD),  # of the same id and another type
    ):
        with pytest.raises(AuthenticationFailed):
            await checked(token, key)


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False}, {"crit": ["b64"], "b64": False}])
async def test_a_header_that_changes_what_a_signature_means_is_refused(header):
    _, body, signature = sign(KEYS["EC"], GOOD).split(".")
    changed = base64url(json.dumps({"alg": "ES256", "kid": "first", **header}).encode())
    with pytest.raises(AuthenticationFailed):
        await checked(f"{changed}.{body}.{signature}", KEYS["EC"])


async def test_keys_that_a_token_brings_along_are_not_its_issuer():
    stranger = make_key()
    for header in ({"jwk": stranger.as_dict(private=False)}, {"jku": "https://evil.example/jwks"}):
        with pytest.raises(AuthenticationFailed):
            await checked(sign(stranger, GOOD, **header), KEYS["EC"])


@given(st.binary(max_size=200))
def test_what_is_no_token_is_refused_and_nothing_else(garbage):
    for text in (garbage, b"ey" + garbage, garbage + b"." + garbage + b"." + garbage):
        with contextlib.suppress(AuthenticationFailed):
            peek(text)


def test_a_token_has_an_end():
    with pytest.raises(AuthenticationFailed, match="longer"):
        peek(b"ey" + b"A" * LONGEST + b".e30.e30")


def meant(**claims):
    said = {name: value for name, value in {**GOOD, **claims}.items() if value is not None}
    require_meant(said, OURS, ManualClock())


def test_a_token_holds_until_a_moment_after_its_end():
    meant()
    meant(exp=NOW - LEEWAY + 1)
    with pytest.raises(KeyExpired) as caught:
        meant(exp=NOW - LEEWAY)
    assert caught.value.wire_type == "expired_key"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 1e300},
        {"nbf": NOW + LEEWAY + 1},
        {"nbf": "x"},
        {"iat": NOW + LEEWAY + 1},
        {"iss": None},
        {"iss": "https://idp/"},
        {"iss": ["https://idp"]},
        {"aud": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": {"tianji": 1}},
    ],
)
def test_what_is_not_for_us_or_not_now_is_refused(claims):
    with pytest.raises(AuthenticationFailed) as caught:
        meant(**claims)
    assert not isinstance(caught.value, KeyExpired)


def test_one_of_several_audiences_is_enough():
    meant(aud=["another", "tianji"])
