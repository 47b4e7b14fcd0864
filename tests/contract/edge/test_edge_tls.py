"""TLS in front of the edges, and the protocol agreed on."""

import pytest
from tests.contract.edge.edge_client import EDGES, certified, read_answer, starting

SPOKEN = {"granian": "h2", "native": "http/1.1"}


@pytest.mark.parametrize("edge", EDGES)
def test_requests_over_tls(edge, tmp_path):
    with starting(edge, tmp_path) as start, start(**certified(tmp_path)).connect() as client:
        body = b"x" * 50_000
        client.sendall(b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert read_answer(client).body == body


@pytest.mark.parametrize("edge", EDGES)
def test_the_protocol_is_the_best_that_the_edge_speaks(edge, tmp_path):
    with starting(edge, tmp_path) as start:
        server = start(**certified(tmp_path, "h2", "http/1.1"))
        with server.connect() as client:
            assert client.selected_alpn_protocol() == SPOKEN[edge]
