"""Hashes and signatures that are made here are those of the standard library."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.sealing import Seal, digest_of

SIZES = st.sampled_from([0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 4096, 16 * 1024 - 1, 16 * 1024]) | st.integers(0, 300)


@pytest.mark.parametrize("plain", [False, True])
@given(size=SIZES, byte=st.integers(0, 255))
def test_digests(plain: bool, size: int, byte: int) -> None:
    text = bytes((byte + at) % 256 for at in range(size))
    assert digest_of(text, plain=plain).decode() == hashlib.sha256(text).hexdigest()


@given(st.binary(max_size=150), st.binary(max_size=80), st.binary(max_size=64), st.binary(max_size=200))
def test_signatures(before: bytes, place: bytes, key: bytes, body: bytes) -> None:
    seal = Seal(before, b"\nafter\n", place, key, b"Signature=", ((b"x", b"y"),))
    for moment in (b"20150830T123600Z", b"20150830T235959Z"):
        canonical = before + moment + b"\nafter\n" + hashlib.sha256(body).hexdigest().encode()
        text = b"\n".join((b"AWS4-HMAC-SHA256", moment, place, hashlib.sha256(canonical).hexdigest().encode()))
        expected = b"Signature=" + hmac.digest(key, text, "sha256").hex().encode()
        assert seal.authorization(moment, body) == expected
    assert seal.added == ((b"x", b"y"),)


def test_a_key_of_more_than_a_block() -> None:
    with pytest.raises(ValueError, match="one block"):
        Seal(b"", b"", b"", b"k" * 65, b"", ())
