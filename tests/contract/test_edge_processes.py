"""The process tree: drain, reload, workers that die, a parent that dies."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from edge_client import EdgeProcess, read_answer, read_head, receive


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(**options):
        running.append(EdgeProcess(tmp_path / f"file{len(running)}", **options))
        return running[-1]

    yield begin
    for edge in running:
        if edge.process.poll() is None:
            edge.process.kill()
        edge.process.communicate()


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
        for child in worker_ids(edge):  # as a service manager does
            os.kill(child, signal.SIGTERM)
        edge.process.send_signal(signal.SIGTERM)
        while not rest.endswith(b"0\r\n\r\n"):
            rest += receive(streaming)
        assert b"[DONE]" in rest
    assert edge.process.wait(timeout=10) == 0
    assert "Unexpected" not in edge.process.stderr.read()


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
    children = worker_ids(edge)
    os.kill(children[0], signal.SIGKILL)

    def answered():
        try:
            return worker_ids(edge) != children and edge.get("/").status == 200
        except OSError:
            return False

    edge.wait_for(answered)


def test_workers_leave_when_their_parent_is_gone(start):
    edge = start(workers=2)
    children = worker_ids(edge)
    edge.process.kill()
    edge.process.wait()
    edge.wait_for(lambda: not any(alive(child) for child in children))


def worker_ids(edge) -> list[int]:
    threads = Path(f"/proc/{edge.process.pid}/task").iterdir()
    return sorted(int(child) for thread in threads for child in (thread / "children").read_text().split())


def alive(process_id: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except FileNotFoundError:
        return False
