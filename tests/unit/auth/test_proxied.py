"""Whom a proxy names in headers."""

from types import SimpleNamespace

import pytest

from tianji.auth.described import Descriptions
from tianji.auth.proxied import LONGEST, ProxiedCallers
from tianji.auth.rules import Rules
from tianji.config.schema import GeneralSettings
from tianji.errors import AuthenticationFailed

HEADERS = {"user_id": "X-User", "user_email": "x-mail", "team_id": "x-team", "models": "x-models"}
OF_PROXY = ("10.0.0.5", 4000)


def request(*headers, peer=OF_PROXY):
    return SimpleNamespace(headers=list(headers), peer=peer)


async def ask(*headers, peer=OF_PROXY, key=None, places=("10.0.0.0/24",)):
    store = SimpleNamespace(revisions=SimpleNamespace(head=0), empty=True)
    rules = Rules(GeneralSettings(trusted_proxy_ranges=places))
    return await ProxiedCallers(HEADERS, rules, Descriptions(store, dict))(request(*headers, peer=peer), key, None)


async def test_who_is_named_is_let_in_with_what_is_said_of_him():
    found = await ask((b"x-user", b"ann"), (b"x-mail", b"a@b"), (b"x-team", b"red"), (b"x-models", b"m, n,"))
    assert (found.user_id, found.user_email, found.team_id, found.role) == ("ann", "a@b", "red", None)
    assert [found.admits(name) for name in "mno"] == [None, None, "key_model_access_denied"]
    assert (await ask((b"x-mail", b"a@b"))).user_id == "a@b"
    assert (await ask((b"x-team", b"red"))).user_id is None


async def test_two_people_have_two_names():
    assert (await ask((b"x-mail", b"a@b"))).key != (await ask((b"x-mail", b"b@b"))).key


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        ([(b"x-user", b"ann")], ("10.0.1.5", 4000)),
        ([(b"x-user", b"ann"), (b"x-forwarded-for", b"10.0.0.5")], ("10.0.1.5", 4000)),
        ([(b"x-user", b"ann")], None),
        ([], OF_PROXY),
        ([(b"x-user", b" ")], OF_PROXY),
        ([(b"x-models", b"m")], OF_PROXY),
        ([(b"x-user", b"ann"), (b"x-user", b"bob")], OF_PROXY),
        ([(b"x-user", b"a" * (LONGEST + 1))], OF_PROXY),
    ],
)
async def test_nobody_else_is_believed(headers, peer):
    with pytest.raises(AuthenticationFailed):
        await ask(*headers, peer=peer)


async def test_nobody_is_believed_without_ranges():
    with pytest.raises(AuthenticationFailed):
        await ask((b"x-user", b"ann"), places=())


async def test_who_brings_a_key_is_who_has_it():
    assert await ask((b"x-user", b"ann"), key=b"sk-key", peer=None) is None
