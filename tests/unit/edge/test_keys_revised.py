"""The ring of keys heeds what changes before it lets anybody in."""

import asyncio
import hashlib
import importlib.util
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tianji._core.edges.keys import KeyRing
from tianji._core.sharing.revision import EVERYTHING, Revisions
from tianji.auth.identity import Identity, Role

_spec = importlib.util.spec_from_file_location("edge_fakes", Path(__file__).with_name("fakes.py"))
fakes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fakes)

KEY = b"sk-right-0123456789"
DIGEST = hashlib.sha256(KEY).digest()
ANY = SimpleNamespace(any_key=True)


def identity(**more):
    return Identity(role=Role.INTERNAL_USER, user_id="u", key="k", **more)


@pytest.fixture
async def exchange():
    seen = []
    edge = fakes.Bench(lambda exchange, _match: seen.append(exchange), asyncio.get_running_loop())
    edge.request(path="/always", headers=[(b"host", b"t"), (b"authorization", b"Bearer " + KEY)])
    return seen[0]


def ring(identities, revisions, told):
    def forget(tags):
        told.append(tags)
        identities.clear()

    return KeyRing(identities, lambda *_: "gate", None, revisions, forget)


async def test_a_change_is_heeded_at_the_next_request(exchange):
    revisions, told, known = Revisions(), [], identity()
    keys = ring({DIGEST: known}, revisions, told)
    assert keys(exchange, ANY) is known
    assert keys(exchange, ANY) is known
    assert told == []
    revisions.publish(7)
    assert keys(exchange, ANY) == "gate"
    assert told == [[7]]
    revisions.publish(EVERYTHING)
    assert keys(exchange, ANY) == "gate"
    assert told == [[7], None]


async def test_what_was_published_before_the_ring_was_made_is_nothing_to_it(exchange):
    revisions, told = Revisions(), []
    revisions.publish(7)
    keys = ring({DIGEST: identity()}, revisions, told)
    keys(exchange, ANY)
    assert told == []


async def test_a_ring_that_was_taken_over_heeds_what_the_new_one_would(exchange):
    revisions, told, known = Revisions(), [], identity()
    keys = KeyRing({}, lambda *_: "gate")
    assert keys(exchange, ANY) == "gate"
    keys.adopt(ring({DIGEST: known}, revisions, told))
    assert keys(exchange, ANY) is known
    revisions.publish(7)
    assert keys(exchange, ANY) == "gate"


async def test_a_key_that_expired_is_the_gates_business(exchange):
    fresh, old = identity(expires=time.time() + 60), identity(expires=time.time() - 1)
    assert KeyRing({DIGEST: fresh}, lambda *_: "gate")(exchange, ANY) is fresh
    assert KeyRing({DIGEST: old}, lambda *_: "gate")(exchange, ANY) == "gate"


async def test_a_key_that_is_confined_is_the_gates_business(exchange):
    known = identity(allowed_routes=("/always",))
    assert KeyRing({DIGEST: known}, lambda *_: "gate")(exchange, ANY) == "gate"


def test_revisions_without_a_way_to_forget_are_refused():
    with pytest.raises(ValueError, match="forget"):
        KeyRing({}, lambda *_: None, None, Revisions())
