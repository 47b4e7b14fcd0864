"""The address that is served, and the sockets that listen on it."""

import socket
from collections.abc import Sequence

from tianji.edge.options import ServeOptions

BACKLOG = 4096  # connections that may wait on one socket
# Who is gone without a word is found by the kernel within a minute: it asks after so many seconds of silence, and then
# so many seconds apart, so often. A WebSocket on Granian's edge has no other way, nor has a request answered late.
SILENCE, PAUSE, TIMES = 20, 10, 3
# So long may bytes that were sent stay unacknowledged, or a client take nothing of what waits for it. Without a bound
# the kernel sends again for a quarter of an hour; with it this, and not the count of questions, ends a silent one.
UNHEARD = 60


def reserve(host: str, port: int) -> socket.socket:
    """Bind the address without listening, to be shared by SO_REUSEPORT; port 0 becomes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:  # without SO_REUSEPORT, which would share a taken port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    return share(family, (host, port))


def share(family: int, address: tuple[str | int, ...]) -> socket.socket:
    """Bind one more socket to an address whose other sockets were made here. Raises OSError."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def expect_signs_of_life(listener: socket.socket) -> None:
    """Have the kernel end what is accepted from here and gives none (tcp(7): it takes over these options)."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PAUSE)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, TIMES)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNHEARD)


def url(options: ServeOptions, port: int) -> str:
    """Return how clients name the server. `port`: the one in use."""
    scheme = "https" if options.certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{scheme}://{host}:{port}"


class Listeners:
    """One socket a worker, over which the kernel spreads connections by SO_REUSEPORT; perhaps more.

    A socket that ever listened stays: the kernel may have given it connections that nobody has accepted. A successor
    takes all of them over, and with fewer workers than sockets those beyond belong to all workers together.
    """

    def __init__(self, options: ServeOptions) -> None:
        """Take over the sockets that were inherited and bind those that are missing. Raises OSError."""
        self._workers = options.workers
        self._sockets = [socket.socket(fileno=descriptor) for descriptor in options.inheritance.listeners]
        for inherited in self._sockets:
            inherited.set_inheritable(False)
        if not self._sockets:
            self._sockets.append(reserve(options.host, options.port))
        first = self._sockets[0]
        while len(self._sockets) < self._workers:
            self._sockets.append(share(first.family, first.getsockname()))
        self.port: int = first.getsockname()[1]

    @property
    def descriptors(self) -> Sequence[int]:
        """Name all sockets, for a successor."""
        return [each.fileno() for each in self._sockets]

    def listen(self) -> None:
        """Let connections come. They wait until a worker accepts them.

        What they leave behind when they end (TIME_WAIT) must not keep the next start from the address; not before now,
        or two that start at once would both have it.
        """
        for each in self._sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            expect_signs_of_life(each)
            each.listen(BACKLOG)

    def only_for(self, worker: int) -> list[socket.socket]:
        """Return what worker `worker` accepts from, and close the rest. Called in the worker."""
        own = [self._sockets[worker], *self._sockets[self._workers :]]
        for each in self._sockets:
            if each not in own:
                each.close()
        return own

    def close(self) -> None:
        """Let go of all sockets; others may have them too."""
        for each in self._sockets:
            each.close()
