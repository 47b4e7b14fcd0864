"""The quick way in lets in whom the gate would let in, and nobody else."""

import asyncio
import hashlib
import importlib.util
from pathlib import Path

import pytest

from tianji._core.edges.keys import KeyRing, keyed_digest
from tianji._core.sharing.revision import Revisions
from tianji.auth.access import Access, Tenant
from tianji.auth.identity import ANYONE, MASTER, Identity, Role
from tianji.edge.routes import Match, Route

_spec = importlib.util.spec_from_file_location("edge_fakes", Path(__file__).with_name("fakes.py"))
fakes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fakes)

KEY = b"sk-right-0123456789"
USER = Identity(role=Role.INTERNAL_USER, user_id="u", key="k")


class JudgedError(Exception):
    """The gate was asked."""


def gate(_exchange, _match):
    raise JudgedError


def ring(identity=MASTER, key_header=None):
    return KeyRing({hashlib.sha256(KEY).digest(): identity}, gate, key_header)


def match(*, any_key: bool, key_of=None):
    access = Access.KEY if any_key else Access.MASTER
    return Match(Route(("GET",), "/always", gate, access, Tenant.CALLER, "", key_of=key_of), {})


def ask(exchange, *, identity=MASTER, key_header=None, any_key=True):
    return ring(identity, key_header)(exchange, match(any_key=any_key))


@pytest.fixture
async def exchange_of():
    """Exchanges with given headers, as the Granian edge makes them."""
    loop = asyncio.get_running_loop()

    def make(headers):
        seen = []
        edge = fakes.Bench(lambda exchange, _match: seen.append(exchange), loop)
        edge.request(path="/always", headers=[(b"host", b"t"), *headers])
        return seen[0]

    return make


async def test_the_master_key_opens_everything(exchange_of) -> None:
    assert ask(exchange_of([(b"authorization", b"Bearer " + KEY)]), any_key=False) is MASTER


async def test_another_known_key_opens_what_any_key_opens(exchange_of) -> None:
    headers = [(b"authorization", b"Bearer " + KEY)]
    assert ask(exchange_of(headers), identity=USER) is USER
    with pytest.raises(JudgedError):
        ask(exchange_of(headers), identity=USER, any_key=False)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"Bearer sk-wrong")],
        [(b"authorization", b"bearer " + KEY)],
        [(b"authorization", KEY)],
        [(b"x-api-key", KEY)],
        [(b"authorization", b"Bearer " + KEY), (b"x-litellm-api-key", b"sk-other")],
        [(b"authorization", b"Bearer " + KEY), (b"authorization", b"Bearer " + KEY)],
        [(b"authorization", b"Bearer " + KEY), (b"x-gateway-key", b"Bearer sk-other")],
    ],
)
async def test_everything_else_is_the_gates_business(exchange_of, headers) -> None:
    with pytest.raises(JudgedError):
        ask(exchange_of(headers), key_header="X-Gateway-Key")


def test_the_quick_digest_is_siphash() -> None:
    """Vectors of the reference implementation, for texts of none and of one byte."""
    secret = bytes(range(16))
    assert keyed_digest(secret, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert keyed_digest(secret, b"\0").hex() == "da87c1d86b99af44347659119b22fc45"


async def test_a_key_that_was_seen_is_forgotten_with_its_ring(exchange_of) -> None:
    known = ring()
    exchange = exchange_of([(b"authorization", b"Bearer " + KEY)])
    for _ in range(2):
        assert known(exchange, match(any_key=True)) is MASTER
    known.adopt(KeyRing({}, gate))
    with pytest.raises(JudgedError):
        known(exchange, match(any_key=True))


async def test_a_key_in_a_header_that_is_not_noted_is_the_gates_business(exchange_of) -> None:
    exchange = exchange_of([(b"authorization", b"Bearer " + KEY), (b"user-agent", KEY)])
    with pytest.raises(JudgedError):
        ask(exchange, key_header="User-Agent")


class Counting:
    """A gate that lets in everybody, and counts."""

    def __init__(self, identity=USER):
        self.identity = identity
        self.asked = 0

    def __call__(self, _exchange, _match):
        self.asked += 1
        return self.identity


async def test_who_sends_no_key_is_judged_once_a_route(exchange_of) -> None:
    judge, one, other = Counting(), match(any_key=True), match(any_key=True)
    known = KeyRing({}, judge)
    assert [known(exchange_of([]), row) for row in (one, one, other, one)] == [USER] * 4
    assert judge.asked == 2


@pytest.mark.parametrize("headers", [[(b"cookie", b"a=b")], [(b"sec-websocket-protocol", b"realtime")]])
async def test_a_key_may_stand_elsewhere_so_the_gate_looks_each_time(exchange_of, headers) -> None:
    judge, row = Counting(), match(any_key=True)
    known = KeyRing({}, judge)
    for _ in range(2):
        known(exchange_of(headers), row)
    assert judge.asked == 2


async def test_a_path_that_has_keys_of_its_own_is_judged_each_time(exchange_of) -> None:
    judge, row = Counting(), match(any_key=True, key_of=lambda _: None)
    known = KeyRing({}, judge)
    for _ in range(2):
        known(exchange_of([]), row)
    assert judge.asked == 2


async def test_a_verdict_that_is_not_there_yet_is_not_remembered(exchange_of) -> None:
    async def later():
        return USER

    row = match(any_key=True)
    known = KeyRing({}, lambda *_: later())
    assert [await known(exchange_of([]), row) for _ in range(2)] == [USER, USER]


async def test_strangers_are_forgotten_with_what_changes(exchange_of) -> None:
    judge, revisions, row = Counting(), Revisions(), match(any_key=True)
    known = KeyRing({}, judge, None, revisions, lambda _: None)
    known(exchange_of([]), row)
    revisions.publish(7)
    known(exchange_of([]), row)
    assert judge.asked == 2
    known.adopt(KeyRing({}, gate))
    with pytest.raises(JudgedError):
        known(exchange_of([]), row)


@pytest.mark.parametrize("headers", [[(b"authorization", b"Bearer sk-any")], [(b"x-api-key", b"any")]])
async def test_where_there_is_no_key_anybody_calls_what_any_key_opens(exchange_of, headers) -> None:
    known = KeyRing({}, gate, anyone=ANYONE, sign=b"ek_")
    assert known(exchange_of(headers), match(any_key=True)) is ANYONE
    with pytest.raises(JudgedError):
        known(exchange_of(headers), match(any_key=False))


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer ek_secret")],
        [(b"x-api-key", b"ek_")],
        [(b"authorization", b"Bearer sk-any"), (b"x-api-key", b"sk-other")],
    ],
)
async def test_a_secret_stands_for_somebody_even_where_there_is_no_key(exchange_of, headers) -> None:
    with pytest.raises(JudgedError):
        KeyRing({}, gate, anyone=ANYONE, sign=b"ek_")(exchange_of(headers), match(any_key=True))
