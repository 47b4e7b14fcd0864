"""Certificates that serve, and those that do not."""

import ssl

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tianji.edge.options import ServeOptions
from tianji.edge.processes.tls import server_context
from tianji.errors import ConfigurationError


@pytest.fixture
def files(tmp_path):
    made = trustme.CA().issue_cert("localhost")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    return certificate, key


def test_without_a_certificate_there_is_no_tls():
    assert server_context(ServeOptions()) is None


def test_nothing_older_than_tls_1_2(files):
    context = server_context(ServeOptions(certificate=files[0], private_key=files[1]))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_what_does_not_serve_is_told_with_its_name(files, tmp_path):
    certificate, key = files
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)
    for first, second in ((certificate, other), (key, certificate), (tmp_path / "none", key)):
        with pytest.raises(ConfigurationError) as refused:
            server_context(ServeOptions(certificate=first, private_key=second))
        assert str(first) in refused.value.message
        assert str(second) in refused.value.message


def test_a_key_behind_a_password_is_refused_without_asking_the_terminal(files, tmp_path):
    certificate, key = files
    locked = tmp_path / "locked.pem"
    lock = serialization.BestAvailableEncryption(b"a password")
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(serialization.load_pem_private_key(key.read_bytes(), None).private_bytes(*form, lock))
    with pytest.raises(ConfigurationError, match="unencrypted key"):
        server_context(ServeOptions(certificate=certificate, private_key=locked))
