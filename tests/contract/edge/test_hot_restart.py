"""SIGUSR2 on the native edge: another process takes the listening sockets over, and nobody notices."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from tests.contract.edge.edge_client import (
    EdgeProcess,
    alive,
    certified,
    dechunk,
    read_answer,
    read_head,
    receive,
    starting,
)

ASK = b"GET /content HTTP/1.1\r\nhost: t\r\n"
KEEP, CLOSE = ASK + b"\r\n", ASK + b"connection: close\r\n\r\n"


@pytest.fixture
def start(tmp_path):
    """The native edge alone: Granian opens its sockets in its workers, where nobody can inherit them."""
    with starting("native", tmp_path) as begin:
        yield begin


def restart(edge: EdgeProcess) -> tuple[int, int]:
    """Restart and wait until the old process accepts no more; returns the old one and the new one."""
    old = edge.parent
    os.kill(old, signal.SIGUSR2)
    edge.wait_for(lambda: edge.parent != old, 30)
    edge.wait_for(lambda: all(edge.state()["parent"] != old for _ in range(20)))
    return old, edge.parent


def gone(edge: EdgeProcess, process: int) -> Callable[[], bool]:
    return lambda: edge.process.poll() is not None if process == edge.process.pid else not alive(process)


class Load:
    """Asks without a pause, over new connections and over kept ones."""

    def __init__(self, edge: EdgeProcess) -> None:
        self.edge = edge
        self.wrong: list[str] = []
        self.answered = [0] * 4
        self._over = threading.Event()

    def work(self, number: int) -> None:
        ask = self.over_new_connections if number % 2 else self.over_kept_connections
        while not self._over.is_set():
            try:
                ask(number)
            except OSError as error:
                self.wrong.append(f"{ask.__name__}: {error!r}")
                return

    def over_new_connections(self, number: int) -> None:
        with self.edge.connect() as client:
            self.ask(number, client, CLOSE)

    def over_kept_connections(self, number: int) -> None:
        with self.edge.connect() as client:
            while not self._over.is_set():
                if self.ask(number, client, KEEP) == "close":
                    return

    def ask(self, number, client, request) -> str | None:
        client.sendall(request)
        answer = read_answer(client)
        if (answer.status, answer.body) != (200, b'"first"'):
            self.wrong.append(str(answer))
        self.answered[number] += 1
        return answer.headers.get("connection")

    def goes_on(self) -> bool:
        """Wait until everybody was answered some more."""
        before = list(self.answered)
        self.edge.wait_for(
            lambda: self.wrong or all(now > then + 5 for now, then in zip(self.answered, before, strict=True))
        )
        return not self.wrong

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.work, args=(number,)) for number in range(len(self.answered))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()


class Stream:
    """A stream that goes on until the test lets it end."""

    def __init__(self, edge: EdgeProcess, name: str) -> None:
        self._end = edge.file.with_name(name)
        self.client = edge.connect()
        self.client.sendall(f"GET /stream-until/{name} HTTP/1.1\r\nhost: t\r\n\r\n".encode())
        self.answer, self._data = read_head(self.client)

    def finish(self) -> list[str]:
        """Let it end; returns its events."""
        self._end.touch()
        with closing(self.client):
            while not self._data.endswith(b"0\r\n\r\n"):
                self._data += receive(self.client)
        return dechunk(self._data).decode().split("\n\n")[:-1]


def is_whole(events: list[str]) -> bool:
    return events == [*(f"data: {number}" for number in range(len(events) - 1)), "data: [DONE]"]


def test_three_restarts_under_load_lose_nothing(start):
    edge = start(workers=2)
    load = Load(edge)
    parents = [edge.parent]
    streams = []
    with load.running():
        for number in range(3):
            streams.append(Stream(edge, f"end{number}"))
            assert load.goes_on(), load.wrong
            parents.append(restart(edge)[1])
            assert load.goes_on(), load.wrong
        assert all(alive(parent) for parent in parents)  # each old one has a stream to finish
        for stream in streams:
            assert is_whole(stream.finish())
        for parent in parents[:-1]:
            edge.wait_for(gone(edge, parent))
        assert load.goes_on(), load.wrong
    assert load.wrong == []
    assert edge.process.returncode == 0


def test_connections_that_nobody_accepted_yet_are_taken_over(start):
    edge = start(workers=1)
    (worker,) = edge.workers()
    os.kill(worker, signal.SIGSTOP)  # whoever connects from now on stays in the queue
    clients = [edge.connect() for _ in range(20)]
    for client in clients:
        client.sendall(KEEP)
    _, new = restart(edge)
    assert [read_answer(client).body for client in clients] == [b'"first"'] * 20
    for client in clients:
        client.close()
    assert edge.state()["parent"] == new
    os.kill(worker, signal.SIGCONT)
    edge.wait_for(gone(edge, edge.process.pid))


@pytest.mark.parametrize("numbers", [(1, 3, 2, 1), (3, 1, 2)], ids=str)
def test_the_number_of_workers_may_change(start, numbers):
    edge = start(workers=numbers[0])
    load = Load(edge)
    with load.running():
        for workers in numbers[1:]:
            edge.configure(workers=workers)
            old, new = restart(edge)
            edge.wait_for(gone(edge, old))
            assert len(edge.workers(new)) == workers
            # every socket that ever listened still has somebody who accepts from it
            assert [edge.get("/content").status for _ in range(40)] == [200] * 40
            assert load.goes_on(), load.wrong
    assert load.wrong == []


def test_an_old_worker_answers_what_still_comes_and_says_goodbye(start):
    edge = start()
    with edge.connect() as kept:
        kept.sendall(b"GET /slow/1 HTTP/1.1\r\nhost: t\r\n\r\n")
        assert "connection" not in read_answer(kept).headers
        stream = Stream(edge, "end")
        kept.sendall(b"GET /state HTTP/1.1\r\n")  # a worker that retires closes what was idle for a while
        old, new = restart(edge)
        kept.sendall(b"host: t\r\n\r\n")
        answer = read_answer(kept)
        assert f'"parent":{old}'.encode() in answer.body
        edge.wait_for(lambda: edge.state()["parent"] == new)
    assert is_whole(stream.finish())
    edge.wait_for(gone(edge, old))


def test_idle_connections_do_not_keep_an_old_process(start):
    edge = start()
    with edge.connect() as fresh, edge.connect() as used:
        used.sendall(KEEP)
        read_answer(used)
        old, _ = restart(edge)
        edge.wait_for(gone(edge, old))
        assert (fresh.recv(1), used.recv(1)) == (b"", b"")


def test_the_grace_period_ends_a_retirement(start):
    edge = start(grace=0.2)
    stream = Stream(edge, "end")
    old, _ = restart(edge)
    edge.wait_for(gone(edge, old))
    with pytest.raises(ConnectionError):
        stream.finish()


def test_a_new_process_whose_workers_fail_changes_nothing(start):
    edge = start(workers=2)
    load = Load(edge)
    with load.running():
        edge.file.write_text("bad")
        old = edge.parent
        os.kill(old, signal.SIGUSR2)
        edge.wait_for(lambda: "no restart, and this process goes on" in edge.log, 30)
        assert load.goes_on(), load.wrong
        assert edge.parent == old
        edge.file.write_text("first")
        _, new = restart(edge)
        edge.wait_for(gone(edge, old))
    assert load.wrong == []
    assert "the file is bad" in edge.log
    assert "left with exit code 4 before it served" in edge.log
    assert edge.state()["parent"] == new


def test_a_new_process_that_fails_at_once_changes_nothing(start):
    edge = start()
    edge.configure(workers="many")
    os.kill(edge.parent, signal.SIGUSR2)
    edge.wait_for(lambda: "left with exit code 1 before it served" in edge.log)
    edge.configure()
    old, new = restart(edge)
    edge.wait_for(gone(edge, old))
    assert edge.state()["parent"] == new


@contextmanager
def held_successor(edge: EdgeProcess) -> Iterator[int]:
    """A restart of which one worker starts only when the context ends; gives the new process."""
    workers = edge.workers()
    edge.file.with_name("hold").touch()
    held = edge.file.with_name("held")
    os.kill(edge.parent, signal.SIGUSR2)
    edge.wait_for(held.exists)
    (new,) = set(edge.workers()) - set(workers)
    yield new
    held.unlink()


def test_no_connection_is_accepted_before_all_workers_can_serve(start):
    edge = start(workers=2)
    with held_successor(edge) as new:

        def one_started():
            return any(edge.file.with_name(f"started-{worker}").exists() for worker in edge.workers(new))

        edge.wait_for(one_started)
        assert {edge.state()["parent"] for _ in range(300)} == {edge.process.pid}
        os.kill(edge.parent, signal.SIGUSR2)
        edge.wait_for(lambda: "being replaced already" in edge.log)
    edge.wait_for(lambda: edge.parent == new)
    edge.wait_for(gone(edge, edge.process.pid))


def test_a_reload_reaches_a_successor_that_cannot_hear_it_yet(start):
    edge = start()
    with held_successor(edge):
        before = edge.state()["reloads"]
        edge.process.send_signal(signal.SIGHUP)
        edge.wait_for(lambda: edge.state()["reloads"] > before)
    edge.wait_for(gone(edge, edge.process.pid))
    edge.wait_for(lambda: edge.state()["reloads"])


def test_a_process_that_is_told_to_stop_takes_its_unready_successor_along(start):
    edge = start()
    with held_successor(edge) as new:
        edge.process.terminate()
        assert edge.process.wait(timeout=15) == 0
    edge.wait_for(gone(edge, new))
    assert not edge.pid_file.exists()


def test_signals_to_the_old_process_reach_the_new_one(start):
    edge = start()
    stream = Stream(edge, "end")
    old, new = restart(edge)
    before = edge.state()["reloads"]
    os.kill(old, signal.SIGHUP)
    edge.wait_for(lambda: edge.state()["reloads"] > before)
    os.kill(old, signal.SIGUSR2)
    edge.wait_for(lambda: edge.parent not in (old, new))
    assert is_whole(stream.finish())


def test_the_successor_stops_as_its_predecessor_would(start):
    edge = start(workers=2)
    _, new = restart(edge)
    stream = Stream(edge, "end")
    os.kill(new, signal.SIGTERM)
    edge.wait_for(lambda: edge.get("/content").status == 503)
    assert is_whole(stream.finish())
    edge.wait_for(gone(edge, new))
    assert not edge.pid_file.exists()


def test_a_restart_needs_nobody_who_reads_what_is_printed(start):
    edge = start()
    edge.process.stdout.close()
    edge.process.stdout = None
    old, new = restart(edge)
    edge.wait_for(gone(edge, old))
    assert "nobody reads that this process serves" in edge.log
    assert edge.state()["parent"] == new


def test_granian_says_that_it_cannot(tmp_path):
    with starting("granian", tmp_path) as begin:
        edge = begin()
        os.kill(edge.process.pid, signal.SIGUSR2)
        edge.wait_for(lambda: "a hot restart needs --edge native" in edge.log)
        assert edge.get("/content").status == 200


def test_a_handshake_under_way_is_finished(start, tmp_path):
    edge = start(**certified(tmp_path))
    with edge.connect_plainly() as early, edge.connect() as other:
        other.sendall(KEEP)  # it came later, so the worker has accepted the early one, too
        read_answer(other)
        old, _ = restart(edge)
        with edge.secure(early) as client:
            client.sendall(b"GET /state HTTP/1.1\r\nhost: t\r\n\r\n")
            assert f'"parent":{old}'.encode() in read_answer(client).body
    edge.wait_for(gone(edge, old))
