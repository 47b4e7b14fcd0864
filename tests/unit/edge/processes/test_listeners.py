"""The sockets that clients connect to."""

import socket

import pytest

from tianji.edge.options import ServeOptions
from tianji.edge.processes.listeners import Listeners


def test_what_earlier_connections_left_does_not_keep_the_address() -> None:
    """A server that closes first keeps the connection in TIME_WAIT for a minute."""
    before = Listeners(ServeOptions(host="127.0.0.1", port=0))
    before.listen()
    (listener,) = before.only_for(0)
    with socket.create_connection(("127.0.0.1", before.port)) as client:
        listener.accept()[0].close()
        assert client.recv(1) == b""
    before.close()
    Listeners(ServeOptions(host="127.0.0.1", port=before.port)).close()


def test_what_is_accepted_is_asked_for_a_sign_of_life() -> None:
    listeners = Listeners(ServeOptions(host="127.0.0.1", port=0))
    listeners.listen()
    (listener,) = listeners.only_for(0)
    with socket.create_connection(("127.0.0.1", listeners.port)), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, pause, times, unheard = (
            accepted.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        )
    assert idle + pause * times <= unheard / 1000 <= 60
    listeners.close()


def test_an_address_that_is_served_is_taken() -> None:
    one = Listeners(ServeOptions(host="127.0.0.1", port=0))
    for listens in (False, True):
        if listens:
            one.listen()
        with pytest.raises(OSError, match="in use"):
            Listeners(ServeOptions(host="127.0.0.1", port=one.port))
    one.close()
