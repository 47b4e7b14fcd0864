"""How many requests may be under way at once: who waits for a place, who gets it, and who is sent away."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.contract.edge.edge_client import EDGES, EdgeProcess, read_answer, read_head
from tests.contract.harness import eventually


@pytest.fixture(params=EDGES)
def edge(request, tmp_path):
    process = EdgeProcess(request.param, tmp_path / "file", content="narrow")
    yield process
    process.stop()


@pytest.fixture(params=EDGES)
def impatient(request, tmp_path):
    process = EdgeProcess(request.param, tmp_path / "file", content="impatient")
    yield process
    process.stop()


@contextmanager
def taken(edge: EdgeProcess, *names: str) -> Iterator[None]:
    """Streams that take a place each until there is a file of their name."""
    with ExitStack() as stack:
        for name in names:
            client = stack.enter_context(edge.connect())
            client.sendall(b"GET /stream-until/%b HTTP/1.1\r\nhost: t\r\n\r\n" % name.encode())
            assert read_head(client)[0].status == 200
        yield


def leave(edge: EdgeProcess, name: str) -> None:
    edge.file.with_name(name).touch()


def under_way(edge: EdgeProcess, count: int) -> None:
    """Wait until so many requests are under way or wait, beside the one that asks."""
    eventually(lambda: json.loads(edge.get("/state").body)["load"] == count + 1, f"{count} are under way")


def ask(client, path: bytes = b"/content", more: bytes = b"") -> None:
    client.sendall(b"GET %b HTTP/1.1\r\nhost: t\r\n%b\r\n" % (path, more))


def test_who_finds_no_place_waits_and_who_finds_no_room_to_wait_is_sent_away(edge):
    with taken(edge, "one", "two"), edge.connect() as third, edge.connect() as fourth:
        ask(third)
        under_way(edge, 3)
        ask(fourth)
        refused = read_answer(fourth)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert json.loads(refused.body)["error"]["type"] == "overloaded_error"
        leave(edge, "one")
        assert read_answer(third).status == 200
        ask(fourth)
        assert read_answer(fourth).status == 200, "the connection and its place are of use again"


def test_health_and_the_like_need_no_place(edge):
    with taken(edge, "one", "two"):
        assert edge.get("/").status == 200


@pytest.mark.parametrize("edge", ["native"], indirect=True)
def test_who_leaves_the_line_makes_room_in_it(edge):
    """On the native edge: Granian says so only to whom reads, and the line is over within a second or so."""
    with taken(edge, "one", "two"):
        with edge.connect() as third:
            ask(third)
            under_way(edge, 3)
        under_way(edge, 2)
        with edge.connect() as fourth:
            ask(fourth)
            under_way(edge, 3)
            leave(edge, "two")
            assert read_answer(fourth).status == 200


def test_a_place_is_given_on_by_who_is_refused_and_by_who_fails(edge):
    with taken(edge, "one"), edge.connect() as client:
        for path, status in ((b"/fail", 500), (b"/nothing", 500), (b"/none", 404), (b"/content", 200)) * 3:
            ask(client, path)
            assert read_answer(client).status == status
        for _ in range(3):
            client.sendall(b"POST /locked HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\nab")
            assert read_answer(client).status == 401


def test_who_waits_in_vain_is_told_so_and_has_no_place(impatient):
    with taken(impatient, "one"), impatient.connect() as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\nab")
        answer = read_answer(client)
        assert (answer.status, json.loads(answer.body)["error"]["type"]) == (503, "overloaded_error")
        leave(impatient, "one")
        under_way(impatient, 0)
        client.sendall(b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\n\r\nab")
        assert read_answer(client).body == b"ab"
        assert json.loads(impatient.get("/state").body)["handled"] == ["/echo"]


def reload(edge: EdgeProcess, content: str) -> None:
    edge.file.write_text(content)
    edge.process.send_signal(signal.SIGHUP)


def test_a_reload_changes_how_many_places_there_are(edge):
    with taken(edge, "one", "two"), edge.connect() as third:
        ask(third)
        under_way(edge, 3)
        reload(edge, "wide")  # as many as come
        assert read_answer(third).status == 200, "who waits has a place at once"
        with taken(edge, "three"):
            reload(edge, "impatient")  # one, which the first two had before
            eventually(lambda: edge.get("/content").status == 503, "there are fewer")
            leave(edge, "one")
            under_way(edge, 2)
            assert edge.get("/content").status == 503, "the other still has it"
            leave(edge, "two")
            under_way(edge, 1)
            assert edge.get("/content").status == 200, "who came while any might has none"
            leave(edge, "three")
