"""Requests to destinations: whoever tells for days does so over one client, whatever becomes of its connections."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from tests.fakes.listening import Listening

from tianji.callbacks import post
from tianji.callbacks.post import Post
from tianji.callbacks.sink import Delivery
from tianji.config.schema import Config, Settings


class Place(Listening):
    """A destination that keeps its connections until it is told to let them go, as one does that they are too old for.

    connections: how many were made; bodies: what was sent
    """

    def __init__(self) -> None:
        self.connections = 0
        self.bodies: list[bytes] = []
        self._open: list[socket.socket] = []
        self._gone = threading.Semaphore(0)
        place = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                place.connections += 1
                place._open.append(self.connection)

            def finish(self) -> None:
                super().finish()
                place._gone.release()

            def do_POST(self) -> None:
                place.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(Handler)

    def let_go(self) -> None:
        """Close the connections that there are; they are closed when this returns."""
        for one in self._open:
            with contextlib.suppress(OSError):  # the client has closed it already
                one.shutdown(socket.SHUT_RDWR)
        for _ in range(len(self._open)):
            assert self._gone.acquire(timeout=30)
        self._open.clear()


@pytest.fixture
def place() -> Iterator[Place]:
    with Place() as listening:
        yield listening
        listening.let_go()


NAMED = Config(litellm_settings=Settings(provider_url_destination_allowed_hosts=("127.0.0.1",)))


@pytest.mark.parametrize("named_by", ["the operator", "somebody else"])
async def test_a_connection_that_has_ended_ends_nothing_else(named_by: str, place: Place) -> None:
    client = Post()
    send = client.send if named_by == "the operator" else client.send_checked
    try:
        for number in range(4):
            client.adopt(NAMED)  # a reload, which closes nothing either
            assert await send(Delivery(place.url, b"%d" % number)) == 200
            if number % 2:
                place.let_go()
    finally:
        await client.close()
    assert place.bodies == [b"0", b"1", b"2", b"3"]
    # to a checked address each request has a connection of its own
    assert place.connections == (2 if named_by == "the operator" else 4)


async def test_one_client_serves_all_destinations(place: Place) -> None:
    with Place() as other:
        client = Post()
        for one in (place, other, place, other):
            assert await client.send(Delivery(one.url, b"")) == 200
        assert (place.connections, other.connections) == (1, 1)
        other.let_go()
        assert await client.send(Delivery(place.url, b"")) == 200
        assert place.connections == 1
        await client.close()


async def test_who_does_not_answer_in_time_or_not_at_all_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "LONGEST", 0.2)
    mine = Post()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(OSError, match="TimeoutError"):
            await asyncio.wait_for(mine.send(Delivery(url, b"")), 10)
    with pytest.raises(OSError, match="ConnectError"):
        await mine.send(Delivery(url, b""))
    with pytest.raises(OSError, match="InvalidURL"):
        await mine.send(Delivery("http://127.0.0.1:port", b""))
    await mine.close()
