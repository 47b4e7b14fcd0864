"""What a server says of tokens, and for how long it is believed."""

import asyncio
import base64
from types import SimpleNamespace
from urllib.parse import parse_qs

import msgspec
import pytest

from tianji.auth.access import Access
from tianji.auth.described import Descriptions
from tianji.auth.identity import Role
from tianji.auth.introspection import BELIEVED, LONGEST, Introspection, Server, server
from tianji.clock import ManualClock
from tianji.egress.errands import Answer
from tianji.errors import AuthenticationFailed, KeyExpired, ProviderUnavailable, UpstreamConnectFailed

MODELS = SimpleNamespace(access=Access.KEY, tags=("models",), path="/v1/chat/completions")
INFO = SimpleNamespace(access=Access.INFO, tags=(), path="/v1/models")
KEYS = SimpleNamespace(access=Access.SELF, tags=("keys",), path="/key/generate")
RFC = Server(url="https://idp/introspect", client_id="us", client_secret="s:+")
PLAIN = Server(url="https://idp/userinfo")


class World:
    """A server that says what it is told to, and whoever asks it."""

    def __init__(self, whom, store, *, signed=False):
        self.clock = ManualClock()
        self.asked = []
        self.status, self.said = 200, {"active": True, "sub": "ann"}
        descriptions = Descriptions(store, dict)
        self.introspection = Introspection(whom, self.fetch, descriptions, signed=signed, clock=self.clock)

    async def fetch(self, method, url, headers, body=None):
        self.asked.append((method, url, headers, body))
        await asyncio.sleep(0)
        if isinstance(self.said, Exception):
            raise self.said
        return Answer(self.status, "application/json", msgspec.json.encode(self.said))

    async def __call__(self, token=b"opaque", row=MODELS):
        return await self.introspection(None, token, row)


@pytest.fixture
def store():
    return SimpleNamespace(revisions=SimpleNamespace(head=0), empty=True)


async def test_a_server_of_rfc_7662_is_asked_as_it_says(store):
    world = World(RFC, store)
    found = await world()
    assert (found.user_id, found.team_id, found.role) == ("ann", None, None)
    [(method, url, headers, body)] = world.asked
    assert (method, url, parse_qs(body.decode())) == ("POST", RFC.url, {"token": ["opaque"]})
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"us:s%3A%2B"


async def test_another_one_is_shown_the_token_itself(store):
    world = World(PLAIN, store)
    world.said = {"sub": "ann", "role": "proxy_admin_viewer", "team_id": "red"}
    found = await world()
    assert (found.user_id, found.team_id, found.role) == ("ann", "red", Role.PROXY_ADMIN_VIEWER)
    [(method, _, headers, body)] = world.asked
    assert (method, headers["authorization"], body) == ("GET", "Bearer opaque", None)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"active": False, "sub": "ann"}, AuthenticationFailed),
        ({"sub": "ann"}, AuthenticationFailed),
        ({"active": "true", "sub": "ann"}, AuthenticationFailed),
        ({"active": 1, "sub": "ann"}, AuthenticationFailed),
        ({"active": True}, AuthenticationFailed),
        ({"active": True, "sub": ""}, AuthenticationFailed),
        ({"active": True, "sub": "ann", "exp": 1_700_000_000}, KeyExpired),
        ({"active": True, "sub": "ann", "exp": "soon"}, AuthenticationFailed),
        ({"active": True, "sub": "ann", "exp": True}, AuthenticationFailed),
        ({"active": True, "sub": "ann", "exp": 1e300}, AuthenticationFailed),
        ([], ProviderUnavailable),
        (UpstreamConnectFailed("away"), ProviderUnavailable),
    ],
)
async def test_who_is_not_vouched_for_is_not_let_in(store, said, error):
    world = World(RFC, store)
    world.said = said
    with pytest.raises(error):
        await world()
    world.said = {"active": True, "sub": "ann"}
    assert (await world()).user_id == "ann", "and nothing of it is remembered"


@pytest.mark.parametrize(
    ("whom", "status", "error"),
    [
        (PLAIN, 401, AuthenticationFailed),
        (PLAIN, 403, AuthenticationFailed),
        (PLAIN, 500, ProviderUnavailable),
        (PLAIN, 302, ProviderUnavailable),
        (RFC, 401, ProviderUnavailable),  # it does not know us
        (RFC, 503, ProviderUnavailable),
    ],
)
async def test_a_status_is_the_tokens_fault_or_not(store, whom, status, error):
    world = World(whom, store)
    world.status = status
    with pytest.raises(error):
        await world()


async def test_a_token_is_believed_for_a_moment_and_never_beyond_its_end(store):
    world = World(RFC, store)
    await world()
    world.said = {"active": False}
    world.clock.advance(BELIEVED - 1)
    assert (await world()).user_id == "ann"
    world.clock.advance(1)
    with pytest.raises(AuthenticationFailed):
        await world()
    world.said = {"active": True, "sub": "ann", "exp": world.clock.now() + 5}
    found = await world()
    assert found.expires == world.clock.now() + 5
    asked = len(world.asked)
    world.clock.advance(4)
    await world()
    assert len(world.asked) == asked
    world.clock.advance(1)
    with pytest.raises(KeyExpired):
        await world()


async def test_those_who_come_together_ask_once(store):
    world = World(RFC, store)
    found = await asyncio.gather(*(world() for _ in range(5)), world(b"other"))
    assert len(world.asked) == 2
    assert found[0] is found[4]


async def test_what_others_judge_is_shown_to_nobody(store):
    world = World(RFC, store, signed=True)
    for token, row in ((None, MODELS), (b"", MODELS), (b"sk-key", MODELS), (b"ey.a.b", MODELS), (b"opaque", KEYS)):
        assert await world(token, row) is None
    assert not world.asked
    assert (await world(row=INFO)).user_id == "ann"
    assert (await World(RFC, store)(b"ey.a.b")).user_id == "ann"
    with pytest.raises(AuthenticationFailed):
        await world(b"x" * (LONGEST + 1))


def test_the_environment_says_who_is_asked():
    names = {"OAUTH_TOKEN_INFO_ENDPOINT": "https://a/introspect", "OAUTH_USER_ID_FIELD_NAME": "user.id"}
    assert server(names) == Server(url="https://a/introspect", user="user.id")
    assert not server(names).introspects
    assert server({**names, "OAUTH_CLIENT_ID": "a", "OAUTH_CLIENT_SECRET": "b"}).introspects
