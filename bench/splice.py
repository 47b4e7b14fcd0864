"""The floor of a relay: bytes from one socket to another by epoll, one read and one send each, looking at none.

    python -m bench.splice UPSTREAM_HOST:PORT

What it costs in the kernel nothing that relays over two sockets can go below.
"""

import select
import socket
import sys
from typing import Final

SIZE: Final = 64 * 1024


class Splice:
    """All connections of one process."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = host, port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._others: dict[int, tuple[socket.socket, socket.socket]] = {}

    def serve(self) -> None:
        """Go on for ever."""
        room = bytearray(SIZE)
        view = memoryview(room)
        while True:
            for number, _ in self._epoll.poll():
                pair = self._others.get(number)
                if pair is None:
                    if number == self._listener.fileno():
                        self._accept()
                    continue
                near, far = pair
                try:
                    size = near.recv_into(room)
                    far.sendall(view[:size])
                except OSError:
                    size = 0
                if not size:
                    self._close(near, far)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._upstream)
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._others[one.fileno()] = one, other
            self._epoll.register(one, select.EPOLLIN)

    def _close(self, near: socket.socket, far: socket.socket) -> None:
        for one in (near, far):
            self._others.pop(one.fileno(), None)
            self._epoll.unregister(one)
            one.close()


if __name__ == "__main__":
    upstream_host, _, upstream_port = sys.argv[1].partition(":")
    splice = Splice(upstream_host, int(upstream_port))
    print(splice.port, flush=True)
    splice.serve()
