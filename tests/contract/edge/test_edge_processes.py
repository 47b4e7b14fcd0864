"""The process tree: drain, reload, workers that die, a parent that dies."""

import os
import signal
import socket
from pathlib import Path

import pytest
from tests.contract.edge.edge_client import EDGES, alive, read_answer, read_head, receive, starting


@pytest.fixture(params=EDGES)
def start(request, tmp_path):
    with starting(request.param, tmp_path) as begin:
        yield begin


@pytest.fixture
def start_native(tmp_path):
    with starting("native", tmp_path) as begin:
        yield begin


def test_draining_finishes_streams_and_refuses_new_requests(start):
    edge = start(grace=20.0)
    with edge.connect() as streaming, edge.connect() as idle:
        streaming.sendall(b"GET /stream/1 HTTP/1.1\r\nhost: t\r\n\r\n")
        _, rest = read_head(streaming)
        edge.process.send_signal(signal.SIGTERM)

        def refused():
            with edge.connect() as client:
                client.sendall(b"GET /content HTTP/1.1\r\nhost: t\r\n\r\n")
                answer = read_answer(client)
                return answer if answer.status == 503 else None

        answer = edge.wait_for(refused)
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["connection"] == "close"
        idle.sendall(b"GET /state HTTP/1.1\r\nhost: t\r\n\r\n")  # always answered
        assert read_answer(idle).status == 200
        while not rest.endswith(b"0\r\n\r\n"):
            rest += receive(streaming)
        assert b"[DONE]" in rest
    assert edge.process.wait(timeout=10) == 0


def test_a_signal_to_every_process_drains_as_well(start):
    edge = start(workers=2)
    with edge.connect() as streaming:
        streaming.sendall(b"GET /stream/0.5 HTTP/1.1\r\nhost: t\r\n\r\n")
        _, rest = read_head(streaming)
        for child in edge.workers():  # as a service manager does
            os.kill(child, signal.SIGTERM)
        edge.process.send_signal(signal.SIGTERM)
        while not rest.endswith(b"0\r\n\r\n"):
            rest += receive(streaming)
        assert b"[DONE]" in rest
    assert edge.process.wait(timeout=10) == 0
    assert "Unexpected" not in edge.log


def test_the_grace_period_ends_a_drain(start):
    edge = start(grace=0.2)
    with edge.connect() as streaming:
        streaming.sendall(b"GET /stream/60 HTTP/1.1\r\nhost: t\r\n\r\n")
        read_head(streaming)
        edge.process.send_signal(signal.SIGTERM)
        assert edge.process.wait(timeout=15) == 0


def test_a_second_signal_stops_at_once(start):
    edge = start(grace=600.0)
    with edge.connect() as streaming:
        streaming.sendall(b"GET /stream/60 HTTP/1.1\r\nhost: t\r\n\r\n")
        read_head(streaming)
        edge.process.send_signal(signal.SIGINT)

        def draining():
            return edge.get("/content").status == 503

        edge.wait_for(draining)
        edge.process.send_signal(signal.SIGINT)
        assert edge.process.wait(timeout=15) == 0


def test_hangup_reloads_every_worker(start):
    edge = start(workers=2)
    edge.file.write_text("second")
    edge.process.send_signal(signal.SIGHUP)
    both(edge, '"second"')


def test_a_bad_file_is_refused_and_a_good_one_is_noticed(start):
    edge = start()
    edge.file.write_text("bad")
    edge.wait_for(lambda: edge.state()["refused"])
    assert edge.get("/content").body == b'"first"'
    edge.file.write_text("second")
    edge.wait_for(lambda: edge.get("/content").body == b'"second"')


def both(edge, content: str) -> None:
    """Wait until twenty answers in a row, spread over the workers by the kernel, hold the new content."""

    def all_new():
        return all(edge.get("/content").body.decode() == content for _ in range(20))

    edge.wait_for(all_new)


def test_a_worker_that_dies_is_replaced(start):
    edge = start()
    children = edge.workers()
    os.kill(children[0], signal.SIGKILL)

    def answered():
        try:
            return edge.workers() != children and edge.get("/").status == 200
        except OSError:
            return False

    edge.wait_for(answered)


def test_workers_leave_when_their_parent_is_gone(start):
    edge = start(workers=2)
    children = edge.workers()
    edge.process.kill()
    edge.process.wait()
    edge.wait_for(lambda: not any(alive(child) for child in children))


def test_a_pid_file_names_the_parent_while_it_serves(start):
    edge = start()
    assert edge.parent == edge.process.pid
    edge.process.terminate()
    assert edge.process.wait(timeout=15) == 0
    assert [file.name for file in edge.file.parent.iterdir() if "pid" in file.name] == []


def test_the_other_kind_of_address(start):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    edge = start(host="::1", workers=2)
    assert edge.address.startswith("http://[::1]:")
    assert edge.get("/").status == 200


def waits_to_run(process: int) -> bool:
    return "\nState:\tT" in Path(f"/proc/{process}/status").read_text()


def test_a_connection_that_waits_outlives_the_worker(start_native):
    """Not on Granian, whose workers bring the sockets with them that they take away when they die."""
    edge = start_native()
    (worker,) = edge.workers()
    os.kill(worker, signal.SIGSTOP)
    edge.wait_for(lambda: waits_to_run(worker))
    with edge.connect() as client:
        client.sendall(b"GET /content HTTP/1.1\r\nhost: t\r\n\r\n")
        os.kill(worker, signal.SIGKILL)
        assert read_answer(client).body == b'"first"'
    assert f"worker 1 (process {worker}) died of SIGKILL" in edge.log


def test_a_worker_that_cannot_start_stops_the_parent(start_native):
    """Not on Granian, which has a rule of its own."""
    with pytest.raises(AssertionError, match="did not start") as failure:
        start_native(content="bad", workers=2)
    assert "a worker cannot serve: the file is bad" in str(failure.value)
    assert "for the 5th time within 10 seconds of its start" in str(failure.value)


def test_workers_that_die_of_their_start_stop_what_served_before(start_native):
    """Not on Granian, which has a rule of its own."""
    edge = start_native(workers=2)
    edge.file.write_text("bad")
    with edge.connect() as streaming:
        streaming.sendall(b"GET /stream-until/over HTTP/1.1\r\nhost: t\r\n\r\n")
        answer, rest = read_head(streaming)
        (other,) = set(edge.workers()) - {int(answer.headers["x-worker"])}
        os.kill(other, signal.SIGKILL)
        edge.wait_for(lambda: "for the 5th time" in edge.log)
        edge.file.with_name("over").touch()  # the drain lets it finish
        while not rest.endswith(b"0\r\n\r\n"):
            rest += receive(streaming)
    assert edge.process.wait(timeout=15) == 4
