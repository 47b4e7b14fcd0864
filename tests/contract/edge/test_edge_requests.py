"""Requests, whole answers and refusals through the real edge."""

import json

import pytest
from tests.contract.edge.edge_client import EDGES, EdgeProcess, read_answer, read_head
from tests.contract.harness import eventually

POST = b"POST /echo HTTP/1.1\r\nhost: t\r\n"


@pytest.fixture(scope="module", params=EDGES)
def edge(request, tmp_path_factory):
    process = EdgeProcess(request.param, tmp_path_factory.mktemp("edge") / "file")
    yield process
    process.stop()


def test_a_connection_serves_many_requests(edge):
    with edge.connect() as client:
        for number in range(5):
            body = b"x" * number
            client.sendall(POST + b"content-length: %d\r\n\r\n" % len(body) + body)
            answer = read_answer(client)
            assert (answer.status, answer.body) == (200, body)
        client.sendall(POST + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert read_answer(client).body == b"abcde"


def test_pipelined_requests_are_answered_in_order(edge):
    with edge.connect() as client:
        client.sendall(
            b"GET /slow/30 HTTP/1.1\r\nhost: t\r\n\r\n"
            + POST
            + b"content-length: 3\r\n\r\nabcHEAD / HTTP/1.1\r\nhost: t\r\n\r\n"
        )
        data = b""
        while data.count(b"HTTP/1.1 200") < 3 or not data.endswith(b"\r\n\r\n"):
            data += client.recv(65536)
        assert data.index(b'"slept"') < data.index(b"abc")


def test_a_body_in_many_pieces_arrives_whole(edge):
    body = bytes(range(256)) * 350
    with edge.connect() as client:
        client.sendall(POST + b"content-length: %d\r\n\r\n" % len(body))
        for at in range(0, len(body), 9000):
            client.sendall(body[at : at + 9000])
        assert read_answer(client).body == body


def test_a_body_that_comes_before_its_sender_is_known_is_not_handled(edge):
    with edge.connect() as client:
        client.sendall(b"POST /locked HTTP/1.1\r\nhost: t\r\nauthorization: in doubt\r\ncontent-length: 6\r\n\r\n")
        assert edge.get("/doubt").status == 200, "the head was judged before there was a body"
        client.sendall(b"secret")
        assert edge.get("/tell").status == 200
        assert read_answer(client).status == 401
    assert "/locked" not in json.loads(edge.get("/state").body)["handled"]


LOCKED = b"POST /locked HTTP/1.1\r\nhost: t\r\nauthorization: by the body\r\n"


@pytest.mark.parametrize("size", [4, 5_000, 90_000])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("more", [b"", b"x-early: yes\r\n"])
def test_whose_body_opens_is_let_in_with_all_of_it(edge, size, chunked, more):
    body = b"open" + b"x" * (size - 4)
    for piece in (size, 4_000, 1):
        with edge.connect() as client:
            if chunked:
                client.sendall(LOCKED + more + b"transfer-encoding: chunked\r\n\r\n")
                for part in (body[:piece], body[piece:]):
                    client.sendall(b"%x\r\n%b\r\n" % (len(part), part) if part else b"")
                client.sendall(b"0\r\n\r\n")
            else:
                client.sendall(LOCKED + more + b"content-length: %d\r\n\r\n" % size)
                client.sendall(body[:piece])
                client.sendall(body[piece:])
            answer = read_answer(client)
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["x-who"] == ("early" if more else f"whoever sent {size} bytes")


def test_whose_body_does_not_open_is_refused_and_may_go_on(edge):
    with edge.connect() as client:
        for body, status in ((b"shut", 401), (b"open", 200), (b"", 401), (b"open", 200)):
            client.sendall(LOCKED + b"content-length: %d\r\n\r\n%b" % (len(body), body))
            assert read_answer(client).status == status


def test_a_body_that_is_read_ahead_keeps_to_the_limits(edge):
    with edge.connect() as client:
        client.sendall(LOCKED + b"content-length: 100001\r\n\r\n")
        assert read_answer(client).status == 413
    with edge.connect() as client:
        client.sendall(LOCKED + b"content-length: 5\r\n\r\nop")
        assert read_answer(client).status == 408


def test_a_large_body_is_shown_where_memory_has_room_for_it(edge):
    for size, status in ((90_000, 200), (200_000, 413)):
        with edge.connect() as client:
            head = b"POST /upload HTTP/1.1\r\nhost: t\r\nauthorization: by the body\r\n"
            client.sendall(head + b"content-length: %d\r\n\r\n" % size + b"open" * (size // 4))
            answer = read_answer(client)
            assert answer.status == status
            if status == 200:
                assert (answer.body, answer.headers["x-who"]) == (b"90000 0", "whoever sent 90000 bytes")


def test_a_client_that_leaves_while_its_body_is_awaited_is_forgotten(edge):
    alone = json.loads(edge.get("/state").body)["load"]
    with edge.connect() as client:
        client.sendall(LOCKED + b"content-length: 50\r\n\r\nopen")
    eventually(lambda: json.loads(edge.get("/state").body)["load"] == alone, "nobody is left but who asks")


def test_head_is_get_without_a_body(edge):
    with edge.connect() as client:
        client.sendall(b"HEAD / HTTP/1.1\r\nhost: t\r\n\r\n")
        head = read_answer(client, head=True)
        assert (head.status, head.headers["content-length"], head.body) == (200, "15", b"")
        client.sendall(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n")
        assert read_answer(client).body == b'{"status":"ok"}'


def test_unknown_paths_and_methods(edge):
    missing = edge.get("/nowhere")
    assert (missing.status, json.loads(missing.body)) == (404, {"detail": "Not Found"})
    wrong = edge.get("/echo")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert json.loads(wrong.body) == {"detail": "Method Not Allowed"}


def test_every_answer_carries_the_security_headers(edge):
    for path in ("/", "/nowhere", "/fail"):
        headers = edge.get(path).headers
        assert headers["vary"] == "Origin"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost: t\r\nx: " + b"a" * 66_000 + b"\r\n\r\n", 431),
        (b"GET /?" + b"a" * 17_000 + b" HTTP/1.1\r\nhost: t\r\n\r\n", 414),
        (b"GET /a%2f..%2fstate HTTP/1.1\r\nhost: t\r\n\r\n", 404),
        (b"GET //state HTTP/1.1\r\nhost: t\r\n\r\n", 404),
        (b"GET /state/ HTTP/1.1\r\nhost: t\r\n\r\n", 200),
        (POST + b"content-length: 100001\r\n\r\n", 413),
        (POST + b"content-length: 9000000000000000000\r\n\r\n", 413),
        (POST + b"transfer-encoding: chunked\r\n\r\n1a000\r\n" + b"x" * 0x1A000 + b"\r\n0\r\n\r\n", 413),
        (POST + b"transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400),
    ],
)
def test_what_is_refused(edge, raw, status):
    answer = edge.exchange(raw)
    assert answer.status == status
    if status >= 400 and status != 404:
        assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"


def test_a_refused_key_never_waits_for_the_body(edge):
    before = edge.state()["handled"].count("/locked")
    with edge.connect() as client:
        client.sendall(b"POST /locked HTTP/1.1\r\nhost: t\r\ncontent-length: 50\r\n\r\n")
        answer = read_answer(client)
    assert answer.status == 401
    assert json.loads(answer.body)["error"] == {
        "message": "send a key",
        "type": "auth_error",
        "param": None,
        "code": "401",
    }
    assert edge.state()["handled"].count("/locked") == before


@pytest.mark.parametrize(("key", "who"), [(b"Bearer sk-right", "somebody"), (b"later", "late")])
def test_the_identity_reaches_the_handler(edge, key, who):
    raw = b"POST /locked HTTP/1.1\r\nhost: t\r\nauthorization: " + key + b"\r\ncontent-length: 2\r\n\r\nhi"
    answer = edge.exchange(raw)
    assert (answer.status, answer.headers["x-who"], answer.body) == (200, who, b"hi")


def test_a_cut_body_never_reaches_the_handler(edge):
    before = edge.state()["handled"].count("/echo")
    for framing in (b"content-length: 10\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n5\r\nabc"):
        with edge.connect() as client:
            client.sendall(POST + framing)
    edge.wait_for(lambda: edge.state()["load"] == 1)  # the asking itself
    assert edge.state()["handled"].count("/echo") == before


def test_a_body_that_stops_arriving_times_out(edge):
    with edge.connect() as client:
        client.sendall(POST + b"content-length: 10\r\n\r\nabc")
        answer = read_answer(client)
    assert answer.status == 408


def test_a_failing_handler_says_nothing_of_itself(edge):
    for path in ("/fail", "/nothing"):
        answer = edge.get(path)
        assert answer.status == 500
        assert json.loads(answer.body) == {
            "error": {"message": "Internal server error", "type": "internal_server_error"}
        }
        assert len(answer.headers["x-tianji-call-id"]) == 32
        assert answer.headers["x-litellm-call-id"] == answer.headers["x-tianji-call-id"]


def test_an_answer_that_fails_in_the_middle_is_cut(edge):
    with edge.connect() as client:
        client.sendall(b"GET /cut HTTP/1.1\r\nhost: t\r\n\r\n")
        answer, rest = read_head(client)
        while piece := client.recv(65536):
            rest += piece
    assert answer.status == 200
    assert b"half" in rest
    assert not rest.endswith(b"0\r\n\r\n")


def test_cross_origin_requests(edge):
    simple = edge.exchange(b"GET / HTTP/1.1\r\nhost: t\r\norigin: https://a.example\r\n\r\n")
    assert (simple.status, simple.headers["access-control-allow-origin"]) == (200, "*")
    preflight = edge.exchange(
        b"OPTIONS /echo HTTP/1.1\r\nhost: t\r\norigin: https://a.example\r\naccess-control-request-method: POST\r\n"
        b"access-control-request-headers: authorization\r\n\r\n"
    )
    assert (preflight.status, preflight.headers["access-control-allow-headers"]) == (200, "authorization")
    assert "POST" in preflight.headers["access-control-allow-methods"]


def test_an_upgrade_that_no_route_takes(edge):
    """It is ignored, as RFC 9110 section 7.8 allows."""
    answer = edge.exchange(
        b"GET / HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert answer.status == 200
