"""Requests to destinations: whoever tells for days does so over one client, whatever becomes of its connections."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from tests.fakes.listening import Listening

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
    post = Post()
    send = post.send if named_by == "the operator" else post.send_checked
    try:
        for number in range(4):
            post.adopt(NAMED)  # a reload, which closes nothing either
            assert await send(Delivery(place.url, b"%d" % number)) == 200
            if number % 2:
                place.let_go()
    finally:
        await post.close()
    assert place.bodies == [b"0", b"1", b"2", b"3"]
    # to a checked address each request has a connection of its own
    assert place.connections == (2 if named_by == "the operator" else 4)


async def test_one_client_serves_all_destinations(place: Place) -> None:
    with Place() as other:
        post = Post()
        for one in (place, other, place, other):
            assert await post.send(Delivery(one.url, b"")) == 200
        assert (place.connections, other.connections) == (1, 1)
        other.let_go()
        assert await post.send(Delivery(place.url, b"")) == 200
        assert place.connections == 1
        await post.close()
