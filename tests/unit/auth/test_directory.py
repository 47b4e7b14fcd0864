"""What a worker knows of keys, and when it asks again."""

import asyncio
import hashlib

import pytest

from tianji._core.sharing.revision import Revisions
from tianji.auth import directory
from tianji.auth.compiled import Refusal
from tianji.auth.directory import Directory
from tianji.auth.identity import MASTER, Identity
from tianji.auth.master_key import MasterKey, UnknownKey
from tianji.auth.tags import tag
from tianji.errors import AuthenticationFailed, StoreUnavailable

MASTER_KEY = b"sk-master-0123456789"


def hexed(key):
    return hashlib.sha256(key).hexdigest()


def identity(key, *tags):
    return Identity(role=None, user_id=None, key=hexed(key), tags=frozenset(tags))


async def authenticated(people, key):
    """Whether it takes a look or not."""
    found = people.authenticate(key)
    return found if isinstance(found, Identity) else await found


class Database:
    """Answers by a table; counts; may be held, may be away."""

    def __init__(self):
        self.rows = {}
        self.asked = []
        self.away = False
        self.held = asyncio.Event()
        self.held.set()

    async def ask(self, digest):
        self.asked.append(digest)
        if self.away:
            raise StoreUnavailable("away")
        found = self.rows.get(digest)
        await self.held.wait()
        return found


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def revisions():
    return Revisions()


@pytest.fixture
def people(database, revisions):
    return Directory(MasterKey(MASTER_KEY.decode()), database.ask, revisions)


async def test_the_master_key_needs_no_database(people, database):
    database.away = True
    assert people.authenticate(MASTER_KEY) is MASTER
    assert people.identities == {hashlib.sha256(MASTER_KEY).digest(): MASTER}


@pytest.mark.parametrize("credential", [None, b"", b"plain"])
async def test_what_is_no_key_is_not_asked_for(people, database, credential):
    with pytest.raises(AuthenticationFailed):
        people.authenticate(credential)
    assert database.asked == []


async def test_a_key_is_asked_for_once(people, database):
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    assert await people.authenticate(b"sk-a") is known
    assert people.authenticate(b"sk-a") is known
    assert people.identities[hashlib.sha256(b"sk-a").digest()] is known
    assert len(database.asked) == 1


async def test_an_unknown_key_is_asked_for_once_too(people, database):
    with pytest.raises(UnknownKey):
        await people.authenticate(b"sk-a")
    with pytest.raises(UnknownKey):
        people.authenticate(b"sk-a")
    assert len(database.asked) == 1


async def test_a_key_that_is_made_is_no_longer_unknown(people, database):
    with pytest.raises(UnknownKey):
        await people.authenticate(b"sk-a")
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    people.forget([tag("key", hexed(b"sk-a"))])
    assert await people.authenticate(b"sk-a") is known


async def test_a_refusal_is_remembered_and_forgotten_alike(people, database):
    refusal = Refusal(message="the key is blocked", tags=frozenset({5}))
    database.rows[hexed(b"sk-a")] = refusal
    for _ in range(2):
        with pytest.raises(AuthenticationFailed, match="blocked"):
            await authenticated(people, b"sk-a")
    assert len(database.asked) == 1
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    people.forget([5])
    assert await people.authenticate(b"sk-a") is known


async def test_only_what_depends_on_a_change_is_forgotten(people, database):
    for key, of in ((b"sk-a", 1), (b"sk-b", 1), (b"sk-c", 2)):
        database.rows[hexed(key)] = identity(key, of)
        await people.authenticate(key)
    people.forget([1])
    assert {found.key for found in people.identities.values()} == {MASTER.key, hexed(b"sk-c")}
    people.forget(None)
    assert list(people.identities.values()) == [MASTER]


async def test_when_the_database_is_away_who_is_known_goes_on_and_nobody_is_called_unknown(people, database):
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    await people.authenticate(b"sk-a")
    database.away = True
    assert people.authenticate(b"sk-a") is known
    with pytest.raises(StoreUnavailable):
        await people.authenticate(b"sk-b")
    database.away = False
    with pytest.raises(UnknownKey):
        await people.authenticate(b"sk-b")


async def test_many_requests_ask_together_and_one_that_leaves_takes_nothing_from_the_others(people, database):
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    database.held.clear()
    waiting = [asyncio.ensure_future(people.authenticate(b"sk-a")) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    database.held.set()
    assert await asyncio.gather(*waiting[1:]) == [known] * 4
    assert len(database.asked) == 1


async def test_what_was_read_before_a_change_is_read_again(people, database, revisions):
    database.rows[hexed(b"sk-a")] = identity(b"sk-a")
    database.held.clear()
    waiting = asyncio.ensure_future(people.authenticate(b"sk-a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(database.asked) == 1
    database.rows[hexed(b"sk-a")] = Refusal(message="blocked since", tags=frozenset())
    revisions.publish(7)
    database.held.set()
    with pytest.raises(AuthenticationFailed, match="blocked since"):
        await waiting
    assert len(database.asked) == 2


async def test_whoever_guesses_keys_fills_nothing(people, database, monkeypatch):
    monkeypatch.setattr(directory, "MANY_REFUSED", 3)
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    await people.authenticate(b"sk-a")
    for number in range(10):
        with pytest.raises(UnknownKey):
            await people.authenticate(b"sk-guess-%d" % number)
    assert people.authenticate(b"sk-a") is known
    assert len(people._refusals) <= 3


async def test_too_many_keys_are_forgotten_all_but_the_master(people, database, monkeypatch):
    monkeypatch.setattr(directory, "MANY", 3)
    for number in range(10):
        key = b"sk-%d" % number
        database.rows[hexed(key)] = identity(key, 9)
        await people.authenticate(key)
        assert len(people.identities) <= 3
    assert people.authenticate(MASTER_KEY) is MASTER
    assert len(people._made_of[9]) <= 3


async def test_another_configuration_asks_again_for_everybody(people, database):
    database.rows[hexed(b"sk-a")] = identity(b"sk-a", 1)
    await people.authenticate(b"sk-a")
    people.renew(MasterKey("sk-other-0123456789"))
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a", 1)
    assert await people.authenticate(b"sk-a") is known
    assert people.authenticate(b"sk-other-0123456789") is MASTER
    with pytest.raises(UnknownKey):
        await people.authenticate(MASTER_KEY)


async def test_what_an_earlier_configuration_knew_holds_while_nobody_can_be_asked(people, database):
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a", 1)
    await people.authenticate(b"sk-a")
    database.away = True
    for _ in range(2):
        people.renew(MasterKey(MASTER_KEY.decode()))
        assert await people.authenticate(b"sk-a") is known
    people.forget([2])
    assert await people.authenticate(b"sk-a") is known
    people.forget([1])
    with pytest.raises(StoreUnavailable):
        await people.authenticate(b"sk-a")


async def test_what_was_asked_under_an_earlier_configuration_is_asked_again(people, database):
    database.rows[hexed(b"sk-a")] = identity(b"sk-a")
    database.held.clear()
    waiting = asyncio.ensure_future(people.authenticate(b"sk-a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    people.renew(MasterKey(MASTER_KEY.decode()))
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    database.held.set()
    assert await waiting is known


async def test_where_there_is_nobody_nobody_is_asked_for(database, revisions):
    empty = [True]
    people = Directory(MasterKey(MASTER_KEY.decode()), database.ask, revisions, lambda: empty[0])
    with pytest.raises(UnknownKey):
        people.authenticate(b"sk-a")
    assert database.asked == []
    database.rows[hexed(b"sk-a")] = known = identity(b"sk-a")
    empty[0] = False
    assert await people.authenticate(b"sk-a") is known


TOKEN = b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"


class Bearers:
    """Says whom a token lets in; counts."""

    def __init__(self):
        self.asked = []
        self.answers = []

    async def __call__(self, token, team):
        self.asked.append((token, team))
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def test_a_token_is_asked_for_once_and_for_each_team_that_is_wanted(database, revisions):
    bearers = Bearers()
    people = Directory(MasterKey(MASTER_KEY.decode()), database.ask, revisions, tokens=bearers)
    bearers.answers = [identity(b"a", 77), identity(b"b", 77)]
    plain, team = {}.get, {b"x-litellm-team-id": b"red"}.get
    first = await people.authenticate(TOKEN, plain)
    second = await people.authenticate(TOKEN, team)
    assert people.authenticate(TOKEN, plain) is first is not second
    assert people.authenticate(TOKEN, team) is second
    assert bearers.asked == [(TOKEN, None), (TOKEN, "red")]
    people.forget([77])
    bearers.answers = [AuthenticationFailed("gone"), identity(b"a")]
    with pytest.raises(AuthenticationFailed, match="gone"):
        await people.authenticate(TOKEN, plain)
    assert (await people.authenticate(TOKEN, plain)).key == hexed(b"a")  # a refusal is not remembered
    assert database.asked == []


async def test_where_tokens_let_in_nobody_is_without_a_name(database, revisions):
    people = Directory(MasterKey(None), database.ask, revisions, tokens=Bearers())
    for credential in (None, b"", b"sk-any", b"a.b.c"):
        with pytest.raises(AuthenticationFailed):
            people.authenticate(credential)


async def test_without_tokens_a_token_is_an_unknown_key(people):
    with pytest.raises(AuthenticationFailed, match="not valid"):
        people.authenticate(TOKEN)
