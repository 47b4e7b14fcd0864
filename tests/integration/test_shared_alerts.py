"""Machines that share a Valkey tell of a thing once, and each for itself when it is away."""

import asyncio

from tests.valkeys import valkey_server

from tianji.alerts.claims import Claims
from tianji.storage.valkey import Server, connect

NOW = 1_772_366_400.0


async def test_of_all_machines_one_tells() -> None:
    machines = [Claims(lambda: NOW) for _ in range(3)]
    with valkey_server() as valkey:
        for claims in machines:
            claims.share(connect(Server(arguments={"host": valkey.host, "port": valkey.port}), timeout=5.0))
        told = await asyncio.gather(*(claims.take("a", 60) for claims in machines))
        assert sorted(told) == [False, False, True]
        assert [await claims.take("b", 60) for claims in machines] == [True, False, False]
    assert [await claims.take("c", 60) for claims in machines] == [True, True, True]
    assert not await machines[0].take("c", 60)
    for claims in machines:
        await claims.close()
