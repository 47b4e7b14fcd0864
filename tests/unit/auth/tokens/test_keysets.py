"""Keys of an identity provider: which are used, when they are fetched, and what becomes of those that go."""

import asyncio
import json

import pytest
from tests.fakes.identity_provider import make_key

from tianji.auth.tokens.keysets import PAUSE, KeySet, signer
from tianji.clock import ManualClock
from tianji.egress.errands import Answer
from tianji.errors import ProviderUnavailable, UpstreamConnectFailed

URL = "https://idp.example/jwks"


class Provider:
    """Answers with what it has, or fails."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.asked = 0
        self.away = False

    async def __call__(self, method, url, headers=None, body=None):
        self.asked += 1
        if self.away:
            raise UpstreamConnectFailed("away")
        if url.endswith("openid-configuration"):
            return Answer(200, "application/json", json.dumps({"issuer": "x", "jwks_uri": URL}).encode())
        keys = [key if isinstance(key, dict) else key.as_dict(private=False) for key in self.keys]
        return Answer(200, "application/json", json.dumps({"keys": keys}).encode())


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def gone():
    return []


@pytest.fixture
async def make(clock, gone):
    sets = []

    def made(provider, url=URL):
        sets.append(KeySet(url, provider, gone.extend, ttl=600, stale_ttl=3600, clock=clock))
        return sets[-1]

    yield made
    for keys in sets:
        keys.close()


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("RSA", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("EC", {"ES256"}),
        ("OKP", {"EdDSA", "Ed25519"}),
    ],
)
def test_the_type_of_a_key_says_which_algorithms_it_may_have(kind, algorithms):
    found = signer(make_key(kind).as_dict(private=False))
    assert (found.id, found.algorithms) == ("first", algorithms)


def test_a_key_that_names_its_algorithm_has_no_other():
    data = make_key("RSA").as_dict(private=False)
    assert signer({**data, "alg": "PS256"}).algorithms == {"PS256"}
    assert signer({**data, "alg": "HS256"}) is None


def test_keys_that_cannot_check_a_signature_are_left_out():
    good = make_key("EC").as_dict(private=False)
    for wrong in (
        {**good, "use": "enc"},
        {**good, "key_ops": ["encrypt"]},
        {**good, "crv": "secp256k1"},
        {**good, "x": "!"},
        {**good, "x": 1},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        {"kty": "RSA", "n": "AQAB" * 20, "e": "AQAB"},
        {"kty": "lattice"},
        {},
    ):
        assert signer(wrong) is None


async def test_keys_are_fetched_once_and_found_by_their_id(make):
    provider = Provider(make_key(kid="a"), make_key(kid="b"))
    keys = make(provider)
    found = await asyncio.gather(keys.find("a", "ES256"), keys.find("b", "ES256"))
    assert [[one.id for one in some] for some in found] == [["a"], ["b"]]
    assert await keys.find("a", "RS256") == ()
    assert provider.asked == 1


async def test_without_an_id_the_only_key_is_meant(make):
    assert len(await make(Provider(make_key())).find(None, "ES256")) == 1
    assert await make(Provider(make_key(kid="a"), make_key(kid="b"))).find(None, "ES256") == ()


async def test_discovery_leads_to_the_keys(make):
    provider = Provider(make_key())
    assert len(await make(provider, "https://idp.example/.well-known/openid-configuration").find("first", "ES256")) == 1
    assert provider.asked == 2


async def test_a_file_holds_keys_for_machines_without_a_network(make, tmp_path):
    file = tmp_path / "keys of mine.json"
    file.write_text(json.dumps({"keys": [make_key().as_dict(private=False)]}))
    provider = Provider()
    assert len(await make(provider, file.as_uri()).find("first", "ES256")) == 1
    file.write_text("no keys")
    with pytest.raises(ProviderUnavailable):
        await make(provider, file.as_uri()).find("first", "ES256")
    assert provider.asked == 0


async def test_a_document_of_a_provider_does_not_lead_to_a_file(make):
    class Sly(Provider):
        async def __call__(self, method, url, headers=None, body=None):
            return Answer(200, "application/json", b'{"jwks_uri": "file:///etc/passwd"}')

    with pytest.raises(ProviderUnavailable):
        await make(Sly()).find("first", "ES256")


async def test_an_unknown_id_fetches_anew_but_not_each_time(make, clock):
    provider = Provider(make_key(kid="old"))
    keys = make(provider)
    await keys.find("old", "ES256")
    provider.keys.append(make_key(kid="new"))
    assert await keys.find("new", "ES256") == ()  # fetched a moment ago
    assert provider.asked == 1
    clock.advance(PAUSE)
    assert len(await keys.find("new", "ES256")) == 1
    for _ in range(5):
        assert await keys.find("nobody", "ES256") == ()
    assert provider.asked == 2


async def test_keys_that_are_dropped_end_what_they_signed(make, clock, gone):
    provider = Provider(make_key(kid="a"), make_key(kid="b"))
    keys = make(provider)
    (first,) = await keys.find("a", "ES256")
    del provider.keys[0]
    clock.advance(601)
    assert await keys.find("a", "ES256") == ()
    assert gone == [first.tag]


async def test_another_key_under_the_same_id_is_another_key(make, clock, gone):
    provider = Provider(make_key(kid="a"))
    keys = make(provider)
    (first,) = await keys.find("a", "ES256")
    provider.keys = [make_key(kid="a")]
    clock.advance(601)
    (second,) = await keys.find("a", "ES256")
    assert gone == [first.tag]
    assert second.tag != first.tag


async def test_a_provider_that_is_away_is_done_without_for_a_while(make, clock, gone):
    provider = Provider(make_key())
    keys = make(provider)
    (first,) = await keys.find("first", "ES256")
    provider.away = True
    clock.advance(4199)
    assert await keys.find("first", "ES256") == (first,)
    assert gone == []
    clock.advance(31)
    with pytest.raises(ProviderUnavailable):
        await keys.find("first", "ES256")
    assert gone == [first.tag]


async def test_without_any_keys_nobody_asks_all_the_time(make, clock):
    provider = Provider()
    provider.away = True
    keys = make(provider)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await keys.find("first", "ES256")
    assert provider.asked == 1
    provider.away, provider.keys = False, [make_key()]
    clock.advance(1)
    assert len(await keys.find("first", "ES256")) == 1
