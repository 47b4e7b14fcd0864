"""TLS and HTTP/2 in front of the same edge."""

import ssl
import sys
from pathlib import Path

import pytest
import trustme

sys.path.insert(0, str(Path(__file__).parent))
from edge_client import EdgeProcess, read_answer


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def edge(tmp_path, authority):
    made = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    process = EdgeProcess(tmp_path / "file", certificate=str(certificate), private_key=str(key))
    yield process
    process.stop()


def test_requests_over_tls(edge, authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with edge.connect() as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
        body = b"x" * 50_000
        client.sendall(b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert read_answer(client).body == body
