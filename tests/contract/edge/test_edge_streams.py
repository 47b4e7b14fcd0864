"""Streams, clients that leave, slow readers."""

import socket
import time

import pytest
from tests.contract.edge.edge_client import EDGES, EdgeProcess, dechunk, read_answer, read_head, receive

NOTICED = 0.050  # seconds


@pytest.fixture(scope="module", params=EDGES)
def edge(request, tmp_path_factory):
    process = EdgeProcess(request.param, tmp_path_factory.mktemp("edge") / "file")
    yield process
    process.stop()


def ask(client: socket.socket, path: str) -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: t\r\n\r\n".encode())


def notice_delays(edge, path: str, leave_after) -> list[float]:
    delays = []
    for number in range(5):
        client = edge.connect()
        before = edge.state()["gone"].get(path)

        def noticed(before=before):
            now = edge.state()["gone"].get(path)
            return now if now != before else None

        ask(client, path)
        leave_after(client, number)
        client.close()
        left = time.monotonic()
        gone = edge.wait_for(noticed)
        delays.append(gone - left)
    return delays


def test_a_client_that_leaves_before_the_head_is_noticed(edge):
    def leave_after(client, number):
        edge.wait_for(lambda: edge.state()["load"] == 2)
        time.sleep(0.007 * number)  # at different ages of the exchange

    assert sorted(notice_delays(edge, "/wait", leave_after))[2] < NOTICED


def test_a_client_that_leaves_in_the_middle_is_noticed(edge):
    def leave_after(client, number):
        answer, rest = read_head(client)
        assert answer.status == 200
        while rest.count(b"data:") <= number:
            rest += receive(client)

    assert sorted(notice_delays(edge, "/stream/20", leave_after))[2] < NOTICED
    edge.wait_for(lambda: edge.state()["load"] == 1)


def test_a_stream_comes_in_order_and_whole(edge):
    with edge.connect() as client:
        ask(client, "/stream/0.1")
        body = read_answer(client).body
        events = body.decode().split("\n\n")[:-1]
        assert events[-1] == "data: [DONE]"
        assert events[:-1] == [f"data: {number}" for number in range(len(events) - 1)]
        ask(client, "/")  # and the connection lives on
        assert read_answer(client).status == 200


def test_a_slow_reader_holds_the_writer_back_and_loses_nothing(edge):
    mib = 16
    with edge.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        ask(client, f"/flood/{mib}")
        edge.wait_for(lambda: edge.state()["load"] == 2)
        _, rest = read_head(client)
        pieces = [rest]
        while not pieces[-1].endswith(b"0\r\n\r\n"):
            pieces.append(receive(client))
            if len(pieces) < 20:
                time.sleep(0.005)
    body = dechunk(b"".join(pieces))
    assert body == b"".join(number.to_bytes(4, "big") * 4096 for number in range(mib * 64))
    assert "flood waited True" in edge.state()["handled"]


def test_many_aborted_streams_leave_nothing_behind(edge):
    for _ in range(50):
        with edge.connect() as client:
            ask(client, "/stream/20")
            read_head(client)
    edge.wait_for(lambda: edge.state()["load"] == 1)
