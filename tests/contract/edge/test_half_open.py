"""Clients that are gone without a word: nothing says so, and what is sent to them is never acknowledged."""

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.harness import MASTER_KEY, Gateway, Mock, openai_model
from tests.fakes.websocket import Client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc, pidfds and filters of sockets are Linux's")

PATH = "/v1/realtime?model=echo"
SO_ATTACH_FILTER = 26  # asm-generic/socket.h
PIDFD_GETFD = 438  # of all machines; pidfd_getfd(2)
TAKE_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K: so many bytes of each packet are kept


def vanish(sock: socket.socket) -> None:
    """Drop all that comes to a socket before its kernel answers, as if its machine had lost the net."""
    code = ctypes.create_string_buffer(TAKE_NOTHING)
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(code)))


def of_the_gateway(gateway: Gateway, client: Client) -> socket.socket:
    """Return the gateway's own end of a connection, for options of the socket to be read and set."""
    libc = ctypes.CDLL(None, use_errno=True)
    (worker,) = gateway.workers()
    process = os.pidfd_open(worker)
    try:
        for link in Path(f"/proc/{worker}/fd").iterdir():
            copy = libc.syscall(PIDFD_GETFD, process, int(link.name), 0)
            if copy < 0:
                pytest.skip(f"no other process may be looked into here: {os.strerror(ctypes.get_errno())}")
            if (found := same(copy, client)) is not None:
                return found
    finally:
        os.close(process)
    pytest.fail("the gateway has no such connection")


def same(descriptor: int, client: Client) -> socket.socket | None:
    """Return a descriptor as a socket if it is the other end of the client's; else close it."""
    try:
        end = socket.socket(fileno=descriptor)
    except OSError:  # not a socket
        os.close(descriptor)
        return None
    try:
        if end.getpeername() == client.sock.getsockname():
            return end
    except OSError:  # it has no peer
        pass
    end.close()
    return None


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {"model_list": [openai_model("echo", "echo", mock_process.url)]}
    with Gateway(config, tmp_path_factory.mktemp("half-open"), edge=edge) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway, mock: Mock) -> Iterator[Client]:
    with Client(gateway.connect(), PATH, authorization=f"Bearer {MASTER_KEY}") as connected:
        connected.say("x")
        connected.message()
        yield connected
    mock.wait(sockets=0)


@pytest.mark.parametrize("under_way", [False, True])
def test_who_is_gone_without_a_word_is_found(gateway: Gateway, mock: Mock, client: Client, under_way: bool) -> None:
    """By the kernel, on both edges, silent or with bytes under way; others go on."""
    with closing(of_the_gateway(gateway, client)) as end:
        times = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        idle, pause, count, longest = (end.getsockopt(socket.IPPROTO_TCP, option) for option in times)
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert idle + pause * count <= longest / 1000 <= 60
        # a minute is long for a test
        for option, value in zip(times, (1, 1, 1, 800), strict=True):
            end.setsockopt(socket.IPPROTO_TCP, option, value)
    other = Client(gateway.connect(), PATH, authorization=f"Bearer {MASTER_KEY}")
    mock.wait(sockets=2)
    vanish(client.sock)
    if under_way:
        client.say("x")  # which arrives; the echo does not
    mock.wait(sockets=1)
    other.say("still here")
    assert other.message().payload == b"still here"
    other.drop()
